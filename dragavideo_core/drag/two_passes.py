"""An iteration as the equations stand: first all features, from which points and averages are read, then the gradient.

With more frames than a micro-batch holds, or several steps, the features are computed twice, because the graphs of
all of them together are what memory runs out on.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from . import supervision as sup
from .chain import Tick
from .passes import LossScale, Walk, gradient_of
from .problem import DragProblem
from .readings import Standing, cost_at


@dataclass(frozen=True, eq=False)
class Features:
    """What the chain gave at the selected steps, [step][micro-batch]; with a graph if there is one of both."""

    batches: list[Tensor]
    latents: list[list[Tensor]]
    maps: list[list[Tensor]]
    cost: Tensor
    """[N, P, S, K] of Eq. 6."""
    graph: bool


def first_pass(problem: DragProblem, walk: Walk, batches: list[Tensor], candidates: Tensor) -> Features:
    """Features of every frame at every selected step, and the tracker's cost of `candidates` [N, P, S, K]."""
    graph = len(batches) == len(problem.steps) == 1
    latents: list[list[Tensor]] = [[] for _ in problem.steps]
    maps: list[list[Tensor]] = [[] for _ in problem.steps]
    cost = torch.zeros_like(candidates)
    for frames in batches:
        for index, x, found in walk(frames, graph):
            cost[frames] += cost_at(problem, index, found.detach(), frames, candidates)
            # What waits for the second pass waits in main memory.
            latents[index].append(x if graph else x.cpu())
            maps[index].append(found if graph else found.cpu())
    return Features(batches, latents, maps, cost, graph)


def patches_at(problem: DragProblem, found: Features, current: Tensor) -> list[Tensor]:
    """Features at the points' own patches, [N, P, S, R, F] for every selected step; zero in frames not gone through."""
    patches = [torch.zeros_like(first) for first in problem.first_features]
    for at_step, per_batch in zip(patches, found.maps):
        for frames, features in zip(found.batches, per_batch):
            at_step[frames] = problem.patch_features(features.detach(), current, frames).cpu()
    return patches


def second_pass(
    problem: DragProblem,
    found: Features,
    templates: list[Tensor],
    standing: Standing,
    reach_px: float | Tensor,
    scale: LossScale,
    tick: Tick,
) -> tuple[float, Tensor, Tensor]:
    """Loss of Eq. 4 + 5, its gradient with respect to every offset [T, N, C, h, w], and the features' distance ahead
    [N, P, S]."""
    ahead = sup.supervised_positions(standing.current, problem.targets, reach_px)
    total, gradient = 0.0, torch.zeros(len(problem.steps), *problem.reference[problem.steps[0]].shape)
    away = torch.zeros(standing.travelled.shape)
    for index in range(len(problem.steps)):
        for batch, frames in enumerate(found.batches):
            latents = found.latents[index][batch]
            features = found.maps[index][batch] if found.graph else None
            if not found.graph:
                latents = latents.to(problem.model.device).requires_grad_()
            loss, away_here, part = gradient_of(
                problem, index, latents, features, frames, templates[index], ahead, standing.moving, scale
            )
            gradient[index, frames] = part
            away[frames] += away_here / len(problem.steps)
            total += loss
            tick()
    return total, gradient, away
