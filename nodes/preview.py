"""Preview Points: where the points go, drawn on every frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comfy_api.latest import io

from . import host, memory, sockets
from .base import PackNode
from .for_editor import playing

if TYPE_CHECKING:
    from ..dragavideo_core.media.clip import Clip
    from ..dragavideo_core.propagation.point_sets import PointSets


class PreviewPoints(PackNode):
    """Gives an IMAGE and shows it."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DragAVideoPreviewPoints",
            **sockets.found_by("show points", "draw points"),
            display_name="Preview Points (Drag-A-Video)",
            category=sockets.CATEGORY,
            description="Draws handles, targets, pins and the region that may change on every frame. If a point slips "
            "here, the drag will go wrong there: check before you pay for it.",
            inputs=[
                sockets.clip_input(),
                sockets.PointSets.Input("point_sets", tooltip="From Point-Set Propagation."),
            ],
            outputs=[io.Image.Output(display_name="images", tooltip="The frames with the points, enlarged if small.")],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, clip: Clip, point_sets: PointSets) -> io.NodeOutput:
        from ..dragavideo_core.results.draw import overlay

        check_frames(clip, point_sets)
        with memory.computing():
            pictures = host.image(overlay(clip.source, point_sets))
        return io.NodeOutput(pictures, ui=playing(pictures, clip.fps, cls))


def check_frames(clip: Clip, point_sets: PointSets) -> None:
    """Refuse point sets of another clip.

    Raises:
        DragAVideoError: another number of frames or another size.
    """
    from ..dragavideo_core.errors import DragAVideoError

    count, (width, height) = len(clip.frames), clip.geometry.source_size
    found = tuple(point_sets.masks.shape)
    if found != (count, height, width):
        raise DragAVideoError(
            f"The point sets belong to a clip of {found[0]} frames of {found[2]}x{found[1]} px, this one has {count} "
            f"of {width}x{height}; connect the clip that they were propagated on."
        )
