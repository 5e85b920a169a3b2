"""A graph cut with any unary term, solved by OpenCV's GrabCut with its models frozen.

`cv2.grabCut` builds its colour models itself, but in the mode GC_EVAL_FREEZE_MODEL it takes them as they are given.
So the picture it sees has the lightness and the main axis of chroma, which make its edges, and as third channel the
log odds of every pixel; one Gaussian a side looks at that channel alone.
"""

from __future__ import annotations

import cv2
import numpy as np

_LEVELS = 12
"""The log odds are quantised to so many steps: more would make edges of their own."""
_CHROMA = 1.6
_BLIND = 1e8
"""Variance of the channels that the models shall not see."""


def graph_cut(
    lab: np.ndarray, odds: np.ndarray, on: np.ndarray, off: np.ndarray, strength: float, limit: float
) -> np.ndarray:
    """The cheapest cut: object where the log odds say so, along the picture's edges.

    Args:
        lab: [H, W, 3] float32, OpenCV's 8-bit Lab.
        odds: [H, W] log odds of object, cut off at +-`limit`.
        on, off: [H, W] bool, certainly object, certainly not.
        strength: of the log odds against the edges, whose weight cannot be set; below 4 thin parts are eaten.

    Returns:
        [H, W] bool.
    """
    height, width = odds.shape
    rows, columns = np.nonzero(~off)
    if not len(rows) or not (on.any() or (odds > 0).any()):
        return on.copy()
    box = (
        slice(max(0, rows.min() - 2), min(height, rows.max() + 3)),
        slice(max(0, columns.min() - 2), min(width, columns.max() + 3)),
    )
    part = lab[box]
    chroma = part[..., 1:] - part[..., 1:].reshape(-1, 2).mean(0)
    axis = np.linalg.eigh(chroma.reshape(-1, 2).T @ chroma.reshape(-1, 2))[1][:, -1]
    level = np.clip((odds[box] / limit + 1) / 2, 0, 1) * _LEVELS
    seen = np.stack([part[..., 0], 128 + _CHROMA * (chroma @ axis), np.round(level)], -1)
    labels = np.where(level > _LEVELS / 2, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[off[box]] = cv2.GC_BGD
    labels[on[box]] = cv2.GC_FGD
    variance = _LEVELS**2 / (2 * limit * strength)
    models = _gaussian(0.0, variance), _gaussian(float(_LEVELS), variance)
    picture = np.ascontiguousarray(np.clip(seen, 0, 255).astype(np.uint8))
    cv2.grabCut(picture, labels, (0, 0, 1, 1), *models, 1, cv2.GC_EVAL_FREEZE_MODEL)
    out = np.zeros((height, width), bool)
    out[box] = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    return out


def _gaussian(mean: float, variance: float) -> np.ndarray:
    """GrabCut's model [1, 65] of five components, of which the first has all weight and sees the third channel."""
    model = np.zeros(65)
    model[0] = 1
    model[5:8] = [128, 128, mean]
    model[20:29] = np.diag([_BLIND, _BLIND, variance]).ravel()
    return model[None]
