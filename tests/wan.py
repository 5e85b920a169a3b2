"""A tiny Wan 2.1 image-to-video model with random weights, of ComfyUI's own classes: `wan.py COMFYUI MODELS`.

ComfyUI reads a Wan network's size from its weights, so that the stock loaders take this one as they take the 14B.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NETWORK = "Wan2_1-I2V-ATI-14B_fp8_e4m3fn.safetensors"
VAE = "wan_2.1_vae.safetensors"


def write_wan(comfyui: Path, models: Path) -> None:
    """Write the two files that workflow 5 names; in a process of its own, since ComfyUI's modules have common names."""
    subprocess.run([sys.executable, str(Path(__file__).resolve()), str(comfyui), str(models)], check=True, cwd=comfyui)


def _write(comfyui: Path, models: Path) -> None:
    sys.path.insert(0, str(comfyui))
    sys.argv = [sys.argv[0], "--cpu"]
    import comfy.options

    comfy.options.enable_args_parsing()
    import comfy.ldm.wan.model
    import comfy.ldm.wan.vae
    import comfy.ops
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    network = comfy.ldm.wan.model.WanModel(
        model_type="i2v", in_dim=36, dim=128, ffn_dim=128, num_heads=1, num_layers=1,
        operations=comfy.ops.disable_weight_init, dtype=torch.float32,
    )  # fmt: skip
    vae = comfy.ldm.wan.vae.WanVAE(
        dim=8, z_dim=16, dim_mult=[1, 2, 4, 4], num_res_blocks=2, attn_scales=[], dropout=0.0,
        temperal_downsample=[False, True, True],
    )  # fmt: skip
    for module, folder, name in ((network, "diffusion_models", NETWORK), (vae, "vae", VAE)):
        weights = {key: 0.05 * torch.randn(value.shape) for key, value in module.state_dict().items()}
        (models / folder).mkdir(parents=True, exist_ok=True)
        save_file(weights, models / folder / name)


if __name__ == "__main__":
    _write(Path(sys.argv[1]), Path(sys.argv[2]))
