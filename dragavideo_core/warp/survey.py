"""What kind of drag each pair is, agreed over the clip: a frame that decided for itself would jump or blink.

- *part*: the handle drags a part of the object on its outline; the part moves on a layer of its own.
- *inside*: handle and target lie inside the object, no outline is crossed; a split there would tear it.
- *free*: there is no object to hold on to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from ..media.shapes import grown
from .crop import crop_of
from .part import Part, Root, agree, find_part, rim_contrast

Kind = Literal["part", "inside", "free"]
_KINDS: tuple[Kind, ...] = ("free", "inside", "part")

_WHOLE, _SPECK = 0.6, 2e-4
"""A mask of more than the one or less than the other share of the frame is no object."""
_EDGE, _FRAGMENT_EDGE = 0.5, 0.93
"""Share of the part's rim that must be an edge of the picture, for a part and for a fragment."""
_ROUND_PX, _SIDES, _OTHER = 5, 8, 0.12
"""What lies round a piece: up to so many px from it, on so many sides, and how far, 0-1, the colour of one is
another's."""
_DEEP, _DEEP_WITHIN, _ALONG = 1.0, 0.2, 0.7
"""A handle this many drags below the outline is inside. So is one whose whole way lies in the object, if it has no root
and is the second number of drags deep, or if the way to its root and the drag have no such cosine: a limb is stretched
or shortened along it, a head turns across."""


@dataclass(frozen=True)
class Survey:
    """For one pair: its kind, and the root that the frames agreed on."""

    kind: Kind
    root: Root | None


@dataclass(frozen=True, eq=False)
class _Sight:
    """One pair in one frame."""

    kind: Kind
    part: Part | None
    scale: float


def survey(
    pictures: Sequence[np.ndarray],
    masks: Sequence[np.ndarray | None],
    handles: np.ndarray,
    targets: np.ndarray,
    visible: np.ndarray,
) -> list[Survey]:
    """Look at every pair in every frame in which it is visible, and decide for the clip.

    Args:
        pictures: N of [H, W, 3] float32 0-1; masks: N of [H, W] bool or None, the object.
        handles, targets: [N, P, 2] source px; visible: [N, P] bool.
    """
    decided = []
    for pair in range(handles.shape[1]):
        sights = [
            _sight(pictures[n], masks[n], handles[n, pair], targets[n, pair])
            for n in range(len(pictures))
            if visible[n, pair]
        ]
        kinds: list[Kind] = [sight.kind for sight in sights]
        kind = max(_KINDS, key=kinds.count) if kinds else "free"
        seen = [sight for sight in sights if sight.kind == "part"]
        decided.append(Survey(kind, agree([s.part for s in seen], [s.scale for s in seen]) if kind == "part" else None))
    return decided


def _sight(picture: np.ndarray, mask: np.ndarray | None, handle: np.ndarray, target: np.ndarray) -> _Sight:
    length = float(np.hypot(*(target - handle)))
    if mask is None or not _SPECK < mask.mean() <= _WHOLE or length < 1e-3:
        return _Sight("free", None, 1.0)
    crop = crop_of(handle[None], target[None], picture.shape[:2], free=False)
    height, width = crop.solved
    inner = crop.cut(mask.astype(np.float32))
    small = cv2.resize(inner, (width, height), interpolation=cv2.INTER_AREA) > 0.4
    start, end = crop.solve(handle), crop.solve(target)
    solved_length = length * crop.scale
    part = find_part(small, start, solved_length)
    if part is None:
        return _Sight("free", None, crop.scale)
    if _is_inside(small, start, end, part):
        return _Sight("inside", part, crop.scale)
    near = np.isfinite(part.distance) & (part.fragment | (part.distance <= part.root.distance))
    seen = cv2.resize(crop.cut(picture), (width, height), interpolation=cv2.INTER_AREA)
    enough = rim_contrast(seen, small, near) >= (_FRAGMENT_EDGE if part.fragment else _EDGE)
    if part.fragment and not part.ends and _leans_on_something(seen, part.graph.mask):
        enough = False
    return _Sight("part" if enough else "free", part, crop.scale)


def _leans_on_something(picture: np.ndarray, piece: np.ndarray) -> bool:
    """Whether what lies round a piece that has no body differs from side to side: a cap sits on a bottle, which
    nobody has marked, and must not fly off alone; the sun hangs in one sky."""
    rows, columns = np.nonzero(grown(piece, _ROUND_PX) & ~grown(piece, 2))
    if len(rows) < _SIDES:
        return False
    middle = np.argwhere(piece).mean(0)
    side = (
        np.floor((np.arctan2(rows - middle[0], columns - middle[1]) / (2 * np.pi) + 0.5) * _SIDES).astype(int) % _SIDES
    )
    means = np.stack([picture[rows[side == k], columns[side == k]].mean(0) for k in range(_SIDES) if (side == k).any()])
    return bool(np.abs(means - np.median(means, 0)).max() > _OTHER)


def _is_inside(mask: np.ndarray, start: np.ndarray, end: np.ndarray, part: Part) -> bool:
    """Whether a drag moves something inside the object, or turns it, and no outline: a nose in a face, a head."""
    drag, inward = end - start, part.place - start
    length = float(np.hypot(*drag))
    if part.depth > _DEEP * length:
        return True
    way = np.rint(start + np.linspace(0, 1, 2 * int(length) + 2)[:, None] * drag).astype(int)
    x, y = np.clip(way, 0, [mask.shape[1] - 1, mask.shape[0] - 1]).T
    if part.fragment or not mask[y, x].all():
        return False
    if part.root.found:
        return abs(drag @ inward) <= _ALONG * length * np.hypot(*inward)
    return part.depth > _DEEP_WITHIN * length
