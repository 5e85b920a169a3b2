"""Small tools for masks and fields, OpenCV throughout: discs, growth, nearest values, smooth steps."""

from __future__ import annotations

import cv2
import numpy as np


def disc(radius: int) -> np.ndarray:
    """A round kernel [2 r + 1, 2 r + 1] uint8."""
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)))


def grown(mask: np.ndarray, radius: int) -> np.ndarray:
    """A mask [H, W] bool with everything within `radius` px of it."""
    return cv2.dilate(mask.astype(np.uint8), disc(radius)) > 0


def shrunk(mask: np.ndarray, radius: int) -> np.ndarray:
    """What lies deeper in a mask [H, W] bool than `radius` px; the frame's border is no edge."""
    return cv2.erode(mask.astype(np.uint8), disc(radius)) > 0


def closed(mask: np.ndarray, radius: int) -> np.ndarray:
    """A mask [H, W] bool with gaps of up to twice the radius closed."""
    padded = np.pad(mask, radius + 1).astype(np.uint8)
    shut = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, disc(radius))
    return np.asarray(shut[radius + 1 : -radius - 1, radius + 1 : -radius - 1] > 0)


def depth_of(mask: np.ndarray) -> np.ndarray:
    """[H, W] distance of each pixel of a mask to the nearest pixel outside it, the frame's border being outside."""
    return np.asarray(cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1])


def distance_to(mask: np.ndarray) -> np.ndarray:
    """[H, W] distance of each pixel to the nearest pixel of a mask; far away where it is empty."""
    if not mask.any():
        return np.full(mask.shape, 1e6, np.float32)
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5))


def component_at(mask: np.ndarray, row: int, column: int) -> np.ndarray:
    """The connected piece of a mask that holds a pixel of it, [H, W] bool."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return np.asarray(labels == labels[row, column])


def nearest_index(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(rows, columns), each [H, W]: the pixel of a non-empty mask nearest to every pixel."""
    kind = cv2.DIST_LABEL_PIXEL
    _, labels = cv2.distanceTransformWithLabels((~mask).astype(np.uint8), cv2.DIST_L2, 5, labelType=kind)
    rows, columns = np.nonzero(mask)
    order = np.zeros(int(labels.max()) + 1, int)
    order[labels[rows, columns]] = np.arange(len(rows))
    chosen = order[labels]
    return rows[chosen], columns[chosen]


def spread_from(mask: np.ndarray, values: np.ndarray) -> np.ndarray:
    """`values` [H, W, ...] where the mask is set, elsewhere those of the nearest pixel of it."""
    return values[nearest_index(mask)] if mask.any() else values


def smooth_step(x: np.ndarray) -> np.ndarray:
    """0 below 0, 1 above 1, 3 x^2 - 2 x^3 between."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)
