"""A mask carried from frame to frame, outward from the key frame in both directions, over every frame there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .colour import global_odds, local_odds
from .graph_cut import graph_cut
from .motion import flow_between, motion_odds, read_at
from .tidy import filled, large_pieces, signed_distance

_SHAPE, _LOCAL, _KEY, _MOTION = 1.5, 0.7, 0.8, 0.7
"""Weights of the log odds: the carried shape, colours near the place in the frame before, the key frame's colours,
which are never learnt anew, and motion."""
_BAND, _STRENGTH, _LIMIT = 16, 7.0, 8.0
"""The mask is decided anew within so many px of its edge, twice as many where the flow is doubtful."""
_SOFT, _THIN, _SOFTEST = 2.2, 0.35, 0.7
"""How far off the carried edge may be, px: a share of the local thickness, within these bounds."""
_CELL = 24.0
_PIECES, _HOLES = 0.04, 0.002


@dataclass(frozen=True, eq=False)
class CarriedMask:
    """A mask in one frame, and how it came there.

    Attributes:
        mask: [H, W] bool.
        warped: [H, W] bool, where the flow alone had put it.
        motion: [H, W] log odds of moving, where they are known.
    """

    mask: np.ndarray
    warped: np.ndarray
    motion: np.ndarray | None


@dataclass(frozen=True, eq=False)
class _Key:
    lab: np.ndarray
    on: np.ndarray
    off: np.ndarray


def carry(
    labs: Sequence[np.ndarray],
    greys: Sequence[np.ndarray],
    key: int,
    mask: np.ndarray,
    moving: Sequence[int],
    on_frame: Callable[[], None] = lambda: None,
) -> list[CarriedMask]:
    """The mask of frame `key` [H, W] bool in all frames.

    Args:
        labs: [H, W, 3] float32 of every frame; greys: [H, W] uint8.
        moving: frames whose motion is looked at; the others do without, which is quicker.
        on_frame: called after every frame; may raise to cancel.
    """
    found: list[CarriedMask | None] = [None] * len(labs)
    motion = motion_odds(labs, greys, key) if key in moving else None
    found[key] = CarriedMask(mask, mask, motion)
    near = np.abs(signed_distance(mask)) < 60
    model = _Key(labs[key], mask.astype(np.float32), (~mask * np.where(near, 1.0, 0.2)).astype(np.float32))
    looked = set(moving)
    for frames in (range(key + 1, len(labs)), range(key - 1, -1, -1)):
        before, current = key, mask
        for frame in frames:
            odds = motion_odds(labs, greys, frame, (2, -2, 4, -4)) if frame in looked else None
            step = _carried(labs, greys, before, frame, current, model, odds)
            found[frame], before, current = step, frame, step.mask
            on_frame()
    return [one for one in found if one is not None]


def _carried(
    labs: Sequence[np.ndarray],
    greys: Sequence[np.ndarray],
    before: int,
    frame: int,
    mask: np.ndarray,
    key: _Key,
    motion: np.ndarray | None,
) -> CarriedMask:
    lab = labs[frame]
    back, ahead = flow_between(greys[frame], greys[before]), flow_between(greys[before], greys[frame])
    distance = signed_distance(mask)
    warped = read_at(np.clip(distance, -30, 30).astype(np.float32), back)
    doubt = _doubt(labs[before], lab, back, ahead)
    thickness = cv2.dilate(np.clip(warped, 0, 8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (11, 11)))
    softness = np.clip(_THIN * thickness, _SOFTEST, _SOFT) * (1 + doubt)
    rows, columns = np.mgrid[: mask.shape[0], : mask.shape[1]].astype(np.float32)
    local = local_odds(
        labs[before],
        (mask & (distance > 0.5)) * 1.0,
        (~mask & (distance < -0.5) & (distance > -45)) * 1.0,
        _CELL,
        1.5,
        query=lab,
        places=(columns + ahead[..., 0], rows + ahead[..., 1]),
    )
    by_key = global_odds(key.lab, key.on, key.off, query=lab, doubt=3e-4)
    odds = _SHAPE * np.clip(warped / softness, -4, 4)
    odds = odds + _LOCAL * np.clip(local, -3, 3) + _KEY * np.clip(by_key, -3, 3)
    if motion is not None:
        odds = odds + _MOTION * motion
    band = _BAND * (1 + (doubt > 0.5))
    cut = graph_cut(lab, odds.astype(np.float32), warped > band, warped < -band, _STRENGTH, _LIMIT)
    whole = filled(large_pieces(cut, _PIECES), _HOLES * mask.size)
    return CarriedMask(whole, warped > 0, motion)


def _doubt(before: np.ndarray, lab: np.ndarray, back: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """[H, W] 0-1: the flow does not come back to where it started, or shows other colours."""
    error = np.linalg.norm(read_at(ahead, back) + back, axis=-1)
    lost = np.clip((error - 0.7 - 0.05 * np.linalg.norm(back, axis=-1)) / 2, 0, 1)
    other = cv2.GaussianBlur(np.abs(lab - read_at(before, back)).sum(-1), (0, 0), 1.5)
    doubt = np.maximum(lost, np.clip((other - 12) / 25, 0, 1))
    return np.asarray(cv2.GaussianBlur(doubt.astype(np.float32), (0, 0), 1.5))
