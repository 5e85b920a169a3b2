"""The bundled model on rendered clips it was not trained on: codec, inversion and back, tracking, drags, free samples.

    python -m bench.held_out --out bench/held_out

writes results.json, results.md, drags.png and samples.png. Clips are those of seeds 1000000, 1000001, ...; positions
of parts in edited frames come from a detector that was trained for that alone (`training.detector`).
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dragavideo_core import draw, measure
from dragavideo_core.clip import Clip, prepare_clip
from dragavideo_core.instruction import DragInstruction, DragPair
from dragavideo_core.inversion import invert, reference_chain
from dragavideo_core.model.drag_model import DragModel
from dragavideo_core.model.loading import load_model
from dragavideo_core.pipeline import drag_clip
from dragavideo_core.propagation.propagate import propagate
from dragavideo_core.settings import PAPER, Preset, override
from training.detector import detect
from training.drags import part_drag
from training.renderer import edit_mask, part_positions, part_visible, render_clip
from training.scene import HELD_OUT_FROM, PartEdit, Scene, sample_scene

log = logging.getLogger(__name__)

TRACKED = ("nose", "ear", "tail", "front_foot", "eye")
DRAGGED = ("nose", "ear", "tail")
CELL = 96


@dataclass(frozen=True)
class Drag:
    """One measured drag; frames [N, H, W, 3] float 0-1."""

    part: str
    way: float
    """Share of the way to the target, mean over frames."""
    inside_db: float
    """PSNR to the true edit where it differs from the input."""
    copy_db: float
    """The same for the untouched input."""
    outside_db: float
    """PSNR to the input outside the mask, before compositing."""
    seconds: float
    source: Tensor
    edited: Tensor
    truth: Tensor
    reconstruction: Tensor


def rendered_clip(scene: Scene, edit: PartEdit | None = None) -> Clip:
    """All frames of a scene as a clip at its own size."""
    frames = torch.from_numpy(render_clip(scene, edit)).float() / 255
    return prepare_clip(frames, 8.0, size=scene.size, every=1, limit=len(frames))


def fidelity(model: DragModel, clip: Clip, preset: Preset) -> dict[str, float]:
    """PSNR in dB of encoding and decoding, and of inversion and back: as far as the drag goes, and as the paper's."""

    def back(top: int, refinements: int = 0) -> float:
        inversion = invert(model, clip, top, refinements=refinements)
        latents = reference_chain(model, inversion, range(top, -1, -1))[0]
        return float(measure.psnr(clip.frames, model.decode(latents)) or 0)

    return {
        "codec_psnr_db": float(measure.psnr(clip.frames, model.decode(model.encode(clip.frames))) or 0),
        "inversion_psnr_db": back(max(preset.drag.steps), preset.inversion_refinements),
        "inversion_42_psnr_db": back(PAPER.inversion_steps),
        "inversion_42_refined_psnr_db": back(PAPER.inversion_steps, 1),
    }


def tracking_errors(model: DragModel, scene: Scene, clip: Clip, preset: Preset) -> list[float]:
    """Distance in px of every propagated part tip to where it truly is, in the frames where it is to be seen."""
    parts = [part for part in TRACKED if part_visible(scene, 0, part)]
    start = part_positions(scene, 0)
    instruction = DragInstruction(tuple(DragPair(start[part], (64.0, 64.0)) for part in parts))
    sets = propagate(model, clip, instruction, preset.propagation)
    handles = measure.set_centres(sets.handles)
    errors = []
    for frame in range(1, len(clip.frames)):
        true = part_positions(scene, frame)
        for index, part in enumerate(parts):
            if part_visible(scene, frame, part):
                errors.append(float(np.hypot(*(handles[frame, index].numpy() - np.array(true[part])))))
    return errors


def run_drag(model: DragModel, scene: Scene, part: str, length: float, preset: Preset) -> Drag:
    """Drag one part outward and hold it against the true edit."""
    clip = rendered_clip(scene)
    instruction, edit = part_drag(scene, part, length)
    begin = time.perf_counter()
    result = drag_clip(model, clip, instruction, preset=preset)
    seconds = time.perf_counter() - begin
    truth = rendered_clip(scene, edit).source
    masks = torch.from_numpy(np.stack([edit_mask(scene, i, edit) for i in range(len(truth))]))
    found = detect(result.frames)[part][0]
    start = np.array([part_positions(scene, i)[part] for i in range(len(truth))])
    wanted = np.array([edit.dx, edit.dy]) * scene.size / 128
    return Drag(
        part=part,
        way=float(((found - start) @ wanted / (wanted @ wanted)).mean()),
        inside_db=float(measure.psnr(truth, result.frames, masks) or 0),
        copy_db=float(measure.psnr(truth, clip.source, masks) or 0),
        outside_db=float(measure.outside_psnr(clip.frames, result.decoded.edited, result.point_sets.masks) or 0),
        seconds=seconds,
        source=draw.overlay(clip.source, result.point_sets),
        edited=result.frames,
        truth=truth,
        reconstruction=result.decoded.reconstruction,
    )


def summary(fidelities: list[dict[str, float]], errors: list[float], drags: list[Drag]) -> dict[str, Any]:
    """The numbers of the table."""
    by_part = {part: [d for d in drags if d.part == part] for part in DRAGGED}

    def row(some: list[Drag]) -> dict[str, float]:
        return {
            "way_median": statistics.median(d.way for d in some),
            "way_lowest": min(d.way for d in some),
            "inside_psnr_db": statistics.mean(d.inside_db for d in some),
            "copy_psnr_db": statistics.mean(d.copy_db for d in some),
            "closer_db": statistics.mean(d.inside_db - d.copy_db for d in some),
            "outside_psnr_db": statistics.mean(d.outside_db for d in some),
            "seconds": statistics.mean(d.seconds for d in some),
        }

    return {
        "clips": len(fidelities),
        **{key: statistics.mean(f[key] for f in fidelities) for key in fidelities[0]},
        "tracking_median_px": statistics.median(errors),
        "tracking_within_2px": sum(e <= 2 for e in errors) / len(errors),
        "drags": {"all": row(drags)} | {part: row(some) for part, some in by_part.items() if some},
    }


def table(numbers: dict[str, Any]) -> str:
    """The summary as Markdown."""
    lines = [
        "{clips} held-out clips. Codec {codec_psnr_db:.1f} dB. Inversion and back: as far as the drag goes "
        "{inversion_psnr_db:.1f} dB, to step 42 {inversion_42_psnr_db:.1f} dB, there with one refinement "
        "{inversion_42_refined_psnr_db:.1f} dB. Tracking over 8 frames: median {tracking_median_px:.2f} px, "
        "{tracking_within_2px:.1%} within 2 px.".format(**numbers),
        "",
        "| part | way, median | lowest | to the true edit | input to the true edit | closer by | outside | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for part, row in numbers["drags"].items():
        lines.append(
            f"| {part} | {row['way_median']:.0%} | {row['way_lowest']:.0%} | {row['inside_psnr_db']:.1f} dB | "
            f"{row['copy_psnr_db']:.1f} dB | {row['closer_db']:+.1f} dB | {row['outside_psnr_db']:.1f} dB | "
            f"{row['seconds']:.0f} |"
        )
    return "\n".join(lines) + "\n"


def drag_picture(drags: list[Drag]) -> Tensor:
    """Every drag as three columns (first, middle, last frame) of source, reconstruction, ours, true edit."""
    sheets = []
    for drag in drags:
        frames = [0, len(drag.edited) // 2, len(drag.edited) - 1]
        rows = {"source": drag.source, "no drag": drag.reconstruction, "ours": drag.edited, "true edit": drag.truth}
        labelled = [(f"{drag.part}: {name}", clip[frames]) for name, clip in rows.items()]
        sheets.append(draw.comparison_sheet(labelled, 3, CELL, False))
    lines = [torch.cat(sheets[i : i + 3], 1) for i in range(0, len(sheets) - len(sheets) % 3, 3)]
    return torch.cat(lines, 0)


@torch.no_grad()
def free_samples(model: DragModel, count: int, seed: int = 0) -> Tensor:
    """What the model dreams up from noise with no prompt: a sheet of eight columns, [H, W, 3]."""
    side = model.preset.size // model.latent_stride
    latents = torch.randn(count, model.latent_channels, side, side, generator=torch.Generator().manual_seed(seed))
    embedding = model.embed_prompt("")
    for step in range(model.schedule.num_steps, 0, -1):
        latents = model.schedule.move(latents, model.noise(latents, step, embedding).cpu(), step, step - 1)
    rows = [torch.cat(list(row), 1) for row in model.decode(latents).split(8)]
    return torch.cat(rows, 0)


def main() -> None:
    """Measure, write the tables and the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--frames", type=int, default=8, help="frames of the clips that are tracked")
    parser.add_argument("--drag-frames", type=int, default=4, help="frames of the clips that are dragged")
    parser.add_argument("--first", type=int, default=HELD_OUT_FROM, help="first seed; 1000000 and up are held out")
    parser.add_argument("--length", type=float, default=10.0, help="length of the drags in px")
    parser.add_argument("--parts", nargs="+", default=list(DRAGGED), choices=DRAGGED)
    parser.add_argument("--settings", type=json.loads, default={}, help="JSON of settings that replace the preset's")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")

    model = load_model(options.model)
    preset = override(model.preset, options.settings)
    fidelities, errors, drags = [], [], []
    for seed in range(options.first, options.first + options.clips):
        clip_scene = sample_scene(seed, options.frames)
        clip = rendered_clip(clip_scene)
        fidelities.append(fidelity(model, rendered_clip(sample_scene(seed, 2)), preset))
        errors += tracking_errors(model, clip_scene, clip, preset)
        # What another animal or an occluder covers, nobody would click on.
        for part in (part for part in options.parts if part_visible(clip_scene, 0, part)):
            drags.append(run_drag(model, sample_scene(seed, options.drag_frames), part, options.length, preset))
            d = drags[-1]
            log.info(
                "%d %-5s way %4.0f %%, inside %.1f dB (copy %.1f), outside %.1f dB, %.0f s",
                seed, part, 100 * d.way, d.inside_db, d.copy_db, d.outside_db, d.seconds,
            )  # fmt: skip
    numbers = summary(fidelities, errors, drags)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "results.json").write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
    (options.out / "results.md").write_text(table(numbers), encoding="utf-8")
    draw.save_png(options.out / "drags.png", drag_picture(drags))
    draw.save_png(options.out / "samples.png", free_samples(model, 32))
    log.info("%s", table(numbers))


if __name__ == "__main__":
    main()
