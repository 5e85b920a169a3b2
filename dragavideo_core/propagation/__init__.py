"""Point-set propagation (Sec. 3.2 of the paper): from one frame's clicks to points and a region in every frame."""

from __future__ import annotations

from .point_sets import PointSets
from .propagate import propagate

__all__ = ["PointSets", "propagate"]
