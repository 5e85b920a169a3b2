"""As rigid as possible: the repair of a pose (Sorkine and Alexa 2007, on quads).

Each cell has a rest shape, its own in the pose with folds taken out; turns of the cells and places of the corners are
found in turn, every round with the same factorised matrix. Round each handle a small patch is held at the target.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from .mesh import Mesh, slopes
from .pose import Pull

_HOLD = 2.0
"""Corners this near to a handle, px, come to the target in the mean."""
_GRIP = 200.0
"""Weight of that against the stiffness of a cell."""
_LEAST, _MOST = 0.2, 5.0
"""Stretch that a rest shape may have."""
_REGULAR = 1e-6
_UNIT = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])


def repaired(mesh: Mesh, pulls: list[Pull], rounds: int, stiffness: np.ndarray) -> Mesh:
    """The mesh after `rounds` of repair; `stiffness` [Q] in place of its own."""
    count = len(mesh.rest)
    free, fixed = np.nonzero(~mesh.fixed)[0], np.nonzero(mesh.fixed)[0]
    if not len(free):
        return mesh
    rest = _rest_shapes(mesh)
    spread = np.eye(4) - 0.25
    rows = np.repeat(mesh.quads, 4, 1).ravel()
    columns = np.tile(mesh.quads, (1, 4)).ravel()
    values = (stiffness[:, None] * spread.ravel()[None]).ravel()
    grip, goal = _grips(mesh, pulls)
    system = (sparse.csr_matrix((values, (rows, columns)), (count, count)) + _GRIP * grip.T @ grip).tocsc()
    inner = (system[free][:, free] + _REGULAR * sparse.identity(len(free))).tocsc()
    solver = splu(inner)
    held = system[free][:, fixed] @ mesh.rest[fixed]
    pulled = _GRIP * (grip.T @ goal)
    moved = mesh.moved.copy()
    for _ in range(rounds):
        corner = moved[mesh.quads]
        corner = corner - corner.mean(1, keepdims=True)
        cos = np.einsum("qki,qki->q", rest, corner)
        sin = (rest[..., 0] * corner[..., 1] - rest[..., 1] * corner[..., 0]).sum(1)
        turn = np.arctan2(sin, cos)
        turned = _turned(rest, turn) * stiffness[:, None, None]
        force = pulled.copy()
        for axis in range(2):
            force[:, axis] += np.bincount(mesh.quads.ravel(), turned[..., axis].ravel(), count)
        moved[free] = solver.solve(force[free] - held + _REGULAR * moved[free])
    return replace(mesh, moved=moved)


def _rest_shapes(mesh: Mesh) -> np.ndarray:
    """[Q, 4, 2]: the cells of the pose about their middles, unfolded."""
    left, size, right = np.linalg.svd(slopes(mesh))
    folded = np.linalg.det(left @ right) < 0
    size[folded, 1] = 0
    left[folded, :, 1] *= -1
    return np.einsum("qij,kj->qki", (left * np.clip(size, _LEAST, _MOST)[:, None, :]) @ right, _UNIT)


def _turned(shapes: np.ndarray, turn: np.ndarray) -> np.ndarray:
    cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
    x, y = shapes[..., 0], shapes[..., 1]
    return np.stack([cos * x - sin * y, sin * x + cos * y], -1)


def _grips(mesh: Mesh, pulls: list[Pull]) -> tuple[sparse.csr_matrix, np.ndarray]:
    """(means over the corners near each handle [P, V], where they shall be [P, 2])."""
    goal: list[np.ndarray] = []
    rows, columns, values = [], [], []
    for pull in pulls:
        away = np.hypot(*(mesh.rest - pull.handle).T)
        near = np.nonzero(away <= _HOLD)[0]
        near = near if len(near) >= 3 else np.argsort(away)[:4]
        near = near[~mesh.fixed[near]]
        if len(near):
            rows.append(np.full(len(near), len(goal)))
            columns.append(near)
            values.append(np.full(len(near), 1 / len(near)))
            goal.append(pull.target - pull.handle + mesh.rest[near].mean(0))
    if not goal:
        return sparse.csr_matrix((1, len(mesh.rest))), np.zeros((1, 2))
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.csr_matrix(entries, (len(goal), len(mesh.rest))), np.array(goal)
