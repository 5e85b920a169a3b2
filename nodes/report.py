"""Drag Report: how the drag went, as text and pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from comfy_api.latest import io, ui

from . import host, memory, sockets
from .base import Level, PackNode, said

if TYPE_CHECKING:
    from ..dragavideo_core.instruction.value import DragInstruction
    from ..dragavideo_core.media.clip import Clip


_LEVELS: dict[str, Level] = {"good": "good", "doubtful": "warning", "failed": "bad"}
"""Of the report's verdict, as the page has them."""


class DragReport(PackNode):
    """Gives a STRING and two IMAGEs."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DragAVideoDragReport",
            **sockets.found_by("verdict", "measure", "compare"),
            display_name="Drag Report (Drag-A-Video)",
            category=sockets.CATEGORY,
            description="Measures the drag: how far the handles came, what changed outside the mask, how smooth it is, "
            "with a sheet of before and after and the curves of the optimisation.",
            inputs=[
                sockets.model_input("The model that the drag was made with."),
                sockets.clip_input(),
                sockets.Points.Input("points", tooltip="The drag that was asked for."),
                sockets.Result.Input("result", tooltip="From Decode."),
            ],
            outputs=[
                io.String.Output(display_name="report", tooltip="All measures and settings, as JSON."),
                io.Image.Output(display_name="sheet", tooltip="Source, reconstruction and edit, one under the other."),
                io.Image.Output(display_name="plot", tooltip="Loss and distance to the targets over the iterations."),
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls, model: memory.HostModel, clip: Clip, points: DragInstruction, result: host.DragRun
    ) -> io.NodeOutput:
        from ..dragavideo_core.instruction import examples
        from ..dragavideo_core.results import draw
        from ..dragavideo_core.results.report import drag_report, report_text

        run = result.result
        known = examples.known_part(clip.name, points)
        with memory.computing(), torch.no_grad():
            report = drag_report(model.drag, clip, points, result.preset, run, known)
            text = report_text(report)
            reconstruction = clip.geometry.frames_to_source(run.decoded.reconstruction, clip.source)
            sheet = draw.drag_sheet(draw.overlay(clip.source, run.point_sets), reconstruction, run.frames)
            curves = [("loss", run.offsets.losses), ("distance to target (working px)", run.offsets.distances)]
            # No iteration, no curve: the warm start alone.
            plot = draw.plot(curves) if run.offsets.distances else torch.ones(64, 64, 3)
            sheet, plot = host.image(sheet[None]), host.image(plot[None])
        shown = ui.PreviewImage(sheet, cls=cls).as_dict()
        return io.NodeOutput(text, sheet, plot, ui={**shown, "text": (text,), **_words(report)})


def _words(report: dict[str, Any]) -> dict[str, Any]:
    """The verdict, for the node and for the editor."""
    verdict = report["verdict"]
    return said(*verdict["lines"], level=_LEVELS[verdict["level"]])
