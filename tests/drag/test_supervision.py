"""Eq. 3 to 7 against slow literal versions on random tensors."""

from __future__ import annotations

import math

import pytest
import torch

from dragavideo_core.drag import supervision as sup
from dragavideo_core.drag.tracking import advance, candidate_offsets, candidate_progress, tracking_cost
from dragavideo_core.model import sampling
from dragavideo_core.model.sampling import sample_features
from dragavideo_core.settings import TrackerSettings

N, P, S, C = 3, 2, 4, 5
SIZE = (32, 24)


@pytest.fixture
def scene() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    handles = torch.rand(N, P, S, 2, generator=generator) * 14 + 5
    return {
        "features": torch.randn(N, C, 6, 8, generator=generator),
        "handles": handles,
        "targets": handles + torch.randn(1, P, S, 2, generator=generator) * 4,
        "visible": torch.rand(N, P, S, generator=generator) > 0.3,
    }


def literal_sample(features: torch.Tensor, x: float, y: float) -> torch.Tensor:
    """Bilinear by hand: cell = (px + 0.5) / stride - 0.5, clamped at the border."""
    _, height, width = features.shape
    u = min(max((x + 0.5) * width / SIZE[0] - 0.5, 0), width - 1)
    v = min(max((y + 0.5) * height / SIZE[1] - 0.5, 0), height - 1)
    left, top = min(int(u), width - 2), min(int(v), height - 2)
    a, b = u - left, v - top
    return (
        features[:, top, left] * (1 - a) * (1 - b)
        + features[:, top, left + 1] * a * (1 - b)
        + features[:, top + 1, left] * (1 - a) * b
        + features[:, top + 1, left + 1] * a * b
    )


def literal_direction(handle: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return (target - handle) / math.dist(handle.tolist(), target.tolist())


def test_features_are_sampled_bilinearly_at_pixel_centres(scene: dict[str, torch.Tensor]) -> None:
    found = sample_features(scene["features"], scene["handles"], SIZE)
    for n in range(N):
        for p in range(P):
            for s in range(S):
                expected = literal_sample(scene["features"][n], *scene["handles"][n, p, s].tolist())
                torch.testing.assert_close(found[n, p, s], expected, atol=1e-5, rtol=1e-4)


def test_sampling_for_metal_and_its_gradient_are_those_of_grid_sample(scene: dict[str, torch.Tensor]) -> None:
    features = scene["features"].requires_grad_()
    grid = torch.rand(N, 50, 2, generator=torch.Generator().manual_seed(1)) * 3 - 1.5  # some outside the frame
    values = [sampled(features, grid) for sampled in (sampling._gathered, sampling._grid_sampled)]
    torch.testing.assert_close(*values, atol=1e-5, rtol=1e-5)
    weights = torch.randn(values[0].shape, generator=torch.Generator().manual_seed(2))
    gradients = [torch.autograd.grad((value * weights).sum(), features)[0] for value in values]
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-5)


def test_patch_is_counted_in_half_resolution_cells() -> None:
    patch = sup.patch_offsets(1)
    assert sorted(map(tuple, patch.tolist())) == sorted((x, y) for x in (-2.0, 0.0, 2.0) for y in (-2.0, 0.0, 2.0))
    assert sup.patch_offsets(0).tolist() == [[0.0, 0.0]]


def test_equation_3_averages_over_the_frames_that_see_the_point(scene: dict[str, torch.Tensor]) -> None:
    features = torch.randn(N, P, S, 1, C)
    average = sup.frame_average(features, scene["visible"])
    for p in range(P):
        for s in range(S):
            seen = [features[n, p, s, 0] for n in range(N) if scene["visible"][n, p, s]]
            expected = sum(seen) / len(seen) if seen else torch.zeros(C)
            torch.testing.assert_close(average[p, s, 0], expected)


def test_frame_fusion_blends_between_own_and_average() -> None:
    features, visible = torch.randn(N, P, S, 1, C), torch.ones(N, P, S, dtype=torch.bool)
    torch.testing.assert_close(sup.fuse_frames(features, visible, 0), features)
    torch.testing.assert_close(sup.fuse_frames(features, visible, 1), features.mean(0).expand_as(features))
    half = sup.fuse_frames(features, visible, 0.5)
    torch.testing.assert_close(half, (features + features.mean(0)) / 2)


def test_equation_4_literally(scene: dict[str, torch.Tensor]) -> None:
    handles, targets, visible = scene["handles"], scene["targets"], scene["visible"]
    patch = sup.patch_offsets(1)
    template = torch.randn(N, P, S, len(patch), C)
    ahead = sup.supervised_positions(handles, targets)
    moved = sample_features(scene["features"], ahead.unsqueeze(3) + patch, SIZE)
    expected = 0.0
    for n in range(N):
        for p in range(P):
            for s in range(S):
                if not visible[n, p, s]:
                    continue
                d = literal_direction(handles[n, p, s], targets[n, p, s])
                length = math.dist(handles[n, p, s].tolist(), targets[n, p, s].tolist())
                for r, offset in enumerate(patch):
                    x, y = (handles[n, p, s] + d * min(2.0, length) + offset).tolist()
                    difference = literal_sample(scene["features"][n], x, y) - template[n, p, s, r]
                    expected += difference.abs().mean().item() / S
    assert sup.drag_loss(moved, template, visible).item() == pytest.approx(expected, rel=1e-4)


def test_the_template_gets_no_gradient() -> None:
    features = torch.randn(1, 1, 1, 1, C, requires_grad=True)
    template = torch.randn(1, 1, 1, 1, C, requires_grad=True)
    sup.drag_loss(features, template, torch.ones(1, 1, 1, dtype=torch.bool)).backward()
    assert features.grad is not None and template.grad is None


def test_equation_5_counts_only_what_lies_outside_the_mask() -> None:
    latents, reference = torch.randn(2, 4, 3, 3), torch.randn(2, 4, 3, 3)
    editable = (torch.rand(2, 1, 3, 3) > 0.5).float()
    expected = 0.0
    for n in range(2):
        for c in range(4):
            for y in range(3):
                for x in range(3):
                    if not editable[n, 0, y, x]:
                        expected += abs(latents[n, c, y, x] - reference[n, c, y, x]).item()
    assert sup.mask_loss(latents, reference, editable).item() == pytest.approx(expected, rel=1e-5)


def test_a_handle_on_its_target_stays_finite_and_put() -> None:
    point = torch.full((1, 1, 1, 2), 7.0)
    direction, length = sup.unit_directions(point, point)
    assert length.item() == 0 and direction.abs().max().item() == 0
    torch.testing.assert_close(sup.supervised_positions(point, point), point)


def test_positions_never_pass_the_target(scene: dict[str, torch.Tensor]) -> None:
    far = torch.full((N, P, S), 100.0)
    torch.testing.assert_close(
        sup.positions(scene["handles"], scene["targets"], far), scene["targets"], atol=1e-4, rtol=0
    )


def test_moving_average_is_the_footnotes() -> None:
    template, current = torch.randn(4), torch.randn(4)
    torch.testing.assert_close(sup.moving_average(template, current, 0.1), 0.9 * template + 0.1 * current)


def test_candidates_span_the_range_and_prefer_rest() -> None:
    offsets = candidate_offsets(TrackerSettings(range_cells=3, stride_cells=0.5))
    assert offsets[0] == 0 and offsets.min() == -6 and offsets.max() == 6 and len(offsets) == 13
    progress, length = torch.tensor([[[1.0]]]), torch.tensor([[[4.0]]])
    tried = candidate_progress(progress, length, offsets)
    assert tried.min() == 0 and tried.max() == 4


@pytest.mark.parametrize("shared", [True, False])
def test_equations_6_and_7_literally(scene: dict[str, torch.Tensor], shared: bool) -> None:
    handles, targets, visible = scene["handles"], scene["targets"], scene["visible"]
    patch = sup.patch_offsets(1)
    template = torch.randn(N, P, S, len(patch), C)
    progress = torch.rand(N, P, S)
    _, length = sup.unit_directions(handles, targets)
    candidates = candidate_progress(progress, length, candidate_offsets(TrackerSettings()))
    cost = tracking_cost(scene["features"], template, handles, targets, candidates, patch, SIZE)
    found = advance(candidates, cost, visible, shared)

    for p in range(P):
        for s in range(S):
            table = torch.zeros(N, candidates.shape[-1])
            for n in range(N):
                d = literal_direction(handles[n, p, s], targets[n, p, s])
                for k, travelled in enumerate(candidates[n, p, s].tolist()):
                    for r, offset in enumerate(patch):
                        x, y = (handles[n, p, s] + d * travelled + offset).tolist()
                        difference = literal_sample(scene["features"][n], x, y) - template[n, p, s, r]
                        table[n, k] += difference.abs().mean().item() / len(patch)
            torch.testing.assert_close(cost[:, p, s], table, atol=1e-4, rtol=1e-3)
            for n in range(N):
                votes = (table * visible[:, p, s, None]).sum(0) if shared else table[n]
                assert found[n, p, s] == candidates[n, p, s, votes.argmin()]


def test_tracking_finds_a_shift_that_all_frames_share() -> None:
    """A bump moved 4 px along the way is found there, although one frame alone would mislead."""
    ys, xs = torch.meshgrid(torch.arange(48.0), torch.arange(64.0), indexing="ij")

    def bump(x: float) -> torch.Tensor:
        return torch.exp(-((xs - x) ** 2 + (ys - 24) ** 2) / 18)

    handles = torch.tensor([20.0, 24.0]).expand(3, 1, 1, 2)
    targets = handles + torch.tensor([12.0, 0.0])
    patch = sup.patch_offsets(1)
    before = torch.stack([bump(20)] * 3).unsqueeze(1)
    after = torch.stack([bump(24), bump(24), bump(20)]).unsqueeze(1)
    size = (64, 48)
    template = sample_features(before, handles.unsqueeze(3) + patch, size)
    _, length = sup.unit_directions(handles, targets)
    candidates = candidate_progress(torch.zeros(3, 1, 1), length, candidate_offsets(TrackerSettings()))
    cost = tracking_cost(after, template, handles, targets, candidates, patch, size)
    visible = torch.ones(3, 1, 1, dtype=torch.bool)
    shared = advance(candidates, cost, visible, shared=True)
    alone = advance(candidates, cost, visible, shared=False)
    assert shared.unique().numel() == 1 and shared.mean().item() == pytest.approx(4, abs=1)
    assert alone[2].item() == 0
