"""What is too large to read: width x height x frames, looked at before anything is allocated.

A file of a few bytes may claim pictures of gigabytes. So what may be read grows with what the file holds, from a floor
that every honest file stays under: real pictures take more than a third of a bit for each pixel.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import DragAVideoError

_MIB = 2**20
PICTURE_PX = 12_000_000
"""Pixels of one picture that a file may hold for each MiB of it that is begun: a telephone's 4000 x 3000."""
LEVELS_PX = 24_000_000
"""The same where they stay bytes: masks, which take little room for their size."""
FRAME_PX = 12_000_000
"""The same for one frame of a video, of which decoders keep several: 4096 x 2304 and a little more."""
CLIP_PX = 33_500_000
"""The same for all frames that are taken together, which lie in memory as 12 bytes a pixel: 16 of 1920 x 1080."""
_SMALL_BYTES, _SMALL_PX = 500_000, 24_000_000
"""And for those of a file of less than so many bytes."""
MOST_PX = 300_000_000
"""Pixels of one picture, whatever its file's size."""


def check_picture(path: Path, width: int, height: int, as_bytes: bool = False) -> None:
    """Raises DragAVideoError where one picture of a picture file is too large to be opened."""
    most = LEVELS_PX if as_bytes else PICTURE_PX
    _check(path, width, height, min(most * _begun(path.stat().st_size), MOST_PX))


def check_frame(path: Path, width: int, height: int) -> None:
    """Raises DragAVideoError where one frame of a video file is too large to be decoded."""
    _check(path, width, height, most_frame_px(path))


def check_gif(path: Path) -> None:
    """Raises DragAVideoError where a file is a GIF whose frames are too large; FFmpeg only says that it has none."""
    with path.open("rb") as file:
        head = file.read(10)
    if head[:4] == b"GIF8":
        check_frame(path, int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little"))


def most_frame_px(path: Path) -> int:
    """Pixels that one frame of a video file may have."""
    return min(FRAME_PX * _begun(path.stat().st_size), MOST_PX)


def check_clip(name: str, file_bytes: int, width: int, height: int, frames: int) -> None:
    """Raises DragAVideoError where the frames to be taken, of files of `file_bytes` together, are too large.

    Args:
        name: of the file or folder, for the message.
        width, height: of one frame, px.
        frames: how many are taken.
    """
    most = CLIP_PX * _begun(file_bytes) if file_bytes >= _SMALL_BYTES else _SMALL_PX
    # One picture has its own check.
    if frames > 1 and width * height * frames > most:
        raise DragAVideoError(
            f"'{name}' would give {frames} frames of {width}x{height} pixels, which is too large for a file of "
            f"{file_bytes} bytes (at most {most // 1_000_000} million pixels in all); take fewer frames, or scale it "
            "down first."
        )


def _begun(file_bytes: int) -> int:
    return file_bytes // _MIB + 1


def _check(path: Path, width: int, height: int, most: int) -> None:
    if width * height > most:
        raise DragAVideoError(
            f"'{path}' is {width}x{height} pixels, which is too large for a file of {path.stat().st_size} bytes (at "
            f"most {most // 1_000_000} million pixels); scale it down first."
        )
