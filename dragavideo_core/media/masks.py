"""The one reader of masks: which pixels of a picture, or of a clip, somebody has marked.

Masks come in many hands: white on black, paint of any colour on a transparent or a white ground, numbers 0 and 1,
palettes with a colour for each object. What counts as marked is decided once for all frames, and said.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import DragAVideoError, memory_in_words
from ..files import is_folder, short_name
from .clip import read_stretch
from .pictures import PICTURE_SUFFIXES, opened_picture

_LEVELS = 255.0
_EXACT = (".png", ".bmp", ".tif", ".tiff")
"""Files that keep small numbers."""
_LABELS = 20
"""Greys up to this level are numbers of objects, not brightnesses."""
_COLOURED = 64
"""Difference of the channels, in levels, from which on a colour is no grey."""
_BLACK = 50
"""Paint that is nowhere brighter than this level is black."""
_BARE = 0.005
"""Share of pixels that may be something else by accident."""
_SOME = 0.05
"""Share of a paint's pixels from which on they are another paint."""
_VARIED = 38.0
"""Standard deviation of the colours of a photograph, in levels; paint has less."""
_LOOKED_AT = 1_000_000
_MANY_COLOURS = 64


@dataclass(frozen=True, eq=False)
class Mask:
    """`masks` [N, Hs, Ws] bool, one or one for each frame; `kind`: what was taken for the mask, in words."""

    masks: Tensor
    kind: str

    @property
    def share(self) -> float:
        """How much of the picture it is, 0-1."""
        return float(self.masks.float().mean())

    @property
    def note(self) -> str:
        """A sentence for the person."""
        return f"The mask is {100 * self.share:.3g} % of the picture: {self.kind}."


def read_mask(path: Path, *, every: int = 1, limit: int = 1, start: int = 0) -> Mask:
    """The mask that a picture holds, or a clip or folder of pictures that runs along with the edited one.

    Args:
        path: the file or folder. Of a moving or single picture file the first picture counts.
        every, limit, start: as in `load_clip`.

    Raises:
        DragAVideoError: nothing that can be read, nothing marked, or a picture with holes in place of a mask.
    """
    single = path.suffix.lower() in PICTURE_SUFFIXES and not is_folder(path)
    if single:
        every, limit, start = 1, 1, 0
    with memory_in_words(f"'{short_name(path)}'"):
        pictures = read_stretch(path, every=every, limit=limit, start=start, alpha=True).frames
        exact = path.suffix.lower() in _EXACT or is_folder(path)
        found = _marked(pictures, path, exact)
    if single and not found.masks.any():
        found = _by_palette(path) or found
    if not found.masks.any():
        raise DragAVideoError(f"'{path}' holds no mask, all of it is black; paint white what may change.")
    return found


def mask_of_levels(levels: Tensor, exact: bool = True) -> Mask:
    """The mask in levels [..., H, W] float 0-1: from 0.5 on, or from half of the brightest where nothing is so bright.

    Args:
        exact: whether small numbers are numbers of objects; else they are the noise of a lossy format.

    Raises:
        DragAVideoError: NaN or infinity.
    """
    top = float(levels.max()) if levels.numel() else 0.0
    if not bool(torch.isfinite(levels).all()):
        raise DragAVideoError("The mask holds values that are not finite; values from 0 to 1 were expected.")
    if top >= 0.5:
        return Mask(levels >= 0.5, "what is white")
    if top * _LEVELS > _LABELS + 0.5:
        return Mask(levels >= top / 2, "the brighter half of its greys")
    if not exact:
        return Mask(torch.zeros_like(levels, dtype=torch.bool), "what is white")
    return Mask(levels * _LEVELS >= 0.5, f"what is not 0 (its values are 0 to {round(top * _LEVELS)} of 255)")


def _marked(pictures: Tensor, path: Path, exact: bool) -> Mask:
    """The mask in pictures [N, H, W, 4] uint8 with straight alpha."""
    colour, alpha = pictures[..., :3], pictures[..., 3]
    most = int(alpha.max())
    if int(alpha.min()) < most / 2:
        return _paint(colour, alpha >= most / 2, path)
    value = colour.amax(-1)
    top = int(value.max())
    coloured = value - colour.amin(-1) >= _COLOURED
    if not coloured.any():
        return mask_of_levels(value / _LEVELS, exact)
    if float((value < top / 2).float().mean()) <= _BARE:
        return Mask(coloured, "what is painted in colour")
    if exact and _is_label_map(colour):
        return Mask(value > 0, "what is not black")
    return Mask(value >= top / 2, "what is bright or coloured")


def _paint(colour: Tensor, opaque: Tensor, path: Path) -> Mask:
    """Paint on a transparent ground."""
    step = max(1, opaque.numel() // _LOOKED_AT)
    seen = colour.reshape(-1, 3)[::step][opaque.reshape(-1)[::step]]
    if not len(seen):
        return Mask(opaque, "what is painted on the transparent ground")
    value = seen.amax(-1)
    top = int(value.max())
    bright = value >= top / 2
    two_kinds = top >= _BLACK and float((~bright).float().mean()) > _SOME
    if any(_is_varied(part) for part in ((seen[bright], seen[~bright]) if two_kinds else (seen,))):
        raise _holes(path)
    if two_kinds:
        return Mask(opaque & (colour.amax(-1) >= top / 2), "what is painted bright")
    return Mask(opaque, "what is painted on the transparent ground")


def _holes(path: Path) -> DragAVideoError:
    return DragAVideoError(
        f"'{path}' is a picture with transparent places, not a mask; paint white what may change, on black or on a "
        "transparent ground."
    )


def _is_varied(colours: Tensor) -> bool:
    return bool((colours.float().std(0, correction=0) > _VARIED).any())


def _is_label_map(colour: Tensor) -> bool:
    """Few colours, one of them black: a colour for each object."""
    pixels = colour.reshape(-1, 3)[:: max(1, colour.numel() // 3 // _LOOKED_AT)].to(torch.int64)
    found = torch.unique(pixels[:, 0] * 65536 + pixels[:, 1] * 256 + pixels[:, 2])
    return len(found) <= _MANY_COLOURS and int(found[0]) == 0


def _by_palette(path: Path) -> Mask | None:
    """What is not number 0 of a picture whose palette shows every number alike."""
    with opened_picture(path, as_bytes=True) as image:
        if image.mode != "P":
            return None
        numbers = torch.from_numpy(np.array(image))
    return Mask((numbers != 0)[None], "what is not number 0 of its palette")
