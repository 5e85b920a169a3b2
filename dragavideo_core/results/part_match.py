"""Where a dragged part is in a result, by comparing pictures: no features of a network, no tracker.

The source's patch round the handle, turned and stretched (a part that is dragged aside turns about its root, one that
is pulled gets longer), is compared in Lab with the result at every place round the drag's way:

    cost(x) = sum over the window of w(u) (m(u) |T(u) - R(x + u)|^2 + k (m(u) - l(x + u))^2),  sum w m = 1,

with m the object's mask round the handle, so that what lies behind a part, which stays where it is, has no say, and l
how much rather the result's colours are the object's than the background's (`likeness`), so that a tip is one only
where the object ends. Without a mask m = 1 and k = 0. The cost is the smallest over turns and stretches, and the mean
over two window sizes. Colours are CIE Lab / 100. All happens on a crop round the drag, reduced so that a long drag
spans about 20 px.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from .likeness import Likeness

SHARES = np.linspace(-0.3, 1.4, 52)
"""[F] shares of the way at which costs are read: 0 at the handle, 1 at the target."""
_ACROSS = np.linspace(-1, 1, 15)
_LATERAL, _LEAST_LATERAL_PX = 0.35, 3.0
"""How far beside the way is searched: a share of the drag, at least so many px of the crop."""
_SPAN_PX = 20.0
_UNIT = 128.0
"""Sizes below are px of a picture with this shorter side."""
_MARGIN, _LEAST_MARGIN = 1.2, 0.14
"""Of the crop round the drag: lengths of the drag, share of the shorter side."""
_RADII = (4.0, 6.0)
_ANGLES = tuple(math.radians(degrees) for degrees in range(-100, 101, 20))
_STRETCHES = (1.0, 1.5, 0.67)
_OUTSIDE = 0.05
"""m of a template's pixels that are not the object's."""
_LIKENESS = 0.1
"""k."""
_PAD = 2


@dataclass(frozen=True, eq=False)
class Crop:
    """The surroundings of one drag in one frame."""

    before: np.ndarray
    """[h, w, 3] Lab / 100 of the source."""
    after: np.ndarray
    """[h, w, 3] Lab / 100 of the result."""
    dragged: np.ndarray | None
    """[h, w] 0-1: the object's pixels in the source; None where nobody knows them."""
    handle: np.ndarray
    """[2] px of the crop."""
    target: np.ndarray
    """[2] px of the crop."""
    scale: float
    """px of the crop for one px of the source."""
    unit: float
    """px of the crop for one px of a picture 128 px on its shorter side."""

    @property
    def length(self) -> float:
        """Of the drag, px of the crop."""
        return float(np.hypot(*(self.target - self.handle)))


def crop_drag(
    source: np.ndarray, result: np.ndarray, dragged: np.ndarray | None, handle: np.ndarray, target: np.ndarray
) -> Crop:
    """Cut out the surroundings of a drag.

    Args:
        source, result: [H, W, 3] float 0-1.
        dragged: [H, W] bool, or None.
        handle, target: [2] px.
    """
    height, width = source.shape[:2]
    length, shorter = float(np.hypot(*(target - handle))), min(height, width)
    margin = max(_MARGIN * length, _LEAST_MARGIN * shorter)
    last = np.array([width, height])
    low = np.clip(np.floor(np.minimum(handle, target) - margin).astype(int), 0, last - 8)
    high = np.clip(np.ceil(np.maximum(handle, target) + margin).astype(int) + 1, low + 8, last)
    wanted = min(1.0, max(_SPAN_PX / max(length, 1e-6), _UNIT / max(height, width)))
    size = np.maximum(np.rint((high - low) * wanted).astype(int), 8)
    scale = size / (high - low)

    def cut(picture: np.ndarray) -> np.ndarray:
        part = np.ascontiguousarray(picture[low[1] : high[1], low[0] : high[0]], np.float32)
        same = tuple(size) == tuple(high - low)
        return part if same else cv2.resize(part, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA)

    def place(point: np.ndarray) -> np.ndarray:
        return np.asarray((point - low + 0.5) * scale - 0.5, float)

    lab = [np.asarray(cv2.cvtColor(cut(picture), cv2.COLOR_RGB2LAB) / 100, np.float32) for picture in (source, result)]
    mask = None if dragged is None else cut(dragged.astype(np.float32))
    mean = float(scale.mean())
    return Crop(lab[0], lab[1], mask, place(handle), place(target), mean, mean * shorter / _UNIT)


@dataclass(frozen=True, eq=False)
class WayCosts:
    """How unlike the part a picture is along the way and beside it; [A, F]: places across, shares of the way."""

    after: np.ndarray
    """In the result."""
    before: np.ndarray
    """In the source: low at the handle, and where something looked alike before anything was dragged."""
    across_px: np.ndarray
    """[A] px of the crop beside the way."""


def way_costs(crop: Crop, alike: Likeness | None) -> WayCosts:
    """Costs of the turned and stretched patch round the handle, round the whole way."""
    way = crop.target - crop.handle
    length = max(crop.length, 1e-6)
    across = np.array([-way[1], way[0]]) / length
    beside = _ACROSS * max(_LATERAL * length, _LEAST_LATERAL_PX)
    places = crop.handle + SHARES[None, :, None] * way + beside[:, None, None] * across + _PAD
    columns, rows = (np.ascontiguousarray(places[..., axis], np.float32) for axis in (0, 1))
    read = [
        cv2.remap(cost, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for cost in _cost_maps(crop, alike)
    ]
    return WayCosts(read[0], read[1], beside)


def _cost_maps(crop: Crop, alike: Likeness | None) -> list[np.ndarray]:
    """The result's and the source's cost at every px of the crop and `_PAD` px round it."""
    before, after = crop.before, crop.after
    mask = None if alike is None else crop.dragged
    if mask is not None and alike is not None:
        before, after = (np.dstack([p, like.astype(np.float32)]) for p, like in zip((before, after), alike))
    totals: list[np.ndarray] = []
    for number, radius in enumerate(_RADII):
        reach = max(3, round(radius * crop.unit))
        pad = reach + _PAD
        pictures = [cv2.copyMakeBorder(p, pad, pad, pad, pad, cv2.BORDER_REPLICATE) for p in (after, before)]
        powers = [np.square(picture) for picture in pictures]
        lowest = [np.full((1, 1), np.inf, np.float32)] * 2
        for template, weight in _templates(crop, mask, reach, _STRETCHES if number else _STRETCHES[:1]):
            weighted = template * weight
            own = float((weighted * template).sum())
            for i, (picture, power) in enumerate(zip(pictures, powers)):
                met = cv2.matchTemplate(picture, weighted, cv2.TM_CCORR)
                cost = own - 2 * met + cv2.matchTemplate(power, weight, cv2.TM_CCORR)
                lowest[i] = np.minimum(lowest[i], cost)
        totals = lowest if not totals else [a + b for a, b in zip(totals, lowest)]
    return [np.maximum(total / len(_RADII), 0) for total in totals]


def _templates(
    crop: Crop, mask: np.ndarray | None, reach: int, stretches: tuple[float, ...]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(template, weights) of the handle's surroundings, turned and stretched; [n, n, 3], or with a mask [n, n, 4]."""
    way = crop.target - crop.handle
    along = math.atan2(way[1], way[0])
    window = _window(reach)
    for angle in _ANGLES:
        for stretch in stretches:
            inverse = _turn(-angle) @ _turn(along) @ np.diag([1 / stretch, 1]) @ _turn(-along)
            shift = crop.handle - inverse @ np.array([reach, reach], float)
            matrix = np.concatenate([inverse, shift[:, None]], 1).astype(np.float32)
            patch = _sample(crop.before, matrix, reach)
            if mask is None:
                yield patch, np.repeat(window[..., None] / window.sum(), 3, 2)
                continue
            own = np.clip(_sample(mask, matrix, reach), 0, 1)
            colour = window * (_OUTSIDE + (1 - _OUTSIDE) * own)
            weight = np.dstack([colour, colour, colour, _LIKENESS * window]) / colour.sum()
            yield np.dstack([patch, own]), np.ascontiguousarray(weight, np.float32)


def unlike(first: np.ndarray, second: np.ndarray, place: np.ndarray, other: np.ndarray) -> float:
    """The cost, as above but without turns, of the patch of one frame [H, W, 3] round `place` at `other` in another."""
    reach = max(3, round(max(_RADII) * min(first.shape[:2]) / _UNIT))
    size = (2 * reach + 1, 2 * reach + 1)
    patches = [
        cv2.cvtColor(cv2.getRectSubPix(frame, size, (float(at[0]), float(at[1]))), cv2.COLOR_RGB2LAB) / 100
        for frame, at in ((first, place), (second, other))
    ]
    window = _window(reach)
    return float((window * np.square(patches[0] - patches[1]).sum(-1)).sum() / window.sum())


def _window(reach: int) -> np.ndarray:
    at = np.arange(-reach, reach + 1)
    return np.asarray(np.exp(-0.5 * (at[None] ** 2 + at[:, None] ** 2) / (0.5 * reach) ** 2), np.float32)


def _turn(angle: float) -> np.ndarray:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, -sin], [sin, cos]])


def _sample(picture: np.ndarray, matrix: np.ndarray, reach: int) -> np.ndarray:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (2 * reach + 1, 2 * reach + 1)
    return np.asarray(cv2.warpAffine(picture, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))
