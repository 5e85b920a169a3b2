"""Following points by what they look like and how the picture flows, over every frame of the file, without a network.

Lucas and Kanade's flow says where a point has gone, if it comes back to where it started; features of the surroundings
(`classical_features`), compared with those of the key frame and with the latest, put it right by a few pixels, so that
it does not drift. Where they are not found there, the point is looked for far and wide: it may have jumped, or come out
from behind something.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from .classical_features import CELL_PX, classical_features
from .correspondence import match, patch_features

_NEAR, _WIDE = 1.5, 12.0
"""Half sides of the windows in which a point is looked for, cells."""
_PRIOR, _WIDE_PRIOR = 0.06, 0.12
_KEY_SHARE = 0.5
"""Of the key frame's look against the latest."""
_RETURN_PX = 1.0
"""Flow that does not come back to within this is no prediction."""
_POOR, _LOST = 0.82, 0.66
"""Shares of a point's usual similarity below which it is looked for far and wide, and below which it is not seen."""
_BETTER = 0.06
"""A place far off must be more alike by this."""
_USUAL = 0.2
"""How fast the usual similarity follows."""
_WINDOW = (15, 15)


@dataclass(frozen=True, eq=False)
class StripTracks:
    """K points in M frames: positions [M, K, 2] px of the pictures, alike [M, K] 0-1 (share of the usual similarity,
    cut off at 1), visible [M, K] bool."""

    positions: Tensor
    alike: Tensor
    visible: Tensor


@dataclass(frozen=True, eq=False)
class _State:
    positions: np.ndarray
    motion: np.ndarray
    recent: Tensor
    usual: np.ndarray


def follow_points(
    pictures: np.ndarray, key: int, points: Tensor, on_frame: Callable[[], None] = lambda: None
) -> StripTracks:
    """Follow points outward from frame `key` in both directions.

    Args:
        pictures: [M, H, W, 3] uint8 RGB, every frame, shorter side about 240 px.
        points: [K, 2] px (x, y) on the key frame.
        on_frame: called after every frame; may raise to cancel.
    """
    count, (height, width) = len(pictures), pictures.shape[1:3]
    features = classical_features(pictures)
    features = features - features.mean((0, 2, 3), keepdim=True)
    greys = [np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)) for picture in pictures]
    start = points.detach().cpu().double().numpy()
    templates = patch_features(features[key], _cells(start))
    _, own = match(features[key], templates, _cells(start), _NEAR)
    usual = np.maximum(own.numpy(), 0.3)
    positions = np.repeat(start[None], count, 0)
    alike = np.ones((count, len(start)))
    first = _State(start, np.zeros_like(start), templates, 0.9 * usual)
    for frames in (range(key + 1, count), range(key - 1, -1, -1)):
        state, before = first, key
        for frame in frames:
            state, alike[frame] = _advance(state, greys[before], greys[frame], features[frame], templates)
            positions[frame], before = state.positions, frame
            on_frame()
    inside = (positions > -0.5).all(-1) & (positions < np.array([width, height]) - 0.5).all(-1)
    visible = torch.from_numpy((alike >= _LOST) & inside)
    return StripTracks(torch.from_numpy(positions).float(), torch.from_numpy(alike).float(), visible)


def _advance(
    last: _State, before: np.ndarray, now: np.ndarray, feature_map: Tensor, templates: Tensor
) -> tuple[_State, np.ndarray]:
    """One frame on, and how alike each point is, as a share of what it usually is."""
    flowed, sound = _flow(before, now, last.positions)
    expected = np.where(sound[:, None], flowed, last.positions + last.motion)
    wanted = _KEY_SHARE * templates + (1 - _KEY_SHARE) * last.recent
    found, similarity = match(feature_map, wanted, _cells(expected), _NEAR, _PRIOR)
    value = similarity.numpy().astype(float)
    poor = value < _POOR * last.usual
    if poor.any():
        which = torch.from_numpy(np.nonzero(poor)[0])
        far, far_similarity = match(feature_map, wanted[which], _cells(expected[poor]), _WIDE, _WIDE_PRIOR)
        better = far_similarity > similarity[which] + _BETTER
        found[which[better]] = far[better]
        value[poor] = np.where(better.numpy(), far_similarity.numpy(), value[poor])
    share = np.clip(value / last.usual, 0, 1)
    seen = share >= _LOST
    places = (found.double().numpy() + 0.5) * CELL_PX - 0.5
    positions = np.where(seen[:, None], places, expected)
    look = patch_features(feature_map, _cells(positions))
    recent = torch.where(torch.from_numpy(seen)[:, None, None], look, last.recent)
    usual = np.where(seen, (1 - _USUAL) * last.usual + _USUAL * value, last.usual)
    motion = np.where(seen[:, None], 0.5 * (positions - last.positions) + 0.5 * last.motion, 0.5 * last.motion)
    return _State(positions, motion, recent, usual), share


def _flow(before: np.ndarray, now: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(where points [K, 2] have gone, which of them come back)."""
    start = points.astype(np.float32)[:, None]
    options: Any = {"winSize": _WINDOW, "maxLevel": 3}
    ahead, ok, _ = cv2.calcOpticalFlowPyrLK(before, now, start, start.copy(), **options)
    back, ok_back, _ = cv2.calcOpticalFlowPyrLK(now, before, ahead, start.copy(), **options)
    error = np.linalg.norm(back - start, axis=-1)[:, 0]
    sound = (ok[:, 0] > 0) & (ok_back[:, 0] > 0) & (error < _RETURN_PX)
    return ahead[:, 0].astype(float), sound


def _cells(points: np.ndarray) -> Tensor:
    return torch.from_numpy((points + 0.5) / CELL_PX - 0.5).float()
