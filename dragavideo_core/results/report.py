"""What a run measured, as a dictionary that goes into report.json. Scripts may rely on the keys' names."""

from __future__ import annotations

import json
import math
import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..files import atomic_path
from ..instruction.examples import KnownPart
from ..instruction.value import DragInstruction
from ..media.clip import Clip
from ..model.drag_model import DragModel
from ..propagation.point_sets import PointSets
from ..settings import Preset
from . import measure
from .result import DragResult
from .verdict import Verdict, judge_drag

_PACKAGES = ("torch", "diffusers", "transformers", "peft", "opencv-python", "opencv-python-headless", "av", "numpy")


def drag_report(
    model: DragModel,
    clip: Clip,
    instruction: DragInstruction,
    preset: Preset,
    result: DragResult,
    known: KnownPart | None = None,
    verdict: Verdict | None = None,
) -> dict[str, Any]:
    """Settings, times, losses and measures of a drag.

    Args:
        verdict: on this drag; judged here where it is not given.

    Keys: `verdict` with its `level` (good, doubtful, failed), `lines` for a person, `problems` for a program, and
    `arrived` and `short_px`, [frames][pairs]; `frames`; `seconds` (per stage and `total`); `distance_before_px` and
    `distance_after_px` (source px, one per frame, mean over pairs) with `distance_by` naming the detector;
    `outside_psnr_db` (to the input outside the mask, before compositing, null where the mask covers all);
    `reconstruction_psnr_db`; `smoothness` and `smoothness_source` (px, null below three frames); `iterations`,
    `arrived`, `losses`, `tracked_distances_px` (the optimiser's own view, working px); and what the run was made with.
    """
    distances = _distances(clip, result, known)
    masks = clip.geometry.mask_to_working(result.point_sets.masks)
    smoothness = measure.smoothness_of_both(clip.source, result.frames) or (None, None)
    said = verdict or judge_drag(clip, result)
    return _common(model, clip, preset, instruction) | {
        "verdict": verdict_value(said),
        "seconds": result.seconds | {"total": round(sum(result.seconds.values()), 3)},
        "distance_by": "colour of the known part" if known else "matching of source pixels",
        "distance_before_px": distances.before_px,
        "distance_after_px": distances.after_px,
        "outside_psnr_db": measure.outside_psnr(clip.frames, result.decoded.edited, masks),
        "reconstruction_psnr_db": measure.psnr(clip.frames, result.decoded.reconstruction),
        "smoothness": smoothness[1],
        "smoothness_source": smoothness[0],
        "iterations": result.offsets.iterations,
        "arrived": result.offsets.arrived,
        "losses": result.offsets.losses,
        "tracked_distances_px": result.offsets.distances,
        "visible_share": _visible_share(result.point_sets),
    }


def verdict_value(verdict: Verdict) -> dict[str, Any]:
    """A verdict as the report holds it."""
    return {
        "level": verdict.level,
        "lines": list(verdict.lines),
        "problems": list(verdict.problems),
        "arrived": verdict.arrived.tolist(),
        "short_px": [[round(px, 2) for px in frame] for frame in verdict.short_px.tolist()],
    }


def propagation_report(
    model: DragModel, clip: Clip, instruction: DragInstruction, preset: Preset, point_sets: PointSets
) -> dict[str, Any]:
    """What `propagate` found: the middle of every set in every frame, in source px, and how much of it was seen."""
    return _common(model, clip, preset, instruction) | {
        "handles": measure.set_centres(point_sets.handles).tolist(),
        "targets": measure.set_centres(point_sets.targets).tolist(),
        "visible_share": _visible_share(point_sets),
    }


def reconstruction_report(model: DragModel, clip: Clip, preset: Preset, reconstruction: Tensor) -> dict[str, Any]:
    """How well inversion and back, and the codec alone, give the clip back."""
    codec = model.decode(model.encode(clip.frames))
    return _common(model, clip, preset, None) | {
        "reconstruction_psnr_db": measure.psnr(clip.frames, reconstruction),
        "codec_psnr_db": measure.psnr(clip.frames, codec),
    }


def write_report(path: Path, report: dict[str, Any]) -> None:
    """Write a report as JSON; numbers that are not finite become null.

    Raises:
        DragAVideoError: the folder cannot be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(report_text(report) + "\n", encoding="utf-8")


def report_text(report: dict[str, Any]) -> str:
    """A report as JSON; numbers that are not finite become null."""
    return json.dumps(_finite(report), indent=2)


def _distances(clip: Clip, result: DragResult, known: KnownPart | None) -> measure.DragDistances:
    if known is not None:
        handles = known.positions[list(clip.frame_indices)]
        targets = handles + known.displacement
        reach = float(known.displacement.norm())
        found = measure.locate_colour(result.frames, known.colour, (handles + targets) / 2, 1.25 * reach)
        return measure.drag_distances(handles.unsqueeze(1), targets.unsqueeze(1), found.unsqueeze(1))
    handles, targets, visible = (
        measure.set_centres(value)
        for value in (result.point_sets.handles, result.point_sets.targets, result.point_sets.visible)
    )
    found = measure.locate_handles(clip.source, result.frames, handles, targets)
    return measure.drag_distances(handles, targets, found, visible)


def _visible_share(point_sets: PointSets) -> list[float]:
    return point_sets.visible.float().mean((1, 2)).tolist()


def _common(model: DragModel, clip: Clip, preset: Preset, instruction: DragInstruction | None) -> dict[str, Any]:
    return {
        "clip": clip.name,
        "frames": len(clip.frames),
        "fps": clip.fps,
        "source_size": clip.geometry.source_size,
        "working_size": clip.geometry.working_size,
        "model": model.name,
        "device": str(model.device),
        "dtype": str(model.dtype).removeprefix("torch."),
        "instruction": None if instruction is None else json.loads(instruction.to_json()),
        "settings": asdict(preset),
        "versions": {"python": platform.python_version()} | _versions(),
        "threads": torch.get_num_threads(),
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
