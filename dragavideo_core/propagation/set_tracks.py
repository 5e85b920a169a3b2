"""The middle of every point set as a track, for other packs."""

from __future__ import annotations

import torch

from ..instruction.track_formats import PointTracks
from ..propagation.point_sets import PointSets


def set_tracks(point_sets: PointSets, which: str) -> PointTracks:
    """The middle of every set as a track, in source px.

    Args:
        which: "handles", "targets", or "handles to targets", which goes evenly from the one to the other.
    """
    middle = point_sets.handles.shape[2] // 2
    handles, targets = point_sets.handles[:, :, middle], point_sets.targets[:, :, middle]
    share = {"handles": torch.zeros(len(handles)), "targets": torch.ones(len(handles))}.get(
        which, torch.linspace(0, 1, len(handles))
    )[:, None, None]
    return PointTracks((handles * (1 - share) + targets * share).float(), point_sets.visible[:, :, middle].clone())
