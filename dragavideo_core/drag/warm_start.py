"""Warm start: latents that begin where the warp has brought the part already.

FastDrag and SDE-Drag warp the latent of one image; here every frame is warped along its own propagated points
(`warp.clip`), and motion supervision finishes the work.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import DragAVideoError
from ..inversion.invert import Inversion
from ..media.geometry import Geometry
from ..model.drag_model import DragModel
from ..warp.clip import WarpedClip
from ..warp.fields import working_ways


def warm_start_offset(
    model: DragModel,
    inversion: Inversion,
    step: int,
    reference: Tensor,
    warp: WarpedClip | None,
    geometry: Geometry,
    on_frame: Callable[[int], None] | None = None,
) -> Tensor:
    """First offset: the reference latent with its picture warped, minus itself.

    A latent at `step` is sqrt(alpha) signal + sqrt(1 - alpha) noise. The signal is known: the clean latent. So the
    warped picture is encoded in its place, while what remains, the noise, is moved by whole cells along the same ways:
    nearest sampling keeps its variance. What the part has uncovered keeps the noise of its place.

    Args:
        reference: [N, C, h, w], the reference latents at `step`.
        on_frame: called after every frame that is encoded; may raise to cancel.

    Returns:
        [N, C, h, w] fp32; exactly zero in a frame in which nothing moves.

    Raises:
        DragAVideoError: point sets without a warp, or one of another clip.
    """
    if warp is None or len(warp.frames) != len(reference):
        raise DragAVideoError(
            "The point sets hold no warp of this clip to start from; propagate the points again, or choose the warm "
            "start 'none'."
        )
    share = model.schedule.alpha(step) ** 0.5
    clean = inversion.latents[0]
    moving = warp.region.flatten(1).any(1)
    offset = torch.zeros_like(reference)
    if not bool(moving.any()):
        return offset
    signal = share * (model.encode(geometry.frames_to_working(warp.frames[moving]), on_frame) - clean[moving])
    noise = reference[moving] - share * clean[moving]
    ways = working_ways(warp, geometry)[moving]
    moved = torch.stack([warp_nearest(latents, field) for latents, field in zip(noise, ways)])
    offset[moving] = signal + moved - noise
    return offset


def warp_nearest(latents: Tensor, field: Tensor) -> Tensor:
    """Latents [C, h, w] of one frame moved by whole cells along field [H, W, 2] (px of the frame, backward).

    Nearest sampling only copies cells, so noise keeps its variance. A cell takes its mean displacement, rounded.
    """
    cells_h, cells_w = latents.shape[-2:]
    height, width = field.shape[:2]
    stride = torch.tensor([width / cells_w, height / cells_h])
    y, x = torch.meshgrid(torch.arange(cells_h), torch.arange(cells_w), indexing="ij")
    way = F.interpolate(field.detach().cpu().permute(2, 0, 1)[None], (cells_h, cells_w), mode="area")[0]
    source = torch.stack([x, y], dim=-1) - (way.permute(1, 2, 0) / stride).round().long()
    limit = torch.tensor([cells_w - 1, cells_h - 1])
    x, y = source.clamp(torch.zeros_like(limit), limit).to(latents.device).unbind(-1)
    return latents[:, y, x]
