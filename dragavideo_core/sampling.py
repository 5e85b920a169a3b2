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
    flat = grid.reshape(grid.shape[0], 1, -1, 2)
    sampled = F.grid_sample(features.float(), flat, mode="bilinear", padding_mode="border", align_corners=False)
    return sampled[:, :, 0].transpose(1, 2).reshape(*points.shape[:-1], features.shape[1])
