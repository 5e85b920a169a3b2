"""Frames go through the network a few at a time, so that memory does not grow with the clip."""

from __future__ import annotations

import torch

BYTES_PER_PIXEL = 700
"""Activations of an SD1.5-sized UNet in 16 bits for one frame without a graph, computed and rounded up."""
GRAPH_FACTOR = 6
"""How much more a graph holds on to."""
METAL_FACTOR = 2
"""Metal keeps attention's scores, which CUDA never writes."""
_SHARE = 0.8
"""Of the free memory: the rest is the allocator's, and a driver's that crawls before it refuses."""
LIMIT = 16
"""More frames at a time than this are no faster."""
WITHOUT_FIGURES = 4
"""Frames at a time where a device does not say what is free, and on the CPU, where memory is large and caches small."""


def micro_batches(count: int, size: int) -> list[slice]:
    """Slices of at most `size` (at least 1) frames that cover range(count)."""
    size = max(1, size)
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def frame_bytes(device: torch.device, dtype: torch.dtype, size: tuple[int, int], gradients: bool) -> int:
    """About how many bytes one frame takes in an SD1.5-sized UNet.

    Args:
        size: (W, H) of the working frame, px.
        gradients: whether a graph is kept.
    """
    wide = dtype.itemsize // 2 * (METAL_FACTOR if device.type == "mps" else 1)
    return size[0] * size[1] * BYTES_PER_PIXEL * wide * (GRAPH_FACTOR if gradients else 1)


def fitting_frames(free: int, device: torch.device, dtype: torch.dtype, size: tuple[int, int], gradients: bool) -> int:
    """How many frames at a time fit into `free` bytes, 1 .. 16."""
    return max(1, min(LIMIT, int(_SHARE * free) // frame_bytes(device, dtype, size, gradients)))


def chosen_micro_batch(
    wanted: int, device: torch.device, dtype: torch.dtype, size: tuple[int, int], gradients: bool = False
) -> int:
    """Frames at a time: `wanted`, or where that is 0 what the device's free memory holds by now."""
    if wanted > 0:
        return wanted
    if device.type != "cuda":
        return WITHOUT_FIGURES
    # What torch holds but does not use is free for us, too.
    idle = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return fitting_frames(torch.cuda.mem_get_info(device)[0] + idle, device, dtype, size, gradients)
