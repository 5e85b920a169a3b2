"""Geometry: exact point maps, resampling that agrees with them, and the way back."""

import pytest
import torch

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.media.geometry import fit_geometry


@pytest.mark.parametrize("source", [(64, 48), (37, 91), (1, 1), (128, 33)])
@pytest.mark.parametrize("size", [64, (72, 40)])
@pytest.mark.parametrize("fit", ["crop", "letterbox"])
def test_points_go_and_come_back(source, size, fit):
    geometry = fit_geometry(source, size, fit)
    points = torch.rand(2, 5, 2, dtype=torch.float64) * 100 - 20
    torch.testing.assert_close(geometry.to_source(geometry.to_working(points)), points)
    assert geometry.working_size[0] % 8 == 0 and geometry.working_size[1] % 8 == 0
    centre = torch.tensor([[(s - 1) / 2 for s in source]], dtype=torch.float64)
    expected = torch.tensor([[(s - 1) / 2 for s in geometry.working_size]], dtype=torch.float64)
    # A clip that needs no scaling is shifted by whole pixels only.
    tolerance = 0.5 if geometry.scale == 1 else 1e-9
    torch.testing.assert_close(geometry.to_working(centre), expected, atol=tolerance, rtol=0)


def test_an_integer_size_keeps_aspect_and_area():
    width, height = fit_geometry((1280, 720), 512).working_size
    assert abs(width / height - 16 / 9) < 0.03
    assert abs(width * height / 512**2 - 1) < 0.03


def test_a_picture_that_fits_is_not_touched():
    frames = torch.rand(2, 16, 24, 3)
    geometry = fit_geometry((24, 16), (24, 16))
    assert torch.equal(geometry.frames_to_working(frames), frames)
    odd = torch.rand(1, 16, 25, 3)
    assert torch.equal(fit_geometry((25, 16), (24, 16)).frames_to_working(odd), odd[:, :, 1:])


@pytest.mark.parametrize("fit", ["crop", "letterbox"])
@pytest.mark.parametrize("size", [32, 100, (64, 24)])
def test_resampling_agrees_with_the_point_map(fit, size):
    """A linear ramp of x and y must hold, at every working pixel, the source coordinate that the point map gives."""
    width, height = 61, 47
    geometry = fit_geometry((width, height), size, fit)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    ramp = torch.stack([x / 100, y / 100, torch.zeros_like(x)], -1)[None].float()
    working = geometry.frames_to_working(ramp)[0]
    w, h = geometry.working_size
    gy, gx = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    source = geometry.to_source(torch.stack([gx, gy], -1).double())
    margin = 3 * max(1.0, 1 / geometry.scale)
    inner = ((source > margin) & (source < torch.tensor([width, height]) - 1 - margin)).all(-1)
    assert inner.any()
    # A widened kernel has a few samples only, so its centre of mass wavers a little.
    tolerance = 2e-4 if geometry.scale >= 1 else 0.04
    torch.testing.assert_close(working[..., :2][inner].double() * 100, source[inner], atol=tolerance, rtol=0)


def test_back_to_source_keeps_the_background_outside_the_crop():
    source = torch.rand(1, 40, 80, 3)
    geometry = fit_geometry((80, 40), (32, 32), "crop")
    background = torch.rand(1, 40, 80, 3)
    result = geometry.frames_to_source(geometry.frames_to_working(source), background)
    left, _, right, _ = geometry.window
    outside = torch.arange(80).lt(left) | torch.arange(80).gt(right)
    assert outside.sum() == 40
    assert torch.equal(result[:, :, outside], background[:, :, outside])
    assert not torch.isclose(result[:, :, ~outside], background[:, :, ~outside]).all()


def test_smooth_pictures_survive_the_round_trip():
    y, x = torch.meshgrid(torch.arange(45), torch.arange(70), indexing="ij")
    picture = torch.stack([torch.sin(x / 9), torch.cos(y / 7), torch.sin((x + y) / 11)], -1)[None] * 0.4 + 0.5
    geometry = fit_geometry((70, 45), 72, "letterbox")
    back = geometry.frames_to_source(geometry.frames_to_working(picture), torch.zeros_like(picture))
    assert (back - picture).abs().max() < 0.02


def test_masks_keep_their_kind_and_end_at_the_source():
    geometry = fit_geometry((40, 20), (32, 32), "letterbox")
    mask = torch.ones(2, 20, 40, dtype=torch.bool)
    working = geometry.mask_to_working(mask)
    assert working.dtype == torch.bool and working.shape == (2, 32, 32)
    assert working[:, 8:24].all() and not working[:, :8].any() and not working[:, 24:].any()
    assert geometry.mask_to_source(working).all()
    assert geometry.mask_to_working(mask.float() * 0.25).max() == pytest.approx(0.25)
    cropped = fit_geometry((80, 40), (32, 32), "crop")
    back = cropped.mask_to_source(torch.ones(1, 32, 32, dtype=torch.bool))
    assert back.sum() == 40 * 40


def test_refusals():
    with pytest.raises(DragAVideoError, match="use 'crop' or 'letterbox'"):
        fit_geometry((10, 10), 64, "stretch")
    with pytest.raises(DragAVideoError, match="is not positive"):
        fit_geometry((10, 10), 0)
    with pytest.raises(DragAVideoError, match="at least 1x1"):
        fit_geometry((0, 10), 64)
    with pytest.raises(DragAVideoError, match="do not fit here: expected 16x16"):
        fit_geometry((16, 16), 16).frames_to_working(torch.zeros(1, 8, 8, 3))


def test_values_keep_their_sign_and_never_overshoot():
    geometry = fit_geometry((48, 32), (24, 16), "crop")
    step = torch.zeros(1, 16, 24, 2)
    step[:, :, 12:] = torch.tensor([-3.0, 2.0])
    values = geometry.values_to_source(step)
    assert values.shape == (1, 32, 48, 2)
    assert torch.allclose(values[0, 16, 40], torch.tensor([-3.0, 2.0]), atol=1e-5)
    assert float(values.abs().max()) <= 3.0 and float(values[..., 0].min()) < -2.9
