"""Reading single pictures, animated pictures and folders of them with Pillow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..errors import DragAVideoError

if TYPE_CHECKING:
    from PIL.Image import Image

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
PICTURES_FPS = 24.0
"""Frame rate given to a folder of pictures, which has none."""
BACKGROUND = 1.0
"""Transparent pixels are laid over white, as browsers and picture viewers show them."""

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


def read_pictures(paths: Sequence[Path]) -> Tensor:
    """Read pictures of one size as [N, H, W, 3] float 0-1; orientation tags are applied.

    Raises:
        DragAVideoError: a file is no picture, or is of another size than the first.
    """
    from PIL import Image

    frames: list[Tensor] = []
    for path in paths:
        try:
            with Image.open(path) as image:
                frame = picture_tensor(image)
        except (OSError, SyntaxError, ValueError) as error:
            raise DragAVideoError(f"'{path}' cannot be read as a picture ({error}); remove or replace it.") from None
        if frames and frame.shape != frames[0].shape:
            (h, w), (h0, w0) = frame.shape[:2], frames[0].shape[:2]
            raise DragAVideoError(
                f"'{path.name}' is {w}x{h} pixels but '{paths[0].name}' is {w0}x{h0}; all pictures of a clip must be "
                "of one size."
            )
        frames.append(frame)
    return torch.stack(frames)


def animation_length(path: Path) -> int:
    """Number of frames in a picture file; 1 for an ordinary picture.

    Raises:
        DragAVideoError: the file is no picture.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            return int(getattr(image, "n_frames", 1)) if path.suffix.lower() in (".webp", ".png") else 1
    except (OSError, SyntaxError, ValueError) as error:
        raise DragAVideoError(f"'{path}' cannot be read as a picture ({error}); choose another file.") from None


def read_animation(path: Path, positions: Sequence[int]) -> tuple[Tensor, float]:
    """Frames `positions` of an animated WebP or PNG as [N, H, W, 3] float 0-1, and its average frame rate."""
    frames: dict[int, Tensor] = {}
    milliseconds, count = 0.0, 0
    for position, image in animation_images(path):
        count += 1
        milliseconds += float(image.info.get("duration") or 0.0)
        if position in positions:
            frames[position] = picture_tensor(image)
    fps = 1000.0 * count / milliseconds if milliseconds > 0 else PICTURES_FPS
    return torch.stack([frames[position] for position in positions]), fps


def animation_images(path: Path) -> Iterator[tuple[int, Image]]:
    """(position, picture) of every frame; each picture is good until the next one is asked for."""
    from PIL import Image

    with Image.open(path) as image:
        for position in range(int(getattr(image, "n_frames", 1))):
            image.seek(position)
            image.load()
            yield position, image


def jpeg_of(picture: Tensor, longest: int) -> bytes:
    """A picture [H, W, 3] (float 0-1) as JPEG for looking at, shrunk so that no side has more than `longest` pixels."""
    import cv2

    pixels, share = picture.numpy(), longest / max(picture.shape[:2])
    if share < 1:
        width, height = (max(1, round(side * share)) for side in (pixels.shape[1], pixels.shape[0]))
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    levels = np.rint(pixels[..., ::-1] * 255.0).astype(np.uint8)
    _, data = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return data.tobytes()


def picture_tensor(image: Image) -> Tensor:
    """An opened picture upright, as [H, W, 3] float 0-1, alpha over white."""
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):
        # 16-bit grey: Pillow's own conversion to RGB clips it at 255.
        grey = torch.from_numpy(np.asarray(upright, dtype=np.float32) / 65535.0).clamp_(0.0, 1.0)
        return grey[..., None].expand(-1, -1, 3).contiguous()
    if upright.has_transparency_data:
        return over_background(torch.from_numpy(np.array(upright.convert("RGBA"))).float() / 255.0)
    return torch.from_numpy(np.array(upright.convert("RGB"))).float() / 255.0


def _natural(path: Path) -> list[tuple[int, int | str]]:
    parts = re.split(r"([0-9]+)", path.name.lower())
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts]
