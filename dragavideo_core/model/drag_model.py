"""DragModel: one value that holds the networks and says what a drag needs of them.

Arithmetic on latents and noise is fp32 throughout; only the UNet runs in `dtype`. The VAE runs in fp32 except with
bf16 on CUDA, because SD1.5's VAE overflows in fp16. The text encoder is used once a clip and stays in fp32 on the CPU,
so that it costs no device memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import DragAVideoError
from ..settings import PAPER, Preset
from . import unet as walk
from .schedule import DdimSchedule, from_scheduler

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class DragModel:
    """A latent diffusion model with the layout of Stable Diffusion 1.x, frozen, and where it runs."""

    unet: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any
    schedule: DdimSchedule
    preset: Preset
    name: str
    device: torch.device
    dtype: torch.dtype

    @property
    def latent_stride(self) -> int:
        """Pixels per latent cell: 8 for SD1.5, 4 for the bundled model."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    @property
    def latent_channels(self) -> int:
        """C of the latents: 4 for SD1.5."""
        return int(self.unet.config.in_channels)

    @torch.no_grad()
    def encode(self, frames: Tensor, on_frame: Callable[[int], None] | None = None) -> Tensor:
        """Frames [N, H, W, 3], 0-1, as scaled latents [N, C, H/stride, W/stride], fp32 on the CPU (posterior mean).

        Frame by frame, so that memory does not grow with the clip. `on_frame(i)` is called after frame i.

        Raises:
            DragAVideoError: a shape that is not [N, H, W, 3], or H, W no multiples of the latent stride.
        """
        if frames.ndim != 4 or frames.shape[-1] != 3:
            raise DragAVideoError(f"Frames must have the shape [N, H, W, 3], not {list(frames.shape)}.")
        height, width = int(frames.shape[1]), int(frames.shape[2])
        stride = self.latent_stride
        if height % stride or width % stride or not height or not width:
            raise DragAVideoError(
                f"Frames of {width} x {height} px do not fit the model: both sides must be multiples of {stride}. "
                "Let Prepare Clip fit the frames."
            )
        scale, shift = self._scale_shift()
        latents = []
        for index, frame in enumerate(frames):
            image = (frame.permute(2, 0, 1)[None] * 2 - 1).to(self.device, self.vae.dtype)
            mean = self.vae.encode(image).latent_dist.mean.float()
            latents.append(((mean - shift) * scale).cpu())
            if on_frame:
                on_frame(index)
        return (
            torch.cat(latents) if latents else torch.zeros(0, self.latent_channels, height // stride, width // stride)
        )

    @torch.no_grad()
    def decode(self, latents: Tensor, on_frame: Callable[[int], None] | None = None) -> Tensor:
        """Latents [N, C, h, w] as frames [N, H, W, 3], 0-1, fp32 on the CPU; frame by frame as `encode`."""
        scale, shift = self._scale_shift()
        frames = []
        for index, latent in enumerate(latents):
            z = latent[None].float() / scale + shift
            image = self.vae.decode(z.to(self.device, self.vae.dtype)).sample.float()
            frames.append((image[0].permute(1, 2, 0) / 2 + 0.5).clamp(0, 1).cpu())
            if on_frame:
                on_frame(index)
        if frames:
            return torch.stack(frames)
        height, width = (int(side) * self.latent_stride for side in latents.shape[-2:])
        return torch.zeros(0, height, width, 3)

    @torch.no_grad()
    def embed_prompt(self, prompt: str) -> Tensor:
        """The prompt's embedding [1, L, D], fp32 on the CPU; longer prompts are cut at the tokenizer's length."""
        ids = self.tokenizer(
            prompt,
            padding="max_length",
            max_length=self.tokenizer.model_max_length,
            truncation=True,
            return_tensors="pt",
        ).input_ids
        hidden: Tensor = self.text_encoder(ids.to(self.text_encoder.device))[0]
        return hidden.float().cpu()

    def noise(self, latents: Tensor, step: int, embedding: Tensor, timestep_of: int | None = None) -> Tensor:
        """The noise the network sees in latents.

        Args:
            latents: [M, C, h, w] that stand at `step`.
            step: 0 .. num_steps; sets how a v-prediction is turned into noise.
            embedding: [1 | M, L, D].
            timestep_of: the step whose timestep the network is told; `step` where left out. Inversion from step k-1
                to k asks with timestep_of=k (see schedule.py).

        Returns:
            [M, C, h, w] fp32 on the model's device.
        """
        x = latents.to(self.device, torch.float32)
        timestep = self.schedule.timestep(step if timestep_of is None else timestep_of)
        sample = x.to(self.dtype)
        prompt = walk.expand_embedding(embedding, len(sample), sample)
        output = self.unet(sample, timestep, encoder_hidden_states=prompt, return_dict=False)[0]
        return self.schedule.noise_of(output.float(), x, step)

    def features(self, latents: Tensor, step: int, embedding: Tensor, block: int) -> Tensor:
        """Output of `up_blocks[block]`, [M, F, fh, fw] fp32 on the model's device; differentiable in the latents."""
        sample = latents.to(self.device, torch.float32).to(self.dtype)
        return walk.features(self.unet, sample, self.schedule.timestep(step), embedding, block).float()

    def partial(self, latents: Tensor, step: int, embedding: Tensor, block: int) -> walk.PartialForward:
        """`features` with what is needed to go on to the noise with `finish_noise`; features in the model's dtype."""
        sample = latents.to(self.device, torch.float32).to(self.dtype)
        return walk.partial_forward(self.unet, sample, self.schedule.timestep(step), embedding, block)

    @torch.no_grad()
    def finish_noise(self, part: walk.PartialForward, latents: Tensor, step: int) -> Tensor:
        """The noise [M, C, h, w] fp32, device, without a graph, from a `partial` forward of the same latents."""
        x = latents.detach().to(self.device, torch.float32)
        return self.schedule.noise_of(walk.finish(self.unet, part).float(), x, step)

    def _scale_shift(self) -> tuple[float, float]:
        config = self.vae.config
        return float(config.scaling_factor), float(config.get("shift_factor") or 0.0)


def from_parts(
    unet: Any,
    vae: Any,
    text_encoder: Any,
    tokenizer: Any,
    scheduler: Any,
    *,
    preset: Preset = PAPER,
    name: str = "model",
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> DragModel:
    """A DragModel of diffusers and transformers modules, which it takes over: they are moved, frozen and set to eval.

    Args:
        unet, vae: UNet2DConditionModel and AutoencoderKL.
        text_encoder, tokenizer: CLIPTextModel and CLIPTokenizer.
        scheduler: a diffusers scheduler, or a DdimSchedule.
        device, dtype: where and in what the UNet runs.

    Raises:
        DragAVideoError: parts that do not fit each other, a UNet that needs more conditions, or a dtype that the
            device cannot do.
    """
    device = torch.device(device)
    check_dtype(device, dtype)
    walk.check_unet(unet)
    _check_parts(unet, vae, text_encoder)
    schedule = scheduler if isinstance(scheduler, DdimSchedule) else from_scheduler(scheduler)
    vae_dtype = torch.bfloat16 if device.type == "cuda" and dtype == torch.bfloat16 else torch.float32
    return DragModel(
        unet=_frozen(unet, device, dtype),
        vae=_frozen(vae, device, vae_dtype),
        text_encoder=_frozen(text_encoder, torch.device("cpu"), torch.float32),
        tokenizer=tokenizer,
        schedule=schedule,
        preset=preset,
        name=name,
        device=device,
        dtype=dtype,
    )


def check_dtype(device: torch.device, dtype: torch.dtype) -> None:
    """Refuse number formats that a device does slowly, wrongly or not at all.

    Raises:
        DragAVideoError: the message says which to take.
    """
    allowed = {"cpu": ("fp32", "bf16"), "mps": ("fp32", "fp16")}.get(device.type, tuple(DTYPES))
    if dtype not in [DTYPES[name] for name in allowed]:
        short = next((name for name, value in DTYPES.items() if value == dtype), str(dtype))
        raise DragAVideoError(f"{short} does not work on {device.type}: choose {' or '.join(allowed)}.")


def _check_parts(unet: Any, vae: Any, text_encoder: Any) -> None:
    channels, latent = unet.config.in_channels, vae.config.latent_channels
    if channels != latent or unet.config.out_channels != latent:
        raise DragAVideoError(
            f"The UNet takes {channels} channels and gives {unet.config.out_channels}, but the VAE has {latent} latent "
            "channels; inpainting, depth and instruction models cannot be dragged, use a plain Stable Diffusion 1.x."
        )
    width, hidden = unet.config.cross_attention_dim, text_encoder.config.hidden_size
    if width != hidden:
        raise DragAVideoError(
            f"The UNet reads prompts of width {width}, but the text encoder gives {hidden}: parts of different models."
        )


def _frozen(module: Any, device: torch.device, dtype: torch.dtype) -> Any:
    # nn.Module.to, because diffusers' own override warns about every cast.
    nn.Module.to(module, device=device, dtype=dtype)
    if device.type == "cpu":  # convolutions are a quarter to a half faster so; other devices were not measured
        module.to(memory_format=torch.channels_last)
    return module.eval().requires_grad_(False)
