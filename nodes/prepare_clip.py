"""Prepare Clip: pictures or a video as a clip that fits the model."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from comfy_api.latest import InputImpl, io
from torch import Tensor

from ..dragavideo_core.errors import DragAVideoError
from . import host, memory, sockets
from .base import PackNode, counted, said
from .for_editor import clip_shown, file_frames

if TYPE_CHECKING:
    from ..dragavideo_core.media.clip import Clip

DEFAULT_SIZE = 512
_log = logging.getLogger(__name__)


def working_size(size: int, model: memory.HostModel | None) -> int:
    """The size to fit a clip to: what the person says, else what the model was made for."""
    return size or (model.drag.preset.size if model is not None else DEFAULT_SIZE)


def whole_file(video: Any) -> str | None:
    """The path of a VIDEO that is a file as it is, else None. Of a file only the frames that are taken get decoded.

    Newer ComfyUIs can cut a VIDEO's time and picture without touching the file; such a one differs from its file.
    """
    from ..dragavideo_core.media.opening import check_kind

    path = video.get_stream_source() if type(video) is InputImpl.VideoFromFile else None
    if not isinstance(path, str):
        return None
    # Before ComfyUI itself looks into it: what it would follow, playlists for one, is not followed here.
    check_kind(Path(path))
    plain = InputImpl.VideoFromFile(path)
    try:
        cut = video.get_dimensions() != plain.get_dimensions() or video.get_duration() != plain.get_duration()
    except ValueError:  # it does not say how long it is
        return None
    return None if cut else path


VideoInfo = io.Custom("VHS_VIDEOINFO")
"""What VideoHelperSuite tells of a video: a dictionary."""


def info_rate(info: Any) -> float | None:
    """Frames a second of the pictures that were loaded, where such a dictionary says it."""
    rate = info.get("loaded_fps") if isinstance(info, dict) else None
    return float(rate) if isinstance(rate, (int, float)) and rate > 0 else None


def taken_line(clip: Clip, every: int, count: int | None) -> str:
    """Such as "16 of 48 frames, every 3rd: 8 fps"; `count` frames came in, where that is known."""
    taken = counted(len(clip.frame_indices) if count is None else count, "frame")
    taken = taken if count is None else f"{len(clip.frame_indices)} of {taken}"
    ending = "th" if every % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(every % 10, "th")
    steps = "" if every == 1 else f", every {every}{ending}"
    width, height = clip.geometry.working_size
    return f"{taken}{steps}: {clip.fps:.4g} fps, worked on at {width}x{height}"


class PrepareClip(PackNode):
    """Gives a DRAGAVIDEO_CLIP from IMAGE or VIDEO."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DragAVideoPrepareClip",
            **sockets.found_by("drag clip", "load clip", "frames to clip", "video frames"),
            display_name="Prepare Clip (Drag-A-Video)",
            category=sockets.CATEGORY,
            description="Takes frames of a video or an image batch and fits them to the model. One picture makes an "
            "image drag. The source pictures are kept, so that the edit goes back into them.",
            # The page is told the frames on every run, cached or not, and in newer front ends a run can end here.
            is_output_node=True,
            inputs=[
                io.Image.Input(
                    "images",
                    optional=True,
                    tooltip="Frames, for example of Load Image or of Load Video of VideoHelperSuite. Connect this or "
                    "video.",
                ),
                io.Video.Input(
                    "video", optional=True, tooltip="A VIDEO, for example of Load Video; brings rate and sound along."
                ),
                io.Audio.Input("audio", optional=True, tooltip="Sound that begins with the first frame."),
                VideoInfo.Input(
                    "video_info",
                    optional=True,
                    tooltip="The last output of VideoHelperSuite's Load Video: its frame rate, in place of fps.",
                ),
                io.Float.Input(
                    "fps",
                    default=24.0,
                    min=0.01,
                    max=240.0,
                    step=0.01,
                    tooltip="Frame rate of images. A VIDEO and video_info know their own.",
                ),
                io.Int.Input("start", default=0, min=0, max=1000000, tooltip="First frame to take, counted from 0."),
                io.Int.Input(
                    "every", default=3, min=1, max=100, tooltip="Take every n-th frame. The paper takes every third."
                ),
                io.Int.Input(
                    "limit",
                    default=16,
                    min=1,
                    max=1000,
                    tooltip="Take at most this many frames. Time and main memory (up to 40 MB a frame) grow with them, "
                    "the GPU's memory does not.",
                ),
                *sockets.size_inputs(),
            ],
            outputs=[
                sockets.Clip.Output(display_name="clip", tooltip="The clip, for every other node."),
                io.Image.Output(display_name="source", tooltip="The frames taken, at their own size."),
                io.Float.Output(display_name="fps", tooltip="Rate of the frames taken: the video's rate / every."),
            ],
        )

    @classmethod
    def execute(
        cls,
        fps: float,
        start: int,
        every: int,
        limit: int,
        size: int,
        fit: str,
        images: Tensor | None = None,
        video: Any = None,
        audio: dict[str, Any] | None = None,
        video_info: Any = None,
        model: memory.HostModel | None = None,
    ) -> io.NodeOutput:
        from ..dragavideo_core.media.clip import load_clip, prepare_clip

        if (images is None) == (video is None):
            raise DragAVideoError("Connect either images or video to Prepare Clip, one of the two.")
        fps = info_rate(video_info) or fps
        path = None if video is None else whole_file(video)
        if video is not None and path is None:
            parts = video.get_components()
            images, fps = parts.images, float(parts.frame_rate)
            audio = parts.audio if audio is None else audio
        options: dict[str, Any] = {"fit": fit, "every": every, "limit": limit, "start": start}
        options |= {"size": working_size(size, model), "audio": host.audio_in(audio)}
        with memory.computing(), torch.no_grad():
            clip = prepare_clip(images, fps, **options) if path is None else load_clip(path, **options)
            for note in clip.notes:
                _log.warning("Drag-A-Video, %s: %s", clip.name, note)
            count = file_frames(Path(path)) if path is not None else None if images is None else len(images)
            told = said(taken_line(clip, every, count))
            return io.NodeOutput(clip, host.image(clip.source), clip.fps, ui=clip_shown(clip) | told)
