"""Latent Offset Optimizer: the drag itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from comfy_api.latest import io

from ..dragavideo_core.errors import DragAVideoError
from . import memory, sockets, unfinished
from .base import PackNode, listed, said
from .progress import HostProgress

if TYPE_CHECKING:
    from ..dragavideo_core.drag.offsets import LatentOffsets
    from ..dragavideo_core.inversion.invert import Inversion
    from ..dragavideo_core.media.clip import Clip
    from ..dragavideo_core.propagation.point_sets import PointSets
    from ..dragavideo_core.settings import Preset, TrackerSettings

OWN, CUSTOM = "model's own", "custom"


class LatentOffsetOptimizer(PackNode):
    """Gives DRAGAVIDEO_OFFSETS."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        from ..dragavideo_core.presets import PRESETS

        return io.Schema(
            node_id="DragAVideoLatentOffsetOptimizer",
            **sockets.found_by("drag", "motion supervision", "drag diffusion"),
            display_name="Latent Offset Optimizer (Drag-A-Video)",
            category=sockets.CATEGORY,
            description="Moves the handles to their targets in all frames at once (Sec. 3.3), with a live preview that "
            "plays a few frames. A cancelled run goes on where it stopped when it is queued again.",
            inputs=[
                sockets.model_input("The same model, LoRA included, that made the inversion."),
                sockets.clip_input(),
                sockets.Inversion.Input("inversion", tooltip="Of the same clip, from DDIM Inversion."),
                sockets.PointSets.Input("point_sets", tooltip="Where the points are, from Point-Set Propagation."),
                io.Combo.Input(
                    "preset",
                    options=[OWN, *PRESETS, CUSTOM],
                    default=OWN,
                    tooltip="model's own: what goes with the weights, for a checkpoint the same as best. The others by "
                    "name are recipes for Stable Diffusion 1.5. custom: the model's own with what the custom text "
                    "changes.",
                ),
                io.Int.Input(
                    "iterations",
                    default=-1,
                    min=-1,
                    max=1000,
                    tooltip="-1 takes the preset's. 0 shows the warm start alone, in seconds. Ends earlier when all "
                    "handles have arrived; raising the number goes on from what is there.",
                ),
                io.Combo.Input(
                    "warm_start",
                    options=["preset", "none", "puppet"],
                    default="preset",
                    tooltip="Begin with the clip warped along the drag, the dragged part moved on a layer of its own "
                    "(puppet). none begins from the clip as it is, as in the paper.",
                ),
                sockets.micro_batch_input(0, "Frames that are back-propagated"),
                io.String.Input(
                    "custom",
                    default="{}",
                    multiline=True,
                    tooltip='Only with the preset custom: settings as JSON, for example {"steps": [35], '
                    '"learning_rate": 0.02, "update": "normalised"}. The help page lists them.',
                ),
                sockets.Tracker.Input(
                    "tracker", optional=True, tooltip="From Temporal Point Tracker; the preset's without it."
                ),
                sockets.Offsets.Input(
                    "resume",
                    optional=True,
                    tooltip="Offsets of an earlier, shorter run of the same drag to go on from.",
                ),
            ],
            outputs=[
                sockets.Offsets.Output(display_name="offsets", tooltip="What is added to the latents, for Decode.")
            ],
        )

    @classmethod
    def execute(
        cls,
        model: memory.HostModel,
        clip: Clip,
        inversion: Inversion,
        point_sets: PointSets,
        preset: str,
        iterations: int,
        warm_start: str,
        micro_batch: int,
        custom: str,
        tracker: TrackerSettings | None = None,
        resume: LatentOffsets | None = None,
    ) -> io.NodeOutput:
        from ..dragavideo_core.drag.optimizer import optimise_offsets
        from ..dragavideo_core.storage import fingerprint

        chosen = chosen_preset(model.drag.preset, preset, custom)
        settings, tracker = chosen.drag, tracker or chosen.tracker
        if iterations >= 0:
            settings = replace(settings, iterations=iterations)
        if warm_start != "preset":
            settings = replace(settings, warm_start=warm_start)
        settings = replace(settings, micro_batch=micro_batch or settings.micro_batch)
        # Neither the number of iterations nor the micro-batch changes what an iteration does. The inversion stands for
        # the model as well: other weights, other latents.
        rule = replace(settings, iterations=0, micro_batch=1)
        key = fingerprint(inversion, point_sets, rule, tracker, clip.geometry, resume)
        progress = HostProgress(reference=1, reference_features=1, warm_start=2, latent_offsets=20)
        with memory.running(model, clip, settings.micro_batch, gradients=True) as drag:

            def optimise(count: int) -> LatentOffsets:
                reached = unfinished.recall(key, settings.iterations) or resume
                return optimise_offsets(
                    drag,
                    inversion,
                    point_sets,
                    clip.geometry,
                    replace(settings, micro_batch=count),
                    tracker,
                    resume=reached,
                    save=lambda offsets: unfinished.keep(key, offsets),
                    progress=progress,
                )

            count = memory.frames_at_once(model, clip, settings.micro_batch, gradients=True)
            offsets = memory.halving(model, count, optimise)
        done = f"{offsets.iterations} of {settings.iterations} iterations at step {listed(settings.steps)}"
        told = [f"{done}, warm start: {settings.warm_start}"]
        if preset != CUSTOM and custom.strip() not in ("", "{}"):
            told.append(f"The custom settings are not used: preset is {preset}.")
        return io.NodeOutput(offsets, ui=said(*told, level="plain" if len(told) == 1 else "warning"))


def chosen_preset(own: Preset, name: str, custom: str) -> Preset:
    """The preset that a combo's value means.

    Raises:
        DragAVideoError: custom text that is no JSON object of known settings.
    """
    from ..dragavideo_core import settings
    from ..dragavideo_core.presets import PRESETS
    from ..dragavideo_core.texts import decoded

    if name in PRESETS:
        return PRESETS[name]
    if name == OWN:
        return own
    values = decoded(custom or "{}", "The custom text", 'write for example {"steps": [35]}', literals=False)
    if not isinstance(values, dict):
        raise DragAVideoError('The custom settings must be a JSON object, for example {"steps": [35]}.')
    return replace(own, drag=settings.override(own.drag, values))
