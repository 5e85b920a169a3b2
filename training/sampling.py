"""Free samples: the only honest look at the prior (reconstruction says nothing about it)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import Tensor

from .denoiser import LATENT_SIZE
from .pca import CHANNELS


@torch.no_grad()
def sample_latents(
    unet: UNet2DConditionModel, schedule: DDIMScheduler, text: Tensor, steps: int = 50, seed: int = 0
) -> Tensor:
    """Deterministic DDIM from seeded noise, no guidance. Text [N, 77, 64] -> latents [N, 8, 32, 32]."""
    shape = (len(text), CHANNELS, LATENT_SIZE, LATENT_SIZE)
    latents = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    schedule.set_timesteps(steps)
    for timestep in schedule.timesteps:
        with torch.autocast("cpu", torch.bfloat16):
            predicted = unet(latents.contiguous(memory_format=torch.channels_last), timestep, text).sample
        latents = schedule.step(predicted.float(), timestep, latents).prev_sample
    return latents


@torch.no_grad()
def decode(vae: AutoencoderKL, latents: Tensor) -> np.ndarray:
    """[N, 8, 32, 32] -> uint8 RGB [N, 128, 128, 3]."""
    images = vae.decode(latents / vae.config.scaling_factor).sample
    return ((images.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()


def write_sheet(images: np.ndarray, path: Path, columns: int = 8, zoom: int = 1) -> None:
    """uint8 [N, H, W, 3] as a PNG, row by row; N a multiple of `columns`."""
    n, height, width, _ = images.shape
    sheet = images.reshape(n // columns, columns, height, width, 3).transpose(0, 2, 1, 3, 4)
    sheet = sheet.reshape(n // columns * height, columns * width, 3)
    sheet = sheet.repeat(zoom, 0).repeat(zoom, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
