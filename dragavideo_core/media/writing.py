"""Writing H.264 with sound, through PyAV."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import DragAVideoError
from ..files import atomic_path
from .audio import Audio, add_audio_stream, encode_audio
from .colour import BT709

QUALITY_CRF = 17
"""x264's constant rate factor: visually lossless, so that writing hides nothing of the edit."""
_log = logging.getLogger(__name__)


def write_video(path: str | Path, frames: Tensor, fps: float, audio: Audio | None = None) -> None:
    """Write frames [N, H, W, 3] (float 0-1; values outside are clamped) as mp4: H.264, yuv420p, BT.709, AAC sound.

    Odd sizes are padded by one repeated row or column, which yuv420p needs. The file appears only when it is whole.
    Sound that is longer than the frames ends with them; sound that cannot be encoded is left out, and a warning logged.

    Raises:
        DragAVideoError: no frames or a wrong shape, NaN, a rate that is not positive, another suffix than .mp4, or a
            folder that cannot be written.
    """
    import av

    path = Path(path)
    if path.suffix.lower() != ".mp4":
        raise DragAVideoError(f"Cannot write '{path.name}': videos are written as .mp4; change the name's ending.")
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.numel() == 0:
        raise DragAVideoError(f"Cannot write frames of shape {list(frames.shape)}; expected [N, H, W, 3] with N >= 1.")
    if not fps > 0 or fps == float("inf"):
        raise DragAVideoError(f"Cannot write a video at {fps} frames a second; expected a positive rate.")
    if audio is not None and audio.waveform.shape[-1] / audio.sample_rate > len(frames) / fps:
        audio = audio.cut(0.0, len(frames) / fps)
    with atomic_path(path) as temporary:
        try:
            _write(temporary, frames, fps, audio)
        except (av.FFmpegError, ValueError) as error:
            if audio is None or isinstance(error, DragAVideoError):
                raise _told(path, error) from error
            _log.warning("The sound of '%s' cannot be written (%s); it is left out.", path, error)
            try:
                _write(temporary, frames, fps, None)
            except av.FFmpegError as again:
                raise _told(path, again) from again


def _told(path: Path, error: Exception) -> Exception:
    import av

    if not isinstance(error, av.FFmpegError):
        return error
    return DragAVideoError(f"Writing '{path}' failed ({error}); check the free space and the size of the frames.")


def _write(path: Path, frames: Tensor, fps: float, audio: Audio | None) -> None:
    import av

    # "file:", because a path is no URL: 'take:1/edited.mp4' would be one of the protocol 'take'.
    with av.open(f"file:{path}", "w", format="mp4", options={"movflags": "+faststart"}) as container:
        _encode(container, frames, fps, audio)


def _encode(container: Any, frames: Tensor, fps: float, audio: Audio | None) -> None:
    import av

    height, width = frames.shape[1] + frames.shape[1] % 2, frames.shape[2] + frames.shape[2] % 2
    stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(30030))
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.options = {"crf": str(QUALITY_CRF), "preset": "medium"}
    context = stream.codec_context
    context.colorspace = context.color_primaries = context.color_trc = BT709
    context.color_range = 1
    sound = add_audio_stream(container, audio) if audio is not None else None
    for number, picture in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(_to_bytes(picture, height, width, number), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=BT709, dst_color_range=1)
        frame.pts = number
        frame.time_base = 1 / stream.codec_context.framerate
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
    if audio is not None:
        encode_audio(container, sound, audio)


def _to_bytes(picture: Tensor, height: int, width: int, number: int) -> np.ndarray[Any, Any]:
    picture = picture.detach().to("cpu", torch.float32)
    if not torch.isfinite(picture).all():
        raise DragAVideoError(f"Frame {number} to be written holds NaN or infinity; the stage before it has failed.")
    pixels = (picture.clamp(0.0, 1.0) * 255.0).round().to(torch.uint8).numpy()
    return np.pad(pixels, ((0, height - pixels.shape[0]), (0, width - pixels.shape[1]), (0, 0)), mode="edge")
