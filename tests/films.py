"""Video files that phones, editors and other people's programs make."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from torch import Tensor

from dragavideo_core.media.video_io import write_video


def write_turned(path: Path, frames: Tensor, fps: float = 10) -> None:
    """Write frames [N, H, W, 3] with the tkhd matrix of a phone held upright: players turn them clockwise a quarter."""
    write_video(path, frames, fps)
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, frames.shape[1] << 16, 0, 1 << 30)
    path.write_bytes(data)


CORNERS = ((230, 30, 30), (30, 200, 30), (30, 30, 230), (230, 230, 30))
"""Red, green / blue, yellow: the corners of `four_colours`, row by row."""


def four_colours(height: int = 96, width: int = 160) -> np.ndarray:
    """A picture [H, W, 3] uint8 with another colour in each quarter."""
    picture = np.empty((height, width, 3), np.uint8)
    for number, colour in enumerate(CORNERS):
        y, x = divmod(number, 2)
        rows = slice(y * height // 2, (y + 1) * height // 2)
        picture[rows, x * width // 2 : (x + 1) * width // 2] = colour
    return picture


def corners_of(picture: Tensor) -> np.ndarray:
    """The colours of a picture's four corners, [4, 3] 0-255."""
    height, width = picture.shape[:2]
    places = ((6, 6), (6, width - 7), (height - 7, 6), (height - 7, width - 7))
    return np.array([(picture[y, x] * 255).tolist() for y, x in places])


def write_film(
    path: Path,
    pictures: Sequence[np.ndarray] = (),
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    fps: Fraction | int = 24,
    stamps: Sequence[int] | None = None,
    sound: tuple[str, str, int] | None = None,
    form: str | None = None,
    options: dict[str, str] | None = None,
    change: Callable[[Any], None] | None = None,
) -> Path:
    """Write pictures [H, W, 3 or 4] uint8, 24 of `four_colours` where there are none.

    Args:
        stamps: when each is shown, in frames.
        sound: codec, layout and rate of a second of silence with a click at 0.5 s.
        form: FFmpeg's name of the format; None for the one that the name tells.
        change: done with the video stream before anything is written.
    """
    pictures = pictures or [four_colours()] * 24
    with av.open(f"file:{path}", "w", format=form) as container:
        video: Any = container.add_stream(codec, rate=fps)
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt, video.options = pix_fmt, options or {}
        if change is not None:
            change(video)
        audio: Any = None if sound is None else container.add_stream(sound[0], rate=sound[2], layout=sound[1])
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24" if picture.shape[-1] == 3 else "rgba")
            frame = frame.reformat(format=pix_fmt)
            frame.pts, frame.time_base = number if stamps is None else stamps[number], 1 / Fraction(fps)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound is not None:
            _write_click(container, audio, *sound[1:])
    return path


def _write_click(container: Any, stream: Any, layout: str, rate: int) -> None:
    channels = len(stream.codec_context.layout.channels)
    samples = np.zeros((rate, channels), np.float32)
    samples[rate // 2 : rate // 2 + rate // 100] = 0.8
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout=layout)
    frame.sample_rate, frame.pts = rate, 0
    size = stream.codec_context.frame_size or 1024
    resampler = av.AudioResampler(stream.codec_context.format.name, layout, rate, frame_size=size)
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(stream.encode(piece))
    container.mux(stream.encode(None))
