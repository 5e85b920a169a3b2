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
_BYTES_PER_PIXEL = 700
"""Activations of an SD1.5-sized UNet in 16 bits for one frame without a graph, computed and rounded up."""
_GRAPH_FACTOR = 6
_VAE_BYTES_PER_PIXEL = 1600
"""Those of its VAE, which takes one frame at a time."""
_METAL_FACTOR = 2
"""Metal keeps attention's scores, which CUDA never writes."""
MODEL_SIZE = 4 * 2**30
"""Bytes to free before a model is loaded: a UNet and a VAE of SD1.5 in 16 bits and some air."""


@dataclass(frozen=True, eq=False)
class HostModel:
    """A core model whose networks ComfyUI may evict. LoRA-tuned ones share the patcher of what they were made from."""

    drag: DragModel
    patcher: Any

    def with_drag(self, drag: DragModel) -> HostModel:
        """The same weights in another value of the core, for example with a LoRA."""
        return replace(self, drag=drag)


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
        beside: bytes that something else will need on the device at the same time.
    """
    width, height = clip.geometry.working_size
    of_frames = frames * _BYTES_PER_PIXEL * (_GRAPH_FACTOR if gradients else 1)
    wide = model.drag.dtype.itemsize // 2 * (_METAL_FACTOR if model.drag.device.type == "mps" else 1)
    needed = beside + width * height * max(of_frames, _VAE_BYTES_PER_PIXEL) * wide
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
