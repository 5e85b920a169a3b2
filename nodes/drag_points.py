"""Drag Points: what to drag where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comfy_api.latest import io

from . import host, memory, sockets
from .base import PackNode, refused

if TYPE_CHECKING:
    from ..dragavideo_core.media.clip import Clip

EMPTY = '{"version": 1, "frame": 0, "pairs": [], "mask_points": [], "pinned_points": []}'


class DragPoints(PackNode):
    """Gives DRAGAVIDEO_POINTS, checked against the clip."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DragAVideoDragPoints",
            **sockets.found_by("drag", "points", "handle", "target", "click", "move", "deform", "edit shape"),
            display_name="Drag Points (Drag-A-Video)",
            category=sockets.CATEGORY,
            description="Which points go where, set on one frame of the clip, with points that say where the picture "
            "may change and points that stay.",
            inputs=[
                sockets.clip_input("The clip that the points are set on."),
                io.String.Input(
                    "instruction",
                    default=EMPTY,
                    multiline=True,
                    tooltip='The drag as JSON, in pixels of the clip\'s own size: {"version": 1, "frame": 0, "pairs": '
                    '[{"handle": [x, y], "target": [x, y]}], "mask_points": [[x, y]], "pinned_points": [[x, y]]}.',
                ),
                io.Boolean.Input(
                    "rescale",
                    default=True,
                    tooltip="When the points were set on the same clip at another size, keep them at the same place "
                    "in the picture. Off: another size is an error.",
                ),
            ],
            hidden=[io.Hidden.unique_id],
            outputs=[
                sockets.Points.Output(display_name="points", tooltip="The drag, for Point-Set Propagation."),
                io.String.Output(display_name="json", tooltip="The same as JSON, checked and tidied."),
            ],
        )

    @classmethod
    def validate_inputs(cls, instruction: str | None) -> str | bool:
        """Refuse a text without a drag before anything is run; a linked one is only known later."""
        from ..dragavideo_core.instruction.checks import check_pairs
        from ..dragavideo_core.instruction.parsing import parse_instruction

        if instruction is None:
            return True
        answer = refused(lambda: check_pairs(parse_instruction(instruction)))
        if answer is not True:
            host.tell("dragavideo_refused", {"node": cls.hidden.unique_id, "message": answer})
        return answer

    @classmethod
    def execute(cls, clip: Clip, instruction: str, rescale: bool) -> io.NodeOutput:
        from ..dragavideo_core.instruction.checks import validate_instruction
        from ..dragavideo_core.instruction.parsing import parse_instruction

        with memory.computing():
            points = parse_instruction(instruction)
            if rescale and points.size is not None:
                points = points.scaled_to(clip.geometry.source_size)
            validate_instruction(points, clip)
        return io.NodeOutput(points, points.to_json())
