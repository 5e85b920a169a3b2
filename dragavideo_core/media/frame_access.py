"""Any frame of a file by its number: the same picture that `load_clip` takes for that number.

A frame's number is its place in the order of showing. The time stamps of all frames tell which one a decoder gives
after a jump, so that frame 5000 does not cost decoding 5000 frames and is still exactly that frame.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ..errors import DragAVideoError
from .pictures import (
    PICTURE_SUFFIXES,
    PICTURES_FPS,
    animation_images,
    animation_length,
    picture_tensor,
    read_animation,
    read_pictures,
)
from .video_io import frame_picture, open_video

if TYPE_CHECKING:
    from av.container import InputContainer

_ONE_PACKET_A_FRAME = {
    "h264", "hevc", "av1", "libdav1d", "libaom-av1", "vp9", "libvpx-vp9", "mjpeg", "prores", "ffv1", "gif",
}  # fmt: skip
"""Decoders whose packets can be counted in place of frames; VP8, for one, has packets that are never shown."""


@dataclass(frozen=True)
class FrameTable:
    """What a file holds.

    Attributes:
        size: (width, height) of an upright frame.
        count: number of frames.
        fps: frames a second; 24 for pictures, which have no rate.
        times: time stamp of each frame in the stream's own unit, ascending; empty where frames can only be reached
            from the beginning.
    """

    size: tuple[int, int]
    count: int
    fps: float
    times: tuple[int, ...] = ()


def frame_table(path: Path) -> FrameTable:
    """Look through a video or picture file. Videos are read to their end, but as a rule not decoded.

    Raises:
        DragAVideoError: no such file, or it is neither video nor picture.
    """
    if not path.is_file():
        raise DragAVideoError(f"There is no file '{path}'; check the path.")
    if path.suffix.lower() in PICTURE_SUFFIXES:
        count, fps, times = animation_length(path), PICTURES_FPS, None
        if count > 1:
            fps = read_animation(path, (0,))[1]
    else:
        with open_video(path) as (container, stream):
            times = _packet_times(container, stream)
            fps = float(stream.average_rate or PICTURES_FPS)
        if times is None:
            with open_video(path) as (container, stream):
                times = [frame.pts for frame in _decoded(container, stream)]
        count = len(times)
    first = next(frames_from(path, 0), None)
    if first is None:
        raise DragAVideoError(f"'{path}' has no frames that can be decoded; check that the file is complete.")
    height, width = first[1].shape[:2]
    return FrameTable((width, height), count, fps, _usable(times or []))


def frames_from(path: Path, start: int, table: FrameTable | None = None) -> Generator[tuple[int, Tensor]]:
    """Frames `start`, `start` + 1, ... to the file's end as (number, [H, W, 3] float 0-1).

    Args:
        path: a video or picture file.
        start: number of the first frame wanted, from 0.
        table: of this file; with it, a video's beginning need not be decoded.

    Raises:
        DragAVideoError: the file cannot be read.
    """
    if path.suffix.lower() in PICTURE_SUFFIXES:
        if animation_length(path) > 1:
            yield from ((number, picture_tensor(image)) for number, image in animation_images(path) if number >= start)
        elif start == 0:
            yield 0, read_pictures([path])[0]
        return
    times = table.times if table is not None else ()
    with open_video(path) as (container, stream):
        for number, frame in _numbered(container, stream, start, times):
            if number >= start:
                yield number, frame_picture(frame)


def _numbered(container: InputContainer, stream: Any, start: int, times: tuple[int, ...]) -> Iterator[tuple[int, Any]]:
    """(number, frame) up to the end, from before or at `start` on: a jump to the key frame before it, if one lands."""
    import av

    if start and start < len(times):
        place = {time: number for number, time in enumerate(times)}
        try:
            container.seek(times[start], stream=stream, backward=True)
            frames = ((place[frame.pts], frame) for frame in _decoded(container, stream) if frame.pts in place)
            first = next(frames, None)
            if first is not None and first[0] <= start and first[1].key_frame:
                yield first
                yield from frames
                return
            # MPEG transport streams, which have no index, are jumped into at about the time.
            container.seek(0, backward=True)
        except av.FFmpegError:
            container.seek(0, backward=True)
    yield from enumerate(_decoded(container, stream))


def _decoded(container: InputContainer, stream: Any) -> Iterator[Any]:
    """Frames up to the end of the file or of what is whole of it."""
    import av

    try:
        yield from container.decode(stream)
    except av.FFmpegError:
        return


def _packet_times(container: InputContainer, stream: Any) -> list[int] | None:
    """Time stamps of all frames by their packets; None where packets do not tell."""
    if stream.codec_context.name not in _ONE_PACKET_A_FRAME:
        return None
    times: list[int] = []
    for packet in container.demux(stream):
        if not packet.size or packet.is_discard:
            continue
        # Frames before the first key frame cannot be decoded, so that packets would count too many.
        if packet.pts is None or not (times or packet.is_keyframe):
            return None
        times.append(packet.pts)
    return sorted(times) or None


def _usable(times: list[Any]) -> tuple[int, ...]:
    """The time stamps, if each names one frame."""
    known = None not in times and all(earlier < later for earlier, later in pairwise(times))
    return tuple(times) if known else ()
