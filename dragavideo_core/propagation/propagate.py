"""The whole of Sec. 3.2: clicked points of one frame become handles, targets, pins and masks of every frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..errors import DragAVideoError
from ..instruction.checks import clip_position, validate_instruction
from ..instruction.value import DragInstruction
from ..progress import Progress, silent
from ..settings import PropagationSettings
from .corrections import corrections_of, with_corrections
from .correspondence import dift_features
from .point_sets import PointSets, affine_targets, expand_points, translate_targets
from .regions import checked_mask, edit_regions, moved_mask
from .segmentation import Segmenter, foreground_of, grabcut_segmenter, is_too_small, marks_object
from .tracks import Tracks, inside_frame, smoothed, track_points

if TYPE_CHECKING:
    from ..inversion.invert import Inversion
    from ..media.clip import Clip
    from ..model.drag_model import DragModel


def propagate(
    model: DragModel,
    clip: Clip,
    instruction: DragInstruction,
    settings: PropagationSettings,
    *,
    segmenter: Segmenter | None = None,
    mask: Tensor | None = None,
    inversion: Inversion | None = None,
    micro_batch: int = 4,
    progress: Progress = silent,
) -> PointSets:
    """Propagate an instruction from its frame to the whole clip, outward in both directions.

    Handles become sets (Sec. 3.2). Set points on the object are found in the next frame by DIFT, the others move by
    Eq. 1; a set with no point on the object is tracked whole. Targets move by Eq. 2 or the fitted affine. Pins are
    tracked by DIFT one by one, whatever they lie on.

    A correction puts the pair's whole set round the place it names on its frame, where all of it is visible; the set is
    tracked from there too, and the tracks are joined (see `corrections`). Targets and region follow.

    The region that may change, in each frame:
    - mask points given: the union of squares of half side `mask_radius_px` round the propagated mask points, and of
      discs of radius `mask_radius_px` along each segment from a handle, or a mask point, to its target, without which
      the target, and what the part sweeps on its way, would lie outside;
    - none given: discs of radius 2 x `mask_radius_px` along the segments;
    - `mask` given: that mask alone. One mask belongs to the instruction's frame and moves with the handles' mean
      motion; a mask for every frame is used as it is.
    Segments of a pair that is invisible in a frame are left out of that frame's region.

    Args:
        segmenter: tells object from background, on the instruction's frame for Eq. 1 and on every frame for the
            fitted warm start; GrabCut where none is given.
        mask: [Hs, Ws] or [N, Hs, Ws] in source pixels, bool or float (>= 0.5 may change).
        inversion: of this clip, if there is one; it saves the inversion to `settings.step`.
        micro_batch: frames a network call; results do not depend on it.

    Raises:
        DragAVideoError: an instruction that does not fit the clip, a mask of another size or length or an empty one,
            or a pair that is seen in no frame.
    """
    validate_instruction(instruction, clip)
    count, key_frame = len(clip.frames), clip_position(instruction, clip)
    masks = None if mask is None else checked_mask(mask, count, clip.geometry.source_size)
    pairs, side = len(instruction.pairs), settings.set_side**2

    def working(points: object) -> Tensor:
        return clip.geometry.to_working(torch.tensor(points, dtype=torch.float64).reshape(-1, 2))

    clicked = working([pair.handle for pair in instruction.pairs])
    drag = (working([pair.target for pair in instruction.pairs]) - clicked).float()
    mask_points, pins = working(instruction.mask_points), working(instruction.pinned_points)
    painted = None if masks is None else masks[key_frame if len(masks) == count else 0]
    segmenter = segmenter or grabcut_segmenter()
    mask_points, marks, whole = _marked(clip, key_frame, clicked, drag, mask_points, painted, settings, segmenter)
    sets = expand_points(torch.cat([clicked, mask_points]), settings.set_side, settings.set_spacing_px).float()
    start, groups = sets.flatten(0, 1), torch.arange(len(sets)).repeat_interleave(side)
    foreground = _foreground(whole, sets, pairs)

    corrected = corrections_of(instruction, clip, key_frame)
    jobs = [_Job(key_frame, start, foreground.flatten(), groups)]
    for frame, points in corrected.items():
        moved = working(list(points.values()))
        again = expand_points(moved, settings.set_side, settings.set_spacing_px).float()
        front = _foreground(_segment(clip, frame, moved, segmenter), again, len(again))
        jobs.append(_Job(frame, again.flatten(0, 1), front.flatten(), groups[: len(points) * side]))
    features = _features(model, clip, settings, inversion, micro_batch, progress)
    (moving, *others), still = _track(features, clip, jobs, pins.float(), key_frame, settings, progress)
    moving = with_corrections(moving, key_frame, corrected, others, side)
    # Joining compares tracks as they were found, so it comes first.
    known = torch.zeros_like(moving.visible)
    known[key_frame] = True
    for frame, points in corrected.items():
        for pair in points:
            known[frame, pair * side : (pair + 1) * side] = True
    moving = smoothed(moving, known, clip.geometry.working_size)
    tracks = moving.positions.unflatten(1, (-1, side))
    seen = moving.visible.unflatten(1, (-1, side))
    handles, visible = tracks[:, :pairs], seen[:, :pairs]
    _check_seen(visible)
    if settings.targets == "affine":
        targets = affine_targets(handles, drag, key_frame, visible & foreground[:pairs])
    else:
        targets = translate_targets(handles, drag, key_frame)
    if masks is None:
        masks = edit_regions(
            handles, targets, visible, tracks[:, pairs:], seen[:, pairs:], key_frame, settings, clip.geometry
        )
    elif len(masks) != count:
        masks = moved_mask(masks[0], handles, visible & foreground[:pairs], key_frame, clip.geometry.scale)

    middles, shown = tracks[:, :, side // 2], seen[:, :, side // 2]
    on_object = torch.cat([torch.ones(pairs, dtype=torch.bool), marks])
    objects = _objects(clip, middles[:, on_object], shown[:, on_object], segmenter, progress)

    def source(points: Tensor) -> Tensor:
        return clip.geometry.to_source(points.double()).float()

    return PointSets(
        handles=source(handles),
        targets=source(targets),
        visible=visible,
        foreground=foreground[:pairs],
        masks=masks,
        pinned=source(still.positions),
        key_frame=key_frame,
        objects=clip.geometry.mask_to_source(objects),
    )


def _marked(
    clip: Clip,
    frame: int,
    clicked: Tensor,
    drag: Tensor,
    mask_points: Tensor,
    painted: Tensor | None,
    settings: PropagationSettings,
    segmenter: Segmenter,
) -> tuple[Tensor, Tensor, Tensor]:
    """The mask points [M, 2] to go on with, which of them lie on the object, [M] bool, and the object, [H, W] bool.

    Where the handles and those marks give only a piece of the object, all mask points that look unlike the border are
    tried, and where a mask was painted instead, points of it.
    """
    picture, start = clip.frames[frame], clicked.float()
    marks = marks_object(picture, start, start + drag, mask_points.float())
    whole = _segment(clip, frame, torch.cat([clicked, mask_points[marks]]), segmenter)
    if not is_too_small(whole):
        return mask_points, marks, whole
    if painted is not None:
        mask_points = _points_of(clip.geometry.mask_to_working(painted[None])[0], settings.mask_radius_px)
    marks = marks_object(picture, start, start + drag, mask_points.float(), even_ahead=True)
    return mask_points, marks, _segment(clip, frame, torch.cat([clicked, mask_points[marks]]), segmenter)


def _points_of(mask: Tensor, spacing: float) -> Tensor:
    """Points [M, 2] px (x, y) of a grid that lie in a mask [H, W]."""
    height, width = mask.shape
    rows, columns = (torch.arange(spacing / 2, side, spacing, dtype=torch.float64) for side in (height, width))
    grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1).reshape(-1, 2)
    return grid[foreground_of(mask, grid)]


def _segment(clip: Clip, frame: int, clicks: Tensor, segmenter: Segmenter) -> Tensor:
    """[H, W] bool: the object under clicks [M, 2] (working px) of one frame."""
    width, height = clip.geometry.working_size
    limits = clicks.new_tensor([width, height]) - 0.5
    inside = torch.minimum(clicks.clamp(min=-0.5), limits).float()  # rounding may put a border click just outside
    mask = segmenter(clip.frames[frame].float().cpu(), inside).cpu()
    if mask.shape != (height, width):
        raise DragAVideoError(
            f"The segmentation is {tuple(mask.shape)} but the working frame is {(height, width)} (height, width)."
        )
    return mask.bool()


def _objects(clip: Clip, handles: Tensor, visible: Tensor, segmenter: Segmenter, progress: Progress) -> Tensor:
    """[N, H, W] bool: what lies under the points [N, P, 2] of each frame; nothing where none is visible."""
    width, height = clip.geometry.working_size
    objects = torch.zeros(len(handles), height, width, dtype=torch.bool)
    for frame, (points, seen) in enumerate(zip(handles, visible)):
        if bool(seen.any()):
            objects[frame] = _segment(clip, frame, points[seen], segmenter)
        progress("segmentation", frame + 1, len(handles))
    return objects


def _foreground(mask: Tensor, sets: Tensor, handles: int) -> Tensor:
    """[K, S] bool: which points of the sets [K, S, 2] lie in a mask [H, W].

    Only the first `handles` sets fall back to "all of it" where none does: mask points may well lie beside the object.
    """
    inside = inside_frame(sets, (mask.shape[1], mask.shape[0]))
    foreground = foreground_of(mask, sets) & inside
    nothing = ~foreground.any(1)
    nothing[handles:] = False
    return torch.where(nothing[:, None], inside, foreground)


@dataclass(frozen=True, eq=False)
class _Job:
    """Sets to be tracked from one frame: `start` [K, 2] working px, `foreground` [K] bool, `groups` [K]."""

    frame: int
    start: Tensor
    foreground: Tensor
    groups: Tensor


def _features(
    model: DragModel,
    clip: Clip,
    settings: PropagationSettings,
    inversion: Inversion | None,
    micro_batch: int,
    progress: Progress,
) -> Tensor | None:
    """What frames are compared by; None where there is nothing to find: an image drag needs no features."""
    if len(clip.frames) == 1:
        return None
    step, block = settings.step, settings.feature_block
    return dift_features(model, clip, step, block, inversion=inversion, micro_batch=micro_batch, progress=progress)


def _track(
    features: Tensor | None,
    clip: Clip,
    jobs: list[_Job],
    pins: Tensor,
    key_frame: int,
    settings: PropagationSettings,
    progress: Progress,
) -> tuple[list[Tracks], Tracks]:
    """Tracks of each job's points and of the pins [Q, 2], in working px."""
    count, size = len(clip.frames), clip.geometry.working_size
    if features is None:
        progress("propagation", 1, 1)
        return [Tracks(job.start[None], inside_frame(job.start, size)[None]) for job in jobs], Tracks(
            pins[None], inside_frame(pins, size)[None]
        )
    done = 0

    def on_frame() -> None:
        nonlocal done
        done += 1
        progress("propagation", done, len(jobs) * (count - 1))

    moving = [
        track_points(features, job.start, job.foreground, job.groups, job.frame, size, settings, on_frame)
        for job in jobs
    ]
    pinned = inside_frame(pins, size)
    still = Tracks(pins.repeat(count, 1, 1), pinned.repeat(count, 1))
    if bool(pinned.any()):
        still = track_points(features, pins, pinned, torch.arange(len(pins)), key_frame, size, settings)
    return moving, still


def _check_seen(visible: Tensor) -> None:
    for p, seen in enumerate(visible.any(-1).any(0).tolist()):
        if not seen:
            raise DragAVideoError(
                f"Pair {p + 1} is seen in no frame of the clip; put its handle on a visible part of the object."
            )
