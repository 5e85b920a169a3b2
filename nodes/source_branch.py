"""Keeps the source branch of the last inversion: what denoising gives back of a clip does not depend on the drag.

Of one clip at a time, and no longer than its inversion lives: it is as large as that.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING
from weakref import ref

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from ..dragavideo_core.inversion.invert import Inversion
    from ..dragavideo_core.model.drag_model import DragModel


Way = tuple[tuple[int, ...], bool, int]
"""Steps that are visited, whether branches look at each other, frames at a time: sums differ in the last digits."""


@dataclass(frozen=True, eq=False)
class SourceBranch:
    """The reference chain by step, and its decoded end."""

    chain: Mapping[int, Tensor]
    reconstruction: Tensor


@dataclass(frozen=True, eq=False)
class _Kept:
    inversion: ref[Inversion]
    model: ref[DragModel]
    way: Way
    branch: SourceBranch


_kept: list[_Kept] = []
_lock = Lock()


def recall(model: DragModel, inversion: Inversion, way: Way) -> SourceBranch | None:
    """The branch of this very inversion and model, taken in this way, if it is the last that was kept."""
    with _lock:
        for one in _kept:
            if one.inversion() is inversion and one.model() is model and one.way == way:
                return one.branch
    return None


def keep(model: DragModel, inversion: Inversion, way: Way, branch: SourceBranch) -> None:
    """Remember it in place of the one before."""
    with _lock:
        _kept[:] = [_Kept(ref(inversion, _forget), ref(model, _forget), way, branch)]


def _forget(_: object) -> None:
    # No lock: it may be called in the midst of anything, and a list is replaced at once.
    _kept.clear()
