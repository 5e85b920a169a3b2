"""Small files after other people's bug reports, in `inputs`: each gives what is right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dragavideo_core.media.clip import Clip, load_clip
from dragavideo_core.media.frame_access import frame_table, frames_from
from dragavideo_core.media.masks import read_mask
from tests.films import CORNERS, corners_of

INPUTS = Path(__file__).parent / "inputs"


def whole(name: str) -> Clip:
    return load_clip(INPUTS / name, size=96, every=1, limit=100)


def click_of(clip: Clip) -> float:
    """When the click sounds, s."""
    assert clip.audio is not None
    loudness = clip.audio.waveform.abs().amax(0)
    assert loudness.max() > 0.5
    return int(loudness.argmax()) / clip.audio.sample_rate


@pytest.mark.parametrize(
    ("name", "count", "size"),
    [
        ("base.mp4", 24, (160, 96)),
        ("sound71_aac.mp4", 24, (160, 96)),
        ("layout_change.ts", 24, (160, 96)),
        ("outlier.mp4", 24, (160, 96)),
        ("pause.mkv", 24, (160, 96)),
        ("hlg.mp4", 12, (160, 96)),
        ("sar2.mp4", 8, (320, 96)),
        ("grid.avif", 1, (512, 384)),
    ],
)
def test_frames_rate_size_and_colours(name: str, count: int, size: tuple[int, int]) -> None:
    clip = whole(name)
    assert clip.source.shape == (count, size[1], size[0], 3) and clip.fps == 24.0
    tolerance = 40 if name == "hlg.mp4" else 6
    for frame in clip.source[:: max(1, count - 1)]:
        assert np.abs(corners_of(frame) - np.array(CORNERS)).max() <= tolerance
    table = frame_table(INPUTS / name)
    assert (table.size, table.count, table.fps) == (size, count, 24.0)
    _, last = next(frames_from(INPUTS / name, count - 1, table))
    assert torch.equal(last, clip.source[-1])


@pytest.mark.parametrize("name", ["base.mp4", "sound71_aac.mp4", "outlier.mp4", "pause.mkv"])
def test_sound_is_as_long_as_the_frames_and_in_its_place(name: str) -> None:
    clip = whole(name)
    assert clip.audio is not None and clip.audio.waveform.shape[1] == clip.audio.sample_rate
    assert click_of(clip) == pytest.approx(0.5, abs=0.03)
    assert clip.audio.waveform.shape[0] == (8 if name == "sound71_aac.mp4" else 2)


def test_sound_that_changes_its_layout_stays_as_it_begins_and_says_so() -> None:
    clip = whole("layout_change.ts")
    assert clip.audio is not None and tuple(clip.audio.waveform.shape) == (2, 48000)
    assert "The sound changes in mid-file (5.1(side), 48000 Hz); all of it is taken as it begins" in clip.notes[0]


def test_a_mirrored_film_is_shown_mirrored() -> None:
    mirrored = np.array(CORNERS)[[1, 0, 3, 2]]
    assert np.abs(corners_of(whole("hflip.mp4").source[0]) - mirrored).max() <= 6


def test_what_is_transparent_in_vp9_is_white() -> None:
    picture = whole("alpha_libvpx-vp9.webm").source[0]
    assert picture[:, :76].min() > 0.98
    assert np.abs(corners_of(picture)[[1, 3]] - np.array(CORNERS)[[1, 3]]).max() <= 6


def test_a_picture_of_floats() -> None:
    greys = corners_of(whole("float.tif").source[0])[:, 0]
    assert greys.tolist() == pytest.approx([230, 30, 30, 230], abs=1)


def test_masks() -> None:
    paint = read_mask(INPUTS / "mask_white_on_transparent.png")
    assert paint.share == pytest.approx(0.045, abs=0.002) and "painted on the transparent ground" in paint.note
    numbers = read_mask(INPUTS / "mask_zero_one.png")
    assert torch.equal(numbers.masks, paint.masks) and "what is not 0 (its values are 0 to 1 of 255)" in numbers.note
