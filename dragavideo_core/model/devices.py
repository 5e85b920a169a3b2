"""Where a network runs, and in which number format, if nobody says so."""

from __future__ import annotations

import torch


def pick_device() -> torch.device:
    """The fastest device there is: CUDA (or ROCm), MPS, CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def pick_dtype(device: torch.device) -> torch.dtype:
    """The UNet's number format that is safe and quick there: bf16 on Ampere and later, fp16 on older GPUs, else fp32.

    bf16 before fp16, because the drag back-propagates, and small gradients vanish in fp16. GTX 16 cards calculate wrong
    in fp16.
    """
    if device.type != "cuda" or "GTX 16" in torch.cuda.get_device_name(device):
        return torch.float32
    return torch.bfloat16 if torch.cuda.get_device_capability(device)[0] >= 8 else torch.float16
