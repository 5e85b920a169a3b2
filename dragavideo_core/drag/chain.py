"""The offset chain: how the latents at the selected steps follow from the offsets.

x_T1 = z_T1 + delta_T1; below it x_t = DDIM(sg x_{t+1}) + delta_t at a selected step, plain DDIM elsewhere. Each offset
gets its gradient from its own step alone, so no graph ever spans two network evaluations.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..inversion.invert import Inversion
from ..model.drag_model import DragModel


def walk_chain(
    model: DragModel,
    inversion: Inversion,
    visits: tuple[int, ...],
    steps: tuple[int, ...],
    offsets: Tensor,
    frames: slice,
    block: int,
    graph: bool,
    tick: Callable[[], None],
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Go down the chain with some frames, and stop at each selected step.

    Args:
        visits: every step of the chain, highest first.
        steps: the selected ones, highest first.
        offsets: [T, N, C, h, w], in the order of `steps`.
        frames: which frames to take.
        block: `up_blocks` index of the features.
        graph: whether the features carry a graph back to the latents.
        tick: called after every network evaluation; may raise to cancel.

    Yields:
        (index into `steps`, latents [M, C, h, w] as a leaf, features [M, F, fh, fw]).
    """
    embedding = inversion.embedding
    x = inversion.latents[visits[0], frames].to(model.device)
    for step, below in itertools.pairwise(visits):
        if step in steps:
            index = steps.index(step)
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
        else:
            with torch.no_grad():
                noise = model.noise(x, step, embedding)
            tick()
        x = model.schedule.move(x, noise, step, below)


def walk_independent(
    model: DragModel,
    inversion: Inversion,
    reference: dict[int, Tensor],
    steps: tuple[int, ...],
    offsets: Tensor,
    frames: slice,
    block: int,
    graph: bool,
    tick: Callable[[], None],
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """`walk_chain` without the chain: every selected step adds its offset to its own reference latent."""
    for index, step in enumerate(steps):
        x = (reference[step][frames] + offsets[index, frames]).to(model.device)
        if graph:
            x = x.requires_grad_()
        with torch.set_grad_enabled(graph):
            features = model.features(x, step, inversion.embedding, block)
        yield index, x, features
        tick()
