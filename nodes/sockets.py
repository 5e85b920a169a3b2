"""The socket types that only this pack knows, and inputs that several nodes share."""

from __future__ import annotations

import inspect
from typing import Any

from comfy_api.latest import io

CATEGORY = "Drag-A-Video"
NO_SAM = "none (GrabCut)"
_KNOWS_ALIASES = "search_aliases" in inspect.signature(io.Schema).parameters

Model = io.Custom("DRAGAVIDEO_MODEL")
"""memory.HostModel"""
Clip = io.Custom("DRAGAVIDEO_CLIP")
"""dragavideo_core.media.clip.Clip"""
Points = io.Custom("DRAGAVIDEO_POINTS")
"""dragavideo_core.instruction.DragInstruction"""
Inversion = io.Custom("DRAGAVIDEO_INVERSION")
"""dragavideo_core.inversion.Inversion"""
Objects = io.Custom("DRAGAVIDEO_OBJECTS")
"""dragavideo_core.objects.value.ObjectMasks"""
PointSets = io.Custom("DRAGAVIDEO_POINT_SETS")
"""dragavideo_core.propagation.point_sets.PointSets"""
Tracker = io.Custom("DRAGAVIDEO_TRACKER")
"""dragavideo_core.settings.TrackerSettings"""
Offsets = io.Custom("DRAGAVIDEO_OFFSETS")
"""dragavideo_core.drag.offsets.LatentOffsets"""
Lora = io.Custom("DRAGAVIDEO_LORA")
"""dragavideo_core.model.lora.LoraWeights"""
Result = io.Custom("DRAGAVIDEO_RESULT")
"""host.DragRun"""


def found_by(*words: str) -> dict[str, Any]:
    """Further words by which a search finds a node, where the running ComfyUI takes them: older ones know none."""
    return {"search_aliases": list(words)} if _KNOWS_ALIASES else {}


def model_input(tooltip: str = "", optional: bool = False) -> io.Input:
    """The `model` socket."""
    return Model.Input(
        "model",
        optional=optional,
        tooltip=tooltip or "The model that does the work, from Load Model, Model from Checkpoint or LoRA Tuning.",
    )


def clip_input(tooltip: str = "") -> io.Input:
    """The `clip` socket."""
    return Clip.Input("clip", tooltip=tooltip or "The clip to edit, from Prepare Clip or Example Clip.")


def prompt_input() -> io.Input:
    """The `prompt` widget."""
    return io.String.Input(
        "prompt",
        default="",
        multiline=True,
        tooltip="What the clip shows, in a few words. May stay empty. Use the same text for LoRA Tuning and inversion.",
    )


def micro_batch_input(default: int, what: str) -> io.Input:
    """The `micro_batch` widget; 0 where the preset decides."""
    rule = "0 takes the preset's. " if default == 0 else ""
    return io.Int.Input(
        "micro_batch",
        default=default,
        min=0 if default == 0 else 1,
        max=64,
        tooltip=f"{what} at a time. {rule}More is faster and takes more memory; the result does not change. It is "
        "halved by itself when memory runs out.",
    )


def size_inputs() -> list[io.Input]:
    """How a clip is fitted to the model: `model`, `size`, `fit`."""
    return [
        io.Int.Input(
            "size",
            default=0,
            min=0,
            max=2048,
            step=8,
            tooltip="Working size: about size x size pixels in the clip's own shape. 0 takes what the connected model "
            "was made for (128 for the bundled one, 512 for Stable Diffusion 1.5; 512 with no model connected).",
        ),
        io.Combo.Input(
            "fit",
            options=["crop", "letterbox"],
            default="crop",
            tooltip="crop fills the working size and cuts what hangs over; letterbox shows the whole picture.",
        ),
        Model.Input(
            "model",
            optional=True,
            tooltip="Connect the model so that size 0 means its own working size.",
        ),
    ]
