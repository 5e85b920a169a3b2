"""The optimisation loop on a tiny random model: equality of micro-batches, chains, resuming, cancelling, both rules."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from dragavideo_core.drag import optimizer, passes, readings
from dragavideo_core.drag.offsets import LatentOffsets
from dragavideo_core.drag.optimizer import optimise_offsets
from dragavideo_core.drag.update import NormalisedMomentum, make_update, moments_of
from dragavideo_core.errors import DragAVideoError
from dragavideo_core.model.sampling import sample_features
from dragavideo_core.progress import silent
from dragavideo_core.settings import TrackerSettings

from .small import SETTINGS, SIDE, N, run


@pytest.mark.parametrize("chain", ["full", "strided", "independent"])
def test_micro_batches_equal_the_full_batch(model, inversion, point_sets, geometry, chain: str) -> None:
    whole = run(model, inversion, point_sets, geometry, chain=chain)
    parts = run(model, inversion, point_sets, geometry, chain=chain, micro_batch=1)
    assert whole.losses == pytest.approx(parts.losses, rel=1e-4)
    torch.testing.assert_close(whole.offsets, parts.offsets, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(whole.progress, parts.progress)
    assert whole.offsets.abs().amax(dim=(1, 2, 3, 4)).min() > 0, "an offset of a selected step stayed untouched"


def test_tracking_does_not_depend_on_micro_batches(model, inversion, point_sets, geometry) -> None:
    """Also where one frame's features are much larger than another's: Eq. 6 adds frames up as they are."""
    settings = replace(SETTINGS, warm_start="puppet")
    problem = optimizer.prepare_problem(model, inversion, point_sets, geometry, settings, TrackerSettings(), silent)
    gains = torch.tensor([1.0, 20.0, 0.05])
    scaled = tuple(first * gains.view(-1, 1, 1, 1, 1) for first in problem.first_features)
    problem = replace(problem, first_features=scaled)
    generator = torch.Generator().manual_seed(3)
    shape = (N, scaled[0].shape[-1], 8, 8)
    candidates = readings.candidates_all_the_way(problem)
    found = [torch.randn(shape, generator=generator) * gains.view(-1, 1, 1, 1) for _ in problem.steps]
    travelled = torch.zeros(problem.handles.shape[:3])
    ways = []
    for batches in (problem.batches(torch.arange(N)), list(torch.arange(N).split(1))):

        def walk(frames, graph):
            return ((index, features[frames], features[frames]) for index, features in enumerate(found))

        cost = passes.look(problem, walk, batches, candidates)
        ways.append(optimizer._advance(problem, candidates, cost, travelled))
    torch.testing.assert_close(*ways)


def test_the_gradient_is_that_of_the_written_out_loss(model, inversion, point_sets, geometry) -> None:
    """One plain gradient step against autograd through a literal chain, with the offsets as the only leaves."""
    from dragavideo_core.drag import supervision as sup

    after = run(model, inversion, point_sets, geometry, iterations=1, update="normalised", template_rate=1.0)
    velocity = after.state["moment.momentum_buffer"]

    deltas = [torch.zeros(N, 4, 8, 8, requires_grad=True) for _ in SETTINGS.steps]
    size, patch = geometry.working_size, sup.patch_offsets(1)
    ahead = sup.supervised_positions(point_sets.handles, point_sets.targets)
    editable = torch.nn.functional.adaptive_max_pool2d(point_sets.masks.float().unsqueeze(1), (8, 8))
    loss = torch.zeros(())
    x = inversion.latents[5]
    for step in (5, 4, 3):
        reference = x.detach()
        if step in SETTINGS.steps:
            index = SETTINGS.steps.index(step)
            x = x.detach() + deltas[index]
            features = model.features(x, step, inversion.embedding, 2)
            current = sample_features(features, point_sets.handles.unsqueeze(3) + patch, size).detach()
            fused = sup.frame_average(current, point_sets.visible)
            moved = sample_features(features, ahead.unsqueeze(3) + patch, size)
            loss = loss + sup.drag_loss(moved, fused, point_sets.visible)
            loss = loss + SETTINGS.mask_weight * sup.mask_loss(x, reference, editable)
        with torch.no_grad():
            x = model.schedule.move(x.detach(), model.noise(x.detach(), step, inversion.embedding), step, step - 1)
    loss.backward()
    torch.testing.assert_close(velocity, torch.stack([d.grad for d in deltas]), atol=1e-4, rtol=1e-3)
    assert after.losses[0] == pytest.approx(loss.item(), rel=1e-4)


def test_resuming_equals_an_unbroken_run(model, inversion, point_sets, geometry) -> None:
    for rule in ("adam", "normalised"):
        unbroken = run(model, inversion, point_sets, geometry, update=rule)
        first = run(model, inversion, point_sets, geometry, update=rule, iterations=1)
        resumed = run(model, inversion, point_sets, geometry, update=rule, resume=first)
        torch.testing.assert_close(resumed.offsets, unbroken.offsets, atol=1e-5, rtol=1e-4)
        assert resumed.losses == pytest.approx(unbroken.losses, rel=1e-4) and resumed.iterations == 3


def test_same_seed_same_result_and_inputs_untouched(model, inversion, point_sets, geometry) -> None:
    before = [t.clone() for t in (inversion.latents, point_sets.handles, point_sets.targets)]
    first, second = (run(model, inversion, point_sets, geometry) for _ in range(2))
    assert torch.equal(first.offsets, second.offsets) and first.losses == second.losses
    assert all(torch.equal(a, b) for a, b in zip(before, (inversion.latents, point_sets.handles, point_sets.targets)))
    assert not first.offsets.requires_grad


def test_a_cancelled_run_hands_over_what_it_had(model, inversion, point_sets, geometry) -> None:
    class Cancelled(Exception):
        pass

    def stop(stage: str, done: int, total: int, **_: object) -> None:
        if stage == "latent offsets" and done == 2:
            raise Cancelled

    kept: list[LatentOffsets] = []
    with pytest.raises(Cancelled):
        optimise_offsets(
            model, inversion, point_sets, geometry, SETTINGS, TrackerSettings(), save=kept.append, progress=stop
        )
    assert len(kept) == 1 and kept[0].iterations == 2
    resumed = run(model, inversion, point_sets, geometry, resume=kept[0])
    unbroken = run(model, inversion, point_sets, geometry)
    torch.testing.assert_close(resumed.offsets, unbroken.offsets, atol=1e-5, rtol=1e-4)


def test_a_warm_start_reports_every_frame_and_can_be_cancelled(model, inversion, point_sets, geometry) -> None:
    seen: list[tuple[int, int]] = []

    def watch(stage: str, done: int, count: int, **_: object) -> None:
        if stage == "warm start":
            seen.append((done, count))

    run(model, inversion, point_sets, geometry, warm_start="puppet", iterations=0, progress=watch)
    assert seen == [(done, N) for done in range(1, N + 1)]

    def cancel(stage: str, done: int, count: int, **_: object) -> None:
        if stage == "warm start" and done == N:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(model, inversion, point_sets, geometry, warm_start="puppet", iterations=0, progress=cancel)


def test_no_iteration_and_no_warm_start_is_no_edit(model, inversion, point_sets, geometry) -> None:
    result = run(model, inversion, point_sets, geometry, iterations=0)
    assert result.offsets.abs().max() == 0 and result.losses == ()


def test_arrived_handles_end_the_loop(model, inversion, point_sets, geometry) -> None:
    near = replace(point_sets, targets=point_sets.handles + 0.5)
    result = run(model, inversion, near, geometry)
    assert result.arrived and result.iterations == 1 and result.offsets.abs().max() == 0
    assert run(model, inversion, near, geometry, resume=result).iterations == 1, "there is nothing left to do"


def test_a_hard_mask_keeps_offsets_inside(model, inversion, point_sets, geometry) -> None:
    result = run(model, inversion, point_sets, geometry, hard_mask=True)
    assert result.offsets[..., 0, :].abs().max() == 0 and result.offsets[..., 4, 4].abs().max() > 0
    start = {"warm_start": "puppet", "iterations": 0}
    free = run(model, inversion, point_sets, geometry, **start)
    held = run(model, inversion, point_sets, geometry, hard_mask=True, **start)
    assert held.offsets[..., 0, :].abs().max() == 0 and held.offsets[..., 3, 4].abs().max() > 0
    assert free.offsets[..., 0, :].abs().max() > 0, "the test would not see it"


def test_pinned_points_are_held_like_what_lies_outside_the_mask(model, inversion, point_sets, geometry) -> None:
    pinned = replace(point_sets, pinned=torch.tensor([[[17.5, 17.5], [99.0, 99.0]]]).expand(N, -1, -1))
    free = run(model, inversion, point_sets, geometry, hard_mask=True)
    held = run(model, inversion, pinned, geometry, hard_mask=True)
    assert held.offsets[..., 4, 4].abs().max() == 0 and free.offsets[..., 4, 4].abs().max() > 0
    assert held.offsets[..., 2, 2].abs().max() > 0, "only the pin's surroundings are held"


def test_a_preview_is_a_few_frames(model, inversion, point_sets, geometry) -> None:
    previews: list[Tensor] = []

    def watch(stage: str, done: int, total: int, *, preview=None, **_: object) -> None:
        if preview is not None and not previews:
            previews.append(preview())

    run(model, inversion, point_sets, geometry, iterations=1, progress=watch)
    assert previews[0].shape == (min(N, 4), SIDE, SIDE, 3) and previews[0].min() >= 0 and previews[0].max() <= 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": (9,)}, "inverted to step 5 only"),
        ({"resume": {"steps": (4,), "iterations": 0}}, "belong to steps"),
        ({"resume": {"update": "normalised", "iterations": 1}}, "another rule than 'adam'"),
        ({"resume": {"patch_radius_cells": 0, "iterations": 0}}, "another feature block or patch radius"),
        ({"frames": 2}, "cover 2 frames and the inversion 3"),
    ],
)
def test_what_does_not_belong_together_is_refused(model, inversion, point_sets, geometry, changes, message) -> None:
    if "resume" in changes:
        changes = {"resume": run(model, inversion, point_sets, geometry, **changes["resume"])}
    if changes.pop("frames", None):
        point_sets = replace(
            point_sets,
            handles=point_sets.handles[:2],
            targets=point_sets.targets[:2],
            visible=point_sets.visible[:2],
            masks=point_sets.masks[:2],
            pinned=point_sets.pinned[:2],
        )
    with pytest.raises(DragAVideoError, match=message):
        run(model, inversion, point_sets, geometry, **changes)


def test_the_normalised_rule_moves_the_largest_cell_by_lr() -> None:
    offsets = torch.zeros(1, 2, 4, 3, 3)
    offsets.grad = torch.randn(1, 2, 4, 3, 3)
    NormalisedMomentum([offsets], lr=0.02).step()
    cells = offsets.norm(dim=2).amax(dim=(2, 3))
    torch.testing.assert_close(cells, torch.full((1, 2), 0.02 * 4**0.5))


def test_adam_is_torchs_and_its_moments_travel() -> None:
    offsets, mirror = torch.zeros(1, 1, 2, 2, 2), torch.nn.Parameter(torch.zeros(1, 1, 2, 2, 2))
    update, own = torch.optim.Adam([mirror], lr=0.01), make_update("adam", offsets, 0.01, {})
    for seed in range(3):
        gradient = torch.randn(1, 1, 2, 2, 2, generator=torch.Generator().manual_seed(seed))
        mirror.grad, offsets.grad = gradient.clone(), gradient
        update.step()
        own.step()
        own = make_update("adam", offsets, 0.01, moments_of(own, offsets))
    torch.testing.assert_close(offsets, mirror.detach())
