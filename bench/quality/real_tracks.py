"""Points followed on real clips, held against joints that people have marked (BADJA's, for instance)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dragavideo_core.media.clip import load_clip, strip_of_clip
from dragavideo_core.media.strip import scaled_pictures
from dragavideo_core.propagation.classical_tracks import follow_points
from dragavideo_core.propagation.visibility import bridged

SPANS = ((0, 3, 12), (12, 3, 9), (0, 2, 18))
"""(first frame, every, at most) of the stretches that are followed, each from its first marked frame."""
_SIDE = 240


def measure_tracks(folder: Path) -> dict[str, float]:
    """Shares over all joints to be seen, in clips `NAME/frames` with `NAME/joints.json` below a folder.

    Returns:
        tracks_5, tracks_2: within 5 and 2 % of the frame's width; visible: called visible; visible_right: of these,
        within 5 %. Empty where no clip has joints.
    """
    found = [row for clip in sorted(folder.iterdir()) if (clip / "joints.json").is_file() for row in _followed(clip)]
    if not found:
        return {}
    error, visible = np.array([row[0] for row in found]), np.array([row[1] for row in found], bool)
    return {
        "tracks_5": round(float((error <= 0.05).mean()), 3),
        "tracks_2": round(float((error <= 0.02).mean()), 3),
        "visible": round(float(visible.mean()), 3),
        "visible_right": round(float((error[visible] <= 0.05).mean()), 3) if visible.any() else 0.0,
    }


def _followed(clip: Path) -> Iterator[tuple[float, bool]]:
    """(error as a share of the width, whether it was called visible) of every joint to be seen."""
    marks: dict[str, Any] = json.loads((clip / "joints.json").read_text(encoding="utf-8"))
    joints = {int(frame): value for frame, value in marks.items()}
    for start, every, limit in SPANS:
        taken = load_clip(clip / "frames", size=128, every=every, limit=limit, start=start)
        marked = [frame for frame in sorted(joints) if frame in taken.frame_indices]
        if len(marked) < 2:
            continue
        places, seen = _places(joints[marked[0]])
        used = np.nonzero(seen)[0]
        pictures = scaled_pictures(strip_of_clip(taken).pictures, _SIDE)
        width, height = taken.geometry.source_size
        scale = np.array([pictures.shape[2] / width, pictures.shape[1] / height])
        points = torch.from_numpy((places[used] + 0.5) * scale - 0.5)
        tracks = bridged(follow_points(pictures, marked[0] - start, points))
        for frame in marked[1:]:
            true, shown = _places(joints[frame])
            at = (tracks.positions[frame - start].numpy() + 0.5) / scale - 0.5
            for k, joint in enumerate(used):
                if shown[joint]:
                    yield float(np.hypot(*(at[k] - true[joint]))) / width, bool(tracks.visible[frame - start, k])


def _places(value: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """(positions [J, 2] px, which of them are to be seen); 0, 0 stands for a joint that nobody marked."""
    places = np.array(value["xy"], float)
    return places, np.array(value["visible"], bool) & (places.sum(1) > 0)
