"""The training scripts, on crude images and seconds of work: what must be exact, and that nothing is odd."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTokenizer

from training.captions import VOCABULARY, caption
from training.codec import build_codec
from training.data import read_shard, render_examples, write_cache
from training.denoiser import build_schedule, stratified_timesteps
from training.denoiser_training import DenoiserTraining
from training.export import export
from training.pca import PatchPca, fit_pca, from_patches, load_pca, save_pca, to_float, to_patches
from training.scene import sample_scene
from training.starting import start_decoder, start_denoiser
from training.text import learn_merges, load_tokenizer, tokenise, write_tokenizer
from training.weights import MovingAverage, learning_rate, load_training, save_training


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return to_float(render_examples(0, 12)[0])


@pytest.fixture(scope="module")
def pca(images: torch.Tensor) -> PatchPca:
    return fit_pca(images)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, pca: PatchPca, images: torch.Tensor) -> Path:
    """A work folder with a cache of one small shard."""
    folder = tmp_path_factory.mktemp("work")
    save_pca(pca, folder / "pca.safetensors")
    cache = folder / "cache"
    cache.mkdir()
    save_file({"latents": pca.encode(images).half().contiguous()}, cache / "latents-0000.safetensors")
    (cache / "captions-0000.json").write_text(json.dumps(["a purple dog"] * len(images)), encoding="utf-8")
    return folder


def test_patches_round_trip(images: torch.Tensor) -> None:
    assert torch.equal(from_patches(to_patches(images)), images)


def test_latents_have_unit_variance(pca: PatchPca, images: torch.Tensor) -> None:
    latents = pca.encode(images)
    assert latents.shape == (12, 8, 32, 32)
    torch.testing.assert_close(latents.std((0, 2, 3)), torch.ones(8), atol=1e-2, rtol=0)
    torch.testing.assert_close(latents.mean((0, 2, 3)), torch.zeros(8), atol=1e-2, rtol=0)


@torch.no_grad()
def test_encoder_is_the_pca(pca: PatchPca, images: torch.Tensor) -> None:
    vae = build_codec(pca)
    posterior = vae.encode(images).latent_dist
    torch.testing.assert_close(posterior.mean, pca.encode(images), atol=1e-3, rtol=0)
    assert posterior.std.max() < 1e-4
    assert not any(p.requires_grad for p in vae.encoder.parameters())
    assert vae.decode(posterior.mean).sample.shape == images.shape


@torch.no_grad()
def test_encoder_is_the_pca_off_the_training_ground(pca: PatchPca) -> None:
    """Noise gives the largest latents, and so moves the norm the most; the size need not be 128."""
    noise = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0)) * 2 - 1
    latents = pca.encode(noise)
    error = (build_codec(pca).encode(noise).latent_dist.mean - latents).abs().max()
    assert error < 2e-3 * latents.abs().max()


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "a purple dog with spots",
        "Émile's \U0001f415\u200d\U0001f9ba dog!!",
        "\u4e00\u53ea\u7d2b\u8272\u7684\u72d7",
        "x" * 500,
        "\x00\ufffd\t",
    ],
)
def test_any_text_tokenises(tmp_path: Path, prompt: str) -> None:
    write_tokenizer(tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    tokens = tokenise(tokenizer, [prompt])[0]
    assert tokens.shape == (77,)
    assert tokens[0] == tokenizer.bos_token_id
    assert bool((tokens == tokenizer.eos_token_id).any())
    assert tokens.min() >= 0 and tokens.max() < len(tokenizer)


def test_no_byte_is_unknown(tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    ids = load_tokenizer(tmp_path)("\U0001f415\u72d7é", add_special_tokens=False).input_ids
    tokenizer = load_tokenizer(tmp_path)
    assert len(ids) == len("\U0001f415\u72d7é".encode()) and tokenizer.unk_token_id not in ids


def test_caption_words_are_single_tokens(tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    text = caption(sample_scene(5))
    assert len(tokenizer.tokenize(text)) == len(text.replace(",", " ,").split())
    assert learn_merges(VOCABULARY) == learn_merges(tuple(reversed(VOCABULARY)))


def test_timesteps_are_stratified() -> None:
    timesteps = stratified_timesteps(16, torch.Generator().manual_seed(0))
    assert [int(t) * 16 // 1000 for t in timesteps] == pytest.approx(range(16), abs=1)
    assert timesteps.min() >= 0 and timesteps.max() <= 999


def test_learning_rate_rises_then_falls() -> None:
    rates = [learning_rate(1e-3, share / 100) for share in range(101)]
    assert max(rates) == pytest.approx(1e-3, rel=1e-2)
    assert rates[0] < 1e-4 and rates[-1] == pytest.approx(1e-5)


def test_average_follows_and_swaps_back() -> None:
    layer = torch.nn.Linear(2, 2)
    ema = MovingAverage({"layer": layer}, decay=0.9)
    before = layer.weight.detach().clone()
    with torch.no_grad():
        layer.weight += 1
    ema.update(1000)
    torch.testing.assert_close(ema.average["layer.weight"], before + 0.1)
    ema.swap()
    torch.testing.assert_close(layer.weight.detach(), before + 0.1)
    ema.swap()
    torch.testing.assert_close(layer.weight.detach(), before + 1)


def test_cache_is_complete_or_absent(tmp_path: Path, pca: PatchPca, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.data.SHARD", 4)
    assert read_shard(tmp_path, 0) is None
    write_cache(tmp_path, pca, 4)
    latents, captions = read_shard(tmp_path, 0) or (None, None)
    assert latents is not None and latents.shape == (4, 8, 32, 32) and latents.dtype == torch.float16
    assert captions is not None and len(captions) == 4
    assert any(captions)
    assert not list(tmp_path.glob("*.part"))


def test_step_resume_and_export(work: Path) -> None:
    """One training step is finite and moves both nets; a resumed run has the same state; the export loads."""
    run = DenoiserTraining(work, minutes=1)
    before = {name: p.detach().clone() for name, p in run.ema.live.items()}
    run.progress.seconds = 1.0  # past the very first instant, where the rate is next to nothing
    first = run.iterate()
    assert math.isfinite(first) and 0.3 < first < 3
    assert all(bool(p.isfinite().all()) for p in run.ema.live.values())
    moved = {name.split(".")[0] for name, p in run.ema.live.items() if not torch.equal(p, before[name])}
    assert moved == {"unet", "text"}

    save_training(run.checkpoint, run.ema, run.optimizer, vars(run.progress))
    again = DenoiserTraining(work, minutes=2)
    state = load_training(run.checkpoint, again.ema, again.optimizer)
    assert state["samples"] == 16
    name = "unet.conv_in.weight"
    assert torch.equal(again.ema.live[name], run.ema.live[name])
    old, new = (r.optimizer.state[r.ema.live[name]]["exp_avg"] for r in (run, again))
    assert torch.equal(old, new)

    out = work / "model"
    export(work, out)
    export(work, out)  # over an older one
    _check_folder(out, work)


def test_starts_from_an_exported_model(work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All weights are taken over; embeddings go by the word, as the other run's vocabulary may have been smaller."""
    few = ("a", "purple", "dog", "red")
    shutil.copytree(work / "cache", tmp_path / "cache")
    with monkeypatch.context() as patch:
        patch.setattr("training.denoiser_training.write_tokenizer", partial(write_tokenizer, words=few))
        old = DenoiserTraining(tmp_path, minutes=1)
        save_training(old.checkpoint, old.ema, old.optimizer, vars(old.progress))
        save_pca(load_pca(work / "pca.safetensors"), tmp_path / "pca.safetensors")
        patch.setattr("training.export.write_tokenizer", partial(write_tokenizer, words=few))
        export(tmp_path, tmp_path / "model")
    new = DenoiserTraining(work, minutes=1)
    with torch.no_grad():
        for parameter in new.ema.live.values():
            parameter.add_(1)
    start_denoiser(new.ema, new.tokenizer, tmp_path / "model")
    name = "unet.conv_in.weight"
    assert torch.equal(new.ema.live[name], old.ema.live[name].half().float())
    assert torch.equal(new.ema.average[name], new.ema.live[name])
    words = ["dog", "red", "purple"]
    ids = [[run.tokenizer.get_vocab()[f"{word}</w>"] for word in words] for run in (old, new)]
    table = next(name for name in new.ema.live if name.endswith("token_embedding.weight"))
    assert ids[0] != ids[1] and torch.equal(new.ema.live[table][ids[1]], old.ema.live[table][ids[0]])


def test_a_decoder_starts_only_from_its_own_encoders(work: Path, tmp_path: Path, pca: PatchPca) -> None:
    codec = build_codec(pca)
    with torch.no_grad():
        codec.decoder.conv_in.bias.fill_(0.25)
    codec.save_pretrained(tmp_path / "vae")
    vae = build_codec(pca)
    ema = MovingAverage({"vae": vae}, decay=0.9)
    start_decoder(ema, vae, tmp_path)
    assert vae.decoder.conv_in.bias.eq(0.25).all() and ema.average["vae.decoder.conv_in.bias"].eq(0.25).all()
    other = build_codec(replace(pca, weight=-pca.weight))
    with pytest.raises(ValueError, match="start it from nothing"):
        start_decoder(MovingAverage({"vae": other}, decay=0.9), other, tmp_path)


@torch.no_grad()
def _check_folder(out: Path, work: Path) -> None:
    vae = AutoencoderKL.from_pretrained(out / "vae")
    unet = UNet2DConditionModel.from_pretrained(out / "unet")
    text_encoder = CLIPTextModel.from_pretrained(out / "text_encoder")
    tokenizer = CLIPTokenizer.from_pretrained(out / "tokenizer")
    schedule = DDIMScheduler.from_pretrained(out / "scheduler")
    assert schedule.config.prediction_type == "v_prediction" == build_schedule().config.prediction_type
    assert tokenizer.model_max_length == 77
    images = to_float(render_examples(100, 1)[0])
    latents = vae.encode(images).latent_dist.mean
    torch.testing.assert_close(latents, load_pca(work / "pca.safetensors").encode(images), atol=2e-3, rtol=0)
    text = text_encoder(tokenise(tokenizer, ["a dog"])).last_hidden_state
    assert unet(latents, 500, text).sample.isfinite().all()
    assert sum(path.stat().st_size for path in out.rglob("*")) < 20e6
