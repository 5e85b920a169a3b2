"""Small pictures of every frame between the taken ones: what moves is far easier to follow in small steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

SHORTER_SIDE = 240
"""Of a strip's pictures, px; smaller frames keep their size."""
_MOST_PX = SHORTER_SIDE * 2 * SHORTER_SIDE
"""Pixels of one of them, which long and narrow frames would have more of."""
MOST = 600
"""A strip has about so many pictures at most, 240 MB at 16:9; of longer stretches it leaves frames out."""


@dataclass(frozen=True, eq=False)
class Strip:
    """The file's frames from the first taken one to the last, small.

    Attributes:
        pictures: [M, h, w, 3] uint8, in the file's order.
        taken: position in `pictures` of each of the clip's N frames, ascending; the first is 0, the last M - 1.
    """

    pictures: Tensor
    taken: tuple[int, ...]


def strip_indices(indices: Sequence[int]) -> range:
    """Which frames of a file belong into the strip of the frames `indices` that are taken of it, evenly apart."""
    if len(indices) < 2:
        return range(indices[0], indices[0] + 1)
    every = indices[1] - indices[0]
    between = max(1, MOST // len(indices))
    step = next(k for k in range(math.ceil(every / between), every + 1) if every % k == 0)
    return range(indices[0], indices[-1] + 1, step)


def strip_of(pictures: Sequence[Tensor], wanted: range, indices: Sequence[int]) -> Strip:
    """The strip of small pictures [h, w, 3] uint8 of the frames `wanted`, of which the frames `indices` are taken."""
    return Strip(torch.stack(list(pictures)), tuple((index - wanted.start) // wanted.step for index in indices))


def small_picture(picture: Tensor) -> Tensor:
    """A frame [H, W, 3] float 0-1 as uint8 [h, w, 3], its shorter side at most `SHORTER_SIDE` px."""
    height, width = picture.shape[:2]
    pixels, size = picture.detach().cpu().float().numpy(), small_size(width, height)
    if size != (width, height):
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return torch.from_numpy(np.rint(pixels.clip(0, 1) * 255).astype(np.uint8))


def scaled_pictures(pictures: Tensor, shorter_side: int) -> np.ndarray:
    """A strip's pictures [M, h, w, 3] uint8 with that shorter side, px, enlarged if need be."""
    pixels: np.ndarray = pictures.numpy()
    height, width = pixels.shape[1:3]
    share = shorter_side / min(height, width)
    size = (max(2, round(width * share)), max(2, round(height * share)))
    if size == (width, height):
        return pixels
    kind = cv2.INTER_AREA if share < 1 else cv2.INTER_CUBIC
    return np.stack([cv2.resize(picture, size, interpolation=kind) for picture in pixels])


def small_size(width: int, height: int) -> tuple[int, int]:
    """(width, height) of the small picture of a frame."""
    share = min(1.0, SHORTER_SIDE / min(height, width), (_MOST_PX / (height * width)) ** 0.5)
    return max(1, round(width * share)), max(1, round(height * share))
