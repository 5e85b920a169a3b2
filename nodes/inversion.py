"""DDIM Inversion: the clip as noise that gives it back."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ..dragavideo_core.errors import DragAVideoError
from . import host, memory, sockets
from .base import PackNode, said
from .optimizer import chosen_preset
from .progress import HostProgress

if TYPE_CHECKING:
    from ..dragavideo_core.media.clip import Clip
    from ..dragavideo_core.settings import Preset

_log = logging.getLogger(__name__)


class DDIMInversion(PackNode):
    """Gives a DRAGAVIDEO_INVERSION."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DragAVideoDDIMInversion",
            **sockets.found_by("invert", "noise", "unsampler"),
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
            hidden=[io.Hidden.prompt],
            outputs=[
                sockets.Inversion.Output(display_name="inversion", tooltip="For propagation, optimiser and decoding.")
            ],
        )

    @classmethod
    def execute(cls, model: memory.HostModel, clip: Clip, prompt: str, steps: int, micro_batch: int) -> io.NodeOutput:
        from ..dragavideo_core.inversion.invert import invert

        steps = steps or model.drag.preset.inversion_steps
        _check_steps(steps, model.drag.preset, cls.hidden.prompt or {})
        progress = HostProgress(encoding=1, inversion=5)
        if model.prompt is not None and model.prompt.strip() != prompt.strip():
            _log.warning(
                "Drag-A-Video: LoRA Tuning was told '%s', DDIM Inversion '%s'. The LoRA has learnt the clip under its "
                "own prompt; give both nodes the same.",
                model.prompt,
                prompt,
            )
        with memory.running(model, clip, micro_batch) as drag:
            refinements = drag.preset.inversion_refinements
            inversion = memory.halving(
                model, micro_batch, lambda count: invert(drag, clip, steps, prompt, count, progress, refinements)
            )
        return io.NodeOutput(inversion, ui=said(f"{steps} of {inversion.schedule.num_steps} steps"))


def _check_steps(steps: int, own: Preset, prompt: Mapping[str, Any]) -> None:
    """Refuse too few steps for the optimisers of the graph that take this inversion, before it is paid for.

    Args:
        own: the settings that go with the model.
        prompt: the graph that is run, in API form; values that are linked are only known later.

    Raises:
        DragAVideoError: an optimiser starts above `steps`.
    """
    node = host.running_node()
    for taker in prompt.values():
        inputs = taker.get("inputs", {})
        literal = [inputs.get(name) for name in ("preset", "custom")]
        ours = taker.get("class_type") == "DragAVideoLatentOffsetOptimizer" and node is not None
        if not ours or inputs.get("inversion") != [node, 0] or not all(isinstance(v, str) for v in literal):
            continue
        top = max(chosen_preset(own, *literal).drag.steps, default=0)
        if top > steps:
            raise DragAVideoError(
                f"{steps} steps are inverted, but Latent Offset Optimizer starts at step {top}; set steps of DDIM "
                f"Inversion to {top} or more, or choose another preset there."
            )
