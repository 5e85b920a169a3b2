"""The moved part as a layer: its matte, its colours without the background's, and the background behind it."""

from __future__ import annotations

import cv2
import numpy as np

from ..media.shapes import grown, shrunk, spread_from

_BAND = 1
"""Pixels this near to the mask's edge, px, may be mixed of object and background."""
_BLUR = 0.6
_DISTINCT = 0.15
"""Colours farther apart than this, 0-1, tell how they are mixed; nearer ones do not, and a blurred mask stands in."""
_FILL_MARGIN, _FILL_RADIUS = 24, 4


def matte(picture: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(opacity [H, W] 0-1, colours [H, W, 3] free of background) of an object in a picture [H, W, 3] float 0-1.

    Along the edge, opacity is where the colour lies between the nearest sure colours within and without.
    """
    inner, outer = shrunk(mask, _BAND), ~grown(mask, _BAND)
    thin = mask & ~grown(inner, _BAND + 1)
    within = spread_from(inner | thin, picture)
    without = spread_from(outer, picture)
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), _BLUR)
    step = within - without
    apart = (step**2).sum(-1)
    mixed = np.clip(((picture - without) * step).sum(-1) / np.maximum(apart, 1e-6), 0, 1)
    trust = apart / (apart + _DISTINCT**2)
    opacity = np.where(inner, 1, np.where(outer, 0, trust * mixed + (1 - trust) * soft)).astype(np.float32)
    thick = np.maximum(opacity, 0.3)[..., None]
    unmixed = np.clip((picture - (1 - opacity[..., None]) * without) / thick, 0, 1) * 0.5 + 0.5 * within
    sure = (opacity > 0.95) | inner
    colours = np.where(sure[..., None], picture, np.where((opacity > 0.6)[..., None], unmixed, within))
    return opacity, colours.astype(np.float32)


def filled(picture: np.ndarray, hole: np.ndarray, avoided: np.ndarray) -> np.ndarray:
    """A picture [H, W, 3] float 0-1 with `hole` [H, W] drawn from what is neither hole nor `avoided` (Telea 2004)."""
    rows, columns = np.nonzero(hole)
    if not len(rows):
        return picture
    box = (
        slice(max(int(rows.min()) - _FILL_MARGIN, 0), int(rows.max()) + _FILL_MARGIN),
        slice(max(int(columns.min()) - _FILL_MARGIN, 0), int(columns.max()) + _FILL_MARGIN),
    )
    levels = np.ascontiguousarray((np.clip(picture[box], 0, 1) * 255).round().astype(np.uint8))
    unknown = np.ascontiguousarray((hole | avoided)[box].astype(np.uint8))
    drawn = cv2.inpaint(levels, unknown, _FILL_RADIUS, cv2.INPAINT_TELEA).astype(np.float32) / 255
    out = picture.copy()
    out[box] = np.where(hole[box][..., None], drawn, picture[box])
    return out
