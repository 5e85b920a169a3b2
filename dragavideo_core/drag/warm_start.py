"""Warm start: displacement fields that bring content from handles to targets, and latents warped by them.

FastDrag and SDE-Drag warp the latent of one image; here every frame is warped along its own propagated points, and
motion supervision finishes the work. A field belongs to one frame and points backwards, in working px: content at y
comes from y - field(y).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import DragAVideoError
from ..inversion.invert import Inversion
from ..media.geometry import Geometry
from ..model.drag_model import DragModel
from ..propagation.point_sets import PointSets
from .object_field import object_field

FieldShape = Literal["round", "oval", "fitted"]

_ROUND = 0.8
"""Standard deviation of the round bump, in lengths of the drag."""
_OVAL_ALONG, _OVAL_ACROSS = 0.65, 0.4
"""The same along and across the drag. A gaussian of height |D| folds where its slope reaches 1: below 0.61 |D|."""
_PIN_REACH = 1 / 32
"""Standard deviation of the dent that a pin makes in a bump, as a share of the frame's longer side."""


def displacement_field(
    handles: Tensor,
    targets: Tensor,
    visible: Tensor,
    editable: Tensor,
    pinned: Tensor,
    shape: FieldShape,
    size: tuple[int, int],
    foreground: Tensor | None = None,
) -> Tensor:
    """The field of one frame.

    Args:
        handles, targets: [P, S, 2] working px; integer coordinates are pixel centres.
        visible: [P, S] bool; points that are not visible do not count.
        editable: [H, W] float 0-1 or bool; the field is zero where it is below one half.
        pinned: [Q, 2] working px, where the field is zero.
        shape: `round` and `oval` are bumps at each target; `fitted` stretches the object (`object_field`).
        size: (W, H) of the working frame.
        foreground: [H, W] bool, the dragged object, for `fitted`; without it background is dragged along.

    Returns:
        [H, W, 2] fp32 working px, on the CPU.

    Raises:
        DragAVideoError: an unknown shape, or a mask of another size than the frame.
    """
    width, height = size
    for name, mask in (("edit region", editable), ("foreground", foreground)):
        if mask is not None and tuple(mask.shape) != (height, width):
            raise DragAVideoError(
                f"The {name} has shape {tuple(mask.shape)}, the frame {(height, width)}; resize it to the frame."
            )
    if shape not in ("round", "oval", "fitted"):
        raise DragAVideoError(f"'{shape}' is no shape of a displacement field; choose round, oval or fitted.")
    handles, targets, pinned = (points.detach().cpu().float() for points in (handles, targets, pinned))
    visible, region = visible.cpu(), editable.detach().cpu() >= 0.5
    if not visible.any():
        return torch.zeros(height, width, 2)
    if shape == "fitted":
        object_mask = None if foreground is None else foreground.detach().cpu().bool()
        return object_field(*_one_a_pair(handles, targets, visible), region, pinned, object_mask)
    return _bumps(handles, targets, visible, pinned, shape, region)


def clip_fields(
    point_sets: PointSets, geometry: Geometry, shape: FieldShape, on_frame: Callable[[int], None] | None = None
) -> Tensor:
    """The field of every frame, [N, H, W, 2] working px; `on_frame(i)` is called after frame i and may raise."""
    handles, targets, pinned = (
        geometry.to_working(points) for points in (point_sets.handles, point_sets.targets, point_sets.pinned)
    )
    masks = geometry.mask_to_working(point_sets.masks)
    objects = None if point_sets.objects is None else geometry.mask_to_working(point_sets.objects)
    fields = []
    for n in range(len(handles)):
        dragged = None if objects is None or not objects[n].any() else objects[n]
        fields.append(
            displacement_field(
                handles[n],
                targets[n],
                point_sets.visible[n],
                masks[n],
                pinned[n],
                shape,
                geometry.working_size,
                dragged,
            )
        )
        if on_frame:
            on_frame(n)
    return torch.stack(fields)


def warm_start_offset(reference: Tensor, fields: Tensor) -> Tensor:
    """First offset [N, C, h, w]: each frame's reference latent warped by whole cells along its field, minus itself."""
    return torch.stack([warp_nearest(latents, field) for latents, field in zip(reference, fields)]) - reference


def exact_warm_start_offset(
    model: DragModel,
    inversion: Inversion,
    step: int,
    reference: Tensor,
    fields: Tensor,
    on_frame: Callable[[int], None] | None = None,
) -> Tensor:
    """First offset whose picture is warped by exactly `fields`, and only whose noise is warped by whole cells.

    A latent at `step` is sqrt(alpha) signal + sqrt(1 - alpha) noise. The signal is known: the clean latent. So the
    decoded frame is warped bilinearly and encoded again, while what remains, the noise, keeps its variance by nearest
    sampling. Costs one decoding and two encodings of the clip.

    Args:
        reference: [N, C, h, w], the reference latents at `step`.
        fields: [N, H, W, 2] working px.
        on_frame: called after every frame that is decoded or encoded (3 N times); may raise to cancel.

    Returns:
        [N, C, h, w] fp32; exactly zero in a frame whose field is zero.
    """
    share = model.schedule.alpha(step) ** 0.5
    frames = model.decode(inversion.latents[0], on_frame)
    warped_frames = torch.stack([warp_bilinear(frame, field) for frame, field in zip(frames, fields)])
    # The codec's own error is in both encodings and cancels where nothing moves.
    before, after = (share * model.encode(clip, on_frame) for clip in (frames, warped_frames))
    rest = reference - before
    return torch.stack([warp_nearest(latents, field) for latents, field in zip(rest, fields)]) - rest + after - before


def warp_nearest(latents: Tensor, field: Tensor) -> Tensor:
    """Latents [C, h, w] of one frame moved by whole cells along field [H, W, 2] (px of the frame).

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


def warp_bilinear(frame: Tensor, field: Tensor) -> Tensor:
    """Frame [H, W, 3] moved along field [H, W, 2] (px); beyond the border the border's pixel is taken."""
    height, width = field.shape[:2]
    y, x = torch.meshgrid(torch.arange(height).float(), torch.arange(width).float(), indexing="ij")
    source = torch.stack([x, y], dim=-1) - field.cpu()
    grid = ((2 * source + 1) / torch.tensor([width, height]) - 1).to(frame)
    moved = F.grid_sample(frame.permute(2, 0, 1)[None], grid[None], padding_mode="border", align_corners=False)
    # grid_sample's coordinates are rounded: where nothing moves, the frame's own pixels are exact.
    return torch.where((field == 0).all(-1, keepdim=True).to(frame.device), frame, moved[0].permute(1, 2, 0))


def _one_a_pair(handles: Tensor, targets: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
    """Of each visible pair [P, S, 2] the middle point, or the visible one nearest to it: [M, 2] handles and targets."""
    middle = handles[:, handles.shape[1] // 2, None]
    distance = (handles - middle).norm(dim=-1).masked_fill(~visible, torch.inf)
    pairs = torch.nonzero(visible.any(1)).flatten()
    chosen = distance[pairs].argmin(1)
    return handles[pairs, chosen], targets[pairs, chosen]


def _bumps(
    handles: Tensor, targets: Tensor, visible: Tensor, pinned: Tensor, shape: FieldShape, region: Tensor
) -> Tensor:
    """One gaussian bump a pair, centred on the mean of its visible points; nearby equal drags do not add up.

    With weights w of the pairs the field is (sum w D / sum w) max w: two equal drags at one place are that drag.
    """
    height, width = region.shape
    y, x = torch.meshgrid(torch.arange(height).float(), torch.arange(width).float(), indexing="ij")
    pixels = torch.stack([x, y], dim=-1)
    total, weights, highest = torch.zeros(height, width, 2), torch.zeros(height, width), torch.zeros(height, width)
    for handle, target, seen in zip(handles, targets, visible):
        if not seen.any():
            continue
        drag, centre = (target - handle)[seen].mean(0), target[seen].mean(0)
        length = drag.norm().clamp_min(1e-6)
        along, across = (_ROUND, _ROUND) if shape == "round" else (_OVAL_ALONG, _OVAL_ACROSS)
        ahead = drag / length
        side = torch.stack([-ahead[1], ahead[0]])
        away = (pixels - centre) / length
        weight = torch.exp(-0.5 * ((away @ ahead / along) ** 2 + (away @ side / across) ** 2))
        total += weight.unsqueeze(-1) * drag
        weights += weight
        highest = torch.maximum(highest, weight)
    field = total / weights.clamp_min(1e-20).unsqueeze(-1) * (highest * region).unsqueeze(-1)
    for pin in pinned:
        reach = _PIN_REACH * max(height, width)
        squared = (pixels - pin.round()).square().sum(-1)
        field = field * (1 - torch.exp(-0.5 * squared / reach**2)).unsqueeze(-1)
    return field
