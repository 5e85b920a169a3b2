"""An AutoencoderKL whose encoder *is* the patch PCA: exact and frozen, so latents are known at once.

How a convolutional encoder can be linear (design notes, "The codec"):
- every residual branch ends in zero weights, so a residual block is its shortcut;
- the two strided 3x3 convolutions move each 2x2 cell of pixels into channels, the second projects at once;
- GroupNorm + SiLU at the end passes a value through unchanged when it is carried as the pair (y, -y), because
  silu(y) - silu(-y) = y, and when constants much larger than y in the same group hold the norm still.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from .pca import CHANNELS, PatchPca

GROUPS = 8  # one group carries one latent channel's pair
WIDTHS = (32, 64, 64)  # the last two equal, and a multiple of 64: see `_project_to_pairs`
_HOLD = 512.0  # the constants beside the pairs; a power of two, so that fp16 holds it exactly
_LOG_VARIANCE = -20.0  # std 4.5e-5: sampling the posterior is as good as its mean


def build_codec(pca: PatchPca, sample_size: int = 128) -> AutoencoderKL:
    """The codec with the exact, frozen PCA encoder and a fresh decoder. Images [N, 3, H, W] in [-1, 1]."""
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=WIDTHS,
        layers_per_block=1,
        latent_channels=CHANNELS,
        norm_num_groups=GROUPS,
        sample_size=sample_size,
        scaling_factor=1.0,  # whitened: the variance is one already
        mid_block_add_attention=False,
        force_upcast=False,
    )
    with torch.no_grad():
        _write_pca(vae, pca)
        _calm_decoder(vae)
    for part in (vae.encoder, vae.quant_conv):
        part.requires_grad_(False)
    return vae


def _write_pca(vae: AutoencoderKL, pca: PatchPca) -> None:
    encoder = vae.encoder
    for block in (*encoder.down_blocks, encoder.mid_block):
        for resnet in block.resnets:
            _zero(resnet.conv1)  # nothing of it arrives, but random weights would make every export another file
            _zero(resnet.conv2)
            if resnet.conv_shortcut is not None:
                _pass_through(resnet.conv_shortcut)
    _pass_through(encoder.conv_in)
    first, second = (encoder.down_blocks[i].downsamplers[0].conv for i in range(2))
    _space_to_depth(first)
    _project_to_pairs(second, pca)
    _read_pairs(encoder.conv_norm_out, encoder.conv_out)
    _pass_through(vae.quant_conv)
    vae.quant_conv.weight[CHANNELS:] = 0
    vae.quant_conv.bias[CHANNELS:] = _LOG_VARIANCE


def _zero(conv: nn.Conv2d) -> None:
    conv.weight.zero_()
    _bias(conv).zero_()


def _bias(conv: nn.Conv2d) -> Tensor:
    if conv.bias is None:
        raise ValueError("AutoencoderKL's convolutions all have a bias")
    return conv.bias


def _pass_through(conv: nn.Conv2d) -> None:
    """Output channel i is input channel i; any further outputs are zero."""
    _zero(conv)
    middle = conv.kernel_size[0] // 2
    for i in range(min(conv.in_channels, conv.out_channels)):
        conv.weight[i, i, middle, middle] = 1


def _space_to_depth(conv: nn.Conv2d) -> None:
    """RGB -> 12 channels (row, column, colour).

    Taps 0 and 1 are the cell: diffusers pads right and below.
    """
    _zero(conv)
    for row in range(2):
        for column in range(2):
            for colour in range(3):
                conv.weight[(row * 2 + column) * 3 + colour, colour, row, column] = 1


def _project_to_pairs(conv: nn.Conv2d, pca: PatchPca) -> None:
    """12 channels -> latent g in group g as (y, -y), beside constants: a quarter of the group, half negative.

    The group's mean is then zero and its variance hold**2 / 4, whatever y is, to one part in 10**5.
    """
    _zero(conv)
    grid = pca.weight.reshape(CHANNELS, 2, 2, 2, 2, 3)  # outer and inner row, outer and inner column, colour
    taps = grid.permute(0, 2, 4, 5, 1, 3).reshape(CHANNELS, 12, 2, 2)
    size = conv.out_channels // GROUPS
    for g in range(CHANNELS):
        start = g * size
        for sign, channel in ((1, start), (-1, start + 1)):
            conv.weight[channel, :12, :2, :2] = sign * taps[g]
            _bias(conv)[channel] = sign * pca.bias[g]
        for i in range(size // 4):
            _bias(conv)[start + 2 + i] = _HOLD if i % 2 == 0 else -_HOLD


def _read_pairs(norm: nn.GroupNorm, conv: nn.Conv2d) -> None:
    """Undoes the norm's division by hold / 2 with its gain, then takes silu(y) - silu(-y)."""
    norm.weight.fill_(_HOLD / 2)
    norm.bias.zero_()
    _zero(conv)
    size = norm.num_channels // GROUPS
    for g in range(CHANNELS):
        conv.weight[g, g * size, 1, 1] = 1
        conv.weight[g, g * size + 1, 1, 1] = -1


def _calm_decoder(vae: AutoencoderKL) -> None:
    """Residual branches start at zero, so that the first pictures are plain and the gradients even."""
    for block in (*vae.decoder.up_blocks, vae.decoder.mid_block):
        for resnet in block.resnets:
            nn.init.zeros_(resnet.conv2.weight)
            nn.init.zeros_(resnet.conv2.bias)
