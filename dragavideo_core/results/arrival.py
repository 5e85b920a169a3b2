"""Where the dragged part of one pair is through a clip, and what single frames and the sum of them show to be wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .damage import Signs, signs_of
from .likeness import likeness
from .part_match import SHARES, WayCosts, crop_drag, way_costs
from .verdict_words import Finding

_ARRIVED_WAY, _ARRIVED_WIDTH, _ARRIVED_PX = 0.06, 0.01, 1.0
_BETTER, _CLEARLY_BETTER, _NOISE = 1.45, 2.2, 0.0012
"""Another place than the target is where the part is if its cost is so much lower: in the mean of a clip, in one frame;
costs below the noise mean nothing."""
_NOTHING_ALIKE = 0.12
"""Cost above which nothing on the way looks like the part."""
_TWIN = 0.5
"""What looked like the part before the drag, and has not become more like it by this factor, is no sign of it."""
_SHORT, _VERY_SHORT = 0.25, 0.4
"""Shares of the way that may be missing before a drag is doubtful, and before it has failed."""
_UNMOVED, _MOVED, _LEFT = 0.12, 0.3, 0.3
"""`Signs.moved` of a place that is as before, of one that is not, and of one where the part was left behind."""
_BACKGROUND = 2.0
_LOOSE, _WAS_JOINED = 0.15, 0.6
_MANY = 0.5
"""Share of the frames from which on a fault is the clip's."""


@dataclass(frozen=True, eq=False)
class Look:
    """What one frame shows of one pair. Lengths in px of the crop."""

    costs: WayCosts
    signs: Signs
    length: float
    unit: float
    scale: float


def look_at(
    source: np.ndarray, result: np.ndarray, mask: np.ndarray | None, handle: np.ndarray, target: np.ndarray
) -> Look:
    crop = crop_drag(source, result, mask, handle, target)
    alike = likeness(crop.before, crop.after, crop.dragged)
    return Look(way_costs(crop, alike), signs_of(crop, alike), crop.length, crop.unit, crop.scale)


@dataclass(frozen=True)
class _Place:
    """Where the part seems to be; lengths in px of the crop."""

    share: float
    beside: float
    at: tuple[int, int]
    """Of the map of costs."""
    cost: float
    at_target: float
    """The lowest cost at the target."""

    def missing(self, length: float) -> float:
        """How far it is from the target."""
        return float(np.hypot((1 - self.share) * length, self.beside))


def judge_pair(pair: int, looks: dict[int, Look], width: int) -> tuple[list[bool], list[float], list[Finding]]:
    """Arrival and missing source px of each looked-at frame, and what is wrong with the pair.

    Args:
        width: of the source, px.
    """
    every = list(looks.values())
    length, unit, scale = (float(np.mean([getattr(x, name) for x in every])) for name in ("length", "unit", "scale"))
    if length < 1e-3:
        return [True] * len(every), [0.0] * len(every), []
    least = max(_ARRIVED_PX * scale, _ARRIVED_WAY * length, _ARRIVED_WIDTH * width * scale)
    # Frames that were not dragged say nothing about where the others' part is.
    dragged = [x for x in every if x.signs.moved >= _UNMOVED] or every
    mean = WayCosts(*(np.mean([getattr(x.costs, n) for x in dragged], 0) for n in ("after", "before", "across_px")))
    clip = _place(mean, length, unit, least)
    there = clip.missing(length) <= least or clip.at_target <= _BETTER * clip.cost + _NOISE
    arrived, missing = [], []
    for look in every:
        own = _place(look.costs, length, unit, least)
        held_against = own.at_target if there else float(look.costs.after[clip.at])
        place = own if held_against > _CLEARLY_BETTER * own.cost + 2 * _NOISE else clip
        here = place.missing(length) <= least or (there and place is clip)
        arrived.append(here)
        missing.append(0.0 if here else place.missing(length) / scale)
    return arrived, missing, _pair_findings(pair, looks, arrived, missing, length / scale, clip.cost)


def _place(costs: WayCosts, length: float, unit: float, least: float) -> _Place:
    """Where the cost is lowest, but for places that looked like the part before and have not become more like it."""
    window = np.abs(SHARES - 1) <= max(1.3 * unit, 0.08 * length, least) / length
    away = (np.abs(SHARES) * length > max(3 * unit, 0.25 * length)) & ~window
    at_target = float(costs.after[:, window].min())
    twin = (costs.after > _TWIN * costs.before) & away
    after = np.where(twin, np.maximum(costs.after, at_target), costs.after)
    row, column = (int(i) for i in np.unravel_index(int(after.argmin()), after.shape))
    place = float(SHARES[column]), float(costs.across_px[row]), (row, column)
    return _Place(*place, float(after[row, column]), at_target)


def _pair_findings(
    pair: int, looks: dict[int, Look], arrived: list[bool], missing: list[float], length: float, cost: float
) -> list[Finding]:
    frames = list(looks)
    signs = [look.signs for look in looks.values()]
    moved = np.array([sign.moved for sign in signs])
    found: list[Finding] = []

    def note(name: str, which: np.ndarray, px: float = 0.0) -> None:
        if which.any():
            found.append(Finding(name, pair, tuple(np.array(frames)[which].tolist()), px))

    untouched = moved < _UNMOVED
    late = ~np.array(arrived) & (np.array(missing) > _SHORT * length)
    if untouched.any() and moved.max() > _MOVED:
        note("blink", untouched)
    elif untouched.all() and late.any():
        note("unmoved", untouched)
    late &= ~untouched
    px = float(np.median(np.array(missing)[late])) if late.any() else 0.0
    note("short" if px > _VERY_SHORT * length else "late", late, px)
    close = ~np.array(arrived) & ~untouched & ~late
    note("close", close, float(np.median(np.array(missing)[close])) if close.any() else 0.0)
    if cost > _NOTHING_ALIKE:
        note("lost", np.ones(len(frames), bool))
    torn = np.array([sign.background for sign in signs])
    if np.median(torn) > _BACKGROUND:
        note("background", torn > _BACKGROUND)
    loose = np.array([s.joined < _LOOSE and s.joined_before > _WAS_JOINED for s in signs]) & np.array(arrived)
    if loose.mean() >= _MANY:
        note("detached", loose)
    left = (moved < _LEFT) & ~untouched & np.array(arrived)
    if left.mean() >= _MANY or (untouched.all() and np.array(arrived).any()):
        note("left", left | untouched)
    if {f.name for f in found} - {"close"} and np.mean([sign.inside for sign in signs]) >= _MANY:
        note("inside", np.ones(len(frames), bool))
    return found
