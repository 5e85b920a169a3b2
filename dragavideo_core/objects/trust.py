"""How far a carried mask is to be trusted, frame by frame."""

from __future__ import annotations

import numpy as np

from .carry import CarriedMask

_AGREE, _AREA, _MOVING = 0.85, 0.35, -0.5
"""A mask is doubted that agrees less with what the flow alone gave, has less than this share of the key frame's area
(or so many times more), or moves less than these."""
_DOUBTED = 0.5
_STEPS = 16
"""Frames from the key frame beyond which a mask is less and less sure."""
_LEAST = 0.3


def confidence(carried: CarriedMask, key_area: int, steps: int) -> float:
    """0-1 for one frame: 1 where nothing speaks against the mask, 0 where there is none.

    Args:
        key_area: px of the key frame's mask.
        steps: frames from the key frame.
    """
    mask, warped = carried.mask, carried.warped
    area = int(mask.sum())
    if not area or not key_area:
        return 0.0
    agree = int((mask & warped).sum()) / int((mask | warped).sum())
    still = carried.motion is not None and float(np.median(carried.motion[mask])) < _MOVING
    doubted = agree < _AGREE or still or not _AREA < area / key_area < 1 / _AREA
    far = max(_LEAST, 1.0 - max(0, steps - _STEPS) / (2 * _STEPS))
    return far * (_DOUBTED if doubted else 1.0)
