"""Reading an instruction: from JSON text, a Python literal, a decoded object or a file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import DragAVideoError
from ..files import read_named
from ..texts import decoded, is_finite, is_number, is_whole, shown
from .object_hints import Point, parse_hints
from .value import VERSIONS, Correction, DragInstruction, DragPair

_KEYS = ("version", "size", "frame", "pairs", "mask_points", "pinned_points", "corrections", "object")


def parse_instruction(text: str | Mapping[str, Any]) -> DragInstruction:
    """Read an instruction from JSON text or an already decoded object.

    Single-quoted text (a Python literal) and points as {"x": .., "y": ..} are read too. An instruction without pairs
    is read, since an editor holds one while the person clicks; `validate_instruction` refuses it.

    Raises:
        DragAVideoError: not JSON, not an object, an unknown version or key, or a value that is not what it should be.
    """
    value = (
        decoded(text, "The instruction", 'expected {"version": 1, "pairs": [...]}') if isinstance(text, str) else text
    )
    if not isinstance(value, Mapping):
        raise DragAVideoError(
            f"The instruction is a {type(value).__name__}, not an object; expected "
            '{"version": 1, "pairs": [{"handle": [x, y], "target": [x, y]}], ...}.'
        )
    version = value.get("version", VERSIONS[-1])
    if isinstance(version, bool) or version not in VERSIONS:
        raise DragAVideoError(
            f"The instruction is of version {shown(version)}, but only versions 1 and 2 are known; update the pack or "
            f'write "version": {VERSIONS[-1]}.'
        )
    unknown = sorted(shown(key).strip("'") for key in value if key not in _KEYS)
    if unknown:
        raise DragAVideoError(f"The instruction has unknown keys ({', '.join(unknown)}); known: {', '.join(_KEYS)}.")
    frame = 0 if value.get("frame") is None else value["frame"]
    if not is_whole(frame) or frame < 0:
        raise DragAVideoError(
            f'"frame" is {shown(value["frame"])}; expected the number of a frame in the file, from 0.'
        )
    pairs = []
    for i, pair in enumerate(_list(value, "pairs")):
        if not isinstance(pair, Mapping) or set(pair) != {"handle", "target"}:
            raise DragAVideoError(f'Pair {i + 1} is {shown(pair)}; expected {{"handle": [x, y], "target": [x, y]}}.')
        pairs.append(DragPair(*(_point(pair[key], f"the {key} of pair {i + 1}") for key in ("handle", "target"))))
    mask_points, pinned_points = (
        tuple(_point(point, f"point {i + 1} of {key}") for i, point in enumerate(_list(value, key)))
        for key in ("mask_points", "pinned_points")
    )
    corrections = tuple(_correction(item, i) for i, item in enumerate(_list(value, "corrections")))
    hints = parse_hints(value.get("object"), _point, is_finite)
    size = _size(value.get("size"))
    return DragInstruction(tuple(pairs), mask_points, pinned_points, int(frame), size, corrections, hints)


def load_instruction(path: str | Path) -> DragInstruction:
    """Read an instruction file.

    Raises:
        DragAVideoError: no such file, unreadable, or not an instruction; the message begins with the file's name.
    """
    path = Path(path)
    if not path.is_file():
        raise DragAVideoError(f"There is no instruction file '{path}'; check the path.")
    return read_named(path, parse_instruction)


def _list(value: Mapping[str, Any], key: str) -> list[Any] | tuple[Any, ...]:
    items = value.get(key)
    if items is None:
        return []
    if not isinstance(items, (list, tuple)):
        raise DragAVideoError(f'"{key}" is {shown(items)}; expected a list.')
    return items


def _point(value: object, name: str) -> Point:
    if isinstance(value, Mapping) and set(value) == {"x", "y"}:
        value = (value["x"], value["y"])
    if not isinstance(value, (list, tuple)) or len(value) != 2 or not all(map(is_number, value)):
        raise DragAVideoError(f"The position of {name} is {shown(value)}; expected [x, y], two numbers in pixels.")
    x, y = float(value[0]), float(value[1])
    if not (math.isfinite(x) and math.isfinite(y)):
        raise DragAVideoError(f"The position of {name} is ({x}, {y}); expected two finite numbers.")
    return x, y


def _correction(value: object, index: int) -> Correction:
    name = f"correction {index + 1}"
    if not isinstance(value, Mapping) or set(value) != {"pair", "frame", "handle"}:
        raise DragAVideoError(
            f'Correction {index + 1} is {shown(value)}; expected {{"pair": 0, "frame": 0, "handle": [x, y]}}.'
        )
    for key, what in (("pair", "the number of a pair, from 0"), ("frame", "the number of a frame in the file, from 0")):
        if not is_whole(value[key]) or value[key] < 0:
            raise DragAVideoError(f'"{key}" of {name} is {shown(value[key])}; expected {what}.')
    return Correction(int(value["pair"]), int(value["frame"]), _point(value["handle"], f"the handle of {name}"))


def _size(value: object) -> tuple[int, int] | None:
    if value is None:
        return None
    if not isinstance(value, (list, tuple)) or len(value) != 2 or not all(is_whole(v) and v > 0 for v in value):
        raise DragAVideoError(f'"size" is {shown(value)}; expected [width, height] of the clip in pixels.')
    return int(value[0]), int(value[1])
