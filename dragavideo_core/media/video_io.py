"""Reading video files and writing H.264, through PyAV."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..errors import DragAVideoError
from ..files import atomic_path
from .audio import Audio, add_audio_stream, encode_audio, read_audio
from .pictures import PICTURES_FPS, over_background
from .strip import Strip, small_picture, strip_indices, strip_of

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer

QUALITY_CRF = 17
"""x264's constant rate factor: visually lossless, so that writing hides nothing of the edit."""
_UNSPECIFIED_COLOURS = (0, 2)
_BT709, _BT601 = 1, 5
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class VideoStretch:
    """Frames [N, H, W, 3] float 0-1, indices in the file, the file's frame rate, the stretch's sound and strip."""

    frames: Tensor
    indices: tuple[int, ...]
    fps: float
    audio: Audio | None
    strip: Strip


def read_video(path: Path, *, every: int, limit: int, start: int) -> VideoStretch:
    """Read frames start, start + every, ... of a video file, at most `limit`.

    Frames count by index whatever their time stamps. The frame rate is the file's own; where the time stamps of the
    stretch tell another one (variable frame rate), it is their average, so that frames and sound stay together.
    Rotation metadata is applied; alpha is laid over white.

    Raises:
        DragAVideoError: not a video, no video stream, no frame, `start` beyond the last frame, or a size that changes.
    """
    with open_video(path) as (container, stream):
        frames, indices, times, seen, small = _decode(container, stream, path, every, limit, start)
        if not seen:
            raise DragAVideoError(f"'{path}' has no frames that can be decoded; check that the file is complete.")
        if not frames:
            raise DragAVideoError(f"'{path}' has only {seen} frames, so none from frame {start} on; lower the start.")
        fps = _frame_rate(stream.average_rate, indices, times)
        begin = times[0] or 0.0
        audio = read_audio(container, begin, len(frames) * every / fps)
    wanted = strip_indices(indices)
    strip = strip_of([small[index] for index in wanted], wanted, indices)
    return VideoStretch(torch.stack(frames), tuple(indices), fps, audio, strip)


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, Any]]:
    """The opened file and its first video stream that is no cover picture.

    Raises:
        DragAVideoError: not a video, or no video stream.
    """
    import av

    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DragAVideoError(
            f"'{path}' is not a video that can be read ({reason}); expected mp4, webm, gif or a folder of pictures."
        ) from None
    with container:
        # FFmpeg's "tty" format renders any text file as a film of its letters.
        streams = [s for s in container.streams.video if not _is_cover(s)] if container.format.name != "tty" else []
        if not streams:
            raise DragAVideoError(f"'{path}' has no video stream; expected mp4, webm, gif or a folder of pictures.")
        streams[0].thread_type = "AUTO"
        yield container, streams[0]


def write_video(path: str | Path, frames: Tensor, fps: float, audio: Audio | None = None) -> None:
    """Write frames [N, H, W, 3] (float 0-1; values outside are clamped) as mp4: H.264, yuv420p, BT.709, AAC sound.

    Odd sizes are padded by one repeated row or column, which yuv420p needs. The file appears only when it is whole.

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
    with atomic_path(path) as temporary:
        try:
            with av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart"}) as container:
                _encode(container, frames, fps, audio)
        except av.FFmpegError as error:
            raise DragAVideoError(
                f"Writing '{path}' failed ({error}); check the free space and the size of the frames."
            ) from error


def _decode(
    container: InputContainer, stream: Any, path: Path, every: int, limit: int, start: int
) -> tuple[list[Tensor], list[int], list[float | None], int, dict[int, Tensor]]:
    """(frames, indices, times in seconds, number of frames decoded, small pictures of the strip by index)."""
    import av

    frames: list[Tensor] = []
    indices: list[int] = []
    times: list[float | None] = []
    small: dict[int, Tensor] = {}
    passed = strip_indices(range(start, start + every * limit, every))
    seen = 0
    try:
        for index, frame in enumerate(container.decode(stream)):
            seen = index + 1
            if index not in passed:
                continue
            picture = frame_picture(frame)
            small[index] = small_picture(picture)
            if (index - start) % every:
                continue
            if frames and picture.shape != frames[0].shape:
                raise DragAVideoError(f"'{path}' changes its frame size at frame {index}; re-encode it to one size.")
            frames.append(picture)
            indices.append(index)
            times.append(frame.time)
            if len(frames) == limit:
                break
    except av.FFmpegError as error:
        _log.warning("'%s' is damaged after frame %d (%s); the frames before it are used.", path, seen - 1, error)
    return frames, indices, times, seen, small


def frame_picture(frame: VideoFrame) -> Tensor:
    """A decoded frame upright, as [H, W, 3] float 0-1: colours as players show them, alpha over white."""
    # Files without a colour tag mean BT.709 when they are high definition, as players have it.
    tagged = frame.colorspace not in _UNSPECIFIED_COLOURS
    options: dict[str, Any] = {} if tagged else {"src_colorspace": _BT709 if frame.height >= 720 else _BT601}
    has_alpha = frame.format.has_palette or any(c.is_alpha for c in frame.format.components)
    pixels = frame.to_ndarray(format="rgba" if has_alpha else "rgb24", **options)
    # FFmpeg's angle is counterclockwise, and so is rot90.
    pixels = np.rot90(pixels, round(getattr(frame, "rotation", 0) / 90) % 4)
    picture = torch.from_numpy(np.ascontiguousarray(pixels)).float() / 255.0
    return over_background(picture) if has_alpha else picture


def _is_cover(stream: Any) -> bool:
    """A song's cover picture is a video stream to FFmpeg."""
    import av.stream

    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _frame_rate(nominal: Fraction | None, indices: list[int], times: list[float | None]) -> float:
    rate = float(nominal) if nominal else 0.0
    if len(indices) > 1 and times[0] is not None and times[-1] is not None and times[-1] > times[0]:
        measured = (indices[-1] - indices[0]) / (times[-1] - times[0])
        # WebM and gif round time stamps to 1 and 10 ms, which is no variable frame rate.
        rounding = 0.02 / (times[-1] - times[0])
        if not rate or abs(measured / rate - 1.0) > 0.01 + rounding:
            return measured
    return rate or PICTURES_FPS


def _encode(container: Any, frames: Tensor, fps: float, audio: Audio | None) -> None:
    import av

    height, width = frames.shape[1] + frames.shape[1] % 2, frames.shape[2] + frames.shape[2] % 2
    stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(30030))
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.options = {"crf": str(QUALITY_CRF), "preset": "medium"}
    context = stream.codec_context
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    context.color_range = 1
    sound = add_audio_stream(container, audio) if audio is not None else None
    for number, picture in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(_to_bytes(picture, height, width, number), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=_BT709, dst_color_range=1)
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
