"""Edits with known answers: the tip of a part moved by so many pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

PARTS = ("nose", "ear", "tail", "front_foot", "back_foot", "eye")


@dataclass(frozen=True)
class PartEdit:
    """Moves the tip of one part by (dx, dy) in every frame, in px at size 128; its shape follows."""

    part: str
    dx: float
    dy: float

    def __post_init__(self) -> None:
        if self.part not in PARTS:
            raise ValueError(f"unknown part {self.part!r}: one of {', '.join(PARTS)}")


Edits = PartEdit | tuple[PartEdit, ...] | None
"""Nothing, one part, or several at once; edits of the same part add up."""


def as_edits(edit: Edits) -> tuple[PartEdit, ...]:
    """The edits one by one."""
    return () if edit is None else (edit,) if isinstance(edit, PartEdit) else edit


def sample_edit(rng: np.random.Generator, part: str | None = None, reach: float = 12.0) -> PartEdit:
    """A random edit, any direction, at most `reach` px long; feet and eyes break sooner and go less far."""
    part = part or str(rng.choice(PARTS, p=(0.35, 0.2, 0.2, 0.1, 0.1, 0.05)))
    share = {"front_foot": 0.6, "back_foot": 0.6, "eye": 0.2}.get(part, 1.0)
    length = reach * share * math.sqrt(rng.uniform(0.02, 1))
    angle = rng.uniform(0, 2 * math.pi)
    return PartEdit(part, length * math.cos(angle), length * math.sin(angle))
