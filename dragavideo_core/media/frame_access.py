"""Any frame of a file by its number: the same picture that `load_clip` takes for that number.

A frame's number is its place in the order of showing. The time stamps of all frames tell which one a decoder gives
after a jump, so that frame 5000 does not cost decoding 5000 frames and is still exactly that frame.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import DragAVideoError
from ..files import is_file, short_name
from .colour import frame_levels, picture_of
from .opening import Film, open_film
from .pictures import PICTURE_SUFFIXES, Animation, animation_length, picture_tensor, read_pictures
from .timing import PICTURES_FPS, frame_rate, has_stamps, stated_rates

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


def frame_table(path: Path, seconds: float | None = None) -> FrameTable:
    """Look through a video or picture file. Videos are read to their end, but as a rule not decoded.

    Args:
        path: the file.
        seconds: how long that may take; None for as long as it needs.

    Raises:
        DragAVideoError: no such file, it is neither video nor picture, or it takes longer than `seconds`.
    """
    deadline = _Deadline(path, seconds)
    if not is_file(path):
        raise DragAVideoError(f"There is no file '{short_name(path)}'; check the path.")
    fps, times = PICTURES_FPS, None
    if path.suffix.lower() in PICTURE_SUFFIXES:
        count = animation_length(path)
        if count > 1:
            count, fps = _looked_through(path, deadline)
    else:
        with open_film(path) as film:
            times, unit = _packet_times(film, deadline), float(film.stream.time_base or 0)
            stamped, stated = has_stamps(film.container), stated_rates(film.container, film.stream)
        if times is None:
            # Not every format can be gone back in.
            with open_film(path) as film:
                times = [frame.pts for frame in deadline.over(_decoded(film))]
        fps = frame_rate([None if time is None else time * unit for time in times] if stamped else (), stated)
        count = len(times)
    with closing(frames_from(path, 0, as_bytes=True)) as frames:
        first = next(frames, None)
    if first is None:
        raise DragAVideoError(f"'{path}' has no frames that can be decoded; check that the file is complete.")
    height, width = first[1].shape[:2]
    return FrameTable((width, height), count, fps, _usable(times or []))


def frames_from(
    path: Path, start: int, table: FrameTable | None = None, *, as_bytes: bool = False
) -> Generator[tuple[int, Tensor]]:
    """Frames `start`, `start` + 1, ... to the file's end as (number, [H, W, 3] float 0-1).

    Args:
        path: a video or picture file.
        start: number of the first frame wanted, from 0.
        table: of this file; with it, a video's beginning need not be decoded.
        as_bytes: give uint8 instead, which takes a quarter of the memory.

    Raises:
        DragAVideoError: the file cannot be read.
    """
    if path.suffix.lower() in PICTURE_SUFFIXES:
        with closing(_pictures_from(path, start)) as pictures:
            yield from ((number, _bytes(picture) if as_bytes else picture) for number, picture in pictures)
        return
    times = table.times if table is not None else ()
    with open_film(path) as film, closing(_numbered(film, start, times)) as frames:
        for number, frame in frames:
            if number < start:
                continue
            levels = frame_levels(frame, film.aspect)
            if as_bytes and levels.dtype == np.uint8 and levels.shape[-1] == 3:
                yield number, torch.from_numpy(levels)
            else:
                picture = picture_of(levels, frame)
                yield number, _bytes(picture) if as_bytes else picture


def _pictures_from(path: Path, start: int) -> Generator[tuple[int, Tensor]]:
    if animation_length(path) > 1:
        with closing(Animation(path).frames()) as frames:
            yield from ((number, picture_tensor(image)) for number, image in frames if number >= start)
    elif start == 0:
        yield 0, read_pictures([path])[0]


def _bytes(picture: Tensor) -> Tensor:
    return (picture * 255.0).round_().to(torch.uint8)


class _Deadline:
    """Raises when work on a file takes too long."""

    def __init__(self, path: Path, seconds: float | None) -> None:
        self._path, self._seconds = path, seconds
        self._end = None if seconds is None else time.monotonic() + seconds

    def over(self, things: Any) -> Iterator[Any]:
        """The things, as long as there is time."""
        for thing in things:
            if self._end is not None and time.monotonic() > self._end:
                raise DragAVideoError(
                    f"'{self._path}' takes more than {self._seconds:.0f} s to look through; make a shorter or smaller "
                    "film of it."
                )
            yield thing


def _looked_through(path: Path, deadline: _Deadline) -> tuple[int, float]:
    """(number of frames that can be read, rate) of a moving picture."""
    moving = Animation(path)
    with closing(moving.frames()) as frames:
        count = sum(1 for _ in deadline.over(frames))
    return count, moving.fps


def _numbered(film: Film, start: int, times: tuple[int, ...]) -> Generator[tuple[int, Any]]:
    """(number, frame) up to the end, from before or at `start` on: a jump to the key frame before it, if one lands."""
    import av

    if start and start < len(times):
        place = {time: number for number, time in enumerate(times)}
        try:
            film.seek(times[start])
            frames = ((place[frame.pts], frame) for frame in _decoded(film) if frame.pts in place)
            first = next(frames, None)
            if first is not None and first[0] <= start and first[1].key_frame:
                yield first
                yield from frames
                return
            # MPEG transport streams, which have no index, are jumped into at about the time.
            film.rewind()
        except av.FFmpegError:
            film.rewind()
    yield from enumerate(_decoded(film))


def _decoded(film: Film) -> Generator[Any]:
    """Frames up to the end of the file or of what is whole of it."""
    import av

    with closing(film.frames()) as frames:
        try:
            yield from frames
        except av.FFmpegError:
            return


def _packet_times(film: Film, deadline: _Deadline) -> list[Any] | None:
    """Time stamps of all frames by their packets; None where packets do not tell."""
    if film.decoder.name not in _ONE_PACKET_A_FRAME:
        return None
    times: list[int] = []
    for packet in deadline.over(film.container.demux(film.stream)):
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
