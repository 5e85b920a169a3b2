"""Cells of a picture as a mesh of quads: built from a pose, checked for folds, widened by a rim."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..media.shapes import grown
from .pose import Pose, rest_corners

_RING = 2
"""So many cells of the object that stays hold what moves."""
_RIM = 3
"""So many cells round the object move along with it: its antialiased edge lies there."""
_BELOW = -1e6
"""Height of the rim's cells: under all others."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """Q quads over V corners; px of the solved picture.

    Attributes:
        rest, moved: [V, 2] positions (x, y) before and after.
        fixed: [V] bool, corners that stay.
        quads: [Q, 4] corners, in the order top left, top right, bottom right, bottom left.
        cells: [Q, 2] (row, column) of each quad.
        stiffness, height: [Q].
    """

    rest: np.ndarray
    moved: np.ndarray
    fixed: np.ndarray
    quads: np.ndarray
    cells: np.ndarray
    stiffness: np.ndarray
    height: np.ndarray


def mesh_of(pose: Pose, pins: list[np.ndarray], pin_radius: float) -> Mesh:
    """The cells that move and the ring that holds them; corners near pins stay."""
    ring = grown(pose.free, _RING) & pose.fixed
    cells = pose.free | ring
    quads, vertex = _quads(cells)
    rows, columns = np.nonzero(vertex >= 0)
    order = np.argsort(vertex[rows, columns])
    rows, columns = rows[order], columns[order]
    rest = rest_corners(*cells.shape)[rows, columns]
    fixed = np.zeros(len(rest), bool)
    for down in (0, 1):
        for right in (0, 1):
            ring_rows, ring_columns = np.nonzero(ring)
            fixed[vertex[ring_rows + down, ring_columns + right]] = True
    for pin in pins:
        fixed |= np.hypot(*(rest - pin).T) <= pin_radius
    moved = np.where(fixed[:, None], rest, pose.corners[rows, columns])
    at = np.stack(np.nonzero(cells), -1)
    return Mesh(rest, moved, fixed, quads, at, pose.stiffness[cells], pose.height[cells])


def least_turn(mesh: Mesh) -> float:
    """Twice the least signed area of the triangles that quads are drawn as; positive where nothing folds."""
    corner = mesh.moved[mesh.quads]
    areas = [
        (corner[:, b] - corner[:, a])[:, 0] * (corner[:, c] - corner[:, a])[:, 1]
        - (corner[:, b] - corner[:, a])[:, 1] * (corner[:, c] - corner[:, a])[:, 0]
        for a, b, c in ((0, 1, 2), (0, 2, 3))
    ]
    return float(np.min(areas)) if len(mesh.quads) else 1.0


def slopes(mesh: Mesh) -> np.ndarray:
    """[Q, 2, 2] Jacobian of each quad: columns are where its sides along x and y go."""
    corner = mesh.moved[mesh.quads]
    along_x = ((corner[:, 1] - corner[:, 0]) + (corner[:, 2] - corner[:, 3])) / 2
    along_y = ((corner[:, 3] - corner[:, 0]) + (corner[:, 2] - corner[:, 1])) / 2
    return np.stack([along_x, along_y], -1)


def with_rim(mesh: Mesh, shape: tuple[int, int]) -> Mesh:
    """The mesh widened by the cells round it; each new corner follows the affine maps of the cells nearest to it."""
    height, width = shape
    cells = np.zeros(shape, bool)
    cells[tuple(mesh.cells.T)] = True
    rim = grown(cells, _RIM) & ~cells
    number = np.full(shape, -1)
    number[tuple(mesh.cells.T)] = np.arange(len(mesh.cells))
    kind = cv2.DIST_LABEL_PIXEL
    _, labels = cv2.distanceTransformWithLabels((~cells).astype(np.uint8), cv2.DIST_L2, 5, labelType=kind)
    of_label = np.zeros(int(labels.max()) + 1, int)
    of_label[labels[cells]] = number[cells]
    nearest = of_label[labels]
    old = np.full((height + 1, width + 1), -1)
    corner_at = np.rint(mesh.rest + 0.5).astype(int)
    old[corner_at[:, 1], corner_at[:, 0]] = np.arange(len(mesh.rest))
    wanted = np.zeros((height + 1, width + 1), bool)
    rim_rows, rim_columns = np.nonzero(rim)
    for down in (0, 1):
        for right in (0, 1):
            wanted[rim_rows + down, rim_columns + right] = True
    wanted &= old < 0
    rows, columns = np.nonzero(wanted)
    old[rows, columns] = len(mesh.rest) + np.arange(len(rows))
    rest = np.stack([columns - 0.5, rows - 0.5], -1)
    middle, slope = mesh.moved[mesh.quads].mean(1), slopes(mesh)
    total = np.zeros((len(rows), 2))
    for down in (0, -1):
        for right in (0, -1):
            quad = nearest[np.clip(rows + down, 0, height - 1), np.clip(columns + right, 0, width - 1)]
            total += middle[quad] + np.einsum("nij,nj->ni", slope[quad], rest - mesh.cells[quad][:, ::-1])
    quads = np.stack([old[rim_rows + down, rim_columns + right] for down, right in ((0, 0), (0, 1), (1, 1), (1, 0))], 1)
    return Mesh(
        np.concatenate([mesh.rest, rest]),
        np.concatenate([mesh.moved, total / 4]),
        np.concatenate([mesh.fixed, np.zeros(len(rows), bool)]),
        np.concatenate([quads, mesh.quads]),
        np.concatenate([np.stack([rim_rows, rim_columns], -1), mesh.cells]),
        np.concatenate([np.ones(len(quads)), mesh.stiffness]),
        np.concatenate([np.full(len(quads), _BELOW), mesh.height]),
    )


def _quads(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """([Q, 4] corner numbers of each cell, [H + 1, W + 1] number of each corner, -1 where no cell has it)."""
    rows, columns = np.nonzero(cells)
    used = np.zeros((cells.shape[0] + 1, cells.shape[1] + 1), bool)
    corners = ((0, 0), (0, 1), (1, 1), (1, 0))
    for down, right in corners:
        used[rows + down, columns + right] = True
    vertex = np.full(used.shape, -1)
    vertex[used] = np.arange(int(used.sum()))
    return np.stack([vertex[rows + down, columns + right] for down, right in corners], 1), vertex
