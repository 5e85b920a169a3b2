"""Reading a feature map between its cells; propagation and drag share it."""

from __future__ import annotations

import torch
from torch import Tensor


def sample_features(features: Tensor, points: Tensor, size: tuple[int, int]) -> Tensor:
    """F(p): bilinear feature vectors at points.

    Gathered cell by cell: `grid_sample` has no border padding, and no gradient, on Apple's GPUs.

    Args:
        features: [N, F, h, w], of any resolution, covering the whole frame.
        points: [N, ..., 2], (x, y) in working px; outside the frame the border's feature is taken.
        size: (W, H) of the working frame in px.

    Returns:
        [N, ..., F] fp32. Differentiable in `features`.
    """
    height, width = features.shape[-2:]
    cells = torch.tensor((width, height), dtype=torch.float32, device=features.device)
    extent = torch.tensor(size, dtype=torch.float32, device=features.device)
    flat = points.to(features.device, torch.float32).reshape(len(points), -1, 2)
    places = torch.minimum(((flat + 0.5) * cells / extent - 0.5).clamp(min=0), cells - 1)
    low = places.floor()
    share, high = places - low, torch.minimum(low + 1, cells - 1)
    vectors = features.float().flatten(2).transpose(1, 2)

    def at(x: Tensor, y: Tensor) -> Tensor:
        index = (y * width + x).long()[..., None].expand(-1, -1, vectors.shape[-1])
        return vectors.gather(1, index)

    right, down = share.unsqueeze(-1).unbind(-2)
    upper = at(low[..., 0], low[..., 1]) * (1 - right) + at(high[..., 0], low[..., 1]) * right
    lower = at(low[..., 0], high[..., 1]) * (1 - right) + at(high[..., 0], high[..., 1]) * right
    return (upper * (1 - down) + lower * down).reshape(*points.shape[:-1], features.shape[1])
