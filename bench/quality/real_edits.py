"""Real clips with truth: points and objects against joints and masks, and drags against true edits (`real_truth`).

Each drag is done twice: with the true mask of the key frame given and carried through the clip, and as a person would,
from the handle and at most three clicks where the object that is shown is most wrong. Strips of every drag go to a
folder of their own; the clips are not ours to give away.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from dragavideo_core.files import atomic_path
from dragavideo_core.instruction.checks import clip_position
from dragavideo_core.instruction.object_hints import ObjectHints
from dragavideo_core.model.drag_model import DragModel
from dragavideo_core.objects.object_masks import find_objects, key_object
from dragavideo_core.pipeline import drag_clip
from dragavideo_core.results import draw, measure
from dragavideo_core.results.verdict import judge_drag
from dragavideo_core.settings import Preset
from dragavideo_core.storage import fingerprint

from .measures import ssim
from .real_objects import measure_objects
from .real_tracks import measure_tracks
from .real_truth import RealDrag, TrueEdit, real_drags, true_edit
from .store import model_key
from .work import Model

log = logging.getLogger(__name__)

NAMED = {"swan": "swan-beak", "camel": "camel-hump"}
"""results.json's short names of two drags."""
FRAMES = 4
"""First taken frames that are held against the true edit."""
_CLICKS = 3
_DISC = 0.1
"""Radius round the handle within which the object counts, share of the width."""
_SHOWN = 4
_STRIP_PX = 320


def real_value(model: Model, folders: Sequence[Path], work: Path) -> dict[str, Any]:
    """results.json's `real`, of those folders that hold clips with masks; {} where none does."""
    found = [folder for folder in folders if any(folder.glob("*/masks"))]
    if not found:
        log.warning("No folder of --clips holds clips with true masks: the section 'real' is left out.")
        return {}
    loaded, preset = model.load()
    value: dict[str, Any] = {"drags": {}}
    for folder in found:
        value |= measure_tracks(folder) | measure_objects(folder)
        for drag in real_drags(folder, preset.size):
            value["drags"][drag.name] = edit_numbers(loaded, preset, drag, work)
            log.info("done: %s", drag.name)
    for short, name in NAMED.items():
        numbers = value["drags"].get(name, {})
        value[f"{short}_db"] = numbers.get("key_mask_db")
        value[f"{short}_clicks_db"] = numbers.get("clicks_db")
        value[f"{short}_copy_db"] = numbers.get("copy_db")
    return value


def edit_numbers(model: DragModel, preset: Preset, drag: RealDrag, work: Path) -> dict[str, Any]:
    """Both ways of dragging; what was done before with the same method is not done again."""
    key = fingerprint(model_key(model), preset, drag.clip.source, asdict(drag.instruction), drag.objects)[:12]
    path = work / f"{drag.name}.{key}.json"
    if path.is_file():
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return kept
    try:
        truth = true_edit(drag, FRAMES)
    except ValueError as error:
        log.info("%s", error)
        truth = None
    at = clip_position(drag.instruction, drag.clip)
    numbers: dict[str, Any] = {} if truth is None else closeness(truth, drag.clip.source, "copy")
    shown = [("source", draw.draw_points(*_asked(drag)))]
    if truth is not None:
        shown.append(("true edit", truth.frames))
    ways = {
        "key_mask": (drag.instruction, drag.objects[at]),
        "clicks": (replace(drag.instruction, hints=corrected_hints(drag, at)), None),
    }
    for way, (instruction, given) in ways.items():
        objects = find_objects(drag.clip, instruction, given=given)
        result = drag_clip(model, drag.clip, instruction, preset=preset, objects=objects)
        said = judge_drag(drag.clip, result)
        numbers |= {f"{way}_verdict": list(said.lines), f"{way}_level": said.level}
        numbers[f"{way}_seconds"] = round(sum(result.seconds.values()), 1)
        if truth is not None:
            numbers |= closeness(truth, result.frames, way)
            if result.point_sets.warp is not None:
                numbers |= closeness(truth, result.point_sets.warp.frames, f"{way}_warp")
        shown.append((f"{way}: {said.lines[0]}", result.frames))
    draw.save_png(path.with_suffix(".png"), strips(shown))
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(numbers, indent=1), encoding="utf-8")
    return numbers


def closeness(truth: TrueEdit, frames: Tensor, name: str) -> dict[str, float]:
    """PSNR and SSIM to the true edit, where it differs from the input."""
    first = frames[: len(truth.frames)]
    maps = torch.stack([torch.from_numpy(ssim(a, b)) for a, b in zip(truth.frames.numpy(), first.numpy())])
    decibels = measure.psnr(truth.frames, first, truth.differs)
    return {
        f"{name}_db": round(math.nan if decibels is None else min(decibels, 99.0), 3),
        f"{name}_ssim": round(float(maps[truth.differs].mean()), 4),
    }


def corrected_hints(drag: RealDrag, at: int) -> ObjectHints:
    """At most three clicks on the key frame, each in the middle of the largest mistake round the handle."""
    frame, truth = drag.clip.source[at], drag.objects[at].numpy()
    handles = [pair.handle for pair in drag.instruction.pairs]
    disc = np.zeros(truth.shape, np.uint8)
    for x, y in handles:
        cv2.circle(disc, (round(x), round(y)), round(_DISC * truth.shape[1]), 1, -1)
    hints = drag.instruction.hints
    for _ in range(_CLICKS):
        wrong = (key_object(frame, handles, hints).numpy() != truth) & (disc > 0)
        depth = cv2.distanceTransform(np.pad(wrong, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
        row, column = (int(i) for i in np.unravel_index(int(depth.argmax()), depth.shape))
        if depth[row, column] < 2:
            break
        click = (float(column), float(row))
        hints = replace(hints, on=(*hints.on, click)) if truth[row, column] else replace(hints, off=(*hints.off, click))
    return hints


def _asked(drag: RealDrag) -> tuple[Tensor, Tensor, Tensor]:
    """The source, and handles and targets of the key frame for every frame."""
    pairs, count = drag.instruction.pairs, len(drag.clip.source)
    handles, targets = (torch.tensor([getattr(pair, end) for pair in pairs]) for end in ("handle", "target"))
    return drag.clip.source, handles.float().repeat(count, 1, 1), targets.float().repeat(count, 1, 1)


def strips(shown: Sequence[tuple[str, Tensor]]) -> Tensor:
    """Rows of evenly spaced frames, one row a clip."""
    lines = []
    for label, frames in shown:
        chosen = frames[[round(i) for i in np.linspace(0, len(frames) - 1, _SHOWN)]]
        scale = _STRIP_PX / chosen.shape[2]
        size = (_STRIP_PX, round(chosen.shape[1] * scale))
        small = [cv2.resize(frame.numpy(), size, interpolation=cv2.INTER_AREA) for frame in chosen.float()]
        lines.append((label, torch.from_numpy(np.stack(small)).clamp(0, 1)))
    return draw.comparison_sheet(lines, _SHOWN, _STRIP_PX, False)


def real_markdown(value: Mapping[str, Any]) -> str:
    """The section of results.md."""
    head = (
        "drag",
        "copy, dB / SSIM",
        "key mask: warp",
        "ours",
        "clicks: warp",
        "ours",
        "what the verdict said (clicks)",
    )
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for name, numbers in value["drags"].items():
        cells = [_pair(numbers, row) for row in ("copy", "key_mask_warp", "key_mask", "clicks_warp", "clicks")]
        lines.append(f"| {name} | {' | '.join(cells)} | {'; '.join(numbers.get('clicks_verdict', []))} |")
    others = [f"{name} {number:.3g}" for name, number in value.items() if isinstance(number, float)]
    return "\n".join(lines) + "\n\n" + ", ".join(others) + ".\n"


def _pair(numbers: Mapping[str, Any], row: str) -> str:
    decibels, alike = numbers.get(f"{row}_db"), numbers.get(f"{row}_ssim")
    return "" if decibels is None or alike is None else f"{decibels:.1f} / {alike:.2f}"
