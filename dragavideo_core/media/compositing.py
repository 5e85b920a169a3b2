"""Puts edited working frames back into the source clip, so that the rest of it stays bit for bit as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch import Tensor

from ..errors import DragAVideoError

if TYPE_CHECKING:
    from .clip import Clip


def composite(clip: Clip, edited: Tensor, masks: Tensor, feather_px: float) -> Tensor:
    """Edited pixels inside the masks, source pixels outside, at the source's size.

    The blend runs *inside* the masks' border, so no pixel outside a mask changes by even one bit, and a mask that holds
    nothing gives the source frame back.

    Args:
        clip: the clip that was edited.
        edited: [N, H, W, 3], 0-1, working size.
        masks: [N, Hs, Ws] bool, source size: where edits may show.
        feather_px: width of the blend in *working* px; 0 cuts hard.

    Returns:
        [N, Hs, Ws, 3] fp32, 0-1.

    Raises:
        DragAVideoError: masks or frames of other counts or sizes, a negative feather.
    """
    if edited.shape != clip.frames.shape:
        raise DragAVideoError(
            f"The edited frames have the shape {list(edited.shape)}, the clip's {list(clip.frames.shape)}; "
            "composite the frames of the clip they come from."
        )
    return lay_back(clip, clip.geometry.frames_to_source(edited, clip.source), masks, feather_px)


def lay_back(clip: Clip, back: Tensor, masks: Tensor, feather_px: float) -> Tensor:
    """`composite` of frames that have the source's size already, [N, Hs, Ws, 3]."""
    source = clip.source
    if masks.shape != source.shape[:3]:
        raise DragAVideoError(
            f"The masks have the shape {list(masks.shape)}, but the source clip needs {list(source.shape[:3])} "
            "(frames, height, width)."
        )
    geometry = clip.geometry
    # Where a crop cut the source, its edge is a border to fade at, too.
    width, height = geometry.working_size
    window = geometry.mask_to_source(torch.ones(1, height, width, dtype=torch.bool))
    weight = feather(masks.bool() & window, feather_px / geometry.scale).unsqueeze(-1)
    return torch.where(weight > 0, torch.lerp(source, back, weight), source).clamp(0, 1)


def feather(masks: Tensor, width_px: float) -> Tensor:
    """Blend weights of masks: 0 outside, rising with the distance from the border to 1 at `width_px` inside.

    The picture's own edge is no border: a mask that touches it is not faded there.

    Args:
        masks: [N, H, W] bool.
        width_px: in px of the masks, at least 0.

    Returns:
        [N, H, W] fp32, 0-1.
    """
    if not width_px >= 0:
        raise DragAVideoError(f"A feather of {width_px} px is not possible; choose 0 (hard edge) or more.")
    return torch.from_numpy(np.stack([_ramp(mask, width_px) for mask in masks.cpu().numpy().astype(bool)]))


def _ramp(mask: np.ndarray, width_px: float) -> np.ndarray:
    if mask.all() or not mask.any() or width_px == 0:
        return mask.astype(np.float32)
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    share = np.clip(inside / (width_px + 1), 0, 1)  # the nearest pixels inside have distance 1
    return (share * share * (3 - 2 * share)).astype(np.float32)
