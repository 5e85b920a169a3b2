"""What nodes tell the page besides their outputs, for the point editor to draw.

The keys are our own, so that ComfyUI draws nothing by itself; the files lie in ComfyUI's temp folder.
"""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..dragavideo_core.errors import DragAVideoError
from . import folders

if TYPE_CHECKING:
    from ..dragavideo_core.instruction.value import DragInstruction
    from ..dragavideo_core.media.clip import Clip
    from ..dragavideo_core.media.frame_store import FrameStore
    from ..dragavideo_core.propagation.point_sets import PointSets

CLIP_KEY = "dragavideo_clip"
TRACKS_KEY = "dragavideo_tracks"
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
    from ..dragavideo_core.results.editor_formats import clip_pictures

    try:
        frames = folders.temp_files(list(clip_pictures(clip)), ".jpg")
    except OSError as error:
        _log.warning("The editor will not see this clip's frames: ComfyUI's temp folder cannot be written (%s)", error)
        return {}
    about = {"size": list(clip.geometry.source_size), "indices": list(clip.frame_indices), "fps": clip.fps}
    return {CLIP_KEY: [{"frames": frames, **about}]}


def tracks_shown(point_sets: PointSets, clip: Clip, points: DragInstruction) -> dict[str, list[Any]]:
    """A JSON file of the tracked points (`editor_formats.tracks_json`): {"dragavideo_tracks": [file]}."""
    from ..dragavideo_core.results.editor_formats import tracks_json

    try:
        return {TRACKS_KEY: folders.temp_files([tracks_json(point_sets, clip, points).encode()], ".json")}
    except OSError as error:
        _log.warning("The editor will not see these tracks: ComfyUI's temp folder cannot be written (%s)", error)
        return {}
