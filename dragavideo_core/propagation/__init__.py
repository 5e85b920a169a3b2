"""Point-set propagation (Sec. 3.2 of the paper): from one frame's clicks to points and a mask in every frame."""

from __future__ import annotations

from .point_sets import PointSets
from .propagate import propagate
from .sam import sam_segmenter
from .segmentation import Segmenter, grabcut_segmenter, mask_segmenter

__all__ = ["PointSets", "Segmenter", "grabcut_segmenter", "mask_segmenter", "propagate", "sam_segmenter"]
