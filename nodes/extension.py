"""The list of nodes."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io

from . import routes
from .decode import Decode
from .drag_points import DragPoints
from .example_clip import ExampleClip
from .host import register_folders
from .inversion import DDIMInversion
from .load_model import LoadModel
from .lora import LoraTuning, SaveLora
from .model_from_checkpoint import ModelFromCheckpoint
from .object_mask import ObjectMask
from .optimizer import LatentOffsetOptimizer
from .prepare_clip import PrepareClip
from .preview import PreviewPoints
from .propagation import PointSetPropagation
from .report import DragReport
from .tracker import TemporalPointTracker
from .tracks import TracksIn, TracksOut


class DragAVideoExtension(ComfyExtension):
    """All nodes of the pack, in the order of the graph."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        register_folders()
        routes.register()
        return [
            LoadModel,
            ModelFromCheckpoint,
            ExampleClip,
            PrepareClip,
            DragPoints,
            LoraTuning,
            SaveLora,
            DDIMInversion,
            ObjectMask,
            PointSetPropagation,
            PreviewPoints,
            TemporalPointTracker,
            LatentOffsetOptimizer,
            Decode,
            DragReport,
            TracksIn,
            TracksOut,
        ]
