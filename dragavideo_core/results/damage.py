"""What a drag may have broken: signs read off the source's and the result's pixels round one drag.

Lengths are px of a picture 128 px on its shorter side.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from .likeness import Likeness
from .part_match import Crop

_PATCH = 5.0
_CHANGED, _BROKEN = 0.05, 0.08
"""Differences in Lab / 100 that count as a change, and as one of the background."""
_NEAR = 2.5
_STRANGE = 0.55
"""Likeness below which a pixel is not the object's; colours that were nowhere before have one half."""
_LEVELS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_SMALL_MOVE = 3.0
_AROUND = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class Signs:
    """Of one drag in one frame."""

    moved: float
    """How much the handle's place has changed, 1 being what a small move of the part would change; 0 an untouched
    place."""
    background: float = 0.0
    """Area of background that shows something else than before which is not the object, in lengths of the drag by one
    px."""
    joined: float = 1.0
    """Highest likeness to the object, 0-1, over which the target's surroundings are joined with the rest of it."""
    joined_before: float = 1.0
    """The same of the handle in the source."""
    inside: bool = False
    """Handle and target lie deep in the object."""


def signs_of(crop: Crop, alike: Likeness | None) -> Signs:
    """All signs; without an object's mask only whether something has changed."""
    moved = _moved(crop)
    if alike is None or crop.dragged is None:
        return Signs(moved)
    before, after = alike
    difference = np.abs(crop.before - crop.after).max(-1)
    touched = cv2.dilate((difference > _CHANGED).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    own = crop.dragged > 0.5
    grown = cv2.dilate(own.astype(np.uint8), _AROUND) > 0
    strange = (~grown & (difference > _BROKEN) & (after < _STRANGE)).astype(np.uint8)
    strange = cv2.morphologyEx(strange, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    background = float(strange.sum()) / max(crop.length * crop.unit, 1e-6)
    body = own & ~touched
    joined, joined_before = 1.0, 1.0
    if body.sum() > 5:
        joined = _joined(np.where(grown | touched, after, 0), crop.target, body, _NEAR * crop.unit)
        joined_before = _joined(np.where(grown, before, 0), crop.handle, body, _NEAR * crop.unit)
    return Signs(moved, background, joined, joined_before, _inside(crop, own))


def _moved(crop: Crop) -> float:
    rows, columns = np.mgrid[: crop.before.shape[0], : crop.before.shape[1]]
    spread = 0.6 * max(3, round(_PATCH * crop.unit))
    weight = np.exp(-0.5 * ((columns - crop.handle[0]) ** 2 + (rows - crop.handle[1]) ** 2) / spread**2)
    length = max(crop.length, 1e-6)
    step = min(length, _SMALL_MOVE * crop.unit) / length * (crop.target - crop.handle)
    matrix = np.array([[1, 0, step[0]], [0, 1, step[1]]], np.float32)
    size = (crop.before.shape[1], crop.before.shape[0])
    away = cv2.warpAffine(crop.before, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    change, expected = (
        float((weight * np.square(crop.before - other).sum(-1)).sum() / weight.sum()) for other in (crop.after, away)
    )
    return change / (expected + 1e-5)


def _joined(likeness: np.ndarray, place: np.ndarray, body: np.ndarray, radius: float) -> float:
    rows, columns = np.mgrid[: likeness.shape[0], : likeness.shape[1]]
    near = np.hypot(columns - place[0], rows - place[1]) <= radius
    reached = 0.0
    for level in _LEVELS:
        alike = likeness >= level
        parts, _ = ndimage.label(alike, np.ones((3, 3)))
        if not np.intersect1d(parts[near & alike], parts[body & alike]).size:
            break
        reached = level
    return reached


def _inside(crop: Crop, own: np.ndarray) -> bool:
    """Whether a disc of half the drag's length (at least 4 px) round handle and target is all object."""
    depth = cv2.distanceTransform(np.pad(own, 1, mode="edge").astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    least = max(0.5 * crop.length, 4 * crop.unit)
    for place in (crop.handle, crop.target):
        column, row = np.clip(np.rint(place).astype(int), 0, np.array(own.shape[::-1]) - 1)
        if depth[row, column] < least:
            return False
    return True
