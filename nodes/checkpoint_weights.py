"""Weights out of ComfyUI's MODEL, CLIP and VAE objects, with the LoRAs that were applied to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import comfy.lora
import comfy.model_sampling
import torch
from torch import Tensor

from ..dragavideo_core.errors import DragAVideoError
from ..dragavideo_core.model import loading
from ..dragavideo_core.model.checkpoint import SD1_CONTEXT, UNET, VAE
from ..dragavideo_core.model.drag_model import DTYPES, DragModel, from_parts
from ..dragavideo_core.model.schedule import DdimSchedule, from_scheduler
from ..dragavideo_core.presets import BEST
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
    schedule = _schedule(model, from_scheduler(loading.load_scheduler(config)))
    place = memory.device()
    with torch.random.fork_rng(devices=[]):  # Modules are first filled at random; ComfyUI's state stays.
        return from_parts(
            _network(unet_weights, UNet2DConditionModel, "unet"),
            _network(vae_weights, AutoencoderKL, "vae"),
            _shortened(loading.load_text_encoder(text_weights, config / "text_encoder", "CLIP"), clip.layer_idx),
            loading.load_tokenizer(config / "tokenizer"),
            schedule,
            preset=BEST,
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


def _schedule(model: Any, usual: DdimSchedule) -> DdimSchedule:
    """The noise levels that ComfyUI samples this MODEL with: its own, or those of ModelSamplingDiscrete behind it.

    Raises:
        DragAVideoError: a way of sampling that DDIM does not know, or not the usual number of noise levels.
    """
    sampling = model.get_model_object("model_sampling")
    kinds = comfy.model_sampling
    known = {kinds.EPS: "epsilon", kinds.V_PREDICTION: "v_prediction"}
    # The first kind in the order of inheritance decides: others are derived from these two.
    kind = next((base for base in type(sampling).__mro__ if "calculate_denoised" in vars(base)), type(sampling))
    sigmas = getattr(sampling, "sigmas", None)
    if kind not in known or sigmas is None or len(sigmas) != len(usual.alphas_cumprod):
        raise DragAVideoError(
            f"The MODEL is sampled as {kind.__name__} with {0 if sigmas is None else len(sigmas)} noise levels, "
            "which cannot be inverted; take out ModelSamplingDiscrete, or set it to eps or v_prediction."
        )
    alphas = 1 / (sigmas.detach().to("cpu", torch.float64) ** 2 + 1)
    if torch.allclose(alphas, usual.alphas_cumprod, rtol=1e-3, atol=0):
        return replace(usual, prediction_type=known[kind])
    return replace(usual, alphas_cumprod=alphas, final_alpha=float(alphas[0]), prediction_type=known[kind])


def _shortened(text_encoder: Any, last: int | None) -> Any:
    """The text encoder up to the layer of CLIP Set Last Layer: -1 or None is all of it, -2 leaves out the last.

    Raises:
        DragAVideoError: a layer that the text encoder does not have.
    """
    encoder = getattr(text_encoder, "text_model", text_encoder).encoder  # older transformers wrap it
    layers = encoder.layers
    if last is None or last == -1:
        return text_encoder
    kept = last + 1 if last >= 0 else len(layers) + 1 + last
    if not 1 <= kept <= len(layers):
        raise DragAVideoError(
            f"The CLIP is set to layer {last}, but it has {len(layers)}; choose -1 to -{len(layers)}."
        )
    encoder.layers = layers[:kept]
    return text_encoder


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
