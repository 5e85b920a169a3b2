"""Schedule, walked UNet, and DragModel, against diffusers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.model import unet as walk
from dragavideo_core.model.drag_model import check_dtype, from_parts
from dragavideo_core.model.schedule import from_scheduler
from tests.tiny import tiny_model, tiny_scheduler, tiny_unet, tiny_vae

EPS_AND_V = pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])


@pytest.fixture(scope="module")
def model():
    return tiny_model()


def latents(model, count=2, height=8, width=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, model.latent_channels, height, width, generator=generator)


def raw(model, x, timestep, embedding):
    return model.unet(x, timestep, encoder_hidden_states=embedding.expand(len(x), -1, -1)).sample


# --- schedule -------------------------------------------------------------------------------------------------------


def test_steps_are_the_papers_timesteps():
    schedule = from_scheduler(tiny_scheduler())
    assert [schedule.timestep(s) for s in (42, 41, 35, 30, 1)] == [821, 801, 681, 581, 1]
    assert schedule.alpha(0) == pytest.approx(float(tiny_scheduler().alphas_cumprod[0]))
    with pytest.raises(DragAVideoError, match="Step 0 has no timestep"):
        schedule.timestep(0)


@EPS_AND_V
def test_move_there_and_back(prediction):
    schedule = from_scheduler(tiny_scheduler(prediction))
    x, eps = torch.randn(2, 1, 4, 3, 3, dtype=torch.float64)
    for low, high in ((0, 1), (0, 42), (30, 41)):
        torch.testing.assert_close(schedule.move(schedule.move(x, eps, low, high), eps, high, low), x)


@EPS_AND_V
def test_training_target_is_what_noise_of_undoes(prediction):
    schedule = from_scheduler(tiny_scheduler(prediction))
    clean, noise = torch.randn(2, 3, 4, 3, 3, dtype=torch.float64)
    timesteps = torch.tensor([schedule.timestep(20)] * 3)
    noisy = schedule.noised(clean, noise, timesteps)
    eps = schedule.noise_of(schedule.training_target(clean, noise, timesteps), noisy, 20)
    torch.testing.assert_close(eps, noise)
    torch.testing.assert_close(schedule.clean_of(noisy, eps, 20), clean)


def test_schedulers_that_predict_samples_are_refused():
    with pytest.raises(DragAVideoError, match="predicts 'sample'"):
        from_scheduler(tiny_scheduler("sample"))
    with pytest.raises(DragAVideoError, match="no DDIM noise levels"):
        from_scheduler(SimpleNamespace(config={}))


# --- walked UNet ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(8, 8), (7, 10)])
@pytest.mark.parametrize("block", [0, 1, 2, 3])
def test_features_and_finish_equal_the_full_unet(model, size, block):
    embedding = model.embed_prompt("a cat")
    caught = []
    hook = model.unet.up_blocks[block].register_forward_hook(lambda _m, _i, out: caught.append(out))
    with torch.no_grad():
        x = latents(model, 2, *size)
        expected = raw(model, x, 681, embedding)
        hook.remove()
        part = walk.partial_forward(model.unet, x, 681, embedding, block)
        torch.testing.assert_close(part.features, caught[0], rtol=0, atol=0)
        torch.testing.assert_close(walk.finish(model.unet, part), expected, rtol=0, atol=0)


def test_gradient_equals_that_of_the_hooked_forward(model):
    embedding = model.embed_prompt("")
    x = latents(model).requires_grad_()
    caught = []
    hook = model.unet.up_blocks[2].register_forward_hook(lambda _m, _i, out: caught.append(out))
    raw(model, x, 681, embedding)
    hook.remove()
    weight = torch.randn_like(caught[0])
    (expected,) = torch.autograd.grad((caught[0] * weight).sum(), x)

    y = x.detach().requires_grad_()
    (model.features(y, 35, embedding, 2) * weight).sum().backward()
    torch.testing.assert_close(y.grad, expected)
    assert all(p.grad is None and not p.requires_grad for p in model.unet.parameters())


def test_partial_then_finish_gives_the_models_noise(model):
    embedding = model.embed_prompt("")
    x = latents(model).requires_grad_()
    part = model.partial(x, 35, embedding, 2)
    assert part.features.requires_grad and not part.hidden.requires_grad
    noise = model.finish_noise(part, x, 35)
    assert not noise.requires_grad
    torch.testing.assert_close(noise, model.noise(x, 35, embedding).detach())


def test_unknown_blocks_and_conditioned_unets_are_refused(model):
    with pytest.raises(DragAVideoError, match="no up-block 4; choose a feature block from 0 to 3"):
        model.features(latents(model), 35, model.embed_prompt(""), 4)
    with pytest.raises(DragAVideoError, match="addition_embed_type = text_time"):
        walk.check_unet(SimpleNamespace(config={"addition_embed_type": "text_time"}))


def test_private_unet_shares_weights_but_not_modules(model):
    copy = walk.private_unet(model.unet)
    assert copy is not model.unet and copy.mid_block is not model.unet.mid_block
    for ours, theirs in zip(copy.parameters(), model.unet.parameters()):
        assert ours is theirs
    x = latents(model)
    torch.testing.assert_close(
        raw(model, x, 5, model.embed_prompt("")), copy(x, 5, model.embed_prompt("").expand(2, -1, -1)).sample
    )


# --- DragModel ------------------------------------------------------------------------------------------------------


def test_encode_and_decode_shapes_and_scale(model):
    frames = torch.rand(2, 24, 32, 3, generator=torch.Generator().manual_seed(0))
    z = model.encode(frames)
    assert z.shape == (2, 4, 6, 8) and z.dtype == torch.float32 and model.latent_stride == 4
    with torch.no_grad():
        image = frames[1:].permute(0, 3, 1, 2) * 2 - 1
        expected = model.vae.encode(image).latent_dist.mean * model.vae.config.scaling_factor
    torch.testing.assert_close(z[1:], expected)
    back = model.decode(z)
    assert back.shape == frames.shape and back.min() >= 0 and back.max() <= 1
    assert model.encode(frames[:0]).shape == (0, 4, 6, 8) and model.decode(z[:0]).shape == (0, 24, 32, 3)


def test_frames_that_do_not_fit_are_refused(model):
    with pytest.raises(DragAVideoError, match=r"30 x 32 px .* multiples of 4"):
        model.encode(torch.rand(1, 32, 30, 3))
    with pytest.raises(DragAVideoError, match=r"\[N, H, W, 3\]"):
        model.encode(torch.rand(1, 32, 32, 4))


def test_bf16_runs_on_the_cpu_and_gives_fp32():
    model = tiny_model(dtype=torch.bfloat16)
    exact = tiny_model()
    x, embedding = latents(model), model.embed_prompt("a cat")
    assert model.vae.dtype == torch.float32 and embedding.dtype == torch.float32
    noise = model.noise(x, 35, embedding)
    assert noise.dtype == model.features(x, 35, embedding, 2).dtype == torch.float32
    torch.testing.assert_close(noise, exact.noise(x, 35, embedding), rtol=0.1, atol=0.1)


@pytest.mark.parametrize(
    ("device", "dtype", "choices"),
    [("cpu", torch.float16, "fp32 or bf16"), ("mps", torch.bfloat16, "fp32 or fp16"), ("cuda", torch.int8, "fp16")],
)
def test_unsound_dtypes_are_refused(device, dtype, choices):
    with pytest.raises(DragAVideoError, match=choices):
        check_dtype(torch.device(device), dtype)


def test_parts_of_different_models_are_refused(model):
    rest = (model.text_encoder, model.tokenizer, tiny_scheduler())
    with pytest.raises(DragAVideoError, match="VAE has 8 latent channels"):
        from_parts(tiny_unet(4), tiny_vae(8), *rest)
    other = SimpleNamespace(config=SimpleNamespace(hidden_size=1024))
    with pytest.raises(DragAVideoError, match="width 16, but the text encoder gives 1024"):
        from_parts(tiny_unet(4), tiny_vae(4), other, model.tokenizer, tiny_scheduler())
