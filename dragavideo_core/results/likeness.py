"""How much rather a colour is the object's than its surroundings', learnt from one crop of the source.

It stands in for a segmentation of the result, which nobody has.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage

_BINS = (24, 64, 64)
_LEAST_PIXELS = 12
_AROUND = np.ones((3, 3), np.uint8)

Likeness = tuple[np.ndarray, np.ndarray]
"""[h, w] each, 0-1, of source and result; one half for colours that are nowhere in the source."""


def likeness(source: np.ndarray, result: np.ndarray, dragged: np.ndarray | None) -> Likeness | None:
    """The likeness of source and result.

    Args:
        source, result: [h, w, 3] Lab / 100.
        dragged: [h, w] 0-1, the object's pixels in the source.

    Returns:
        None where nobody knows the object, or it or its surroundings are next to nothing.
    """
    if dragged is None:
        return None
    own = (dragged > 0.5).astype(np.uint8)
    shares = []
    for mask in (own, 1 - own):
        core = cv2.erode(mask, _AROUND) > 0
        core = core if core.sum() >= _LEAST_PIXELS else mask > 0
        if core.sum() < _LEAST_PIXELS:
            return None
        counts = np.zeros(_BINS, np.float32)
        np.add.at(counts, tuple(_bins(source)[core].T), 1)
        counts = ndimage.gaussian_filter(counts, 1.0, truncate=3)
        shares.append(counts / counts.sum() + 1e-7)
    table = shares[0] / (shares[0] + shares[1])
    before, after = (table[tuple(np.moveaxis(_bins(picture), -1, 0))] for picture in (source, result))
    return before, after


def _bins(picture: np.ndarray) -> np.ndarray:
    low, span = np.array([0.0, -1.28, -1.28], np.float32), np.array([1.0, 2.56, 2.56], np.float32)
    at = (picture - low) / span * np.array(_BINS, np.float32)
    return np.clip(at.astype(int), 0, np.array(_BINS) - 1)
