"""Writes a diffusers folder from the newest checkpoints; may run while training goes on."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import diffusers
import torch
from diffusers import AutoencoderKL
from safetensors import safe_open

from dragavideo_core.settings import PRESET_FILE

from .codec import build_codec
from .denoiser import build_schedule, build_unet
from .pca import load_pca
from .text import build_text_encoder, load_tokenizer, write_tokenizer
from .weights import load_average

PRESET = Path(__file__).with_name(PRESET_FILE)
"""The settings that go with these weights, found with bench/."""
_log = logging.getLogger(__name__)


def load_codec(work: Path) -> AutoencoderKL:
    """The codec with the newest decoder, or with an untrained one while there is none."""
    vae = build_codec(load_pca(work / "pca.safetensors"))
    checkpoint = work / "decoder.safetensors"
    if checkpoint.exists():
        load_average(checkpoint, {"vae": vae})
    return vae.eval()


def export(work: Path, out: Path) -> None:
    """StableDiffusionPipeline's layout, fp16 safetensors, the text encoder in fp32. Swapped in as a whole."""
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    write_tokenizer(part / "tokenizer")
    tokenizer = load_tokenizer(part / "tokenizer")
    unet, text_encoder = build_unet(), build_text_encoder(tokenizer)
    load_average(work / "denoiser.safetensors", {"unet": unet, "text": text_encoder})
    load_codec(work).to(torch.float16).save_pretrained(part / "vae")
    unet.to(torch.float16).save_pretrained(part / "unet")
    text_encoder.save_pretrained(part / "text_encoder")  # fp32: transformers loads as saved, diffusers in fp32
    build_schedule().save_pretrained(part / "scheduler")
    (part / "model_index.json").write_text(json.dumps(_index(), indent=2) + "\n", encoding="utf-8")
    shutil.copy(PRESET, part / PRESET_FILE)
    (part / "training.json").write_text(json.dumps(_state(work), indent=2) + "\n", encoding="utf-8")
    _swap(part, out)
    _log.info("exported to %s", out)


def _index() -> dict[str, object]:
    return {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": diffusers.__version__,
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }


def _state(work: Path) -> dict[str, object]:
    """How long each half was trained, for the model card."""
    states: dict[str, object] = {}
    for name in ("denoiser", "decoder"):
        path = work / f"{name}.safetensors"
        if path.exists():
            with safe_open(path, framework="pt") as file:
                states[name] = json.loads(file.metadata()["state"])
    return states


def _swap(part: Path, out: Path) -> None:
    """Puts `part` at `out`; a reader sees the old folder or the new one, but for an instant between."""
    old = out.with_name(out.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    out.parent.mkdir(parents=True, exist_ok=True)
    part.rename(out)
    shutil.rmtree(old, ignore_errors=True)
