"""What an iteration costs, and that every saving gives the offsets it had or says by how much they differ."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch

from dragavideo_core.drag import passes
from dragavideo_core.drag.chain import Way
from dragavideo_core.drag.problem import prepare_problem
from dragavideo_core.drag.readings import stand_at
from dragavideo_core.errors import DragAVideoError
from dragavideo_core.model.drag_model import DragModel
from dragavideo_core.progress import silent
from dragavideo_core.settings import TrackerSettings

from .small import SETTINGS, N, run

ALONE = {"frame_fusion": 0.0, "steps": (5,), "tracker": TrackerSettings(shared=False)}


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often frames went to the feature block and how often to the network's end."""
    counts: Counter[str] = Counter()
    for name, part in (("partial", "block"), ("features", "block"), ("noise", "whole")):
        original = getattr(DragModel, name)

        def counting(self: Any, latents: Any, *rest: Any, _part: str = part, _call: Any = original, **more: Any) -> Any:
            counts[_part] += len(latents)
            return _call(self, latents, *rest, **more)

        monkeypatch.setattr(DragModel, name, counting)
    return counts


@pytest.mark.parametrize("chain", ["full", "strided", "independent"])
@pytest.mark.parametrize("passed", ["one", "two"])
def test_micro_batches_equal_the_full_batch(model, inversion, point_sets, geometry, chain, passed) -> None:
    settings = {"chain": chain, "passes": passed, "iterations": 4}
    whole = run(model, inversion, point_sets, geometry, **settings)
    parts = run(model, inversion, point_sets, geometry, micro_batch=1, **settings)
    torch.testing.assert_close(whole.offsets, parts.offsets, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(whole.progress, parts.progress)


def test_one_pass_begins_like_two_and_stays_near(model, inversion, point_sets, geometry) -> None:
    """Nothing has moved before the first update, so that nothing can be late in it."""
    for iterations, within in ((1, 1e-4), (4, 0.15)):
        settings = {"iterations": iterations, "update": "normalised", "learning_rate": 0.02, "template_rate": 0.2}
        one, two = (run(model, inversion, point_sets, geometry, passes=p, **settings) for p in ("one", "two"))
        assert (one.offsets - two.offsets).norm() <= within * two.offsets.norm()


def test_frames_with_nothing_in_common_are_gone_through_once(model, inversion, point_sets, geometry, counted) -> None:
    """A drag frame by frame needs no second pass, whatever the micro-batch, and gives the same."""
    settings = {"passes": "two", "iterations": 3, "rest": False, "micro_batch": 1}
    parts = run(model, inversion, point_sets, geometry, **settings, **ALONE)
    reference = N  # the handles' own features
    assert counted["block"] == reference + 3 * N
    whole = run(model, inversion, point_sets, geometry, **(settings | {"micro_batch": N}), **ALONE)
    torch.testing.assert_close(parts.offsets, whole.offsets, atol=1e-4, rtol=1e-3)
    assert parts.losses == pytest.approx(whole.losses, rel=1e-4)


@pytest.mark.parametrize(("passed", "times"), [("one", 1), ("two", 2)])
def test_features_an_iteration(model, inversion, point_sets, geometry, counted, passed, times) -> None:
    run(model, inversion, point_sets, geometry, iterations=3, passes=passed, rest=False, chain="strided")
    steps, references = 2, 2 * N
    assert counted["block"] == references + 3 * times * steps * N


def test_the_way_between_steps_is_walked_now_and_then(model, inversion, point_sets, geometry, counted) -> None:
    """Between two walks the jump with the last correction stands for them: the offsets are nearly the same."""
    settings = {"chain": "full", "iterations": 4, "steps": (5, 1), "update": "normalised", "learning_rate": 0.02}
    every = run(model, inversion, point_sets, geometry, way_refresh=1, **settings)
    walked = counted["whole"]
    now_and_then = run(model, inversion, point_sets, geometry, way_refresh=4, **settings)
    between = 3  # steps 4, 3, 2
    assert walked - (counted["whole"] - walked) == 3 * between * N, "three of four walks are saved"
    assert (now_and_then.offsets - every.offsets).norm() < 0.05 * every.offsets.norm()
    first = run(model, inversion, point_sets, geometry, **(settings | {"iterations": 2}))
    resumed = run(model, inversion, point_sets, geometry, resume=first, **settings)
    torch.testing.assert_close(resumed.offsets, now_and_then.offsets, atol=1e-5, rtol=1e-4)


def test_a_correction_makes_the_jump_the_walk(model, inversion, point_sets, geometry) -> None:
    settings = replace(SETTINGS, chain="full", steps=(5, 1))
    problem = prepare_problem(model, inversion, point_sets, geometry, settings, TrackerSettings(), silent)
    offsets = torch.randn(2, N, 4, 8, 8, generator=torch.Generator().manual_seed(5)) * 0.1
    corrections = torch.zeros(1, N, 4, 8, 8)
    walks = [
        [(x.clone(), f.clone()) for _, x, f in problem.walk(offsets, slice(0, N), False, lambda: None, way)]
        for way in (None, Way(corrections, True), Way(corrections, False))
    ]
    for walk in walks[1:]:
        for (x, features), (other, others) in zip(walks[0], walk):
            torch.testing.assert_close(x, other, atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(features, others, atol=1e-4, rtol=1e-4)
    assert corrections.abs().max() > 1e-3


def test_a_frame_that_has_arrived_rests(model, inversion, point_sets, geometry, counted) -> None:
    near = point_sets.targets.clone()
    near[0] = point_sets.handles[0] + 0.5
    there = replace(point_sets, targets=near)
    settings = {"iterations": 2, "steps": (5,), "arrival_px": 1.0}
    rested = run(model, inversion, there, geometry, **settings)
    assert rested.offsets[:, 0].abs().max() == 0 and rested.offsets[:, 1:].abs().amax(dim=(0, 2, 3, 4)).min() > 0
    assert counted["block"] == N + 2 * (N - 1)
    pushed = run(model, inversion, there, geometry, rest=False, **settings)
    assert pushed.offsets[:, 0].abs().max() > 0


def test_a_point_that_has_arrived_is_pushed_no_more(model, inversion, point_sets, geometry) -> None:
    """With every pair but one at its target the gradient is that of the one alone."""
    near = point_sets.targets.clone()
    near[:, 1] = point_sets.handles[:, 1]
    arrived = replace(point_sets, targets=near)
    hidden = replace(arrived, visible=point_sets.visible & torch.tensor([[True], [False]]))
    settings = {"iterations": 1, "steps": (5,), "arrival_px": 1.0}
    one, other = (run(model, inversion, sets, geometry, **settings) for sets in (arrived, hidden))
    torch.testing.assert_close(one.offsets, other.offsets, atol=1e-5, rtol=1e-4)


def test_a_run_that_comes_no_nearer_ends_and_says_so(model, inversion, point_sets, geometry) -> None:
    settings = {"iterations": 12, "learning_rate": 1e-9, "update": "normalised"}
    result = run(model, inversion, point_sets, geometry, patience=3, **settings)
    assert result.stalled and not result.arrived and result.iterations == 4
    assert run(model, inversion, point_sets, geometry, patience=3, resume=result, **settings).iterations == 4
    assert not run(model, inversion, point_sets, geometry, **settings).stalled


def test_a_longer_reach_pushes_from_farther(model, inversion, point_sets, geometry) -> None:
    """One step of 4 cells is supervised at the target itself where that is nearer."""
    from dragavideo_core.drag.supervision import supervised_positions

    ahead = supervised_positions(point_sets.handles, point_sets.targets, 8.0)
    assert torch.equal(ahead[:, 0], point_sets.handles[:, 0] + torch.tensor([7.0, 1.0]))  # all of its 7.07 px
    torch.testing.assert_close((ahead - point_sets.handles)[:, 1].norm(dim=-1), torch.full((N, 4), 8.0))
    short, long = (run(model, inversion, point_sets, geometry, reach_cells=c, iterations=1) for c in (1.0, 4.0))
    assert long.losses[0] > short.losses[0]


def test_large_patches_and_the_adaptive_rate(model, inversion, point_sets, geometry) -> None:
    settings = {"patch_radius_cells": 4, "adaptive_template": True, "iterations": 3}
    unbroken = run(model, inversion, point_sets, geometry, **settings)
    assert unbroken.state["template.5"].shape[3] == 81
    assert unbroken.state["push.expected"].min() > 0
    first = run(model, inversion, point_sets, geometry, **(settings | {"iterations": 1}))
    resumed = run(model, inversion, point_sets, geometry, resume=first, **settings)
    torch.testing.assert_close(resumed.offsets, unbroken.offsets, atol=1e-5, rtol=1e-4)


def test_the_adaptive_rate_is_freedrags_and_a_failed_push_is_taken_back(model, inversion, point_sets, geometry) -> None:
    from dragavideo_core.drag.template import Template

    settings = replace(SETTINGS, adaptive_template=True, reach_cells=2.0)
    problem = prepare_problem(model, inversion, point_sets, geometry, settings, TrackerSettings(), silent)
    expected = torch.tensor([[1.0, 1.0, 1.0, 1.0]] * 2)
    distance = torch.tensor([[0.0, 0.2, 0.8, 1.1]] * 2)
    template = Template([], expected, distance)
    rates = template._rate(problem).flatten()[:3]  # type: ignore[union-attr]
    torch.testing.assert_close(rates, torch.tensor([0.675, 0.5, 0.1]), atol=1e-3, rtol=0)
    assert template.reach(problem)[0].tolist() == [4.0, 4.0, 4.0, 0.0]  # type: ignore[index]


def test_an_overflow_halves_the_scale_and_repeats(model, inversion, point_sets, geometry, monkeypatch) -> None:
    """Half precision itself is not to be had here: the model says it computes in it, and a patched `isfinite` of the
    gradient stands for what overflows above a scale of 256."""
    half = replace(model, dtype=torch.float16)
    problem = prepare_problem(model, inversion, point_sets, geometry, SETTINGS, TrackerSettings(), silent)
    original, scales = torch.autograd.grad, []

    def overflowing(loss: Any, latents: Any) -> Any:
        scales.append(scale.value)
        (gradient,) = original(loss, latents)
        return (gradient * (torch.inf if scale.value > 256 else 1),)

    monkeypatch.setattr(torch.autograd, "grad", overflowing)
    monkeypatch.setattr(DragModel, "features", lambda self, *a: original_features(model, *a))
    problem, standing = replace(problem, model=half), stand_at(problem, torch.zeros(N, 2, 4))
    wanted = (problem.first_features[0], standing.current, standing.moving)
    x = problem.reference[5].clone().requires_grad_()
    scale = passes.loss_scale(problem)
    _, _, gradient = passes.gradient_of(problem, 0, x, None, torch.arange(N), *wanted, scale)
    assert scales == [1024.0, 512.0, 256.0] and scale.value == 256 and gradient.isfinite().all()
    scale = passes.LossScale(2.0**20)
    with pytest.raises(DragAVideoError, match="gradient is not finite"):
        passes.gradient_of(problem, 0, x, None, torch.arange(N), *wanted, scale)


original_features = DragModel.features
