"""A random model with SD1.5's classes and layout, small enough to build in a moment, for every test that needs one."""

from __future__ import annotations

import functools
import json
import tempfile
from pathlib import Path
from typing import Any

import torch

from dragavideo_core.model.drag_model import DragModel, from_parts
from dragavideo_core.settings import PAPER, Preset

WIDTH = 16  # of the prompt embedding


@functools.lru_cache(maxsize=1)
def tiny_tokenizer() -> Any:
    """A CLIPTokenizer that knows letters and digits, 8 tokens a prompt."""
    from transformers import CLIPTokenizer

    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    tokens = [*letters, *(c + "</w>" for c in letters), "<|startoftext|>", "<|endoftext|>"]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(tokens)}), encoding="utf-8")
        (root / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
        config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 8, "pad_token": "<|endoftext|>"}
        (root / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
        return CLIPTokenizer.from_pretrained(root)


def tiny_unet(latent_channels: int = 4, layers_per_block: int = 1) -> Any:
    """Four levels with SD1.5's block types; 16 self-attentions with layers_per_block=2, as SD1.5, 10 with 1."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        in_channels=latent_channels,
        out_channels=latent_channels,
        block_out_channels=(8, 16, 16, 16),
        layers_per_block=layers_per_block,
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        cross_attention_dim=WIDTH,
        attention_head_dim=2,
        norm_num_groups=4,
        sample_size=8,
    )


def tiny_vae(latent_channels: int = 4) -> Any:
    """Stride 4, as the bundled model's."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        latent_channels=latent_channels,
        block_out_channels=(4, 8, 8),
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        norm_num_groups=4,
        sample_size=32,
    )


def tiny_text_encoder() -> Any:
    """One layer, as wide as the UNet's cross attention."""
    from transformers import CLIPTextConfig, CLIPTextModel

    tokenizer = tiny_tokenizer()
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=8,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def tiny_scheduler(prediction_type: str = "epsilon") -> Any:
    """SD1.5's DDIM scheduler."""
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type=prediction_type,
    )


def tiny_model(
    latent_channels: int = 4,
    prediction_type: str = "epsilon",
    seed: int = 0,
    *,
    layers_per_block: int = 1,
    preset: Preset = PAPER,
    dtype: torch.dtype = torch.float32,
) -> DragModel:
    """A random DragModel on the CPU; same arguments, same weights. The caller's random state is left alone.

    Latents have stride 4 (32 px -> 8 cells), up-blocks 2 and 3 give features of 16 and 8 channels at latent size.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return from_parts(
            tiny_unet(latent_channels, layers_per_block),
            tiny_vae(latent_channels),
            tiny_text_encoder(),
            tiny_tokenizer(),
            tiny_scheduler(prediction_type),
            preset=preset,
            name="tiny",
            dtype=dtype,
        )
