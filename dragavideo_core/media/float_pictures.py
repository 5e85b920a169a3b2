"""TIFFs of floating-point colours, which Pillow does not know, through OpenCV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..errors import DragAVideoError
from .limits import check_picture

_WIDTH, _HEIGHT, _SAMPLE_FORMAT = 256, 257, 339
_FLOAT = 3


def is_float_tiff(path: Path) -> bool:
    """Whether a file is a TIFF whose colours, red, green and blue, are floats.

    Raises:
        DragAVideoError: it is one, and too large.
    """
    if path.suffix.lower() not in (".tif", ".tiff"):
        return False
    tags = _tags(path)
    formats = tags.get(_SAMPLE_FORMAT, ())
    if len(formats) < 3 or set(formats) != {_FLOAT}:
        return False
    check_picture(path, int(tags.get(_WIDTH, 0)), int(tags.get(_HEIGHT, 0)))
    return True


def float_pixels(path: Path) -> np.ndarray[Any, Any]:
    """The pixels of such a file, [H, W, 3] float32, as they are in it.

    Raises:
        DragAVideoError: it is damaged.
    """
    try:
        pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    except (cv2.error, OSError):
        pixels = None
    if pixels is None or pixels.ndim != 3:
        raise DragAVideoError(f"'{path}' cannot be read as a picture (a TIFF of floats); save it as PNG.")
    return np.ascontiguousarray(pixels[..., 2::-1], np.float32)


def _tags(path: Path) -> Any:
    """The tags of a TIFF's first picture; none where it is no TIFF."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    try:
        with path.open("rb") as file:
            directory = ImageFileDirectory_v2(file.read(8))
            file.seek(directory.next)
            directory.load(file)
            return {tag: directory[tag] for tag in (_WIDTH, _HEIGHT, _SAMPLE_FORMAT) if tag in directory}
    except Exception:  # Pillow's parser raises whatever it runs into; Pillow itself will say what is wrong.
        return {}
