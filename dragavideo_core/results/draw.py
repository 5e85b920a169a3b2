"""Pictures for people: points and masks over frames, before/after sheets, curves. Plain OpenCV, no plotting library.

Frames are [N, H, W, 3] fp32, 0-1, and are never changed; every function gives a new tensor of that kind. Points are
(x, y) in px of the frames they are drawn on.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch import Tensor

from ..errors import DragAVideoError
from ..files import atomic_path
from .marks import SHIFT, Rgb, arrow, dot, fixed_point, marker_radius, square, write

if TYPE_CHECKING:
    from ..propagation.point_sets import PointSets

HANDLE_RGB: Rgb = (235, 50, 50)
TARGET_RGB: Rgb = (40, 110, 245)
CURRENT_RGB: Rgb = (250, 200, 30)
PINNED_RGB: Rgb = (30, 190, 90)
MASK_RGB: Rgb = (255, 255, 255)
_PAPER: Rgb = (250, 250, 250)
_GRID: Rgb = (215, 215, 215)

MIN_SIDE = 384


def magnification(height: int, width: int, min_side: int = MIN_SIDE) -> int:
    """The whole number of times a frame is enlarged so that its longer side has at least `min_side` px."""
    return max(1, -(-min_side // max(height, width)))


def draw_points(
    frames: Tensor,
    handles: Tensor,
    targets: Tensor,
    *,
    visible: Tensor | None = None,
    current: Tensor | None = None,
    masks: Tensor | None = None,
    pinned: Tensor | None = None,
    min_side: int = MIN_SIDE,
) -> Tensor:
    """Handles (red) with arrows to their targets (blue) on every frame.

    Args:
        frames: [N, H, W, 3].
        handles, targets: [N, P, S, 2] or [N, P, 2]. The middle point of a set carries the arrow and the number.
        visible: [N, P, S] or [N, P] bool: points that are not are drawn hollow.
        current: as `handles`: where the points are now (yellow), e.g. tracked or found after the drag.
        masks: [N, H, W] bool: the rest is darkened and the border outlined.
        pinned: [N, Q, 2]: green squares.
        min_side: small frames are enlarged by a whole factor until their longer side has this many px.

    Returns:
        [N, H*k, W*k, 3] fp32, 0-1, with k = `magnification(H, W, min_side)`.
    """
    k = magnification(frames.shape[1], frames.shape[2], min_side)
    handles, targets = _as_sets(handles), _as_sets(targets)
    current = None if current is None else _as_sets(current)
    shown = torch.ones(handles.shape[:3], dtype=torch.bool) if visible is None else visible.reshape(handles.shape[:3])
    result = []
    for n, canvas in enumerate(_canvases(frames, k)):
        if masks is not None:
            _draw_mask(canvas, masks[n].cpu().numpy().astype(np.uint8), k)
        now = None if current is None else _magnified(current[n], k)
        _draw_pairs(canvas, _magnified(handles[n], k), _magnified(targets[n], k), now, shown[n].cpu().numpy())
        for point in _magnified(pinned[n], k) if pinned is not None else ():
            square(canvas, point, marker_radius(canvas), PINNED_RGB)
        result.append(canvas)
    return _frames(np.stack(result)) if result else frames.new_zeros(0, frames.shape[1] * k, frames.shape[2] * k, 3)


def overlay(frames: Tensor, point_sets: PointSets, current: Tensor | None = None, min_side: int = MIN_SIDE) -> Tensor:
    """`draw_points` of all that propagation found; frames at source size, as the point sets are."""
    return draw_points(
        frames,
        point_sets.handles,
        point_sets.targets,
        visible=point_sets.visible,
        current=current,
        masks=point_sets.masks,
        pinned=point_sets.pinned,
        min_side=min_side,
    )


def comparison_sheet(
    rows: Sequence[tuple[str, Tensor]], columns: int = 6, cell_side: int = MIN_SIDE, frame_labels: bool = True
) -> Tensor:
    """A sheet with one labelled row per clip and up to `columns` evenly spaced frames of it.

    Args:
        rows: (label, frames [N, H_r, W_r, 3]) with one N; sizes may differ, each row is fitted to the cell's width.
        columns: frames shown at most; the first and the last are always among them.
        cell_side: longer side of a cell in px.

    Returns:
        [height, width, 3] fp32, 0-1.
    """
    counts = {len(frames) for _, frames in rows}
    if len(counts) != 1 or 0 in counts:
        raise DragAVideoError(
            f"The rows of a comparison have {sorted(counts)} frames; they must have the same number, at least one."
        )
    picked = sorted({round(i) for i in np.linspace(0, counts.pop() - 1, max(1, columns))})
    height, width = rows[0][1].shape[1:3]
    scale = cell_side / max(height, width)
    cell = (max(1, round(width * scale)), max(1, round(height * scale)))
    gap, label = max(2, cell_side // 64), max(20, cell_side // 12)
    top = label if frame_labels else gap
    sheet = np.full(
        (top + len(rows) * (label + cell[1] + gap), gap + len(picked) * (cell[0] + gap), 3), _PAPER, np.uint8
    )
    for c, n in enumerate(picked):
        left = gap + c * (cell[0] + gap)
        if frame_labels:
            write(sheet, f"frame {n + 1}", (left, int(label * 0.75)), label * 0.55)
        for r, (_, frames) in enumerate(rows):
            y = top + r * (label + cell[1] + gap) + label
            sheet[y : y + cell[1], left : left + cell[0]] = _fitted(_pixels(frames[n]), cell)
    for r, (name, _) in enumerate(rows):
        write(sheet, name, (gap, top + r * (label + cell[1] + gap) + int(label * 0.75)), label * 0.6)
    return _frames(sheet)


def drag_sheet(
    source: Tensor, reconstruction: Tensor, edited: Tensor, true_edit: Tensor | None = None, columns: int = 6
) -> Tensor:
    """Before and after: source (give it with its overlay), reconstruction, edited, and the true edit where known."""
    rows = [("source", source), ("reconstruction (no drag)", reconstruction), ("edited", edited)]
    return comparison_sheet([*rows, ("true edit", true_edit)] if true_edit is not None else rows, columns)


def plot(
    curves: Sequence[tuple[str, Sequence[float]]], x_label: str = "iteration", size: tuple[int, int] = (640, 220)
) -> Tensor:
    """One panel per curve, one over the other, with axes; e.g. loss and mean distance of each iteration.

    Args:
        curves: (title, values); values that are not finite leave a gap.
        size: (width, height) of a panel in px.

    Returns:
        [len(curves) * height, width, 3] fp32, 0-1.
    """
    panels = [_panel(title, np.asarray(values, np.float64), x_label, size) for title, values in curves]
    if not panels:
        raise DragAVideoError("There is no curve to plot; give at least one.")
    return _frames(np.concatenate(panels))


def save_png(path: str | Path, picture: Tensor) -> None:
    """Write a picture [H, W, 3], 0-1, as PNG; the file appears whole or not at all.

    Raises:
        DragAVideoError: the folder cannot be written.
    """
    data = cv2.imencode(".png", np.ascontiguousarray(_pixels(picture)[..., ::-1]))[1].tobytes()
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


# -- frames and canvases ------------------------------------------------------------------------------------------


def _pixels(picture: Tensor) -> np.ndarray:
    """[..., 3] float 0-1 as uint8, a copy."""
    values: np.ndarray = (picture.detach().cpu().float() * 255).round().clamp(0, 255).to(torch.uint8).numpy()
    return values


def _frames(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels.astype(np.float32) / 255)


def _canvases(frames: Tensor, k: int) -> list[np.ndarray]:
    return [np.ascontiguousarray(_pixels(frame).repeat(k, 0).repeat(k, 1)) for frame in frames]


def _fitted(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    shrinks = size[0] < pixels.shape[1]
    whole = size[0] % pixels.shape[1] == 0 and size[1] % pixels.shape[0] == 0
    method = cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST if whole else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, size, interpolation=method))


def _as_sets(points: Tensor) -> Tensor:
    return points if points.ndim == 4 else points.unsqueeze(2)


def _magnified(points: Tensor, k: int) -> np.ndarray:
    values: np.ndarray = ((points.detach().cpu().double() + 0.5) * k - 0.5).numpy()
    return values


def _draw_pairs(
    canvas: np.ndarray,
    handles: np.ndarray,
    targets: np.ndarray,
    current: np.ndarray | None,
    shown: np.ndarray,
) -> None:
    radius, middle = marker_radius(canvas), handles.shape[1] // 2
    for p in range(len(handles)):
        for s in range(handles.shape[1]):
            small = radius * (0.45 if s != middle else 1.0)
            if s == middle:
                arrow(canvas, handles[p, s], targets[p, s], radius, TARGET_RGB)
            dot(canvas, targets[p, s], small, TARGET_RGB, bool(shown[p, s]))
            dot(canvas, handles[p, s], small, HANDLE_RGB, bool(shown[p, s]))
            if current is not None:
                dot(canvas, current[p, s], small * 0.8, CURRENT_RGB, bool(shown[p, s]))
        if len(handles) > 1 and (corner := fixed_point(handles[p, middle])):
            at = (int((corner[0] >> SHIFT) + 1.3 * radius), int((corner[1] >> SHIFT) - 1.3 * radius))
            write(canvas, str(p + 1), at, 3.2 * radius, HANDLE_RGB, outlined=True)


def _draw_mask(canvas: np.ndarray, mask: np.ndarray, k: int) -> None:
    large = mask.repeat(k, 0).repeat(k, 1)
    dark = canvas[large == 0]
    canvas[large == 0] = (dark * 0.8).astype(np.uint8)
    contours, _ = cv2.findContours(large, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(canvas, contours, -1, MASK_RGB, 1, cv2.LINE_AA)


# -- curves -------------------------------------------------------------------------------------------------------


def _panel(title: str, values: np.ndarray, x_label: str, size: tuple[int, int]) -> np.ndarray:
    width, height = size
    panel = np.full((height, width, 3), _PAPER, np.uint8)
    left, right, top, bottom = 64, width - 16, 34, height - 34
    write(panel, title, (left, 22), 16)
    finite = values[np.isfinite(values)]
    low, high = (min(0.0, float(finite.min())), float(finite.max())) if len(finite) else (0.0, 1.0)
    high = high if high > low else low + 1.0
    for share in (0.0, 0.5, 1.0):
        y = round(bottom - share * (bottom - top))
        cv2.line(panel, (left, y), (right, y), _GRID, 1)
        write(panel, f"{low + share * (high - low):.4g}", (6, y + 4), 12)
    last = max(1, len(values) - 1)
    write(panel, "1", (left - 2, bottom + 16), 12)
    write(panel, str(max(1, len(values))), (right - 18, bottom + 16), 12)
    write(panel, x_label, ((left + right) // 2 - 30, bottom + 24), 12)
    if not len(finite):
        write(panel, "no values", ((left + right) // 2 - 40, (top + bottom) // 2), 14)
    x = left + (right - left) * np.arange(len(values)) / last
    places = np.stack([x, bottom - (bottom - top) * (values - low) / (high - low)], 1)
    for before, after in pairwise(places):
        start, end = fixed_point(before), fixed_point(after)
        if start and end:
            cv2.line(panel, start, end, TARGET_RGB, 2, cv2.LINE_AA, SHIFT)
    if len(values) <= 40:
        for place in places:
            dot(panel, place, 2.5, TARGET_RGB)
    return panel
