"""Begins a training from the weights of an exported model instead of random ones."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from .text import load_tokenizer
from .weights import MovingAverage


def start_decoder(ema: MovingAverage, vae: AutoencoderKL, folder: Path) -> None:
    """Takes over the decoder of an exported model.

    Raises:
        ValueError: the model's encoder is another one, so that its latents mean something else.
    """
    other = AutoencoderKL.from_pretrained(folder / "vae")
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        mine, theirs = (codec.encode(picture).latent_dist.mean for codec in (vae, other))
    if not torch.allclose(mine, theirs, atol=0.02):
        raise ValueError(f"{folder} encodes pictures otherwise than this training's PCA: start it from nothing")
    _take_over(ema, _named({"vae": other}))


def start_denoiser(ema: MovingAverage, tokenizer: CLIPTokenizer, folder: Path) -> None:
    """Takes over denoiser and text encoder; words that both vocabularies have keep their embedding."""
    old, new = (each.get_vocab() for each in (load_tokenizer(folder / "tokenizer"), tokenizer))
    values = _named(
        {
            "unet": UNet2DConditionModel.from_pretrained(folder / "unet"),
            "text": CLIPTextModel.from_pretrained(folder / "text_encoder"),
        }
    )
    table = next(name for name in values if name.endswith("token_embedding.weight"))
    known = sorted(old.keys() & new.keys())
    grown = ema.live[table].detach().clone()
    grown[[new[word] for word in known]] = values[table][[old[word] for word in known]].float()
    _take_over(ema, values | {table: grown})


def _named(modules: dict[str, nn.Module]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": p for prefix, module in modules.items() for name, p in module.named_parameters()}


@torch.no_grad()
def _take_over(ema: MovingAverage, values: dict[str, Tensor]) -> None:
    for name, live in ema.live.items():
        live.copy_(values[name])
        ema.average[name].copy_(live)
