"""The latent cache: rendered once, beside the denoiser, which trains on what is there already.

A shard is `latents-NNNN.safetensors` ("latents" fp16 [n, 8, 32, 32]) beside `captions-NNNN.json` (n strings);
the first shards also keep their pictures for the decoder, `images-NNNN.safetensors` ("images" uint8
[n, 128, 128, 3]).
"""

from __future__ import annotations

import json
import logging
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from .captions import caption, shortened
from .pca import PatchPca, to_float
from .renderer import render_frame
from .scene import HELD_OUT_FROM, UNIT_SIZE, sample_edit, sample_scene

SHARD = 2048
FRAMES_PER_SCENE = 2
IMAGE_SHARDS = 4
EDITED_SHARE = 0.3
WINDOW_SHARE, WINDOW_OF = 0.1, 192
_log = logging.getLogger(__name__)


def render_examples(first: int, count: int) -> tuple[np.ndarray, list[str]]:
    """Examples `first` to `first + count` of the endless list: uint8 [count, 128, 128, 3] and their captions.

    Two frames a scene, three in ten with a part moved at random. One in ten is a window of a picture of one and
    a half times the size, with no caption, so that the model knows larger animals than fit into 128 px.
    """
    images, captions = [], []
    for index in range(first, first + count):
        scene = sample_scene(index // FRAMES_PER_SCENE)
        rng = np.random.default_rng((index, 7))
        edit = sample_edit(rng) if rng.random() < EDITED_SHARE else None
        frame, text = int(rng.integers(scene.frames)), shortened(caption(scene, edit), rng)
        if rng.random() < WINDOW_SHARE:
            large = render_frame(replace(scene, size=WINDOW_OF), frame, edit)
            top, left = rng.integers(WINDOW_OF - UNIT_SIZE + 1, size=2)
            images.append(large[top : top + UNIT_SIZE, left : left + UNIT_SIZE])
            captions.append("")
        else:
            images.append(render_frame(scene, frame, edit))
            captions.append(text)
    return np.stack(images), captions


def held_out_images(count: int) -> np.ndarray:
    """The first frames of `count` scenes no training ever sees, uint8 [count, 128, 128, 3]."""
    return np.stack([render_frame(sample_scene(HELD_OUT_FROM + 50_000 + i), 0) for i in range(count)])


def write_cache(cache: Path, pca: PatchPca, images: int) -> None:
    """Renders and encodes until `images` examples are cached. Shards already there are kept."""
    cache.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    for shard in range(-(-images // SHARD)):
        if _latents_path(cache, shard).exists():
            continue
        pictures, captions = render_examples(shard * SHARD, SHARD)
        latents = pca.encode(to_float(pictures)).half().contiguous()
        if shard < IMAGE_SHARDS:
            _save_whole({"images": torch.from_numpy(pictures)}, cache / f"images-{shard:04d}.safetensors")
        (cache / f"captions-{shard:04d}.json").write_text(json.dumps(captions), encoding="utf-8")
        _save_whole({"latents": latents}, _latents_path(cache, shard))  # last: says the shard is complete
        _log.info("shard %d, %.0f s", shard, time.monotonic() - started)


def read_shard(cache: Path, shard: int) -> tuple[Tensor, list[str]] | None:
    """Latents fp16 [n, 8, 32, 32] and n captions, or None while the shard is not there."""
    if not _latents_path(cache, shard).exists():
        return None
    captions = json.loads((cache / f"captions-{shard:04d}.json").read_text(encoding="utf-8"))
    return load_file(_latents_path(cache, shard))["latents"], captions


def wait_for_shard(cache: Path, shard: int, seconds: float = 600) -> None:
    """Returns when the shard is there; TimeoutError if the rendering process seems dead."""
    end = time.monotonic() + seconds
    while not _latents_path(cache, shard).exists():
        if time.monotonic() > end:
            raise TimeoutError(f"no shard {shard} in {cache} after {seconds:.0f} s")
        time.sleep(0.5)


def read_pictures(cache: Path) -> Tensor:
    """The pictures kept for the decoder, uint8 [n, 128, 128, 3]."""
    paths = sorted(cache.glob("images-*.safetensors"))
    return torch.cat([load_file(path)["images"] for path in paths])


def _latents_path(cache: Path, shard: int) -> Path:
    return cache / f"latents-{shard:04d}.safetensors"


def _save_whole(tensors: dict[str, Tensor], path: Path) -> None:
    """A reader sees the whole file or none."""
    part = path.with_suffix(".part")
    save_file(tensors, part)
    os.replace(part, path)
