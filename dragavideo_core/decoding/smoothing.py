"""Middle frames against flicker: ControlVideo's interleaved-frame smoother."""

from __future__ import annotations

import torch
from torch import Tensor

from ..media.flow import middle_frame


def smooth_frames(frames: Tensor, parity: int) -> tuple[Tensor, list[int]]:
    """Replace every second frame by the middle of its two neighbours (ControlVideo's interleaved-frame smoother).

    The first and the last frame have one neighbour and stay. ControlVideo's interpolator is a network (RIFE); this one
    warps along optical flow.

    Args:
        frames: [N, H, W, 3], 0-1.
        parity: 1 replaces frames 1, 3, 5 ...; 0 replaces 2, 4, 6 ...

    Returns:
        (the frames, as a new tensor; which of them were replaced).
    """
    chosen = [i for i in range(1, len(frames) - 1) if i % 2 == parity % 2]
    smooth = frames.clone()
    for i in chosen:
        smooth[i] = torch.from_numpy(middle_frame(frames[i - 1].numpy(), frames[i + 1].numpy()))
    return smooth, chosen
