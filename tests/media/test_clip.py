"""Clips: what can be read, what comes out again, and every refusal by its message."""

import os
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from PIL import Image

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.media import writing
from dragavideo_core.media.clip import Audio, load_clip, prepare_clip
from dragavideo_core.media.video_io import write_video
from tests.films import write_turned

EXAMPLE = os.path.join(os.path.dirname(__file__), "..", "..", "dragavideo_core", "bundled", "examples")


def levels(count, height=16, width=24):
    """Frame n is grey of value 0.1 + 0.04 n."""
    return torch.stack([torch.full((height, width, 3), 0.1 + 0.04 * n) for n in range(count)])


def encode(path, codec, pix_fmt, frames, *, rate=10, pts=None, time_base=None):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], pix_fmt
        if time_base:
            stream.codec_context.time_base = time_base
        for n, picture in enumerate(frames):
            array = (picture * 255).round().byte().numpy()
            frame = av.VideoFrame.from_ndarray(array, format="rgb24").reformat(format=pix_fmt)
            frame.pts = n if pts is None else pts[n]
            frame.time_base = time_base or Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def levels_of(clip):
    return ((clip.source.mean(dim=(1, 2, 3)) - 0.1) / 0.04).round().long().tolist()


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [("a.mp4", "libx264", "yuv420p"), ("a.webm", "libvpx", "yuv420p"), ("a.gif", "gif", "rgb8")],
)
def test_containers(tmp_path, name, codec, pix_fmt):
    encode(tmp_path / name, codec, pix_fmt, (levels(10) > 0.3).float() if name == "a.gif" else levels(10))
    clip = load_clip(tmp_path / name, size=16, every=2, limit=3, start=3)
    assert clip.frame_indices == (3, 5, 7)
    assert clip.source.shape == (3, 16, 24, 3) and clip.source.dtype == torch.float32
    assert clip.fps == pytest.approx(5.0, rel=0.01)
    assert clip.frames.shape[1] % 8 == 0 and clip.frames.shape[2] % 8 == 0
    assert clip.audio is None and clip.name == "a"
    if name == "a.gif":
        assert clip.source.mean(dim=(1, 2, 3)).tolist() == pytest.approx([0.0, 0.0, 1.0], abs=0.02)
    else:
        assert levels_of(clip) == [3, 5, 7]


def test_variable_frame_rate_counts_by_index_and_reports_the_average(tmp_path):
    pts = [0, 100, 150, 400, 450, 1000, 1100, 1150, 1400, 1800]
    encode(tmp_path / "v.mp4", "libx264", "yuv420p", levels(10), pts=pts, time_base=Fraction(1, 1000))
    clip = load_clip(tmp_path / "v.mp4", size=16, every=3)
    assert clip.frame_indices == (0, 3, 6, 9)
    assert levels_of(clip) == [0, 3, 6, 9]
    assert clip.fps == pytest.approx(9 / 1.8 / 3, rel=0.01)


def test_rotation_metadata_is_applied(tmp_path):
    frames = torch.zeros(2, 16, 32, 3)
    frames[:, :8, :16] = 1.0  # White in the stored picture's top left: top right when turned.
    path = tmp_path / "phone.mp4"
    write_turned(path, frames)
    upright = load_clip(path, size=16, every=1).source
    assert upright.shape == (2, 32, 16, 3)
    assert upright[0, 4, 12].min() > 0.8 and upright[0, 4, 3].max() < 0.2 and upright[0, 28, 12].max() < 0.2


def test_folder_of_pictures_in_natural_order(tmp_path):
    for n in (1, 2, 10, 11):
        Image.new("RGB", (17, 9), (n * 10,) * 3).save(tmp_path / f"frame{n}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    clip = load_clip(tmp_path, size=16, every=1, start=1)
    assert (clip.source[:, 0, 0, 0] * 25.5).round().tolist() == [2, 10, 11]
    assert clip.frame_indices == (1, 2, 3) and clip.fps == 24.0
    Image.new("RGB", (9, 9)).save(tmp_path / "frame12.jpg")
    with pytest.raises(DragAVideoError, match=r"'frame12.jpg' is 9x9 pixels but 'frame1.png' is 17x9"):
        load_clip(tmp_path, size=16, every=1)
    (tmp_path / "frame12.jpg").write_bytes(b"no jpeg")
    with pytest.raises(DragAVideoError, match="cannot be read as a picture"):
        load_clip(tmp_path, size=16, every=1)


def test_single_pictures(tmp_path):
    Image.new("RGBA", (5, 7), (255, 0, 0, 51)).save(tmp_path / "alpha.png")
    clip = load_clip(tmp_path / "alpha.png", size=16)
    assert clip.frame_indices == (0,)
    torch.testing.assert_close(clip.source[0, 0, 0], torch.tensor([1.0, 0.8, 0.8]))
    Image.fromarray(np.full((4, 6), 32768, dtype=np.uint16)).save(tmp_path / "deep.png")
    assert load_clip(tmp_path / "deep.png", size=16).source.mean() == pytest.approx(0.5, abs=1e-4)
    pages = [Image.new("RGB", (16, 16), (60 * n,) * 3) for n in range(4)]
    pages[0].save(tmp_path / "moving.webp", save_all=True, append_images=pages[1:], duration=100, lossless=True)
    moving = load_clip(tmp_path / "moving.webp", size=16, every=1, start=1)
    assert moving.frame_indices == (1, 2, 3) and moving.fps == pytest.approx(10.0)
    (tmp_path / "broken.png").write_bytes(b"no png")
    with pytest.raises(DragAVideoError, match="cannot be read as a picture"):
        load_clip(tmp_path / "broken.png", size=16)


def test_gif_transparency_lies_over_white(tmp_path):
    transparent = Image.new("P", (16, 16), 0)
    transparent.putpalette([0, 0, 0, 255, 0, 0])
    transparent.paste(1, (0, 0, 8, 16))
    transparent.save(tmp_path / "t.gif", transparency=0)
    source = load_clip(tmp_path / "t.gif", size=16).source
    torch.testing.assert_close(source[0, 8, 3], torch.tensor([1.0, 0.0, 0.0]))
    torch.testing.assert_close(source[0, 8, 12], torch.ones(3))


def test_what_is_no_video(tmp_path):
    with pytest.raises(DragAVideoError, match=r"There is no file or folder .*nothing.mp4"):
        load_clip(tmp_path / "nothing.mp4", size=16)
    with pytest.raises(DragAVideoError, match=r"has no pictures; expected files ending in .png"):
        load_clip(tmp_path, size=16)
    (tmp_path / "text.txt").write_text("hello\n" * 50)
    with pytest.raises(DragAVideoError, match=r"no video stream|not a video"):
        load_clip(tmp_path / "text.txt", size=16)
    (tmp_path / "junk.mp4").write_bytes(os.urandom(2000))
    with pytest.raises(DragAVideoError, match="is not a video that can be read"):
        load_clip(tmp_path / "junk.mp4", size=16)
    (tmp_path / "empty.mp4").write_bytes(b"")
    with pytest.raises(DragAVideoError, match="is not a video that can be read"):
        load_clip(tmp_path / "empty.mp4", size=16)
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(DragAVideoError, match="has no video stream; expected mp4, webm, gif or a folder"):
        load_clip(tmp_path / "sound.wav", size=16)


def test_a_video_without_frames(tmp_path):
    path = tmp_path / "none.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
        container.start_encoding()
    with pytest.raises(DragAVideoError, match=r"has no frames that can be decoded|is not a video that can be read"):
        load_clip(path, size=16)


def test_a_start_beyond_the_end(tmp_path):
    write_video(tmp_path / "a.mp4", levels(4), 10)
    with pytest.raises(DragAVideoError, match="has only 4 frames, so none from frame 4 on"):
        load_clip(tmp_path / "a.mp4", size=16, start=4)


@pytest.mark.parametrize(("name", "value"), [("every", 0), ("limit", 0), ("start", -1)])
def test_numbers_out_of_range(tmp_path, name, value):
    for call in (lambda **k: load_clip(tmp_path, size=16, **k), lambda **k: prepare_clip(levels(2), 8, size=16, **k)):
        with pytest.raises(DragAVideoError, match=f"'{name}' is {value}; it must be at least"):
            call(**{name: value})


def test_prepared_frames(tmp_path):
    frames = torch.rand(7, 10, 13, 3)
    before = frames.clone()
    clip = prepare_clip(frames, 24, size=(16, 16), fit="letterbox", every=2, limit=3, start=1)
    assert clip.frame_indices == (1, 3, 5) and clip.fps == 12
    assert torch.equal(clip.source, frames[1:6:2]) and torch.equal(frames, before)
    assert clip.frames.shape == (3, 16, 16, 3)
    assert prepare_clip(frames[:1], 24, size=16).frames.shape[0] == 1, "one frame is an image drag"
    alpha = torch.cat([torch.zeros(1, 4, 4, 3), torch.full((1, 4, 4, 1), 0.25)], -1)
    assert torch.equal(prepare_clip(alpha, 24, size=16).source, torch.full((1, 4, 4, 3), 0.75))


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (torch.zeros(2, 8, 8, 1), r"shape \[2, 8, 8, 1\]; expected .*3 or 4 channels"),
        (torch.zeros(8, 8, 3), r"shape \[8, 8, 3\]; expected"),
        (torch.zeros(0, 8, 8, 3), "has no frames"),
        (torch.full((1, 8, 8, 3), float("nan")), "hold NaN or infinity"),
        (torch.full((1, 8, 8, 3), 200.0), "values from 200 to 200; expected 0 to 1"),
        (torch.full((1, 8, 8, 3), -1.0), "values from -1 to -1; expected 0 to 1"),
    ],
)
def test_frames_that_are_refused(frames, message):
    with pytest.raises(DragAVideoError, match=message):
        prepare_clip(frames, 24, size=16)


def test_overshoot_of_sharp_resampling_is_clamped():
    step = torch.zeros(1, 3, 16, 16)
    step[..., 8:] = 1
    sharp = torch.nn.functional.interpolate(step, scale_factor=4, mode="bicubic").permute(0, 2, 3, 1)
    assert sharp.min() < -0.05 and sharp.max() > 1.05
    assert torch.equal(prepare_clip(sharp, 24, size=16).source, sharp.clamp(0, 1))


def test_a_rate_that_is_refused():
    with pytest.raises(DragAVideoError, match="has nan frames a second"):
        prepare_clip(levels(1), float("nan"), size=16)


def test_colours_and_odd_sizes_survive(tmp_path):
    colours = torch.tensor([[0.9, 0.1, 0.1], [0.1, 0.8, 0.2], [0.1, 0.2, 0.9]])
    frames = colours[:, None, None].expand(3, 17, 23, 3)
    write_video(tmp_path / "c.mp4", frames, 24000 / 1001)
    clip = load_clip(tmp_path / "c.mp4", size=16, every=1)
    assert clip.source.shape == (3, 18, 24, 3)
    assert clip.fps == pytest.approx(24000 / 1001)
    assert (clip.source - colours[:, None, None]).abs().max() < 0.03
    with av.open(str(tmp_path / "c.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert stream.codec_context.colorspace == 1
    write_video(tmp_path / "one.mp4", frames[:1], 8)
    assert load_clip(tmp_path / "one.mp4", size=16).frame_indices == (0,)


@pytest.mark.parametrize(("channels", "rate"), [(1, 16000), (2, 44100), (3, 12345)])
def test_sound_stays_in_step(tmp_path, channels, rate):
    """A click at 1.0 s lies on frame 10 of 20 at 10 fps, also in clips that start later or skip frames."""
    waveform = torch.zeros(channels, 2 * rate)
    waveform[:, rate : rate + rate // 100] = 0.8
    path = tmp_path / "s.mp4"
    write_video(path, levels(20), 10, Audio(waveform, rate))
    clip = load_clip(path, size=16, every=2, limit=5, start=6)
    assert clip.fps == 5.0 and clip.audio is not None
    assert clip.audio.waveform.shape[0] == (channels if channels < 3 else 1)
    assert clip.audio.waveform.shape[1] == clip.audio.sample_rate
    loud = (clip.audio.waveform[0].abs() > 0.3).nonzero().flatten().float() / clip.audio.sample_rate
    assert loud.min() == pytest.approx(0.4, abs=0.005) and loud.max() == pytest.approx(0.41, abs=0.005)
    prepared = prepare_clip(levels(20), 10, Audio(waveform, rate), size=16, every=2, limit=5, start=6)
    loud = (prepared.audio.waveform[0] > 0.5).nonzero().flatten().float() / rate
    assert loud.min() == pytest.approx(0.4, abs=0.001)
    other = load_clip(path, size=16, every=2, limit=5, start=6, audio=Audio(waveform.roll(rate // 10, 1), rate))
    loud = (other.audio.waveform[0] > 0.5).nonzero().flatten().float() / rate
    assert loud.min() == pytest.approx(0.5, abs=0.001)
    write_video(tmp_path / "again.mp4", clip.source, clip.fps, clip.audio)
    with av.open(str(tmp_path / "again.mp4")) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        assert float(video.duration * video.time_base) == pytest.approx(1.0, abs=0.01)
        assert float(sound.duration * sound.time_base) == pytest.approx(1.0, abs=0.1)


def test_sound_is_padded_where_there_is_none():
    audio = Audio(torch.ones(1, 10), 10)
    assert audio.cut(-0.5, 2.0).waveform.tolist() == [[0.0] * 5 + [1.0] * 10 + [0.0] * 5]
    assert audio.cut(5.0, 0.3).waveform.tolist() == [[0.0] * 3]


def test_nothing_half_written_stays(tmp_path, monkeypatch):
    path = tmp_path / "out.mp4"
    path.write_bytes(b"the old one")
    frames = levels(3)
    frames[2] = float("nan")
    with pytest.raises(DragAVideoError, match="Frame 2 to be written holds NaN"):
        write_video(path, frames, 8)
    for error in (KeyboardInterrupt, RuntimeError):

        def interrupted(*_, error=error):
            raise error

        monkeypatch.setattr(writing, "_to_bytes", interrupted)
        with pytest.raises(error):
            write_video(path, levels(3), 8)
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]
    assert path.read_bytes() == b"the old one"


def test_what_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DragAVideoError, match="is a file, not a folder; choose another folder"):
        write_video(tmp_path / "file" / "a.mp4", levels(1), 8)
    if hasattr(os, "geteuid") and os.geteuid() != 0:
        (tmp_path / "locked").mkdir(mode=0o500)
        with pytest.raises(DragAVideoError, match="is a file, not a folder; choose another folder"):
            write_video(tmp_path / "locked" / "a.mp4", levels(1), 8)
    with pytest.raises(DragAVideoError, match=r"videos are written as .mp4"):
        write_video(tmp_path / "a.avi", levels(1), 8)
    with pytest.raises(DragAVideoError, match=r"expected .N, H, W, 3. with N >= 1"):
        write_video(tmp_path / "a.mp4", torch.zeros(0, 8, 8, 3), 8)
    with pytest.raises(DragAVideoError, match="expected a positive rate"):
        write_video(tmp_path / "a.mp4", levels(1), 0)
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".mp4"] == []


def test_the_shipped_real_example():
    clip = load_clip(os.path.join(EXAMPLE, "bunny.mp4"), size=128)
    assert clip.source.shape == (8, 256, 256, 3) and clip.frames.shape == (8, 128, 128, 3)
    assert clip.frame_indices == tuple(range(0, 22, 3))
