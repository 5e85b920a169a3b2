"""Operations counted, not timed: what one call costs at a size, times how often a drag makes it.

The costs are those of Stable Diffusion 1.5, by torch's FlopCounterMode on tensors without contents, so that nothing is
computed. The calls are counted in a real drag by the bundled model, whose steps and iterations are the preset's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from dragavideo_core.decoding.decode import decode_drag
from dragavideo_core.drag.optimizer import optimise_offsets
from dragavideo_core.instruction.value import DragInstruction, DragPair
from dragavideo_core.inversion.invert import invert
from dragavideo_core.media.clip import Clip, prepare_clip
from dragavideo_core.model import loading
from dragavideo_core.model import unet as walk
from dragavideo_core.model.drag_model import DragModel
from dragavideo_core.presets import RECIPES, recipe
from dragavideo_core.propagation.propagate import propagate
from dragavideo_core.settings import Preset, override

from .timing import random_problem

STRIDE = 8
Costs = Mapping[str, float]
"""Kind of call -> TFLOP a frame: noise (all of the UNet), features (to the block), finish (the rest), backward (from
the block to the latents), encode, decode."""


@dataclass(frozen=True)
class CountedModel(DragModel):
    """A model that notes how many frames went through each part."""

    counts: Counter[str] = field(default_factory=Counter)

    def noise(self, latents: Tensor, *rest: Any, **more: Any) -> Tensor:
        self.counts["noise"] += len(latents)
        return super().noise(latents, *rest, **more)

    def features(self, latents: Tensor, *rest: Any, **more: Any) -> Tensor:
        self._to_block(latents)
        return super().features(latents, *rest, **more)

    def partial(self, latents: Tensor, *rest: Any, **more: Any) -> walk.PartialForward:
        self._to_block(latents)
        return super().partial(latents, *rest, **more)

    def finish_noise(self, part: walk.PartialForward, latents: Tensor, step: int) -> Tensor:
        self.counts["finish"] += len(latents)
        return super().finish_noise(part, latents, step)

    def encode(self, frames: Tensor, *rest: Any, **more: Any) -> Tensor:
        self.counts["encode"] += len(frames)
        return super().encode(frames, *rest, **more)

    def decode(self, latents: Tensor, *rest: Any, **more: Any) -> Tensor:
        self.counts["decode"] += len(latents)
        return super().decode(latents, *rest, **more)

    def _to_block(self, latents: Tensor) -> None:
        self.counts["features"] += len(latents)
        if latents.requires_grad and torch.is_grad_enabled():
            self.counts["backward"] += len(latents)


def counted(model: DragModel) -> CountedModel:
    """`model` with counters at zero."""
    return CountedModel(**{part.name: getattr(model, part.name) for part in fields(DragModel)})


def costs(width: int, height: int, block: int = 2) -> Costs:
    """What each kind of call of SD1.5 costs, TFLOP a frame of width x height px."""
    from diffusers import AutoencoderKL, UNet2DConditionModel

    with torch.device("meta"):
        config = loading.SD15_CONFIG
        unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(config / "unet"))
        vae = AutoencoderKL.from_config(AutoencoderKL.load_config(config / "vae"))
        unet.requires_grad_(False).eval()
        vae.requires_grad_(False).eval()
        latents = torch.empty(1, 4, height // STRIDE, width // STRIDE)
        prompt, timestep, image = torch.empty(1, 77, 768), torch.tensor(1), torch.empty(1, 3, height, width)

    def graded() -> None:
        leaf = latents.clone().requires_grad_()
        walk.features(unet, leaf * 1, timestep, prompt, block).sum().backward()

    with torch.no_grad():
        part = walk.partial_forward(unet, latents, timestep, prompt, block)
        found = {
            "noise": _tflop(lambda: unet(latents, timestep, encoder_hidden_states=prompt, return_dict=False)),
            "features": _tflop(lambda: walk.features(unet, latents, timestep, prompt, block)),
            "finish": _tflop(lambda: walk.finish(unet, part)),
            "encode": _tflop(lambda: vae.encoder(image)),
            "decode": _tflop(lambda: vae.decoder(latents)),
        }
    return {**found, "backward": _tflop(graded) - found["features"]}


def _tflop(work: Callable[[], object]) -> float:
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops() / 1e12


def tflop(counts: Mapping[str, int], of: Costs) -> float:
    """What counted calls cost."""
    return sum(of[kind] * count for kind, count in counts.items())


def never_arriving(model: DragModel, name: str) -> Preset:
    """A recipe for this model that does all its iterations."""
    changes = {"lora": {"iterations": 0}, "drag": {"arrival_px": 0.0, "patience": 0}}
    return override(recipe(name, model.preset), changes)


def small_clip(model: DragModel, frames: int = 1, side: int = 32) -> Clip:
    """Noise of side x side px, at least 32: what it shows costs nothing."""
    noise = torch.rand(frames, side, side, 3, generator=torch.Generator().manual_seed(0))
    return prepare_clip(noise, fps=8.0, size=side, every=1)


def stage_counts(model: DragModel, preset: Preset, clip: Clip) -> dict[str, Counter[str]]:
    """Calls of every stage of a drag without LoRA, in frames."""
    found, counts = {}, (watched := counted(model)).counts

    def stage(name: str) -> None:
        found[name] = Counter(counts)
        counts.clear()

    instruction = DragInstruction(pairs=(DragPair((12.0, 16.0), (24.0, 16.0)),), mask_points=((16.0, 16.0),))
    inversion = invert(watched, clip, preset.inversion_steps, "", refinements=preset.inversion_refinements)
    stage("inversion")
    sets = propagate(watched, clip, instruction, preset.propagation, inversion=inversion)
    stage("propagation")
    offsets = optimise_offsets(watched, inversion, sets, clip.geometry, preset.drag, preset.tracker)
    stage("optimise")
    decode_drag(watched, inversion, offsets, preset.decode)
    stage("decode")
    return found


def forwards_an_iteration(model: DragModel, chain: str, of: Costs, iterations: int = 20) -> float:
    """Full forwards a frame and iteration of the paper's drag (`alternating`: GoodDrag's), without what is once done.

    Args:
        iterations: a multiple of the iterations between two walks of a full chain, or spent at a step when alternating.
    """
    preset = never_arriving(model, "gooddrag" if chain == "alternating" else "paper")
    drag = override(preset.drag, {"chain": chain, "hard_mask": False})
    parts = random_problem(model, 1, 32, int(model.unet.config.cross_attention_dim))
    found = []
    for count in (iterations, 2 * iterations):
        watched = counted(model)
        optimise_offsets(watched, *parts, replace(drag, iterations=count), preset.tracker)
        found.append(tflop(watched.counts, of))
    return (found[1] - found[0]) / iterations / of["noise"]


def counted_figures(model: DragModel, frames: int = 16, size: int = 512) -> dict[str, Any]:
    """The part `counted` of results.json."""
    of, clip = costs(size, size), small_clip(model)
    stages = stage_counts(model, never_arriving(model, "best"), clip)
    pflop = {name: frames * tflop(counts, of) / len(clip.frames) / 1000 for name, counts in stages.items()}
    return {
        "optimise_pflop": pflop["optimise"],
        "total_pflop": sum(pflop.values()),
        **{
            f"forwards_{chain}": forwards_an_iteration(model, chain, of) for chain in ("full", "strided", "alternating")
        },
        "stages_pflop": pflop,
        "presets_pflop": {name: _preset_pflop(model, name, of, frames) for name in RECIPES},
        "tflop_a_frame": dict(of),
    }


def _preset_pflop(model: DragModel, name: str, of: Costs, frames: int) -> float:
    clip = small_clip(model)
    stages = stage_counts(model, never_arriving(model, name), clip)
    return frames * sum(tflop(counts, of) for counts in stages.values()) / len(clip.frames) / 1000
