"""Load Model: the bundled weights, a checkpoint, or a diffusers folder."""

from __future__ import annotations

from comfy_api.latest import io

from . import host, memory, sockets
from .base import PackNode

_FOLDER = "diffusers/"


class LoadModel(PackNode):
    """Gives a DRAGAVIDEO_MODEL."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        checkpoints = [name for name in host.files("checkpoints") if name.endswith(".safetensors")]
        return io.Schema(
            node_id="DragAVideoLoadModel",
            **sockets.found_by("drag model", "bundled model"),
            display_name="Load Model (Drag-A-Video)",
            category=sockets.CATEGORY,
            description="Loads the model that drags: the small one that comes with the pack, a Stable Diffusion 1.x "
            "checkpoint from models/checkpoints, or a diffusers folder from models/diffusers.",
            inputs=[
                io.Combo.Input(
                    "name",
                    options=["bundled", *checkpoints, *(_FOLDER + name for name in host.diffusers_folders())],
                    default="bundled",
                    tooltip="bundled needs no download and knows cartoon creatures at 128 px; for anything else choose "
                    "a Stable Diffusion 1.x .safetensors checkpoint.",
                ),
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
    def execute(cls, name: str, dtype: str) -> io.NodeOutput:
        from ..dragavideo_core.model.loading import load_model

        if name == "bundled":
            path = name
        elif name.startswith(_FOLDER) and name.removeprefix(_FOLDER) in host.diffusers_folders():
            path = str(host.diffusers_folders()[name.removeprefix(_FOLDER)])
        else:
            path = str(host.path_of("checkpoints", name))
        memory.make_room(memory.MODEL_SIZE)
        with memory.computing():
            drag = load_model(path, device=memory.device(), dtype=memory.number_format(dtype))
            return io.NodeOutput(memory.managed(drag))
