"""Alternating drag and denoising: its own steps, going on, cancelling, and that decoding meets its latents."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from dragavideo_core.decoding.decode import decode_drag
from dragavideo_core.drag.offsets import LatentOffsets
from dragavideo_core.inversion.reference import reference_chain
from dragavideo_core.settings import DecodeSettings

from .small import SETTINGS, N, run
from .test_passes import counted  # noqa: F401

ALTERNATING = {"chain": "alternating", "steps": (5, 4, 2), "step_iterations": 2, "iterations": 6}
PLAIN = DecodeSettings(cross_branch=False)


def test_every_step_gets_its_iterations_and_none_twice(model, inversion, point_sets, geometry, counted) -> None:  # noqa: F811
    result = run(model, inversion, point_sets, geometry, **ALTERNATING)
    assert result.iterations == 6 and result.steps == (5, 4, 2) and result.lowest == 2
    assert result.offsets.abs().amax(dim=(1, 2, 3, 4)).min() > 0
    references, reference_way, between = 3 * N, 3 * N, 3 * N  # from 5 to 4, 3 and 2, both times
    assert counted["block"] == references + 6 * N and counted["whole"] == reference_way + between
    three = run(model, inversion, point_sets, geometry, **(ALTERNATING | {"iterations": 3}))
    assert three.lowest == 4 and three.offsets[2].abs().max() == 0


def test_the_first_step_is_the_plain_drag_of_that_step(model, inversion, point_sets, geometry) -> None:
    alternating = run(model, inversion, point_sets, geometry, **(ALTERNATING | {"iterations": 2}))
    alone = run(model, inversion, point_sets, geometry, steps=(5,), iterations=2)
    torch.testing.assert_close(alternating.offsets[0], alone.offsets[0], atol=1e-5, rtol=1e-4)
    assert alternating.losses == pytest.approx(alone.losses, rel=1e-4)


@pytest.mark.parametrize("rule", ["adam", "normalised"])
@pytest.mark.parametrize("broken_off", [1, 2, 3, 5])
def test_going_on_equals_an_unbroken_run(model, inversion, point_sets, geometry, rule, broken_off) -> None:
    settings = ALTERNATING | {"update": rule}
    unbroken = run(model, inversion, point_sets, geometry, **settings)
    first = run(model, inversion, point_sets, geometry, **(settings | {"iterations": broken_off}))
    resumed = run(model, inversion, point_sets, geometry, resume=first, **settings)
    torch.testing.assert_close(resumed.offsets, unbroken.offsets, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(resumed.state["base.2"], unbroken.state["base.2"], atol=1e-5, rtol=1e-4)
    assert resumed.losses == pytest.approx(unbroken.losses, rel=1e-4)


def test_micro_batches_equal_the_full_batch(model, inversion, point_sets, geometry) -> None:
    whole, parts = (run(model, inversion, point_sets, geometry, **ALTERNATING, micro_batch=m) for m in (N, 1))
    torch.testing.assert_close(whole.offsets, parts.offsets, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("iterations", [1, 3, 6])
def test_decoding_goes_on_from_its_latents(model, inversion, point_sets, geometry, iterations, counted) -> None:  # noqa: F811
    """The offsets added one by one on the way down, from the top, give the same; but that way is spared."""
    result = run(model, inversion, point_sets, geometry, **(ALTERNATING | {"iterations": iterations}))
    x = inversion.latents[5]
    for step, below in pairwise(result.visits):
        x = x + result.offsets[result.steps.index(step)] if step in result.steps else x
        x = model.schedule.move(x, model.noise(x, step, inversion.embedding), step, below).detach()
    counted.clear()
    decoded = decode_drag(model, inversion, result, PLAIN)
    torch.testing.assert_close(decoded.latents, x, atol=1e-4, rtol=1e-4)
    left = len([step for step in result.visits if 0 < step <= result.lowest])
    assert counted["whole"] == 2 * left * N
    reference = reference_chain(model, inversion, result.visits)
    torch.testing.assert_close(decoded.reconstruction, model.decode(reference[0]), atol=1e-4, rtol=1e-3)


def test_crossing_above_its_latents_walks_the_whole_way(model, inversion, point_sets, geometry) -> None:
    """Branches crossed from a step above the last one: then the latents it kept are of another trajectory."""
    result = run(model, inversion, point_sets, geometry, **ALTERNATING)
    bare = LatentOffsets(result.steps, result.visits, True, result.offsets, result.progress)
    for crossed_from in (4, -1):
        settings = DecodeSettings(cross_branch_layer=5, cross_branch_step=crossed_from)
        kept, walked = (decode_drag(model, inversion, offsets, settings) for offsets in (result, bare))
        torch.testing.assert_close(kept.latents, walked.latents, atol=1e-4, rtol=1e-4)


def test_cancelling_hands_over_what_there_is(model, inversion, point_sets, geometry) -> None:
    from dataclasses import replace

    from dragavideo_core.drag.optimizer import optimise_offsets
    from dragavideo_core.settings import TrackerSettings

    def stop(stage: str, done: int, total: int, **_: object) -> None:
        if stage == "latent offsets" and done == 3:
            raise InterruptedError

    kept: list[LatentOffsets] = []
    settings = replace(SETTINGS, **ALTERNATING)
    with pytest.raises(InterruptedError):
        optimise_offsets(
            model, inversion, point_sets, geometry, settings, TrackerSettings(), save=kept.append, progress=stop
        )
    assert kept[0].iterations == 3
    unbroken = run(model, inversion, point_sets, geometry, **ALTERNATING)
    resumed = run(model, inversion, point_sets, geometry, resume=kept[0], **ALTERNATING)
    torch.testing.assert_close(resumed.offsets, unbroken.offsets, atol=1e-5, rtol=1e-4)
