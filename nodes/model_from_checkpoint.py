"""Model from Checkpoint: what Load Checkpoint and Load LoRA made, as a model that drags."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from . import memory, sockets
from .base import PackNode


class ModelFromCheckpoint(PackNode):
    """Gives a DRAGAVIDEO_MODEL from MODEL, CLIP and VAE; these stay as they are."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DragAVideoModelFromCheckpoint",
            **sockets.found_by("drag model", "checkpoint to drag"),
            display_name="Model from Checkpoint (Drag-A-Video)",
            category=sockets.CATEGORY,
            description="Makes the model that drags from the three outputs of ComfyUI's own Load Checkpoint, with all "
            "LoRAs applied in between. Stable Diffusion 1.x only. Weights are copied, the originals stay untouched.",
            inputs=[
                io.Model.Input("sd_model", display_name="MODEL", tooltip="A Stable Diffusion 1.x MODEL."),
                io.Clip.Input("sd_clip", display_name="CLIP", tooltip="The CLIP of the same checkpoint."),
                io.Vae.Input("sd_vae", display_name="VAE", tooltip="The VAE of the checkpoint, or a better one."),
                io.Combo.Input(
                    "dtype",
                    options=["auto", "fp32", "bf16", "fp16"],
                    default="auto",
                    tooltip="Number format of the network. auto: bf16 on newer GPUs, fp16 on older ones, else fp32.",
                ),
            ],
            outputs=[sockets.Model.Output(display_name="model", tooltip="The model, for every other node.")],
        )

    @classmethod
    def execute(cls, sd_model: Any, sd_clip: Any, sd_vae: Any, dtype: str) -> io.NodeOutput:
        from .checkpoint_weights import drag_model

        memory.make_room(memory.MODEL_SIZE)
        with memory.computing():
            drag = drag_model(sd_model, sd_clip, sd_vae, memory.number_format(dtype))
            return io.NodeOutput(memory.managed(drag))
