"""Marks on a canvas [H, W, 3] uint8 that is drawn on in place: dots, squares, arrows and words. Plain OpenCV."""

from __future__ import annotations

import cv2
import numpy as np

Rgb = tuple[int, int, int]
OUTLINE_RGB: Rgb = (255, 255, 255)
INK_RGB: Rgb = (40, 40, 40)

SHIFT = 4  # fractional bits of OpenCV's fixed-point coordinates
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def marker_radius(canvas: np.ndarray) -> float:
    """Radius of a main marker in px."""
    return max(3.0, max(canvas.shape[:2]) / 90)


def fixed_point(point: np.ndarray) -> tuple[int, int] | None:
    """A point in OpenCV's fixed-point form; None when it cannot be drawn (NaN, or far away)."""
    if not np.isfinite(point).all() or np.abs(point).max() > 1e5:
        return None
    x, y = np.rint(point * 2**SHIFT).astype(int)
    return int(x), int(y)


def dot(canvas: np.ndarray, point: np.ndarray, radius: float, rgb: Rgb, filled: bool = True) -> None:
    """A disc with a light rim, or a ring; nothing where the point is not finite."""
    centre = fixed_point(point)
    if centre is None:
        return
    size = round(radius * 2**SHIFT)
    if filled:
        cv2.circle(canvas, centre, size + 2**SHIFT, OUTLINE_RGB, -1, cv2.LINE_AA, SHIFT)
        cv2.circle(canvas, centre, size, rgb, -1, cv2.LINE_AA, SHIFT)
    else:
        cv2.circle(canvas, centre, size, rgb, max(1, round(radius / 4)), cv2.LINE_AA, SHIFT)


def square(canvas: np.ndarray, point: np.ndarray, radius: float, rgb: Rgb) -> None:
    """A filled square of half side `radius` with a light rim."""
    for size, colour in ((radius + 1, OUTLINE_RGB), (radius, rgb)):
        corners = fixed_point(point - size), fixed_point(point + size)
        if corners[0] and corners[1]:
            cv2.rectangle(canvas, corners[0], corners[1], colour, -1, cv2.LINE_AA, SHIFT)


def arrow(canvas: np.ndarray, start: np.ndarray, end: np.ndarray, radius: float, rgb: Rgb) -> None:
    """An arrow from start to end (px), as thick as suits markers of `radius`."""
    a, b = fixed_point(start), fixed_point(end)
    length = float(np.hypot(*(end - start)))
    if a is None or b is None or length < 1:
        return
    tip = min(0.5, 2.5 * radius / length)
    for rgb_of_line, width in ((OUTLINE_RGB, max(3, round(radius * 0.9))), (rgb, max(1, round(radius * 0.4)))):
        cv2.arrowedLine(canvas, a, b, rgb_of_line, width, cv2.LINE_AA, SHIFT, tip)


def write(
    canvas: np.ndarray, text: str, at: tuple[int, int], height: float, rgb: Rgb = INK_RGB, outlined: bool = False
) -> None:
    """Write `text` with its baseline at `at`; `height` is that of a capital with its room, in px."""
    scale = height / 30
    width = max(1, round(scale * 1.6))
    if outlined:
        cv2.putText(canvas, text, at, _FONT, scale, OUTLINE_RGB, width + 2, cv2.LINE_AA)
    cv2.putText(canvas, text, at, _FONT, scale, rgb, width, cv2.LINE_AA)
