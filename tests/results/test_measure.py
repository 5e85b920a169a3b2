"""Every measure against a slow literal version or a known shift."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.media.flow import dis_flow, middle_frame
from dragavideo_core.results.measure import (
    drag_distances,
    locate_colour,
    locate_handles,
    outside_psnr,
    psnr,
    segment_distance,
    set_centres,
    temporal_smoothness,
)


def texture(height: int = 64, width: int = 80, seed: int = 0, blur: float = 2.0) -> np.ndarray:
    noise = np.random.default_rng(seed).random((height + 40, width + 40, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), blur)
    return (smooth - smooth.min()) / (smooth.max() - smooth.min())


def shifted(big: np.ndarray, dx: float, dy: float, height: int = 64, width: int = 80) -> np.ndarray:
    """A window of a texture whose content has moved by (dx, dy)."""
    centre = (20 + (width - 1) / 2 - dx, 20 + (height - 1) / 2 - dy)
    return np.asarray(cv2.getRectSubPix(big, (width, height), centre))


def test_psnr_against_the_formula() -> None:
    a, b = torch.rand(2, 5, 6, 3), torch.rand(2, 5, 6, 3)
    mask = torch.rand(2, 5, 6) > 0.5
    errors = [(a[i] - b[i]).pow(2).tolist() for i in range(2)]
    inside = [v for i in range(2) for y in range(5) for x in range(6) if mask[i, y, x] for v in errors[i][y][x]]
    assert psnr(a, b, mask) == pytest.approx(-10 * math.log10(sum(inside) / len(inside)), abs=1e-4)
    assert psnr(a, a + 0.1) == pytest.approx(20, abs=1e-3)
    assert psnr(a, a) == math.inf and psnr(a, b, mask & False) is None
    with pytest.raises(DragAVideoError, match="shape"):
        psnr(a, b[:1])


def test_outside_psnr_sees_only_the_outside() -> None:
    frames = torch.rand(2, 8, 8, 3)
    masks = torch.zeros(2, 8, 8, dtype=torch.bool)
    masks[:, 2:5, 2:5] = True
    edited = frames.clone()
    edited[masks] = 0
    assert outside_psnr(frames, edited, masks) == math.inf
    edited[0, 7, 7] += 0.5
    assert 20 < (outside_psnr(frames, edited, masks) or 0) < 40
    assert outside_psnr(frames, edited, masks | True) is None


@pytest.mark.parametrize("shift", [(3.0, 0.0), (-2.0, 1.5), (0.5, -4.0)])
def test_flow_of_a_known_shift(shift: tuple[float, float]) -> None:
    big = texture()
    flow = dis_flow(shifted(big, 0, 0), shifted(big, *shift))
    assert np.abs(np.median(flow[8:-8, 8:-8], axis=(0, 1)) - shift).max() < 0.1


def test_middle_frame_of_a_known_shift() -> None:
    big = texture()
    ends = shifted(big, -2, 1), shifted(big, 2, -1)
    inner = (slice(10, -10), slice(10, -10))
    error = np.abs(middle_frame(*ends) - shifted(big, 0, 0))[inner].mean()
    assert error < 0.3 * np.abs((ends[0] + ends[1]) / 2 - shifted(big, 0, 0))[inner].mean()


def test_flow_of_very_small_frames_is_none() -> None:
    assert not dis_flow(texture()[:8, :8], texture(seed=1)[:8, :8]).any()


def test_segment_distance_against_a_fine_walk() -> None:
    rng = np.random.default_rng(0)
    starts, ends = rng.normal(0, 2, (40, 2)), rng.normal(0, 2, (40, 2))
    ends[0] = starts[0]  # a segment of no length
    for start, end, found in zip(starts, ends, segment_distance(starts, ends)):
        walk = start + np.linspace(0, 1, 4001)[:, None] * (end - start)
        assert found == pytest.approx(np.linalg.norm(walk, axis=1).min(), abs=2e-3)


def clip_of(positions: list[tuple[float, float]]) -> Tensor:
    big = texture(blur=1.5)
    return torch.from_numpy(np.stack([shifted(big, *at) for at in positions]))


def slow_smoothness(source: Tensor, edited: Tensor) -> float:
    """Appendix A, pixel by pixel."""
    kept = []
    for i in range(1, len(source) - 1):
        distances = []
        for clip in (source.numpy(), edited.numpy()):
            back, on = dis_flow(clip[i], clip[i - 1]), dis_flow(clip[i], clip[i + 1])
            table = {}
            for y in range(clip.shape[1]):
                for x in range(clip.shape[2]):
                    pixel = np.array([x, y], float)
                    a, b = pixel + back[y, x], pixel + on[y, x]
                    way = b - a
                    share = 0.0 if way @ way == 0 else min(1.0, max(0.0, float((pixel - a) @ way / (way @ way))))
                    table[y, x] = math.dist(pixel, a + share * way)
            distances.append(table)
        kept += [distances[1][at] for at in distances[0] if distances[1][at] >= distances[0][at]]
    return float(np.mean(kept))


def test_smoothness_is_appendix_a() -> None:
    source, edited = clip_of([(0, 0), (1, 0), (2, 0), (3, 0)]), clip_of([(0, 0), (1, 1), (2, 0), (3, 1)])
    source, edited = source[:, :24, :32], edited[:, :24, :32]
    assert temporal_smoothness(source, edited) == pytest.approx(slow_smoothness(source, edited), rel=1e-3)


def test_smoothness_of_straight_and_of_jerky_motion() -> None:
    straight = clip_of([(0, 0), (1.5, 0), (3, 0), (4.5, 0)])
    jerky = clip_of([(0, 0), (1.5, 2), (3, 0), (4.5, 2)])
    smooth, rough = temporal_smoothness(straight, straight), temporal_smoothness(straight, jerky)
    assert smooth is not None and rough is not None
    assert smooth < 0.15 and rough == pytest.approx(2.0, abs=0.2)  # the middle is 2 px off the chord
    assert temporal_smoothness(straight[:2], straight[:2]) is None
    with pytest.raises(DragAVideoError, match="shape"):
        temporal_smoothness(straight, straight[:3])


def dot_clip(places: list[tuple[float, float]], rgb: tuple[float, float, float] = (0.1, 0.1, 0.5)) -> Tensor:
    background = shifted(texture(blur=6.0), 0, 0) * 0.4 + 0.5
    frames = []
    for x, y in places:
        canvas = cv2.resize(background, None, fx=8, fy=8, interpolation=cv2.INTER_LINEAR)
        centre = (round((x + 0.5) * 8 - 0.5), round((y + 0.5) * 8 - 0.5))
        cv2.circle(canvas, centre, 24, rgb, -1)
        frames.append(cv2.resize(canvas, (80, 64), interpolation=cv2.INTER_AREA))
    return torch.from_numpy(np.stack(frames))


def test_locate_handles_finds_where_a_part_went() -> None:
    before, after = [(30.0, 30.0), (33.25, 28.5)], [(39.0, 26.0), (36.0, 28.0)]
    handles = torch.tensor(before)[:, None]
    targets = handles + torch.tensor([10.0, -4.0])
    source, edited = dot_clip(before), dot_clip(after)
    found = locate_handles(source, edited, handles, targets)
    assert found.shape == (2, 1, 2)
    assert (found[:, 0] - torch.tensor(after)).norm(dim=-1).max() < 0.4
    unmoved = locate_handles(source, source, handles, targets)
    assert (unmoved - handles).norm(dim=-1).max() < 0.4


def test_locate_handles_ignores_a_twin_that_was_there_before() -> None:
    twin = [(48.0, 30.0)]

    def with_twin(places: list[tuple[float, float]]) -> Tensor:
        return torch.minimum(dot_clip(places), dot_clip(twin))

    handles, targets = torch.tensor([[[30.0, 30.0]]]), torch.tensor([[[45.0, 36.0]]])
    weak = with_twin([(38.0, 33.0)])
    weak[:, 28:40, 32:43] = weak[:, 28:40, 32:43] * 0.85 + 0.05  # the dragged part came out paler
    found = locate_handles(with_twin([(30.0, 30.0)]), weak, handles, targets)[0, 0]
    assert (found - torch.tensor([38.0, 33.0])).norm() < 1


def test_locate_handles_at_the_frame_edge_and_on_flat_ground() -> None:
    frames = dot_clip([(1.0, 1.0)])
    found = locate_handles(frames, frames, torch.tensor([[[1.0, 1.0]]]), torch.tensor([[[-3.0, -3.0]]]))
    assert (found - 1).abs().max() < 0.5
    grey, at = torch.full((1, 40, 40, 3), 0.5), torch.tensor([[[20.0, 20.0]]])
    assert (locate_handles(grey, grey, at, at + 8) - at).abs().max() < 0.6


def test_locate_colour() -> None:
    places = [(30.25, 30.0), (41.0, 22.75)]
    frames, near = dot_clip(places), torch.tensor(places) + 2
    found = locate_colour(frames, (0.1, 0.1, 0.5), near, 9)
    assert (found - torch.tensor(places)).norm(dim=-1).max() < 0.25
    assert locate_colour(frames, (1.0, 0.0, 0.0), near, 9).isnan().all()
    assert locate_colour(frames, (0.1, 0.1, 0.5), near + 30, 9).isnan().all()


def test_distances_count_visible_pairs_only() -> None:
    handles = torch.zeros(3, 2, 2)
    targets = torch.tensor([3.0, 4.0]).expand(3, 2, 2)
    found = torch.tensor([[[3.0, 4.0], [0.0, 0.0]], [[3.0, 0.0], [9.0, 9.0]], [[0.0, 0.0], [0.0, 0.0]]])
    found[0, 1] = math.nan  # not found: not moved
    visible = torch.tensor([[True, True], [True, False], [False, False]])
    result = drag_distances(handles, targets, found, visible)
    assert result.before_px[:2] == pytest.approx((5, 5)) and result.after_px[:2] == pytest.approx((2.5, 4))
    assert math.isnan(result.before_px[2]) and math.isnan(result.after_px[2])
    assert found[0, 1].isnan().all(), "the input must stay"


def test_centre_of_a_set() -> None:
    sets = torch.arange(2 * 3 * 9 * 2.0).reshape(2, 3, 9, 2)
    assert torch.equal(set_centres(sets), sets[:, :, 4])
    visible = torch.rand(2, 3, 9) > 0.5
    assert torch.equal(set_centres(visible), visible[:, :, 4])
