"""Which part of every frame may change: from mask points, from the drag alone, or from a given mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch import Tensor

from ..errors import DragAVideoError
from ..settings import PropagationSettings
from .point_sets import nearest_of, segment_discs, shift_mask, square_patches

if TYPE_CHECKING:
    from ..media.geometry import Geometry

_MARGIN = 3 / 128
"""What the network may touch beyond what the warp changed, as a share of the longer side."""
_FREE_RADIUS = 2.0
"""Without mask points the region round handle -> target is this many times mask_radius_px wide on each side."""


def edit_regions(
    handles: Tensor,
    targets: Tensor,
    visible: Tensor,
    mask_sets: Tensor,
    mask_seen: Tensor,
    key_frame: int,
    settings: PropagationSettings,
    geometry: Geometry,
) -> Tensor:
    """The edit region of each frame, as `propagate` describes it, from the points of the drag and of the mask.

    Args:
        handles, targets: [N, P, S, 2] working px.
        visible: [N, P, S] bool.
        mask_sets, mask_seen: [N, M, S, 2] working px and [N, M, S] bool of the mask points' sets.
        key_frame: position of the clicked frame in the clip.

    Returns:
        [N, Hs, Ws] bool, at source size.
    """
    radius = settings.mask_radius_px / geometry.scale
    middle = handles.shape[2] // 2
    centres = geometry.to_source(_set_centres(mask_sets, mask_seen, key_frame))
    starts, ends = geometry.to_source(handles[:, :, middle]), geometry.to_source(targets[:, :, middle])
    width = radius if centres.shape[1] else _FREE_RADIUS * radius
    regions = []
    for i in range(len(handles)):
        seen = visible[i].any(-1)
        region = segment_discs(starts[i][seen], ends[i][seen], width, geometry.source_size)
        region |= square_patches(centres[i], radius, geometry.source_size)
        if bool(seen.any()):
            # A part that is swung aside comes to lie between its root and the target, where nobody clicks.
            nearest = nearest_of(centres[i], starts[i][seen])
            region |= segment_discs(centres[i], ends[i][seen][nearest], radius, geometry.source_size)
        regions.append(region)
    return torch.stack(regions)


def widened(regions: Tensor) -> Tensor:
    """Regions [N, Hs, Ws] bool with a margin, so that what the network draws can fade within it."""
    radius = max(1, round(_MARGIN * max(regions.shape[1:])))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    grown = [cv2.dilate(region.numpy().astype(np.uint8), kernel) > 0 for region in regions]
    return torch.from_numpy(np.stack(grown))


def _set_centres(sets: Tensor, seen: Tensor, key_frame: int) -> Tensor:
    """[N, M, 2]: each mask point moved by the median motion of its set's visible points (all, where none is)."""
    count, points, side, _ = sets.shape
    centres = sets[key_frame, :, side // 2].repeat(count, 1, 1)
    for i in range(count):
        for m in range(points):
            chosen = seen[i, m] if bool(seen[i, m].any()) else torch.ones_like(seen[i, m])
            centres[i, m] += (sets[i, m] - sets[key_frame, m])[chosen].median(0).values
    return centres


def moved_mask(mask: Tensor, handles: Tensor, usable: Tensor, key_frame: int, scale: float) -> Tensor:
    """[N, Hs, Ws]: the key frame's mask moved by the mean motion of the handles' points seen in each frame."""
    masks = []
    for i in range(len(handles)):
        chosen = usable[i] if bool(usable[i].any()) else torch.ones_like(usable[i])
        masks.append(shift_mask(mask, (handles[i] - handles[key_frame])[chosen].mean(0) / scale))
    return torch.stack(masks)


def checked_mask(mask: Tensor, count: int, size: tuple[int, int]) -> Tensor:
    """A given mask as bool [1 or N, Hs, Ws], a copy.

    Raises:
        DragAVideoError: another shape, size or length than the clip's, values that are not finite, or an empty mask.
    """
    if mask.ndim not in (2, 3):
        raise DragAVideoError(
            f"The mask has shape {tuple(mask.shape)}; [height, width] or [frames, height, width] was expected."
        )
    width, height = int(mask.shape[-1]), int(mask.shape[-2])
    if (width, height) != size:
        raise DragAVideoError(
            f"The mask is {width}x{height} but the clip is {size[0]}x{size[1]}; make it on this clip, or resize it."
        )
    if mask.ndim == 3 and len(mask) not in (1, count):
        raise DragAVideoError(
            f"The mask has {len(mask)} frames but the clip has {count}; give one mask for the clicked frame, or one "
            "for every frame."
        )
    values = mask.detach().cpu()
    if values.dtype.is_floating_point and not bool(torch.isfinite(values).all()):
        raise DragAVideoError("The mask holds values that are not finite; values from 0 to 1 were expected.")
    chosen = values.clone() if values.dtype == torch.bool else values >= 0.5
    if not bool(chosen.any()):
        raise DragAVideoError("The mask is empty, so nothing may change; paint the region that the drag may touch.")
    return chosen if chosen.ndim == 3 else chosen[None]
