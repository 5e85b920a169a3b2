"""The codec's fixed half: a linear PCA of 4x4 pixel patches, whitened to unit variance per latent channel.

Design notes: `shared/design.md`, "What trials on this ground showed" (the codec). Images are float [-1, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from .plain_scenes import plain_scene
from .renderer import render_frame

PATCH = 4
CHANNELS = 8
FIRST_PCA_SEED = 900_000  # training seeds, away from those the latent cache counts up from 0


@dataclass(frozen=True)
class PatchPca:
    """`weight` [8, 48] and `bias` [8] encode a patch flattened as (row, column, colour).

    `basis` [48, 8] and `mean` [48] decode. Weight and bias are fp16 numbers, so a model saved in fp16
    has the same encoder bit for bit.
    """

    weight: Tensor
    bias: Tensor
    basis: Tensor
    mean: Tensor

    def encode(self, images: Tensor) -> Tensor:
        """float [N, 3, H, W] in [-1, 1] -> latents float [N, 8, H/4, W/4] of about unit variance."""
        patches = to_patches(images)
        return (patches @ self.weight.T + self.bias).permute(0, 3, 1, 2)

    def decode(self, latents: Tensor) -> Tensor:
        """The best linear decoding, blocky: latents [N, 8, h, w] -> [N, 3, 4h, 4w]."""
        return from_patches(latents.permute(0, 2, 3, 1) @ self.basis.T + self.mean)


def to_patches(images: Tensor) -> Tensor:
    """[N, 3, H, W] -> [N, H/4, W/4, 48], a patch flattened as (row, column, colour)."""
    n, colours, height, width = images.shape
    grid = images.reshape(n, colours, height // PATCH, PATCH, width // PATCH, PATCH)
    return grid.permute(0, 2, 4, 3, 5, 1).reshape(n, height // PATCH, width // PATCH, PATCH * PATCH * colours)


def from_patches(patches: Tensor) -> Tensor:
    """The inverse of `to_patches`."""
    n, rows, columns, _ = patches.shape
    grid = patches.reshape(n, rows, columns, PATCH, PATCH, 3).permute(0, 5, 1, 3, 2, 4)
    return grid.reshape(n, 3, rows * PATCH, columns * PATCH)


def fit_pca(images: Tensor) -> PatchPca:
    """Fits to float images [N, 3, H, W] in [-1, 1]; the statistics are taken in double precision."""
    patches = to_patches(images).reshape(-1, PATCH * PATCH * 3).double()
    mean = patches.mean(0)
    covariance = (patches - mean).T @ (patches - mean) / len(patches)
    values, vectors = torch.linalg.eigh(covariance)
    values, vectors = values.flip(0)[:CHANNELS], vectors.flip(1)[:, :CHANNELS]
    # An eigenvector's sign is arbitrary: fix it, so that the same images give the same codec everywhere.
    vectors = vectors * vectors.gather(0, vectors.abs().argmax(0, keepdim=True)).sign()
    scale = values.clamp_min(1e-8).sqrt()
    weight = (vectors / scale).T.half().float()
    bias = -(weight.double() @ mean).half().float()
    return PatchPca(weight, bias, (vectors * scale).float().contiguous(), mean.float())


def save_pca(pca: PatchPca, path: Path) -> None:
    save_file({name: value.contiguous() for name, value in vars(pca).items()}, path)


def load_pca(path: Path) -> PatchPca:
    return PatchPca(**load_file(path))


def to_float(images: np.ndarray | Tensor) -> Tensor:
    """uint8 [N, H, W, 3] -> float [N, 3, H, W] in [-1, 1]."""
    return torch.as_tensor(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def colour_fields(count: int, rng: np.random.Generator, size: int = 128) -> np.ndarray:
    """Smooth random colour textures, uint8 [count, size, size, 3]: what no creature shows, so that the
    codec knows every hue and direction."""
    fields = []
    for _ in range(count):
        field = np.zeros((size, size, 3), np.float32)
        for cells in (2, 5, 13, 41):
            noise = rng.normal(0, 1, (cells, cells, 3)).astype(np.float32)
            grown = cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)
            field += np.asarray(grown, np.float32) / cells**0.5
        fields.append(np.clip(127 + 70 * field, 0, 255).astype(np.uint8))
    return np.stack(fields)


def pca_images(count: int = 1024) -> np.ndarray:
    """Frames of `count` plain scenes and an eighth as many colour fields, uint8 [N, 128, 128, 3].

    Plain ones, so that latents stay those of the first bundled model, whose weights training can go on from; a fit
    to the wide domain is 0.3 dB nearer to it (31.8 against 31.4, linear decoding of 8 channels).
    """
    rng = np.random.default_rng(0)
    frames = [render_frame(plain_scene(FIRST_PCA_SEED + i, 8, 128), int(rng.integers(8))) for i in range(count)]
    return np.concatenate([np.stack(frames), colour_fields(max(count // 8, 1), rng)])
