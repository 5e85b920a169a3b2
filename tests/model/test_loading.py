"""Loading: folders, single files with LDM names, and every refusal with its message."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import save_file

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.model import loading
from dragavideo_core.model.checkpoint import identify
from dragavideo_core.model.devices import pick_device, pick_dtype
from dragavideo_core.model.loading import load_model, load_scheduler, load_tokenizer
from tests.ldm import write_checkpoint, write_sd15_checkpoint
from tests.tiny import tiny_model, tiny_scheduler

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model():
    return tiny_model(layers_per_block=2)


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    """The tiny model in diffusers' layout, with a preset of its own."""
    root = tmp_path_factory.mktemp("models") / "tiny"
    model.unet.save_pretrained(root / "unet")
    model.vae.save_pretrained(root / "vae")
    model.text_encoder.save_pretrained(root / "text_encoder")
    model.tokenizer.save_pretrained(root / "tokenizer")
    tiny_scheduler("v_prediction").save_pretrained(root / "scheduler")
    (root / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}), encoding="utf-8")
    (root / "drag_preset.json").write_text(json.dumps({"name": "own", "inversion_steps": 35}), encoding="utf-8")
    return root


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


@pytest.fixture(scope="module")
def checkpoint(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoints") / "tiny.safetensors"
    write_checkpoint(path, model.unet, model.vae, model.text_encoder)
    return path


def assert_same(loaded, model):
    """The loaded model's networks give what the original's give."""
    frames = torch.rand(1, 16, 16, 3, generator=torch.Generator().manual_seed(0))
    latents, embedding = model.encode(frames), model.embed_prompt("a cat")
    torch.testing.assert_close(loaded.encode(frames), latents)
    torch.testing.assert_close(loaded.decode(latents), model.decode(latents))
    torch.testing.assert_close(loaded.embed_prompt("a cat"), embedding)
    torch.testing.assert_close(loaded.features(latents, 35, embedding, 3), model.features(latents, 35, embedding, 3))
    assert not any(p.requires_grad for p in loaded.unet.parameters())


# --- what loads -----------------------------------------------------------------------------------------------------


def test_a_diffusers_folder_with_its_preset(model, folder, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    torch.manual_seed(3)
    state = torch.get_rng_state()
    loaded = load_model(folder, device="cpu")
    assert torch.equal(torch.get_rng_state(), state)
    assert_same(loaded, model)
    assert (loaded.name, loaded.preset.name, loaded.preset.inversion_steps) == ("tiny", "own", 35)
    assert loaded.schedule.prediction_type == "v_prediction" and loaded.dtype == torch.float32


def test_a_single_file_with_ldm_names(model, folder, checkpoint, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    loaded = loading._load_checkpoint(checkpoint, {"v_pred"}, folder, CPU, torch.float32)
    assert_same(loaded, model)
    assert loaded.name == "tiny" and loaded.preset.name == "best"


def test_incomplete_single_files_are_refused(folder, checkpoint, tmp_path):
    from safetensors.torch import load_file

    for part, word in (("out.2.bias", "unet in .* is incomplete"), ("final_layer_norm.bias", "text encoder")):
        tensors = {key: value for key, value in load_file(checkpoint).items() if not key.endswith(part)}
        save_file(tensors, tmp_path / "part.safetensors")
        with pytest.raises(DragAVideoError, match=word):
            loading._load_checkpoint(tmp_path / "part.safetensors", (), folder, CPU, torch.float32)


def test_fp16_variants_load(folder, model, copy):
    for part, name in (
        ("unet", "diffusion_pytorch_model"),
        ("vae", "diffusion_pytorch_model"),
        ("text_encoder", "model"),
    ):
        (copy / part / f"{name}.safetensors").rename(copy / part / f"{name}.fp16.safetensors")
    assert_same(load_model(copy, device="cpu"), model)


def test_schedulers_of_any_class_become_ddim(copy):
    config = {"_class_name": "EulerDiscreteScheduler", "beta_start": 0.00085, "beta_end": 0.012}
    config |= {"beta_schedule": "scaled_linear", "interpolation_type": "linear"}
    (copy / "scheduler" / "scheduler_config.json").write_text(json.dumps(config), encoding="utf-8")
    scheduler = load_scheduler(copy)
    assert scheduler.config.steps_offset == 1 and scheduler.config.set_alpha_to_one is False
    torch.testing.assert_close(scheduler.alphas_cumprod, tiny_scheduler().alphas_cumprod)


def test_the_shipped_tokenizer_is_clips():
    tokenizer = load_tokenizer(loading.SD15_CONFIG / "tokenizer")
    assert tokenizer("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert len(tokenizer) == 49408 and tokenizer.model_max_length == 77


def test_devices_and_number_formats(folder):
    assert pick_device().type in ("cpu", "cuda", "mps") and pick_dtype(CPU) == torch.float32
    assert load_model(folder, device="cpu", dtype="bf16").dtype == torch.bfloat16
    with pytest.raises(DragAVideoError, match="fp16 does not work on cpu: choose fp32 or bf16"):
        load_model(folder, device="cpu", dtype="fp16")
    with pytest.raises(DragAVideoError, match="'int4' is no number format"):
        load_model(folder, device="cpu", dtype="int4")


# --- what is refused ------------------------------------------------------------------------------------------------

FIRST = "model.diffusion_model.input_blocks.0.0.weight"
CONTEXT = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
SD1 = {
    FIRST: (320, 4, 3, 3),
    CONTEXT: (320, 768),
    "first_stage_model.encoder.conv_in.weight": (128, 3, 3, 3),
    "cond_stage_model.transformer.text_model.final_layer_norm.bias": (768,),
}
OTHERS = [
    ({**SD1, FIRST: (320, 9, 3, 3)}, "an inpainting checkpoint"),
    ({**SD1, CONTEXT: (320, 1024)}, "a Stable Diffusion 2 checkpoint"),
    ({**SD1, "cond_stage_model.model.ln_final.bias": (1024,)}, "a Stable Diffusion 2 checkpoint"),
    ({**SD1, "conditioner.embedders.1.model.ln_final.bias": (1280,)}, "a Stable Diffusion XL checkpoint"),
    ({"lora_unet_mid_block.lora_down.weight": (4, 8)}, "a LoRA"),
    ({"unet.mid_block.attn1.to_q.lora_A.weight": (4, 8)}, "a LoRA"),
    ({"encoder.down.0.block.0.conv1.weight": (1,)}, "a VAE"),
    ({"first_stage_model.encoder.conv_in.weight": (1,)}, "a VAE"),
    ({"model.diffusion_model.double_blocks.0.img_attn.qkv.weight": (1, 1)}, "a Flux model"),
    ({"down_blocks.0.resnets.0.conv1.weight": (1,)}, "one part of a diffusers folder"),
    ({"control_model.input_blocks.0.0.weight": (1,)}, "a ControlNet"),
    ({k: v for k, v in SD1.items() if "first_stage" not in k}, "Stable Diffusion 1.x without VAE"),
    ({"abc": (1,)}, "something unknown (its first tensor is 'abc')"),
    ({}, "an empty file"),
]


@pytest.mark.parametrize(("shapes", "meaning"), OTHERS, ids=[meaning for _, meaning in OTHERS])
def test_other_files_are_named(shapes, meaning, tmp_path):
    assert identify(SD1) is None
    assert str(identify(shapes)).startswith(meaning)
    path = tmp_path / "other.safetensors"
    save_file({key: torch.zeros(shape, dtype=torch.uint8) for key, shape in shapes.items()}, path)
    with pytest.raises(DragAVideoError) as caught:
        load_model(path, device="cpu")
    assert f"'other.safetensors' looks like {meaning}" in str(caught.value)
    assert "needs a Stable Diffusion 1.x checkpoint" in str(caught.value)


def test_truncated_missing_and_pickled_files_are_refused(checkpoint, tmp_path):
    data = checkpoint.read_bytes()
    for length in (0, 5, 1000, len(data) // 2, len(data) - 1):
        path = tmp_path / "cut.safetensors"
        path.write_bytes(data[:length])
        with pytest.raises(DragAVideoError, match=r"'cut\.safetensors' .* is truncated or no \.safetensors"):
            load_model(path, device="cpu")
    (tmp_path / "page.safetensors").write_text("<html>please log in</html>", encoding="utf-8")
    with pytest.raises(DragAVideoError, match="truncated or no"):
        load_model(tmp_path / "page.safetensors", device="cpu")
    (tmp_path / "old.ckpt").write_bytes(b"x")
    with pytest.raises(DragAVideoError, match=r"is a pickle.* convert it to \.safetensors"):
        load_model(tmp_path / "old.ckpt", device="cpu")
    (tmp_path / "clip.mp4").write_bytes(b"x")
    with pytest.raises(DragAVideoError, match="no model file"):
        load_model(tmp_path / "clip.mp4", device="cpu")
    with pytest.raises(DragAVideoError, match=r"There is no model .*models/checkpoints"):
        load_model(tmp_path / "none.safetensors", device="cpu")


def edit(path, **values):
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **values}), encoding="utf-8")


def test_wrong_folders_are_refused(copy, tmp_path):
    def refused(match):
        with pytest.raises(DragAVideoError, match=match):
            load_model(copy, device="cpu")

    with pytest.raises(DragAVideoError, match=r"no model_index\.json"):
        load_model(tmp_path, device="cpu")
    edit(copy / "unet" / "config.json", cross_attention_dim=1024)
    refused("Stable Diffusion 2")
    edit(copy / "unet" / "config.json", cross_attention_dim=32)
    refused("width 32, but its text encoder gives 16")
    edit(copy / "unet" / "config.json", _class_name="FluxTransformer2DModel")
    refused("FluxTransformer2DModel where")
    edit(copy / "model_index.json", text_encoder_2=["transformers", "CLIPTextModelWithProjection"])
    refused("Stable Diffusion XL")
    (copy / "model_index.json").write_text("{", encoding="utf-8")
    refused("cannot be read")


def test_damaged_folders_are_refused(copy):
    weights = copy / "unet" / "diffusion_pytorch_model.safetensors"
    data = weights.read_bytes()
    weights.write_bytes(data[: len(data) // 2])
    with pytest.raises(DragAVideoError, match="'copy/unet' is damaged or incomplete"):
        load_model(copy, device="cpu")
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(DragAVideoError, match=r"no \.safetensors weights \(only a pickled \.bin"):
        load_model(copy, device="cpu")
    shutil.rmtree(copy / "tokenizer")
    with pytest.raises(DragAVideoError, match="has no folder 'tokenizer'"):
        load_model(copy, device="cpu")


@pytest.mark.slow
def test_a_full_size_checkpoint_loads(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    path = tmp_path / "sd15.safetensors"
    write_sd15_checkpoint(path)
    assert path.stat().st_size > 2e9
    model = load_model(path, device="cpu")
    assert (model.latent_stride, model.latent_channels, model.preset.name) == (8, 4, "best")
    latents = model.encode(torch.rand(1, 64, 64, 3))
    embedding = model.embed_prompt("a cat")
    assert embedding.shape == (1, 77, 768)
    assert model.features(latents, 35, embedding, 2).shape == (1, 640, 8, 8)
    assert torch.isfinite(model.noise(latents, 35, embedding)).all()
