"""What the person asks for: the one schema, parser and writer of drag instructions.

Version 1, all points in source pixels of frame `frame` of the source file (see `geometry` for the convention):

    {"version": 1, "size": [W, H], "frame": 0,
     "pairs": [{"handle": [x, y], "target": [x, y]}], "mask_points": [[x, y]], "pinned_points": [[x, y]],
     "corrections": [{"pair": 0, "frame": 9, "handle": [x, y]}]}

`corrections` are on frames of their own, and left out where there are none.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DragAVideoError
from ..files import read_named

if TYPE_CHECKING:
    from ..media.clip import Clip

Point = tuple[float, float]
"""(x, y); integers are pixel centres."""

VERSION = 1
SHORTEST_DRAG_PX = 0.5
"""A target closer to its handle than this (source pixels) is a slip of the mouse."""
_KEYS = ("version", "size", "frame", "pairs", "mask_points", "pinned_points", "corrections")


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

    def to_json(self) -> str:
        """The instruction as version 1 JSON, which `parse_instruction` reads back to an equal value."""
        value: dict[str, Any] = {
            "version": VERSION,
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
            size=(int(size[0]), int(size[1])),
        )


def parse_instruction(text: str | Mapping[str, Any]) -> DragInstruction:
    """Read an instruction from JSON text or an already decoded object.

    Single-quoted text (a Python literal) and points as {"x": .., "y": ..} are read too. An instruction without pairs
    is read, since an editor holds one while the person clicks; `validate_instruction` refuses it.

    Raises:
        DragAVideoError: not JSON, not an object, an unknown version or key, or a value that is not what it should be.
    """
    value = _decode(text) if isinstance(text, str) else text
    if not isinstance(value, Mapping):
        raise DragAVideoError(
            f"The instruction is a {type(value).__name__}, not an object; expected "
            '{"version": 1, "pairs": [{"handle": [x, y], "target": [x, y]}], ...}.'
        )
    version = value.get("version", VERSION)
    if version != VERSION or isinstance(version, bool):
        raise DragAVideoError(
            f"The instruction is of version {version!r}, but only version {VERSION} is known; update the pack or write "
            f'"version": {VERSION}.'
        )
    unknown = sorted(str(key) for key in value if key not in _KEYS)
    if unknown:
        raise DragAVideoError(f"The instruction has unknown keys ({', '.join(unknown)}); known: {', '.join(_KEYS)}.")
    frame = 0 if value.get("frame") is None else value["frame"]
    if not _is_integer(frame) or frame < 0:
        raise DragAVideoError(f'"frame" is {value["frame"]!r}; expected the number of a frame in the file, from 0.')
    pairs = []
    for i, pair in enumerate(_list(value, "pairs")):
        if not isinstance(pair, Mapping) or set(pair) != {"handle", "target"}:
            raise DragAVideoError(f'Pair {i + 1} is {pair!r}; expected {{"handle": [x, y], "target": [x, y]}}.')
        pairs.append(DragPair(*(_point(pair[key], f"the {key} of pair {i + 1}") for key in ("handle", "target"))))
    mask_points, pinned_points = (
        tuple(_point(point, f"point {i + 1} of {key}") for i, point in enumerate(_list(value, key)))
        for key in ("mask_points", "pinned_points")
    )
    corrections = tuple(_correction(item, i) for i, item in enumerate(_list(value, "corrections")))
    return DragInstruction(tuple(pairs), mask_points, pinned_points, int(frame), _size(value.get("size")), corrections)


def load_instruction(path: str | Path) -> DragInstruction:
    """Read an instruction file.

    Raises:
        DragAVideoError: no such file, unreadable, or not an instruction; the message begins with the file's name.
    """
    path = Path(path)
    if not path.is_file():
        raise DragAVideoError(f"There is no instruction file '{path}'; check the path.")
    return read_named(path, parse_instruction)


def clip_position(instruction: DragInstruction, clip: Clip) -> int:
    """Position in the clip of the frame nearest to `instruction.frame` (the earlier one of two equally near).

    Raises:
        DragAVideoError: the frame lies outside the stretch that was taken from the file.
    """
    indices = clip.frame_indices
    if not indices[0] <= instruction.frame <= indices[-1]:
        raise DragAVideoError(
            f"The instruction's points are on frame {instruction.frame}, but the clip holds frames {indices[0]} to "
            f"{indices[-1]} of the file; take more frames (start, limit, every) or set the points on one of these."
        )
    return min(range(len(indices)), key=lambda n: abs(indices[n] - instruction.frame))


def validate_instruction(instruction: DragInstruction, clip: Clip) -> None:
    """Check that an instruction can be carried out on a clip. Corrections on frames that were not taken are no fault.

    Raises:
        DragAVideoError: no pairs, another size than the clip's, a frame that was not taken, a point that is not
            finite or not in the frame, a handle on its target, a handle or target outside the crop window, a
            correction of a pair that is not there, on the frame of the points, or twice the same.
    """
    if not instruction.pairs:
        what = "only mask points" if instruction.mask_points else "no pairs"
        raise DragAVideoError(f"The instruction has {what}; add at least one handle with its target.")
    width, height = clip.geometry.source_size
    if instruction.size is not None and tuple(instruction.size) != (width, height):
        raise DragAVideoError(
            f"The instruction was made for a clip of {instruction.size[0]}x{instruction.size[1]} pixels, this one has "
            f"{width}x{height}; set the points on this clip, or convert them (rescale of Drag Points; in Python "
            f"scaled_to(({width}, {height})))."
        )
    clip_position(instruction, clip)
    _check_corrections(instruction)
    left, top, right, bottom = clip.geometry.window
    for name, point in _named_points(instruction):
        where = f"({point[0]:g}, {point[1]:g})"
        if not all(map(math.isfinite, point)):
            raise DragAVideoError(f"The position of {name} is {where}; expected two finite numbers.")
        if not (-0.5 <= point[0] <= width - 0.5 and -0.5 <= point[1] <= height - 0.5):
            raise DragAVideoError(
                f"The position of {name}, {where}, is outside the frame; x must be in 0..{width - 1} and y in "
                f"0..{height - 1}."
            )
        dragged = "handle" in name or "target" in name or "correction" in name
        if dragged and not (left <= point[0] <= right and top <= point[1] <= bottom):
            raise DragAVideoError(
                f"The position of {name}, {where}, is cut off by the crop, which keeps x {left:.1f}..{right:.1f} and y "
                f"{top:.1f}..{bottom:.1f}; fit with letterbox, or choose a working size of the clip's own shape."
            )
    for i, pair in enumerate(instruction.pairs):
        distance = math.dist(pair.handle, pair.target)
        if distance < SHORTEST_DRAG_PX:
            raise DragAVideoError(
                f"The target of pair {i + 1} is {distance:.2f} px from its handle; move it at least "
                f"{SHORTEST_DRAG_PX} px away, or make the handle a pinned point if it shall stay."
            )


def _check_corrections(instruction: DragInstruction) -> None:
    seen: set[tuple[int, int]] = set()
    for i, correction in enumerate(instruction.corrections):
        if not 0 <= correction.pair < len(instruction.pairs):
            raise DragAVideoError(
                f"Correction {i + 1} names pair {correction.pair}, counted from 0, but there are "
                f"{len(instruction.pairs)} pairs; remove it, or name another."
            )
        if correction.frame == instruction.frame:
            raise DragAVideoError(
                f"Correction {i + 1} is on frame {correction.frame}, where the points themselves are set; move the "
                f"handle of pair {correction.pair + 1} instead."
            )
        if (correction.pair, correction.frame) in seen:
            raise DragAVideoError(
                f"Pair {correction.pair + 1} is corrected twice on frame {correction.frame}; remove one of the two."
            )
        seen.add((correction.pair, correction.frame))


def _named_points(instruction: DragInstruction) -> list[tuple[str, Point]]:
    named: list[tuple[str, Point]] = []
    for i, pair in enumerate(instruction.pairs):
        named += [(f"the handle of pair {i + 1}", pair.handle), (f"the target of pair {i + 1}", pair.target)]
    for c in instruction.corrections:
        named.append((f"the correction of pair {c.pair + 1} on frame {c.frame}", c.handle))
    named += [(f"mask point {i + 1}", point) for i, point in enumerate(instruction.mask_points)]
    return named + [(f"pinned point {i + 1}", point) for i, point in enumerate(instruction.pinned_points)]


def _decode(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        try:
            return ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            shown = text.strip()[:40]
            raise DragAVideoError(
                f"The instruction is not JSON ({error.msg}, line {error.lineno}): '{shown}'; expected "
                '{"version": 1, "pairs": [...]}.'
            ) from None
    except RecursionError:
        raise DragAVideoError("The instruction is not JSON that can be read: it is nested too deeply.") from None


def _list(value: Mapping[str, Any], key: str) -> list[Any] | tuple[Any, ...]:
    items = value.get(key)
    if items is None:
        return []
    if not isinstance(items, (list, tuple)):
        raise DragAVideoError(f'"{key}" is {items!r}; expected a list.')
    return items


def _point(value: object, name: str) -> Point:
    if isinstance(value, Mapping) and set(value) == {"x", "y"}:
        value = (value["x"], value["y"])
    if not isinstance(value, (list, tuple)) or len(value) != 2 or not all(map(_is_number, value)):
        raise DragAVideoError(f"The position of {name} is {value!r}; expected [x, y], two numbers in pixels.")
    x, y = float(value[0]), float(value[1])
    if not (math.isfinite(x) and math.isfinite(y)):
        raise DragAVideoError(f"The position of {name} is ({x}, {y}); expected two finite numbers.")
    return x, y


def _correction(value: object, index: int) -> Correction:
    name = f"correction {index + 1}"
    if not isinstance(value, Mapping) or set(value) != {"pair", "frame", "handle"}:
        raise DragAVideoError(
            f'Correction {index + 1} is {value!r}; expected {{"pair": 0, "frame": 0, "handle": [x, y]}}.'
        )
    for key, what in (("pair", "the number of a pair, from 0"), ("frame", "the number of a frame in the file, from 0")):
        if not _is_integer(value[key]) or value[key] < 0:
            raise DragAVideoError(f'"{key}" of {name} is {value[key]!r}; expected {what}.')
    return Correction(int(value["pair"]), int(value["frame"]), _point(value["handle"], f"the handle of {name}"))


def _size(value: object) -> tuple[int, int] | None:
    if value is None:
        return None
    if not isinstance(value, (list, tuple)) or len(value) != 2 or not all(_is_integer(v) and v > 0 for v in value):
        raise DragAVideoError(f'"size" is {value!r}; expected [width, height] of the clip in pixels.')
    return int(value[0]), int(value[1])


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return _is_number(value) and math.isfinite(value) and value == int(value)


def _plain(point: Point) -> list[float]:
    """Whole numbers without ".0", for people who read the file."""
    return [int(v) if float(v).is_integer() else float(v) for v in point]
