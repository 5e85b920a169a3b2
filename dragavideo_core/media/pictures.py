"""Reading single pictures, animated pictures and folders of them with Pillow."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..errors import DragAVideoError
from .float_pictures import float_pixels, is_float_tiff
from .limits import check_clip, check_picture
from .stack import Stack
from .strip import small_picture, small_size
from .timing import PICTURES_FPS

if TYPE_CHECKING:
    from PIL.Image import Image

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".avif")
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "DIB", "TIFF", "AVIF", "GIF")
"""Pillow's names of the formats that are read: none of them starts another program, as EPS does."""
_ANIMATED = ("PNG", "WEBP", "AVIF", "GIF")
BACKGROUND = 1.0
"""Transparent pixels are laid over white, as browsers and picture viewers show them."""
_ORIENTATION = 0x0112
_BAND = 256
"""Rows that are converted at a time, so that a large picture is in memory once."""
_TIMED = 100
"""Frames of a moving picture that tell its rate, at least."""
_JPEG_QUALITY = 88


def over_background(rgba: Tensor) -> Tensor:
    """Composite [..., 4] float 0-1 with straight alpha over `BACKGROUND`, giving [..., 3]."""
    alpha = rgba[..., 3:]
    return rgba[..., :3] * alpha + BACKGROUND * (1.0 - alpha)


def pictures_in(folder: Path) -> list[Path]:
    """The folder's pictures in natural order (frame2 before frame10); hidden files are left out.

    Raises:
        DragAVideoError: there is none.
    """
    found = [p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES and not p.name.startswith(".")]
    if not found:
        raise DragAVideoError(
            f"The folder '{folder}' has no pictures; expected files ending in {', '.join(PICTURE_SUFFIXES)}."
        )
    return sorted(found, key=_natural)


def read_pictures(paths: Sequence[Path], *, alpha: bool = False) -> Tensor:
    """Read pictures of one size as [N, H, W, 3] float 0-1; orientation tags are applied.

    Args:
        alpha: give [N, H, W, 4] uint8 with straight alpha in place of alpha over white.

    Raises:
        DragAVideoError: a file is no picture, is too large, or is of another size than the first.
    """
    frames = Stack(len(paths))
    for path in paths:
        frame = _read_picture(path, alpha)
        if frames and tuple(frame.shape) != frames.shape:
            (h, w), (h0, w0) = frame.shape[:2], frames.shape[:2]
            raise DragAVideoError(
                f"'{path.name}' is {w}x{h} pixels but '{paths[0].name}' is {w0}x{h0}; all pictures of a clip must be "
                "of one size."
            )
        if not frames:
            file_bytes = sum(path.stat().st_size for path in paths)
            check_clip(str(path.parent), file_bytes, frame.shape[1], frame.shape[0], len(paths))
        frames.append(frame)
    return frames.tensor()


def small_picture_of(path: Path) -> Tensor:
    """A picture file for the strip, [h, w, 3] uint8.

    Raises:
        DragAVideoError: it is no picture, or too large.
    """
    if is_float_tiff(path):
        return small_picture(_read_picture(path, alpha=False))
    with opened_picture(path, as_bytes=True) as image:
        return small_picture_tensor(image)


def _read_picture(path: Path, alpha: bool) -> Tensor:
    if is_float_tiff(path):
        picture = _scaled(float_pixels(path)).clamp_(0.0, 1.0)
        return _with_alpha(picture) if alpha else picture
    with opened_picture(path, as_bytes=alpha) as image:
        return picture_tensor(image, alpha=alpha)


def animation_length(path: Path) -> int:
    """Number of frames in a picture file; 1 for an ordinary picture.

    Raises:
        DragAVideoError: the file is no picture.
    """
    if path.suffix.lower() in (".tif", ".tiff"):
        return 1
    with opened_picture(path, as_bytes=True) as image:
        return int(getattr(image, "n_frames", 1)) if image.format in _ANIMATED else 1


class Animation:
    """The frames of a moving picture, and, once they have been looked through, how fast it moves."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seconds, self._count = 0.0, 0

    @property
    def fps(self) -> float:
        """Average rate of the frames that have been given."""
        return self._count / self._seconds if self._seconds > 0 else PICTURES_FPS

    def frames(self) -> Generator[tuple[int, Image]]:
        """(position, picture) of every frame up to the end or to what is whole of it.

        Each picture is good until the next one is asked for.

        Raises:
            DragAVideoError: not even the first frame can be read.
        """
        with opened_picture(self._path) as image:
            for position in range(int(getattr(image, "n_frames", 1))):
                try:
                    image.seek(position)
                    image.load()
                except (EOFError, OSError, SyntaxError, ValueError):
                    if not position:
                        raise
                    return
                self._seconds += float(image.info.get("duration") or 0.0) / 1000.0
                self._count += 1
                yield position, image

    def until(self, last: int) -> Generator[tuple[int, Image]]:
        """`frames` up to position `last`, and as many more without being given as tell the rate well."""
        for position, image in self.frames():
            if position <= last:
                yield position, image
            elif position >= _TIMED:
                return


@contextmanager
def opened_picture(path: Path, *, as_bytes: bool = False) -> Iterator[Image]:
    """A picture file opened by Pillow, of a format that is read, and not larger than such a file may be.

    Args:
        as_bytes: whether its pixels stay bytes, and may be more.

    Raises:
        DragAVideoError: it is none, or what is done with it inside of the block fails because it is damaged.
    """
    from PIL import Image

    try:
        Image.init()
        # Pillow before 11.3 knows no AVIF.
        with Image.open(path, formats=[name for name in _FORMATS if name in Image.OPEN]) as image:
            check_picture(path, image.width, image.height, as_bytes)
            yield image
    except (DragAVideoError, GeneratorExit):
        raise
    except Image.DecompressionBombError:
        raise DragAVideoError(f"'{path}' has too many pixels for a picture; scale it down first.") from None
    except MemoryError:
        raise DragAVideoError(f"'{path}' does not fit into memory; scale it down first.") from None
    except Exception as error:
        # Pillow's plugins raise whatever their parsers run into: KeyError, struct.error, zlib.error, OverflowError ...
        raise DragAVideoError(f"'{path}' cannot be read as a picture ({error}); remove or replace it.") from None


def jpeg_of(picture: Tensor, longest: int) -> bytes:
    """A picture [H, W, 3] (float 0-1 or uint8) as JPEG for looking at, no side longer than `longest` pixels."""
    pixels = _shrunk(picture.numpy(), longest)
    if pixels.dtype != np.uint8:
        pixels = np.rint(pixels * 255.0).astype(np.uint8)
    return _jpeg(pixels[..., ::-1])


def smaller_jpeg(jpeg: bytes, longest: int) -> bytes:
    """A JPEG with no side of more than `longest` pixels."""
    import cv2

    return _jpeg(_shrunk(np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)), longest))


def _shrunk(pixels: np.ndarray[Any, Any], longest: int) -> np.ndarray[Any, Any]:
    import cv2

    share = longest / max(pixels.shape[:2])
    if share >= 1:
        return pixels
    width, height = (max(1, round(side * share)) for side in (pixels.shape[1], pixels.shape[0]))
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))


def _jpeg(levels: np.ndarray[Any, Any]) -> bytes:
    """Levels [H, W, 3], blue first, uint8."""
    import cv2

    _, data = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return data.tobytes()


def picture_tensor(image: Image, *, alpha: bool = False) -> Tensor:
    """An opened picture upright, as [H, W, 3] float 0-1, alpha over white; with `alpha` [H, W, 4] uint8, straight."""
    from PIL import ImageOps

    if image.getexif().get(_ORIENTATION, 1) != 1:
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith(("I", "F")):
        grey = _scaled(np.asarray(image)).clamp_(0.0, 1.0)[..., None].expand(-1, -1, 3)
        return _with_alpha(grey) if alpha else grey.contiguous()
    if alpha:
        return torch.from_numpy(np.array(image.convert("RGBA")))
    image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    return picture_of_bytes(np.asarray(image))


def picture_of_bytes(pixels: np.ndarray[Any, Any]) -> Tensor:
    """[H, W, 3 or 4] uint8 as [H, W, 3] float 0-1, alpha over white."""
    picture = torch.empty(*pixels.shape[:2], 3)
    for top in range(0, len(pixels), _BAND):
        band = torch.from_numpy(pixels[top : top + _BAND].copy()).float().div_(255.0)
        picture[top : top + _BAND] = over_background(band) if band.shape[-1] == 4 else band
    return picture


def small_picture_tensor(image: Image) -> Tensor:
    """An opened picture for the strip, [h, w, 3] uint8, shrunk before it becomes floats."""
    from PIL.Image import Resampling

    size = small_size(*image.size)
    if size != image.size and not image.mode.startswith(("I", "F")):
        transparent = image.has_transparency_data
        image = image.convert("RGBA" if transparent else "RGB").resize(size, Resampling.BOX)
        return picture_tensor(image).mul_(255.0).round_().to(torch.uint8)
    return small_picture(picture_tensor(image))


def _with_alpha(picture: Tensor) -> Tensor:
    """[H, W, 3] float 0-1 as [H, W, 4] uint8, opaque."""
    return torch.nn.functional.pad((picture * 255.0).round_().to(torch.uint8), (0, 1), value=255)


def _scaled(levels: np.ndarray[Any, Any]) -> Tensor:
    """Levels of more than 8 bits as float, 1.0 at white. Pillow's own conversion to RGB clips them at 255."""
    grey = torch.from_numpy(levels.astype(np.float32))
    if levels.dtype.kind != "f":
        return grey.div_(65535.0)
    # Floats are 0-1 by convention, but some programs write 8 or 16 bits as they are.
    top = float(torch.nan_to_num(grey, 0.0, 0.0, 0.0).max())
    white = next((white for white in (1.0, 255.0, 65535.0) if top <= 2 * white), top)
    return torch.nan_to_num(grey.div_(white), 0.0)


def _natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Text and digits in turn; digits by how many there are, then by themselves. The name itself decides of equals."""
    parts = re.split(r"([0-9]+)", path.name.lower())
    key: list[tuple[int, str]] = []
    for number, part in enumerate(parts):
        digits = part.lstrip("0")
        key.append((len(digits), digits) if number % 2 else (0, part))
    return key, path.name
