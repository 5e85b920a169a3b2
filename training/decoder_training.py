"""Trains the codec's decoder: crops first, whole pictures at the end, as a GroupNorm sees all it is given."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor

from .codec import build_codec
from .data import held_out_images, read_pictures
from .pca import PATCH, PatchPca, colour_fields, load_pca, to_float
from .starting import start_decoder
from .weights import MovingAverage, learning_rate, load_training, save_training, trainable

PEAK_RATE = 2e-3
CROP = 16  # latent cells
CROPS, WHOLE = 16, 4  # a batch, as crops or as whole pictures
WHOLE_FROM = 0.7  # share of the time
_log = logging.getLogger(__name__)


@dataclass
class DecoderProgress:
    """What a resumed run needs to know."""

    iteration: int = 0
    seconds: float = 0.0
    held_out_db: float = 0.0


def draw_crops(images: Tensor, count: int, cells: int, generator: torch.Generator) -> Tensor:
    """uint8 [N, 128, 128, 3] -> float [count, 3, 4 cells, 4 cells] in [-1, 1], at any offset that fits."""
    side = cells * PATCH
    picks = torch.randint(len(images), (count,), generator=generator).tolist()
    crops = []
    for pick in picks:
        top, left = torch.randint(images.shape[1] - side + 1, (2,), generator=generator).tolist()
        crops.append(images[pick, top : top + side, left : left + side])
    return to_float(torch.stack(crops))


def reconstruct(vae: AutoencoderKL, pca: PatchPca, images: Tensor) -> Tensor:
    """float [N, 3, H, W] in [-1, 1] -> its reconstruction; the PCA stands for the encoder, its equal."""
    latents = pca.encode(images).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        return vae.decode(latents).sample.float()


@torch.no_grad()
def psnr(vae: AutoencoderKL, images: Tensor) -> float:
    """dB over float images [N, 3, H, W] in [-1, 1], through encoder and decoder in fp32, the mean."""
    errors = []
    for batch in images.split(8):
        out = vae.decode(vae.encode(batch).latent_dist.mean).sample.clamp(-1, 1)
        errors.append(((out - batch) / 2).square().mean((1, 2, 3)))
    return float(-10 * torch.log10(torch.cat(errors)).mean())


def train_decoder(
    work: Path, minutes: float, resume: bool = False, start: Path | None = None, rate: float = 1.0
) -> None:
    """Trains for `minutes` of wall-clock time in all, writing `work/decoder.safetensors`.

    Args:
        start: exported model whose weights to begin from.
        rate: times the usual learning rate.
    """
    pca = load_pca(work / "pca.safetensors")
    torch.manual_seed(0)
    vae = build_codec(pca).to(memory_format=torch.channels_last)
    modules = {"vae": vae}
    ema = MovingAverage(modules, decay=0.998)
    optimizer = torch.optim.AdamW(trainable(modules).values(), lr=PEAK_RATE, weight_decay=1e-3, fused=True)
    progress = DecoderProgress()
    checkpoint = work / "decoder.safetensors"
    if resume and checkpoint.exists():
        progress = DecoderProgress(**load_training(checkpoint, ema, optimizer))
    elif start is not None:
        start_decoder(ema, vae, start)
    generator = torch.Generator().manual_seed(3 + progress.iteration)
    fields = torch.from_numpy(colour_fields(96, np.random.default_rng(1)))
    images = torch.cat([read_pictures(work / "cache"), fields])
    held_out = to_float(held_out_images(32))
    last_save = progress.seconds
    while progress.seconds < 60 * minutes:
        started, share = time.monotonic(), progress.seconds / (60 * minutes)
        count, cells = (CROPS, CROP) if share < WHOLE_FROM else (WHOLE, images.shape[1] // PATCH)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(rate * PEAK_RATE, share)
        for _ in range(20):
            loss = _iterate(vae, pca, draw_crops(images, count, cells, generator))
            torch.nn.utils.clip_grad_norm_(ema.live.values(), 1.0, foreach=True)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            progress.iteration += 1
            ema.update(progress.iteration)
        progress.seconds += time.monotonic() - started
        done = progress.seconds >= 60 * minutes
        if done or progress.seconds - last_save >= 180:
            last_save = progress.seconds
            ema.swap()
            progress.held_out_db = psnr(vae, held_out)
            ema.swap()
            save_training(checkpoint, ema, optimizer, asdict(progress))
            minutes_done, db = progress.seconds / 60, progress.held_out_db
            _log.info("%.1f min: loss %.5f, held out %.2f dB", minutes_done, loss, db)


def _iterate(vae: AutoencoderKL, pca: PatchPca, images: Tensor) -> float:
    out = reconstruct(vae, pca, images)
    loss = F.mse_loss(out, images) + 0.1 * F.l1_loss(out, images)
    loss.backward()
    return float(loss.detach())
