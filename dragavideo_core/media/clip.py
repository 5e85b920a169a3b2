"""What comes in: a few seconds of video, at its own size and at the working size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ..errors import DragAVideoError, memory_in_words
from ..files import is_file, is_folder, short_name
from .audio import Audio
from .geometry import Geometry, Size, fit_geometry
from .limits import check_clip
from .pictures import (
    PICTURE_SUFFIXES,
    Animation,
    animation_length,
    over_background,
    picture_tensor,
    pictures_in,
    read_pictures,
    small_picture_of,
    small_picture_tensor,
)
from .stack import Stack
from .strip import Strip, small_picture, strip_indices, strip_of
from .timing import PICTURES_FPS
from .video_io import VideoStretch, read_video

__all__ = ["Audio", "Clip", "load_clip", "prepare_clip"]

_OVERSHOOT = 0.5
"""Values this far outside 0-1 come from somebody's bicubic or Lanczos resampling, not from a mistake in the range."""


@dataclass(frozen=True, eq=False)
class Clip:
    """Frames taken from a video, and how they lie in the working pictures that the network sees."""

    source: Tensor
    """[N, Hs, Ws, 3] float32 0-1 on the CPU: the frames as they are in the file."""
    frames: Tensor
    """[N, H, W, 3] float32 0-1 on the CPU: the working frames."""
    fps: float
    """Rate of these frames: the source's rate / every."""
    geometry: Geometry
    audio: Audio | None = None
    """The sound of the span N / fps from the first frame on."""
    frame_indices: tuple[int, ...] = ()
    """Index in the file of each frame, ascending."""
    name: str = "clip"
    strip: Strip | None = None
    """Small pictures of every frame of the file between the first and the last taken one; `strip_of_clip` gives one
    of the taken frames alone where there is none."""
    notes: tuple[str, ...] = ()
    """Sentences for the person about what could not be taken as it is in the file."""


def load_clip(
    path: str | Path,
    *,
    size: int | Size,
    fit: str = "crop",
    every: int = 3,
    limit: int = 16,
    start: int = 0,
    audio: Audio | None = None,
) -> Clip:
    """Read a clip from a video (mp4, webm, gif, ...), a folder of pictures, or a single picture.

    Args:
        path: the file or folder. Pictures of a folder come in natural order, at 24 frames a second. Alpha is laid
            over white. Frames come as players show them: turned, mirrored, with square pixels, HDR as SDR.
        size, fit: the working size, see `fit_geometry`.
        every, limit, start: frames start, start + every, ... of the file, at most `limit` (the paper: every third).
        audio: sound beginning with frame 0 of the file, in place of the file's own.

    Raises:
        DragAVideoError: nothing at `path`, not a video, no frames, more pixels than such a file may hold, or a number
            out of range.
    """
    path = Path(path)
    with memory_in_words(f"'{path}'"):
        stretch = read_stretch(path, every=every, limit=limit, start=start)
        if audio is not None:
            stretch = replace(stretch, audio=_cut(audio, stretch.fps, every, start, len(stretch.frames)))
        return _fitted(stretch, size, fit, every, path.stem)


def read_stretch(path: Path, *, every: int, limit: int, start: int, alpha: bool = False) -> VideoStretch:
    """Frames start, start + every, ... of a video, a folder of pictures or a picture, at most `limit`.

    Args:
        alpha: give frames [N, H, W, 4] uint8 with straight alpha in place of alpha over white.

    Raises:
        DragAVideoError: as `load_clip`.
    """
    _check_numbers(every, limit, start)
    if is_folder(path):
        return _read_folder(path, every, limit, start, alpha)
    if not is_file(path):
        raise DragAVideoError(f"There is no file or folder '{short_name(path)}'; check the path.")
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return _read_picture(path, every, limit, start, alpha)
    return read_video(path, every=every, limit=limit, start=start, alpha=alpha)


def prepare_clip(
    frames: Tensor,
    fps: float,
    audio: Audio | None = None,
    *,
    size: int | Size,
    fit: str = "crop",
    every: int = 3,
    limit: int = 16,
    start: int = 0,
    name: str = "clip",
) -> Clip:
    """Make a clip of frames that are in memory already.

    Args:
        frames: [N, Hs, Ws, 3] float 0-1, or [N, Hs, Ws, 4] with straight alpha, which is laid over white. Values
            a little outside, as sharp resampling leaves them, are clamped.
        fps: rate of `frames`.
        audio: sound beginning with frame 0.
        size, fit, every, limit, start: as in `load_clip`.

    Raises:
        DragAVideoError: no frames, a wrong number of channels, NaN, values far outside 0-1, or a number out of range.
    """
    _check_numbers(every, limit, start)
    if frames.ndim != 4 or frames.shape[-1] not in (3, 4):
        raise DragAVideoError(
            f"The frames have the shape {list(frames.shape)}; expected [frames, height, width, 3 or 4 channels]."
        )
    if frames.numel() == 0:
        raise DragAVideoError(f"The clip has no frames (shape {list(frames.shape)}); connect at least one picture.")
    if not fps > 0 or fps == float("inf"):
        raise DragAVideoError(f"The clip has {fps} frames a second; expected a positive rate.")
    indices = _taken(len(frames), every, limit, start, name)
    taken = frames.detach()[list(indices)].to("cpu", torch.float32)
    if not torch.isfinite(taken).all():
        raise DragAVideoError("The frames hold NaN or infinity; check the node or program that made them.")
    low, high = float(taken.min()), float(taken.max())
    if low < -_OVERSHOOT or high > 1 + _OVERSHOOT:
        raise DragAVideoError(
            f"The frames hold values from {low:.3g} to {high:.3g}; expected 0 to 1 (divide 8-bit values by 255)."
        )
    taken = _opaque(taken.clamp(0.0, 1.0))
    sound = None if audio is None else _cut(audio, fps, every, start, len(taken))
    wanted = strip_indices(indices)
    strip = strip_of([small_picture(_opaque(frames[i].detach().clamp(0.0, 1.0))) for i in wanted], wanted, indices)
    return _fitted(VideoStretch(taken, indices, fps, sound, strip), size, fit, every, name)


def _cut(audio: Audio, fps: float, every: int, start: int, count: int) -> Audio:
    """What sounds during `count` frames from frame `start` on, every `every`-th of them taken."""
    return audio.cut(start / fps, count * every / fps)


def _fitted(stretch: VideoStretch, size: int | Size, fit: str, every: int, name: str) -> Clip:
    height, width = stretch.frames.shape[1:3]
    geometry = fit_geometry((width, height), size, fit)
    return Clip(
        source=stretch.frames,
        frames=geometry.frames_to_working(stretch.frames),
        fps=stretch.fps / every,
        geometry=geometry,
        audio=stretch.audio,
        frame_indices=stretch.indices,
        name=name,
        strip=stretch.strip,
        notes=stretch.notes,
    )


def _read_folder(folder: Path, every: int, limit: int, start: int, alpha: bool) -> VideoStretch:
    paths = pictures_in(folder)
    indices = _taken(len(paths), every, limit, start, str(folder))
    taken = read_pictures([paths[i] for i in indices], alpha=alpha)
    wanted = strip_indices(indices)
    small = [small_picture_of(paths[i]) for i in wanted]
    for i, picture in zip(wanted, small):
        if picture.shape != small[0].shape:
            raise DragAVideoError(
                f"'{paths[i].name}' is of another size than '{paths[wanted[0]].name}'; all pictures of a clip must be "
                "of one size."
            )
    return VideoStretch(taken, indices, PICTURES_FPS, None, strip_of(small, wanted, indices))


def _read_picture(path: Path, every: int, limit: int, start: int, alpha: bool) -> VideoStretch:
    indices = _taken(animation_length(path), every, limit, start, str(path))
    if indices == (0,):
        taken = read_pictures([path], alpha=alpha)
        return VideoStretch(taken, indices, PICTURES_FPS, None, strip_of([small_picture_of(path)], range(1), indices))
    frames, found = Stack(len(indices)), []
    small: dict[int, Tensor] = {}
    wanted, moving = strip_indices(indices), Animation(path)
    for position, image in moving.until(indices[-1]):
        if not position:
            check_clip(str(path), path.stat().st_size, *image.size, len(indices))
        if position in wanted:
            small[position] = small_picture_tensor(image)
        if position in indices:
            frames.append(picture_tensor(image, alpha=alpha))
            found.append(position)
    if not found:
        raise DragAVideoError(f"'{path}' is damaged before frame {start}; lower the start.")
    wanted = strip_indices(found)
    strip = strip_of([small[position] for position in wanted], wanted, found)
    return VideoStretch(frames.tensor(), tuple(found), moving.fps, None, strip)


def strip_of_clip(clip: Clip) -> Strip:
    """The clip's strip; where it was made without, one of its own frames alone."""
    if clip.strip is not None:
        return clip.strip
    every = range(len(clip.source))
    return strip_of([small_picture(frame) for frame in clip.source], every, every)


def _opaque(frames: Tensor) -> Tensor:
    """[..., 3 or 4] as [..., 3]: alpha over the background."""
    return over_background(frames) if frames.shape[-1] == 4 else frames


def _taken(count: int, every: int, limit: int, start: int, name: str) -> tuple[int, ...]:
    if start >= count:
        raise DragAVideoError(f"'{name}' has only {count} frames, so none from frame {start} on; lower the start.")
    return tuple(range(start, count, every)[:limit])


def _check_numbers(every: int, limit: int, start: int) -> None:
    for name, value, least in (("every", every, 1), ("limit", limit, 1), ("start", start, 0)):
        if value < least:
            raise DragAVideoError(f"'{name}' is {value}; it must be at least {least}.")
