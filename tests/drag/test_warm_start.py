"""Displacement fields: zero where nothing may move, exact where a handle arrives, without folds; and the warps."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dragavideo_core.drag.warm_start import (
    clip_fields,
    displacement_field,
    exact_warm_start_offset,
    warm_start_offset,
    warp_bilinear,
    warp_nearest,
)
from dragavideo_core.errors import DragAVideoError
from dragavideo_core.inversion.invert import invert_latents
from dragavideo_core.media.geometry import Geometry
from dragavideo_core.propagation.point_sets import PointSets

from ..tiny import tiny_model

SIZE = 48
SHAPES = ("round", "oval", "fitted")
NO_PINS = torch.zeros(0, 2)


def bar() -> Tensor:
    """[H, W] bool: a horizontal part, 7 px thick, from a block at the left to x = 26."""
    mask = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    mask[8:40, :10] = True
    mask[21:28, :27] = True
    return mask


def region() -> Tensor:
    mask = torch.zeros(SIZE, SIZE)
    mask[12:36, 8:44] = 1
    return mask


def field_of(shape, pairs, foreground=None, pinned=NO_PINS, editable=None, visible=None) -> Tensor:
    points = torch.tensor(pairs, dtype=torch.float32).reshape(-1, 2, 1, 2)
    seen = torch.ones(len(points), 1, dtype=torch.bool) if visible is None else torch.tensor(visible).reshape(-1, 1)
    editable = region() if editable is None else editable
    return displacement_field(
        points[:, 0], points[:, 1], seen, editable, pinned, shape, (SIZE, SIZE), foreground
    )  # fmt: skip


OUTWARD = ((24.0, 24.0), (34.0, 24.0))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("foreground", [None, bar()], ids=["no segmentation", "segmentation"])
def test_field_is_zero_outside_the_region_and_at_pins(shape, foreground) -> None:
    pins = torch.tensor([[16.0, 24.0], [34.0, 30.0]])
    field = field_of(shape, OUTWARD, foreground, pins)
    assert field.shape == (SIZE, SIZE, 2) and field.isfinite().all()
    assert (field[region() == 0] == 0).all()
    for x, y in pins.long().tolist():
        assert (field[y, x] == 0).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("target", [(34.0, 24.0), (16.0, 24.0), (24.0, 32.0), (30.0, 18.0)])
def test_target_receives_the_handles_content(shape, target) -> None:
    field = field_of(shape, ((24.0, 24.0), target), bar())
    drag = torch.tensor(target) - torch.tensor([24.0, 24.0])
    assert torch.allclose(field[int(target[1]), int(target[0])], drag, atol=0.1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("foreground", [None, bar()], ids=["no segmentation", "segmentation"])
def test_outward_drag_does_not_fold(shape, foreground) -> None:
    """Along the drag, the place that content comes from never runs backwards."""
    field = field_of(shape, OUTWARD, foreground)
    last = 34 if foreground is not None and shape == "fitted" else SIZE - 1  # beyond the object there is another layer
    source = torch.arange(last + 1) - field[24, : last + 1, 0]
    assert (source.diff() > -1e-3).all()


def test_fitted_stretches_the_object_and_leaves_the_background_alone() -> None:
    field = field_of("fitted", OUTWARD, bar())
    middle = field[24, 10:34, 0]
    assert (middle.diff() > -1e-3).all() and middle[0] < 1 and middle[-1] > 9  # even, from the root to the tip
    assert (field[:19, 12:] == 0).all() and (field[30:, 12:] == 0).all()
    picture = bar().float().unsqueeze(-1).expand(-1, -1, 3).contiguous()
    moved = warp_bilinear(picture, field)[..., 0]
    assert (moved[22:27, :36] > 0.9).all()
    assert (moved[21:28, 38:] < 0.1).all()


def test_fitted_uncovers_background() -> None:
    """What a shortened part leaves behind is filled from beside it."""
    picture = bar().float().unsqueeze(-1).expand(-1, -1, 3).contiguous()
    moved = warp_bilinear(picture, field_of("fitted", ((24.0, 24.0), (16.0, 24.0)), bar()))[..., 0]
    assert (moved[20:29, 21:] < 0.1).all()
    assert (moved[22:27, :17] > 0.9).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_equal_drags_side_by_side_do_not_add_up(shape) -> None:
    pairs = (OUTWARD, ((24.0, 26.0), (34.0, 26.0)))
    field = field_of(shape, pairs, bar())
    assert field.norm(dim=-1).max() <= 10.2
    assert torch.allclose(field[24, 34], torch.tensor([10.0, 0.0]), atol=0.1)


def test_each_of_several_pairs_reaches_its_target() -> None:
    wide = torch.ones(SIZE, SIZE)
    wide[:, :2] = 0
    foreground = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    foreground[8:13, :24] = foreground[30:35, :24] = foreground[:, :6] = True
    pairs = (((22.0, 10.0), (30.0, 10.0)), ((22.0, 32.0), (22.0, 26.0)))
    for shape in SHAPES:
        field = field_of(shape, pairs, foreground, editable=wide)
        assert torch.allclose(field[10, 30], torch.tensor([8.0, 0.0]), atol=0.3)
        assert torch.allclose(field[26, 22], torch.tensor([0.0, -6.0]), atol=0.3)


@pytest.mark.parametrize("shape", SHAPES)
def test_points_that_do_not_count(shape) -> None:
    both = field_of(shape, (OUTWARD, ((12.0, 30.0), (12.0, 20.0))), bar(), visible=[True, False])
    assert torch.equal(both, field_of(shape, OUTWARD, bar()))
    assert (field_of(shape, OUTWARD, bar(), visible=[False]) == 0).all()
    assert (field_of(shape, ((24.0, 24.0), (24.0, 24.0)), bar()).abs() < 1e-5).all()
    assert (field_of(shape, OUTWARD, bar(), editable=torch.zeros(SIZE, SIZE)) == 0).all()


def test_handle_beside_the_segmentation_still_moves() -> None:
    field = field_of("fitted", ((30.0, 24.0), (38.0, 24.0)), bar())
    assert torch.allclose(field[24, 38], torch.tensor([8.0, 0.0]), atol=0.1)


def test_masks_of_another_size_are_refused() -> None:
    with pytest.raises(DragAVideoError, match="edit region"):
        field_of("round", OUTWARD, editable=torch.ones(4, 4))
    with pytest.raises(DragAVideoError, match="foreground"):
        field_of("fitted", OUTWARD, torch.ones(4, 4, dtype=torch.bool))
    with pytest.raises(DragAVideoError, match="'square'"):
        field_of("square", OUTWARD)


def test_nearest_warp_copies_whole_cells() -> None:
    noise = torch.randn(4, 12, 12, generator=torch.Generator().manual_seed(0))
    field = torch.zeros(SIZE, SIZE, 2)
    assert torch.equal(warp_nearest(noise, field), noise)
    field[..., 0], field[..., 1] = 8.0, -4.0  # two cells to the right, one up
    moved = warp_nearest(noise, field)
    assert torch.equal(moved[:, :-1, 2:], noise[:, 1:, :-2])

    moved = warp_nearest(noise, field_of("fitted", OUTWARD, bar()))
    cells = {tuple(cell) for cell in noise.flatten(1).T.tolist()}
    assert {tuple(cell) for cell in moved.flatten(1).T.tolist()} <= cells
    assert abs(float(moved.var() / noise.var()) - 1) < 0.2


def test_bilinear_warp_has_subpixel_accuracy_and_keeps_what_stands_still() -> None:
    x = torch.arange(SIZE).float().expand(SIZE, SIZE)
    frame = torch.stack([x, x * 0 + 0.3, x / 7], dim=-1)
    assert torch.equal(warp_bilinear(frame, torch.zeros(SIZE, SIZE, 2)), frame)
    field = torch.zeros(SIZE, SIZE, 2)
    field[..., 0] = 2.25
    assert torch.allclose(warp_bilinear(frame, field)[:, 3:, 0], x[:, 3:] - 2.25, atol=1e-3)


def test_the_pixel_warp_start_is_exactly_zero_where_nothing_moves_and_an_edit_where_it_does() -> None:
    model = tiny_model()
    inversion = invert_latents(model, torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0)), steps=3)
    fields = torch.zeros(2, 32, 32, 2)
    fields[1, 8:16, 8:16] = torch.tensor([4.0, 0.0])
    reference = inversion.latents[3]
    offset = exact_warm_start_offset(model, inversion, 3, reference, fields)
    assert torch.equal(offset[0], torch.zeros_like(offset[0])) and offset[1].abs().max() > 0
    # Its noise part is what whole cells give; its picture part is the codec's answer to the warped frame.
    share = model.schedule.alpha(3) ** 0.5
    frames = model.decode(inversion.latents[0])
    before, after = model.encode(frames)[1], model.encode(warp_bilinear(frames[1], fields[1])[None])[0]
    noise = reference[1] - share * before
    expected = share * after + warp_nearest(noise, fields[1]) - reference[1]
    torch.testing.assert_close(offset[1], expected, atol=1e-5, rtol=1e-4)
    cells = warm_start_offset(reference, fields)
    torch.testing.assert_close(cells[1], warp_nearest(reference[1], fields[1]) - reference[1])


def test_a_clips_fields_follow_each_frames_own_points_and_object() -> None:
    geometry = Geometry(source_size=(2 * SIZE, 2 * SIZE), working_size=(SIZE, SIZE), scale=0.5, offset=(0.0, 0.0))
    handles = geometry.to_source(torch.tensor([[24.0, 24.0], [24.0, 24.0]])).reshape(2, 1, 1, 2)
    sets = PointSets(
        handles=handles,
        targets=handles + torch.tensor([20.0, 0.0]),
        visible=torch.tensor([True, False]).reshape(2, 1, 1),
        foreground=torch.ones(1, 1, dtype=torch.bool),
        masks=geometry.mask_to_source(region().bool().expand(2, -1, -1)),
        pinned=torch.zeros(2, 0, 2),
        key_frame=0,
        objects=geometry.mask_to_source(bar().expand(2, -1, -1)),
    )
    fields = clip_fields(sets, geometry, "fitted")
    assert fields[1].abs().max() == 0, "the second frame does not show the handle"
    torch.testing.assert_close(fields[0], field_of("fitted", OUTWARD, bar()), atol=1e-3, rtol=1e-3)
