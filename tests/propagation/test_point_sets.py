"""Equations 1 and 2, sets, fits and regions, each against a literal slow version."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.propagation.point_sets import (
    PointSets,
    affine_targets,
    expand_points,
    fit_linear,
    follow_nearest,
    foreground_of,
    segment_discs,
    shift_mask,
    square_patches,
    translate_targets,
)


def random(*shape: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale


def sets(**changes: object) -> PointSets:
    handles = random(3, 2, 9, 2)
    values: dict[str, object] = {
        "handles": handles,
        "targets": handles + 1,
        "visible": torch.ones(3, 2, 9, dtype=torch.bool),
        "foreground": torch.ones(2, 9, dtype=torch.bool),
        "masks": torch.zeros(3, 8, 10, dtype=torch.bool),
        "pinned": torch.zeros(3, 0, 2),
        "key_frame": 0,
    }
    return PointSets(**{**values, **changes})  # type: ignore[arg-type]


def test_expand_points_is_a_grid_round_each_point() -> None:
    points = torch.tensor([[10.0, 20.0], [5.5, 6.5]])
    expanded = expand_points(points, 3, 4.0)
    for p in range(2):
        index = 0
        for dy in (-4.0, 0.0, 4.0):
            for dx in (-4.0, 0.0, 4.0):
                assert expanded[p, index].tolist() == [float(points[p, 0]) + dx, float(points[p, 1]) + dy]
                index += 1
    assert torch.equal(expand_points(points, 1, 4.0)[:, 0], points)
    with pytest.raises(DragAVideoError, match="side 2"):
        expand_points(points, 2, 4.0)
    with pytest.raises(DragAVideoError, match="set_spacing_px is 0"):
        expand_points(points, 3, 0)


def test_equation_1() -> None:
    points, before, after = random(7, 2, scale=10), random(5, 2, seed=1, scale=10), random(5, 2, seed=2, scale=10)
    moved = follow_nearest(points, before, after)
    for b in range(7):
        nearest, distance = -1, math.inf
        for f in range(5):
            apart = math.dist(points[b].tolist(), before[f].tolist())
            if apart < distance:
                nearest, distance = f, apart
        torch.testing.assert_close(moved[b], points[b] + after[nearest] - before[nearest])


def test_equation_2_both_ways_from_the_key_frame() -> None:
    handles, drag, key = random(6, 2, 9, 2, scale=10), random(2, 2, seed=1, scale=5), 2
    targets = translate_targets(handles, drag, key)
    for p in range(2):
        for s in range(9):
            expected = {key: handles[key, p, s] + drag[p]}
            for i in range(key, 5):
                expected[i + 1] = expected[i] + handles[i + 1, p, s] - handles[i, p, s]
            for i in range(key, 0, -1):
                expected[i - 1] = expected[i] + handles[i - 1, p, s] - handles[i, p, s]
            for i in range(6):
                torch.testing.assert_close(targets[i, p, s], expected[i], atol=1e-4, rtol=1e-4)


def turn(angle: float, scale: float = 1.0) -> Tensor:
    c, s = math.cos(angle) * scale, math.sin(angle) * scale
    return torch.tensor([[c, -s], [s, c]])


def test_affine_targets_turn_with_the_set() -> None:
    key = expand_points(torch.tensor([[30.0, 40.0]]), 3, 4.0)[0]
    matrix = turn(0.5, 1.2)
    turned = (key - key[4]) @ matrix.T + torch.tensor([50.0, 20.0])
    handles = torch.stack([key, turned])[:, None]
    drag = torch.tensor([[8.0, 0.0]])
    usable = torch.ones(2, 1, 9, dtype=torch.bool)
    targets = affine_targets(handles, drag, 0, usable)
    torch.testing.assert_close(targets[0], handles[0] + drag)
    torch.testing.assert_close(targets[1, 0], turned + matrix @ drag[0], atol=1e-4, rtol=1e-4)
    # with too few points to trust, it is Eq. 2
    usable[:, :, 3:] = False
    torch.testing.assert_close(affine_targets(handles, drag, 0, usable), translate_targets(handles, drag, 0))


def test_fit_linear_is_least_squares() -> None:
    before, after = random(9, 2, scale=5), random(9, 2, scale=5) @ turn(0.3).T + random(9, 2, seed=4, scale=0.2)
    fitted = fit_linear(before, after)
    assert fitted is not None
    x, y = before - before.mean(0), after - after.mean(0)

    def cost(matrix: Tensor) -> float:
        return sum(float((y[k] - matrix @ x[k]).square().sum()) for k in range(9))

    for row in range(2):
        for column in range(2):
            for change in (-0.01, 0.01):
                other = fitted.clone()
                other[row, column] += change
                assert cost(other) > cost(fitted)


@pytest.mark.parametrize(
    "before, after",
    [
        (torch.zeros(3, 2), torch.zeros(3, 2)),  # too few
        (torch.zeros(9, 2), torch.zeros(9, 2)),  # one place
        (torch.arange(9.0)[:, None] * torch.ones(1, 2), random(9, 2)),  # a line
        (random(9, 2), random(9, 2) * torch.tensor([-1.0, 1.0])),  # mirrored
        (random(9, 2), random(9, 2) * 5),  # stretched beyond belief
    ],
)
def test_fit_linear_refuses_what_cannot_be_trusted(before: Tensor, after: Tensor) -> None:
    assert fit_linear(before, after) is None


def test_regions_agree_with_a_loop_over_pixels() -> None:
    size, radius = (14, 11), 2.5
    starts, ends = torch.tensor([[3.0, 3.0], [9.2, 8.1]]), torch.tensor([[8.0, 5.0], [9.2, 8.1]])
    discs, squares = segment_discs(starts, ends, radius, size), square_patches(starts, radius, size)
    for y in range(size[1]):
        for x in range(size[0]):
            near = square = False
            for start, end in zip(starts.tolist(), ends.tolist()):
                for share in range(1001):
                    t = share / 1000
                    place = [a + t * (b - a) for a, b in zip(start, end)]
                    near |= math.dist((x, y), place) <= radius
                square |= max(abs(x - start[0]), abs(y - start[1])) <= radius
            assert bool(discs[y, x]) == near
            assert bool(squares[y, x]) == square
    assert not segment_discs(torch.zeros(0, 2), torch.zeros(0, 2), radius, size).any()


def test_shift_mask_moves_whole_pixels_and_keeps_what_touches_the_edge() -> None:
    mask = torch.zeros(6, 8, dtype=torch.bool)
    mask[2, 3] = True
    assert shift_mask(mask, torch.tensor([2.4, -0.6])).nonzero().tolist() == [[1, 5]]
    assert shift_mask(torch.ones_like(mask), torch.tensor([3.0, 2.0])).all()


def test_point_sets_are_validated() -> None:
    assert sets().handles.shape == (3, 2, 9, 2)
    with pytest.raises(DragAVideoError, match="targets have shape"):
        sets(targets=torch.zeros(3, 2, 4, 2))
    with pytest.raises(DragAVideoError, match="masks have shape"):
        sets(masks=torch.zeros(2, 8, 10, dtype=torch.bool))
    with pytest.raises(DragAVideoError, match="pinned have shape"):
        sets(pinned=torch.zeros(2, 1, 2))
    with pytest.raises(DragAVideoError, match=r"visible are torch\.float32"):
        sets(visible=torch.ones(3, 2, 9))
    with pytest.raises(DragAVideoError, match="Key frame 3"):
        sets(key_frame=3)
    with pytest.raises(DragAVideoError, match="not finite"):
        sets(pinned=torch.full((3, 1, 2), math.nan))
    with pytest.raises(DragAVideoError, match="Handles have shape"):
        sets(handles=torch.zeros(3, 0, 9, 2))


def test_foreground_of_reads_the_pixel_under_each_point() -> None:
    mask = torch.zeros(4, 5, dtype=torch.bool)
    mask[1, 2] = mask[3, 4] = True
    points = torch.tensor([[[2.0, 1.0], [2.4, 0.6], [2.6, 1.0]], [[4.4, 3.4], [9.0, 3.0], [-1.0, 1.0]]])
    assert foreground_of(mask, points).tolist() == [[True, True, False], [True, False, False]]
