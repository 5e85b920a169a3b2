"""Weights out of ComfyUI's MODEL, CLIP and VAE objects, with the LoRAs that were applied to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import comfy.lora
import comfy.model_base
import torch
from torch import Tensor

from ..dragavideo_core.errors import DragAVideoError
from ..dragavideo_core.model import loading
from ..dragavideo_core.model.checkpoint import SD1_CONTEXT, UNET, VAE
from ..dragavideo_core.model.drag_model import DTYPES, DragModel, from_parts
from . import memory

_LATENT_CHANNELS = 4


def drag_model(model: Any, clip: Any, vae: Any, dtype: str) -> DragModel:
    """A core model with copies of the weights. Call outside inference mode.

    Raises:
        DragAVideoError: another kind of model than Stable Diffusion 1.x.
    """
    _check(model, clip, vae)
    from diffusers import AutoencoderKL, UNet2DConditionModel

    config = loading.SD15_CONFIG
    unet_weights = _renamed(_patched(model, "diffusion_model."), "diffusion_model.", UNET)
    text_weights = _renamed(_patched(clip.patcher, "clip_l.transformer."), "clip_l.transformer.", "")
    vae_weights = _renamed({k: _copy(v) for k, v in vae.first_stage_model.state_dict().items()}, "", VAE)
    scheduler = loading.load_scheduler(config)
    if model.model.model_type == comfy.model_base.ModelType.V_PREDICTION:
        scheduler = type(scheduler).from_config(scheduler.config, prediction_type="v_prediction")
    place = memory.device()
    with torch.random.fork_rng(devices=[]):  # Modules are first filled at random; ComfyUI's state stays.
        return from_parts(
            _network(unet_weights, UNet2DConditionModel, "unet"),
            _network(vae_weights, AutoencoderKL, "vae"),
            loading.load_text_encoder(text_weights, config / "text_encoder", "CLIP"),
            loading.load_tokenizer(config / "tokenizer"),
            scheduler,
            name="checkpoint",
            device=place,
            dtype=DTYPES[dtype],
        )


def _check(model: Any, clip: Any, vae: Any) -> None:
    """Refuse other families by what they are, before gigabytes are copied."""
    config = model.model.model_config
    family = type(config).__name__
    unet = getattr(config, "unet_config", None) or {}
    if unet.get("context_dim") != SD1_CONTEXT or unet.get("in_channels") != _LATENT_CHANNELS:
        raise DragAVideoError(
            f"The MODEL is of the kind {family}, which cannot be dragged; connect a Stable Diffusion 1.x checkpoint."
        )
    if not hasattr(clip.cond_stage_model, "clip_l") or hasattr(clip.cond_stage_model, "clip_g"):
        raise DragAVideoError(
            f"The CLIP is a {type(clip.cond_stage_model).__name__}; connect the CLIP of a Stable Diffusion 1.x "
            "checkpoint."
        )
    channels = getattr(vae, "latent_channels", _LATENT_CHANNELS)
    if channels != _LATENT_CHANNELS or "decoder.conv_in.weight" not in vae.first_stage_model.state_dict():
        raise DragAVideoError(
            f"The VAE has {channels} latent channels or another layout; connect the VAE of a Stable Diffusion 1.x "
            "checkpoint."
        )


def _patched(patcher: Any, prefix: str) -> dict[str, Tensor]:
    """Weights under `prefix` with all LoRAs, from backups where ComfyUI has patched its own in place."""
    weights = {}
    for key, parts in patcher.get_key_patches(prefix).items():
        # Older ones give the weight alone, newer ones the weight and what un-quantises it.
        first = parts[0]
        weight, convert = first if isinstance(first, tuple) else (first, None)
        value = weight.to("cpu", torch.float32, copy=True)
        value = convert(value) if convert else value
        if len(parts) > 1:
            value = comfy.lora.calculate_weight(parts[1:], value, key)
        weights[key] = value
    return weights


def _copy(weight: Tensor) -> Tensor:
    return weight.detach().to("cpu", torch.float32, copy=True)


def _renamed(weights: Mapping[str, Tensor], old: str, new: str) -> dict[str, Tensor]:
    return {new + key.removeprefix(old): value for key, value in weights.items()}


def _network(weights: dict[str, Tensor], kind: Any, part: str) -> Any:
    count = len(weights)
    network = kind.from_single_file(weights, config=str(loading.SD15_CONFIG), subfolder=part, local_files_only=True)
    absent = len(network.state_dict()) - count
    if absent:
        raise DragAVideoError(
            f"The {part} differs from Stable Diffusion 1.x by {abs(absent)} tensors; connect a plain checkpoint."
        )
    return network
