"""The object in every frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ..errors import DragAVideoError

Segmenter = Callable[[Tensor, Tensor], Tensor]
"""(frame [H, W, 3] float 0-1, clicks [M, 2] px (x, y)) -> objects under the clicks [H, W] bool, on the CPU."""


@dataclass(frozen=True, eq=False)
class ObjectMasks:
    """The dragged object in every frame of a clip, at source size.

    Attributes:
        masks: [N, H, W] bool.
        confidence: [N] fp32 0-1; below one half the mask should be looked at.
        key_frame: position in the clip of the frame that it was found on.
    """

    masks: Tensor
    confidence: Tensor
    key_frame: int

    def __post_init__(self) -> None:
        if self.masks.ndim != 3 or tuple(self.confidence.shape) != (len(self.masks),):
            raise DragAVideoError(
                f"Object masks of shape {tuple(self.masks.shape)} with confidence {tuple(self.confidence.shape)} do "
                "not belong together; [frames, height, width] and [frames] were expected."
            )
