"""Distances inside a shape: pixels of a mask as a graph of eight neighbours, and ways through it (scipy's Dijkstra)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

_NEIGHBOURS = ((0, 1, 1.0), (1, 0, 1.0), (1, 1, 2**0.5), (1, -1, 2**0.5))
"""(rows down, columns right, distance)."""


@dataclass(frozen=True, eq=False)
class PixelGraph:
    """The n pixels of a mask [H, W], numbered row by row.

    Attributes:
        mask: [H, W] bool.
        rows, columns: [n] int, where each pixel is.
        links: [n, n] sparse, distance of neighbours, each pair once.
    """

    mask: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    links: sparse.csr_matrix

    def nearest(self, point: np.ndarray) -> int:
        """The pixel nearest to a point (x, y)."""
        return int(np.argmin((self.columns - point[0]) ** 2 + (self.rows - point[1]) ** 2))

    def place(self, pixels: np.ndarray | int) -> np.ndarray:
        """(x, y) of pixels, [..., 2] float."""
        return np.stack([self.columns[pixels], self.rows[pixels]], -1).astype(float)

    def distances(self, pixel: int) -> np.ndarray:
        """[n] length of the shortest way inside the mask from one pixel, px; inf where there is none."""
        return np.asarray(dijkstra(self.links, directed=False, indices=pixel))

    def picture(self, values: np.ndarray, fill: float = np.inf) -> np.ndarray:
        """Values [n] as a picture [H, W], `fill` outside the mask."""
        out = np.full(self.mask.shape, fill, float)
        out[self.rows, self.columns] = values
        return out

    def medial_way(self, start: int, end: int, depth: np.ndarray) -> np.ndarray:
        """[L] pixels from `start` to `end` along the middle of the shape.

        Args:
            depth: [n] distance to the shape's edge; a step costs its length over the depth.
        """
        links = self.links.tocoo()
        cost = links.data * (1 / np.maximum(depth[links.row], 0.5) + 1 / np.maximum(depth[links.col], 0.5))
        weighted = sparse.csr_matrix((cost, (links.row, links.col)), shape=links.shape)
        _, before = dijkstra(weighted, directed=False, indices=end, return_predecessors=True)
        way = [start]
        while way[-1] != end and before[way[-1]] >= 0:
            way.append(int(before[way[-1]]))
        return np.array(way)


def pixel_graph(mask: np.ndarray) -> PixelGraph:
    """The graph of a mask [H, W] bool."""
    height, width = mask.shape
    rows, columns = np.nonzero(mask)
    number = np.full(mask.shape, -1)
    number[rows, columns] = np.arange(len(rows))
    first, second, length = [], [], []
    for down, right, distance in _NEIGHBOURS:
        a = number[: height - down, max(0, -right) : width - max(0, right)]
        b = number[down:, max(0, right) : width + min(0, right)]
        linked = (a >= 0) & (b >= 0)
        first.append(a[linked])
        second.append(b[linked])
        length.append(np.full(int(linked.sum()), distance))
    ends = (np.concatenate(first), np.concatenate(second))
    links = sparse.csr_matrix((np.concatenate(length), ends), shape=(len(rows), len(rows)))
    return PixelGraph(mask, rows, columns, links)
