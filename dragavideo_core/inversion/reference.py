"""The reference chain: the inversion denoised again with no offset, over the steps that a drag visits."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from ..errors import DragAVideoError
from ..model.batches import micro_batches
from ..model.drag_model import DragModel
from ..progress import Progress, silent
from ..settings import DragSettings
from .invert import Inversion


def visited_steps(drag: DragSettings, top: int) -> tuple[int, ...]:
    """Steps that a denoising chain from `top` stops at, descending, ending with 0.

    "strided" jumps between the selected steps and visits every step below the lowest of them; the other chains visit
    every step.

    Raises:
        DragAVideoError: no selected step, or one outside 1 .. top.
    """
    if not drag.steps:
        raise DragAVideoError("No steps are selected for the drag; name at least one, for example 35.")
    for step in drag.steps:
        if not 1 <= step <= top:
            raise DragAVideoError(
                f"Step {step} was not inverted: steps must lie between 1 and {top}; choose others or invert further."
            )
    if drag.chain == "strided":
        return tuple(sorted({top, *drag.steps, *range(min(drag.steps))}, reverse=True))
    return tuple(range(top, -1, -1))


@torch.no_grad()
def reference_chain(
    model: DragModel,
    inversion: Inversion,
    visits: Sequence[int],
    micro_batch: int = 4,
    progress: Progress = silent,
) -> dict[int, Tensor]:
    """Denoise from the inversion's latents at `visits[0]` with no offset.

    Args:
        visits: descending steps, see `visited_steps`; visits[0] at most K.

    Returns:
        step -> [N, C, h, w] fp32 on the CPU for every visited step; visits[0] is the inversion latent itself.

    Raises:
        DragAVideoError: visits that do not descend, or begin above K.
    """
    visits = tuple(visits)
    if not visits or visits[0] > inversion.top or visits[-1] < 0 or any(a <= b for a, b in pairwise(visits)):
        raise DragAVideoError(f"A chain must descend from at most step {inversion.top}, not visit {visits}.")
    start = inversion.latents[visits[0]]
    chain = {step: torch.empty_like(start) for step in visits}
    chain[visits[0]].copy_(start)
    batches = micro_batches(len(start), micro_batch)
    moves = list(pairwise(visits))
    for number, batch in enumerate(batches):
        x = start[batch].to(model.device)
        for index, (step, lower) in enumerate(moves):
            eps = model.noise(x, step, inversion.embedding)
            x = model.schedule.move(x, eps, step, lower)
            chain[lower][batch] = x.cpu()
            progress("reference", number * len(moves) + index + 1, len(batches) * len(moves))
    return chain
