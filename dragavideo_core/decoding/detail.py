"""Detail that codec and network lose, carried along with the drag.

The edited frames are what the decoder draws, and it draws even an untouched clip a little softer than it is. So the
source's own pixels are moved along the displacement field of the warm start, and what the network made of the moved
picture beyond its own noise is laid over them:

    D = edited - warp(reconstruction),    result = warp(source) + D |D|^2 / (|D|^2 + s^2)

with |D|^2 averaged over a window. Where the network agrees with the moved picture, the result is the moved source,
sharp and as steady over time as the source is. Where it does not, because it drew what no pixel could be taken from,
the result is the network's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from ..drag.warm_start import warp_bilinear

if TYPE_CHECKING:
    from ..media.clip import Clip

NOISE = 0.06
"""s: root mean square of D over colours and window, on the scale 0-1, at which half of it counts."""
_WINDOW_PX = 5


def carry_detail(clip: Clip, edited: Tensor, reconstruction: Tensor, fields: Tensor) -> Tensor:
    """The edited clip with the source's detail.

    Args:
        edited, reconstruction: [N, H, W, 3], 0-1, working size, decoded with and without the drag.
        fields: [N, H, W, 2] working px, pointing backward, as `clip_fields` gives them.

    Returns:
        [N, Hs, Ws, 3], 0-1, source size.
    """
    moved = torch.stack([warp_bilinear(frame, field) for frame, field in zip(reconstruction, fields)])
    new = edited - moved
    power = F.avg_pool2d(new.square().mean(-1)[:, None], _WINDOW_PX, 1, _WINDOW_PX // 2, count_include_pad=False)[:, 0]
    new = new * (power / (power + NOISE**2)).unsqueeze(-1)
    return (warp_source(clip, fields) + clip.geometry.values_to_source(new)).clamp(0, 1)


def warp_source(clip: Clip, fields: Tensor) -> Tensor:
    """The source frames moved at their own size, [N, Hs, Ws, 3], along working fields [N, H, W, 2]."""
    ways = clip.geometry.values_to_source(fields) / clip.geometry.scale
    return torch.stack([warp_bilinear(frame, way) for frame, way in zip(clip.source, ways)])
