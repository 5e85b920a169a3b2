"""What one drag is about and what stays the same over its iterations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import DragAVideoError
from ..inversion.invert import Inversion
from ..inversion.reference import reference_chain, visited_steps
from ..media.geometry import Geometry
from ..model.batches import chosen_micro_batch, micro_batches
from ..model.drag_model import DragModel
from ..model.sampling import sample_features
from ..progress import Progress
from ..propagation.point_sets import PointSets
from ..settings import DragSettings, TrackerSettings
from .chain import Way, walk_chain, walk_independent
from .supervision import patch_offsets, unit_directions


@dataclass(frozen=True)
class DragProblem:
    """What stays the same over the iterations; points in working px, tensors on the CPU."""

    model: DragModel
    inversion: Inversion
    settings: DragSettings
    tracker: TrackerSettings
    steps: tuple[int, ...]
    visits: tuple[int, ...]
    reference: dict[int, Tensor]
    handles: Tensor
    targets: Tensor
    visible: Tensor
    editable: Tensor
    size: tuple[int, int]
    micro_batch: int
    first_features: tuple[Tensor, ...]
    """Per selected step: features of every handle's patch on the reference trajectory, [N, P, S, R, F]."""

    @property
    def patch(self) -> Tensor:
        return patch_offsets(self.settings.patch_radius_cells)

    @property
    def length(self) -> Tensor:
        return unit_directions(self.handles, self.targets)[1]

    @property
    def alternating(self) -> bool:
        return self.settings.chain == "alternating"

    def batches(self, frames: Tensor) -> list[Tensor]:
        """Numbers of frames [M], a micro-batch each."""
        return list(frames.split(self.micro_batch)) if len(frames) else []

    def patch_features(self, features: Tensor, centres: Tensor, frames: slice | Tensor) -> Tensor:
        """Features [M, F, h, w] of some frames at the patches round `centres` [N, P, S, 2]: [M, P, S, R, F]."""
        return sample_features(features, centres[frames].unsqueeze(3) + self.patch, self.size)

    def walk(
        self, offsets: Tensor, frames: slice | Tensor, graph: bool, tick: Callable[[], None], way: Way | None = None
    ) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Stop with some frames at every selected step; see `walk_chain`."""
        block = self.settings.feature_block
        if self.settings.chain == "independent":
            return walk_independent(
                self.model, self.inversion, self.reference, self.steps, offsets, frames, block, graph, tick
            )
        return walk_chain(self.model, self.inversion, self.visits, self.steps, offsets, frames, block, graph, tick, way)


def prepare_problem(
    model: DragModel,
    inversion: Inversion,
    point_sets: PointSets,
    geometry: Geometry,
    settings: DragSettings,
    tracker: TrackerSettings,
    progress: Progress,
) -> DragProblem:
    """Check that the values belong together, run the reference chain and read the handles' features on it.

    Raises:
        DragAVideoError: an inversion that does not reach the highest selected step or has another number of frames.
    """
    frames, height, width = inversion.latents.shape[1], *inversion.latents.shape[-2:]
    if point_sets.handles.shape[0] != frames:
        raise DragAVideoError(
            f"The point sets cover {point_sets.handles.shape[0]} frames and the inversion {frames}; "
            "make both from the same clip."
        )
    count = chosen_micro_batch(settings.micro_batch, model.device, model.dtype, geometry.working_size, gradients=True)
    steps = tuple(sorted(set(settings.steps), reverse=True))
    if steps[0] > inversion.top:
        raise DragAVideoError(
            f"The drag starts at step {steps[0]}, but the clip was inverted to step {inversion.top} only; "
            "invert further or choose lower drag steps."
        )
    visits = visited_steps(settings, steps[0])
    reference = reference_chain(model, inversion, visits[: visits.index(steps[-1]) + 1], count, progress)
    working = geometry.mask_to_working(point_sets.masks).float().unsqueeze(1)
    problem = DragProblem(
        model=model,
        inversion=inversion,
        settings=settings,
        tracker=tracker,
        steps=steps,
        visits=visits,
        reference=reference,
        handles=geometry.to_working(point_sets.handles).float(),
        targets=geometry.to_working(point_sets.targets).float(),
        visible=point_sets.visible,
        editable=hold_pins(
            (F.adaptive_max_pool2d(working, (height, width)) > 0).float(),
            geometry.to_working(point_sets.pinned),
            geometry.working_size,
        ),
        size=geometry.working_size,
        micro_batch=count,
        first_features=(),
    )
    return _with_first_features(problem, progress)


def hold_pins(editable: Tensor, pinned: Tensor, size: tuple[int, int]) -> Tensor:
    """The editable cells without those round pinned points, which Eq. 5 then holds like all outside the mask.

    Args:
        editable: [N, 1, h, w], 1 where latents may change.
        pinned: [N, Q, 2] working px; pins outside the frame hold nothing.
        size: (W, H) of the working frame.
    """
    height, width = editable.shape[-2:]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    cells = torch.stack([x, y], dim=-1)
    stride = pinned.new_tensor([size[0] / width, size[1] / height])
    at = (pinned + 0.5) / stride - 0.5
    near = (cells - at[:, :, None, None]).norm(dim=-1) <= 1
    return editable * (~near.any(1, keepdim=True)).float()


def _with_first_features(problem: DragProblem, progress: Progress) -> DragProblem:
    embedding = problem.inversion.embedding
    batches = micro_batches(problem.handles.shape[0], problem.micro_batch)
    found: list[Tensor] = []
    for step in problem.steps:
        parts = []
        for frames in batches:
            latents = problem.reference[step][frames]
            with torch.no_grad():
                features = problem.model.features(latents, step, embedding, problem.settings.feature_block)
            parts.append(problem.patch_features(features, problem.handles, frames).cpu())
            progress("reference features", len(found) * len(batches) + len(parts), len(problem.steps) * len(batches))
        found.append(torch.cat(parts))
    return replace(problem, first_features=tuple(found))
