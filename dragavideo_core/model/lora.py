"""LoRA tuning of the attention projections on one clip, so that the model knows the object it is to change.

Files use kohya's names (lora_unet_<module with underscores>.lora_down.weight, .lora_up.weight, .alpha): the one format
that ComfyUI's stock LoRA loader and diffusers' load_lora_weights both read. ComfyUI maps diffusers' dotted names only
in their old "processor" spelling, which peft no longer writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import DragAVideoError
from ..files import atomic_path
from ..progress import Progress, silent
from ..settings import LoraSettings
from ..texts import decoded, is_number, shown
from .drag_model import DragModel
from .unet import expand_embedding, private_unet

TARGETS = ("to_q", "to_k", "to_v", "to_out.0")
ADAPTER = "drag"
PREFIX = "lora_unet_"
DOWN, UP, ALPHA = ".lora_down.weight", ".lora_up.weight", ".alpha"
WEIGHT_DECAY = 1e-2
FP16_LOSS_SCALE = 1024.0  # Gradients of a mean over 10^5 values vanish in fp16 without it.


@dataclass(frozen=True)
class LoraWeights:
    """A tuned LoRA.

    Attributes:
        tensors: kohya key -> fp32 tensor on the CPU: down [rank, in], up [out, rank], alpha [].
        rank: of every layer.
        prompt: what it was tuned with; use the same for inversion.
        losses: mean squared error of each iteration.
        model: name of the model it was tuned on.
    """

    tensors: Mapping[str, Tensor]
    rank: int
    prompt: str = ""
    losses: tuple[float, ...] = ()
    model: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


def tune_lora(
    model: DragModel,
    latents: Tensor,
    settings: LoraSettings,
    prompt: str = "",
    progress: Progress = silent,
    micro_batch: int = 4,
) -> LoraWeights:
    """Tune a LoRA on a clip (Sec. 4.1): denoise randomly drawn frames at random noise levels, AdamW, constant rate.

    The model passed in is not changed, nor is anybody's random state: the same seed gives the same weights on one
    device. Needs autograd, so it must not be called inside `torch.inference_mode()`.

    Args:
        latents: clean latents [N, C, h, w], from `model.encode(clip.frames)`.
        settings: iterations (at least 1), rank, rate, frames per iteration and seed.
        micro_batch: frames back-propagated at a time; gradients add up to the full batch's.

    Raises:
        DragAVideoError: no frames, settings out of range, called in inference mode, or a loss that is not finite.
    """
    _check(latents, settings)
    unet = _adapted(model.unet, settings.rank, settings.seed)
    parameters = [p for p in unet.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=WEIGHT_DECAY)
    embedding = model.embed_prompt(prompt)
    generator = torch.Generator().manual_seed(settings.seed)
    scale = FP16_LOSS_SCALE if model.dtype == torch.float16 else 1.0
    losses: list[float] = []
    with torch.enable_grad():
        for iteration in range(settings.iterations):
            frames = torch.randint(len(latents), (settings.batch_size,), generator=generator)
            timesteps = torch.randint(len(model.schedule.alphas_cumprod), (settings.batch_size,), generator=generator)
            clean = latents.detach()[frames].float().cpu()
            noise = torch.randn(clean.shape, generator=generator)
            loss = 0.0
            for part in torch.arange(settings.batch_size).split(max(1, micro_batch)):
                error = _squared_error(model, unet, clean[part], noise[part], timesteps[part], embedding)
                mean = error / clean.numel()
                (mean * scale).backward()
                loss += float(mean.detach())
            _step(optimizer, parameters, scale)
            losses.append(loss)
            if loss != loss or loss == float("inf"):
                raise DragAVideoError(
                    f"LoRA tuning diverged at iteration {iteration + 1} (loss {loss}); lower the learning rate "
                    f"({settings.learning_rate}) or use fp32 or bf16."
                )
            progress("lora", iteration + 1, settings.iterations, loss=loss)
    return LoraWeights(
        tensors=_extract(unet, settings.rank),
        rank=settings.rank,
        prompt=prompt,
        losses=tuple(losses),
        model=model.name,
    )


def with_lora(model: DragModel, lora: LoraWeights) -> DragModel:
    """`model` with the LoRA in a private UNet; the model passed in stays as it was.

    Raises:
        DragAVideoError: the LoRA was made for another network.
    """
    unet = _adapted(model.unet, lora.rank, seed=0)
    layers = dict(_layers(unet))
    expected = {PREFIX + name.replace(".", "_") for name in layers}
    given = {key.split(".", 1)[0] for key in lora.tensors}
    if expected != given:
        odd = sorted(expected ^ given)[0]
        raise DragAVideoError(
            f"This LoRA does not fit the model '{model.name}' (differs at {odd}); load the model that it was tuned on"
            + (f", '{lora.model}'." if lora.model else ".")
        )
    with torch.no_grad():
        for name, layer in layers.items():
            key = PREFIX + name.replace(".", "_")
            down, up = layer.lora_A[ADAPTER].weight, layer.lora_B[ADAPTER].weight
            alpha = lora.tensors.get(key + ALPHA)
            factor = 1.0 if alpha is None else float(alpha) / lora.rank
            for weight, suffix, gain in ((down, DOWN, 1.0), (up, UP, factor)):
                value = lora.tensors.get(key + suffix)
                if value is None or value.shape != weight.shape:
                    raise DragAVideoError(
                        f"This LoRA does not fit the model '{model.name}': {key}{suffix} should be "
                        f"{list(weight.shape)}, not {list(value.shape) if value is not None else 'missing'}."
                    )
                weight.copy_(value.float() * gain)
    unet.requires_grad_(False)
    return replace(model, unet=unet)


def save_lora(lora: LoraWeights, path: str | Path) -> None:
    """Write a .safetensors file that ComfyUI's Load LoRA and diffusers read; nothing half-written stays behind.

    Raises:
        DragAVideoError: another suffix, or a folder that cannot be written.
    """
    from safetensors.torch import save_file

    path = Path(path)
    if path.suffix.lower() != ".safetensors":
        raise DragAVideoError(f"A LoRA is saved as .safetensors, not as '{path.name}'.")
    metadata = {
        **lora.metadata,
        "format": "pt",
        "software": "Drag-A-Video",
        "ss_network_dim": str(lora.rank),
        "ss_network_alpha": str(lora.rank),
        "prompt": lora.prompt,
        "model": lora.model,
        "losses": json.dumps([round(loss, 6) for loss in lora.losses]),
    }
    with atomic_path(path) as temporary:
        save_file({key: value.contiguous() for key, value in lora.tensors.items()}, temporary, metadata=metadata)


def load_lora(path: str | Path) -> LoraWeights:
    """Read a LoRA that `save_lora` wrote.

    Raises:
        DragAVideoError: no such file, a damaged one, or one that is no UNet attention LoRA in kohya's format.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise DragAVideoError(f"There is no LoRA file '{path}'.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (safe_open is no mapping)
    except (SafetensorError, OSError) as error:
        raise DragAVideoError(f"'{path.name}' is damaged or no .safetensors file ({error}).") from None
    downs = [value for key, value in tensors.items() if key.startswith(PREFIX) and key.endswith(DOWN)]
    odd = next((k for k in tensors if not (k.startswith(PREFIX) and k.endswith((DOWN, UP, ALPHA)))), None)
    if not downs or odd is not None or any(d.ndim != 2 for d in downs) or len({d.shape[0] for d in downs}) != 1:
        raise DragAVideoError(
            f"'{path.name}' is not a LoRA that Drag-A-Video tuned"
            + (f" (it holds '{odd}')" if odd else "")
            + "; apply other LoRAs to the MODEL with ComfyUI's Load LoRA."
        )
    return LoraWeights(
        tensors=tensors,
        rank=int(downs[0].shape[0]),
        prompt=metadata.get("prompt", ""),
        losses=_losses(metadata.get("losses", "[]"), path),
        model=metadata.get("model", ""),
        metadata=metadata,
    )


def _losses(text: str, path: Path) -> tuple[float, ...]:
    """The losses in a file's metadata, which somebody may have changed."""
    values = decoded(text, f"The losses in '{path.name}'", "tune the LoRA again", literals=False)
    if not isinstance(values, list) or not all(map(is_number, values)):
        raise DragAVideoError(f"The losses in '{path.name}' are {shown(values)}, no list of numbers; tune it again.")
    return tuple(float(value) for value in values)


def _squared_error(
    model: DragModel, unet: Any, clean: Tensor, noise: Tensor, timesteps: Tensor, embedding: Tensor
) -> Tensor:
    """Summed squared error of the network's output on frames [M, C, h, w] at timesteps [M]."""
    clean, noise = clean.to(model.device), noise.to(model.device)
    sample = model.schedule.noised(clean, noise, timesteps).to(model.dtype)
    prompt = expand_embedding(embedding, len(sample), sample)
    output = unet(sample, timesteps.to(model.device), encoder_hidden_states=prompt, return_dict=False)[0]
    target = model.schedule.training_target(clean, noise, timesteps)
    return F.mse_loss(output.float(), target, reduction="sum")


def _step(optimizer: torch.optim.Optimizer, parameters: list[Tensor], scale: float) -> None:
    """One optimiser step; scaled gradients are unscaled, and a step whose gradients overflowed is left out."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    if scale != 1.0:
        torch._foreach_mul_(gradients, 1.0 / scale)
        if not all(bool(torch.isfinite(g).all()) for g in gradients):
            optimizer.zero_grad(set_to_none=True)
            return
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def _adapted(base: Any, rank: int, seed: int) -> Any:
    """A private copy of the UNet with a fresh fp32 adapter (down random, up zero) as its only trainable weights."""
    from peft import LoraConfig

    if ADAPTER in getattr(base, "peft_config", {}):
        raise DragAVideoError(
            "The model has a LoRA of its own already; connect the untuned model, or leave out the second LoRA."
        )
    unet = private_unet(base)
    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=list(TARGETS), init_lora_weights=True)
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed, which would also seed the GPUs and so touch the caller's random state there.
        torch.default_generator.manual_seed(seed)
        unet.add_adapter(config, adapter_name=ADAPTER)
    for name, parameter in unet.named_parameters():
        adapter = f".{ADAPTER}." in name
        if adapter:
            parameter.data = parameter.data.float()
        parameter.requires_grad_(adapter)
    return unet


def _layers(unet: Any) -> Iterator[tuple[str, Any]]:
    for name, module in unet.named_modules():
        if ADAPTER in getattr(module, "lora_A", {}):
            yield name, module


def _extract(unet: Any, rank: int) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for name, layer in _layers(unet):
        key = PREFIX + name.replace(".", "_")
        tensors[key + DOWN] = layer.lora_A[ADAPTER].weight.detach().float().cpu().clone()
        tensors[key + UP] = layer.lora_B[ADAPTER].weight.detach().float().cpu().clone()
        tensors[key + ALPHA] = torch.tensor(float(rank))
    return tensors


def _check(latents: Tensor, settings: LoraSettings) -> None:
    if torch.is_inference_mode_enabled():
        raise DragAVideoError("LoRA tuning needs gradients: call it under torch.inference_mode(False).")
    if latents.ndim != 4 or not len(latents):
        raise DragAVideoError(
            f"LoRA tuning needs latents [N, C, h, w] of at least one frame, not {list(latents.shape)}."
        )
    for name in ("iterations", "rank", "batch_size"):
        if getattr(settings, name) < 1:
            raise DragAVideoError(f"LoRA {name.replace('_', ' ')} must be at least 1, not {getattr(settings, name)}.")
    if not settings.learning_rate > 0:
        raise DragAVideoError(f"The LoRA learning rate must be positive, not {settings.learning_rate}.")
