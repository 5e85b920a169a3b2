"""A drag of three random frames on the tiny model."""

from __future__ import annotations

from dataclasses import replace

from dragavideo_core.drag.offsets import LatentOffsets
from dragavideo_core.drag.optimizer import optimise_offsets
from dragavideo_core.inversion.invert import Inversion
from dragavideo_core.media.geometry import Geometry
from dragavideo_core.model.drag_model import DragModel
from dragavideo_core.propagation.point_sets import PointSets
from dragavideo_core.settings import DragSettings, TrackerSettings

N, SIDE = 3, 32
SETTINGS = DragSettings(steps=(5, 3), iterations=3, feature_block=2, micro_batch=N, learning_rate=0.05)


def run(model: DragModel, inversion: Inversion, point_sets: PointSets, geometry: Geometry, **changes) -> LatentOffsets:
    resume, progress = changes.pop("resume", None), changes.pop("progress", None)
    extra = {"progress": progress} if progress else {}
    tracker = changes.pop("tracker", TrackerSettings())
    settings = replace(SETTINGS, **changes)
    return optimise_offsets(model, inversion, point_sets, geometry, settings, tracker, resume=resume, **extra)
