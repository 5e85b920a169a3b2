"""Where there is no object to hold on to, or the drag lies inside one: the picture itself is drawn along, untorn.

    x' = x + smoothstep((R - |x - h|) / (R - hold)) D,   R = 1.6 |D| + 3/128 of the longer side

A smooth step over R - hold has a slope of at most 1.5 / (R - hold), which is below 1 / |D|: the map is one-to-one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..media.shapes import smooth_step
from .pose import Pose, rest_corners

_REACH = 1.6
_PIN = 3 / 128
"""What is held round a handle, and what a pin holds, as a share of the picture's longer side."""
_HOLD_SHARE = 0.2


def free_pose(
    shape: tuple[int, int], handles: Sequence[np.ndarray], targets: Sequence[np.ndarray], longer: float
) -> Pose:
    """The pose of all cells within reach of a handle; several drags at one place do not add up.

    Args:
        shape: (H, W) of the solved picture.
        handles, targets: points (x, y) in its px.
        longer: of the whole picture's sides, in its px.
    """
    rest = rest_corners(*shape)
    total, weights, highest = np.zeros(rest.shape), np.zeros(rest.shape[:2]), np.zeros(rest.shape[:2])
    free = np.zeros(shape, bool)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    for handle, target in zip(handles, targets):
        reach = reach_of(float(np.hypot(*(target - handle))), longer)
        hold = min(_PIN * longer, _HOLD_SHARE * reach)
        away = np.hypot(rest[..., 0] - handle[0], rest[..., 1] - handle[1])
        weight = smooth_step((reach - away) / (reach - hold))
        total += weight[..., None] * (target - handle)
        weights += weight
        highest = np.maximum(highest, weight)
        free |= np.hypot(columns - handle[0], rows - handle[1]) < reach
    moved = rest + total / np.maximum(weights, 1e-9)[..., None] * highest[..., None]
    return Pose(moved, free, ~free, np.ones(shape), np.zeros(shape))


def reach_of(length: float, longer: float) -> float:
    """R of a drag of `length` in a picture whose longer side is `longer`."""
    return _REACH * length + _PIN * longer
