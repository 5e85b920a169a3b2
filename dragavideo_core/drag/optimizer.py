"""The loop of Sec. 3.3 and 3.4: track the handles, supervise their motion, update the latent offsets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from ..inversion.invert import Inversion
from ..media.geometry import Geometry
from ..model.drag_model import DragModel
from ..progress import Progress, silent
from ..propagation.point_sets import PointSets
from ..settings import DragSettings, TrackerSettings
from . import two_passes
from .beginning import check_resume, first_offsets
from .chain import Tick, Way, descend, stand
from .offsets import LatentOffsets
from .passes import LossScale, Walk, graded_pass, look, loss_scale
from .problem import DragProblem, prepare_problem
from .readings import Standing, candidates_all_the_way, candidates_near, stand_at
from .template import Template, first_template
from .tracking import advance
from .update import make_update, moments_of

_KEPT_EVERY_S = 3.0
"""What a run that is killed may lose."""
STAGE = "latent offsets"
_PREVIEWED = 4
"""Frames of a preview at most."""
_NEARER_PX = 0.25
"""Points that have not come nearer by this, in working px, have not moved: `DragSettings.patience`."""


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
            does nothing where they have arrived or moved no more.
        save: called with the offsets reached every few seconds and at the end, also when the loop is cancelled or
            fails, before the exception goes on.
        progress: units are iterations; raising from it cancels within one network evaluation.

    Raises:
        DragAVideoError: the inversion does not reach the highest selected step or has another number of frames, a
            gradient that is not finite, or offsets to resume that belong to another problem.
    """
    problem = prepare_problem(model, inversion, point_sets, geometry, settings, tracker, progress)
    result = resume if resume is not None else first_offsets(problem, point_sets, geometry, progress)
    check_resume(problem, result)
    kept_at = time.monotonic()
    try:
        for reached in () if result.arrived or result.stalled else _iterations(problem, result, progress):
            result = reached
            if result.arrived or result.stalled:
                break
            if save is not None and time.monotonic() - kept_at > _KEPT_EVERY_S:
                save(result)
                kept_at = time.monotonic()
    finally:
        if save is not None:
            save(result)
    return result


@dataclass(eq=False)
class _Run:
    """What changes over the iterations of one call; tensors are its own."""

    offsets: Tensor
    template: Template
    travelled: Tensor
    corrections: Tensor
    base: Tensor
    """[N, C, h, w]: of an alternating drag, the latents that the current step's offset is added to."""
    stage: int
    """Index of the step that an alternating drag stands at."""
    moved: Tensor
    """The part of the offsets that is updated, a view: all, or those of an alternating drag's step."""
    update: torch.optim.Optimizer
    scale: LossScale


def _iterations(problem: DragProblem, result: LatentOffsets, progress: Progress) -> Iterator[LatentOffsets]:
    """Yield the offsets after every iteration. What is yielded is never changed afterwards."""
    settings = problem.settings
    run = _begin(problem, result)
    for iteration in range(result.iterations, settings.iterations):
        far = result.distances[-1] if result.distances else None

        def report(loss: float | None = None, done: int = iteration, far: float | None = far) -> None:
            show = partial(_preview, problem, run)
            progress(STAGE, done, settings.iterations, loss=loss, distance=far, preview=show)

        if problem.alternating and _stage(problem, iteration) != run.stage:
            _descend(problem, run, _stage(problem, iteration), report)
        # Nothing has moved before the first update, unless the latents start warped.
        first = iteration == 0
        tracked = not first or result.warm_start != "none"
        walk = _walk(problem, run, anew=iteration % settings.way_refresh == 0, tick=report)
        work = _in_two_passes if settings.passes == "two" and not problem.alternating else _in_one_pass
        before = run.offsets.clone()
        loss, gradient, standing = work(problem, run, walk, first, tracked, report)
        if loss is not None:
            run.moved.grad = gradient[run.stage : run.stage + 1] if problem.alternating else gradient
            run.update.step()
            if settings.hard_mask:
                run.offsets.mul_(problem.editable)
            still = torch.ones(run.offsets.shape[1], dtype=torch.bool)
            still[standing.frames] = False
            run.offsets[:, still] = before[:, still]
        distances = (*result.distances, standing.distance(problem))
        result = replace(
            result,
            offsets=run.offsets.clone(),
            progress=run.travelled,
            iterations=iteration + 1,
            arrived=standing.arrived,
            stalled=not standing.arrived and _stalled(distances, settings.patience),
            losses=result.losses if loss is None else (*result.losses, loss),
            distances=distances,
            state=_state(problem, run),
        )
        yield result
        report(loss, iteration + 1, result.distances[-1])


def _begin(problem: DragProblem, result: LatentOffsets) -> _Run:
    settings, state, steps = problem.settings, result.state, problem.steps
    offsets = result.offsets.clone()
    stage = _stage(problem, max(result.iterations - 1, 0)) if problem.alternating else 0
    gaps = torch.zeros(len(steps) - 1, *offsets.shape[1:])
    moved = offsets[stage : stage + 1] if problem.alternating else offsets
    return _Run(
        offsets=offsets,
        template=first_template(problem, state),
        travelled=result.progress,
        corrections=state.get("way", gaps).clone(),
        base=state.get(f"base.{steps[stage]}", problem.reference[steps[0]].clone()),
        stage=stage,
        moved=moved,
        update=make_update(settings.update, moved, settings.learning_rate, state),
        scale=loss_scale(problem),
    )


def _state(problem: DragProblem, run: _Run) -> dict[str, Tensor]:
    """All that a resumed run needs to equal an unbroken one, and what decoding need not compute again."""
    step = problem.steps[run.stage] if problem.alternating else problem.steps[-1]
    state = {
        **run.template.state(problem.steps),
        **moments_of(run.update, run.moved),
        f"reference.{step}": problem.reference[step],
    }
    if problem.alternating:
        state[f"base.{step}"] = run.base
    elif problem.settings.chain == "full":
        state["way"] = run.corrections.clone()
    return state


def _in_one_pass(
    problem: DragProblem, run: _Run, walk: Walk, first: bool, tracked: bool, tick: Tick
) -> tuple[float | None, Tensor, Standing]:
    """(loss, gradient, where the points are by now); None where they had arrived before anything was done.

    What the pass reads, the next iteration supervises with: features are computed once, and points and average are
    those of the latents before the last update.
    """
    batches = problem.batches(stand_at(problem, run.travelled).frames)
    if first and tracked:  # the latents start warped: look where the points are before pushing them
        candidates = candidates_all_the_way(problem)
        run.travelled = _advance(problem, candidates, look(problem, walk, batches, candidates), run.travelled)
    standing = stand_at(problem, run.travelled)
    if standing.arrived:
        return None, torch.zeros_like(run.offsets), standing
    candidates = candidates_near(problem, run.travelled)
    batches = problem.batches(standing.frames)
    passed = graded_pass(
        problem, walk, batches, run.template.features, standing, candidates, run.template.reach(problem), run.scale,
        tick,
    )  # fmt: skip
    run.template = run.template.renewed(problem, passed.patches, passed.ahead, standing)
    if not first:
        run.travelled = _advance(problem, candidates, passed.cost, run.travelled)
        # The frames that this very pass pushed take its step too.
        standing = replace(stand_at(problem, run.travelled), frames=standing.frames)
    return passed.loss, passed.gradient, standing


def _in_two_passes(
    problem: DragProblem, run: _Run, walk: Walk, first: bool, tracked: bool, tick: Tick
) -> tuple[float | None, Tensor, Standing]:
    """The same with points and average read before the push. Frames that have nothing in common go one by one."""
    batches = problem.batches(stand_at(problem, run.travelled).frames)
    apart = len(problem.steps) == 1 and problem.settings.frame_fusion == 0 and not problem.tracker.shared
    candidates = candidates_all_the_way(problem) if first and tracked else candidates_near(problem, run.travelled)
    travelled, template = run.travelled, run.template
    total, gradient = 0.0, torch.zeros_like(run.offsets)
    for group in [[batch] for batch in batches] if apart else [batches]:
        frames = torch.cat(group)
        found = two_passes.first_pass(problem, walk, group, candidates)
        if tracked:
            travelled = travelled.clone()
            travelled[frames] = _advance(problem, candidates, found.cost, run.travelled)[frames]
        standing = stand_at(problem, travelled)
        if standing.arrived:
            break
        patches = dict(enumerate(two_passes.patches_at(problem, found, standing.current)))
        template = template.renewed(problem, patches, None, standing, frames)
        reach = run.template.reach(problem)
        loss, part, ahead = two_passes.second_pass(problem, found, template.features, standing, reach, run.scale, tick)
        template = template.measured(problem, ahead, standing, frames)
        total, gradient = total + loss, gradient + part
    standing = stand_at(problem, travelled)
    run.travelled, run.template = travelled, template
    return (None if standing.arrived else total), gradient, standing


def _advance(problem: DragProblem, candidates: Tensor, cost: Tensor, travelled: Tensor) -> Tensor:
    """Eq. 6 and 7 over the frames that were gone through; the others' points stay."""
    moving = stand_at(problem, travelled).frames
    taken = torch.zeros(len(travelled), dtype=torch.bool)
    taken[moving] = True
    visible = problem.visible & taken[:, None, None]
    found = advance(candidates, cost, visible, problem.tracker.shared)
    return torch.where(taken[:, None, None], found, travelled)


def _stalled(distances: tuple[float, ...], patience: int) -> bool:
    if not patience or len(distances) <= patience:
        return False
    return min(distances[-patience:]) > min(distances[:-patience]) - _NEARER_PX


def _stage(problem: DragProblem, iteration: int) -> int:
    """Index of the step at which an alternating drag spends an iteration."""
    return min(iteration // problem.settings.step_iterations, len(problem.steps) - 1)


def _descend(problem: DragProblem, run: _Run, stage: int, tick: Tick) -> None:
    """Denoise an alternating drag's latents to its next step, where a new offset begins at zero."""
    upper, lower = (problem.visits.index(problem.steps[index]) for index in (run.stage, stage))
    visits = problem.visits[upper : lower + 1]
    everyone = problem.batches(torch.arange(len(run.base)))
    run.base = descend(problem.model, problem.inversion, visits, run.base + run.offsets[run.stage], everyone, tick)
    run.stage = stage
    run.moved = run.offsets[stage : stage + 1]
    run.update = make_update(problem.settings.update, run.moved, problem.settings.learning_rate, {})


def _walk(problem: DragProblem, run: _Run, anew: bool, tick: Tick) -> Walk:
    """How a pass of this iteration comes to its latents and features."""
    way = Way(run.corrections, anew) if problem.settings.chain == "full" else None

    def walk(frames: Tensor, graph: bool) -> Iterator[tuple[int, Tensor, Tensor]]:
        if not problem.alternating:
            return problem.walk(run.offsets, frames, graph, tick, way)
        latents, step = run.base[frames] + run.offsets[run.stage, frames], problem.steps[run.stage]
        block = problem.settings.feature_block
        return iter([(run.stage, *stand(problem.model, problem.inversion, step, latents, block, graph))])

    return walk


def _preview(problem: DragProblem, run: _Run) -> Tensor:
    """A few clean frames [F, H, W, 3], over the clip, that the network predicts at the lowest step gone through."""
    model, embedding = problem.model, problem.inversion.embedding.to(problem.model.device)
    with torch.no_grad():
        count = run.offsets.shape[1]
        frames = torch.arange(0, count, -(-count // min(_PREVIEWED, problem.micro_batch)))
        *_, (index, x, _) = _walk(problem, run, True, lambda: None)(frames, False)
        step = problem.steps[index]
        return model.decode(model.schedule.clean_of(x, model.noise(x, step, embedding), step))
