"""A small mask enlarged to the source: along its edge, each pixel goes to the side whose colours near by it has."""

from __future__ import annotations

import cv2
import numpy as np

from .tidy import signed_distance

_BAND, _SIDE = 1.5, 6.0
"""In px of the small mask: the edge may be off by the first, colours are learnt within the second."""
_PULL = 0.25
"""Weight of the enlarged edge against the colours, which decide where they differ."""


def enlarged(mask: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """A mask [h, w] bool at the size of `picture` [H, W, 3] float32 0-1."""
    height, width = picture.shape[:2]
    scale = height / mask.shape[0]
    if not mask.any() or scale <= 1.0:
        return cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA) >= 0.5
    distance = cv2.resize(signed_distance(mask), (width, height), interpolation=cv2.INTER_LINEAR)
    rough = distance > 0
    if scale < 1.25:
        return rough
    rows, columns = np.nonzero(np.abs(distance) < _SIDE)
    if not len(rows):
        return rough
    margin = int(2 * _SIDE * scale) + 1
    box = (
        slice(max(0, rows.min() - margin), rows.max() + margin),
        slice(max(0, columns.min() - margin), columns.max() + margin),
    )
    part, near = picture[box], distance[box]
    size = 2 * int(_SIDE * scale) + 1

    def mean_of(side: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        weight = side.astype(np.float32)
        total = cv2.boxFilter(part * weight[..., None], -1, (size, size), normalize=False)
        count = cv2.boxFilter(weight, -1, (size, size), normalize=False)
        return total / np.maximum(count, 1e-3)[..., None], count

    within, inner = mean_of((near > _BAND) & (near < 2 * _SIDE))
    without, outer = mean_of((near < -_BAND) & (near > -2 * _SIDE))
    to_inner, to_outer = (np.linalg.norm(part - mean, axis=-1) for mean in (within, without))
    apart = np.linalg.norm(within - without, axis=-1)
    known = (inner > 4) & (outer > 4)
    vote = np.where(known, (to_outer - to_inner) / (apart + 0.1), 0)
    vote = cv2.GaussianBlur(vote.astype(np.float32), (0, 0), 0.7)
    out = rough.copy()
    out[box] = np.where(np.abs(near) < _BAND, vote + _PULL * near / _BAND > 0, near > 0)
    return out
