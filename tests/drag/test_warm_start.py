"""The warm start: the warped picture's latents with the noise of where they came from; nothing where nothing moves."""

from __future__ import annotations

import pytest
import torch

from dragavideo_core.drag.warm_start import warm_start_offset, warp_nearest
from dragavideo_core.errors import DragAVideoError
from dragavideo_core.inversion.invert import invert_latents
from dragavideo_core.media.geometry import fit_geometry
from dragavideo_core.warp.clip import WarpedClip

from ..tiny import tiny_model

SIDE = 32


def shifted(frames: torch.Tensor) -> WarpedClip:
    """Nothing in the first frame; in the second a block 8 px on, from x = 8."""
    ways = torch.zeros(2, SIDE, SIDE, 2)
    ways[1, 8:16, 16:24, 0] = 8.0
    after = frames.clone()
    after[1, 8:16, 16:24] = frames[1, 8:16, 8:16]
    region = ways.abs().sum(-1) > 0
    return WarpedClip(after, ways, region.float(), ~region & False, ~region, region, torch.ones(2), ("part",), 0.0)


def test_signal_and_noise_of_the_moved_cells() -> None:
    model, generator = tiny_model(), torch.Generator().manual_seed(0)
    frames = torch.rand(2, SIDE, SIDE, 3, generator=generator)
    inversion = invert_latents(model, model.encode(frames), steps=3)
    reference, geometry = inversion.latents[3], fit_geometry((SIDE, SIDE), SIDE)
    warp = shifted(frames)
    seen: list[int] = []
    offset = warm_start_offset(model, inversion, 3, reference, warp, geometry, seen.append)
    assert seen == [0]
    assert torch.equal(offset[0], torch.zeros_like(offset[0]))
    share = model.schedule.alpha(3) ** 0.5
    noise = reference[1] - share * inversion.latents[0][1]
    expected = share * model.encode(warp.frames[1:])[0] + warp_nearest(noise, warp.ways[1]) - reference[1]
    torch.testing.assert_close(offset[1], expected, atol=1e-5, rtol=1e-4)


def test_point_sets_without_a_warp_are_refused() -> None:
    model = tiny_model()
    inversion = invert_latents(model, torch.zeros(1, 4, 8, 8), steps=2)
    with pytest.raises(DragAVideoError, match="hold no warp"):
        warm_start_offset(model, inversion, 2, inversion.latents[2], None, fit_geometry((SIDE, SIDE), SIDE))


def test_nearest_only_copies_cells() -> None:
    latents = torch.arange(64.0).reshape(1, 8, 8)
    field = torch.zeros(SIDE, SIDE, 2)
    field[:, :, 0] = 8.4
    moved = warp_nearest(latents, field)
    assert torch.equal(moved[0, :, 2:], latents[0, :, :-2])
    assert set(moved.flatten().tolist()) <= set(latents.flatten().tolist())
