"""All that touches the running ComfyUI: device and memory, progress, preview, cancel, folders, inference mode."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import comfy.model_management
import comfy.model_patcher
import comfy.utils
import folder_paths
import torch
from torch import Tensor, nn

from ..dragavideo_core.errors import DragAVideoError

if TYPE_CHECKING:
    from ..dragavideo_core.audio import Audio
    from ..dragavideo_core.clip import Clip
    from ..dragavideo_core.model.drag_model import DragModel
    from ..dragavideo_core.pipeline import DragResult
    from ..dragavideo_core.settings import Preset

_T = TypeVar("_T")
_log = logging.getLogger(__name__)
_PREVIEW_SHARE = 0.1
"""Previews may take this share of a stage's time."""
_BYTES_PER_PIXEL = 2500
"""Activations of an SD1.5-sized network for one frame without a graph, a generous guess; ComfyUI only makes room."""
_GRAPH_FACTOR = 4
MODEL_SIZE = 4 * 2**30
"""Bytes to free before a model is loaded: a UNet and a VAE of SD1.5 in 16 bits and some air."""
_OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory")


@dataclass(frozen=True, eq=False)
class HostModel:
    """A core model whose networks ComfyUI may evict. LoRA-tuned ones share the patcher of what they were made from."""

    drag: DragModel
    patcher: Any

    def with_drag(self, drag: DragModel) -> HostModel:
        """The same weights in another value of the core, for example with a LoRA."""
        return replace(self, drag=drag)


@dataclass(frozen=True, eq=False)
class DragRun:
    """What Decode hands to Drag Report."""

    result: DragResult
    preset: Preset


# --- device and memory ------------------------------------------------------------------------------------------------


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
    needed = beside + frames * width * height * _BYTES_PER_PIXEL * (_GRAPH_FACTOR if gradients else 1)
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
        except RuntimeError as error:
            if not memory_ran_out(error):
                raise
            reason = str(error).partition(". ")[0]
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


def memory_ran_out(error: Exception) -> bool:
    """Whether it says so: CUDA has a class for it, Metal and CPUs have words."""
    words = str(error).lower()
    return isinstance(error, torch.cuda.OutOfMemoryError) or any(sign in words for sign in _OUT_OF_MEMORY)


# --- progress ---------------------------------------------------------------------------------------------------------


class HostProgress:
    """A core `Progress`: moves the node's bar, shows previews now and then, and stops when the person cancels."""

    def __init__(self) -> None:
        self._bar = comfy.utils.ProgressBar(1)
        self._next_preview = 0.0

    def __call__(
        self,
        stage: str,
        done: int,
        total: int,
        *,
        loss: float | None = None,
        preview: Callable[[], Tensor] | None = None,
    ) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        self._bar.update_absolute(done, max(total, 1), self._picture(preview))

    def _picture(self, preview: Callable[[], Tensor] | None) -> tuple[str, Any, int] | None:
        start = time.monotonic()
        if preview is None or start < self._next_preview:
            return None
        try:
            picture = _pil(preview())
        except RuntimeError as error:
            if not memory_ran_out(error):
                raise
            _log.info("Drag-A-Video: no more previews in this node, they do not fit into memory")
            self._next_preview = math.inf
            return None
        cost = time.monotonic() - start
        self._next_preview = time.monotonic() + max(1.0, cost / _PREVIEW_SHARE)
        return "JPEG", picture, 512


def _pil(frame: Tensor) -> Any:
    from PIL import Image

    pixels = (frame.detach().float().cpu().clamp(0, 1) * 255).round().to(torch.uint8).numpy()
    return Image.fromarray(pixels)


# --- values across the border -----------------------------------------------------------------------------------------


def given(tensor: Tensor) -> Tensor:
    """A copy of somebody else's tensor, fp32 on the CPU, that is no inference tensor. Call inside `computing`."""
    return tensor.detach().to("cpu", torch.float32, copy=True)


def image(frames: Tensor) -> Tensor:
    """Frames as an IMAGE: fp32 on the CPU, without graph, owned by nobody else."""
    return frames.detach().to("cpu", torch.float32, copy=True).contiguous()


def audio_in(audio: dict[str, Any] | None) -> Audio | None:
    """ComfyUI's AUDIO ([1, C, T] and a rate) as the core's."""
    from ..dragavideo_core.audio import Audio

    if audio is None:
        return None
    try:
        waveform, rate = audio["waveform"], int(audio["sample_rate"])
    except Exception as error:  # VideoHelperSuite's AUDIO reads its file only now, and raises where there is no sound
        _log.info("The sound cannot be read, so the clip goes on without: %s", str(error).partition("\n")[0])
        return None
    return Audio(given(waveform)[0], rate)


def audio_out(audio: Audio | None) -> dict[str, Any] | None:
    """The core's sound as ComfyUI's AUDIO."""
    return None if audio is None else {"waveform": audio.waveform[None].clone(), "sample_rate": audio.sample_rate}


# --- routes -----------------------------------------------------------------------------------------------------------


def add_route(path: str, handler: Callable[[Any], Any]) -> None:
    """Have ComfyUI's server answer GET requests for `path`; nothing where there is no server."""
    from server import PromptServer

    running = getattr(PromptServer, "instance", None)
    if running is not None:
        running.routes.get(path)(handler)


# --- folders ----------------------------------------------------------------------------------------------------------

SAMS = "sams"


def register_folders() -> None:
    """Make models/sams known, the folder that other packs use too."""
    if SAMS not in folder_paths.folder_names_and_paths:
        folder_paths.add_model_folder_path(SAMS, str(Path(folder_paths.models_dir) / SAMS))
    paths, suffixes = folder_paths.folder_names_and_paths[SAMS]
    # A name added this way accepts every file, read-me files included.
    if not suffixes:
        folder_paths.folder_names_and_paths[SAMS] = (paths, set(folder_paths.supported_pt_extensions))


def files(folder: str) -> list[str]:
    """Names in one of ComfyUI's model folders."""
    register_folders()
    return list(folder_paths.get_filename_list(folder))


def path_of(folder: str, name: str) -> Path:
    """The path behind such a name.

    Raises:
        DragAVideoError: the file is gone.
    """
    path = folder_paths.get_full_path(folder, name)
    if path is None:
        raise DragAVideoError(f"There is no '{name}' in models/{folder} any more; refresh the page and choose another.")
    return Path(path)


def diffusers_folders() -> dict[str, Path]:
    """Model folders in models/diffusers, by name."""
    found: dict[str, Path] = {}
    for root in folder_paths.get_folder_paths("diffusers"):
        for index in sorted(Path(root).glob("*/model_index.json")):
            found.setdefault(index.parent.name, index.parent)
    return found


def new_file(kind: str, prefix: str, suffix: str) -> Path:
    """A path for a new file in a model folder (or "output"), numbered, that no prefix can lead out of the folder."""
    root = folder_paths.get_output_directory() if kind == "output" else folder_paths.get_folder_paths(kind)[0]
    folder, name, counter, _, _ = folder_paths.get_save_image_path(prefix, root)
    return Path(folder) / f"{name}_{counter:05}_{suffix}"
