"""Video-level motion supervision: Eq. 3, 4 and 5 of the paper as functions.

Shapes: N frames, P pairs, S points a set, R points of the supervised patch, F feature channels. Points are working px.
"""

from __future__ import annotations

import torch
from torch import Tensor

CELL_PX = 2.0
"""DragDiffusion, whose code the paper follows, measures patches and steps on a grid of half the picture's size."""


def patch_offsets(radius_cells: int) -> Tensor:
    """The (2 r + 1)^2 offsets [R, 2], in working px, of the patch round a point, which Eq. 4 leaves unwritten."""
    span = torch.arange(-radius_cells, radius_cells + 1, dtype=torch.float32) * CELL_PX
    dy, dx = torch.meshgrid(span, span, indexing="ij")
    return torch.stack([dx, dy], dim=-1).reshape(-1, 2)


def unit_directions(handles: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """d of Eq. 4 and the length of the way: unit vectors [N, P, S, 2] and px [N, P, S]; the zero way has d = 0."""
    way = targets - handles
    length = way.norm(dim=-1)
    return way / length.clamp_min(1e-6).unsqueeze(-1), length


def positions(handles: Tensor, targets: Tensor, progress: Tensor) -> Tensor:
    """p_k: handles [N, P, S, 2] moved `progress` [N, P, S] px along d, never past their targets."""
    direction, length = unit_directions(handles, targets)
    return handles + direction * torch.minimum(progress, length).unsqueeze(-1)


def supervised_positions(current: Tensor, targets: Tensor, reach_px: float | Tensor = CELL_PX) -> Tensor:
    """p_k + d_k of Eq. 4: `reach_px` towards the target, or the target itself when it is nearer than that.

    Args:
        reach_px: working px, one number or one for every point, [N, P, S] or broadcastable.
    """
    direction, length = unit_directions(current, targets)
    return current + direction * length.clamp_max(reach_px).unsqueeze(-1)


def frame_average(features: Tensor, visible: Tensor) -> Tensor:
    """Eq. 3: mean over the frames in which a point is visible.

    Args:
        features: [N, P, S, R, F].
        visible: [N, P, S] bool.

    Returns:
        [P, S, R, F]; zero for a point that is visible nowhere.
    """
    weight = visible.to(features).reshape(*visible.shape, 1, 1)
    return (features * weight).sum(0) / weight.sum(0).clamp_min(1)


def fuse_frames(features: Tensor, visible: Tensor, fusion: float) -> Tensor:
    """Each frame's own features blended with Eq. 3's average: `fusion` 1 is the paper's, 0 leaves frames alone."""
    if fusion == 0:
        return features
    return torch.lerp(features, frame_average(features, visible).expand_as(features), fusion)


def moving_average(template: Tensor, current: Tensor, rate: float | Tensor) -> Tensor:
    """The paper's footnote 2 (after FreeDrag): template <- (1 - rate) template + rate current."""
    return torch.lerp(template, current, rate)


def drag_loss(features: Tensor, template: Tensor, visible: Tensor) -> Tensor:
    """Eq. 4, summed over frames, pairs and the patch, averaged over channels and over the points of a set.

    The mean over channels and the sum over the patch are DragDiffusion's, so that its mask weight keeps its meaning;
    the mean over a set lets a handle weigh the same however many points stand for it.

    Args:
        features: F(p_k + d_k), [N, P, S, R, F], with graph.
        template: sg(F-bar), [N, P, S, R, F] or broadcastable.
        visible: [N, P, S] bool: the others are left out.
    """
    distance = (features - template.detach()).abs().mean(-1).sum(-1)
    return (distance * visible).sum() / visible.shape[-1]


def mask_loss(latents: Tensor, reference: Tensor, editable: Tensor) -> Tensor:
    """Eq. 5: sum of |x_{t,k} - x_{t,0}| outside the mask.

    Args:
        latents, reference: [N, C, h, w].
        editable: [N, 1, h, w], 1 inside the region to edit.
    """
    return ((latents - reference) * (1 - editable)).abs().sum()
