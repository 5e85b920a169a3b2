"""Single-file checkpoints in the original (LDM) naming, from diffusers modules: the reverse of from_single_file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
_UNET_ENDS = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_VAE_WORDS = (
    (r"mid_block\.resnets\.0", "mid.block_1"),
    (r"mid_block\.resnets\.1", "mid.block_2"),
    (r"mid_block\.attentions\.0", "mid.attn_1"),
    (r"\.downsamplers\.0\.conv", ".downsample.conv"),
    (r"\.upsamplers\.0\.conv", ".upsample.conv"),
    (r"\.resnets\.", ".block."),
    ("conv_norm_out", "norm_out"),
    ("conv_shortcut", "nin_shortcut"),
    ("group_norm", "norm"),
    (r"to_out\.0", "proj_out"),
    (r"\.to_([qkv])\.", r".\1."),
)


def unet_name(name: str, layers: int, attention_up: list[bool]) -> str:
    """One diffusers UNet name in LDM's words; `layers` per block, `attention_up[i]` when up-block i has attention."""
    for ours, theirs in _UNET_ENDS.items():
        if name.startswith(ours + "."):
            return name.replace(ours, theirs, 1)
    per = layers + 1
    if match := re.match(r"mid_block\.(resnets|attentions)\.(\d)\.(.*)", name):
        kind, j, rest = match[1], int(match[2]), match[3]
        head = f"middle_block.{1 if kind == 'attentions' else 2 * j}"
    else:
        match = re.match(r"(down|up)_blocks\.(\d)\.(\w+)\.(\d)\.(.*)", name)
        assert match, name
        side, i, kind, j, rest = match[1], int(match[2]), match[3], int(match[4]), match[5]
        if kind == "downsamplers":
            return f"input_blocks.{(i + 1) * per}.0.op.{rest.removeprefix('conv.')}"
        if kind == "upsamplers":
            return f"output_blocks.{i * per + layers}.{2 if attention_up[i] else 1}.{rest}"
        first = f"input_blocks.{1 + i * per + j}" if side == "down" else f"output_blocks.{i * per + j}"
        head = f"{first}.{1 if kind == 'attentions' else 0}"
    if kind == "resnets":
        part, tail = rest.split(".", 1)
        rest = f"{_RESNET[part]}.{tail}"
    return f"{head}.{rest}"


def vae_name(name: str, levels: int) -> str:
    """One diffusers VAE name in LDM's words."""
    name = re.sub(r"decoder\.up_blocks\.(\d)", lambda m: f"decoder.up.{levels - 1 - int(m[1])}", name)
    name = name.replace("encoder.down_blocks.", "encoder.down.")
    for ours, theirs in _VAE_WORDS:
        name = re.sub(ours, theirs, name)
    return name


def ldm_tensors(unet: Any, vae: Any, text_encoder: Any) -> dict[str, Tensor]:
    """Everything of a Stable Diffusion 1.x checkpoint under LDM's names."""
    tensors: dict[str, Tensor] = {}
    attention_up = [hasattr(block, "attentions") for block in unet.up_blocks]
    for name, value in unet.state_dict().items():
        tensors["model.diffusion_model." + unet_name(name, unet.config.layers_per_block, attention_up)] = value
    for name, value in vae.state_dict().items():
        new = vae_name(name, len(vae.config.block_out_channels))
        is_projection = ".attn_1." in new and new.endswith("weight") and ".norm." not in new
        tensors["first_stage_model." + new] = value[:, :, None, None] if is_projection else value
    for name, value in text_encoder.state_dict().items():
        tensors["cond_stage_model.transformer.text_model." + name.removeprefix("text_model.")] = value
    return tensors


def write_checkpoint(path: Path, unet: Any, vae: Any, text_encoder: Any, dtype: torch.dtype = torch.float32) -> None:
    """Save the parts as one .safetensors checkpoint."""
    from safetensors.torch import save_file

    tensors = ldm_tensors(unet, vae, text_encoder)
    save_file({key: value.detach().to(dtype).contiguous() for key, value in tensors.items()}, path)


def write_sd15_checkpoint(path: Path, dtype: torch.dtype = torch.float16, seed: int = 0) -> None:
    """A full-size Stable Diffusion 1.5 checkpoint with random weights (2.1 GB in fp16, about 6 GB of memory)."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    from dragavideo_core.model.loading import SD15_CONFIG

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(SD15_CONFIG / "unet"))
        vae = AutoencoderKL.from_config(AutoencoderKL.load_config(SD15_CONFIG / "vae"))
        text = CLIPTextModel(CLIPTextConfig.from_pretrained(SD15_CONFIG / "text_encoder"))
    write_checkpoint(path, unet, vae, text, dtype)
