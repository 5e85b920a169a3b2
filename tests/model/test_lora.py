"""LoRA tuning: what it touches, what it leaves alone, and files."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.model.attention import AttentionController, AttentionPolicy, with_attention
from dragavideo_core.model.lora import load_lora, save_lora, tune_lora, with_lora
from dragavideo_core.settings import LoraSettings
from tests.tiny import tiny_model

SETTINGS = LoraSettings(iterations=4, rank=2, learning_rate=5e-3, batch_size=3, seed=1)


@pytest.fixture(scope="module")
def model():
    return tiny_model()


@pytest.fixture(scope="module")
def latents():
    return torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def lora(model, latents):
    return tune_lora(model, latents, SETTINGS, "cat")


def noise(model, x):
    return model.noise(x, 35, model.embed_prompt("cat")).detach()


def test_only_attention_projections_are_tuned_and_the_base_stays(model, latents):
    before = {name: value.clone() for name, value in model.unet.state_dict().items()}
    lora = tune_lora(model, latents, SETTINGS, "cat")
    projections = {
        name
        for name, module in model.unet.named_modules()
        if isinstance(module, torch.nn.Linear) and ".attn" in name and (".to_" in name)
    }
    assert {k.split(".")[0] for k in lora.tensors} == {"lora_unet_" + n.replace(".", "_") for n in projections}
    assert len(projections) == 10 * 2 * 4
    assert any(value.abs().max() > 0 for key, value in lora.tensors.items() if "lora_up" in key)
    after = model.unet.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[k], after[k]) for k in before)
    assert not any(p.requires_grad for p in model.unet.parameters())
    tuned = with_lora(model, lora)
    assert (noise(tuned, latents) - noise(model, latents)).abs().max() > 1e-5


def test_a_fresh_adapter_changes_nothing(model, latents, lora):
    zero = replace(lora, tensors={k: v * 0 if "lora_up" in k else v for k, v in lora.tensors.items()})
    torch.testing.assert_close(noise(with_lora(model, zero), latents), noise(model, latents))


def test_tuning_learns_the_clip():
    model = tiny_model(prediction_type="v_prediction")
    latents = torch.ones(1, 4, 8, 8)
    settings = LoraSettings(iterations=24, rank=4, learning_rate=2e-2, batch_size=4)
    losses = tune_lora(model, latents, settings).losses
    assert len(losses) == 24 and sum(losses[-8:]) < 0.95 * sum(losses[:8])


def test_same_seed_same_weights_and_the_callers_random_state_untouched(model, latents, lora):
    torch.manual_seed(7)
    state = torch.get_rng_state()
    again = tune_lora(model, latents, SETTINGS, "cat")
    assert torch.equal(torch.get_rng_state(), state)
    assert again.losses == lora.losses
    assert all(torch.equal(again.tensors[k], lora.tensors[k]) for k in lora.tensors)
    other = tune_lora(model, latents, replace(SETTINGS, seed=2), "cat")
    assert other.losses != lora.losses


def test_micro_batches_equal_the_full_batch(model, latents, lora):
    small = tune_lora(model, latents, SETTINGS, "cat", micro_batch=1)
    torch.testing.assert_close(torch.tensor(small.losses), torch.tensor(lora.losses))


def test_saved_and_loaded_gives_the_same_output(model, latents, lora, tmp_path):
    path = tmp_path / "cat.safetensors"
    save_lora(lora, path)
    loaded = load_lora(path)
    assert (loaded.rank, loaded.prompt, loaded.model) == (2, "cat", "tiny") and len(loaded.losses) == 4
    assert torch.equal(noise(with_lora(model, loaded), latents), noise(with_lora(model, lora), latents))
    assert [p.name for p in tmp_path.iterdir()] == ["cat.safetensors"]


def test_diffusers_reads_the_file(model, latents, lora, tmp_path):
    from diffusers.loaders import StableDiffusionLoraLoaderMixin

    from dragavideo_core.model.unet import private_unet

    path = tmp_path / "cat.safetensors"
    save_lora(lora, path)
    state, alphas = StableDiffusionLoraLoaderMixin.lora_state_dict(tmp_path, weight_name=path.name)
    unet = private_unet(model.unet)
    StableDiffusionLoraLoaderMixin.load_lora_into_unet(state, network_alphas=alphas, unet=unet)
    torch.testing.assert_close(noise(replace(model, unet=unet), latents), noise(with_lora(model, lora), latents))


def test_works_with_attention_policies_and_bf16(latents):
    model = tiny_model(dtype=torch.bfloat16)
    lora = tune_lora(model, latents, SETTINGS)
    assert all(value.dtype == torch.float32 for value in lora.tensors.values())
    tuned = with_lora(model, lora)
    policed = with_attention(tuned, AttentionPolicy("cross_branch", 0), AttentionController())
    torch.testing.assert_close(noise(policed, latents), noise(tuned, latents), rtol=0.02, atol=0.02)
    assert noise(tuned, latents).dtype == torch.float32


def test_progress_has_the_loss_and_can_cancel(model, latents):
    seen = []

    def cancel(stage, done, total, *, loss=None, **_):
        seen.append((stage, done, total, loss))
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune_lora(model, latents, SETTINGS, progress=cancel)
    assert [s[:3] for s in seen] == [("lora", 1, 4), ("lora", 2, 4)] and seen[0][3] > 0


def test_wrong_loras_are_refused(model, latents, lora, tmp_path):
    from safetensors.torch import save_file

    with pytest.raises(DragAVideoError, match="no LoRA file"):
        load_lora(tmp_path / "none.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\x00")
    with pytest.raises(DragAVideoError, match="damaged"):
        load_lora(tmp_path / "cut.safetensors")
    save_file({"lora_te_text_model.alpha": torch.ones(1)}, tmp_path / "te.safetensors")
    with pytest.raises(DragAVideoError, match=r"it holds 'lora_te_text_model\.alpha'"):
        load_lora(tmp_path / "te.safetensors")
    with pytest.raises(DragAVideoError, match=r"does not fit the model 'tiny' .* tuned on, 'tiny'"):
        with_lora(tiny_model(layers_per_block=2), lora)
    key = next(k for k in lora.tensors if "lora_up" in k)
    with pytest.raises(DragAVideoError, match="should be"):
        with_lora(model, replace(lora, tensors={**lora.tensors, key: torch.zeros(1, 2)}))
    with pytest.raises(DragAVideoError, match="has a LoRA of its own already"):
        with_lora(with_lora(model, lora), lora)
    with pytest.raises(DragAVideoError, match=r"saved as \.safetensors"):
        save_lora(lora, tmp_path / "x.pt")
    with pytest.raises(DragAVideoError, match="'rank' is 0; it must be at least 1"):
        tune_lora(model, latents, replace(SETTINGS, rank=0))
    with pytest.raises(DragAVideoError, match="at least one frame"):
        tune_lora(model, latents[:0], SETTINGS)
    with torch.inference_mode(), pytest.raises(DragAVideoError, match="inference_mode"):
        tune_lora(model, latents, SETTINGS)
