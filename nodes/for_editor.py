"""What nodes tell the page besides their outputs, for the point editor to draw.

The keys are our own, so that ComfyUI draws nothing by itself; the files lie in ComfyUI's temp folder.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch.nn.functional as F
from comfy_api.latest import io, ui
from torch import Tensor

from ..dragavideo_core.errors import DragAVideoError
from . import folders

if TYPE_CHECKING:
    from ..dragavideo_core.instruction.value import DragInstruction
    from ..dragavideo_core.media.clip import Clip
    from ..dragavideo_core.media.frame_store import FrameStore
    from ..dragavideo_core.propagation.point_sets import PointSets

CLIP_KEY = "dragavideo_clip"
TRACKS_KEY = "dragavideo_tracks"
RESULT_KEY = "dragavideo_result"
_LONGEST_PLAYED = 960
"""Longest side of a preview, px."""
_log = logging.getLogger(__name__)


@cache
def frame_store() -> FrameStore:
    """The one store of the server, made when it is first needed."""
    from ..dragavideo_core.media.frame_store import FrameStore

    return FrameStore()


def file_frames(path: Path) -> int | None:
    """How many frames a file holds, None where that is not known."""
    try:
        return frame_store().table(path).count
    except DragAVideoError:
        return None


def clip_shown(clip: Clip) -> dict[str, list[Any]]:
    """The clip's source frames as pictures; nothing where they cannot be written.

    {"dragavideo_clip": [{"frames": [file, ...], "size": [W, H] in source px, "indices": [frames of the file], "fps"}]}
    """
    return _pictures(CLIP_KEY, clip)


def result_shown(clip: Clip, frames: Tensor) -> dict[str, list[Any]]:
    """The edited frames [N, Hs, Ws, 3] of a clip in the same form, under "dragavideo_result"."""
    return _pictures(RESULT_KEY, replace(clip, source=frames))


def playing(frames: Tensor, fps: float, cls: Any) -> dict[str, Any]:
    """Frames [N, H, W, 3] as an animated picture on the node; one frame as a still one; nothing where it cannot be."""
    height, width = frames.shape[1:3]
    share = min(1.0, _LONGEST_PLAYED / max(height, width))
    if share < 1:
        size = (max(1, round(height * share)), max(1, round(width * share)))
        frames = F.interpolate(frames.movedim(-1, 1), size, mode="area").movedim(1, -1)
    try:
        file = ui.ImageSaveHelper.save_animated_webp(
            frames, "ComfyUI_temp_drag", io.FolderType.temp, cls, fps, lossless=False, quality=85, method=0
        )
    except OSError as error:
        _log.warning("There is no preview: ComfyUI's temp folder cannot be written (%s)", error)
        return {}
    return dict(ui.SavedImages([file], is_animated=len(frames) > 1).as_dict())


def _pictures(key: str, clip: Clip) -> dict[str, list[Any]]:
    from ..dragavideo_core.results.editor_formats import clip_pictures

    try:
        frames = folders.temp_files(list(clip_pictures(clip)), ".jpg")
    except OSError as error:
        _log.warning("The editor will not see this clip's frames: ComfyUI's temp folder cannot be written (%s)", error)
        return {}
    about = {"size": list(clip.geometry.source_size), "indices": list(clip.frame_indices), "fps": clip.fps}
    return {key: [{"frames": frames, **about}]}


def tracks_shown(point_sets: PointSets, clip: Clip, points: DragInstruction) -> dict[str, list[Any]]:
    """A JSON file of the tracked points (`editor_formats.tracks_json`): {"dragavideo_tracks": [file]}."""
    from ..dragavideo_core.results.editor_formats import tracks_json

    try:
        return {TRACKS_KEY: folders.temp_files([tracks_json(point_sets, clip, points).encode()], ".json")}
    except OSError as error:
        _log.warning("The editor will not see these tracks: ComfyUI's temp folder cannot be written (%s)", error)
        return {}
