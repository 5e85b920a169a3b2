"""The known answer of a rendered clip: the clip with its parts where they were dragged to, and where to look for them.

Points and frames are in px of the source clip; lengths in px of a picture 128 px wide.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.detector import detect
from training.renderer import edit_mask, part_labels, part_positions, part_visible, render_clip
from training.scene import PARTS, UNIT_SIZE, PartEdit, Scene

_FOUND = 0.5
"""Confidence below which the detector has not found a part."""
_NEAR = 0.12
"""A part is looked for within this share of the frame's width round its way."""
_JUDGED_PX = 2.0
"""px at 128 that the detector may be off in the true edit; where it is further off, it judges nobody. It is held
against the truth alone, before anything has been edited."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What should come of a rendered case, in source px; N frames, P pairs."""

    frames: Tensor
    """[N, H, W, 3]: the true edited clip."""
    inside: Tensor
    """[N, H, W] bool: where it differs from the source clip, and a little round it."""
    starts: Tensor
    """[N, P, 2]: the dragged parts' tips before the drag."""
    ways: Tensor
    """[P, 2]: how far each has to go, in every frame."""
    seen: Tensor
    """[N, P] bool: the tip is to be seen both before and after."""
    judged: Tensor
    """[N, P] bool: and the detector finds it in the true edit; only there does it judge others."""
    objects: Tensor
    """[N, H, W] bool: the creature's pixels."""
    parts: tuple[str, ...]
    """[P] names of the dragged parts."""
    tips: Tensor
    """[N, T, 2]: tips of all the scene's parts."""
    tips_seen: Tensor
    """[N, T] bool."""


def truth_of(scene: Scene, edits: tuple[PartEdit, ...]) -> Truth:
    """What should come of a scene whose parts are moved so."""
    scale, parts = scene.size / UNIT_SIZE, tuple(edit.part for edit in edits)
    frames = range(scene.frames)
    tips = [part_positions(scene, frame) for frame in frames]
    margin = math.ceil(4 * scale)
    edited = frames_of(scene, edits)
    starts = torch.tensor([[place[part] for part in parts] for place in tips])
    ways = torch.tensor([[edit.dx * scale, edit.dy * scale] for edit in edits])
    seen = torch.tensor([[both_visible(scene, frame, part, edits) for part in parts] for frame in frames])
    at, sure = find_parts(edited, parts, starts, ways)
    right = (at - starts - ways).norm(dim=-1) <= _JUDGED_PX * scale
    return Truth(
        frames=edited,
        inside=torch.from_numpy(np.stack([edit_mask(scene, frame, edits, margin) for frame in frames])),
        starts=starts,
        ways=ways,
        seen=seen,
        judged=seen & sure & right,
        objects=torch.from_numpy(np.stack([part_labels(scene, frame) > 0 for frame in frames])),
        parts=parts,
        tips=torch.tensor([[place[part] for part in PARTS] for place in tips]),
        tips_seen=torch.tensor([[part_visible(scene, frame, part) for part in PARTS] for frame in frames]),
    )


def find_parts(frames: Tensor, parts: Sequence[str], starts: Tensor, ways: Tensor) -> tuple[Tensor, Tensor]:
    """Where the detector finds dragged parts.

    Args:
        frames: [N, H, W, 3], 0-1.
        parts: P names.
        starts, ways: [N, P, 2] and [P, 2] px: it looks round the way from there alone, as a second animal has parts,
            too.

    Returns:
        positions [N, P, 2], px, and whether it is sure of them, [N, P] bool.
    """
    near = {
        part: ((starts[:, p] + ways[p] / 2).numpy(), float(ways[p].norm() / 2) + _NEAR * frames.shape[2])
        for p, part in enumerate(parts)
    }
    places = detect(frames, near=near)
    at = torch.stack([torch.from_numpy(np.asarray(places[part][0])).float() for part in parts], 1)
    confidence = torch.stack([torch.from_numpy(np.asarray(places[part][1])) for part in parts], 1)
    return at, confidence >= _FOUND


def both_visible(scene: Scene, frame: int, part: str, edits: tuple[PartEdit, ...]) -> bool:
    """Whether the tip of a part is to be seen in a frame both before and after the edits."""
    return part_visible(scene, frame, part) and part_visible(scene, frame, part, edits)


def frames_of(scene: Scene, edits: tuple[PartEdit, ...] | None) -> Tensor:
    """[N, H, W, 3], 0-1: the scene drawn, edited or not."""
    return torch.from_numpy(render_clip(scene, edits)).float() / 255
