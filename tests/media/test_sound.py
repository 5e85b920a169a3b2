"""Sound of any kind: it never crashes, never stops a drag, and says what became of it."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
import torch

from dragavideo_core.media import writing
from dragavideo_core.media.clip import Audio, load_clip
from dragavideo_core.media.writing import write_video
from tests.films import write_film


def click_of(audio: Audio | None) -> float:
    assert audio is not None
    loudness = audio.waveform.abs().amax(0)
    assert loudness.max() > 0.3
    return int(loudness.argmax()) / audio.sample_rate


@pytest.mark.parametrize("codec", ["aac", "flac", "libopus", "pcm_s16le", "pcm_f32le"])
def test_eight_channels_in_and_out(tmp_path: Path, codec: str) -> None:
    clip = load_clip(write_film(tmp_path / "a.mkv", sound=(codec, "7.1", 48000)), size=96, every=1, limit=100)
    assert clip.audio is not None and clip.audio.waveform.shape == (8, 48000) and not clip.notes
    assert click_of(clip.audio) == pytest.approx(0.5, abs=0.03)
    write_video(tmp_path / "out.mp4", clip.source, clip.fps, clip.audio)
    again = load_clip(tmp_path / "out.mp4", size=96, every=1, limit=100)
    assert again.audio is not None and again.audio.waveform.shape[0] == 8
    assert click_of(again.audio) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("layout", ["hexadecagonal", "16 channels", "7.1.4"])
def test_more_channels_become_one_and_are_told(tmp_path: Path, layout: str) -> None:
    path = write_film(tmp_path / "a.mkv", sound=("pcm_s16le", layout, 48000))
    clip = load_clip(path, size=96, every=1, limit=100)
    assert clip.audio is not None and clip.audio.waveform.shape == (1, 48000)
    assert "channels; they are mixed down to one" in clip.notes[0]
    assert click_of(clip.audio) == pytest.approx(0.5, abs=0.03)


def test_layout_rate_and_clock_change_in_mid_file(tmp_path: Path) -> None:
    first = write_film(tmp_path / "a.ts", sound=("aac", "stereo", 48000)).read_bytes()
    second = write_film(tmp_path / "b.ts", sound=("aac", "5.1", 44100)).read_bytes()
    (tmp_path / "both.ts").write_bytes(first + second)
    clip = load_clip(tmp_path / "both.ts", size=96, every=1, limit=100)
    assert clip.source.shape[0] == 48 and clip.fps == 24.0
    assert clip.audio is not None and clip.audio.waveform.shape == (2, 96000)
    loud = (clip.audio.waveform.abs().amax(0) > 0.3).nonzero()[:, 0] / 48000
    assert loud.min() == pytest.approx(0.5, abs=0.03) and loud.max() == pytest.approx(1.53, abs=0.06)
    assert any("5.1, 44100 Hz" in note for note in clip.notes)
    assert any("clock of the sound jumps" in note for note in clip.notes)


def test_sound_that_cannot_be_decoded_is_left_out(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mkv", sound=("aac", "stereo", 48000))
    path.write_bytes(path.read_bytes().replace(b"A_AAC", b"A_XYZ"))
    clip = load_clip(path, size=96, every=1, limit=100)
    assert clip.source.shape[0] == 24 and clip.audio is None
    assert "it is left out" in clip.notes[0]


def test_written_sound_ends_with_the_frames(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", torch.rand(12, 32, 32, 3), 24, Audio(torch.zeros(2, 10 * 8000), 8000))
    with av.open(str(tmp_path / "a.mp4")) as container:
        sound = container.streams.audio[0]
        assert float(sound.duration * sound.time_base) == pytest.approx(0.5, abs=0.2)


def test_frames_are_written_even_if_the_sound_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("no such layout")

    monkeypatch.setattr(writing, "encode_audio", fail)
    write_video(tmp_path / "a.mp4", torch.rand(3, 32, 32, 3), 24, Audio(torch.zeros(2, 8000), 8000))
    assert load_clip(tmp_path / "a.mp4", size=32, every=1).source.shape[0] == 3
    assert "cannot be written (no such layout); it is left out" in caplog.text
