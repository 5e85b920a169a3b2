"""The whole stage on clips whose motion is known: a stand-in model gives feature maps that move as asked."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.instruction.value import DragInstruction, DragPair
from dragavideo_core.media.clip import Clip, prepare_clip
from dragavideo_core.media.geometry import Geometry, fit_geometry
from dragavideo_core.objects.value import ObjectMasks
from dragavideo_core.propagation import PointSets, propagate
from dragavideo_core.propagation.tracks import Tracks, _without_short_gaps, smoothed
from dragavideo_core.settings import PropagationSettings

SIZE = (96, 80)
SETTINGS = PropagationSettings(
    correspondence="diffusion", set_spacing_px=4, step=1, window_px=10, mask_radius_px=6, occlusion_similarity=0.5
)
CROPPED = Geometry(source_size=(200, 170), working_size=SIZE, scale=0.5, offset=(-2.0, -3.0))


def waves(shift: tuple[float, float], seed: int = 3, grid: tuple[int, int] = (24, 20)) -> Tensor:
    """[16, h, w], a smooth random pattern moved by `shift` working px."""
    generator = torch.Generator().manual_seed(seed)
    frequency = (torch.rand(16, 4, 2, generator=generator) - 0.5) * 2 * math.pi / 5
    phase = torch.rand(16, 4, generator=generator) * 2 * math.pi
    x, y = torch.arange(grid[0]) - shift[0] / 4, torch.arange(grid[1]) - shift[1] / 4
    angle = frequency[:, :, None, None, 0] * x + frequency[:, :, None, None, 1] * y[:, None] + phase[..., None, None]
    return angle.sin().sum(1)


def stage(features: Tensor, geometry: Geometry | None = None) -> dict[str, Any]:
    """A clip, and a model and inversion whose features are the given [N, F, h, w]."""
    count = len(features)
    geometry = geometry or fit_geometry(SIZE, SIZE)
    width, height = geometry.source_size
    clip = Clip(
        source=torch.zeros(count, height, width, 3),
        frames=torch.zeros(count, SIZE[1], SIZE[0], 3),
        fps=8.0,
        geometry=geometry,
        frame_indices=tuple(range(0, 3 * count, 3)),
    )
    model = SimpleNamespace(
        features=lambda latents, step, embedding, block: latents,
        schedule=SimpleNamespace(num_steps=50),
        unet=SimpleNamespace(up_blocks=[None] * 4),
    )
    inversion = SimpleNamespace(latents=torch.stack([features, features]), embedding=None, prompt="")
    return {"model": model, "clip": clip, "inversion": inversion}


def objects_of(clip: Clip, mask: Tensor) -> ObjectMasks:
    """One mask of the working size in every frame."""
    count = len(clip.frames)
    return ObjectMasks(clip.geometry.mask_to_source(mask.expand(count, -1, -1)), torch.ones(count), 0)


def run(
    parts: dict[str, Any], instruction: DragInstruction, settings: PropagationSettings = SETTINGS, **more: Any
) -> PointSets:
    everything = torch.ones(SIZE[1], SIZE[0], dtype=torch.bool)
    objects = objects_of(parts["clip"], everything)
    arguments: dict[str, Any] = {"objects": objects, "inversion": parts["inversion"], **more}
    return propagate(parts["model"], parts["clip"], instruction, settings, **arguments)


def drag(handle: tuple[float, float] = (40, 36), by: tuple[float, float] = (10, -4), **more: Any) -> DragInstruction:
    return DragInstruction((DragPair(handle, (handle[0] + by[0], handle[1] + by[1])),), **more)


PATH = [(0.0, 0.0), (1.5, -1.0), (3.2, -1.5), (4.4, -3.1), (6.0, -3.0)]


def moving(key: int = 0) -> Tensor:
    return torch.stack([waves((x - PATH[key][0], y - PATH[key][1])) for x, y in PATH])


@pytest.mark.parametrize("key", [0, 2, 4])
def test_a_translation_is_followed_outward_from_the_key_frame(key: int) -> None:
    points = run(stage(moving(key)), drag(frame=3 * key, pinned_points=((60, 30), (20, 50))))
    motion = torch.tensor(PATH) - torch.tensor(PATH[key])
    assert points.key_frame == key and bool(points.visible.all()) and bool(points.foreground.all())
    error = (points.handles - points.handles[key] - motion[:, None, None]).norm(dim=-1)
    assert float(error.median()) < 0.5 and float(error.max()) < 1.2
    assert points.handles[key, 0, 4].tolist() == pytest.approx([40, 36])
    torch.testing.assert_close(points.targets - points.handles, torch.tensor([10.0, -4.0]).expand(5, 1, 9, 2))
    assert float((points.pinned - points.pinned[key] - motion[:, None]).norm(dim=-1).max()) < 1.2


def test_source_pixels_come_back_through_the_crop() -> None:
    points = run(stage(moving(), CROPPED), drag((90.0, 80.0), (20, -8)))
    assert points.handles[0, 0, 4].tolist() == pytest.approx([90, 80])
    assert points.handles[0, 0, 5].tolist() == pytest.approx([98, 80])  # 4 working px are 8 source px
    moved = (points.handles[-1, 0] - points.handles[0, 0]).mean(0)
    assert moved.tolist() == pytest.approx([12, -6], abs=1.0)
    assert points.masks.shape == (5, 170, 200)


def test_background_points_follow_their_nearest_foreground_point() -> None:
    left = torch.zeros(SIZE[1], SIZE[0], dtype=torch.bool)
    left[:, :41] = True  # of the set at x = 36, 40, 44 the last column is background
    parts = stage(moving())
    points = run(parts, drag(), objects=objects_of(parts["clip"], left))
    assert points.foreground[0].tolist() == [True, True, False] * 3
    for i in range(4):
        for s in (2, 5, 8):
            before = points.handles[i, 0]
            leaders = points.foreground[0].nonzero()[:, 0].tolist()
            nearest = min(leaders, key=lambda f: math.dist(before[s].tolist(), before[f].tolist()))
            expected = before[s] + points.handles[i + 1, 0, nearest] - before[nearest]
            torch.testing.assert_close(points.handles[i + 1, 0, s], expected, atol=1e-3, rtol=1e-3)


def test_a_set_off_the_object_is_tracked_whole() -> None:
    parts, nothing = stage(moving()), torch.zeros(SIZE[1], SIZE[0], dtype=torch.bool)
    points = run(parts, drag(), objects=objects_of(parts["clip"], nothing))
    assert bool(points.foreground.all())
    moved = (points.handles[-1, 0] - points.handles[0, 0]).mean(0)
    assert moved.tolist() == pytest.approx(PATH[-1], abs=0.6)


def test_occluded_points_are_marked_carried_and_found_again() -> None:
    features = torch.stack([waves((2.0 * i, 0.0)) for i in range(5)])
    features[2, :, :, 12:] = waves((0.0, 0.0), seed=9)[:, :, 12:]  # something covers the right part of frame 2
    settings = replace(SETTINGS, set_spacing_px=16, occlusion_similarity=0.7)
    points = run(stage(features), drag((34, 40)), settings)
    assert points.visible[:, 0].sum(1).tolist()[0] == 9
    seen = points.visible[2, 0].reshape(3, 3)
    assert bool(seen[:, 0].all()) and not bool(seen[:, 2].any())
    assert bool(points.visible[3:].all())
    moved = points.handles[:, 0] - points.handles[0, 0]
    hidden = moved[2][~points.visible[2, 0]]
    assert float((hidden - torch.tensor([4.0, 0.0])).abs().max()) < 1.0
    assert float((moved[4] - torch.tensor([8.0, 0.0])).norm(dim=-1).median()) < 0.5


def test_points_that_leave_the_frame_are_invisible() -> None:
    features = torch.stack([waves((6.0 * i, 0.0)) for i in range(4)])
    points = run(stage(features), drag((86, 40), (-10, 0)))
    for i in range(4):
        outside = points.handles[i, 0, :, 0] > SIZE[0] - 0.4
        assert not bool(points.visible[i, 0][outside].any())
    assert bool(points.visible[0].all()) and not bool(points.visible[3].any())


def test_set_points_that_begin_outside_follow_the_others() -> None:
    points = run(stage(torch.stack([waves((2.0 * i, 0.0)) for i in range(4)])), drag((1, 40)))
    left = [0, 3, 6]
    assert not bool(points.visible[0, 0, left].any()) and not bool(points.foreground[0, left].any())
    assert bool(points.visible[3, 0, left].all())  # carried into the frame
    assert bool(points.visible[:, 0, 4].all())


def test_a_pair_seen_in_no_frame_is_refused() -> None:
    from dragavideo_core.propagation.propagate import _check_seen

    visible = torch.ones(3, 2, 9, dtype=torch.bool)
    visible[1] = False
    _check_seen(visible)  # a frame without it is allowed
    visible[:, 1] = False
    with pytest.raises(DragAVideoError, match="Pair 2 is seen in no frame"):
        _check_seen(visible)


def test_affine_targets_are_an_option() -> None:
    points = run(stage(moving()), drag(), replace(SETTINGS, targets="affine"))
    apart = points.targets - points.handles
    assert float((apart - torch.tensor([10.0, -4.0])).norm(dim=-1).max()) < 4.0  # a translation: nearly Eq. 2


def test_region_without_mask_points() -> None:
    points = run(stage(moving()), drag())
    for i in range(5):
        start, end = points.handles[i, 0, 4], points.targets[i, 0, 4]
        along = [(start + t / 50 * (end - start)).tolist() for t in range(51)]
        for x in range(0, SIZE[0], 5):
            for y in range(0, SIZE[1], 5):
                near = min(math.dist((x, y), place) for place in along)
                if near < 11.8:
                    assert bool(points.masks[i, y, x])
                if near > 36:
                    assert not bool(points.masks[i, y, x])


def test_region_with_mask_points_moves_with_them() -> None:
    points = run(stage(moving()), drag(mask_points=((70, 60), (72, 64))))
    for i in range(5):
        place = [70 + PATH[i][0], 60 + PATH[i][1]]
        assert bool(points.masks[i, round(place[1]), round(place[0])])
        assert bool(points.masks[i, round(place[1] - 4.5), round(place[0] - 4.5)])
        target, at = points.targets[i, 0, 4], torch.tensor(place)
        # The part may come to lie anywhere between its mask points and the target.
        for share in (0.0, 0.5, 1.0):
            x, y = (at + share * (target - at)).round().long().tolist()
            assert bool(points.masks[i, y, x]), share
        assert not bool(points.masks[i, 78, 94])


def test_a_given_mask_replaces_the_region() -> None:
    mask = torch.zeros(SIZE[1], SIZE[0])
    mask[30:40, 30:50] = 1
    points = run(stage(moving(2)), drag(frame=6), mask=mask)
    assert torch.equal(points.masks[2], mask.bool())
    shift = (torch.tensor(PATH[4]) - torch.tensor(PATH[2])).round().long()
    moved = points.masks[4].nonzero().float().mean(0) - mask.nonzero().float().mean(0)
    assert (moved.flip(0) - shift).abs().max() <= 1
    every = torch.rand(5, SIZE[1], SIZE[0], generator=torch.Generator().manual_seed(0)) > 0.5
    assert torch.equal(run(stage(moving()), drag(), mask=every).masks, every)


@pytest.mark.parametrize(
    "mask, message",
    [
        (torch.ones(40, 50), "50x40 but the clip is 96x80"),
        (torch.ones(3, SIZE[1], SIZE[0]), "3 frames but the clip has 5"),
        (torch.zeros(SIZE[1], SIZE[0]), "mask is empty"),
        (torch.full((SIZE[1], SIZE[0]), math.nan), "not finite"),
        (torch.ones(1, 1, SIZE[1], SIZE[0]), "mask has shape"),
    ],
)
def test_wrong_masks_are_refused(mask: Tensor, message: str) -> None:
    with pytest.raises(DragAVideoError, match=message):
        run(stage(moving()), drag(), mask=mask)


def test_other_refusals() -> None:
    parts = stage(moving())
    with pytest.raises(DragAVideoError, match="only mask points"):
        run(parts, DragInstruction((), mask_points=((3, 3),)))
    with pytest.raises(DragAVideoError, match="outside the frame"):
        run(parts, drag((96, 10)))
    with pytest.raises(DragAVideoError, match="side 2"):
        run(parts, drag(), replace(SETTINGS, set_side=2))
    with pytest.raises(DragAVideoError, match="objects are of"):
        run(parts, drag(), objects=ObjectMasks(torch.ones(2, 3, 3, dtype=torch.bool), torch.ones(2), 0))


def test_one_frame_is_an_image_drag() -> None:
    parts = stage(moving()[:1])
    points = run(parts, drag(mask_points=((70, 60),), pinned_points=((5, 5),)), inversion=None)
    assert points.handles.shape == (1, 1, 9, 2) and bool(points.visible.all())
    assert points.pinned.tolist() == [[[5.0, 5.0]]]
    assert bool(points.masks[0, 60, 70])


def test_single_point_ablation_two_pairs_and_an_object_that_is_found() -> None:
    instruction = DragInstruction((DragPair((30, 30), (35, 30)), DragPair((60, 50), (60, 44))))
    points = run(stage(moving()), instruction, replace(SETTINGS, set_side=1), objects=None)
    assert points.handles.shape == (5, 2, 1, 2)
    moved = points.handles[-1, :, 0] - points.handles[0, :, 0]
    assert float((moved - torch.tensor(PATH[-1])).abs().max()) < 1.2


def test_progress_is_told_and_can_cancel_and_nothing_is_mutated() -> None:
    parts = stage(moving())
    told: list[tuple[str, int, int]] = []
    copies = [parts["clip"].frames.clone(), parts["inversion"].latents.clone()]
    first = run(parts, drag(), progress=lambda stage, done, total, **_: told.append((stage, done, total)))
    assert ("propagation", 4, 4) in told and ("features", 5, 5) in told
    assert torch.equal(copies[0], parts["clip"].frames) and torch.equal(copies[1], parts["inversion"].latents)
    second = run(parts, drag())
    assert torch.equal(first.handles, second.handles) and torch.equal(first.masks, second.masks)

    def cancel(stage: str, done: int, total: int, **_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(parts, drag(), progress=cancel)


def test_tracks_are_smoothed_but_not_bent() -> None:
    times, seen = torch.arange(9.0), torch.ones(9, 200, dtype=torch.bool)
    parabola = torch.stack([3 * times + 0.4 * times**2, 50 - times], -1)[:, None].repeat(1, 200, 1)

    def smooth(positions: torch.Tensor, size: tuple[int, int] = (640, 64)) -> torch.Tensor:
        known = torch.zeros(len(positions), 200, dtype=torch.bool)
        known[4:5] = True
        return smoothed(Tracks(positions, seen[: len(positions)]), known, size).positions

    assert torch.allclose(smooth(parabola), parabola, atol=1e-4)
    noise = torch.randn(9, 200, 2, generator=torch.Generator().manual_seed(0))
    result = smooth(parabola + noise) - parabola
    assert torch.allclose(result[4], noise[4], atol=1e-5), "the key frame stays as clicked"

    def jitter(values: torch.Tensor) -> float:
        return float(values.diff(n=2, dim=0).norm(dim=-1).mean())

    assert jitter(result) < 0.8 * jitter(noise)
    assert torch.equal(smooth(noise[:3]), noise[:3])
    leap = parabola + 40 * (times >= 5)[:, None, None]
    assert float((smooth(leap, (128, 64)) - leap).abs().max()) <= 2


def test_without_a_network_the_sets_move_with_their_points() -> None:
    """A textured picture that moves by whole px: handles, sets, pins and mask points go along, as do targets."""
    noise = torch.rand(1, 3, 140, 160, generator=torch.Generator().manual_seed(0))
    picture = torch.nn.functional.avg_pool2d(noise, 5, 1, 2)[0].permute(1, 2, 0) * 2 - 0.5
    frames = torch.stack([picture[20 - n : 20 - n + SIZE[1], 30 - 2 * n : 30 - 2 * n + SIZE[0]] for n in range(5)])
    clip = prepare_clip(frames.clamp(0, 1), 8.0, size=SIZE, every=1)
    instruction = drag(mask_points=((60, 50),), pinned_points=((20, 60),))
    points = propagate(None, clip, instruction, replace(SETTINGS, correspondence="classical"))  # type: ignore[arg-type]
    motion = torch.tensor([(2.0 * n, 1.0 * n) for n in range(5)])
    assert bool(points.visible.all())
    assert float((points.handles - points.handles[:1] - motion[:, None, None]).norm(dim=-1).max()) < 0.7
    assert float((points.pinned - points.pinned[:1] - motion[:, None]).norm(dim=-1).max()) < 0.7
    torch.testing.assert_close(points.targets - points.handles, torch.tensor([10.0, -4.0]).expand(5, 1, 9, 2))
    assert points.warp is not None and points.confidence is not None


def test_doubtful_frames_are_bridged_where_they_are_few() -> None:
    positions = torch.arange(8.0)[:, None, None].expand(8, 4, 2).clone()
    positions[2:5] += 3
    visible, doubtful = torch.ones(8, 4, dtype=torch.bool), torch.zeros(8, 4, dtype=torch.bool)
    for point, (frames, doubt) in enumerate(((1, True), (2, True), (3, True), (1, False))):
        visible[2 : 2 + frames, point], doubtful[2 : 2 + frames, point] = False, doubt
    before = Tracks(positions.clone(), visible.clone())
    bridged = _without_short_gaps(before, doubtful)
    assert bridged.visible.all(0).tolist() == [True, True, False, False]
    assert bridged.positions[2, 0].tolist() == [3.5, 3.5]  # between 1 and 6
    torch.testing.assert_close(bridged.positions[2:4, 1, 0], torch.tensor([3.0, 5.0]))  # between 1 and 7
    assert torch.equal(bridged.positions[:, 2:], positions[:, 2:])
    assert torch.equal(before.positions, positions) and torch.equal(before.visible, visible)
