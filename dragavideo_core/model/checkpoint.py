"""What a .safetensors file holds, told from its header alone: tensor names and shapes, no weights read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import DragAVideoError

UNET, VAE, TEXT = "model.diffusion_model.", "first_stage_model.", "cond_stage_model.transformer."
EXPECTED = "Drag-A-Video needs a Stable Diffusion 1.x checkpoint with UNet, VAE and text encoder in one file"
PICKLES = {".ckpt", ".pt", ".pth", ".bin"}
SD1_CONTEXT = 768

Shapes = Mapping[str, tuple[int, ...]]

# A file that holds a name containing the text on the left is what the right says; the first match counts, so the
# more telling names stand first.
_SIGNS = (
    ("lora_", "a LoRA"),
    (".lora.", "a LoRA"),
    ("hada_w1", "a LyCORIS file"),
    ("lokr_w1", "a LyCORIS file"),
    ("conditioner.embedders.1.", "a Stable Diffusion XL checkpoint"),
    ("conditioner.embedders.", "a Stable Diffusion XL checkpoint"),
    ("double_blocks.", "a Flux model"),
    ("joint_blocks.", "a Stable Diffusion 3 model"),
    ("motion_modules.", "an AnimateDiff motion module"),
    ("control_model.", "a ControlNet"),
    ("input_hint_block.", "a ControlNet"),
    ("controlnet_cond_embedding.", "a ControlNet"),
    ("cond_stage_model.model.", "a Stable Diffusion 2 checkpoint"),
    ("label_emb.", "a Stable Diffusion XL or unCLIP model"),
)
_PARTS = (
    ("string_to_param", "a textual-inversion embedding"),
    ("emb_params", "a textual-inversion embedding"),
    ("image_encoder.", "a Segment Anything or IP-Adapter model"),
    ("add_embedding.", "the UNet of a Stable Diffusion XL diffusers folder"),
    ("down_blocks.", "one part of a diffusers folder (give the folder that has model_index.json)"),
    ("encoder.down.", "a VAE"),
    ("first_stage_model.", "a VAE"),
    ("text_model.", "a text encoder"),
    ("diffusion_model.", "a UNet without VAE and text encoder"),
    ("blocks.", "a transformer diffusion model"),
)
_CHANNELS = {9: "an inpainting checkpoint", 8: "an instruction (InstructPix2Pix) checkpoint", 5: "a depth checkpoint"}


def read_header(path: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors in a .safetensors file.

    Raises:
        DragAVideoError: a pickle, another kind of file, or a truncated or damaged one.
    """
    suffix = path.suffix.lower()
    if suffix in PICKLES:
        raise DragAVideoError(
            f"'{path.name}' is a pickle, which can run any program when it is opened; "
            "convert it to .safetensors or download it in that format."
        )
    if suffix != ".safetensors":
        raise DragAVideoError(
            f"'{path.name}' is no model file that can be read; {EXPECTED} (.safetensors), or a diffusers folder."
        )
    from safetensors import SafetensorError, safe_open

    size = path.stat().st_size
    try:
        with safe_open(path, framework="pt") as file:
            return {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError) as error:
        raise DragAVideoError(
            f"'{path.name}' ({size / 1e6:.1f} MB) is truncated or no .safetensors file ({error}); download it again."
        ) from None


def identify(shapes: Shapes) -> str | None:
    """None for a complete Stable Diffusion 1.x checkpoint, else in words what the tensors look like.

    Args:
        shapes: tensor name -> shape, as `read_header` gives them.
    """
    if not shapes:
        return "an empty file"
    for sign, meaning in _SIGNS:
        if any(sign in key for key in shapes):
            return meaning
    first = shapes.get(UNET + "input_blocks.0.0.weight")
    if first is None:
        for sign, meaning in _PARTS:
            if any(sign in key for key in shapes):
                return meaning
        return f"something unknown (its first tensor is '{next(iter(shapes))}')"
    channels = _second(first)
    if channels != 4:
        return _CHANNELS.get(channels, f"a UNet with {channels} input channels")
    context = _second(shapes.get(UNET + "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", ()))
    if context == 1024:
        return "a Stable Diffusion 2 checkpoint"
    if context != SD1_CONTEXT:
        return f"a UNet that reads prompts of width {context or 'unknown'} where Stable Diffusion 1.x has {SD1_CONTEXT}"
    missing = [
        name
        for name, prefix in (("VAE", VAE), ("text encoder", TEXT))
        if not any(key.startswith(prefix) for key in shapes)
    ]
    return f"Stable Diffusion 1.x without {' and '.join(missing)}" if missing else None


def _second(shape: tuple[int, ...]) -> int:
    """A weight's input channels; 0 where it has no such side."""
    return shape[1] if len(shape) > 1 else 0


def check_checkpoint(path: Path) -> dict[str, tuple[int, ...]]:
    """The header of a file that holds a whole Stable Diffusion 1.x.

    Raises:
        DragAVideoError: anything else, with what it looks like.
    """
    shapes = read_header(path)
    other = identify(shapes)
    if other is not None:
        raise DragAVideoError(f"'{path.name}' looks like {other}. {EXPECTED}.")
    return shapes
