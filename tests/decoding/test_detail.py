"""Carried detail: the warp's own pixels where the network agrees with it, the network's where it does not."""

from __future__ import annotations

import torch

from dragavideo_core.decoding.detail import carry_detail, warp_bilinear
from dragavideo_core.media.clip import Clip, prepare_clip
from dragavideo_core.warp.clip import WarpedClip

SIDE = 32


def example(side: int = SIDE) -> tuple[Clip, torch.Tensor, WarpedClip, torch.Tensor]:
    """A clip of noise, what a blurring codec leaves of it, a warp that moves a square by (3, -2) at working size, and
    the soft pictures moved along."""
    generator = torch.Generator().manual_seed(0)
    clip = prepare_clip(torch.rand(2, side, side, 3, generator=generator), 8.0, size=SIDE, every=1)
    soft, k = 0.5 + 0.5 * (clip.frames - 0.5), side // SIDE
    ways = torch.zeros(2, side, side, 2)
    ways[:, 8 * k : 20 * k, 8 * k : 20 * k] = k * torch.tensor([3.0, -2.0])
    frames = torch.stack([warp_bilinear(frame, way) for frame, way in zip(clip.source, ways)])
    region = ways.abs().sum(-1) > 0
    warp = WarpedClip(frames, ways, region.float(), region & False, ~region, region, torch.ones(2), ("part",), 0.0)
    small = ways[:, ::k, ::k] / k
    return clip, soft, warp, torch.stack([warp_bilinear(frame, way) for frame, way in zip(soft, small)])


def carried(clip: Clip, edited: torch.Tensor, soft: torch.Tensor, warp: WarpedClip) -> torch.Tensor:
    return carry_detail(clip, edited, soft, warp, torch.ones(clip.source.shape[:3], dtype=torch.bool), 0.0)


def test_a_moved_picture_has_the_sources_sharpness() -> None:
    clip, soft, warp, moved = example()
    assert torch.allclose(carried(clip, moved, soft, warp), warp.frames, atol=1e-4)


def test_what_the_network_drew_anew_is_kept() -> None:
    clip, soft, warp, moved = example()
    moved[:, 22:30, 22:30] = 0.0
    result = carried(clip, moved, soft, warp)
    assert float((result - (clip.source + moved - soft).clamp(0, 1)).abs()[:, 24:28, 24:28].mean()) < 0.02
    assert float((result - clip.source).abs()[:, :6, :6].max()) < 1e-4


def test_small_disagreement_is_taken_for_noise() -> None:
    clip, soft, warp, moved = example()
    noise = 0.01 * torch.randn(soft.shape, generator=torch.Generator().manual_seed(1))
    left = (carried(clip, moved + noise, soft, warp) - warp.frames).abs().mean()
    assert float(left) < 0.1 * float(noise.abs().mean())


def test_the_network_has_no_say_outside_the_masks() -> None:
    clip, soft, warp, moved = example()
    masks = torch.zeros(2, SIDE, SIDE, dtype=torch.bool)
    masks[:, 4:24, 4:24] = True
    result = carry_detail(clip, moved * 0, soft, warp, masks, 3.0)
    assert torch.equal(result[:, 26:, 26:], clip.source[:, 26:, 26:])
    assert float(result[:, 13, 13].mean()) < 0.1


def test_a_larger_source_keeps_its_own_pixels() -> None:
    clip, soft, warp, moved = example(2 * SIDE)
    result = carried(clip, moved, soft, warp)
    assert result.shape == clip.source.shape
    assert torch.allclose(result[:, 46:, 46:], clip.source[:, 46:, 46:], atol=1e-4)
