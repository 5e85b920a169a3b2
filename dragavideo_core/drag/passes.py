"""One iteration's way through the network: losses, gradients and what the tracker and the frame average read.

Memory does not grow with the clip. The frame average (Eq. 3) and the tracker's cost (Eq. 6) are sums over frames, and
the loss falls apart into frames because the average is behind a stop-gradient. So frames go through a micro-batch at a
time and are back-propagated one selected step at a time, to the very result of the full batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import DragAVideoError
from . import supervision as sup
from .chain import Tick
from .problem import DragProblem
from .readings import Standing, cost_at

Walk = Callable[[Tensor, bool], Iterator[tuple[int, Tensor, Tensor]]]
"""(numbers of frames [M], whether with a graph) -> (index of the selected step, latents, features) at each."""

_LOSS_SCALE = 1024.0
"""Keeps small gradients above half precision's smallest number."""
_ATTEMPTS = 6


@dataclass
class LossScale:
    """What losses are multiplied by before they are back-propagated; halved whenever a gradient overflows."""

    value: float = 1.0


def loss_scale(problem: DragProblem) -> LossScale:
    """The scale to begin with; half precision alone needs one."""
    return LossScale(_LOSS_SCALE if problem.model.dtype == torch.float16 else 1.0)


@dataclass(frozen=True, eq=False)
class Pass:
    """What a graded pass gives. Tensors on the CPU; zero for frames at rest."""

    loss: float
    gradient: Tensor
    """[T, N, C, h, w]"""
    cost: Tensor
    """[N, P, S, K], Eq. 6 over the steps gone through."""
    patches: dict[int, Tensor]
    """Index of a selected step -> features at the points' own patches, [N, P, S, R, F]."""
    ahead: Tensor
    """[N, P, S]: mean distance of the features ahead to what they are to become, over patch, channels and steps."""


def graded_pass(
    problem: DragProblem,
    walk: Walk,
    batches: list[Tensor],
    templates: list[Tensor],
    standing: Standing,
    candidates: Tensor,
    reach_px: float | Tensor,
    scale: LossScale,
    tick: Tick,
) -> Pass:
    """Once through the network with a graph: supervise, and read for the next iteration.

    Args:
        batches: numbers of the frames to take, a micro-batch each.
        templates: the supervising features [N, P, S, R, F] of every selected step.
        candidates: [N, P, S, K], the progress that the tracker tries.
        reach_px: how far ahead the patches are pushed.
    """
    shape = problem.reference[problem.steps[0]].shape
    gradient = torch.zeros(len(problem.steps), *shape)
    cost, away = torch.zeros_like(candidates), torch.zeros(candidates.shape[:3])
    patches: dict[int, Tensor] = {}
    ahead, total = sup.supervised_positions(standing.current, problem.targets, reach_px), 0.0
    for frames in batches:
        for index, x, features in walk(frames, True):
            with torch.no_grad():
                read = features.detach()
                cost[frames] += cost_at(problem, index, read, frames, candidates)
                here = problem.patch_features(read, standing.current, frames).cpu()
            patches.setdefault(index, torch.zeros_like(templates[index]))[frames] = here
            loss, away_here, part = gradient_of(
                problem, index, x, features, frames, templates[index], ahead, standing.moving, scale
            )
            gradient[index, frames] = part
            away[frames] += away_here
            total += loss
            del x, features, read
            tick()
    return Pass(total, gradient, cost, patches, away / max(1, len(patches)))


def look(problem: DragProblem, walk: Walk, batches: list[Tensor], candidates: Tensor) -> Tensor:
    """Eq. 6's cost [N, P, S, K] without a gradient."""
    cost = torch.zeros_like(candidates)
    for frames in batches:
        for index, _, features in walk(frames, False):
            cost[frames] += cost_at(problem, index, features, frames, candidates)
    return cost


def gradient_of(
    problem: DragProblem,
    index: int,
    latents: Tensor,
    features: Tensor | None,
    frames: Tensor,
    template: Tensor,
    ahead: Tensor,
    moving: Tensor,
    scale: LossScale,
) -> tuple[float, Tensor, Tensor]:
    """Eq. 4 + 5 of a micro-batch at one selected step.

    Args:
        latents: [M, C, h, w], a leaf on the device.
        features: of these latents with their graph, which is used up; computed where left out.
        template, ahead, moving: of all frames, on the CPU.

    Returns:
        (loss, distance of the features ahead [M, P, S], gradient [M, C, h, w]), fp32 on the CPU.

    Raises:
        DragAVideoError: a gradient that is not finite; in half precision the loss scale is first halved several times.
    """
    model, settings, step = problem.model, problem.settings, problem.steps[index]
    place = model.device
    wanted, weight = template[frames].to(place), moving[frames].to(place)
    reference, editable = problem.reference[step][frames].to(place), problem.editable[frames].to(place)
    for _ in range(_ATTEMPTS):
        if features is None:
            features = model.features(latents, step, problem.inversion.embedding, settings.feature_block)
        moved = problem.patch_features(features, ahead, frames)
        loss = sup.drag_loss(moved, wanted, weight)
        loss = loss + settings.mask_weight * sup.mask_loss(latents, reference, editable)
        (gradient,) = torch.autograd.grad(loss * scale.value, latents)
        part = gradient.float().cpu() / scale.value
        if part.isfinite().all():
            away = (moved.detach() - wanted).abs().mean(dim=(-1, -2)).cpu()
            return loss.item(), away, part
        if model.dtype != torch.float16:
            break  # what overflows in a wide format does so at every scale
        scale.value /= 2
        features = None
    raise DragAVideoError(
        f"The drag's gradient is not finite in {model.dtype}; load the model in fp32, or in bf16 on a CUDA GPU, or "
        "lower the learning rate."
    )
