"""Reading a stretch of a video file, through PyAV."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ..errors import DragAVideoError
from .audio import Audio, read_audio
from .colour import bytes_of, frame_levels, picture_of, small_of
from .limits import check_clip
from .opening import Film, open_film
from .stack import Stack
from .strip import Strip, strip_indices, strip_of
from .timing import begin_of, frame_rate, has_stamps, stated_rates
from .writing import write_video

__all__ = ["VideoStretch", "read_video", "write_video"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class VideoStretch:
    """Frames of a file.

    Attributes:
        frames: [N, H, W, 3] float 0-1, or [N, H, W, 4] uint8 with straight alpha where that was asked for.
        indices: of the frames in the file.
        fps: the file's frame rate.
        audio: the sound of the stretch.
        strip: small pictures of all frames between.
        notes: sentences for the person about what could not be taken as it is in the file.
    """

    frames: Tensor
    indices: tuple[int, ...]
    fps: float
    audio: Audio | None
    strip: Strip
    notes: tuple[str, ...] = ()


def read_video(path: Path, *, every: int, limit: int, start: int, alpha: bool = False) -> VideoStretch:
    """Read frames start, start + every, ... of a video file, at most `limit`.

    Frames count by index whatever their time stamps. Frame rate and the place of the sound: `timing`. Pictures come as
    players show them (`colour.frame_picture`): upright, with square pixels, in SDR, alpha over white unless `alpha`.

    Raises:
        DragAVideoError: not a video, no video stream, no frame, `start` beyond the last frame, a size that changes, or
            more pixels than such a file may hold.
    """
    with open_film(path) as film:
        taken = _decode(film, every, limit, start, alpha)
        if not taken.seen:
            raise DragAVideoError(f"'{path}' has no frames that can be decoded; check that the file is complete.")
        if not taken.frames:
            raise DragAVideoError(
                f"'{path}' has only {taken.seen} frames, so none from frame {start} on; lower the start."
            )
        fps = frame_rate(taken.times if has_stamps(film.container) else (), stated_rates(film.container, film.stream))
        begin, seconds = begin_of(taken.times, fps), len(taken.frames) * every / fps
        audio, notes = read_audio(film.container, begin, seconds)
    wanted = strip_indices(taken.indices)
    strip = strip_of([taken.small[index] for index in wanted], wanted, taken.indices)
    return VideoStretch(taken.frames.tensor(), tuple(taken.indices), fps, audio, strip, notes)


@dataclass(eq=False)
class _Taken:
    """What was decoded of a film."""

    frames: Stack
    indices: list[int]
    times: list[float | None]
    """Of every frame from the first to the last taken one, s."""
    small: dict[int, Tensor]
    """Small pictures of the strip by index."""
    seen: int = 0


def _decode(film: Film, every: int, limit: int, start: int, alpha: bool) -> _Taken:
    import av

    # Not every format says how many frames there are.
    expected = len(range(start, film.stream.frames or start + every * limit, every)[:limit])
    taken = _Taken(Stack(expected), [], [], {})
    passed = strip_indices(range(start, start + every * limit, every))
    file_bytes = film.path.stat().st_size
    frames = film.frames()
    try:
        for index, frame in enumerate(frames):
            taken.seen = index + 1
            if index >= start:
                taken.times.append(frame.time)
            if index not in passed:
                continue
            levels = frame_levels(frame, film.aspect)
            taken.small[index] = small_of(levels, frame)
            if (index - start) % every:
                continue
            picture = bytes_of(levels, frame) if alpha else picture_of(levels, frame)
            height, width = picture.shape[:2]
            if taken.frames and tuple(picture.shape) != taken.frames.shape:
                raise DragAVideoError(
                    f"'{film.path}' changes its frame size at frame {index}; re-encode it to one size."
                )
            known = expected if film.stream.frames else len(taken.frames) + 1
            check_clip(str(film.path), file_bytes, width, height, known)
            taken.frames.append(picture)
            taken.indices.append(index)
            if len(taken.frames) == limit:
                break
    except av.FFmpegError as error:
        _log.warning(
            "'%s' is damaged after frame %d (%s); the frames before it are used.", film.path, taken.seen - 1, error
        )
    finally:
        frames.close()
    del taken.times[_span(taken.indices) :]
    return taken


def _span(indices: Sequence[int]) -> int:
    return indices[-1] - indices[0] + 1 if indices else 0
