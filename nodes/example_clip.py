"""Example Clip: a clip that comes with the pack and what to drag in it."""

from __future__ import annotations

from comfy_api.latest import io

from ..dragavideo_core.instruction import examples
from . import host, memory, sockets
from .base import PackNode, said
from .for_editor import clip_shown, file_frames
from .prepare_clip import taken_line, working_size


class ExampleClip(PackNode):
    """Gives a DRAGAVIDEO_CLIP and its instruction."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        names = examples.names()
        return io.Schema(
            node_id="DragAVideoExampleClip",
            **sockets.found_by("demo clip", "sample clip"),
            display_name="Example Clip (Drag-A-Video)",
            category=sockets.CATEGORY,
            description="A clip that comes with the pack, with points that work on it: creature is rendered and fits "
            "the bundled model, bunny is filmed animation for Stable Diffusion 1.5.",
            # As Prepare Clip: the page is told the frames on every run.
            is_output_node=True,
            inputs=[
                io.Combo.Input(
                    "example",
                    options=names,
                    default="creature" if "creature" in names else names[0],
                    tooltip="creature for the bundled model, bunny for a Stable Diffusion 1.5 checkpoint.",
                ),
                io.Int.Input(
                    "limit",
                    default=0,
                    min=0,
                    max=1000,
                    tooltip="Take at most this many frames; 0 takes as many as the example recommends.",
                ),
                *sockets.size_inputs(),
            ],
            outputs=[
                sockets.Clip.Output(display_name="clip", tooltip="The clip, for every other node."),
                io.String.Output(display_name="instruction", tooltip="The drag as JSON; connect it to Drag Points."),
                io.Image.Output(display_name="source", tooltip="The frames at their own size."),
                io.Float.Output(display_name="fps", tooltip="Frames a second."),
            ],
        )

    @classmethod
    def execute(
        cls, example: str, limit: int, size: int, fit: str, model: memory.HostModel | None = None
    ) -> io.NodeOutput:
        from ..dragavideo_core.instruction.parsing import load_instruction
        from ..dragavideo_core.media.clip import load_clip

        chosen = examples.example(example)
        with memory.computing():
            clip = load_clip(
                chosen.clip, size=working_size(size, model), fit=fit, every=chosen.every, limit=limit or chosen.limit
            )
            text = load_instruction(chosen.instruction).to_json()
            told = said(taken_line(clip, chosen.every, file_frames(chosen.clip)))
            return io.NodeOutput(clip, text, host.image(clip.source), clip.fps, ui=clip_shown(clip) | told)
