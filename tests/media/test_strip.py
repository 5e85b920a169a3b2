"""The strip: every frame between the taken ones, small, in order, from every kind of source."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
import torch

from dragavideo_core.media.clip import Clip, load_clip, prepare_clip, strip_of_clip
from dragavideo_core.media.strip import MOST, small_picture, strip_indices
from dragavideo_core.media.video_io import write_video


def film(count: int = 10, height: int = 32, width: int = 48) -> torch.Tensor:
    """Frames of one grey each, 0.05 brighter every time."""
    return (0.1 + 0.05 * torch.arange(count))[:, None, None, None].expand(count, height, width, 3).contiguous()


def check(clip: Clip) -> None:
    """Frames 1, 4, 7 are taken, 1 to 7 are in the strip."""
    strip = strip_of_clip(clip)
    assert clip.frame_indices == (1, 4, 7)
    assert strip.taken == (0, 3, 6)
    assert strip.pictures.dtype == torch.uint8
    grey = strip.pictures.float().mean(dim=(1, 2, 3)) / 255
    assert torch.allclose(grey, 0.1 + 0.05 * torch.arange(1, 8), atol=0.02)
    assert torch.allclose(clip.source.mean(dim=(1, 2, 3)), grey[[0, 3, 6]], atol=0.02)


def test_of_frames_in_memory_with_and_without_alpha() -> None:
    frames = film()
    check(prepare_clip(frames, 24.0, size=32, every=3, limit=3, start=1))
    check(prepare_clip(torch.cat([frames, torch.ones(10, 32, 48, 1)], -1), 24.0, size=32, every=3, limit=3, start=1))


def test_of_a_video(tmp_path: Path) -> None:
    write_video(tmp_path / "film.mp4", film(), 24.0)
    check(load_clip(tmp_path / "film.mp4", size=32, every=3, limit=3, start=1))


def test_of_a_folder_and_of_an_animation(tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "frames").mkdir()
    pictures = [(frame * 255).round().to(torch.uint8).numpy() for frame in film()]
    for number, pixels in enumerate(pictures):
        cv2.imwrite(str(tmp_path / "frames" / f"{number}.png"), pixels)
    check(load_clip(tmp_path / "frames", size=32, every=3, limit=3, start=1))
    first, *rest = [Image.fromarray(pixels) for pixels in pictures]
    first.save(tmp_path / "film.webp", save_all=True, append_images=rest, lossless=True, duration=40)
    check(load_clip(tmp_path / "film.webp", size=32, every=3, limit=3, start=1))


def test_a_clip_made_without_one_has_its_own_frames() -> None:
    clip = prepare_clip(film(), 24.0, size=32, every=5, limit=2)
    bare = Clip(clip.source, clip.frames, clip.fps, clip.geometry, frame_indices=clip.frame_indices)
    assert strip_of_clip(bare).taken == (0, 1)
    assert torch.equal(strip_of_clip(bare).pictures, torch.stack([small_picture(frame) for frame in clip.source]))


def test_pictures_are_small_and_whole() -> None:
    assert small_picture(torch.rand(480, 854, 3)).shape == (240, 427, 3)
    assert small_picture(torch.rand(100, 150, 3)).shape == (100, 150, 3)


@pytest.mark.parametrize(("indices", "step"), [((5,), 1), ((0, 3, 6), 1), (range(0, 3000, 10), 5), (range(900), 1)])
def test_long_stretches_leave_frames_out_but_never_a_taken_one(indices: range, step: int) -> None:
    wanted = strip_indices(indices)
    assert wanted.step == step
    assert set(indices) <= set(wanted)
    assert len(wanted) <= max(MOST, len(indices))
