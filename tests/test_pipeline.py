"""All stages in one call on a tiny random model: what goes on where it stopped, and what is refused at once."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dragavideo_core import pipeline
from dragavideo_core.errors import DragAVideoError
from dragavideo_core.instruction.value import DragInstruction, DragPair
from dragavideo_core.inversion.invert import invert
from dragavideo_core.media.clip import Clip, prepare_clip
from dragavideo_core.model.drag_model import DragModel
from dragavideo_core.settings import PAPER, override
from dragavideo_core.storage import StageStore

from .tiny import tiny_model

PRESET = override(
    PAPER,
    {
        "size": 32,
        "inversion_steps": 4,
        "lora": {"iterations": 1, "rank": 2, "batch_size": 1},
        "propagation": {"set_spacing_px": 2.0, "step": 1, "feature_block": 2, "window_px": 6.0, "mask_radius_px": 4.0},
        "drag": {"steps": [4, 3], "iterations": 2, "arrival_px": 0.1},
        "decode": {"cross_branch_layer": 4, "feather_px": 1.0},
    },
)
INSTRUCTION = DragInstruction((DragPair((20.0, 14.0), (26.0, 14.0)),), mask_points=((20.0, 14.0), (26.0, 14.0)))


@pytest.fixture(scope="module")
def model() -> DragModel:
    return tiny_model()


def clip_of(frames: int) -> Clip:
    generator = torch.Generator().manual_seed(3)
    pictures = torch.rand(frames, 8, 10, 3, generator=generator).permute(0, 3, 1, 2)
    pictures = torch.nn.functional.interpolate(pictures, size=(32, 40), mode="bilinear").permute(0, 2, 3, 1)
    return prepare_clip(pictures, 8.0, size=(32, 32), every=1, limit=frames)


def test_a_drag_from_end_to_end_changes_only_the_mask(model: DragModel, tmp_path: Path) -> None:
    clip = clip_of(2)
    result = pipeline.drag_clip(model, clip, INSTRUCTION, preset=PRESET, store=StageStore(tmp_path))
    assert result.frames.shape == clip.source.shape and result.decoded.edited.shape == clip.frames.shape
    outside = ~result.point_sets.masks
    assert torch.equal(result.frames[outside], clip.source[outside]), "composited frames must be bit-exact outside"
    assert result.offsets.iterations == 2 and len(result.offsets.losses) == 2
    assert result.lora is not None and result.lora.rank == 2
    assert set(result.seconds) == {"lora", "inversion", "propagation", "optimisation", "decode", "composite"}

    stages: list[str] = []
    again = pipeline.drag_clip(
        model,
        clip,
        INSTRUCTION,
        preset=PRESET,
        store=StageStore(tmp_path),
        progress=lambda stage, done, total, **_: stages.append(stage),
    )
    assert torch.equal(again.frames, result.frames)
    assert not {"LoRA tuning", "inversion", "latent offsets"} & set(stages), "kept stages were run again"


def test_more_iterations_go_on_from_the_kept_ones(model: DragModel, tmp_path: Path) -> None:
    clip = clip_of(2)
    short = override(PRESET, {"drag": {"iterations": 1}})
    pipeline.drag_clip(model, clip, INSTRUCTION, preset=short, store=StageStore(tmp_path))
    resumed = pipeline.drag_clip(model, clip, INSTRUCTION, preset=PRESET, store=StageStore(tmp_path))
    unbroken = pipeline.drag_clip(model, clip, INSTRUCTION, preset=PRESET)
    torch.testing.assert_close(resumed.offsets.offsets, unbroken.offsets.offsets, atol=1e-5, rtol=1e-4)
    fewer = pipeline.drag_clip(model, clip, INSTRUCTION, preset=short, store=StageStore(tmp_path))
    assert fewer.offsets.iterations == 1


def test_stages_of_another_codec_are_not_taken(tmp_path: Path) -> None:
    """Checkpoints often share a UNet and differ in the VAE, whose latents mean something else."""
    preset = override(PRESET, {"lora": {"iterations": 0}, "drag": {"iterations": 0}})
    model = tiny_model()
    other = replace(model, vae=copy.deepcopy(model.vae))
    with torch.no_grad():
        next(other.vae.parameters()).mul_(2)
    for one in (model, other):
        pipeline.drag_clip(one, clip_of(2), INSTRUCTION, preset=preset, store=StageStore(tmp_path))
        kept = load_file(tmp_path / "inversion.safetensors")
        fresh = invert(one, clip_of(2), preset.inversion_steps)
        torch.testing.assert_close(kept["latents"], fresh.latents, atol=1e-5, rtol=1e-4)


def test_a_stopped_drag_keeps_finished_stages_and_iterations(model: DragModel, tmp_path: Path) -> None:
    def stop(stage: str, done: int, total: int, **_: object) -> None:
        if stage == "latent offsets" and done == 1:
            raise KeyboardInterrupt

    store = StageStore(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        pipeline.drag_clip(model, clip_of(2), INSTRUCTION, preset=PRESET, store=store, progress=stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "inversion.safetensors",
        "lora.safetensors",
        "offsets.safetensors",
    ]
    stages: list[tuple[str, int]] = []
    pipeline.drag_clip(
        model,
        clip_of(2),
        INSTRUCTION,
        preset=PRESET,
        store=store,
        progress=lambda stage, done, total, **_: stages.append((stage, done)),
    )
    assert min(done for stage, done in stages if stage == "latent offsets") == 1
    assert not any(stage == "inversion" for stage, _ in stages)


def test_one_frame_is_an_image_drag(model: DragModel) -> None:
    result = pipeline.drag_clip(model, clip_of(1), INSTRUCTION, preset=override(PRESET, {"lora": {"iterations": 0}}))
    assert result.frames.shape == (1, 32, 40, 3) and result.offsets.offsets.abs().max() > 0


def test_propagate_and_reconstruct_alone(model: DragModel) -> None:
    clip = clip_of(2)
    sets = pipeline.propagate_clip(model, clip, INSTRUCTION, preset=PRESET)
    assert sets.handles.shape == (2, 1, 9, 2)
    back = pipeline.reconstruct_clip(model, clip, preset=PRESET)
    assert back.shape == clip.frames.shape


@pytest.mark.parametrize(
    ("instruction", "changes", "message"),
    [
        (DragInstruction(()), {}, "nothing to drag"),
        (DragInstruction((), mask_points=((5.0, 5.0),)), {}, "only mask points"),
        (replace(INSTRUCTION, size=(64, 64)), {}, "64x64"),
        (INSTRUCTION, {"inversion_steps": 3}, "use step 4"),
        (INSTRUCTION, {"drag": {"steps": []}}, "No steps"),
    ],
)
def test_what_cannot_work_is_refused_before_the_first_stage(model, instruction, changes, message) -> None:
    started: list[str] = []
    with pytest.raises(DragAVideoError, match=message):
        pipeline.drag_clip(
            model,
            clip_of(2),
            instruction,
            preset=override(PRESET, changes),
            progress=lambda stage, *_, **__: started.append(stage),
        )
    assert not started


@pytest.mark.parametrize("mask", [torch.ones(5, 5, dtype=torch.bool), torch.ones(3, 32, 40, dtype=torch.bool)])
def test_a_mask_of_another_size_is_refused(model: DragModel, mask: torch.Tensor) -> None:
    with pytest.raises(DragAVideoError, match="mask"):
        pipeline.drag_clip(
            model, clip_of(2), INSTRUCTION, preset=override(PRESET, {"lora": {"iterations": 0}}), mask=mask
        )


def test_detail_is_carried_along_the_warp_that_the_offsets_began_with(model: DragModel) -> None:
    """In ComfyUI the warm start is chosen on the optimiser, while what decodes knows only the model's preset."""
    preset = override(PRESET, {"lora": {"iterations": 0}, "drag": {"iterations": 1}, "decode": {"composite": False}})
    clip, settings = clip_of(2), replace(preset.decode, detail=True)
    for shape in ("none", "puppet"):
        result = pipeline.drag_clip(model, clip, INSTRUCTION, preset=override(preset, {"drag": {"warm_start": shape}}))
        assert result.offsets.warm_start == shape
        finished = pipeline.finished_frames(clip, result.decoded, result.point_sets, result.offsets, settings)
        plain = clip.geometry.frames_to_source(result.decoded.edited, clip.source)
        assert torch.equal(finished, plain) == (shape == "none")
