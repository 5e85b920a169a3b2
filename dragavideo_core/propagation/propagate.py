"""The whole of Sec. 3.2: clicked points of one frame become handles, targets, pins and masks of every frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..errors import DragAVideoError
from ..instruction.checks import clip_position, validate_instruction
from ..instruction.value import DragInstruction
from ..objects.object_masks import find_objects
from ..objects.value import ObjectMasks, Segmenter
from ..progress import Progress, silent
from ..settings import PropagationSettings
from ..warp.clip import warp_clip
from .corrections import corrections_of, with_corrections
from .correspondence import dift_features
from .follow import follow_jobs
from .point_sets import PointSets, affine_targets, expand_points, foreground_of, translate_targets
from .regions import checked_mask, edit_regions, moved_mask, widened
from .tracks import Job, Tracks, inside_frame, smoothed, track_points

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
    objects: ObjectMasks | None = None,
    segmenter: Segmenter | None = None,
    mask: Tensor | None = None,
    inversion: Inversion | None = None,
    micro_batch: int = 4,
    progress: Progress = silent,
) -> PointSets:
    """Propagate an instruction from its frame to the whole clip, outward in both directions.

    Handles become sets (Sec. 3.2). With `diffusion`, set points on the object are found in the next frame by DIFT, the
    others move by Eq. 1; a set with no point on the object is tracked whole. With `classical`, the clicked point of
    each set is followed over every frame of the file and its set moves along. Targets move by Eq. 2 or the fitted
    affine.

    A correction puts the pair's whole set round the place it names on its frame, where all of it is visible; the set is
    tracked from there too, and the tracks are joined (see `corrections`). Targets and region follow.

    The clip is then warped by the points (`warp.clip`), and the region that may change follows from it:
    - `mask` given: that mask alone. One mask belongs to the instruction's frame and moves with the handles' mean
      motion; a mask for every frame is used as it is. The warp keeps to it, too;
    - else what the warp changes, with a margin; where mask points are given, or a drag is none of a part, together with
      squares of half side `mask_radius_px` round the mask points and discs along the segments from handles to targets.

    Args:
        objects: what is dragged, in every frame; found here (`objects.find_objects`) where it is not given.
        segmenter: finds the object on the key frame (SAM), if `objects` are not given.
        mask: [Hs, Ws] or [N, Hs, Ws] in source pixels, bool or float (>= 0.5 may change).
        inversion: of this clip, if there is one; it saves the inversion to `settings.step`.
        micro_batch: frames a network call; results do not depend on it.

    Raises:
        DragAVideoError: an instruction that does not fit the clip, a mask or objects of another size or length, an
            empty mask, or a pair that is seen in no frame.
    """
    validate_instruction(instruction, clip)
    count, key_frame = len(clip.frames), clip_position(instruction, clip)
    painted = None if mask is None else checked_mask(mask, count, clip.geometry.source_size)
    pairs, side = len(instruction.pairs), settings.set_side**2
    if objects is None:
        objects = find_objects(clip, instruction, segmenter=segmenter, progress=progress)
    if objects.masks.shape != clip.source.shape[:3]:
        raise DragAVideoError(
            f"The objects are of {tuple(objects.masks.shape)} (frames, height, width), the clip is "
            f"{tuple(clip.source.shape[:3])}; connect the Object Mask of this clip."
        )
    on_object = clip.geometry.mask_to_working(objects.masks)

    def working(points: object) -> Tensor:
        return clip.geometry.to_working(torch.tensor(points, dtype=torch.float64).reshape(-1, 2))

    clicked = working([pair.handle for pair in instruction.pairs])
    drag = (working([pair.target for pair in instruction.pairs]) - clicked).float()
    mask_points, pins = working(instruction.mask_points), working(instruction.pinned_points)
    sets = expand_points(torch.cat([clicked, mask_points]), settings.set_side, settings.set_spacing_px).float()
    start, groups = sets.flatten(0, 1), torch.arange(len(sets)).repeat_interleave(side)
    foreground = _foreground(on_object[key_frame], sets, pairs)

    corrected = corrections_of(instruction, clip, key_frame)
    jobs = [Job(key_frame, start, foreground.flatten(), groups)]
    for frame, points in corrected.items():
        moved = working(list(points.values()))
        again = expand_points(moved, settings.set_side, settings.set_spacing_px).float()
        front = _foreground(on_object[frame], again, len(again))
        jobs.append(Job(frame, again.flatten(0, 1), front.flatten(), groups[: len(points) * side]))
    if settings.correspondence == "classical":
        (moving, *others), still = follow_jobs(clip, jobs, pins.float(), key_frame, side, progress)
    else:
        features = _features(model, clip, settings, inversion, micro_batch, progress)
        (moving, *others), still = _track(features, clip, jobs, pins.float(), key_frame, settings, progress)
    moving = with_corrections(moving, key_frame, corrected, others, side)
    if settings.correspondence == "diffusion":  # joining compares tracks as they were found, so it comes first
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

    def source(points: Tensor) -> Tensor:
        return clip.geometry.to_source(points.double()).float()

    if painted is not None and len(painted) != count:
        usable = visible & foreground[:pairs]
        painted = moved_mask(painted[0], handles, usable, key_frame, clip.geometry.scale)
    middle = side // 2
    warp = warp_clip(
        clip.source, objects.masks, source(handles[:, :, middle]), source(targets[:, :, middle]), visible.any(-1),
        source(still.positions), region=painted, progress=progress,
    )  # fmt: skip
    masks = painted
    if masks is None:
        masks = widened(warp.region)
        if pairs < len(sets) or any(kind != "part" for kind in warp.kinds):
            masks = masks | edit_regions(
                handles, targets, visible, tracks[:, pairs:], seen[:, pairs:], key_frame, settings, clip.geometry
            )
    return PointSets(
        handles=source(handles),
        targets=source(targets),
        visible=visible,
        foreground=foreground[:pairs],
        masks=masks,
        pinned=source(still.positions),
        key_frame=key_frame,
        objects=objects.masks,
        confidence=objects.confidence,
        warp=warp,
    )


def _foreground(mask: Tensor, sets: Tensor, handles: int) -> Tensor:
    """[K, S] bool: which points of the sets [K, S, 2] lie in a mask [H, W].

    Only the first `handles` sets fall back to "all of it" where none does: mask points may well lie beside the object.
    """
    inside = inside_frame(sets, (mask.shape[1], mask.shape[0]))
    foreground = foreground_of(mask, sets) & inside
    nothing = ~foreground.any(1)
    nothing[handles:] = False
    return torch.where(nothing[:, None], inside, foreground)


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
    jobs: list[Job],
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
