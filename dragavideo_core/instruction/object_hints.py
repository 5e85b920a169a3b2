"""What a person shows of the dragged object on the instruction's frame: clicks on and off it, a box, brush strokes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import DragAVideoError
from ..texts import shown

Point = tuple[float, float]
"""(x, y); integers are pixel centres."""
_KEYS = ("on", "off", "box", "strokes")
_STROKE = '{"points": [[x, y], ...], "radius": px, "on": true or false}'


@dataclass(frozen=True)
class Stroke:
    """A line of the brush along `points`, `radius` to either side, source px; `on` paints the object, off erases."""

    points: tuple[Point, ...]
    radius: float
    on: bool = True


@dataclass(frozen=True)
class ObjectHints:
    """Marks on the instruction's frame, source px. All of it may be empty: the handles alone then find the object."""

    on: tuple[Point, ...] = ()
    """Clicks on the object."""
    off: tuple[Point, ...] = ()
    """Clicks beside it."""
    box: tuple[float, float, float, float] | None = None
    """(left, top, right, bottom) that the object does not leave."""
    strokes: tuple[Stroke, ...] = ()
    """In the order in which they were painted: a later one wins."""

    def __bool__(self) -> bool:
        return bool(self.on or self.off or self.box or self.strokes)

    def moved(self, place: Callable[[Point], Point], scale: float) -> ObjectHints:
        """The same marks with every position put through `place` and every radius times `scale`."""
        box = None if self.box is None else (*place(self.box[:2]), *place(self.box[2:]))
        strokes = tuple(replace(s, points=tuple(map(place, s.points)), radius=s.radius * scale) for s in self.strokes)
        return ObjectHints(tuple(map(place, self.on)), tuple(map(place, self.off)), box, strokes)

    def positions(self) -> Iterator[tuple[str, Point]]:
        """(name, position) of every click and of the box's corners: what has to lie in the frame. A stroke may not."""
        for name, points in (("object click", self.on), ("background click", self.off)):
            for i, point in enumerate(points):
                yield f"{name} {i + 1}", point
        if self.box is not None:
            yield "the object box's first corner", self.box[:2]
            yield "the object box's second corner", self.box[2:]

    def plain(self, point: Callable[[Point], list[float]]) -> dict[str, Any]:
        """As the instruction's JSON has it, what is empty left out; `point` writes a position."""
        value: dict[str, Any] = {}
        if self.on:
            value["on"] = [point(p) for p in self.on]
        if self.off:
            value["off"] = [point(p) for p in self.off]
        if self.box is not None:
            value["box"] = [*point(self.box[:2]), *point(self.box[2:])]
        if self.strokes:
            value["strokes"] = [
                {
                    "points": [point(p) for p in s.points],
                    "radius": int(s.radius) if s.radius.is_integer() else s.radius,
                    "on": s.on,
                }
                for s in self.strokes
            ]
        return value


def parse_hints(
    value: object, point: Callable[[object, str], Point], is_number: Callable[[object], bool]
) -> ObjectHints:
    """The value of the instruction's "object".

    Args:
        value: decoded JSON; None is no hints.
        point: reads a position and names it when it is none.
        is_number: whether a decoded value is a finite number.

    Raises:
        DragAVideoError: something that is not what it should be.
    """
    if value is None:
        return ObjectHints()
    if not isinstance(value, Mapping) or not set(value) <= set(_KEYS):
        raise DragAVideoError(f'"object" is {shown(value)}; expected {{"on": [[x, y]], "off": [[x, y]], ...}}.')
    on, off = (
        tuple(point(p, f"{name} click {i + 1}") for i, p in enumerate(_list(value, key)))
        for key, name in (("on", "object"), ("off", "background"))
    )
    strokes = tuple(_stroke(item, i, point, is_number) for i, item in enumerate(_list(value, "strokes")))
    return ObjectHints(on, off, _box(value.get("box"), is_number), strokes)


def _box(value: object, is_number: Callable[[object], bool]) -> tuple[float, float, float, float] | None:
    if value is None:
        return None
    if not isinstance(value, (list, tuple)) or len(value) != 4 or not all(map(is_number, value)):
        raise DragAVideoError(f"The object's box is {shown(value)}; expected [left, top, right, bottom] in pixels.")
    x0, y0, x1, y1 = map(float, value)
    if not (x0 < x1 and y0 < y1):
        raise DragAVideoError(f"The object's box {shown(value)} is empty; left must be below right, top below bottom.")
    return x0, y0, x1, y1


def _stroke(
    value: object, index: int, point: Callable[[object, str], Point], is_number: Callable[[object], bool]
) -> Stroke:
    name = f"stroke {index + 1} of the object"
    if not isinstance(value, Mapping) or not {"points", "radius"} <= set(value) <= {"points", "radius", "on"}:
        raise DragAVideoError(f"{name.capitalize()} is {shown(value)}; expected {_STROKE}.")
    radius, on = value["radius"], value.get("on", True)
    if not is_number(radius) or not 0 < radius <= 1e5 or not isinstance(on, bool):
        raise DragAVideoError(f"{name.capitalize()} has radius {shown(radius)}, on {shown(on)}; expected {_STROKE}.")
    points = tuple(point(p, f"point {i + 1} of {name}") for i, p in enumerate(_list(value, "points")))
    if not points:
        raise DragAVideoError(f"{name.capitalize()} has no points; remove it.")
    return Stroke(points, float(radius), on)


def _list(value: Mapping[str, Any], key: str) -> list[Any] | tuple[Any, ...]:
    items = value.get(key)
    if items is None:
        return []
    if not isinstance(items, (list, tuple)):
        raise DragAVideoError(f'The object\'s "{key}" is {shown(items)}; expected a list.')
    return items
