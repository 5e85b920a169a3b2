"""Device and memory: where models run, what ComfyUI may evict, and what happens when memory runs out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import comfy.model_management
import comfy.model_patcher
import torch
from torch import nn

from ..dragavideo_core.errors import DragAVideoError, ran_out_of_memory

if TYPE_CHECKING:
    from ..dragavideo_core.media.clip import Clip
    from ..dragavideo_core.model.drag_model import DragModel

_T = TypeVar("_T")
_log = logging.getLogger(__name__)
_VAE_BYTES_PER_PIXEL = 1600
"""Activations of SD1.5's VAE in 16 bits, which takes one frame at a time."""
MODEL_SIZE = 4 * 2**30
"""Bytes to free before a model is loaded: a UNet and a VAE of SD1.5 in 16 bits and some air."""


@dataclass(frozen=True, eq=False)
class HostModel:
    """A core model whose networks ComfyUI may evict. LoRA-tuned ones share the patcher of what they were made from."""

    drag: DragModel
    patcher: Any
    prompt: str | None = None
    """What LoRA Tuning was told that the clip shows; None before it."""

    def with_drag(self, drag: DragModel, prompt: str | None = None) -> HostModel:
        """The same weights in another value of the core, for example with a LoRA tuned with a prompt."""
        return replace(self, drag=drag, prompt=prompt)


def device() -> torch.device:
    """Where ComfyUI runs models."""
    return torch.device(comfy.model_management.get_torch_device())


def number_format(choice: str) -> str:
    """fp32, bf16 or fp16. `auto` is what ComfyUI's options allow and what it knows to work on this very card.

    bf16 before fp16, because the drag back-propagates, and small gradients vanish in fp16. fp32 off CUDA and ROCm.
    """
    place, manager = device(), comfy.model_management
    if choice != "auto":
        return choice
    if place.type != "cuda":
        return "fp32"
    if manager.should_use_bf16(place):
        return "bf16"
    return "fp16" if manager.should_use_fp16(place) else "fp32"


class _Networks(nn.Module):
    """UNet and VAE of a model as one module, which is what a patcher holds."""

    def __init__(self, drag: DragModel) -> None:
        super().__init__()
        self.unet, self.vae = drag.unet, drag.vae

    def place(self) -> torch.device:
        return next(self.parameters()).device


class _Patcher(comfy.model_patcher.ModelPatcher):
    """Loads and evicts a model's networks as a whole: diffusers' modules cannot cast weights on the fly.

    Weights never move inside inference mode, where they would become tensors that no gradient can pass.
    """

    def _move(self, place: torch.device) -> int:
        with torch.inference_mode(False), torch.no_grad():
            if not _same_place(self.model.place(), place):
                self.model.to(place)
        return int(self.model_size())

    def current_loaded_device(self) -> torch.device:
        return self.model.place()

    def loaded_size(self) -> int:
        return int(self.model_size()) if _same_place(self.model.place(), self.load_device) else 0

    def partially_load(self, device_to: torch.device, *arguments: Any, **options: Any) -> int:
        return self._move(device_to)

    def partially_unload(self, device_to: torch.device, *arguments: Any, **options: Any) -> int:
        return self._move(device_to)

    def detach(self, unpatch_all: bool = True) -> nn.Module:
        if unpatch_all:  # else ComfyUI only counts a loaded model anew, at the start of every node
            self._move(self.offload_device)
        return self.model


def _same_place(one: torch.device, other: torch.device) -> bool:
    """Whether two names mean one device: what lies on "mps" says it lies on "mps:0"."""
    one, other = torch.device(one), torch.device(other)
    return one.type == other.type and (None in (one.index, other.index) or one.index == other.index)


def managed(drag: DragModel) -> HostModel:
    """A freshly loaded model, put under ComfyUI's memory management."""
    patcher = _Patcher(
        _Networks(drag),
        load_device=drag.device,
        offload_device=comfy.model_management.unet_offload_device(),
    )
    return HostModel(drag, patcher)


def make_room(size: int) -> None:
    """Have ComfyUI evict models until `size` bytes are free, before a model is loaded past it."""
    comfy.model_management.free_memory(size, device())


@contextmanager
def computing() -> Iterator[None]:
    """Out of ComfyUI's inference mode, so that values can take part in gradients later."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


@contextmanager
def running(model: HostModel, clip: Clip, frames: int, gradients: bool = False, beside: int = 0) -> Iterator[DragModel]:
    """The core model on its device, outside inference mode, with room for `frames` frames at a time.

    Args:
        frames: 0 leaves open how many (see `frames_at_once`) and makes room for as many as are of use.
        beside: bytes that something else will need on the device at the same time.
    """
    from ..dragavideo_core.model import batches

    place, (width, height) = model.drag.device, clip.geometry.working_size
    frames = frames or (batches.LIMIT if place.type == "cuda" else batches.WITHOUT_FIGURES)
    of_frames = frames * batches.frame_bytes(place, model.drag.dtype, (width, height), gradients)
    # The VAE has a number format of its own: fp32 beside a UNet in fp16.
    of_vae = width * height * _VAE_BYTES_PER_PIXEL * model.drag.vae.dtype.itemsize // 2
    needed = beside + max(of_frames, of_vae * (batches.METAL_FACTOR if place.type == "mps" else 1))
    with computing():
        comfy.model_management.load_models_gpu([model.patcher], memory_required=needed)
        # Another model that shares these weights may have moved them; a LoRA's own weights only move here.
        with torch.no_grad():
            nn.Module.to(model.drag.unet, model.drag.device)
            nn.Module.to(model.drag.vae, model.drag.device)
        try:
            yield model.drag
        finally:
            comfy.model_management.soft_empty_cache()


def frames_at_once(model: HostModel, clip: Clip, wanted: int, gradients: bool = False, branches: int = 1) -> int:
    """`wanted` frames, or where that is 0 as many as ComfyUI says there is memory for. Call inside `running`."""
    from ..dragavideo_core.model import batches

    drag, (width, height) = model.drag, clip.geometry.working_size
    size = (branches * width, height)
    if wanted or drag.device.type != "cuda":
        return batches.chosen_micro_batch(wanted, drag.device, drag.dtype, size, gradients)
    free = int(comfy.model_management.get_free_memory(drag.device))
    return batches.fitting_frames(free, drag.device, drag.dtype, size, gradients)


def halving(model: HostModel, micro_batch: int, work: Callable[[int], _T]) -> _T:
    """`work(micro_batch)`, again with half as many frames at a time whenever memory runs out.

    Args:
        model: the one that `work` runs; it stays where it is while others are evicted.

    Raises:
        DragAVideoError: memory does not even suffice for one frame.
    """
    while True:
        try:
            return work(micro_batch)
        except (RuntimeError, MemoryError) as error:
            if not ran_out_of_memory(error):
                raise
            reason = str(error).partition(". ")[0] or "no more main memory"
        # Outside of `except`, where the failed call's frames and their tensors are gone.
        comfy.model_management.soft_empty_cache()
        if micro_batch <= 1:
            raise DragAVideoError(
                f"Memory ran out even with one frame at a time ({reason}). Choose a smaller working size or fewer "
                "drag steps, load the model in bf16 or fp16, or close other programs that use the GPU."
            )
        micro_batch = max(1, micro_batch // 2)
        _log.info("Drag-A-Video: memory ran out, going on with %d frames at a time", micro_batch)
        loaded = comfy.model_management.current_loaded_models
        comfy.model_management.free_memory(1e30, device(), [one for one in loaded if one.model is model.patcher])
