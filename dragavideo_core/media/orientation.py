"""How decoded pixels lie in the picture that is shown: pixels that are not square, turned and mirrored films."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import cv2
import numpy as np

_FIXED = 1 << 16
"""Display matrices are fixed-point numbers."""
_WIDEST = 8
"""A pixel more than this many times as wide as high, or the other way round, is a mistake in the file."""
Pixels = np.ndarray[Any, Any]


def shown(pixels: Pixels, frame: Any, aspect: Fraction | None) -> Pixels:
    """Decoded pixels [H, W, C] as a player shows them: made square first, then mirrored and turned.

    Args:
        frame: the PyAV frame that they come from.
        aspect: width of a pixel / its height; None where the file does not say.
    """
    return np.ascontiguousarray(_turned(_square(pixels, aspect), frame))


def shown_size(width: int, height: int, aspect: Fraction | None) -> tuple[int, int]:
    """(width, height) with square pixels. The longer side of the pixel is stretched, so that no detail is lost."""
    if not aspect or not Fraction(1, _WIDEST) <= aspect <= _WIDEST or abs(aspect - 1) < Fraction(1, 200):
        return width, height
    return (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))


def _square(pixels: Pixels, aspect: Fraction | None) -> Pixels:
    height, width = pixels.shape[:2]
    size = shown_size(width, height, aspect)
    return pixels if size == (width, height) else cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR)


def _turned(pixels: Pixels, frame: Any) -> Pixels:
    """Turned and mirrored by the frame's display matrix, to the nearest quarter.

    The matrix [a b; c d] takes a place (x, y) of the stored picture to (a x + c y, b x + d y) of the shown one.
    """
    matrix = _display_matrix(frame)
    if matrix is None:
        # FFmpeg's angle is counterclockwise, and so is rot90.
        return np.rot90(pixels, round(getattr(frame, "rotation", 0) / 90) % 4)
    a, b, c, d = matrix
    if abs(a) + abs(d) >= abs(b) + abs(c):
        down, right = (-1 if d < 0 else 1), (-1 if a < 0 else 1)
        return pixels[::down, ::right]
    # Rows become columns: y goes to the right by c, x goes down by b.
    down, right = (-1 if b < 0 else 1), (-1 if c < 0 else 1)
    return pixels.swapaxes(0, 1)[::down, ::right]


def _display_matrix(frame: Any) -> tuple[float, float, float, float] | None:
    """a, b, c, d of a frame's display matrix, if it has one that does anything."""
    try:
        numbers = np.frombuffer(bytes(frame.side_data["DISPLAYMATRIX"]), np.int32)
    except (KeyError, AttributeError, TypeError):
        return None
    if numbers.size < 9:
        return None
    a, b, c, d = (float(numbers[place]) / _FIXED for place in (0, 1, 3, 4))
    return (a, b, c, d) if a * d - b * c else None
