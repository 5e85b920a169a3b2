"""Object Mask: what is dragged, in every frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from comfy_api.latest import io
from torch import Tensor

from . import host, memory, sockets
from .base import Level, PackNode, counted, said
from .for_editor import playing
from .progress import HostProgress

if TYPE_CHECKING:
    from ..dragavideo_core.instruction.value import DragInstruction
    from ..dragavideo_core.media.clip import Clip
    from ..dragavideo_core.objects.value import ObjectMasks

_DOUBTFUL = 0.5


class ObjectMask(PackNode):
    """Gives DRAGAVIDEO_OBJECTS, the MASK of every frame, and how sure each is."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DragAVideoObjectMask",
            **sockets.found_by("segment", "object mask", "rotoscope", "matte"),
            display_name="Object Mask (Drag-A-Video)",
            category=sockets.CATEGORY,
            description="Finds the object that is dragged, from the handles, the clicks, box and strokes of Drag "
            "Points, or from a given mask, and carries it through the clip in both directions.",
            is_output_node=True,
            inputs=[
                sockets.clip_input(),
                sockets.Points.Input("points", tooltip="The drag, from Drag Points: its handles and what is marked."),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="The object as another node sees it (SAM2, SAM3, any segmenter): one mask for the frame of "
                    "the points, which is then carried through the clip, or one for each frame, taken as they are.",
                ),
                io.Combo.Input(
                    "sam_file",
                    options=[sockets.NO_SAM, *host.files(host.SAMS)],
                    default=sockets.NO_SAM,
                    tooltip="Segment Anything weights in models/sams, to find the object on the frame of the points. "
                    "Without them colours and motion do it.",
                ),
            ],
            outputs=[
                sockets.Objects.Output(display_name="objects", tooltip="For Point-Set Propagation."),
                io.Mask.Output(display_name="mask", tooltip="The object in every frame, at the clip's own size."),
                io.Float.Output(
                    display_name="confidence",
                    is_output_list=True,
                    tooltip="How sure the mask of each frame is, 0 to 1; look at those below 0.5.",
                ),
            ],
        )

    @classmethod
    def execute(cls, clip: Clip, points: DragInstruction, sam_file: str, mask: Tensor | None = None) -> io.NodeOutput:
        from ..dragavideo_core.instruction.checks import validate_instruction
        from ..dragavideo_core.media.masks import mask_of_levels
        from ..dragavideo_core.objects.object_masks import find_objects
        from ..dragavideo_core.objects.sam import sam_segmenter

        validate_instruction(points, clip)
        path = None if sam_file == sockets.NO_SAM else host.path_of(host.SAMS, sam_file)
        with memory.computing(), torch.no_grad():
            given = None if mask is None else mask_of_levels(host.given(mask)).masks
            segmenter = None if path is None or given is not None else sam_segmenter(path, memory.device())
            found = find_objects(clip, points, given=given, segmenter=segmenter, progress=HostProgress(object=1))
            tinted = torch.where(found.masks.unsqueeze(-1), clip.source, clip.source * 0.3)
            return io.NodeOutput(
                found,
                host.image(found.masks),
                [round(float(value), 3) for value in found.confidence],
                ui=playing(tinted, clip.fps, cls) | said(*_lines(found), level=_level(found)),
            )


def _level(found: ObjectMasks) -> Level:
    return "warning" if float(found.confidence.min()) < _DOUBTFUL else "plain"


def _lines(found: ObjectMasks) -> list[str]:
    """What stands on the node."""
    share = float(found.masks[found.key_frame].float().mean())
    lines = [f"{share:.1%} of the frame of the points"]
    unsure = int((found.confidence < _DOUBTFUL).sum())
    if unsure:
        lines.append(f"unsure in {counted(unsure, 'frame')}: mark more on the frame of the points, or give masks")
    return lines
