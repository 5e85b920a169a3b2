"""Features that need no network: gradient histograms and colour, for frames whose texture a small model has never
seen."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

CELL_PX = 4
"""A feature stands for so many px of the picture it is taken of, whose shorter side is about 240 px."""
_BINS = 8
_BLUR_CELLS = 0.6
_LIGHT, _CHROMA = 1 / 100, 1 / 40
"""Weights of Lab (0-100, about +-128) beside the histogram, whose bins are square roots of shares."""
_FAINT = 2.0
"""Gradient, grey levels a pixel, below which a cell has hardly a direction."""


def classical_features(pictures: np.ndarray) -> Tensor:
    """Histograms of gradients (Dalal and Triggs 2005, soft bins, no blocks) and mean Lab of every cell.

    Args:
        pictures: [M, H, W, 3] uint8 RGB.

    Returns:
        [M, 11, ceil(H / 4), ceil(W / 4)] fp32.
    """
    return torch.from_numpy(np.stack([_features_of(picture) for picture in pictures]))


def _features_of(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    rows, columns = -(-height // CELL_PX), -(-width // CELL_PX)
    padded = cv2.copyMakeBorder(
        picture, 0, rows * CELL_PX - height, 0, columns * CELL_PX - width, cv2.BORDER_REPLICATE
    )  # fmt: skip
    lab = cv2.cvtColor(padded.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    light = lab[..., 0] * 2.55
    across, down = (cv2.Sobel(light, cv2.CV_32F, *axis, ksize=1) / 2 for axis in ((1, 0), (0, 1)))
    size = np.hypot(across, down)
    place = (np.arctan2(down, across) % (2 * np.pi)) / (2 * np.pi) * _BINS
    low = np.floor(place).astype(int) % _BINS
    share = place - np.floor(place)
    bins = np.zeros((*size.shape, _BINS), np.float32)
    np.put_along_axis(bins, low[..., None], (size * (1 - share))[..., None], -1)
    upper = np.zeros_like(bins)
    np.put_along_axis(upper, ((low + 1) % _BINS)[..., None], (size * share)[..., None], -1)
    cells = _pooled(bins + upper, rows, columns)
    cells = np.stack([cv2.GaussianBlur(cells[..., k], (0, 0), _BLUR_CELLS) for k in range(_BINS)], -1)
    shares = np.sqrt(cells / (cells.sum(-1, keepdims=True) + _FAINT))
    colour = _pooled(lab, rows, columns) * [_LIGHT, _CHROMA, _CHROMA]
    return np.concatenate([shares, colour], -1).transpose(2, 0, 1).astype(np.float32)


def _pooled(values: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Means over cells: [rows, columns, C]."""
    return np.asarray(values.reshape(rows, CELL_PX, columns, CELL_PX, -1).mean((1, 3)))
