"""The fitted displacement field: an object is stretched by its handles, the background behind it stands still.

1. *Stretch.* On the object's pixels a displacement u is found that equals each drag at its handle, is zero where the
   object leaves the editable region and at pins, and is as even as possible between: u solves
   laplacian(u) = u / reach^2 on the object alone, with free edges. Along a thin part this is the straight line from
   root to tip, whatever the part's shape or the drag's direction; several drags simply are several fixed values. The
   screening by reach, a multiple of the drag's length, lets the motion die out where no root holds the object.
2. *Layers.* The object's pixels are moved by u onto the frame (splatted), which gives the way back for every pixel
   that they cover. A pixel that the object left is filled from the nearest pixel of the background. The rest stays.

Without a segmentation every pixel counts as object, and background is dragged along.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from scipy import sparse
from scipy.sparse.linalg import cg
from torch import Tensor

REACH = 2.0
"""Distance, in lengths of the drag, over which the displacement dies out by itself. Smaller values help where the mask
is generous, larger ones where it ends at the part's root (bench/quality/fields.py)."""
_HOLD = 3 / 128
"""Radius of the disc that moves as one round a handle, as a share of the frame's longer side. One disc a handle: a
whole set of points held still against each other makes a stiff block of a slender part's end."""
_SAMPLES = 4
"""Each pixel of the object is splatted as _SAMPLES x _SAMPLES points, so that stretching tears no holes."""
_COVERED = 0.25
"""Share of a pixel that must be covered by the moved object to belong to it."""
_RIM = 3
"""Kernel size: pixels next to the object are mixed with it by antialiasing and are no source of background."""
_ITERATIONS = 600
_TOLERANCE = 1e-3


def object_field(
    handles: Tensor, targets: Tensor, editable: Tensor, pinned: Tensor, foreground: Tensor | None
) -> Tensor:
    """Backward displacement of one frame: content at y comes from y - field(y).

    Args:
        handles, targets: [M, 2] working px (x, y), M >= 1.
        editable: [H, W] bool.
        pinned: [Q, 2] working px.
        foreground: [H, W] bool, the dragged object's pixels; None takes every pixel.

    Returns:
        [H, W, 2] fp32 px, zero where not editable.
    """
    height, width = editable.shape
    radius = max(1.0, _HOLD * max(height, width))
    domain = torch.ones_like(editable) if foreground is None else foreground.clone()
    # Points of a set that lie beside the object say nothing about it, unless all do.
    on_object = _at(domain, handles)
    if on_object.any():
        handles, targets = handles[on_object], targets[on_object]
    domain |= _near(handles, editable.shape, 1.0) <= 1.0  # a handle outside a poor segmentation still has a pixel
    distance, nearest = _nearest(handles, editable.shape)
    held = (distance <= radius) & domain & editable
    still = ~editable | (_near(pinned, editable.shape, radius) <= radius)
    drag = targets - handles
    values = torch.where((held & ~still).unsqueeze(-1), drag[nearest], torch.zeros(2))
    length = float(drag.norm(dim=-1).mean())
    if length < 1e-3:
        return torch.zeros(height, width, 2)

    # Only the editable region and the ring that holds it take part.
    rows, columns = (torch.nonzero(editable.any(axis)).flatten() for axis in (1, 0))
    if len(rows) == 0:
        return torch.zeros(height, width, 2)
    box = (
        slice(max(int(rows[0]) - 1, 0), int(rows[-1]) + 2),
        slice(max(int(columns[0]) - 1, 0), int(columns[-1]) + 2),
    )
    forward = torch.zeros(height, width, 2)
    screening = 0.0 if foreground is None else 1 / (REACH * length) ** 2
    forward[box] = stretch(values[box], (domain & ~held & ~still)[box], domain[box], screening)

    back, coverage = _splat(forward, domain & editable)
    covered = (coverage > _COVERED) & editable
    field = torch.where(covered.unsqueeze(-1), back, torch.zeros(2))
    if foreground is not None:
        fill = _background_way(domain)
        left = editable & ~covered & fill.any(-1)
        # Where nothing moved, nothing was uncovered: the rim keeps its own pixels there.
        left &= torch.from_numpy(_dilate((domain & (forward.norm(dim=-1) > 0.25)).numpy()))
        field[left] = fill[left]
    field[_near(pinned, editable.shape, radius) <= radius] = 0
    return field


def stretch(values: Tensor, free: Tensor, domain: Tensor, screening: float) -> Tensor:
    """Solve laplacian(u) = screening u on the `free` pixels of `domain` by conjugate gradients.

    Args:
        values: [H, W, 2], the fixed displacements; zero where free.
        free: [H, W] bool, where u is sought.
        domain: [H, W] bool; pixels outside are cut off (no flow across the domain's edge).
        screening: 1 / px^2.

    Returns:
        u [H, W, 2].
    """
    number = np.full(domain.shape, -1)
    number[domain.numpy()] = np.arange(int(domain.sum()))
    links = [np.stack([a[both], b[both]]) for a, b, both in map(_linked, (number, number.T))]
    first, second = np.concatenate(links, 1)
    count = int(domain.sum())
    weight = sparse.coo_matrix((np.ones(len(first)), (first, second)), (count, count))
    laplacian = sparse.csgraph.laplacian(weight + weight.T).tocsr()
    unknown = free[domain].numpy()
    known = values[domain].double().numpy() * ~unknown[:, None]
    system = (laplacian + screening * sparse.identity(count)).tocsr()[unknown][:, unknown]
    forces = -(laplacian[unknown] @ known)
    for axis in range(2):
        known[unknown, axis], _ = cg(system, forces[:, axis], rtol=_TOLERANCE, maxiter=_ITERATIONS)
    u = values.clone()
    u[domain] = torch.from_numpy(known).to(u)
    return u


def _linked(number: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of vertical neighbours and whether both are numbered, from pixels' numbers [H, W], -1 outside."""
    upper, lower = number[:-1], number[1:]
    return upper, lower, (upper >= 0) & (lower >= 0)


def _splat(forward: Tensor, moved: Tensor) -> tuple[Tensor, Tensor]:
    """Move the pixels `moved` by `forward`: (mean displacement of what lands on a pixel [H, W, 2], share covered)."""
    height, width = moved.shape
    slopes = [_slope(forward, moved, axis) for axis in (1, 0)]
    span = (torch.arange(_SAMPLES) + 0.5) / _SAMPLES - 0.5
    inner = torch.cartesian_prod(span, span)
    start = _pixels(moved.shape)[moved].unsqueeze(1) + inner
    along_x, along_y = (slope[moved].unsqueeze(1) for slope in slopes)
    way = forward[moved].unsqueeze(1) + along_x * inner[:, :1] + along_y * inner[:, 1:]
    # A stretched pixel covers more than one: its weight is the area it lands on.
    area = (1 + along_x[..., 0]) * (1 + along_y[..., 1]) - along_x[..., 1] * along_y[..., 0]
    weight = (area.clamp(0.1, _SAMPLES**2) / _SAMPLES**2).expand(way.shape[:2]).reshape(-1)
    way, landed = way.reshape(-1, 2), (start + way).reshape(-1, 2)
    total, cover = torch.zeros(height * width, 2), torch.zeros(height * width)
    for corner in torch.cartesian_prod(torch.arange(2), torch.arange(2)):
        cell = landed.floor() + corner
        share = (1 - (landed - cell).abs()).prod(-1) * weight
        ok = ((cell >= 0) & (cell < torch.tensor([width, height]))).all(-1)
        index = (cell[:, 1] * width + cell[:, 0]).long()[ok]
        total.index_add_(0, index, (way * share.unsqueeze(-1))[ok])
        cover.index_add_(0, index, share[ok])
    mean = total / cover.clamp_min(1e-6).unsqueeze(-1)
    return mean.reshape(height, width, 2), cover.reshape(height, width)


def _slope(field: Tensor, domain: Tensor, axis: int) -> Tensor:
    """Derivative of field [H, W, 2] along an axis, from neighbours inside the domain only."""
    size = field.shape[axis]
    linked = domain.narrow(axis, 1, size - 1) & domain.narrow(axis, 0, size - 1)
    step = field.diff(dim=axis) * linked.unsqueeze(-1)
    total, count = torch.zeros_like(field), torch.zeros(*domain.shape, 1)
    for start in (0, 1):
        total.narrow(axis, start, size - 1).add_(step)
        count.narrow(axis, start, size - 1).add_(linked.unsqueeze(-1))
    return total / count.clamp_min(1)


def _background_way(domain: Tensor) -> Tensor:
    """y minus the background pixel nearest to y [H, W, 2]; zero on the background and where there is none."""
    thick = _dilate(domain.numpy())
    way = torch.zeros(*domain.shape, 2)
    if thick.all():
        return way
    mode = cv2.DIST_LABEL_PIXEL
    _, labels = cv2.distanceTransformWithLabels(thick.astype(np.uint8), cv2.DIST_L2, 5, labelType=mode)
    label, pixels, outside = torch.from_numpy(labels).long(), _pixels(domain.shape), torch.from_numpy(~thick)
    position = torch.zeros(int(label.max()) + 1, 2)
    position[label[outside]] = pixels[outside]
    return pixels - position[label]


def _dilate(mask: np.ndarray) -> np.ndarray:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_RIM, _RIM))
    return cv2.dilate(mask.astype(np.uint8), kernel).astype(bool)


def _pixels(shape: tuple[int, ...]) -> Tensor:
    """[H, W, 2] coordinates (x, y) of the pixel centres."""
    y, x = torch.meshgrid(torch.arange(shape[0]).float(), torch.arange(shape[1]).float(), indexing="ij")
    return torch.stack([x, y], dim=-1)


def _nearest(points: Tensor, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Distance [H, W] of each pixel to the nearest of the points [M, 2], and which it is."""
    best, which = torch.full(tuple(shape), float("inf")), torch.zeros(tuple(shape), dtype=torch.long)
    pixels = _pixels(shape)
    for index, point in enumerate(points):
        distance = (pixels - point).norm(dim=-1)
        which[distance < best] = index
        best = torch.minimum(best, distance)
    return best, which


def _near(points: Tensor, shape: tuple[int, ...], radius: float) -> Tensor:
    return _nearest(points, shape)[0] if len(points) else torch.full(tuple(shape), radius + 1)


def _at(mask: Tensor, points: Tensor) -> Tensor:
    """Whether each point [M, 2] falls on the mask [H, W]; False outside the frame."""
    x, y = points.round().long().unbind(-1)
    height, width = mask.shape
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return inside & mask[y.clamp(0, height - 1), x.clamp(0, width - 1)]
