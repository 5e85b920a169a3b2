"""All stages in one call, and the two shorter ways: points only, and there and back without a drag."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor

from .decoding.decode import Decoded, decode_drag
from .decoding.detail import carry_detail
from .drag.offsets import LatentOffsets
from .drag.optimizer import optimise_offsets
from .errors import DragAVideoError
from .instruction.checks import validate_instruction
from .instruction.value import DragInstruction
from .inversion.invert import Inversion, invert
from .inversion.reference import reference_chain, visited_steps
from .media.clip import Clip
from .media.compositing import composite
from .model.batches import chosen_micro_batch
from .model.drag_model import DragModel
from .model.lora import LoraWeights, tune_lora, with_lora
from .objects.value import ObjectMasks, Segmenter
from .progress import Progress, silent
from .propagation.point_sets import PointSets
from .propagation.propagate import propagate
from .results.result import DragResult
from .settings import DecodeSettings, Preset
from .storage import StageStore, fingerprint, weights_fingerprint


def drag_clip(
    model: DragModel,
    clip: Clip,
    instruction: DragInstruction,
    *,
    preset: Preset | None = None,
    prompt: str = "",
    lora: LoraWeights | None = None,
    objects: ObjectMasks | None = None,
    segmenter: Segmenter | None = None,
    mask: Tensor | None = None,
    store: StageStore | None = None,
    progress: Progress = silent,
) -> DragResult:
    """Drag a clip: LoRA tuning, inversion, propagation, optimisation, decoding, compositing.

    Args:
        preset: all settings; the model's own by default.
        prompt: what the clip shows; may be empty.
        lora: an adapter to use in place of tuning one.
        objects: what is dragged, in every frame; found from the instruction where it is not given.
        segmenter: finds the object on the key frame (SAM), where `objects` are not given.
        mask: [Hs, Ws] or [N, Hs, Ws] bool, the region to edit, in place of the mask points' patches.
        store: keeps finished stages; the same call with the same store goes on where an earlier one stopped.
        progress: raise from it to cancel.

    Raises:
        DragAVideoError: anything about the inputs that cannot work, before the first long stage where possible.
    """
    preset, store = preset or model.preset, store or StageStore()
    validate_instruction(instruction, clip)
    _check_steps(preset)
    seconds: dict[str, float] = {}
    weights = [weights_fingerprint(network) for network in (model.unet, model.vae, model.text_encoder)]
    origin = (weights, model.schedule, model.dtype, clip.frames, prompt)

    with _timed(seconds, "lora"):
        tuned, lora, key = _tuned(model, clip, preset, prompt, lora, store, progress, fingerprint(origin))
    with _timed(seconds, "inversion"):
        key = fingerprint(key, preset.inversion_steps, preset.inversion_refinements)
        inversion = store.once("inversion", key, Inversion, lambda: _inverted(tuned, clip, preset, prompt, progress))
    with _timed(seconds, "propagation"):
        # Not kept: it takes seconds, and a segmenter has no fingerprint.
        point_sets = propagate(
            tuned, clip, instruction, preset.propagation,
            objects=objects, segmenter=segmenter, mask=mask, inversion=inversion, progress=progress,
        )  # fmt: skip
    with _timed(seconds, "optimisation"):
        # Neither the number of iterations nor the micro-batch changes what an iteration does.
        rule = replace(preset.drag, iterations=0, micro_batch=1)
        key = fingerprint(key, point_sets, rule, preset.tracker)
        offsets = _optimised(tuned, clip, preset, inversion, point_sets, store, key, progress)
    with _timed(seconds, "decode"):
        decoded = decode_drag(tuned, inversion, offsets, preset.decode, progress)
    with _timed(seconds, "composite"):
        frames = finished_frames(clip, decoded, point_sets, offsets, preset.decode)
    return DragResult(frames, decoded, point_sets, offsets, lora, seconds)


def finished_frames(
    clip: Clip, decoded: Decoded, point_sets: PointSets, offsets: LatentOffsets, settings: DecodeSettings
) -> Tensor:
    """The edited clip at source size [N, Hs, Ws, 3]; only masked regions replaced if the settings composite.

    Detail is carried along the warp that the offsets began with, whatever a preset says: they may come of another.
    """
    warp = point_sets.warp
    if settings.detail and offsets.warm_start != "none" and warp is not None:
        masks = point_sets.masks if settings.composite else torch.ones_like(point_sets.masks)
        width = settings.feather_px if settings.composite else 0.0
        frames = carry_detail(clip, decoded.edited, decoded.reconstruction, warp, masks, width)
        return torch.where(masks.unsqueeze(-1), frames, clip.source)
    if settings.composite:
        return composite(clip, decoded.edited, point_sets.masks, settings.feather_px)
    return clip.geometry.frames_to_source(decoded.edited, clip.source)


def propagate_clip(
    model: DragModel,
    clip: Clip,
    instruction: DragInstruction,
    *,
    preset: Preset | None = None,
    objects: ObjectMasks | None = None,
    segmenter: Segmenter | None = None,
    mask: Tensor | None = None,
    progress: Progress = silent,
) -> PointSets:
    """Only the points: to check in seconds where they go before paying for the drag."""
    preset = preset or model.preset
    validate_instruction(instruction, clip)
    return propagate(
        model, clip, instruction, preset.propagation, objects=objects, segmenter=segmenter, mask=mask, progress=progress
    )


def reconstruct_clip(
    model: DragModel, clip: Clip, *, preset: Preset | None = None, prompt: str = "", progress: Progress = silent
) -> Tensor:
    """Invert as far as the drag starts and denoise with no offset: [N, H, W, 3], working size.

    What is lost here, the drag cannot keep; look at it before blaming the drag.
    """
    preset = preset or model.preset
    _check_steps(preset)
    top = max(preset.drag.steps)
    count = _frames_at_once(model, clip, preset)
    inversion = invert(model, clip, top, prompt, count, progress, preset.inversion_refinements)
    visits = visited_steps(preset.drag, top)
    chain = reference_chain(model, inversion, visits, count, progress)
    return model.decode(chain[0], lambda i: progress("decode", i + 1, len(clip.frames)))


def _check_steps(preset: Preset) -> None:
    if not preset.drag.steps:
        raise DragAVideoError("No steps are selected for the drag; name at least one, for example 35.")
    looked = preset.propagation.step if preset.propagation.correspondence == "diffusion" else 0
    needed = max(*preset.drag.steps, looked)
    if preset.inversion_steps < needed:
        raise DragAVideoError(
            f"The settings invert {preset.inversion_steps} steps but use step {needed}; set inversion_steps to at "
            f"least {needed}."
        )


def _tuned(
    model: DragModel,
    clip: Clip,
    preset: Preset,
    prompt: str,
    lora: LoraWeights | None,
    store: StageStore,
    progress: Progress,
    key: str,
) -> tuple[DragModel, LoraWeights | None, str]:
    if lora is None and preset.lora.iterations > 0:
        key = fingerprint(key, preset.lora)
        lora = store.once(
            "lora", key, LoraWeights, lambda: tune_lora(model, model.encode(clip.frames), preset.lora, prompt, progress)
        )
    elif lora is not None:
        key = fingerprint(key, lora)
    return (model if lora is None else with_lora(model, lora)), lora, key


def _inverted(model: DragModel, clip: Clip, preset: Preset, prompt: str, progress: Progress) -> Inversion:
    refinements, count = preset.inversion_refinements, _frames_at_once(model, clip, preset)
    return invert(model, clip, preset.inversion_steps, prompt, count, progress, refinements)


def _frames_at_once(model: DragModel, clip: Clip, preset: Preset) -> int:
    return chosen_micro_batch(preset.decode.micro_batch, model.device, model.dtype, clip.geometry.working_size)


def _optimised(
    model: DragModel,
    clip: Clip,
    preset: Preset,
    inversion: Inversion,
    point_sets: PointSets,
    store: StageStore,
    key: str,
    progress: Progress,
) -> LatentOffsets:
    kept = store.recall("offsets", key, LatentOffsets)
    if kept is not None and kept.iterations > preset.drag.iterations:
        kept = None
    return optimise_offsets(
        model,
        inversion,
        point_sets,
        clip.geometry,
        preset.drag,
        preset.tracker,
        resume=kept,
        save=lambda offsets: store.keep("offsets", key, offsets),
        progress=progress,
    )


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[stage] = round(time.perf_counter() - start, 3)
