"""Inversion and the reference chain, against diffusers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.inversion.invert import invert, invert_latents
from dragavideo_core.inversion.reference import reference_chain, visited_steps
from dragavideo_core.settings import DragSettings
from tests.tiny import tiny_model, tiny_scheduler

EPS_AND_V = pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])


@pytest.fixture(scope="module")
def model():
    return tiny_model()


def latents(model, count=2, height=8, width=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, model.latent_channels, height, width, generator=generator)


def raw(model, x, timestep, embedding):
    return model.unet(x, timestep, encoder_hidden_states=embedding.expand(len(x), -1, -1)).sample


@EPS_AND_V
def test_inversion_equals_diffusers(prediction):
    from diffusers import DDIMInverseScheduler

    model = tiny_model(prediction_type=prediction)
    scheduler = DDIMInverseScheduler.from_config(tiny_scheduler(prediction).config, set_alpha_to_one=False)
    scheduler.set_timesteps(50)
    clean, embedding = latents(model, 3), model.embed_prompt("a cat")
    expected = [clean]
    with torch.no_grad():
        for t in scheduler.timesteps[:42]:
            output = raw(model, expected[-1], t, embedding)
            expected.append(scheduler.step(output, t, expected[-1]).prev_sample)
    inversion = invert_latents(model, clean, 42, "a cat", micro_batch=2)
    assert inversion.top == 42 and inversion.latents.dtype == torch.float32
    torch.testing.assert_close(inversion.latents, torch.stack(expected), rtol=1e-5, atol=1e-5)


@EPS_AND_V
def test_reference_chain_equals_diffusers(prediction):
    model = tiny_model(prediction_type=prediction)
    scheduler = tiny_scheduler(prediction)
    scheduler.set_timesteps(50)
    inversion = invert_latents(model, latents(model, 3), 12)
    visits = visited_steps(DragSettings(steps=(12, 8)), 12)
    chain = reference_chain(model, inversion, visits, micro_batch=2)
    assert list(chain) == list(range(12, -1, -1))
    x = inversion.latents[12]
    with torch.no_grad():
        for step in range(12, 0, -1):
            torch.testing.assert_close(chain[step], x, rtol=1e-5, atol=1e-5)
            t = model.schedule.timestep(step)
            x = scheduler.step(raw(model, x, t, inversion.embedding), t, x).prev_sample
    torch.testing.assert_close(chain[0], x, rtol=1e-5, atol=1e-5)


def test_invert_encodes_reports_and_can_be_cancelled(model):
    clip = SimpleNamespace(frames=torch.rand(3, 32, 32, 3))
    seen = []
    inversion = invert(model, clip, 2, micro_batch=2, progress=lambda *a, **k: seen.append(a))
    assert inversion.latents.shape == (3, 3, 4, 8, 8)
    assert seen[-4:] == [("inversion", n, 4) for n in (1, 2, 3, 4)] and seen[0] == ("encoding", 1, 3)
    torch.testing.assert_close(inversion.latents[0], model.encode(clip.frames))

    def cancel(stage, done, total, **_):
        if stage == "inversion":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        invert(model, clip, 2, progress=cancel)


def test_strided_chains_jump_and_start_at_the_top(model):
    assert visited_steps(DragSettings(chain="strided", steps=(5, 3)), 7) == (7, 5, 3, 2, 1, 0)
    inversion = invert_latents(model, latents(model), 7)
    chain = reference_chain(model, inversion, (7, 5, 0))
    eps = model.noise(chain[7], 7, inversion.embedding)
    torch.testing.assert_close(chain[5], model.schedule.move(chain[7], eps, 7, 5))


def test_bad_steps_are_refused(model):
    with pytest.raises(DragAVideoError, match="51 inversion steps"):
        invert_latents(model, latents(model), 51)
    with pytest.raises(DragAVideoError, match="Step 42 was not inverted: steps must lie between 1 and 35"):
        visited_steps(DragSettings(), 35)
    with pytest.raises(DragAVideoError, match="No steps"):
        visited_steps(DragSettings(steps=()), 35)
    with pytest.raises(DragAVideoError, match="must descend"):
        reference_chain(model, invert_latents(model, latents(model), 2), (2, 2))
    with pytest.raises(DragAVideoError, match="not finite"):
        invert_latents(model, torch.full((1, 4, 8, 8), float("nan")), 1)


def test_refined_inversion_is_the_fixed_point_that_denoising_undoes():
    model = tiny_model()
    clean = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))

    def way_back(refinements):
        inversion = invert_latents(model, clean, steps=6, refinements=refinements)
        return (reference_chain(model, inversion, range(6, -1, -1))[0] - clean).abs().max().item()

    plain, once, often = way_back(0), way_back(1), way_back(8)
    assert often < once < plain and often < 1e-4
