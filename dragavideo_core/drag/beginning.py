"""Where a drag begins: at no offset, at a warm start, or at what an earlier run of the same drag reached."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from ..errors import DragAVideoError
from ..media.geometry import Geometry
from ..progress import Progress
from ..propagation.point_sets import PointSets
from . import supervision as sup
from .offsets import LatentOffsets
from .problem import DragProblem
from .update import fits_rule
from .warm_start import warm_start_offset


def first_offsets(problem: DragProblem, point_sets: PointSets, geometry: Geometry, progress: Progress) -> LatentOffsets:
    """Offsets of no iteration: zero, or what warps the reference latents along the drag."""
    top, lowest = problem.steps[0], problem.steps[-1]
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
        state={**templates, f"reference.{lowest}": problem.reference[lowest]},
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


def check_resume(problem: DragProblem, result: LatentOffsets) -> None:
    """Refuse offsets that another problem made.

    Raises:
        DragAVideoError: other steps, chain, clip, instruction, features or rule.
    """
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
