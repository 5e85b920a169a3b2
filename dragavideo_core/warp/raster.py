"""A moved mesh drawn at source size: for every pixel the place that it comes from, exact inside every triangle."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from .mesh import Mesh

_SIZES = (0, 4, 8, 14, 24, 48, 200)
"""Triangles are drawn in groups of like size, px, each with one window."""


def inverse_map(mesh: Mesh, scale: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """[H, W, 2] (x, y) in source px that each pixel shows; NaN where no cell lands.

    Args:
        scale: [2], source px in a px of the mesh, along x and y.
        shape: (H, W) of the source.
    """

    def enlarged(points: np.ndarray) -> np.ndarray:
        return (points + 0.5) * scale - 0.5

    rest, moved, (height, width) = enlarged(mesh.rest), enlarged(mesh.moved), shape
    triangles = np.concatenate([mesh.quads[:, [0, 1, 2]], mesh.quads[:, [0, 2, 3]]])
    level = np.tile(mesh.height, 2)
    corner, origin = moved[triangles], rest[triangles]
    first = np.floor(corner.min(1)).astype(int)
    size = (np.ceil(corner.max(1)).astype(int) - first).max(1) + 1
    right, down = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    area = right[:, 0] * down[:, 1] - right[:, 1] * down[:, 0]
    pixels, levels, places = [], [], []
    for low, high in pairwise(_SIZES):
        chosen = np.nonzero((np.abs(area) > 1e-9) & (size > low) & (size <= high))[0]
        if not len(chosen):
            continue
        side = int(size[chosen].max())
        window = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2)
        pixel = first[chosen][:, None] + window[None]
        away = pixel - corner[chosen, 0][:, None]
        b, c = right[chosen][:, None], down[chosen][:, None]
        share_b = (away[..., 0] * c[..., 1] - away[..., 1] * c[..., 0]) / area[chosen][:, None]
        share_c = (b[..., 0] * away[..., 1] - b[..., 1] * away[..., 0]) / area[chosen][:, None]
        inside = (share_b >= -1e-6) & (share_c >= -1e-6) & (share_b + share_c <= 1 + 1e-6)
        inside &= (pixel >= 0).all(-1) & (pixel[..., 0] < width) & (pixel[..., 1] < height)
        which, where = np.nonzero(inside)
        triangle = chosen[which]
        at, b, c = pixel[which, where], share_b[which, where][:, None], share_c[which, where][:, None]
        start = origin[triangle]
        places.append(start[:, 0] + b * (start[:, 1] - start[:, 0]) + c * (start[:, 2] - start[:, 0]))
        pixels.append(at[:, 1] * width + at[:, 0])
        levels.append(level[triangle])
    found = np.full((height * width, 2), np.nan)
    if pixels:
        order = np.argsort(np.concatenate(levels), kind="stable")  # the highest is written last
        found[np.concatenate(pixels)[order]] = np.concatenate(places)[order]
    return found.reshape(height, width, 2)
