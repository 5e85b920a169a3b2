"""Log odds of colours: blurred histograms of Lab, over the whole picture or over a coarse grid of places."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter

_STEP = np.array([12.0, 6.0, 6.0])
"""Size of a bin in L, a, b (OpenCV's 8-bit Lab)."""
_BLUR_PLACE = _BLUR_COLOUR = 0.8
"""Of the histogram, bins."""


def lab_of(rgb: np.ndarray) -> np.ndarray:
    """[..., H, W, 3] uint8 RGB as float32 Lab on OpenCV's 8-bit scale."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)).astype(np.float32)


def global_odds(
    lab: np.ndarray, on: np.ndarray, off: np.ndarray, query: np.ndarray | None = None, doubt: float = 5e-4
) -> np.ndarray:
    """Log odds [H, W] of each colour of `query` by how often it is among pixels on and off.

    Args:
        lab: [H, W, 3], the picture that is learnt from; also what is asked for where `query` is None.
        on, off: [H, W] weights; both count the same in all.
        doubt: share of a colour below which nothing is known of it.
    """
    bins = _Bins.of(lab, None)
    inside, outside = bins.histogram(lab, on), bins.histogram(lab, off)
    at = bins.index(lab if query is None else query)
    share_on, share_off = inside / max(1e-6, float(on.sum())), outside / max(1e-6, float(off.sum()))
    return np.asarray(np.log((share_on[at] + doubt) / (share_off[at] + doubt)), np.float32)


def local_odds(
    lab: np.ndarray,
    on: np.ndarray,
    off: np.ndarray,
    cell: float,
    doubt: float,
    query: np.ndarray | None = None,
    places: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """The same by colours near the same place: counts in px, on a grid of `cell` px.

    Args:
        doubt: count in px below which nothing is known.
        places: (x, y) [H, W], where each pixel of `lab` lies in `query`.
    """
    bins = _Bins.of(lab, cell)
    inside, outside = bins.histogram(lab, on, places), bins.histogram(lab, off, places)
    at = bins.index(lab if query is None else query)
    return np.asarray(np.log((inside[at] + doubt) / (outside[at] + doubt)), np.float32)


class _Bins:
    """Bins over (y, x, L, a, b); one place where there is no cell."""

    def __init__(self, low: np.ndarray, count: np.ndarray, places: tuple[int, int], cell: float | None) -> None:
        self.low, self.count, self.places, self.cell = low, count, places, cell

    @classmethod
    def of(cls, lab: np.ndarray, cell: float | None) -> _Bins:
        """Bins that hold the colours of a picture."""
        colours = lab.reshape(-1, 3)
        low, high = np.percentile(colours, 0.5, axis=0), np.percentile(colours, 99.5, axis=0)
        count = np.maximum(2, np.ceil((high - low) / _STEP).astype(int) + 1)
        grid = (1, 1) if cell is None else tuple(int(np.ceil(side / cell)) + 1 for side in lab.shape[:2])
        return cls(low, count, (grid[0], grid[1]), cell)

    def index(self, lab: np.ndarray, places: tuple[np.ndarray, np.ndarray] | None = None) -> np.ndarray:
        """[H, W] number of each pixel's bin."""
        colour = np.clip(np.round((lab - self.low) / _STEP).astype(np.int32), 0, self.count - 1)
        row = column = np.int32(0)
        if self.cell is not None:
            y, x = np.mgrid[: lab.shape[0], : lab.shape[1]] if places is None else places[::-1]
            row = np.clip(np.round(y / self.cell).astype(np.int32), 0, self.places[0] - 1)
            column = np.clip(np.round(x / self.cell).astype(np.int32), 0, self.places[1] - 1)
        place = row * self.places[1] + column
        flat = (place * self.count[0] + colour[..., 0]) * self.count[1] + colour[..., 1]
        return np.asarray(flat * self.count[2] + colour[..., 2])

    def histogram(
        self, lab: np.ndarray, weights: np.ndarray, places: tuple[np.ndarray, np.ndarray] | None = None
    ) -> np.ndarray:
        """Blurred counts of all bins, flat."""
        shape = (*self.places, *self.count)
        counts = np.bincount(self.index(lab, places).ravel(), weights.ravel().astype(float), int(np.prod(shape)))
        sigma = (*((0.0 if n == 1 else _BLUR_PLACE) for n in self.places), *(_BLUR_COLOUR,) * 3)
        blurred = gaussian_filter(counts.astype(np.float32).reshape(shape), sigma, mode="constant", truncate=2.0)
        return np.asarray(blurred).ravel()
