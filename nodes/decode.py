"""Decode: from offsets to pictures."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from comfy_api.latest import InputImpl, Types, io

from . import host, memory, sockets, source_branch
from .base import PackNode, listed, said
from .for_editor import playing, result_shown
from .progress import HostProgress

if TYPE_CHECKING:
    from ..dragavideo_core.decoding.decode import Decoded
    from ..dragavideo_core.drag.offsets import LatentOffsets
    from ..dragavideo_core.inversion.invert import Inversion
    from ..dragavideo_core.media.clip import Clip
    from ..dragavideo_core.model.drag_model import DragModel
    from ..dragavideo_core.progress import Progress
    from ..dragavideo_core.propagation.point_sets import PointSets
    from ..dragavideo_core.settings import DecodeSettings

_SWITCH = {"preset": None, "on": True, "off": False}


class Decode(PackNode):
    """Gives the edited clip."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DragAVideoDecode",
            **sockets.found_by("drag result", "sample", "denoise", "inpaint"),
            display_name="Decode (Drag-A-Video)",
            category=sockets.CATEGORY,
            description="Denoises the clip with its offsets and lays the edited region back into the source frames.",
            # A run can end here: the node plays what it made.
            is_output_node=True,
            inputs=[
                sockets.model_input("The same model, LoRA included, that the offsets were made with."),
                sockets.clip_input(),
                sockets.Inversion.Input("inversion", tooltip="The inversion that the offsets were made on."),
                sockets.PointSets.Input("point_sets", tooltip="Gives the region that may change."),
                sockets.Offsets.Input("offsets", tooltip="From Latent Offset Optimizer."),
                io.Combo.Input(
                    "composite",
                    options=list(_SWITCH),
                    default="preset",
                    tooltip="on: outside the mask the source's own pixels stay, bit for bit. off: everything comes out "
                    "of the model.",
                ),
                io.Combo.Input(
                    "cross_branch",
                    options=list(_SWITCH),
                    default="preset",
                    tooltip="on: the edit looks at the undragged clip while it is denoised, which keeps its look.",
                ),
                io.Combo.Input(
                    "smoothing",
                    options=list(_SWITCH),
                    default="preset",
                    tooltip="on: frames are evened out between their neighbours on the way, against flicker.",
                ),
                io.Float.Input(
                    "feather_px",
                    default=-1.0,
                    min=-1.0,
                    max=128.0,
                    step=0.5,
                    tooltip="Width of the soft border of the edited region, in working pixels. -1 takes the preset's.",
                ),
                sockets.micro_batch_input(0, "Frames that are denoised"),
                io.Combo.Input(
                    "detail",
                    options=list(_SWITCH),
                    default="preset",
                    optional=True,  # graphs of before it existed go on working
                    tooltip="on: the source's own pixels are carried along with the drag wherever the model agrees "
                    "with them, for models that draw softly. Works on the optimiser's warm start.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="The edited frames at the clip's own size."),
                io.Video.Output(display_name="video", tooltip="The same with rate and sound, for Save Video."),
                io.Image.Output(
                    display_name="reconstruction",
                    tooltip="What model and inversion give back with no drag; look here first when quality lacks.",
                ),
                io.Mask.Output(display_name="mask", tooltip="Where the picture was allowed to change."),
                io.Latent.Output(display_name="latent", tooltip="The edited latents, as VAE Encode would give them."),
                io.Float.Output(display_name="fps", tooltip="Frames a second."),
                sockets.Result.Output(display_name="result", tooltip="For Drag Report."),
                io.Image.Output(
                    display_name="before", tooltip="The frames before the drag: with images a pair for Image Compare."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        model: memory.HostModel,
        clip: Clip,
        inversion: Inversion,
        point_sets: PointSets,
        offsets: LatentOffsets,
        composite: str,
        cross_branch: str,
        smoothing: str,
        feather_px: float,
        micro_batch: int,
        detail: str = "preset",
    ) -> io.NodeOutput:
        from ..dragavideo_core.pipeline import finished_frames
        from ..dragavideo_core.results.result import DragResult

        settings = model.drag.preset.decode
        switches = {"composite": composite, "cross_branch": cross_branch, "smoothing": smoothing, "detail": detail}
        settings = replace(settings, **{k: _SWITCH[v] for k, v in switches.items() if _SWITCH[v] is not None})
        if feather_px >= 0:
            settings = replace(settings, feather_px=feather_px)
        settings = replace(settings, micro_batch=micro_batch or settings.micro_batch)
        preset = replace(model.drag.preset, decode=settings)
        progress = HostProgress(reference=1, decode=3)
        with memory.running(model, clip, 2 * settings.micro_batch) as drag:
            decoded = memory.halving(
                model,
                memory.frames_at_once(model, clip, settings.micro_batch, branches=2),
                lambda count: _decoded(drag, inversion, offsets, replace(settings, micro_batch=count), progress),
            )
            frames = finished_frames(clip, decoded, point_sets, offsets, settings)
            latents = decoded.latents / float(drag.vae.config.scaling_factor)
            video = InputImpl.VideoFromComponents(
                Types.VideoComponents(
                    images=host.image(frames),
                    audio=host.audio_out(clip.audio),
                    frame_rate=Fraction(clip.fps).limit_denominator(1001),
                )
            )
            run = host.DragRun(DragResult(frames, decoded, point_sets, offsets), preset)
            return io.NodeOutput(
                host.image(frames),
                video,
                host.image(decoded.reconstruction),
                host.image(point_sets.masks),
                {"samples": host.image(latents)},
                clip.fps,
                run,
                clip.source.clone(),
                ui={**playing(frames, clip.fps, cls), **result_shown(clip, frames), **said(_settings_line(settings))},
            )


def _decoded(
    drag: DragModel, inversion: Inversion, offsets: LatentOffsets, settings: DecodeSettings, progress: Progress
) -> Decoded:
    """`decode_drag`, without doing again what an earlier drag of the same inversion has done.

    Where the branches look at each other the source branch has to run along, and only its picture is kept.
    """
    from ..dragavideo_core.decoding.decode import decode_drag
    from ..dragavideo_core.inversion.reference import reference_chain

    way = (offsets.visits, settings.cross_branch, settings.micro_batch)
    known = source_branch.recall(drag, inversion, way)
    chain = known.chain if known is not None else {}
    if not chain and not settings.cross_branch:
        chain = reference_chain(drag, inversion, offsets.visits, settings.micro_batch, progress)
    decoded = decode_drag(
        drag,
        inversion,
        offsets,
        settings,
        progress,
        reference=chain or None,
        reconstruction=None if known is None else known.reconstruction,
    )
    source_branch.keep(drag, inversion, way, source_branch.SourceBranch(chain, decoded.reconstruction))
    return decoded


def _settings_line(settings: DecodeSettings) -> str:
    on = [name for name in ("composite", "cross_branch", "smoothing", "detail") if getattr(settings, name)]
    return f"on: {listed(on) or 'nothing'}; border {settings.feather_px:g} px"
