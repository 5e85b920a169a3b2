"""Detail that codec and network lose, carried along with the drag.

The edited frames are what the decoder draws, and it draws even an untouched clip a little softer than it is. The warp
has the source's own pixels, moved at source size; so what the network made of the warped picture beyond its own
noise is laid over them:

    D = edited - (working size of the warp + moved error of the codec),    result = warp + D |D|^2 / (|D|^2 + s^2)

with |D|^2 averaged over a window. Where the network agrees with the warp, the result is the warp, sharp and as steady
over time as the source is. Where it does not, because it drew what no pixel could be taken from, the result is the
network's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from ..media.compositing import feather
from ..warp.fields import working_ways

if TYPE_CHECKING:
    from ..media.clip import Clip
    from ..warp.clip import WarpedClip

NOISE = 0.06
"""s: root mean square of D over colours and window, on the scale 0-1, at which half of it counts."""
_WINDOW_PX = 5


def carry_detail(
    clip: Clip, edited: Tensor, reconstruction: Tensor, warp: WarpedClip, masks: Tensor, feather_px: float
) -> Tensor:
    """The edited clip with the source's detail.

    Args:
        edited, reconstruction: [N, H, W, 3], 0-1, working size, decoded with and without the drag.
        masks: [N, Hs, Ws] bool, where the network may say anything; it fades inside their border.
        feather_px: over so many working px.

    Returns:
        [N, Hs, Ws, 3], 0-1, source size.
    """
    geometry = clip.geometry
    ways = working_ways(warp, geometry)
    lost = torch.stack([warp_bilinear(error, way) for error, way in zip(reconstruction - clip.frames, ways)])
    new = edited - geometry.frames_to_working(warp.frames) - lost
    power = F.avg_pool2d(new.square().mean(-1)[:, None], _WINDOW_PX, 1, _WINDOW_PX // 2, count_include_pad=False)[:, 0]
    new = new * (power / (power + NOISE**2)).unsqueeze(-1)
    weight = feather(masks, feather_px / geometry.scale).unsqueeze(-1)
    return (warp.frames + weight * geometry.values_to_source(new)).clamp(0, 1)


def warp_bilinear(frame: Tensor, field: Tensor) -> Tensor:
    """Frame [H, W, 3] moved along field [H, W, 2] (px, backward); beyond the border the border's pixel is taken."""
    height, width = field.shape[:2]
    y, x = torch.meshgrid(torch.arange(height).float(), torch.arange(width).float(), indexing="ij")
    source = torch.stack([x, y], dim=-1) - field.cpu()
    grid = ((2 * source + 1) / torch.tensor([width, height]) - 1).to(frame)
    moved = F.grid_sample(frame.permute(2, 0, 1)[None], grid[None], padding_mode="border", align_corners=False)
    # grid_sample's coordinates are rounded: where nothing moves, the frame's own pixels are exact.
    return torch.where((field == 0).all(-1, keepdim=True).to(frame.device), frame, moved[0].permute(1, 2, 0))
