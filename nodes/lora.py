"""LoRA Tuning and Save LoRA."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comfy_api.latest import io

from . import host, memory, sockets
from .base import PackNode
from .progress import HostProgress

if TYPE_CHECKING:
    from ..dragavideo_core.media.clip import Clip


class LoraTuning(PackNode):
    """Gives the model with a LoRA of the clip, and the LoRA."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DragAVideoLoraTuning",
            **sockets.found_by("train lora", "finetune"),
            display_name="LoRA Tuning (Drag-A-Video)",
            category=sockets.CATEGORY,
            description="Tunes the model a little on the clip's frames, so that it keeps what they show (Sec. 4.1). "
            "Optional; the bundled model does without. Put it before DDIM Inversion.",
            inputs=[
                sockets.model_input("The model to tune; it stays as it is."),
                sockets.clip_input(),
                sockets.prompt_input(),
                io.Int.Input("iterations", default=200, min=1, max=5000, tooltip="Training steps. DragDiffusion: 80."),
                io.Int.Input("rank", default=16, min=1, max=128, tooltip="Size of the LoRA. DragDiffusion: 16."),
                io.Float.Input(
                    "learning_rate", default=5e-4, min=1e-6, max=1e-1, step=1e-5, round=1e-6, tooltip="Step width."
                ),
                io.Int.Input("batch_size", default=4, min=1, max=64, tooltip="Frames per training step."),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=2**63 - 1,
                    # A widget of this name is otherwise given a new number with every run, which tunes again.
                    control_after_generate=False,
                    tooltip="Same seed, same LoRA, on the same device.",
                ),
                sockets.micro_batch_input(4, "Frames that are trained on"),
            ],
            outputs=[
                sockets.Model.Output(display_name="model", tooltip="The tuned model; use it in all that follows."),
                sockets.Lora.Output(display_name="lora", tooltip="The LoRA alone, for Save LoRA."),
            ],
        )

    @classmethod
    def execute(
        cls,
        model: memory.HostModel,
        clip: Clip,
        prompt: str,
        iterations: int,
        rank: int,
        learning_rate: float,
        batch_size: int,
        seed: int,
        micro_batch: int,
    ) -> io.NodeOutput:
        from ..dragavideo_core.model.lora import tune_lora, with_lora
        from ..dragavideo_core.settings import LoraSettings

        settings = LoraSettings(iterations, rank, learning_rate, batch_size, seed)
        progress = HostProgress(encoding=1, lora=20)
        with memory.running(model, clip, min(micro_batch, batch_size), gradients=True) as drag:
            count = len(clip.frames)
            latents = drag.encode(clip.frames, lambda i: progress("encoding", i + 1, count))
            lora = memory.halving(
                model, micro_batch, lambda few: tune_lora(drag, latents, settings, prompt, progress, micro_batch=few)
            )
            tuned = with_lora(drag, lora)
        return io.NodeOutput(model.with_drag(tuned, prompt), lora)


class SaveLora(PackNode):
    """Writes a LoRA into models/loras."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DragAVideoSaveLora",
            **sockets.found_by("export lora"),
            display_name="Save LoRA (Drag-A-Video)",
            category=sockets.CATEGORY,
            description="Writes the tuned LoRA into models/loras, in the format that ComfyUI's own Load LoRA reads.",
            inputs=[
                sockets.Lora.Input("lora", tooltip="The LoRA of LoRA Tuning."),
                io.String.Input(
                    "filename_prefix",
                    default="drag-a-video/lora",
                    tooltip="Name inside models/loras; a number is added, nothing is overwritten.",
                ),
            ],
            outputs=[io.String.Output(display_name="file", tooltip="Where it was written.")],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, lora: object, filename_prefix: str) -> io.NodeOutput:
        from ..dragavideo_core.model.lora import save_lora

        path = host.new_file("loras", filename_prefix, ".safetensors")
        with memory.computing():
            save_lora(lora, path)
        return io.NodeOutput(str(path), ui={"text": (str(path),)})
