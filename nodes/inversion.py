"""DDIM Inversion: the clip as noise that gives it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comfy_api.latest import io

from . import memory, sockets
from .progress import HostProgress

if TYPE_CHECKING:
    from ..dragavideo_core.media.clip import Clip


class DDIMInversion(io.ComfyNode):
    """Gives a DRAGAVIDEO_INVERSION."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DragAVideoDDIMInversion",
            display_name="DDIM Inversion (Drag-A-Video)",
            category=sockets.CATEGORY,
            description="Carries every frame up the noise levels, so that denoising gives it back and the drag has "
            "something to move (Sec. 3.1 of the paper).",
            inputs=[
                sockets.model_input(),
                sockets.clip_input(),
                sockets.prompt_input(),
                io.Int.Input(
                    "steps",
                    default=0,
                    min=0,
                    max=50,
                    tooltip="How many of the 50 steps to invert; the drag can only use steps up to here. 0 takes the "
                    "model's own preset (the paper: 42).",
                ),
                sockets.micro_batch_input(4, "Frames that are inverted"),
            ],
            outputs=[
                sockets.Inversion.Output(display_name="inversion", tooltip="For propagation, optimiser and decoding.")
            ],
        )

    @classmethod
    def execute(cls, model: memory.HostModel, clip: Clip, prompt: str, steps: int, micro_batch: int) -> io.NodeOutput:
        from ..dragavideo_core.inversion.invert import invert

        progress = HostProgress(encoding=1, inversion=5)
        with memory.running(model, clip, micro_batch) as drag:
            steps = steps or drag.preset.inversion_steps
            refinements = drag.preset.inversion_refinements
            inversion = memory.halving(
                model, micro_batch, lambda count: invert(drag, clip, steps, prompt, count, progress, refinements)
            )
        return io.NodeOutput(inversion)
