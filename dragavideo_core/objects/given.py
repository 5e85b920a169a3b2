"""Masks that somebody gives: checked, and told apart into one for the key frame and one a frame."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import DragAVideoError

_WHOLE = 0.95


def checked_objects(mask: Tensor, count: int, size: tuple[int, int]) -> Tensor:
    """A given mask as bool [1, H, W] (of the key frame) or [N, H, W] (one a frame).

    Args:
        mask: [H, W], [1, H, W] or [N, H, W], bool or float (>= 0.5 is object).
        count: N; size: (W, H) of the clip's own frames.

    Raises:
        DragAVideoError: another size or number, nothing marked, or all of the frame.
    """
    masks = mask[None] if mask.ndim == 2 else mask
    width, height = size
    if masks.ndim != 3 or tuple(masks.shape[1:]) != (height, width):
        raise DragAVideoError(
            f"The object's mask is {_shown(masks)}, the clip's frames are {width}x{height}; give one of that very size."
        )
    if len(masks) not in (1, count):
        raise DragAVideoError(
            f"There are {len(masks)} object masks for {count} frames; give one for the frame of the points, or one for "
            "each frame that Prepare Clip takes."
        )
    masks = masks if masks.dtype == torch.bool else masks >= 0.5
    share = masks.float().mean(dim=(1, 2))
    if float(share.max()) == 0:
        raise DragAVideoError(
            "The object's mask is empty, nothing in it is white; paint the object, or connect no mask."
        )
    if float(share.min()) > _WHOLE:
        raise DragAVideoError(
            f"The object's mask covers {float(share.min()):.0%} of the frame, so nothing is background; paint the "
            "object alone, or invert the mask."
        )
    return masks


def _shown(masks: Tensor) -> str:
    return "x".join(str(side) for side in reversed(masks.shape[-2:])) if masks.ndim >= 2 else str(tuple(masks.shape))
