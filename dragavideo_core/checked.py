"""Settings that look at their own values, and the ranges of those that have one."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin, get_type_hints

from .errors import DragAVideoError
from .texts import is_number, shown

_RANGES: dict[str, tuple[float, float]] = {
    "set_side": (1, 99),
    "set_spacing_px": (1e-3, 1e5),
    "step": (1, 1000),
    "feature_block": (0, 1000),
    "window_px": (1e-3, 1e5),
    "occlusion_similarity": (-1, 1),
    "mask_radius_px": (0, 1e5),
    "range_cells": (0.01, 1e4),
    "stride_cells": (0.01, 1e4),
    "reach_cells": (0.01, 1e4),
    "template_rate": (0, 1),
    "frame_fusion": (0, 1),
    "patch_radius_cells": (0, 32),
    "iterations": (0, 1_000_000),
    "step_iterations": (1, 1_000_000),
    "way_refresh": (1, 1_000_000),
    "patience": (0, 1_000_000),
    "learning_rate": (1e-9, 1e3),
    "arrival_px": (0, 1e5),
    "micro_batch": (0, 100_000),
    "rank": (1, 4096),
    "batch_size": (1, 100_000),
    "seed": (0, 2**63 - 1),
    "size": (1, 16384),
    "inversion_steps": (1, 1000),
    "inversion_refinements": (0, 1000),
    "mask_weight": (0, 1e9),
    "cross_branch_layer": (0, 1000),
    "cross_branch_step": (-1, 1000),
    "feather_px": (0, 1e5),
}
"""Of every number, so that none is infinite, NaN, or larger than anything could be meant by."""


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
        raise DragAVideoError(f"The setting '{name}' is {shown(value)}; choose {' or '.join(get_args(kind))}.")
    if get_origin(kind) is tuple and not all(type(item) is int and 0 < item <= 1000 for item in value):
        raise DragAVideoError(
            f"The setting '{name}' is {shown(list(value))}; it must be steps, whole numbers from 1 on, for example "
            "[35]."
        )
    if name in _RANGES:
        low, high = _RANGES[name]
        if not is_number(value) or not low <= value <= high:
            raise DragAVideoError(
                f"The setting '{name}' is {shown(value)}; it must be at least {low:g} and at most {high:g}."
            )
