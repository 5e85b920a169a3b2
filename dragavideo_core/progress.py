"""How a stage tells its caller where it is, and how the caller stops it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from torch import Tensor


class Progress(Protocol):
    """Called by every stage at least once per network evaluation or iteration.

    Raising from it cancels the stage: nothing in the core catches the exception, so the stage ends within one
    iteration and its graph and device memory go with its frame.
    """

    def __call__(
        self,
        stage: str,
        done: int,
        total: int,
        *,
        loss: float | None = None,
        distance: float | None = None,
        preview: Callable[[], Tensor] | None = None,
    ) -> None:
        """Report `done` of `total` units of `stage`.

        Args:
            stage: short name, e.g. "inversion"; the same string through the whole stage.
            done, total: 0 <= done <= total, in units of the stage's choosing.
            loss: the newest loss, where the stage has one.
            distance: how far the dragged points still are from their targets, mean, working px; where known.
            preview: gives a few frames [F, H, W, 3] of the clip as it is by now, in their order, float 0-1, on the
                CPU. It may cost as many decodes: call it only to show them.
        """


def silent(
    stage: str,
    done: int,
    total: int,
    *,
    loss: float | None = None,
    distance: float | None = None,
    preview: Callable[[], Tensor] | None = None,
) -> None:
    """A `Progress` that reports nothing and never cancels."""
