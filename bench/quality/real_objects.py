"""Objects found and carried on real clips, held against true masks of every frame.

The handles are the drags' own and the object's extremities, at the first frame and in the middle of each clip. A click
that corrects goes where the mask that is shown is most wrong, as a person's would.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from dragavideo_core.instruction.object_hints import ObjectHints, Point
from dragavideo_core.instruction.parsing import load_instruction
from dragavideo_core.instruction.value import DragInstruction, DragPair
from dragavideo_core.media.clip import Clip, load_clip
from dragavideo_core.objects.object_masks import find_objects

_CLICKS = 3
_AROUND, _APART = 0.1, 80
"""Radius of the disc that is judged, a share of the width; extremities keep so many px from each other."""
_STEPS = 24
_MIDDLE, _NEAR = 18, 7
"""The second frame that is looked at, and how many frames to each side are there for motion."""


def measure_objects(folder: Path) -> dict[str, float]:
    """Agreement (intersection over union) with the true masks of clips `NAME/frames`, `NAME/masks`.

    Returns:
        handle_iou_median, object_iou_median: round the handle, from the handle alone and after three clicks;
        object_below_06: share of these below 0.6; carried_iou_median, carried_iou_lowest: of a true mask carried over
        24 frames, mean over the frames of each clip. Empty where there is no such clip.
    """
    clips = [path for path in sorted(folder.iterdir()) if (path / "frames").is_dir() and (path / "masks").is_dir()]
    alone, clicked, carried = [], [], []
    for path in clips:
        for first, last in _cases(path):
            alone.append(first)
            clicked.append(last)
        carried.append(_carried(path))
    if not clips:
        return {}
    return {
        "handle_iou_median": round(float(np.median(alone)), 3),
        "object_iou_median": round(float(np.median(clicked)), 3),
        "object_below_06": round(float((np.array(clicked) < 0.6).mean()), 3),
        "carried_iou_median": round(float(np.median(carried)), 3),
        "carried_iou_lowest": round(float(min(carried)), 3),
    }


def _cases(path: Path) -> Iterator[tuple[float, float]]:
    """(agreement from the handle alone, after the clicks) of each handle of a clip."""
    drags = [load_instruction(file) for file in sorted(path.glob("*-*.json"))]
    for frame in (0, _MIDDLE):
        start = max(0, frame - _NEAR)
        clip = load_clip(path / "frames", size=128, every=1, limit=frame - start + _NEAR + 1, start=start)
        truth = _truth(path, frame)
        handles = _extremities(truth)
        handles += [drag.pairs[0].handle for drag in drags if frame == 0 and drag.frame <= 2]
        for handle in handles:
            target = (handle[0] + (30 if handle[0] + 30 < truth.shape[1] else -30), handle[1])
            asked = DragInstruction((DragPair(handle, target),), frame=frame)
            found = [_agreement(_key_mask(clip, asked), truth, handle)]
            for _ in range(_CLICKS):
                mask = _key_mask(clip, asked)
                wrong = _worst(mask, truth, handle)
                if wrong is None:
                    break
                place, on = wrong
                hints = asked.hints
                more = replace(hints, on=(*hints.on, place)) if on else replace(hints, off=(*hints.off, place))
                asked = replace(asked, hints=more)
            found.append(_agreement(_key_mask(clip, asked), truth, handle))
            yield found[0], found[-1]


def _key_mask(clip: Clip, instruction: DragInstruction) -> np.ndarray:
    found = find_objects(clip, instruction)
    return found.masks[found.key_frame].numpy()


def _carried(path: Path) -> float:
    """Mean agreement of a true mask carried over 24 frames from the first."""
    clip = load_clip(path / "frames", size=128, every=1, limit=_STEPS + 1)
    centre = tuple(float(v) for v in np.argwhere(_truth(path, 0)).mean(0)[::-1])
    asked = DragInstruction((DragPair((centre[0], centre[1]), (centre[0] + 20, centre[1])),), hints=ObjectHints())
    found = find_objects(clip, asked, given=torch.from_numpy(_truth(path, 0)))
    masks = [(found.masks[n].numpy(), _truth(path, frame)) for n, frame in enumerate(clip.frame_indices) if n]
    return float(np.mean([(a & b).sum() / max(1, (a | b).sum()) for a, b in masks]))


def _truth(path: Path, frame: int) -> np.ndarray:
    files = sorted((path / "masks").glob("*.png"))
    return np.asarray(cv2.imread(str(files[frame]), cv2.IMREAD_GRAYSCALE)) > 127


def _agreement(mask: np.ndarray, truth: np.ndarray, handle: Point) -> float:
    near = _disc(mask.shape, handle, _AROUND * mask.shape[1])
    return float((mask & truth & near).sum() / max(1, ((mask | truth) & near).sum()))


def _worst(mask: np.ndarray, truth: np.ndarray, handle: Point) -> tuple[Point, bool] | None:
    """(middle of the largest error near the handle, whether it is object), None where nothing is wrong."""
    near, best = _disc(mask.shape, handle, 2 * _AROUND * mask.shape[1]), None
    for wrong, on in (((truth & ~mask) & near, True), ((mask & ~truth) & near, False)):
        depth = cv2.distanceTransform(np.pad(wrong, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
        row, column = np.unravel_index(int(depth.argmax()), depth.shape)
        if depth[row, column] > 0 and (best is None or depth[row, column] > best[0]):
            best = (float(depth[row, column]), (float(column), float(row)), on)
    return None if best is None else (best[1], best[2])


def _extremities(mask: np.ndarray, most: int = 3) -> list[Point]:
    """Up to three places on the object, a little inside its outline, far from its middle and from each other."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(outlines, key=len)[:, 0]
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3)
    found: list[Point] = []
    height, width = mask.shape
    for x, y in outline[np.argsort(-np.hypot(*(outline - outline.mean(0)).T))]:
        if not (8 <= x < width - 8 and 8 <= y < height - 8) or any(np.hypot(x - a, y - b) < _APART for a, b in found):
            continue
        inner = depth[y - 8 : y + 9, x - 8 : x + 9]
        row, column = np.unravel_index(int(inner.argmax()), inner.shape)
        found.append((float(x - 8 + column), float(y - 8 + row)))
        if len(found) == most:
            break
    return found


def _disc(shape: tuple[int, ...], centre: Point, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.hypot(columns - centre[0], rows - centre[1]) <= radius
