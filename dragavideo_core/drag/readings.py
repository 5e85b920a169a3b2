"""What is read from feature maps, on the device where they lie: only costs and patches come back.

The maps themselves are hundreds of megabytes an iteration, what the tracker and the frame average need of them a few.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from . import supervision as sup
from .problem import DragProblem
from .tracking import candidate_offsets, candidate_progress, tracking_cost


@dataclass(frozen=True, eq=False)
class Standing:
    """Where the points are, and who still moves. Tensors on the CPU."""

    travelled: Tensor
    """[N, P, S] working px along the way."""
    current: Tensor
    """[N, P, S, 2] working px: p_k."""
    remaining: Tensor
    """[N, P, S] working px to the target."""
    arrived: bool
    """Whether every visible point has arrived."""
    moving: Tensor
    """[N, P, S] bool: visible, and not at rest. Only these are supervised."""
    frames: Tensor
    """[M] numbers of the frames that have a moving point."""

    def distance(self, problem: DragProblem) -> float:
        """Mean over the visible points, working px."""
        return float(self.remaining[problem.visible].mean())


def stand_at(problem: DragProblem, travelled: Tensor) -> Standing:
    """The points after `travelled`."""
    current = sup.positions(problem.handles, problem.targets, travelled)
    remaining = (problem.targets - current).norm(dim=-1)
    there = remaining <= problem.settings.arrival_px
    arrived = bool(there[problem.visible].all())
    moving = problem.visible & ~there if problem.settings.rest else problem.visible
    frames = moving.flatten(1).any(1) if problem.settings.rest else torch.ones(len(moving), dtype=torch.bool)
    return Standing(travelled, current, remaining, arrived, moving, frames.nonzero().flatten())


def candidates_near(problem: DragProblem, travelled: Tensor) -> Tensor:
    """The progress that Eq. 6 tries, [N, P, S, K]."""
    return candidate_progress(travelled, problem.length, candidate_offsets(problem.tracker))


def candidates_all_the_way(problem: DragProblem) -> Tensor:
    """The same over the whole way, [N, P, S, K]: after a warm start the content may be anywhere on it."""
    share = torch.linspace(0, 1, 1 + int(problem.length.max() / sup.CELL_PX / problem.tracker.stride_cells))
    return problem.length.unsqueeze(-1) * share


def cost_at(problem: DragProblem, index: int, features: Tensor, frames: Tensor, candidates: Tensor) -> Tensor:
    """The selected step's summand of Eq. 6 for some frames: [M, P, S, K] on the CPU.

    Args:
        index: of the selected step.
        features: [M, F, h, w] on their device.
        candidates: [N, P, S, K] of all frames.
    """
    template = problem.first_features[index]
    magnitude = template.abs().mean().clamp_min(1e-8)  # makes steps alike, and is one for all frames
    cost = tracking_cost(
        features, template[frames].to(features.device), problem.handles[frames], problem.targets[frames],
        candidates[frames], problem.patch, problem.size,
    )  # fmt: skip
    return cost.cpu() / magnitude
