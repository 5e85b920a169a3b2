"""Where the cells of an object go, in closed form: each part turns and stretches about its root.

A picture of H x W cells has (H + 1) x (W + 1) corners; corner (i, j) lies at (j - 0.5, i - 0.5). With root r, handle h
and target t, a part turns by the angle from h - r to t - r and stretches along h - r by |t - r| / |h - r|, its width
kept; both are faded in round the root by a smooth step, and what lies beyond the handle moves along with it. Without a
root the whole way fades out over the distance that the part has. Several pairs are composed from the body to the tips.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..media.shapes import component_at, smooth_step
from .part import REACH, Part, Root

_HINGE, _BEND = 0.6, 0.8
"""Half the length over which a root bends, in half widths of the part: at least, and for each radian of the turn."""
_HINGE_SHARE = 0.6
"""It is never longer than this share of the part."""
_SHORTEST, _WIDEST_TURN = 0.2, 2.0
"""A part that would shrink to less than this share, or turn by more radians, is rooted deeper."""
_PAST = 0.9
"""What lies beyond the handle is reached from the root past it: its way is longer by this share of its distance."""
SOFT_HINGE = 0.1
"""How stiff cells round the root are, those of the rest being 1."""


@dataclass(frozen=True, eq=False)
class Pull:
    """One pair of one frame: its part and the ends of the drag, px of the solved picture."""

    handle: np.ndarray
    target: np.ndarray
    part: Part


@dataclass(frozen=True, eq=False)
class Pose:
    """Where cells go before the repair.

    Attributes:
        corners: [H + 1, W + 1, 2] positions (x, y) of all corners.
        free: [H, W] bool, cells that move.
        fixed: [H, W] bool, the object's cells that stay.
        stiffness: [H, W]; height: [H, W], what lies on top where cells meet.
    """

    corners: np.ndarray
    free: np.ndarray
    fixed: np.ndarray
    stiffness: np.ndarray
    height: np.ndarray


def rest_corners(height: int, width: int) -> np.ndarray:
    """[H + 1, W + 1, 2]: the corners of all cells at rest."""
    rows, columns = np.mgrid[: height + 1, : width + 1]
    return np.stack([columns - 0.5, rows - 0.5], -1).astype(float)


def posed(shape: tuple[int, int], pulls: Sequence[Pull], pins: Sequence[np.ndarray], soften: float = 1.0) -> Pose:
    """The closed form for all pulls on one object.

    Args:
        shape: (H, W).
        pins: points (x, y) that stay; one on a part becomes its root.
        soften: multiplies the length over which roots bend.
    """
    height, width = shape
    corners = rest_corners(height, width)
    free, fixed = np.zeros(shape, bool), np.zeros(shape, bool)
    stiffness, top = np.ones(shape), np.zeros(shape)
    for pull in _from_body_to_tip(_stopped(pulls, pins)):
        part = pull.part
        rooted = part.root.found
        hinge = _hinge(pull) * soften if rooted else 0.0
        hinge = min(hinge, max(_HINGE_SHARE * part.root.distance, 1.0))
        moving, beyond = _moving(part, hinge)
        lasting = np.where(beyond, 0, part.distance)
        weight = corner_means(_weight(part, lasting, hinge), moving)
        free |= moving
        fixed |= part.graph.mask & ~moving
        if rooted:
            stiffness[moving & (np.abs(part.distance - part.root.distance) <= hinge)] = SOFT_HINGE
        placed = _turned(corners, weight, pull) if rooted else _shifted(corners, weight, pull)
        corners = np.where((weight > 0)[..., None], placed, corners)
        top = np.maximum(top, np.where(moving, 1e3 - lasting, 0))
    return Pose(corners, free, fixed & ~free, stiffness, top)


def deepened(pull: Pull, length: float) -> Pull:
    """The same pull with its root so deep that the part neither vanishes nor turns inside out.

    Where no place on the way to the body is deep enough, it has no root: the motion fades out instead.
    """
    part = pull.part
    if not part.root.found or part.ends:
        return pull
    start = int(np.argmin(np.abs(part.along - part.root.distance)))
    for at in range(start, len(part.way)):
        place = part.way[at]
        before, after = pull.handle - place, pull.target - place
        long, short = np.hypot(*before), np.hypot(*after)
        if short >= _SHORTEST * long > _SHORTEST and before @ after >= np.cos(_WIDEST_TURN) * long * short:
            if at == start:
                return pull
            x, y = place.astype(int)
            root = Root(True, float(part.distance[y, x]), part.root.half_width)
            return replace(pull, part=replace(part, root=root, place=place))
    return replace(pull, part=replace(part, root=Root(False, REACH * length, part.root.half_width)))


def corner_means(values: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Cell values [H, W] at the corners [H + 1, W + 1]: means over the neighbouring `cells`, 0 where there is none."""
    height, width = cells.shape
    total, count = np.zeros((height + 1, width + 1)), np.zeros((height + 1, width + 1))
    kept = np.where(cells, values, 0)
    for down in (0, 1):
        for right in (0, 1):
            total[down : down + height, right : right + width] += kept
            count[down : down + height, right : right + width] += cells
    return total / np.maximum(count, 1)


def _stopped(pulls: Sequence[Pull], pins: Sequence[np.ndarray]) -> list[Pull]:
    """A pin, or another handle, between a handle and its root is the root."""
    stopped = []
    for n, pull in enumerate(pulls):
        part = pull.part
        bodily = part.graph.picture(part.graph.distances(part.graph.nearest(_deepest(part))))
        others = [np.asarray(pin, float) for pin in pins] + [p.handle for i, p in enumerate(pulls) if i != n]
        for stop in others:
            far = _value_at(part.distance, stop)
            nearer_to_body = _value_at(bodily, stop) < _value_at(bodily, pull.handle)
            if 2 < far < part.root.distance and nearer_to_body and not part.fragment:
                part = replace(part, root=Root(True, far, part.root.half_width), place=stop, ends=False)
        stopped.append(replace(pull, part=part))
    return stopped


def _from_body_to_tip(pulls: Sequence[Pull]) -> list[Pull]:
    def depth(pull: Pull) -> float:
        graph = pull.part.graph
        return _value_at(graph.picture(graph.distances(graph.nearest(_deepest(pull.part)))), pull.handle)

    return sorted(pulls, key=depth) if len(pulls) > 1 else list(pulls)


def _deepest(part: Part) -> np.ndarray:
    return part.way[-1]


def _hinge(pull: Pull) -> float:
    """Half the length over which the root bends."""
    before, after = pull.handle - pull.part.place, pull.target - pull.part.place
    turn = abs(np.arctan2(before[0] * after[1] - before[1] * after[0], before @ after))
    return float(pull.part.root.half_width * max(_HINGE, _BEND * turn))


def _moving(part: Part, hinge: float) -> tuple[np.ndarray, np.ndarray]:
    """([H, W] bool cells of the part with its bend, those of them beyond the handle)."""
    on, distance = part.graph.mask, part.distance
    near = on & (distance <= part.root.distance + hinge)
    if part.fragment and not part.ends:
        return on.copy(), np.zeros_like(on)
    beyond = np.zeros_like(on)
    x, y = part.handle.astype(int)
    if part.root.found:
        from_root = part.graph.picture(part.graph.distances(part.graph.nearest(part.place)))
        far = on & (distance > part.root.distance + hinge) & np.isfinite(distance)
        beyond = far & (from_root > from_root[y, x] + _PAST * distance)
    moving = component_at(near | beyond, y, x)
    return moving, beyond & moving


def _weight(part: Part, distance: np.ndarray, hinge: float) -> np.ndarray:
    """[H, W]: 0 where the body begins, 1 in the part."""
    end = part.root.distance
    if part.ends:
        return smooth_step((end - distance) / (2 * hinge))
    if part.root.found:
        return smooth_step((end + hinge - distance) / (2 * hinge))
    return np.ones_like(distance) if part.fragment else smooth_step((end - distance) / max(end, 1.0))


def _turned(corners: np.ndarray, weight: np.ndarray, pull: Pull) -> np.ndarray:
    """All corners turned and stretched about the root by shares `weight` of the whole."""
    handle, root = position_at(corners, pull.handle), position_at(corners, pull.part.place)
    before, after = handle - root, pull.target - root
    long, goal = max(np.hypot(*before), 1e-6), max(np.hypot(*after), 1e-6)
    ahead = before / long
    turn = np.arctan2(before[0] * after[1] - before[1] * after[0], before @ after)
    stretch = float(np.clip(goal / long, 0.2, 5.0))
    away = corners - root
    along = np.minimum(away @ ahead, long)  # beyond the handle the part keeps its length
    away = away + (weight * (stretch - 1) * along)[..., None] * ahead
    cos, sin = np.cos(weight * turn), np.sin(weight * turn)
    return root + np.stack([cos * away[..., 0] - sin * away[..., 1], sin * away[..., 0] + cos * away[..., 1]], -1)


def _shifted(corners: np.ndarray, weight: np.ndarray, pull: Pull) -> np.ndarray:
    return corners + weight[..., None] * (pull.target - position_at(corners, pull.handle))


def position_at(corners: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Where a point (x, y) lies after the corners [H + 1, W + 1, 2] have moved, bilinear."""
    x = float(np.clip(point[0] + 0.5, 0, corners.shape[1] - 1.001))
    y = float(np.clip(point[1] + 0.5, 0, corners.shape[0] - 1.001))
    column, row = int(x), int(y)
    right, down = x - column, y - row
    upper = (1 - right) * corners[row, column] + right * corners[row, column + 1]
    lower = (1 - right) * corners[row + 1, column] + right * corners[row + 1, column + 1]
    return (1 - down) * upper + down * lower


def _value_at(picture: np.ndarray, point: np.ndarray) -> float:
    x, y = np.clip(np.rint(point).astype(int), 0, [picture.shape[1] - 1, picture.shape[0] - 1])
    return float(picture[y, x])
