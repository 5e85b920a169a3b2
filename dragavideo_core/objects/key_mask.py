"""The object on the key frame, from clicks, strokes and a box: colours are learnt from a first cut, and cut again."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .colour import global_odds, local_odds
from .graph_cut import graph_cut
from .tidy import away_from, connected_to, discs, filled, signed_distance

_ROUNDS = 5
_STRENGTH, _LIMIT = 4.0, 6.0
_GLOBAL, _LOCAL = 0.8, 0.5
"""Weights of the colours of the whole picture and of those near the place."""
_ON_PX, _OFF_PX = 2, 3
"""Radius of what a click fixes, px of the working picture."""
_GROW, _RING, _FAR, _CELL = 0.02, 0.05, 0.12, 0.12
"""Shares of the shorter side: what a click shows first; the ring along the border that is background at first; how
far it keeps from clicks; the grid of local colours."""
_REACH, _REACH_WEIGHT, _FREE = 0.5, 2.0, 0.35
"""An object is nearer than this share of the shorter side times `_FREE`; beyond, odds fall."""
_THING_WEIGHT, _THING_ODDS, _THING_REACH, _THING_MOST, _THING_GAP = 0.15, 1.0, 0.5, 0.4, 6
"""Of what is unlike the border: its weight in the first guess, the log odds from which it is, the share of the
shorter side within which colours are asked, the share of the picture that it may have at most, and px that it may
keep from a click."""
_CALM = 0.5
"""The weight of motion falls to this from round to round: colours take over."""
_DONE = 0.002


@dataclass(frozen=True, eq=False)
class Marks:
    """What a person gave, in px of the working picture: clicks (x, y), painted and erased pixels, a box."""

    on: tuple[tuple[float, float], ...] = ()
    off: tuple[tuple[float, float], ...] = ()
    painted: np.ndarray | None = None
    erased: np.ndarray | None = None
    box: tuple[float, float, float, float] | None = None


def key_mask(lab: np.ndarray, marks: Marks, motion: np.ndarray | None, motion_weight: float = 1.0) -> np.ndarray:
    """The object [H, W] bool.

    Args:
        lab: [H, W, 3] float32; the working picture, shorter side about 240 px.
        marks: at least one click on the object, or paint.
        motion: [H, W] log odds of moving (`motion.motion_odds`), if anything is known of it.
        motion_weight: 1 for a handle alone; less where clicks tell more.
    """
    shape = lab.shape[:2]
    shorter, area = min(shape), shape[0] * shape[1]
    on, off = _fixed(shape, marks)
    inside = _boxed(shape, marks.box)
    never = (~inside | off) & ~on
    away = away_from(on)
    moving, trust = _trusted(motion, shape, marks)
    surely_moving = (moving > 0.7) & inside
    ring = _ring(shape, away) if marks.box is None else never & (away_from(inside) < 0.25 * shorter)
    clicks_off = sum((discs(shape, [p], 6) * 6.0 for p in marks.off), np.zeros(shape))
    if marks.erased is not None:
        clicks_off = clicks_off + marks.erased * 2.0
    background = ring * 1.0 + clicks_off
    first = discs(shape, marks.on, max(3, int(_GROW * shorter)))
    if marks.painted is not None:
        first |= marks.painted
    object_ = first * np.exp(-away / 6)
    if trust > 0.3:
        background = background + (moving < -0.8) * 0.7 * (away > 0.03 * shorter)
        object_ = object_ + 0.15 * surely_moving * np.clip(1 - away / shorter, 0, 1)
    if marks.box is not None:
        object_ = object_ + _core(inside, marks.box, moving, trust)
    else:
        object_ = object_ + _THING_WEIGHT * _thing(lab, on, away, ring)
    prior = _prior(away, inside, off, shorter, marks)
    mask: np.ndarray | None = None
    for turn in range(_ROUNDS):
        calm = 1.0 if turn == 0 else max(_CALM, 1.0 - 0.25 * turn)
        odds = _GLOBAL * np.clip(global_odds(lab, object_, background), -3.5, 3.5)
        if mask is not None:
            near = signed_distance(mask) > -0.2 * shorter
            local = local_odds(lab, (mask | on) * 1.0, (~mask & near) * 1.0, _CELL * shorter, 4.0)
            odds = odds + _LOCAL * np.clip(local, -3, 3)
        odds = odds + motion_weight * calm * moving + prior
        blurred = cv2.GaussianBlur(odds.astype(np.float32), (0, 0), 0.8)
        cut = graph_cut(lab, blurred, on, never, _STRENGTH, _LIMIT)
        cut = filled(connected_to(cut, on), 0.004 * area) & ~off
        settled = mask is not None and int((cut ^ mask).sum()) < _DONE * area
        mask = cut
        if settled:
            break
        object_ = mask * np.where((moving < -0.8) & (away > 0.05 * shorter), 0.3, 1.0) + on * 4.0 + surely_moving * mask
        background = (~mask & (signed_distance(mask) > -0.3 * shorter)) * 1.0 + ring * 0.3 * ~mask + clicks_off
        if background.sum() < 20:
            break
    assert mask is not None
    return mask


def _fixed(shape: tuple[int, int], marks: Marks) -> tuple[np.ndarray, np.ndarray]:
    """What is certainly object and certainly not."""
    on, off = discs(shape, marks.on, _ON_PX), discs(shape, marks.off, _OFF_PX)
    if marks.painted is not None:
        on |= marks.painted
    if marks.erased is not None:
        on &= ~marks.erased
        off = (off | marks.erased) & ~on
    return on, off & ~on


def _boxed(shape: tuple[int, int], box: tuple[float, float, float, float] | None) -> np.ndarray:
    inside = np.ones(shape, bool)
    if box is not None:
        left, top, right, bottom = (round(v) for v in box)
        inside[:] = False
        inside[max(0, top) : bottom + 1, max(0, left) : right + 1] = True
    return inside


def _trusted(motion: np.ndarray | None, shape: tuple[int, int], marks: Marks) -> tuple[np.ndarray, float]:
    """(motion's log odds by how much they say at the clicks, that trust 0-1)."""
    if motion is None or not marks.on:
        return np.zeros(shape, np.float32), 0.0
    near = cv2.dilate(motion, np.ones((7, 7)))[discs(shape, marks.on, 1)]
    trust = float(np.clip((np.median(near) + 0.1) / 0.6, 0, 1))
    return motion * trust, trust


def _ring(shape: tuple[int, int], away: np.ndarray) -> np.ndarray:
    """The frame's border, but for what lies near a click."""
    width = max(2, int(_RING * min(shape)))
    ring = np.ones(shape, bool)
    ring[width:-width, width:-width] = False
    return ring & (away > _FAR * min(shape))


def _thing(lab: np.ndarray, on: np.ndarray, away: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """[H, W] bool: what hangs together with a click and has other colours than the frame's border.

    A tip has often a colour of its own (a nose, the tip of a tail); the object it belongs to is told from the ground by
    not being the ground. Where half of the picture is unlike its border, the border says nothing.
    """
    shorter = min(lab.shape[:2])
    odds = global_odds(lab, (away < _THING_REACH * shorter) * 1.0, ring * 1.0, doubt=1e-4)
    unlike = cv2.GaussianBlur(odds, (0, 0), 0.8) > _THING_ODDS
    if unlike.mean() > _THING_MOST:
        return np.zeros_like(on)
    return connected_to(unlike, away <= _THING_GAP)


def _core(inside: np.ndarray, box: tuple[float, float, float, float], moving: np.ndarray, trust: float) -> np.ndarray:
    """The middle of a box, as a weak guess of object."""
    margin = 0.15 * min(box[2] - box[0], box[3] - box[1])
    core = inside & (away_from(~inside) > margin)
    return 0.15 * core if trust <= 0.3 else 0.05 * core * (moving > -0.5)


def _prior(away: np.ndarray, inside: np.ndarray, off: np.ndarray, shorter: int, marks: Marks) -> np.ndarray:
    """Log odds by distance alone: an object is near its clicks and not at those beside it."""
    if marks.box is None:
        prior = -_REACH_WEIGHT * np.clip(away / (_REACH * shorter) - _FREE, -0.25, 2.0)
    else:
        prior = np.where(inside, 0.3, 0.0)
    if marks.off:
        prior = prior - 2.0 * np.exp(-away_from(discs(off.shape, marks.off, _OFF_PX)) / (0.06 * shorter))
    return np.asarray(prior + 2.0 * np.exp(-away / (0.02 * shorter)))
