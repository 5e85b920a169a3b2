"""Point-Set Propagation: the points of one frame in every frame."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io
from torch import Tensor

from . import host, memory, sockets
from .base import PackNode, said
from .for_editor import tracks_shown
from .progress import HostProgress

if TYPE_CHECKING:
    from ..dragavideo_core.instruction.value import DragInstruction
    from ..dragavideo_core.media.clip import Clip
    from ..dragavideo_core.objects.value import ObjectMasks
    from ..dragavideo_core.propagation.point_sets import PointSets

_MICRO_BATCH = 4
_log = logging.getLogger(__name__)
_SAM_ACTIVATIONS = 3 * 2**30
"""Bytes that SAM's image encoder takes beside its weights, a generous guess; ComfyUI only makes room."""


def _marked(mask: Tensor) -> Tensor:
    """A MASK's pixels that may change, bool; the log says how much of the picture that is."""
    from ..dragavideo_core.media.masks import mask_of_levels

    found = mask_of_levels(host.given(mask))
    _log.info("Drag-A-Video: %s", found.note)
    return found.masks


class PointSetPropagation(PackNode):
    """Gives DRAGAVIDEO_POINT_SETS and the MASK of the region that may change."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DragAVideoPointSetPropagation",
            **sockets.found_by("track points", "propagate", "follow points", "inpaint mask"),
            display_name="Point-Set Propagation (Drag-A-Video)",
            category=sockets.CATEGORY,
            description="Widens each handle to a set of points and finds the sets, targets and masks in every frame "
            "(Sec. 3.2). Takes seconds; look at the result with Preview Points before the drag.",
            # The page is told the tracks on every run, cached or not, and in newer front ends a run can end here.
            is_output_node=True,
            inputs=[
                sockets.model_input(),
                sockets.clip_input(),
                sockets.Points.Input("points", tooltip="The drag, from Drag Points or Tracks In."),
                sockets.Inversion.Input(
                    "inversion", optional=True, tooltip="Of the same clip; saves inverting a few steps here."
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Where the picture may change, in place of the mask points: one mask for the frame of the "
                    "points, which then moves along, or one for each frame. Any segmenter's MASK will do.",
                ),
                sockets.Objects.Input(
                    "objects",
                    optional=True,
                    tooltip="What is dragged, from Object Mask; it is found here where nothing is connected.",
                ),
                io.Combo.Input(
                    "sam_file",
                    options=[sockets.NO_SAM, *host.files(host.SAMS)],
                    default=sockets.NO_SAM,
                    tooltip="Segment Anything weights in models/sams, to find the object. Without them colours and "
                    "motion do it. Not used where objects are connected.",
                ),
                io.Int.Input(
                    "set_side",
                    default=0,
                    min=0,
                    max=9,
                    tooltip="A handle becomes set_side x set_side points (odd; the paper: 3). 0 takes the model's own.",
                ),
                io.Combo.Input(
                    "targets",
                    options=["preset", "translate", "affine"],
                    default="preset",
                    tooltip="How targets follow: translate keeps handle and target apart as clicked (Eq. 2), affine "
                    "also turns and scales with the object.",
                ),
            ],
            outputs=[
                sockets.PointSets.Output(
                    display_name="point_sets", tooltip="Handles, targets, pins, masks, per frame."
                ),
                io.Mask.Output(display_name="mask", tooltip="Where the picture may change, at the clip's own size."),
                io.Image.Output(
                    display_name="warped",
                    tooltip="The clip warped by the drag, without a network: an instant preview, or the start for "
                    "another model.",
                ),
                io.Mask.Output(
                    display_name="uncovered",
                    tooltip="What the dragged part has left, which no pixel of the frame shows: for an inpainting "
                    "model.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        model: memory.HostModel,
        clip: Clip,
        points: DragInstruction,
        sam_file: str,
        set_side: int,
        targets: str,
        inversion: Any = None,
        mask: Tensor | None = None,
        objects: ObjectMasks | None = None,
    ) -> io.NodeOutput:
        from ..dragavideo_core.objects.sam import sam_segmenter
        from ..dragavideo_core.propagation.propagate import propagate

        settings = model.drag.preset.propagation
        if set_side:
            settings = replace(settings, set_side=set_side)
        if targets != "preset":
            settings = replace(settings, targets=targets)
        sam_path = None if sam_file == sockets.NO_SAM else host.path_of(host.SAMS, sam_file)
        beside = 0 if sam_path is None else sam_path.stat().st_size + _SAM_ACTIVATIONS
        marked = None if mask is None else _marked(mask)
        progress = HostProgress(inversion=4, features=1, propagation=2, object=3, warp=3)
        with memory.running(model, clip, _MICRO_BATCH, beside=beside) as drag:
            sam = None if sam_path is None else sam_segmenter(sam_path, drag.device)

            def found_with(micro_batch: int) -> PointSets:
                return propagate(
                    drag,
                    clip,
                    points,
                    settings,
                    objects=objects,
                    segmenter=sam,
                    mask=marked,
                    inversion=inversion,
                    micro_batch=micro_batch,
                    progress=progress,
                )

            found = memory.halving(model, _MICRO_BATCH, found_with)
            side = settings.set_side
            told = said(f"{side} x {side} points a handle, targets {settings.targets}")
            assert found.warp is not None
            return io.NodeOutput(
                found,
                host.image(found.masks),
                host.image(found.warp.frames),
                host.image(found.warp.uncovered),
                ui=tracks_shown(found, clip, points) | told,
            )
