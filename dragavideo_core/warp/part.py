"""Which part of an object a handle drags, and where it is rooted.

A front spreads from the handle through the object. Its width A(i) at geodesic distance i is that of the part; where it
suddenly grows, the part has ended and the body begins: that is the root. The root's place is on the medial way from
the handle to the object's deepest point. Bumps (a hump, a chin) have no root, and what ends before it widens is a
fragment: the mask holds the part alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ..media.shapes import closed, component_at, depth_of, spread_from
from .geodesic import PixelGraph, pixel_graph

GROWTH = 1.3
"""The front is this much wider than the part beyond the root."""
_STRAIGHT = 1.6
"""A part that widens evenly may be this much wider than its median."""
_SHORTEST = 0.8
"""A part is at least this long, in widths."""
_BUMP = 1.5
"""What is shorter than this, in widths, and longer than `REACH` drags is a bump."""
REACH = 2.0
"""Where there is no root, the motion fades out over so many lengths of the drag."""
_ELONGATED = 2.0
"""A fragment this many times as long as wide turns about its far end."""
_BESIDE = 0.05
"""A handle farther from the object than this share of the picture's longer side drags none."""
_LEAST_PX = 4
_GAP = 3
"""Half the width, px, of what parts a piece from the rest of its object."""


@dataclass(frozen=True)
class Root:
    """What is agreed over a clip, in px: whether there is a root, how far it is, half the part's width there."""

    found: bool
    distance: float
    half_width: float


@dataclass(frozen=True, eq=False)
class Part:
    """The part round a handle in one frame; px of the picture it was found in.

    Attributes:
        graph: the object's connected piece.
        distance: [H, W] geodesic distance to the handle; inf off the piece.
        handle: (x, y), the pixel of the piece that the handle takes hold of.
        way: [L, 2] the medial way from there to the object's deepest point.
        along: [L] length of that way so far.
        root: its place, distance and the half width of the part; without one, where the motion has faded out.
        place: (x, y) of the root.
        depth: of the handle below the object's edge.
        fragment: the mask ends where the part does.
        ends: it turns about that far end.
    """

    graph: PixelGraph
    distance: np.ndarray
    handle: np.ndarray
    way: np.ndarray
    along: np.ndarray
    root: Root
    place: np.ndarray
    depth: float
    fragment: bool = False
    ends: bool = False


def find_part(mask: np.ndarray, handle: np.ndarray, length: float, agreed: Root | None = None) -> Part | None:
    """The part of the object `mask` [H, W] bool at `handle` (x, y) that a drag of `length` px moves.

    Args:
        agreed: what all frames agreed on, in place of this frame's own finding.

    Returns:
        None where the handle lies beside the object.
    """
    height, width = mask.shape
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return None
    x, y = np.clip(np.rint(handle).astype(int), 0, [width - 1, height - 1])
    if not mask[y, x]:
        nearest = int(np.argmin((columns - handle[0]) ** 2 + (rows - handle[1]) ** 2))
        x, y = columns[nearest], rows[nearest]
    if np.hypot(x - handle[0], y - handle[1]) > max(2.0, _BESIDE * max(height, width)):
        return None
    graph = pixel_graph(_piece(mask, y, x))
    start = graph.nearest(np.array([x, y]))
    depth = depth_of(graph.mask)[graph.rows, graph.columns]
    distance = graph.distances(start)
    centre = int(np.argmax(depth))
    way = graph.medial_way(start, centre, depth)
    steps = np.hypot(*np.diff(graph.place(way), axis=0).T) if len(way) > 1 else np.zeros(0)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    front = _front(distance)
    base = Part(
        graph, graph.picture(distance), np.array([x, y], float), graph.place(way), along,
        Root(False, REACH * length, 1.0), np.zeros(2), float(depth[start]),
    )  # fmt: skip
    if agreed is not None and agreed.found:
        at = int(np.argmin(np.abs(along - agreed.distance)))
        return _rooted(base, agreed, base.way[at])
    found = None if agreed is not None else _root_of(front, along, length)
    if found is not None:
        at, half_width = found
        return _rooted(base, Root(True, float(distance[way[at]]), half_width), base.way[at])
    reach = float(distance.max())
    if reach < REACH * length:
        wide = float(np.median(front[: max(int(reach), 1)]))
        if reach > _ELONGATED * wide:
            far = graph.place(np.nonzero(distance > reach - max(2.0, 0.15 * reach))[0]).mean(0)
            return _rooted(base, Root(True, reach, max(wide / 2, 1.0)), far, fragment=True, ends=True)
        return _rooted(base, base.root, base.way[-1], fragment=True)
    at = min(int(np.searchsorted(along, REACH * length)), len(way) - 1)
    half_width = max(min(float(depth[way[: at + 1]].max()), max(REACH * length / 2, 1.0)), 1.0)
    return _rooted(base, Root(False, REACH * length, half_width), base.way[at])


def _piece(mask: np.ndarray, row: int, column: int) -> np.ndarray:
    """The piece of the object at a pixel; with what lies behind a narrow gap, where that is the larger part of it: a
    cap on its bottle, which the mask has parted along a ring of another colour."""
    piece = component_at(mask, row, column)
    joined = component_at(closed(mask, _GAP), row, column)
    return joined if joined.sum() > 2 * piece.sum() else piece


def agree(parts: Sequence[Part | None], scales: Sequence[float]) -> Root | None:
    """One root for all frames, in source px: found where half of the frames have one, medians of the rest.

    Args:
        parts: of each frame, None or a fragment where it says nothing.
        scales: px of each frame's picture in a source px.
    """
    own = [
        (part.root.found, part.root.distance / scale, part.root.half_width / scale)
        for part, scale in zip(parts, scales)
        if part is not None and not part.fragment
    ]
    if not own:
        return None
    found = sum(rooted for rooted, _, _ in own) * 2 >= len(own)
    chosen = np.array([(distance, half) for rooted, distance, half in own if rooted == found])
    return Root(found, float(np.median(chosen[:, 0])), float(np.median(chosen[:, 1])))


def _rooted(part: Part, root: Root, place: np.ndarray, fragment: bool = False, ends: bool = False) -> Part:
    return Part(
        part.graph, part.distance, part.handle, part.way, part.along, root, place, part.depth, fragment, ends
    )  # fmt: skip


def _front(distance: np.ndarray) -> np.ndarray:
    """A(i): pixels at geodesic distance i to i + 1, a mean over three."""
    counts = np.bincount(np.floor(distance).astype(int)).astype(float)
    return np.convolve(np.pad(counts, 1, mode="edge"), np.ones(3) / 3, "valid")


def _root_of(front: np.ndarray, along: np.ndarray, length: float) -> tuple[int, float] | None:
    """(index on the medial way, half the part's width) where the front outgrows the part; None for a bump."""
    for i in range(_LEAST_PX, min(len(front), int(along[-1]) + 1)):
        low = int(0.3 * i)
        high = max(round(0.8 * i), low + 2)
        part = front[low:high]
        median = float(np.median(part))
        expected = median
        if high - low >= 4:
            line = np.polyfit(np.arange(low, high), part, 1)
            expected = max(median, min(float(np.polyval(line, i)), _STRAIGHT * median))
        if front[i] > GROWTH * expected + 1 and i > _SHORTEST * median:
            if i < _BUMP * median and i > REACH * length:
                return None
            return int(np.argmin(np.abs(along - i))), median / 2
    return None


def rim_contrast(picture: np.ndarray, mask: np.ndarray, part: np.ndarray, least: float = 0.08) -> float:
    """Share of a part's outline where the colours within and without differ by more than `least`.

    Args:
        picture: [H, W, 3] float 0-1.
        mask: [H, W] bool, the object; part: [H, W] bool, where to look.
    """
    kernel = np.ones((3, 3), np.uint8)
    inner = cv2.erode(mask.astype(np.uint8), kernel) > 0
    outer = cv2.dilate(mask.astype(np.uint8), kernel) == 0
    rim = mask & ~inner & part
    if not inner.any() or not outer.any() or not rim.any():
        return 1.0
    blurred = cv2.GaussianBlur(picture, (0, 0), 0.7)
    step = np.abs(spread_from(inner, blurred) - spread_from(outer, blurred)).max(-1)
    return float((step[rim] > least).mean())
