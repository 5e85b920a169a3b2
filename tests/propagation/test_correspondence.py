"""DIFT matching: against a slow loop, on translations of known size, and on a real (tiny, random) model."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.inversion.invert import invert_latents
from dragavideo_core.model.sampling import sample_features
from dragavideo_core.propagation.correspondence import (
    cells_of,
    dift_features,
    match,
    patch_features,
    pixels_of,
)
from dragavideo_core.propagation.tracks import track_points
from dragavideo_core.settings import PropagationSettings
from tests.tiny import tiny_model


def waves(shift: tuple[float, float], size: tuple[int, int] = (24, 20), channels: int = 16) -> Tensor:
    """A smooth random feature map [F, h, w] whose content has moved by `shift` cells."""
    generator = torch.Generator().manual_seed(3)
    frequency = (torch.rand(channels, 4, 2, generator=generator) - 0.5) * 2 * math.pi / 5
    phase = torch.rand(channels, 4, generator=generator) * 2 * math.pi
    y, x = torch.meshgrid(torch.arange(size[1]) - shift[1], torch.arange(size[0]) - shift[0], indexing="ij")
    angle = frequency[..., 0, None, None] * x + frequency[..., 1, None, None] * y + phase[..., None, None]
    return angle.sin().sum(1)


def test_cells_and_pixels_are_inverse_and_put_pixel_centres_right() -> None:
    points = torch.tensor([[-0.5, -0.5], [1.5, 1.5], [127.5, 63.5]])
    cells = cells_of(points, (128, 64), (32, 16))
    torch.testing.assert_close(cells, torch.tensor([[-0.5, -0.5], [0.0, 0.0], [31.5, 15.5]]))
    torch.testing.assert_close(pixels_of(cells, (128, 64), (32, 16)), points)


def slow_similarity(feature_map: Tensor, template: Tensor, place: Tensor) -> float:
    """The Gaussian-weighted mean over a patch of the bicubic-interpolated cosine map, place by place."""
    total = weights = 0.0
    index = 0
    for j in range(-2, 3):
        for i in range(-2, 3):
            cosines = F.cosine_similarity(feature_map, template[index][:, None, None], dim=0)
            at = (place + torch.tensor([0.75 * i, 0.75 * j]) + 0.5) / torch.tensor([12.0, 10.0]) * 2 - 1
            value = F.grid_sample(
                cosines[None, None], at[None, None, None], mode="bicubic", padding_mode="border", align_corners=False
            )
            weight = math.exp(-((0.75 * i) ** 2 + (0.75 * j) ** 2) / 2)
            total, weights, index = total + weight * float(value), weights + weight, index + 1
    return total / weights


def test_match_agrees_with_a_slow_search_over_a_fine_grid() -> None:
    feature_map = waves((0.4, 0.2), (12, 10))
    centres = torch.tensor([[3.0, 4.0], [6.2, 5.1], [0.0, 0.0]])
    templates = patch_features(waves((0.0, 0.0), (12, 10)), centres)
    found, similarity = match(feature_map, templates, centres, 1.0)
    for k in range(3):
        best = -2.0
        for i in range(-5, 6):
            for j in range(-5, 6):
                place = centres[k] + torch.tensor([i / 5, j / 5])
                if (place >= -0.5).all():
                    best = max(best, min(1.0, slow_similarity(feature_map, templates[k], place)))
        assert best - 1e-4 <= float(similarity[k]) <= best + 0.05
        at = min(1.0, slow_similarity(feature_map, templates[k], found[k]))  # bicubic may overshoot
        assert float(similarity[k]) == pytest.approx(at, abs=1e-4)
        assert (found[k] - centres[k]).abs().max() <= 1.0 + 1e-5


def test_single_features_and_no_points() -> None:
    feature_map = waves((0.0, 0.0))
    points = torch.tensor([[6.0, 6.0], [12.0, 9.0]])
    single = F.normalize(sample_features(feature_map[None], points[None], (24, 20))[0], dim=-1)
    found, similarity = match(feature_map, single, points, 2.0)
    torch.testing.assert_close(found, points, atol=0.25, rtol=0)
    assert float(similarity.min()) > 0.99
    assert match(feature_map, single[:0], points[:0], 2.0)[0].shape == (0, 2)
    torch.testing.assert_close(patch_features(feature_map, points)[:, 12], single)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (1.0, -2.0), (0.37, 0.81), (-1.6, 1.25), (2.5, 0.1)])
def test_a_translation_is_found_to_a_fraction_of_a_cell(shift: tuple[float, float]) -> None:
    points = torch.tensor([[6.0, 6.0], [12.3, 9.7], [15.5, 13.5], [9.25, 11.0]])
    templates = patch_features(waves((0.0, 0.0)), points)
    found, similarity = match(waves(shift), templates, points, 4.0)
    error = (found - points - torch.tensor(shift)).norm(dim=-1)
    assert float(error.max()) < 0.25, error
    assert float(error.mean()) < 0.15, error
    assert float(similarity.min()) > 0.95


def test_the_window_is_kept() -> None:
    points = torch.tensor([[12.0, 10.0]])
    templates = patch_features(waves((0.0, 0.0)), points)
    near, _ = match(waves((4.0, 0.0)), templates, points, 1.0)
    assert (near - points).abs().max() <= 1.0 + 1e-5
    wide, similarity = match(waves((4.0, 0.0)), templates, points, 5.0)
    assert (wide - points - torch.tensor([4.0, 0.0])).abs().max() < 0.2
    assert similarity[0] > 0.98


def test_of_two_alike_the_prior_takes_the_nearer_and_leaves_the_similarity() -> None:
    feature_map = torch.zeros(2, 20, 24)
    feature_map[1] = 0.2
    feature_map[0, 10, 8] = feature_map[0, 10, 15] = 1.0
    feature_map[1, 10, 8] = 0.4  # a little less alike than the far one
    wanted, centre = torch.tensor([[1.0, 0.2]]), torch.tensor([[9.0, 10.0]])
    far, best = match(feature_map, wanted, centre, 8)
    near, similarity = match(feature_map, wanted, centre, 8, prior=0.1)
    assert far[0, 0] > 14 and near[0, 0] < 9
    assert float(best) > 0.95 and float(similarity) > 0.95


def test_a_point_is_looked_for_where_its_motion_would_bring_it() -> None:
    path = [(0.0, 0.0), (2.0, 0.5), (5.0, 1.5), (9.5, 3.0)]  # cells; the last leap is beyond the window alone
    features = torch.stack([waves(place) for place in path])
    settings = PropagationSettings(window_px=3.6, occlusion_similarity=0.6)
    start = torch.tensor([[4.0, 6.0], [9.0, 10.0]])
    tracks = track_points(features, start, torch.ones(2, dtype=torch.bool), torch.arange(2), 0, (24, 20), settings)
    moved = tracks.positions - start
    assert bool(tracks.visible.all())
    torch.testing.assert_close(moved, torch.tensor(path)[:, None].expand(-1, 2, -1), atol=0.5, rtol=0)


def test_a_window_off_the_map_gives_back_its_centre() -> None:
    centre = torch.tensor([[-9.0, 30.0]])
    found, similarity = match(torch.randn(4, 8, 8), torch.randn(1, 4), centre, 2.0)
    torch.testing.assert_close(found, centre)
    assert similarity[0] == -1


def test_inputs_are_not_mutated() -> None:
    values = [torch.randn(4, 8, 8), torch.randn(3, 4), torch.rand(3, 2) * 7]
    copies = [value.clone() for value in values]
    match(values[0], values[1], values[2], 3.0)
    for value, copy in zip(values, copies):
        assert torch.equal(value, copy)


def test_features_of_a_model_are_the_inversions_and_do_not_depend_on_the_batch() -> None:
    model = tiny_model()
    clean = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    inversion = invert_latents(model, clean, 2)
    expected = model.features(inversion.latents[2], 2, inversion.embedding, 2).detach()
    given = dift_features(model, clean, 2, 2, inversion=inversion)
    torch.testing.assert_close(given, expected, atol=1e-4, rtol=1e-4)
    alone = dift_features(model, clean, 2, 2, micro_batch=1)
    torch.testing.assert_close(alone, expected, atol=1e-4, rtol=1e-4)
    assert not given.requires_grad
    # an inversion that ends below the step is not enough: a fresh one is made
    higher = dift_features(model, clean, 3, 2, inversion=inversion)
    assert higher.shape == expected.shape and not torch.allclose(higher, expected)


def test_refusals_name_the_value() -> None:
    model = tiny_model()
    clean = torch.zeros(2, 4, 8, 8)
    inversion = invert_latents(model, clean, 1)
    with pytest.raises(DragAVideoError, match="step 0"):
        dift_features(model, clean, 0, 2)
    with pytest.raises(DragAVideoError, match="step 51"):
        dift_features(model, clean, 51, 2)
    with pytest.raises(DragAVideoError, match="up-block 4"):
        dift_features(model, clean, 1, 4)
    with pytest.raises(DragAVideoError, match="2 frames but the clip has 3"):
        dift_features(model, torch.zeros(3, 4, 8, 8), 1, 2, inversion=inversion)
