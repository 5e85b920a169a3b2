"""What is measured of an edited clip, and of the points that led to it. All are plain numbers, NaN where undefined.

Positions of parts come from a detector that was trained for that alone and shares nothing with the model that drags.
Lengths are px at 128 (a fraction of the frame's width, times 128), so that clips of other sizes compare.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch
from torch import Tensor

from dragavideo_core.instruction.value import DragInstruction, DragPair
from dragavideo_core.media.clip import Clip
from dragavideo_core.media.flow import dis_flow, warp
from dragavideo_core.model.drag_model import DragModel
from dragavideo_core.pipeline import propagate_clip
from dragavideo_core.propagation.correspondence import cells_of, match, patch_features, pixels_of
from dragavideo_core.propagation.point_sets import PointSets, shift_mask
from dragavideo_core.results import measure
from training.scene import PARTS, UNIT_SIZE

from .cases import Case
from .rows import Edit
from .truth import Truth, find_parts

_TRACKED = ("nose", "ear", "tail", "front_foot", "eye")
_DIFT_STEP = 3
"""Timestep 41 to 61 of 1000, DIFT's for neighbouring frames; at 261 a small model finds less."""
_DIFT_DRAWS = 4
_SSIM_SIGMA, _SSIM_C1, _SSIM_C2 = 1.5, 0.01**2, 0.03**2


@dataclass(frozen=True, eq=False)
class Reference:
    """What every row of a case is measured against."""

    sets: PointSets
    """Our own propagation of the instruction: where a real clip's handles are, and the region that counts as inside
    for every row alike."""
    features: Tensor
    """DIFT features of the source's working frames."""


def reference_of(model: DragModel, clip: Clip, sets: PointSets) -> Reference:
    """Computed once a case."""
    return Reference(sets, _dift(model, clip.frames))


def edit_measures(model: DragModel, case: Case, clip: Clip, reference: Reference, edit: Edit) -> dict[str, float]:
    """Everything about one edited clip."""
    sets = reference.sets
    numbers = {
        "seconds": edit.seconds,
        "iterations": float(edit.iterations),
        "source_psnr_db": _finite(measure.psnr(clip.frames, edit.raw)),
        **_over_time(case, clip, edit),
    }
    region = clip.geometry.mask_to_working(sets.masks)
    handles, targets = measure.set_centres(sets.handles), measure.set_centres(sets.targets)
    visible = sets.visible[..., sets.visible.shape[-1] // 2]
    if case.truth is not None:
        region |= clip.geometry.mask_to_working(case.truth.inside)
        handles, visible = case.truth.starts, case.truth.seen
        targets = handles + case.truth.ways
        numbers |= way_to_target(case.truth, edit.frames) | to_true_edit(case.truth, edit.frames)
    else:
        found = measure.locate_handles(case.source, edit.frames, handles, targets)
        distances = measure.drag_distances(handles, targets, found, visible)
        numbers["distance_match_px"] = _at_unit(_mean(distances.after_px), case.source)
        numbers["distance_before_px"] = _at_unit(_mean(distances.before_px), case.source)
    numbers["outside_psnr_db"] = _finite(measure.outside_psnr(clip.frames, edit.raw, region))
    numbers["distance_dift_px"] = dift_distance(
        clip, reference.features, _dift(model, edit.raw), handles, targets, visible
    )
    return numbers


def way_to_target(truth: Truth, frames: Tensor) -> dict[str, float]:
    """How far the detector finds the dragged parts along their ways, over pairs and the frames that it can judge.

    A part that is not found counts as not moved. `progress` is the share of the way, 1 at the target;
    `progress_lowest` that of the worst frame; `distance_px` how far from the target; `found` the share of frames in
    which the part could be found at all.
    """
    at, sure = find_parts(frames, truth.parts, truth.starts, truth.ways)
    at = torch.where(sure.unsqueeze(-1), at, truth.starts)
    moved = at - truth.starts
    share = (moved * truth.ways).sum(-1) / truth.ways.square().sum(-1)
    judged = truth.judged
    shares = share[judged].tolist()
    return {
        "progress": _mean(shares),
        "progress_lowest": min(shares),
        "distance_px": _at_unit(_mean((moved - truth.ways).norm(dim=-1)[judged].tolist()), frames),
        "found": _mean(sure[judged].tolist()),
    }


def to_true_edit(truth: Truth, frames: Tensor) -> dict[str, float]:
    """PSNR and SSIM of the finished clip to the true edit, inside and outside the region that the edit changes."""
    maps = torch.stack([torch.from_numpy(ssim(a, b)) for a, b in zip(truth.frames.numpy(), frames.numpy())])
    return {
        "inside_psnr_db": _finite(measure.psnr(truth.frames, frames, truth.inside)),
        "outside_true_psnr_db": _finite(measure.psnr(truth.frames, frames, ~truth.inside)),
        "inside_ssim": float(maps[truth.inside].mean()),
        "outside_ssim": float(maps[~truth.inside].mean()),
    }


def ssim(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The SSIM map [H, W] of two frames [H, W, 3], 0-1, Gaussian window of 1.5 px, mean of the channels."""

    def blur(picture: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), _SSIM_SIGMA), np.float64)

    first, second = first.astype(np.float64), second.astype(np.float64)
    a, b = blur(first), blur(second)
    variances = blur(first**2) - a**2 + blur(second**2) - b**2
    covariance = blur(first * second) - a * b
    value = (2 * a * b + _SSIM_C1) * (2 * covariance + _SSIM_C2)
    return np.asarray((value / ((a**2 + b**2 + _SSIM_C1) * (variances + _SSIM_C2))).mean(-1))


def dift_distance(
    clip: Clip, before: Tensor, after: Tensor, handles: Tensor, targets: Tensor, visible: Tensor
) -> float:
    """DragBench's mean distance: from where the handle's feature is found in the whole edited frame to the target.

    These are the dragging model's own features (noised afresh, as DIFT does, at a fixed seed): it may flatter what it
    made, and a small model's features find a part on the other side of the picture now and then. The row of the true
    edit says how often; read it beside the detector's distance. Features are taken as propagation compares them, with
    their surroundings (mean error on true edits 7 px, a single cell's as in DragBench 14 to 33 px).

    Args:
        before, after: [N, F, h, w], features of the source and of the edited working frames.
        handles, targets: [N, P, 2] source px.
        visible: [N, P] bool.

    Returns:
        px at 128.
    """
    size, grid = clip.geometry.working_size, (before.shape[-1], before.shape[-2])
    starts, ends = (clip.geometry.to_working(points).float() for points in (handles, targets))
    middle = torch.tensor([grid[0] / 2, grid[1] / 2]) - 0.5
    distances = []
    for i, seen in enumerate(visible.bool()):
        if seen.any():
            wanted = patch_features(before[i], cells_of(starts[i, seen], size, grid))
            found, _ = match(after[i], wanted, middle.expand(len(wanted), 2), max(grid) / 2)
            distances += (pixels_of(found, size, grid) - ends[i, seen]).norm(dim=-1).tolist()
    return _mean(distances) * UNIT_SIZE / max(size)


@torch.no_grad()
def _dift(model: DragModel, frames: Tensor) -> Tensor:
    """[N, F, h, w]: features of frames noised to `_DIFT_STEP`, averaged over draws of the noise, less their mean."""
    clean, embedding = model.encode(frames), model.embed_prompt("")
    step, block = _DIFT_STEP, model.preset.propagation.feature_block
    alpha = model.schedule.alpha(step)
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(_DIFT_DRAWS, *clean.shape[1:], generator=generator)
    features = [
        model.features(alpha**0.5 * latent + (1 - alpha) ** 0.5 * draws, step, embedding, block).mean(0).cpu()
        for latent in clean
    ]
    stacked = torch.stack(features)
    return stacked - stacked.mean((0, 2, 3), keepdim=True)


# -- over time -----------------------------------------------------------------------------------------------------


def _over_time(case: Case, clip: Clip, edit: Edit) -> dict[str, float]:
    """The paper's smoothness and the flow warp error relative to the input's, of the frames before compositing (where
    most of the picture would be the input itself), and both inside the edited region of the finished clip."""
    numbers = {
        "smoothness": _finite(measure.temporal_smoothness(clip.frames, edit.raw)),
        "warp_error": warp_error(edit.raw) / max(warp_error(clip.frames), 1e-6),
    }
    if case.truth is not None:
        inside = case.truth.inside
        numbers["smoothness_inside"] = smoothness_inside(case.source, edit.frames, inside)
        numbers["warp_error_inside"] = warp_error(edit.frames, inside) / max(warp_error(case.source, inside), 1e-6)
    return numbers


def smoothness_inside(source: Tensor, edited: Tensor, inside: Tensor) -> float:
    """`measure.temporal_smoothness` over the pixels of a mask [N, H, W] alone, in px at 128."""
    kept = []
    for i in range(1, len(source) - 1):
        before, after = (_bend(frames[i - 1 : i + 2]) for frames in (source, edited))
        kept.append(after[(after >= before) & inside[i].numpy()])
    values = np.concatenate(kept) if kept else np.zeros(0)
    return _at_unit(float(values.mean()), source) if len(values) else math.nan


def _bend(three: Tensor) -> np.ndarray:
    before, middle, after = three.float().numpy()
    return measure.segment_distance(dis_flow(middle, before), dis_flow(middle, after))


def warp_error(frames: Tensor, inside: Tensor | None = None) -> float:
    """Mean absolute difference of each frame and the next one warped back to it along optical flow, 0-1."""
    errors = []
    for i, (now, after) in enumerate(zip(frames[:-1].float().numpy(), frames[1:].float().numpy())):
        difference = np.abs(now - warp(after, dis_flow(now, after))).mean(-1)
        errors.append(difference if inside is None else difference[inside[i].numpy()])
    return float(np.concatenate([e.ravel() for e in errors]).mean()) if errors else math.nan


# -- points --------------------------------------------------------------------------------------------------------


def propagation_measures(model: DragModel, case: Case, clip: Clip, sets: PointSets) -> dict[str, float]:
    """How well points, masks and the object are propagated, against the truth.

    `errors` of all the creature's tips, clicked exactly; of the instruction's own handles; `mask_iou` of the propagated
    region and the first one moved by the true motion; `object_iou` of the segmentation and the creature.
    """
    truth = case.truth
    if truth is None:
        raise ValueError(f"{case.name} has no true tracks.")
    every = tip_errors(model, clip, truth)
    moved = (
        measure.set_centres(sets.handles)[1:] - truth.starts[1:] - (measure.set_centres(sets.handles) - truth.starts)[0]
    )
    own = [_at_unit(value, case.source) for value in moved.norm(dim=-1)[truth.seen[1:]].tolist()]
    motion = (truth.starts - truth.starts[0]).mean(1)
    ideal = torch.stack([shift_mask(sets.masks[0], way) for way in motion])
    objects = torch.zeros_like(sets.masks) if sets.objects is None else sets.objects
    return {
        "tips": float(len(every)),
        "tips_median_px": float(np.median(every)),
        "tips_within_2px": _mean([error <= 2 for error in every]),
        "handles_median_px": float(np.median(own)) if own else math.nan,
        "handles_within_2px": _mean([error <= 2 for error in own]),
        "mask_iou": _iou(sets.masks, ideal),
        "object_iou": _iou(objects, truth.objects),
        "object_iou_lowest": min(_iou(a, b) for a, b in zip(objects, truth.objects)),
    }


def tip_errors(model: DragModel, clip: Clip, truth: Truth) -> list[float]:
    """Distances in px at 128 of every propagated tip to where it truly is, in the frames where it is to be seen."""
    parts = [i for i, part in enumerate(PARTS) if part in _TRACKED and truth.tips_seen[0, i]]
    width = clip.geometry.source_size[0]
    starts = truth.tips[0, parts].tolist()
    # Any target will do that lies in the frame, away from the handle.
    pairs = tuple(DragPair((x, y), ((0.75 if x < width / 2 else 0.25) * width, y)) for x, y in starts)
    found = measure.set_centres(propagate_clip(model, clip, DragInstruction(pairs)).handles)
    errors = (found - truth.tips[:, parts]).norm(dim=-1)[1:]
    return [_at_unit(value, clip.source) for value in errors[truth.tips_seen[1:, parts]].tolist()]


def _iou(first: Tensor, second: Tensor) -> float:
    return float((first & second).sum() / (first | second).sum().clamp_min(1))


# -- small things --------------------------------------------------------------------------------------------------


def _mean(values: object) -> float:
    kept = [float(value) for value in values if not math.isnan(value)]  # type: ignore[attr-defined]
    return sum(kept) / len(kept) if kept else math.nan


def _finite(value: float | None) -> float:
    """dB with infinity (equal pictures) as 99."""
    return math.nan if value is None else min(float(value), 99.0)


def _at_unit(length: float, frames: Tensor) -> float:
    return length * UNIT_SIZE / max(frames.shape[1:3])


@lru_cache(maxsize=1)
def memory_is_known() -> bool:
    """Whether this system tells a process its peak memory and lets it start anew (Linux)."""
    try:
        reset_peak_memory()
        return peak_memory_mb() > 0
    except OSError:
        return False


def reset_peak_memory() -> None:
    """Forget the peak so far."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def peak_memory_mb() -> float:
    """Highest resident memory of this process since the last reset, MB."""
    with open("/proc/self/status", encoding="ascii") as file:
        line = next(line for line in file if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
