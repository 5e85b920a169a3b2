"""Settings that look at their own values, and the ranges of those that have one."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin, get_type_hints

from .errors import DragAVideoError

_ANY = float("inf")
_RANGES: dict[str, tuple[float, float]] = {
    "set_side": (1, _ANY),
    "range_cells": (0.01, _ANY),
    "stride_cells": (0.01, _ANY),
    "reach_cells": (0.01, _ANY),
    "template_rate": (0, 1),
    "frame_fusion": (0, 1),
    "patch_radius_cells": (0, _ANY),
    "iterations": (0, _ANY),
    "step_iterations": (1, _ANY),
    "way_refresh": (1, _ANY),
    "patience": (0, _ANY),
    "learning_rate": (1e-9, _ANY),
    "micro_batch": (0, _ANY),
    "size": (1, _ANY),
    "inversion_refinements": (0, _ANY),
    "mask_weight": (0, _ANY),
    "cross_branch_layer": (0, _ANY),
    "cross_branch_step": (-1, _ANY),
    "feather_px": (0, _ANY),
}


class Checked:
    """Settings that look at their values when they are made, whoever makes them."""

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(type(self)).items():
            _check(name, getattr(self, name), kind)


def _check(name: str, value: Any, kind: Any) -> None:
    """Refuse a word that means nothing, steps that are no whole numbers, and numbers outside their range.

    Raises:
        DragAVideoError: naming the setting, the value and what was expected.
    """
    if get_origin(kind) is Literal and value not in get_args(kind):
        raise DragAVideoError(f"The setting '{name}' is {value!r}; choose {' or '.join(get_args(kind))}.")
    if get_origin(kind) is tuple and not all(type(item) is int and item > 0 for item in value):
        raise DragAVideoError(
            f"The setting '{name}' is {list(value)!r}; it must be steps, whole numbers from 1 on, for example [35]."
        )
    low, high = _RANGES.get(name, (-_ANY, _ANY))
    if name in _RANGES and not low <= value <= high:
        limits = f"at least {low:g}" if high == _ANY else f"{low:g} to {high:g}"
        raise DragAVideoError(f"The setting '{name}' is {value!r}; it must be {limits}.")
