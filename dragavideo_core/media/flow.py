"""Dense optical flow of small and large frames (OpenCV's DIS), and what is built on it: warps and middle frames."""

from __future__ import annotations

import cv2
import numpy as np

_MIN_SIDE = 16


def dis_flow(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Where each pixel of `first` is in `second`.

    Args:
        first, second: [H, W, 3] float 0-1, of one size.

    Returns:
        [H, W, 2] float32, (dx, dy) in px: first(x, y) shows what second(x + dx, y + dy) shows. Frames with a side
        under 16 px, which DIS cannot do, are taken to stand still.
    """
    if min(first.shape[:2]) < _MIN_SIDE:
        return np.zeros((*first.shape[:2], 2), np.float32)
    solver = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    solver.setFinestScale(0)  # the preset stops at half resolution, where a pixel of motion is already blurred
    return np.asarray(solver.calc(_grey(first), _grey(second), None), np.float32)  # type: ignore[call-overload]


def warp(frame: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """`frame` [H, W, 3] read at x + flow(x) [H, W, 2]; beyond the border, the border's pixel."""
    height, width = flow.shape[:2]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    at_x, at_y = columns + flow[..., 0], rows + flow[..., 1]
    return cv2.remap(frame, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def middle_frame(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The frame half-way between two, [H, W, 3] float 0-1.

    Both are warped to the middle along flows that Super SloMo's formula approximates at t = 1/2 (the learnt
    interpolator that ControlVideo uses does the same with a network), and averaged.
    """
    forward, backward = dis_flow(before, after), dis_flow(after, before)
    back = (backward - forward) / 4  # from the middle to `before`
    return ((warp(before, back) + warp(after, -back)) / 2).astype(np.float32)


def _grey(frame: np.ndarray) -> np.ndarray:
    levels = np.clip(np.rint(frame * 255), 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(levels, cv2.COLOR_RGB2GRAY))
