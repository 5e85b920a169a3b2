"""Carried detail: the source where the network agrees with the moved picture, the network where it does not."""

from __future__ import annotations

import torch

from dragavideo_core.decoding.detail import carry_detail
from dragavideo_core.drag.warm_start import warp_bilinear
from dragavideo_core.media.clip import prepare_clip


def example(side: int = 32, working: int = 32) -> tuple:
    """A clip of noise, what a blurring codec leaves of it, and a field that moves a square by (3, -2)."""
    generator = torch.Generator().manual_seed(0)
    clip = prepare_clip(torch.rand(2, side, side, 3, generator=generator), 8.0, size=working, every=1)
    soft = 0.5 + 0.5 * (clip.frames - 0.5)
    fields = torch.zeros(2, working, working, 2)
    fields[:, 8:20, 8:20] = torch.tensor([3.0, -2.0])
    return clip, soft, fields


def moved(frames: torch.Tensor, fields: torch.Tensor) -> torch.Tensor:
    return torch.stack([warp_bilinear(frame, field) for frame, field in zip(frames, fields)])


def test_where_nothing_was_dragged_the_source_comes_back() -> None:
    clip, soft, fields = example()
    assert torch.allclose(carry_detail(clip, soft, soft, 0 * fields), clip.source, atol=1e-6)


def test_a_moved_picture_has_the_sources_sharpness() -> None:
    clip, soft, fields = example()
    result = carry_detail(clip, moved(soft, fields), soft, fields)
    assert torch.allclose(result, moved(clip.source, fields), atol=1e-5)


def test_what_the_network_drew_anew_is_kept() -> None:
    clip, soft, fields = example()
    edited = moved(soft, fields)
    edited[:, 22:30, 22:30] = 0.0
    result = carry_detail(clip, edited, soft, fields)
    new = (result - (clip.source + edited - soft).clamp(0, 1)).abs()[:, 24:28, 24:28]
    assert float(new.mean()) < 0.02  # the network's change, all but whole
    untouched = (result - clip.source).abs()
    assert float(untouched[:, :6, :6].max()) < 1e-5


def test_small_disagreement_is_taken_for_noise() -> None:
    clip, soft, fields = example()
    noise = 0.01 * torch.randn(soft.shape, generator=torch.Generator().manual_seed(1))
    result = carry_detail(clip, moved(soft, fields) + noise, soft, fields)
    left = (result - moved(clip.source, fields)).abs().mean()
    assert float(left) < 0.1 * float(noise.abs().mean())


def test_a_larger_source_keeps_its_own_pixels() -> None:
    clip, soft, fields = example(64, 32)
    result = carry_detail(clip, moved(soft, fields), soft, fields)
    assert result.shape == clip.source.shape
    still = slice(44, 64)
    assert torch.allclose(result[:, still, still], clip.source[:, still, still], atol=1e-5)
