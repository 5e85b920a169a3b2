"""What the patches ahead are to become: the supervising features of Eq. 3 and 4, and how they follow the drag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from . import supervision as sup
from .problem import DragProblem
from .readings import Standing


@dataclass(frozen=True, eq=False)
class Template:
    """The supervising features, and with an adaptive rate how well the pushes before went. Tensors on the CPU."""

    features: list[Tensor]
    """[N, P, S, R, F] of every selected step."""
    expected: Tensor
    """[P, S]: the features' distance when the drag began; zero before. FreeDrag's l."""
    distance: Tensor
    """[P, S]: the same at the last push, FreeDrag's L_end."""

    def state(self, steps: tuple[int, ...]) -> dict[str, Tensor]:
        """As `first_template` takes it back."""
        kept = {f"template.{step}": features for step, features in zip(steps, self.features)}
        adaptive = {"push.expected": self.expected, "push.distance": self.distance}
        return {**kept, **(adaptive if self.expected.any() else {})}

    def reach(self, problem: DragProblem) -> float | Tensor:
        """How far ahead of its point a patch is pushed, px; an adaptive drag rolls a push that fails back (zero)."""
        reach = problem.settings.reach_cells * sup.CELL_PX
        if not problem.settings.adaptive_template:
            return reach
        return reach * (self.distance <= self.expected).float()

    def renewed(
        self,
        problem: DragProblem,
        patches: Mapping[int, Tensor],
        ahead: Tensor | None,
        standing: Standing,
        frames: Tensor | None = None,
    ) -> Template:
        """Eq. 3 and its moving average.

        Args:
            patches: index of a selected step -> features at the points' own patches [N, P, S, R, F].
            ahead: [N, P, S], `measured` first where given.
            frames: numbers of the frames that the patches are of; those that are not at rest where left out.
        """
        new = self if ahead is None else self.measured(problem, ahead, standing)
        frames = standing.frames if frames is None else frames
        taken = torch.zeros(len(problem.visible), dtype=torch.bool)
        taken[frames] = True
        seen = problem.visible & taken[:, None, None]
        rate = new._rate(problem)
        features = list(new.features)
        for index, found in patches.items():
            fused = sup.fuse_frames(found, seen, problem.settings.frame_fusion)
            fresh = sup.moving_average(features[index], fused, rate)
            features[index] = torch.where(taken.view(-1, 1, 1, 1, 1), fresh, features[index])
        return replace(new, features=features)

    def measured(
        self, problem: DragProblem, ahead: Tensor, standing: Standing, frames: Tensor | None = None
    ) -> Template:
        """With the features' distance at the last push, [N, P, S], averaged over the frames gone through."""
        if not problem.settings.adaptive_template:
            return self
        frames = standing.frames if frames is None else frames
        weight = problem.visible[frames].float()
        distance = (ahead[frames] * weight).sum(0) / weight.sum(0).clamp_min(1)
        expected = torch.where(self.expected > 0, self.expected, distance)
        return replace(self, expected=expected, distance=distance)

    def _rate(self, problem: DragProblem) -> float | Tensor:
        """The average's rate: the setting's, or FreeDrag's 1 / (1 + exp(a (L - 0.2 l))) with a = ln 9 / (0.6 l)."""
        if not problem.settings.adaptive_template:
            return problem.settings.template_rate
        expected = self.expected.clamp_min(1e-8)
        steepness = torch.log(torch.tensor(9.0)) / (0.6 * expected)
        rate = torch.sigmoid(-steepness * (self.distance - 0.2 * expected))
        return rate[None, :, :, None, None]


def first_template(problem: DragProblem, state: Mapping[str, Tensor]) -> Template:
    """The template that a run begins with, out of the state of its offsets."""
    none = torch.zeros(problem.handles.shape[1:3])
    features = [state[f"template.{step}"] for step in problem.steps]
    return Template(features, state.get("push.expected", none), state.get("push.distance", none))
