"""All else that touches the running ComfyUI: values, routes, messages to the page, and folders."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import folder_paths
import torch
from torch import Tensor

from ..dragavideo_core.errors import DragAVideoError
from ..dragavideo_core.files import short_name

if TYPE_CHECKING:
    from ..dragavideo_core.media.audio import Audio
    from ..dragavideo_core.results.result import DragResult
    from ..dragavideo_core.settings import Preset

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class DragRun:
    """What Decode hands to Drag Report."""

    result: DragResult
    preset: Preset


# --- values across the border -----------------------------------------------------------------------------------------


def given(tensor: Tensor) -> Tensor:
    """A copy of somebody else's tensor, fp32 on the CPU, that is no inference tensor. Call inside `computing`."""
    return tensor.detach().to("cpu", torch.float32, copy=True)


def image(frames: Tensor) -> Tensor:
    """Frames as an IMAGE: fp32 on the CPU, without graph, owned by nobody else."""
    return frames.detach().to("cpu", torch.float32, copy=True).contiguous()


def audio_in(audio: dict[str, Any] | None) -> Audio | None:
    """ComfyUI's AUDIO ([1, C, T] and a rate) as the core's."""
    from ..dragavideo_core.media.audio import Audio

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


# --- messages to the page ---------------------------------------------------------------------------------------------


def running_node() -> str | None:
    """The id of the node that is being run."""
    from comfy_execution.utils import get_executing_context

    context = get_executing_context()
    return None if context is None else str(context.node_id)


def say(text: str) -> None:
    """Show a text on the node that is being run; nothing where no server or no node is."""
    from server import PromptServer

    node, running = running_node(), getattr(PromptServer, "instance", None)
    if node is not None and running is not None:
        running.send_progress_text(text, node, running.client_id)


def tell(event: str, about: dict[str, Any]) -> None:
    """Send an event to every page; nothing where no server is."""
    from server import PromptServer

    running = getattr(PromptServer, "instance", None)
    if running is not None:
        running.send_sync(event, about)


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
    try:
        folder, name, counter, _, _ = folder_paths.get_save_image_path(prefix, root)
    except Exception as error:  # ComfyUI raises a plain Exception, and speaks of images
        raise DragAVideoError(
            f"'{short_name(prefix)}' is no name inside {Path(root).name}: use letters and folders, no '..' and no "
            "drive."
        ) from error
    return Path(folder) / f"{name}_{counter:05}_{suffix}"
