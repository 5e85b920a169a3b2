"""Point sets: a handle's neighbours, how they and the targets move (Eq. 1 and 2), and the region an edit may touch."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..errors import DragAVideoError
from ..warp.clip import WarpedClip

_LONGEST_STRETCH = 2.0
"""A fitted motion that scales by more than this (or less than its inverse) is noise, not the object's motion."""


@dataclass(frozen=True, eq=False)
class PointSets:
    """Handles, targets and edit region in every frame of a clip, in source pixels.

    Attributes:
        handles: [N, P, S, 2] float; S points a pair, the clicked handle in the middle (index S // 2). Invisible
            points have the position that their neighbours' motion suggests, which may lie outside the frame.
        targets: [N, P, S, 2] float, one for each handle point.
        visible: [N, P, S] bool; a point is not supervised where it is False.
        foreground: [P, S] bool, on the key frame: tracked by its own features rather than by Eq. 1.
        masks: [N, Hs, Ws] bool: where the edit may change the picture.
        pinned: [N, Q, 2] float: points that shall stay where they are in each frame.
        key_frame: position in the clip of the frame that was clicked.
        objects: [N, Hs, Ws] bool, the pixels of what is dragged; None where nobody has segmented it.
        confidence: [N] fp32 0-1, how sure the object's mask is; None where there is none.
        warp: the clip warped by these points, without a network.
    """

    handles: Tensor
    targets: Tensor
    visible: Tensor
    foreground: Tensor
    masks: Tensor
    pinned: Tensor
    key_frame: int
    objects: Tensor | None = None
    confidence: Tensor | None = None
    warp: WarpedClip | None = field(default=None, metadata={"derived": True})

    def __post_init__(self) -> None:
        shape = tuple(self.handles.shape)
        if len(shape) != 4 or shape[-1] != 2 or 0 in shape:
            raise DragAVideoError(f"Handles have shape {shape}; [frames, pairs, set points, 2] was expected.")
        frames, pairs, size = shape[:3]
        expected = {
            "targets": (self.targets, shape),
            "visible": (self.visible, (frames, pairs, size)),
            "foreground": (self.foreground, (pairs, size)),
            "masks": (self.masks, (frames, *self.masks.shape[1:3])),
            "pinned": (self.pinned, (frames, *self.pinned.shape[1:2], 2)),
        }
        for name, (value, wanted) in expected.items():
            if tuple(value.shape) != tuple(wanted):
                raise DragAVideoError(
                    f"The point sets' {name} have shape {tuple(value.shape)}; {tuple(wanted)} was expected to go with "
                    f"handles {shape}."
                )
        if self.objects is not None and (self.objects.shape != self.masks.shape or self.objects.dtype != torch.bool):
            raise DragAVideoError(
                f"The point sets' objects are {self.objects.dtype} {tuple(self.objects.shape)}; bool "
                f"{tuple(self.masks.shape)} was expected, as the masks are."
            )
        if self.masks.ndim != 3:
            raise DragAVideoError(f"Masks have shape {tuple(self.masks.shape)}; [frames, height, width] was expected.")
        for name in ("visible", "foreground", "masks"):
            if getattr(self, name).dtype != torch.bool:
                raise DragAVideoError(f"The point sets' {name} are {getattr(self, name).dtype}; bool was expected.")
        if not 0 <= self.key_frame < frames:
            raise DragAVideoError(f"Key frame {self.key_frame} is not among the {frames} frames of the point sets.")
        if not all(bool(torch.isfinite(points).all()) for points in (self.handles, self.targets, self.pinned)):
            raise DragAVideoError("A handle, target or pin is not finite; propagate the points again.")


def expand_points(points: Tensor, side: int, spacing: float) -> Tensor:
    """Each point as a square grid of side x side points centred on it (Sec. 3.2), row by row.

    Args:
        points: [P, 2].
        side: odd, so that the point itself is in the set, at index side^2 // 2.
        spacing: distance of neighbours.

    Returns:
        [P, side^2, 2].

    Raises:
        DragAVideoError: an even or non-positive side, or a spacing that is not positive.
    """
    if side < 1 or side % 2 == 0:
        raise DragAVideoError(f"A set of side {side} has no middle; set_side must be odd: 1, 3 (the paper's), 5 ...")
    if not spacing > 0:
        raise DragAVideoError(f"set_spacing_px is {spacing}; a positive number of pixels was expected.")
    steps = (torch.arange(side, dtype=points.dtype, device=points.device) - side // 2) * spacing
    grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1).reshape(-1, 2)
    return points[:, None] + grid


def follow_nearest(points: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """Eq. 1: background points move with their nearest foreground point, p_b' = p_b + f' - f.

    Args:
        points: [B, 2] background points in frame i.
        before, after: [F, 2] foreground points in frame i and the next; F >= 1.

    Returns:
        [B, 2] in the next frame.
    """
    return points + (after - before)[nearest_of(points, before)]


def nearest_of(points: Tensor, others: Tensor) -> Tensor:
    """[B] index of the nearest of `others` [F, 2] to each of `points` [B, 2]; the first of equally near ones."""
    return (points[:, None] - others[None]).square().sum(-1).argmin(1)


def translate_targets(handles: Tensor, drag: Tensor, key_frame: int) -> Tensor:
    """Eq. 2, q^{i+1} = q^i + p^{i+1} - p^i, which keeps q - p as it is on the key frame.

    Args:
        handles: [N, P, S, 2].
        drag: [P, 2] target - handle on the key frame.

    Returns:
        targets [N, P, S, 2].
    """
    first = handles[key_frame] + drag[:, None]
    return first[None] + handles - handles[key_frame][None]


def affine_targets(handles: Tensor, drag: Tensor, key_frame: int, usable: Tensor) -> Tensor:
    """Targets that turn and scale with the object: q^i = p^i + A_i (q^0 - p^0), A_i fitted to the set's motion.

    Where a fit is not to be had (`fit_linear`), A_i is the identity and this is Eq. 2.

    Args:
        handles, drag, key_frame: as in `translate_targets`.
        usable: [N, P, S] bool: points with a motion of their own (foreground and visible).

    Returns:
        targets [N, P, S, 2].
    """
    targets = handles + drag[None, :, None]
    for i in range(len(handles)):
        for p in range(handles.shape[1]):
            chosen = usable[i, p] & usable[key_frame, p]
            matrix = fit_linear(handles[key_frame, p][chosen], handles[i, p][chosen])
            if matrix is not None:
                targets[i, p] = handles[i, p] + matrix @ drag[p]
    return targets


def fit_linear(before: Tensor, after: Tensor) -> Tensor | None:
    """The 2x2 matrix A with least sum |(after - mean) - A (before - mean)|^2.

    Args:
        before, after: [K, 2].

    Returns:
        [2, 2], or None where it is ill-conditioned: fewer than 4 points (3 are always fitted exactly, noise and all),
        points close to one line, or a fit that mirrors or stretches beyond belief.
    """
    if len(before) < 4:
        return None
    x, y = (before - before.mean(0)).double(), (after - after.mean(0)).double()
    spread = torch.linalg.eigvalsh(x.T @ x)
    if spread[0] <= 0.05 * spread[1] or spread[1] <= 0:
        return None
    matrix = torch.linalg.solve(x.T @ x, x.T @ y).T
    stretch = torch.linalg.svdvals(matrix)
    if torch.det(matrix) <= 0 or stretch[0] > _LONGEST_STRETCH or stretch[1] < 1 / _LONGEST_STRETCH:
        return None
    return matrix.to(before.dtype)


def square_patches(centres: Tensor, half_side: float, size: tuple[int, int]) -> Tensor:
    """Union of the squares round mask points (Sec. 3.2, Fig. 5).

    Args:
        centres: [M, 2] px.
        half_side: px.
        size: (width, height).

    Returns:
        [height, width] bool: pixels whose centre is within `half_side` of a point in the max norm.
    """
    y, x = _pixel_centres(size, centres)
    mask = torch.zeros(size[1], size[0], dtype=torch.bool, device=centres.device)
    for centre in centres:
        mask |= ((x - centre[0]).abs() <= half_side) & ((y - centre[1]).abs() <= half_side)
    return mask


def segment_discs(starts: Tensor, ends: Tensor, radius: float, size: tuple[int, int]) -> Tensor:
    """Union of the discs of `radius` px round every point of the segments starts -> ends, both [P, 2].

    Returns:
        [height, width] bool.
    """
    y, x = _pixel_centres(size, starts)
    mask = torch.zeros(size[1], size[0], dtype=torch.bool, device=starts.device)
    for start, end in zip(starts, ends):
        along = end - start
        length2 = along.square().sum().clamp(min=1e-12)
        share = (((x - start[0]) * along[0] + (y - start[1]) * along[1]) / length2).clamp(0, 1)
        mask |= (x - start[0] - share * along[0]) ** 2 + (y - start[1] - share * along[1]) ** 2 <= radius**2
    return mask


def shift_mask(mask: Tensor, motion: Tensor) -> Tensor:
    """A mask moved by whole pixels; what touches the picture's edge goes on beyond it.

    Args:
        mask: [H, W] bool.
        motion: [2] (dx, dy) px, rounded.

    Returns:
        [H, W] bool.
    """
    height, width = mask.shape
    dx, dy = (int(value) for value in motion.round())
    rows = (torch.arange(height) - dy).clamp(0, height - 1)
    columns = (torch.arange(width) - dx).clamp(0, width - 1)
    return mask[rows][:, columns]


def _pixel_centres(size: tuple[int, int], like: Tensor) -> tuple[Tensor, Tensor]:
    """y [H, 1] and x [1, W]."""
    width, height = size
    y = torch.arange(height, dtype=like.dtype, device=like.device)[:, None]
    return y, torch.arange(width, dtype=like.dtype, device=like.device)[None]


def foreground_of(mask: Tensor, points: Tensor) -> Tensor:
    """Which points lie in the mask, by the pixel each falls on.

    Args:
        mask: [H, W] bool.
        points: [..., 2] px of the mask; points outside the picture are not foreground.

    Returns:
        [...] bool.
    """
    height, width = mask.shape
    x, y = points.round().long().unbind(-1)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return inside & mask[y.clamp(0, height - 1), x.clamp(0, width - 1)]
