"""The untorn warp on drawn shapes: parts arrive whole, nothing folds, nothing jumps, the rest stays."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.media.geometry import fit_geometry
from dragavideo_core.warp.clip import WarpedClip, warp_clip
from dragavideo_core.warp.fields import working_ways
from dragavideo_core.warp.part import find_part
from dragavideo_core.warp.pose import rest_corners

SIDE = 96
TIP = (70.0, 48.0)


def creature() -> tuple[Tensor, Tensor]:
    """A frame with a body and a limb to the right of it, tip at x = 72, and the mask of both."""
    mask = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    mask[24:72, 8:40] = True
    mask[44:53, 38:73] = True
    ground = 0.5 + 0.1 * torch.sin(torch.arange(SIDE) / 5)[:, None, None].expand(SIDE, SIDE, 3)
    return torch.where(mask[..., None], torch.tensor([0.8, 0.2, 0.1]), ground).contiguous(), mask


def warped(
    target: tuple[float, float], handle: tuple[float, float] = TIP, frames: int = 1, **options: object
) -> WarpedClip:
    frame, mask = creature()
    pins = options.pop("pins", torch.zeros(frames, 0, 2))
    objects = options.pop("objects", mask.expand(frames, -1, -1))
    return warp_clip(
        frame.expand(frames, -1, -1, -1),
        objects,  # type: ignore[arg-type]
        torch.tensor(handle).expand(frames, 1, 2),
        torch.tensor(target).expand(frames, 1, 2),
        torch.ones(frames, 1, dtype=torch.bool),
        pins,  # type: ignore[arg-type]
        **options,  # type: ignore[arg-type]
    )


def is_limb(frame: Tensor, point: tuple[float, float]) -> bool:
    """Whether the frame is red there."""
    x, y = round(point[0]), round(point[1])
    return bool(frame[y, x, 0] - frame[y, x, 2] > 0.4)


@pytest.mark.parametrize(
    "target", [(84.0, 48.0), (56.0, 48.0), (64.0, 28.0), (62.0, 70.0)], ids=["out", "in", "up", "down"]
)
def test_a_limb_arrives_whole_and_attached(target: tuple[float, float]) -> None:
    frame, mask = creature()
    result = warped(target)
    picture = result.frames[0]
    assert result.kinds == ("part",)
    assert result.folded == 0
    assert float(result.share[0]) == 1.0
    assert is_limb(picture, target)
    root = np.array([40.0, 48.0])
    for share in np.linspace(0, 1, 12):  # no gap between root and tip
        x, y = root + share * (np.array(target) - root)
        near = picture[max(0, round(y) - 6) : round(y) + 7, max(0, round(x) - 3) : round(x) + 4]
        assert bool((near[..., 0] - near[..., 2] > 0.4).any())
    untouched = ~result.region[0]
    assert torch.equal(picture[untouched], frame[untouched])
    assert bool(untouched[:20].all()) or target[1] < 40
    gone = mask & (torch.arange(SIDE)[None] > 66) & ~result.layer[0].gt(0.5)
    if target[1] != 48.0 or target[0] < 60:
        assert bool(gone.any())
        assert not any(is_limb(picture, (x, y)) for y, x in gone.nonzero().tolist() if bool(result.uncovered[0, y, x]))


def test_the_same_ways_give_the_layer() -> None:
    frame, _ = creature()
    result = warped((84.0, 48.0))
    y, x = (result.layer[0] > 0.98).nonzero().T
    way = result.ways[0, y, x]
    from_x, from_y = (x - way[:, 0]).round().long(), (y - way[:, 1]).round().long()
    assert float((result.frames[0, y, x] - frame[from_y, from_x]).abs().mean()) < 0.02
    assert bool((result.ways[0][~result.region[0]] == 0).all())


def test_a_pin_on_the_limb_is_its_root() -> None:
    result = warped((72.0, 36.0), pins=torch.tensor([[[56.0, 48.0]]]))
    assert is_limb(result.frames[0], (72.0, 36.0))
    assert bool((result.ways[0, 46:51, 38:50].norm(dim=-1) < 1.0).all())


def test_without_an_object_the_picture_is_drawn_along_one_to_one() -> None:
    result = warped((82.0, 48.0), objects=None)
    assert result.kinds == ("free",)
    assert result.folded == 0
    assert not bool(result.uncovered.any())
    assert is_limb(result.frames[0], (81.0, 48.0))
    place = torch.from_numpy(rest_corners(SIDE - 1, SIDE - 1)).float() + 0.5 - result.ways[0]
    across, down = place[:, 1:] - place[:, :-1], place[1:] - place[:-1]
    turn = across[:-1, :, 0] * down[:, :-1, 1] - across[:-1, :, 1] * down[:, :-1, 0]
    assert float(turn.min()) > 0  # the map turns over nowhere


def test_a_drag_inside_an_object_is_not_split_off() -> None:
    result = warped((26.0, 52.0), handle=(24.0, 48.0))
    assert result.kinds == ("inside",)
    assert not bool(result.uncovered.any())


def test_an_object_over_most_of_the_frame_is_none() -> None:
    assert warped((84.0, 48.0), objects=torch.ones(1, SIDE, SIDE, dtype=torch.bool)).kinds == ("free",)


def test_all_frames_of_a_clip_are_dragged_alike() -> None:
    result = warped((80.0, 40.0), frames=3)
    assert torch.equal(result.frames[0], result.frames[2])


def test_invisible_pairs_move_nothing() -> None:
    frame, mask = creature()
    one = torch.tensor([TIP]).expand(2, 1, 2)
    seen = torch.tensor([[True], [False]])
    result = warp_clip(
        frame.expand(2, -1, -1, -1), mask.expand(2, -1, -1), one, one + 10, seen, torch.zeros(2, 0, 2)
    )  # fmt: skip
    assert bool(result.region[0].any())
    assert torch.equal(result.frames[1], frame)
    assert not bool(result.region[1].any())


def test_a_painted_region_holds_the_part() -> None:
    frame, _ = creature()
    region = torch.zeros(1, SIDE, SIDE, dtype=torch.bool)
    region[:, 36:60, 50:] = True
    result = warped((84.0, 48.0), region=region)
    assert is_limb(result.frames[0], (83.0, 48.0))
    assert torch.equal(result.frames[0][:, :44], frame[:, :44])


def test_two_pairs_and_a_part_with_one_inside() -> None:
    frame, mask = creature()
    mask[70:90, 14:20] = True
    frame = torch.where(mask[..., None], torch.tensor([0.8, 0.2, 0.1]), frame)
    handles = torch.tensor([[TIP, (17.0, 86.0), (24.0, 48.0)]])
    targets = torch.tensor([[(80.0, 48.0), (30.0, 88.0), (26.0, 52.0)]])
    result = warp_clip(
        frame[None], mask[None], handles, targets, torch.ones(1, 3, dtype=torch.bool), torch.zeros(1, 0, 2)
    )  # fmt: skip
    assert result.kinds == ("part", "part", "inside")
    assert is_limb(result.frames[0], (80.0, 48.0))
    assert is_limb(result.frames[0], (29.0, 87.0))


def test_working_ways_are_the_source_ways_at_the_working_scale() -> None:
    geometry = fit_geometry((SIDE, SIDE), 48)
    ways = working_ways(warped((84.0, 48.0)), geometry)
    assert tuple(ways.shape) == (1, 48, 48, 2)
    assert float(ways[0, 24, 38, 0]) > 2.0  # about half of a way of 12 px, less towards the root


def test_shapes_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(DragAVideoError, match=r"warp's objects have shape \(2, 96, 96\)"):
        warped((80.0, 48.0), objects=torch.ones(2, SIDE, SIDE, dtype=torch.bool))


def test_a_piece_behind_a_narrow_gap_is_a_part_of_its_object() -> None:
    _, mask = creature()
    mask[:, 60:63] = False  # as a ring of another colour leaves the tip on its own
    part = find_part(mask.numpy(), np.array(TIP), 10.0)
    assert part is not None and not part.fragment and part.root.found
    assert abs(part.place[0] - 40) < 6
    mask[:, 50:63] = False
    alone = find_part(mask.numpy(), np.array(TIP), 10.0)
    assert alone is not None and alone.fragment


def test_the_part_of_a_handle_ends_where_the_body_begins() -> None:
    _, mask = creature()
    part = find_part(mask.numpy(), np.array(TIP), 10.0)
    assert part is not None
    assert part.root.found
    assert abs(part.place[0] - 40) < 6
    assert abs(part.root.half_width - 4.5) < 1.5
    assert find_part(mask.numpy(), np.array([90.0, 5.0]), 10.0) is None


@pytest.mark.parametrize(("below", "kind"), [(0.5, "part"), (0.1, "free")], ids=["hangs free", "sits on something"])
def test_a_piece_that_sits_on_something_does_not_fly_off_alone(below: float, kind: str) -> None:
    mask = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    mask[40:54, 40:54] = True
    frame = torch.full((SIDE, SIDE, 3), 0.5)
    frame[54:, 36:58] = below
    frame[mask] = torch.tensor([0.9, 0.1, 0.1])
    one = torch.tensor([[[47.0, 46.0]]])
    way = torch.tensor([0.0, -14.0])
    result = warp_clip(
        frame[None], mask[None], one, one + way, torch.ones(1, 1, dtype=torch.bool), torch.zeros(1, 0, 2)
    )
    assert result.kinds == (kind,)
    if kind == "part":
        assert not is_limb(result.frames[0], (47.0, 50.0))
