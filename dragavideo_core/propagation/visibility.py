"""When a followed point is to be seen: on its own evidence, and bridged over what is only a moment of doubt."""

from __future__ import annotations

from itertools import pairwise

import torch

from .classical_tracks import StripTracks
from .tracks import Tracks

_LONGEST = 8
"""A point that is lost for at most so many frames of the file between two that see it is taken to go on: a blur, a
blink. It would make the edit blink, too."""


def bridged(tracks: StripTracks) -> Tracks:
    """Tracks in which short gaps are visible, on the line between their ends."""
    positions, visible = tracks.positions.clone(), tracks.visible.clone()
    count = len(positions)
    for k in range(positions.shape[1]):
        seen = torch.nonzero(tracks.visible[:, k]).flatten().tolist()
        for before, after in pairwise(seen):
            if 1 < after - before <= _LONGEST + 1:
                shares = torch.arange(1, after - before) / (after - before)
                ends = positions[before, k], positions[after, k]
                positions[before + 1 : after, k] = torch.lerp(*ends, shares[:, None])
                visible[before + 1 : after, k] = True
        if seen:  # at the clip's ends nothing says that it comes back
            short_start, short_end = seen[0] <= _LONGEST // 2, count - 1 - seen[-1] <= _LONGEST // 2
            visible[: seen[0], k] |= short_start
            visible[seen[-1] + 1 :, k] |= short_end
    return Tracks(positions, visible)
