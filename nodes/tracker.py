"""Temporal Point Tracker: how the optimiser finds the handles again."""

from __future__ import annotations

from comfy_api.latest import io

from . import sockets
from .base import PackNode


class TemporalPointTracker(PackNode):
    """Gives a DRAGAVIDEO_TRACKER, as KSamplerSelect gives a sampler."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DragAVideoTemporalPointTracker",
            **sockets.found_by("track", "point tracking"),
            display_name="Temporal Point Tracker (Drag-A-Video)",
            category=sockets.CATEGORY,
            description="How the optimiser finds where the handles have come to after each iteration (Sec. 3.4). "
            "Optional: without it the optimiser takes its preset's.",
            inputs=[
                io.Float.Input(
                    "range_cells",
                    default=3.0,
                    min=0.5,
                    max=16.0,
                    step=0.5,
                    tooltip="How far to search along the drag, each way, in cells of 2 working pixels (l of Eq. 6).",
                ),
                io.Float.Input(
                    "stride_cells",
                    default=0.5,
                    min=0.05,
                    max=4.0,
                    step=0.05,
                    tooltip="Distance between the places tried, in the same cells.",
                ),
                io.Boolean.Input(
                    "shared",
                    default=True,
                    tooltip="On: one movement for all frames, as in the paper. Off: every frame for itself (Fig. 8).",
                ),
            ],
            outputs=[sockets.Tracker.Output(display_name="tracker", tooltip="For Latent Offset Optimizer.")],
        )

    @classmethod
    def execute(cls, range_cells: float, stride_cells: float, shared: bool) -> io.NodeOutput:
        from ..dragavideo_core.settings import TrackerSettings

        return io.NodeOutput(TrackerSettings(range_cells, stride_cells, shared))
