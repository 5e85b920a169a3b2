"""Reading a feature map between its cells; propagation and drag share it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def sample_features(features: Tensor, points: Tensor, size: tuple[int, int]) -> Tensor:
    """F(p): bilinear feature vectors at points.

    Args:
        features: [N, F, h, w], of any resolution, covering the whole frame.
        points: [N, ..., 2], (x, y) in working px; outside the frame the border's feature is taken.
        size: (W, H) of the working frame in px.

    Returns:
        [N, ..., F] fp32. Differentiable in `features`.
    """
    extent = torch.tensor(size, dtype=torch.float32, device=features.device)
    grid = (2 * points.to(features.device, torch.float32) + 1) / extent - 1
    flat, maps = grid.reshape(grid.shape[0], -1, 2), features.float()
    # Metal has no border padding and, before torch 2.13, no gradient for grid_sample; elsewhere it is several times
    # as fast as gathering.
    sampled = _gathered(maps, flat) if maps.device.type == "mps" else _grid_sampled(maps, flat)
    return sampled.reshape(*points.shape[:-1], features.shape[1])


def _grid_sampled(features: Tensor, grid: Tensor) -> Tensor:
    """[N, F, h, w] at [N, K, 2] from -1 to 1: [N, K, F]."""
    found = F.grid_sample(features, grid[:, None], mode="bilinear", padding_mode="border", align_corners=False)
    return found[:, :, 0].transpose(1, 2)


def _gathered(features: Tensor, grid: Tensor) -> Tensor:
    """The same, cell by cell."""
    height, width = features.shape[-2:]
    cells = torch.tensor((width, height), dtype=torch.float32, device=features.device)
    places = torch.minimum((((grid + 1) * cells - 1) / 2).clamp(min=0), cells - 1)
    low = places.floor()
    share, high = places - low, torch.minimum(low + 1, cells - 1)
    vectors = features.flatten(2).transpose(1, 2)

    def at(x: Tensor, y: Tensor) -> Tensor:
        index = (y * width + x).long()[..., None].expand(-1, -1, vectors.shape[-1])
        return vectors.gather(1, index)

    right, down = share.unsqueeze(-1).unbind(-2)
    upper = at(low[..., 0], low[..., 1]) * (1 - right) + at(high[..., 0], low[..., 1]) * right
    lower = at(low[..., 0], high[..., 1]) * (1 - right) + at(high[..., 0], high[..., 1]) * right
    return upper * (1 - down) + lower * down
