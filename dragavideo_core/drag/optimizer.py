"""The loop of Sec. 3.3 and 3.4: track the handles, supervise their motion, update the latent offsets.

Memory does not grow with the clip. The frame average (Eq. 3) and the tracker's cost (Eq. 6) are sums over frames, and
the loss falls apart into frames because the average is behind a stop-gradient. So with more frames than a micro-batch
holds, or several steps, a first pass without graph gathers the sums and a second one back-propagates a micro-batch of
one step at a time, to the very result of the full batch.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from ..errors import DragAVideoError
from ..inversion.invert import Inversion
from ..media.geometry import Geometry
from ..model.batches import micro_batches
from ..model.drag_model import DragModel
from ..progress import Progress, silent
from ..propagation.point_sets import PointSets
from ..settings import DragSettings, TrackerSettings
from . import supervision as sup
from .offsets import LatentOffsets
from .problem import DragProblem, prepare_problem
from .tracking import advance, candidate_offsets, candidate_progress, tracking_cost
from .update import fits_rule, make_update, moments_of
from .warm_start import warm_start_offset

STAGE = "latent offsets"
_LOSS_SCALE = 1024.0
"""Keeps small gradients above half precision's smallest number."""
_PREVIEWED = 4
"""Frames of a preview at most."""


def optimise_offsets(
    model: DragModel,
    inversion: Inversion,
    point_sets: PointSets,
    geometry: Geometry,
    settings: DragSettings,
    tracker: TrackerSettings,
    *,
    resume: LatentOffsets | None = None,
    save: Callable[[LatentOffsets], None] | None = None,
    progress: Progress = silent,
) -> LatentOffsets:
    """Optimise the offsets until every handle has arrived or `settings.iterations` iterations are done.

    With `iterations` 0 and a warm start the result is the instant preview of the drag.

    Args:
        resume: offsets of an earlier, shorter or cancelled run of the same problem; the loop goes on from there, and
            does nothing where they have arrived.
        save: called once with the offsets reached, also when the loop is cancelled or fails, before the exception
            goes on.
        progress: units are iterations; raising from it cancels within one network evaluation.

    Raises:
        DragAVideoError: the inversion does not reach the highest selected step or has another number of frames, a
            gradient that is not finite, or offsets to resume that belong to another problem.
    """
    problem = prepare_problem(model, inversion, point_sets, geometry, settings, tracker, progress)
    result = resume if resume is not None else _start(problem, point_sets, geometry, progress)
    _check_resume(problem, result)
    try:
        for reached in () if result.arrived else _iterations(problem, result, progress):
            result = reached
            if result.arrived:
                break
    finally:
        if save is not None:
            save(result)
    return result


def _start(problem: DragProblem, point_sets: PointSets, geometry: Geometry, progress: Progress) -> LatentOffsets:
    top = problem.steps[0]
    offsets = torch.zeros(len(problem.steps), *problem.reference[top].shape)
    if problem.settings.warm_start != "none":
        offsets[0] = _warm_start(problem, point_sets, geometry, progress)
        if problem.settings.hard_mask:
            offsets *= problem.editable
    fusion = problem.settings.frame_fusion
    templates = {
        f"template.{step}": sup.fuse_frames(first, problem.visible, fusion)
        for step, first in zip(problem.steps, problem.first_features)
    }
    return LatentOffsets(
        steps=problem.steps,
        visits=problem.visits,
        chained=problem.settings.chain != "independent",
        offsets=offsets,
        progress=torch.zeros(problem.handles.shape[:3]),
        warm_start=problem.settings.warm_start,
        state=templates,
    )


def _warm_start(problem: DragProblem, point_sets: PointSets, geometry: Geometry, progress: Progress) -> Tensor:
    """The first offset [N, C, h, w], at the highest selected step."""
    top, done = problem.steps[0], itertools.count(1)

    def on_frame(_: int) -> None:
        progress("warm start", next(done), len(problem.handles))

    reference = problem.reference[top]
    return warm_start_offset(
        problem.model, problem.inversion, top, reference, point_sets.warp, geometry, on_frame
    )  # fmt: skip


def _check_resume(problem: DragProblem, result: LatentOffsets) -> None:
    expected = (len(problem.steps), *problem.reference[problem.steps[0]].shape)
    chained = problem.settings.chain != "independent"
    if (result.steps, result.visits, result.chained) != (problem.steps, problem.visits, chained):
        raise DragAVideoError(
            f"The offsets to go on from belong to steps {result.steps}, these settings use {problem.steps}"
            f"{'' if result.steps != problem.steps else ' with another chain'}; start again without them."
        )
    if tuple(result.offsets.shape) != expected or result.progress.shape != problem.handles.shape[:3]:
        raise DragAVideoError(
            f"The offsets to go on from have shape {tuple(result.offsets.shape)}, this clip and instruction need "
            f"{expected}; start again without them."
        )
    for step, first in zip(problem.steps, problem.first_features):
        kept = result.state.get(f"template.{step}")
        if kept is None or kept.shape != first.shape:
            raise DragAVideoError(
                "The offsets to go on from were optimised on another feature block or patch radius; set these as they "
                "were, or start again without them."
            )
    if not fits_rule(problem.settings.update, result.state):
        raise DragAVideoError(
            f"The offsets to go on from were optimised by another rule than '{problem.settings.update}'; set 'update' "
            "as it was, or start again without them."
        )


def _iterations(problem: DragProblem, result: LatentOffsets, progress: Progress) -> Iterator[LatentOffsets]:
    """Yield the offsets after every iteration. What is yielded is never changed afterwards."""
    settings = problem.settings
    offsets = result.offsets.clone()
    update = make_update(settings.update, offsets, settings.learning_rate, result.state)
    templates = [result.state[f"template.{step}"] for step in problem.steps]
    travelled = result.progress
    for iteration in range(result.iterations, settings.iterations):
        far = result.distances[-1] if result.distances else None

        def report(loss: float | None = None, done: int = iteration, far: float | None = far) -> None:
            show = partial(_preview, problem, offsets)
            progress(STAGE, done, settings.iterations, loss=loss, distance=far, preview=show)

        passed = _first_pass(problem, offsets, report)
        # Nothing has moved before the first update, unless the latents start warped.
        if iteration > 0 or result.warm_start != "none":
            travelled = _track(problem, passed, travelled, whole_way=iteration == 0)
        current = sup.positions(problem.handles, problem.targets, travelled)
        templates = _refresh(problem, passed, templates, current)
        remaining = (problem.targets - current).norm(dim=-1)[problem.visible]
        arrived = bool((remaining <= settings.arrival_px).all())
        losses = result.losses
        if not arrived:
            loss, offsets.grad = _gradient(problem, passed, templates, current, report)
            losses = (*losses, loss)
            update.step()
            if settings.hard_mask:
                offsets.mul_(problem.editable)
        del passed
        result = replace(
            result,
            offsets=offsets.clone(),
            progress=travelled,
            iterations=iteration + 1,
            arrived=arrived,
            losses=losses,
            distances=(*result.distances, float(remaining.mean())),
            state={
                **{f"template.{step}": template for step, template in zip(problem.steps, templates)},
                **moments_of(update, offsets),
            },
        )
        yield result
        report(losses[-1] if losses else None, iteration + 1, result.distances[-1])


@dataclass(frozen=True)
class _Pass:
    """What the chain gave at the selected steps, [step][micro-batch]; with a graph if there is one of both."""

    batches: list[slice]
    latents: list[list[Tensor]]
    features: list[list[Tensor]]
    graph: bool


def _first_pass(problem: DragProblem, offsets: Tensor, tick: Callable[[], None]) -> _Pass:
    batches = micro_batches(offsets.shape[1], problem.settings.micro_batch)
    # Of one step at a time: the graphs of all steps together are what memory runs out on.
    graph = len(batches) == len(problem.steps) == 1
    latents: list[list[Tensor]] = [[] for _ in problem.steps]
    features: list[list[Tensor]] = [[] for _ in problem.steps]
    for frames in batches:
        for index, x, found in problem.walk(offsets, frames, graph, tick):
            # What waits for the second pass waits in main memory.
            latents[index].append(x if graph else x.cpu())
            features[index].append(found if graph else found.cpu())
    return _Pass(batches, latents, features, graph)


def _track(problem: DragProblem, passed: _Pass, travelled: Tensor, whole_way: bool) -> Tensor:
    """Eq. 6 and 7 over all selected steps; after a warm start the first search is the whole way to the target."""
    if whole_way:
        share = torch.linspace(0, 1, 1 + int(problem.length.max() / sup.CELL_PX / problem.tracker.stride_cells))
        candidates = problem.length.unsqueeze(-1) * share
    else:
        candidates = candidate_progress(travelled, problem.length, candidate_offsets(problem.tracker))
    cost = torch.zeros_like(candidates)
    for template, per_batch in zip(problem.first_features, passed.features):
        magnitude = template.abs().mean().clamp_min(1e-8)  # makes steps alike, and is one for all frames
        for frames, features in zip(passed.batches, per_batch):
            at_step = tracking_cost(
                features.detach().cpu(), template[frames], problem.handles[frames], problem.targets[frames],
                candidates[frames], problem.patch, problem.size,
            )  # fmt: skip
            cost[frames] += at_step / magnitude
    return advance(candidates, cost, problem.visible, problem.tracker.shared)


def _refresh(problem: DragProblem, passed: _Pass, templates: list[Tensor], current: Tensor) -> list[Tensor]:
    """Eq. 3 and its moving average: the supervising features [N, P, S, R, F] of every selected step."""
    fresh = []
    for template, per_batch in zip(templates, passed.features):
        found = [problem.patch_features(f.detach().cpu(), current, b) for b, f in zip(passed.batches, per_batch)]
        fused = sup.fuse_frames(torch.cat(found), problem.visible, problem.settings.frame_fusion)
        fresh.append(sup.moving_average(template, fused, problem.settings.template_rate))
    return fresh


def _gradient(
    problem: DragProblem, passed: _Pass, templates: list[Tensor], current: Tensor, tick: Callable[[], None]
) -> tuple[float, Tensor]:
    """Loss of Eq. 4 + 5 and its gradient with respect to every offset, [T, N, C, h, w]."""
    model, settings = problem.model, problem.settings
    embedding = problem.inversion.embedding
    ahead = sup.supervised_positions(current, problem.targets)
    total, gradients = 0.0, []
    for index, step in enumerate(problem.steps):
        parts = []
        for batch, frames in enumerate(passed.batches):
            latents, features = passed.latents[index][batch], passed.features[index][batch]
            if not passed.graph:
                latents = latents.to(model.device).requires_grad_()
                features = model.features(latents, step, embedding, settings.feature_block)
            template = templates[index][frames].to(model.device)
            moved = problem.patch_features(features, ahead, frames)
            loss = sup.drag_loss(moved, template, problem.visible[frames].to(model.device))
            reference = problem.reference[step][frames].to(model.device)
            editable = problem.editable[frames].to(model.device)
            loss = loss + settings.mask_weight * sup.mask_loss(latents, reference, editable)
            scale = _LOSS_SCALE if model.dtype == torch.float16 else 1.0
            (gradient,) = torch.autograd.grad(loss * scale, latents)
            parts.append(gradient.float().cpu() / scale)
            total += loss.item()
            tick()
        gradients.append(torch.cat(parts))
    gradient = torch.stack(gradients)
    if not gradient.isfinite().all():
        raise DragAVideoError(
            f"The drag's gradient is not finite in {model.dtype}; load the model in fp32, or in bf16 on a CUDA GPU, or "
            "lower the learning rate."
        )
    return total, gradient


def _preview(problem: DragProblem, offsets: Tensor) -> Tensor:
    """A few clean frames [F, H, W, 3], spread over the clip, that the network predicts at the lowest selected step."""
    model, embedding = problem.model, problem.inversion.embedding.to(problem.model.device)
    with torch.no_grad():
        count = offsets.shape[1]
        frames = slice(0, count, -(-count // min(_PREVIEWED, problem.settings.micro_batch)))
        *_, (_, x, _) = problem.walk(offsets.detach(), frames, False, lambda: None)
        noise = model.noise(x, problem.steps[-1], embedding)
        return model.decode(model.schedule.clean_of(x, noise, problem.steps[-1]))
