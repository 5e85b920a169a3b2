"""A warp at source size as the network's working clip sees it."""

from __future__ import annotations

from torch import Tensor

from ..media.geometry import Geometry
from .clip import WarpedClip


def working_ways(warp: WarpedClip, geometry: Geometry) -> Tensor:
    """The warp's backward displacement [N, H, W, 2] in working px: content at y comes from y - way."""
    return geometry.values_to_working(warp.ways) * geometry.scale
