"""What the person asks for: the one schema, parser and writer of drag instructions.

Version 2, all points in source pixels of frame `frame` of the source file (see `geometry` for the convention):

    {"version": 2, "size": [W, H], "frame": 0,
     "pairs": [{"handle": [x, y], "target": [x, y]}], "mask_points": [[x, y]], "pinned_points": [[x, y]],
     "corrections": [{"pair": 0, "frame": 9, "handle": [x, y]}],
     "object": {"on": [[x, y]], "off": [[x, y]], "box": [left, top, right, bottom],
                "strokes": [{"points": [[x, y]], "radius": r, "on": true}]}}

`corrections` are on frames of their own. Both they and `object` (see `object_hints`) are left out where they are empty;
version 1 had no `object`, and an instruction without one is written as version 1 still.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import DragAVideoError
from .object_hints import ObjectHints, Point

VERSIONS = (1, 2)


@dataclass(frozen=True)
class DragPair:
    """One drag: what is at `handle` shall come to `target` (source pixels)."""

    handle: Point
    target: Point


@dataclass(frozen=True)
class Correction:
    """Where the handle of a pair (counted from 0) is on another frame of the file, as a person sees it (source px)."""

    pair: int
    frame: int
    handle: Point


@dataclass(frozen=True)
class DragInstruction:
    """All that the person asks for, in source pixels of the source file's frame `frame`."""

    pairs: tuple[DragPair, ...]
    mask_points: tuple[Point, ...] = ()
    """Where the picture may change; patches round them make the mask."""
    pinned_points: tuple[Point, ...] = ()
    """What must stay where it is."""
    frame: int = 0
    size: tuple[int, int] | None = None
    """(width, height) of the clip the points were set on, where known."""
    corrections: tuple[Correction, ...] = ()
    """What tracking cannot find by itself; at most one for a pair and frame, and none on `frame`."""
    hints: ObjectHints = field(default_factory=ObjectHints)
    """What the person showed of the object on `frame`."""

    def to_json(self) -> str:
        """The instruction as JSON, which `parse_instruction` reads back to an equal value."""
        value: dict[str, Any] = {
            "version": VERSIONS[-1] if self.hints else VERSIONS[0],
            "size": list(self.size) if self.size else None,
            "frame": self.frame,
            "pairs": [{"handle": _plain(p.handle), "target": _plain(p.target)} for p in self.pairs],
            "mask_points": [_plain(p) for p in self.mask_points],
            "pinned_points": [_plain(p) for p in self.pinned_points],
        }
        if self.corrections:
            value["corrections"] = [
                {"pair": c.pair, "frame": c.frame, "handle": _plain(c.handle)} for c in self.corrections
            ]
        if self.hints:
            value["object"] = self.hints.plain(_plain)
        return json.dumps(value)

    def scaled_to(self, size: tuple[int, int]) -> DragInstruction:
        """The same instruction for a clip resized to `size` (width, height).

        Raises:
            DragAVideoError: the instruction does not know the size it was made for.
        """
        if self.size is None:
            raise DragAVideoError('The instruction names no size to scale from; add "size": [width, height] to it.')
        sx, sy = size[0] / self.size[0], size[1] / self.size[1]

        def scaled(point: Point) -> Point:
            return ((point[0] + 0.5) * sx - 0.5, (point[1] + 0.5) * sy - 0.5)

        return replace(
            self,
            pairs=tuple(DragPair(scaled(p.handle), scaled(p.target)) for p in self.pairs),
            mask_points=tuple(map(scaled, self.mask_points)),
            pinned_points=tuple(map(scaled, self.pinned_points)),
            corrections=tuple(replace(c, handle=scaled(c.handle)) for c in self.corrections),
            hints=self.hints.moved(scaled, (sx * sy) ** 0.5),
            size=(int(size[0]), int(size[1])),
        )


def _plain(point: Point) -> list[float]:
    """Whole numbers without ".0", for people who read the file."""
    return [int(v) if float(v).is_integer() else float(v) for v in point]
