"""Masks made whole: what hangs together, holes filled, discs, signed distances."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np


def connected_to(mask: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """The pieces of mask and seeds [H, W] bool that hold a seed."""
    joined = mask | seeds
    _, labels = cv2.connectedComponents(joined.astype(np.uint8), connectivity=8)
    return np.isin(labels, np.unique(labels[seeds])) & joined


def filled(mask: np.ndarray, largest: float) -> np.ndarray:
    """A mask with its holes filled, but for those of more than `largest` px."""
    outside = np.pad(~mask, 1, constant_values=True).astype(np.uint8)
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(outside, connectivity=4)
    open_air = np.zeros(count, bool)
    open_air[labels[0, 0]] = True
    open_air |= statistics[:, cv2.CC_STAT_AREA] > largest
    open_air[0] = False  # that is the mask itself
    return np.asarray(~open_air[labels[1:-1, 1:-1]])


def large_pieces(mask: np.ndarray, share: float) -> np.ndarray:
    """The pieces of a mask that have at least a share of the largest one's area."""
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count <= 2:
        return mask
    areas = statistics[1:, cv2.CC_STAT_AREA]
    return np.isin(labels, np.nonzero(areas > share * areas.max())[0] + 1)


def discs(shape: tuple[int, int], points: Iterable[tuple[float, float]], radius: float) -> np.ndarray:
    """[H, W] bool: within `radius` px of a point (x, y)."""
    canvas = np.zeros(shape, np.uint8)
    for x, y in points:
        cv2.circle(canvas, (round(x), round(y)), int(radius), 1, -1)
        row, column = np.clip(round(y), 0, shape[0] - 1), np.clip(round(x), 0, shape[1] - 1)
        canvas[row, column] = 1  # a point just beside the frame still counts
    return canvas > 0


def away_from(mask: np.ndarray) -> np.ndarray:
    """[H, W] float32 px to the nearest pixel of a mask; 1000 where it is empty."""
    if not mask.any():
        return np.full(mask.shape, 1e3, np.float32)
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3))


def signed_distance(mask: np.ndarray) -> np.ndarray:
    """[H, W] px to the mask's edge, positive inside."""
    return away_from(~mask) - away_from(mask)
