"""Command line: `python -m dragavideo_core drag | propagate | reconstruct`; see `--help`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor
from tqdm import tqdm

from . import pipeline
from .command_line import build_parser, chosen_preset
from .errors import DragAVideoError, ran_out_of_memory
from .files import check_writable, sweep
from .instruction.examples import Example, example, known_part
from .instruction.parsing import load_instruction
from .instruction.value import DragInstruction
from .media.clip import Clip, load_clip
from .media.masks import read_mask
from .media.video_io import write_video
from .model.drag_model import DragModel
from .model.loading import load_model
from .model.lora import load_lora, save_lora
from .objects.object_masks import find_objects
from .objects.sam import sam_segmenter
from .objects.value import ObjectMasks, Segmenter
from .results import draw, report
from .results.points import points_value
from .results.verdict import judge_drag
from .settings import Preset
from .stopping import Stopped, stopped_politely
from .storage import StageStore

_SMALLER = (
    "lower --size, or add --set drag.micro_batch=1 --set decode.micro_batch=1. Finished stages are kept, the same "
    "command goes on from there."
)


class ProgressBars:
    """One tqdm bar on stderr for each stage."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None
        self._stage = ""

    def __call__(
        self,
        stage: str,
        done: int,
        total: int,
        *,
        loss: float | None = None,
        distance: float | None = None,
        preview: Callable[[], Tensor] | None = None,
    ) -> None:
        if self._bar is None or stage != self._stage:
            self.close()
            self._bar, self._stage = tqdm(total=total, desc=stage, file=sys.stderr), stage
        self._bar.total = total
        if loss is not None:
            self._bar.set_postfix(loss=f"{loss:.4g}", refresh=False)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Finish the bar of the last stage."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


@dataclass(frozen=True)
class _Job:
    model: DragModel
    clip: Clip
    preset: Preset
    bundled: Example | None
    every: int
    bars: ProgressBars


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Gives 0, 2 for something the person can put right, 130 when stopped by Ctrl+C,
    128 and the signal's number when by SIGTERM or SIGHUP."""
    options = build_parser().parse_args(arguments)
    bars = ProgressBars()
    try:
        commands = {"drag": _drag, "propagate": _propagate, "reconstruct": _reconstruct}
        with stopped_politely():
            commands[options.command](options, _prepare(options, bars))
    except DragAVideoError as error:
        bars.close()
        sys.stderr.write(f"error: {error}\n")
        return 2
    except (RuntimeError, MemoryError) as error:
        if not ran_out_of_memory(error):
            raise
        bars.close()
        reason = str(error).partition(". ")[0] or "no more main memory"
        sys.stderr.write(f"error: Memory ran out ({reason}); {_SMALLER}\n")
        return 2
    except KeyboardInterrupt as stop:
        bars.close()
        sys.stderr.write("stopped; finished stages are kept, the same command goes on from there\n")
        return stop.exit_code if isinstance(stop, Stopped) else 130
    sys.stderr.write(f"results are in {options.out}\n")
    return 0


def _prepare(options: argparse.Namespace, bars: ProgressBars) -> _Job:
    """Load what every command needs; cheap checks first."""
    bundled = example(options.example) if options.example else None
    if (options.clip is None) == (bundled is None):
        raise DragAVideoError("Name one clip: a file or folder, or --example with creature or bunny.")
    check_writable(options.out)
    sweep(options.out)
    sweep(options.out / "stages")
    model = load_model(options.model, device=options.device, dtype=options.dtype)
    preset = chosen_preset(options, model.preset)
    every, limit = (bundled.every, bundled.limit) if bundled else (3, 16)
    every = every if options.every is None else options.every
    clip = load_clip(
        bundled.clip if bundled else options.clip,
        size=preset.size if options.size is None else options.size,
        fit=options.fit,
        every=every,
        limit=limit if options.limit is None else options.limit,
        start=options.start,
    )
    for note in clip.notes:
        _say(note)
    return _Job(model, clip, preset, bundled, every, bars)


def _instruction(options: argparse.Namespace, job: _Job) -> DragInstruction:
    if options.instruction:
        return load_instruction(options.instruction)
    if job.bundled:
        return load_instruction(job.bundled.instruction)
    raise DragAVideoError("Say what to drag: --instruction FILE.json (its form is at the end of --help).")


def _segmenter(options: argparse.Namespace, job: _Job) -> Segmenter | None:
    return sam_segmenter(options.sam, job.model.device) if options.sam else None


def _mask(path: Path | None, options: argparse.Namespace, job: _Job) -> Tensor | None:
    """A mask picture as bool [Hs, Ws], or the frames of a mask clip that run along with the clip's, [N, Hs, Ws]."""
    if path is None:
        return None
    found = read_mask(path, every=job.every, limit=len(job.clip.frames), start=options.start)
    job.bars.close()
    _say(found.note)
    return found.masks[0] if len(found.masks) == 1 else found.masks


def _objects(options: argparse.Namespace, job: _Job, instruction: DragInstruction) -> ObjectMasks | None:
    """The object that a file shows; None leaves it to be found."""
    given = _mask(options.object, options, job)
    return None if given is None else find_objects(job.clip, instruction, given=given, progress=job.bars)


def _say(note: str) -> None:
    sys.stderr.write(f"note: {note}\n")


def _drag(options: argparse.Namespace, job: _Job) -> None:
    instruction, out = _instruction(options, job), options.out
    result = pipeline.drag_clip(
        job.model,
        job.clip,
        instruction,
        preset=job.preset,
        prompt=options.prompt,
        lora=load_lora(options.lora) if options.lora else None,
        objects=_objects(options, job, instruction),
        segmenter=_segmenter(options, job),
        mask=_mask(options.mask, options, job),
        store=StageStore(None if options.fresh else out / "stages"),
        progress=job.bars,
    )
    job.bars.close()
    if result.lora is not None and not options.lora:
        save_lora(result.lora, out / "lora.safetensors")
    write_video(out / "edited.mp4", result.frames, job.clip.fps, job.clip.audio)
    points = draw.overlay(job.clip.source, result.point_sets)
    write_video(out / "points.mp4", points, job.clip.fps)
    reconstruction = job.clip.geometry.frames_to_source(result.decoded.reconstruction, job.clip.source)
    truth = _true_edit(job)
    draw.save_png(out / "comparison.png", draw.drag_sheet(points, reconstruction, result.frames, truth))
    curves = [("loss", result.offsets.losses), ("distance to target (working px)", result.offsets.distances)]
    if result.offsets.distances:
        draw.save_png(out / "plot.png", draw.plot(curves))
    known, said = known_part(job.clip.name, instruction), judge_drag(job.clip, result)
    found = report.drag_report(job.model, job.clip, instruction, job.preset, result, known, said)
    report.write_report(out / "report.json", found)
    sys.stdout.write(f"{said.level}: {'; '.join(said.lines)}\n")


def _true_edit(job: _Job) -> Tensor | None:
    if job.bundled is None or job.bundled.true_edit is None:
        return None
    count, start = len(job.clip.frames), job.clip.frame_indices[0]
    truth = load_clip(job.bundled.true_edit, size=job.preset.size, every=job.every, limit=count, start=start)
    return truth.source


def _propagate(options: argparse.Namespace, job: _Job) -> None:
    instruction = _instruction(options, job)
    point_sets = pipeline.propagate_clip(
        job.model,
        job.clip,
        instruction,
        preset=job.preset,
        objects=_objects(options, job, instruction),
        segmenter=_segmenter(options, job),
        mask=_mask(options.mask, options, job),
        progress=job.bars,
    )
    job.bars.close()
    points = draw.overlay(job.clip.source, point_sets)
    write_video(options.out / "points.mp4", points, job.clip.fps)
    draw.save_png(options.out / "points.png", draw.comparison_sheet([("points", points)]))
    report.write_report(
        options.out / "report.json",
        report.propagation_report(job.model, job.clip, instruction, job.preset, point_sets),
    )
    report.write_report(options.out / "points.json", points_value(point_sets))


def _reconstruct(options: argparse.Namespace, job: _Job) -> None:
    frames = pipeline.reconstruct_clip(job.model, job.clip, preset=job.preset, prompt=options.prompt, progress=job.bars)
    job.bars.close()
    write_video(options.out / "reconstruction.mp4", frames, job.clip.fps, job.clip.audio)
    rows = [("source (working size)", job.clip.frames), ("reconstruction", frames)]
    draw.save_png(options.out / "comparison.png", draw.comparison_sheet(rows))
    report.write_report(
        options.out / "report.json", report.reconstruction_report(job.model, job.clip, job.preset, frames)
    )


if __name__ == "__main__":
    sys.exit(main())
