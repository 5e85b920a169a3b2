"""The plain loop that ours is timed against: the method written down with DragDiffusion's means, nothing saved.

Features come from a hook in the whole UNet, one frame at a time. Frame average and tracking need all frames before a
gradient can be taken, so every iteration goes down the chain once without a graph and then through each selected step
again with one. It gives what ours gives with `passes="two", way_refresh=1, rest=False`, without a warm start.
"""

from __future__ import annotations

import itertools
import time
from typing import Any

import torch
from torch import Tensor

from dragavideo_core.drag import supervision as sup
from dragavideo_core.drag.problem import DragProblem
from dragavideo_core.drag.readings import candidates_near, cost_at
from dragavideo_core.drag.tracking import advance
from dragavideo_core.drag.update import make_update


class _Hook:
    """The output of an up-block in a whole forward of the UNet."""

    def __init__(self, unet: Any, block: int) -> None:
        self.found: Tensor | None = None
        self._handle = unet.up_blocks[block].register_forward_hook(self._keep)

    def _keep(self, module: Any, inputs: Any, output: Tensor) -> None:
        self.found = output

    def features(self) -> Tensor:
        assert self.found is not None
        return self.found.float()

    def remove(self) -> None:
        self._handle.remove()


def plain_drag(problem: DragProblem, iterations: int) -> tuple[Tensor, list[float]]:
    """Offsets [T, N, C, h, w] after some iterations from zero, and seconds of each."""
    model, settings, steps = problem.model, problem.settings, problem.steps
    frames = len(problem.handles)
    offsets = torch.zeros(len(steps), *problem.reference[steps[0]].shape)
    update = make_update(settings.update, offsets, settings.learning_rate, {})
    templates = [sup.fuse_frames(f, problem.visible, settings.frame_fusion) for f in problem.first_features]
    travelled, seconds = torch.zeros(problem.handles.shape[:3]), []
    hook = _Hook(model.unet, settings.feature_block)
    try:
        for iteration in range(iterations):
            start = time.perf_counter()
            latents, maps = _all_features(problem, offsets, hook)
            if iteration:
                candidates = candidates_near(problem, travelled)
                cost = torch.zeros_like(candidates)
                for index, n in itertools.product(range(len(steps)), range(frames)):
                    cost[n] += cost_at(problem, index, maps[index][n], torch.tensor([n]), candidates)[0]
                travelled = advance(candidates, cost, problem.visible, problem.tracker.shared)
            current = sup.positions(problem.handles, problem.targets, travelled)
            ahead = sup.supervised_positions(current, problem.targets, settings.reach_cells * sup.CELL_PX)
            gradient = torch.zeros_like(offsets)
            for index, step in enumerate(steps):
                found = [problem.patch_features(maps[index][n], current, slice(n, n + 1)) for n in range(frames)]
                fused = sup.fuse_frames(torch.cat(found), problem.visible, settings.frame_fusion)
                templates[index] = sup.moving_average(templates[index], fused, settings.template_rate)
                for n in range(frames):
                    one, x = slice(n, n + 1), latents[index][n].requires_grad_()
                    model.noise(x, step, problem.inversion.embedding)
                    moved = problem.patch_features(hook.features(), ahead, one)
                    loss = sup.drag_loss(moved, templates[index][one], problem.visible[one])
                    held = sup.mask_loss(x, problem.reference[step][one], problem.editable[one])
                    (part,) = torch.autograd.grad(loss + settings.mask_weight * held, x)
                    gradient[index, n] = part[0]
            offsets.grad = gradient
            update.step()
            seconds.append(time.perf_counter() - start)
    finally:
        hook.remove()
    return offsets, seconds


@torch.no_grad()
def _all_features(problem: DragProblem, offsets: Tensor, hook: _Hook) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
    """Latents and features of every frame at every selected step, [step][frame]."""
    model, steps = problem.model, problem.steps
    latents: list[list[Tensor]] = [[] for _ in steps]
    maps: list[list[Tensor]] = [[] for _ in steps]
    for n in range(offsets.shape[1]):
        x = problem.inversion.latents[problem.visits[0], n : n + 1]
        for step, below in itertools.pairwise(problem.visits):
            if step in steps:
                x = x + offsets[steps.index(step), n : n + 1]
            noise = model.noise(x, step, problem.inversion.embedding)
            if step in steps:
                latents[steps.index(step)].append(x.clone())
                maps[steps.index(step)].append(hook.features())
            if step == steps[-1]:
                break
            x = model.schedule.move(x, noise, step, below)
    return latents, maps
