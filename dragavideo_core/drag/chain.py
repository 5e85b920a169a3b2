"""The offset chain: how the latents at the selected steps follow from the offsets.

x_T1 = z_T1 + delta_T1; below it x_t = DDIM(sg x_{t+1}) + delta_t at a selected step, plain DDIM elsewhere. Each offset
gets its gradient from its own step alone, so no graph ever spans two network evaluations.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..inversion.invert import Inversion
from ..model.drag_model import DragModel

Tick = Callable[[], None]
"""Called after every network evaluation; may raise to cancel."""


@dataclass(frozen=True, eq=False)
class Way:
    """How the steps between two selected ones are gone through.

    A full chain changes little from one iteration to the next, and what changes is carried by the noise at the selected
    steps themselves. So the way from one to the next is the one jump with today's noise plus a correction: by how
    much the walk through every step last differed from its jump.
    """

    corrections: Tensor
    """[T-1, N, C, h, w] fp32, one for every gap between selected steps; written where `anew`."""
    anew: bool
    """Walk every step, and note the corrections."""


def walk_chain(
    model: DragModel,
    inversion: Inversion,
    visits: tuple[int, ...],
    steps: tuple[int, ...],
    offsets: Tensor,
    frames: slice | Tensor,
    block: int,
    graph: bool,
    tick: Tick,
    way: Way | None = None,
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Go down the chain with some frames, and stop at each selected step.

    Args:
        visits: every step of the chain, highest first.
        steps: the selected ones, highest first.
        offsets: [T, N, C, h, w], in the order of `steps`.
        frames: which frames to take, a slice or their numbers [M].
        block: `up_blocks` index of the features.
        graph: whether the features carry a graph back to the latents.
        way: walks every step where left out.

    Yields:
        (index into `steps`, latents [M, C, h, w] as a leaf, features [M, F, fh, fw]).
    """
    embedding = inversion.embedding
    x = inversion.latents[visits[0], frames].to(model.device)
    jumped: Tensor | None = None  # where one jump from the last selected step would have come to
    last = -1
    moves = iter(itertools.pairwise(visits))
    for step, below in moves:
        if step not in steps:
            with torch.no_grad():
                noise = model.noise(x, step, embedding)
            tick()
            x = model.schedule.move(x, noise, step, below)
            continue
        index = steps.index(step)
        if jumped is not None and way is not None:
            way.corrections[last, frames] = (x - jumped).cpu()
        x = x + offsets[index, frames].to(model.device)
        if graph:
            x = x.detach().requires_grad_()
        with torch.set_grad_enabled(graph):
            partial = model.partial(x, step, embedding, block)
        yield index, x, partial.features.float()
        tick()
        if step == steps[-1]:
            return
        x = x.detach()
        noise = model.finish_noise(partial, x, step)
        following, last, jumped = steps[index + 1], index, None
        if below != following and way is not None:
            jumped = model.schedule.move(x, noise, step, following)
            if not way.anew:
                x = jumped + way.corrections[index, frames].to(model.device)
                jumped = None
                while below != following:
                    _, below = next(moves)
                continue
        x = model.schedule.move(x, noise, step, below)


def walk_independent(
    model: DragModel,
    inversion: Inversion,
    reference: dict[int, Tensor],
    steps: tuple[int, ...],
    offsets: Tensor,
    frames: slice | Tensor,
    block: int,
    graph: bool,
    tick: Tick,
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """`walk_chain` without the chain: every selected step adds its offset to its own reference latent."""
    for index, step in enumerate(steps):
        yield index, *stand(model, inversion, step, reference[step][frames] + offsets[index, frames], block, graph)
        tick()


def stand(
    model: DragModel, inversion: Inversion, step: int, latents: Tensor, block: int, graph: bool
) -> tuple[Tensor, Tensor]:
    """Latents [M, C, h, w] at one step as a leaf on the device, and their features [M, F, fh, fw]."""
    x = latents.to(model.device)
    if graph:
        x = x.detach().requires_grad_()
    with torch.set_grad_enabled(graph):
        return x, model.features(x, step, inversion.embedding, block)


@torch.no_grad()
def descend(
    model: DragModel, inversion: Inversion, visits: tuple[int, ...], latents: Tensor, batches: list[Tensor], tick: Tick
) -> Tensor:
    """Latents [N, C, h, w] at `visits[0]` denoised to `visits[-1]`, fp32 on the CPU."""
    lower = torch.empty_like(latents)
    for frames in batches:
        x = latents[frames].to(model.device)
        for step, below in itertools.pairwise(visits):
            x = model.schedule.move(x, model.noise(x, step, inversion.embedding), step, below)
            tick()
        lower[frames] = x.cpu()
    return lower
