"""What moves against the background: optical flow, and log odds that are verified by the picture.

The background's motion between two frames is one homography. A pixel that the flow moves otherwise is object only where
the flow explains the picture better than the homography does: flow bleeds into flat ground beside what moves.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

OFFSETS = (1, -1, 2, -2, 4, -4, 7, -7)
_MOST = 6
_PLANE_PX = 0.8
_STEP = 5
_NOISE = 2.5
"""Difference of colours (8-bit Lab, summed) that says nothing."""
_SURE, _STILL = 2.0, -2.5
"""Log odds are cut off there."""


def flow_between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """[H, W, 2] px: what `first` [H, W] uint8 shows at x, `second` shows at x + flow (DIS, half resolution)."""
    solver = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return np.asarray(solver.calc(first, second, None), np.float32)  # type: ignore[call-overload]


def read_at(picture: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """`picture` [H, W, ...] float32 at x + flow(x), linear; beyond the border the border's."""
    rows, columns = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(np.float32)
    at_x, at_y = columns + flow[..., 0], rows + flow[..., 1]
    return np.asarray(cv2.remap(picture, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def motion_odds(
    labs: Sequence[np.ndarray], greys: Sequence[np.ndarray], at: int, offsets: Sequence[int] = OFFSETS
) -> np.ndarray | None:
    """Log odds [H, W] that a pixel of frame `at` moves otherwise than the background; None for a single frame."""
    found: list[np.ndarray] = []
    here = cv2.GaussianBlur(labs[at], (0, 0), 0.8)
    for offset in offsets:
        other = at + offset
        if 0 <= other < len(greys) and len(found) < _MOST:
            found.append(_odds_between(here, labs[other], greys[at], greys[other]))
    return np.mean(found, 0).astype(np.float32) if found else None


def _odds_between(here: np.ndarray, there: np.ndarray, grey: np.ndarray, grey_there: np.ndarray) -> np.ndarray:
    flow = flow_between(grey, grey_there)
    plane, noise = _plane_flow(flow)
    there = cv2.GaussianBlur(there, (0, 0), 0.8)

    def misfit(way: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.GaussianBlur(np.abs(here - read_at(there, way)).sum(-1), (0, 0), 2.0))

    by_plane, by_flow = misfit(plane), misfit(flow)
    height, width = grey.shape
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    at_x, at_y = columns + plane[..., 0], rows + plane[..., 1]
    verified = np.clip((by_plane - by_flow) / (_NOISE + 0.5 * by_flow), 0, 1)
    verified[(at_x < 0) | (at_x > width - 1) | (at_y < 0) | (at_y > height - 1)] = 0
    times = np.linalg.norm(flow - plane, axis=-1) / (3 * noise)
    odds = np.clip(1.5 * np.log(np.maximum(times, 0.05)), _STILL, _SURE)
    return np.where(odds > 0, odds * verified, odds)


def _plane_flow(flow: np.ndarray) -> tuple[np.ndarray, float]:
    """(the flow [H, W, 2] of the dominant plane, how noisy flow is there, px)."""
    height, width = flow.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    pixels = np.stack([columns, rows], -1)
    starts = pixels[::_STEP, ::_STEP].reshape(-1, 2)
    ends = starts + flow[::_STEP, ::_STEP].reshape(-1, 2)
    cv2.setRNGSeed(0)  # RANSAC draws at random; the same clip shall give the same mask
    homography, inliers = cv2.findHomography(starts, ends, cv2.RANSAC, _PLANE_PX)
    if homography is None:
        return flow.copy(), 1.0
    there = cv2.perspectiveTransform(pixels.reshape(-1, 1, 2), homography)[:, 0].reshape(height, width, 2)
    plane = there - pixels
    rest = np.linalg.norm(flow - plane, axis=-1)[::_STEP, ::_STEP].ravel()
    return plane.astype(np.float32), max(0.25, 1.4826 * float(np.median(rest[inliers.ravel() > 0])))
