"""Temporal-consistent point tracking: Eq. 6 and 7 of the paper.

Both points of the paper's Eq. 6 are read at the same features, so its minimum is always at no motion. As in the systems
it builds on, the right-hand side here is the handle's feature on the reference trajectory, before any drag.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..model.sampling import sample_features
from ..settings import TrackerSettings
from .supervision import CELL_PX, unit_directions

_PATCHES_AT_ONCE = 16 * 9
"""Cells of a point's candidates that are sampled together: a long drag has hundreds of candidates after a warm start,
each with the features of every patch."""


def candidate_offsets(tracker: TrackerSettings) -> Tensor:
    """The offsets of [-l, l] that Eq. 6 tries, in working px, nearest to zero first so that a tie means no motion."""
    count = int(tracker.range_cells / tracker.stride_cells)
    offsets = torch.arange(-count, count + 1, dtype=torch.float32) * tracker.stride_cells * CELL_PX
    return offsets[offsets.abs().argsort(stable=True)]


def candidate_progress(progress: Tensor, length: Tensor, offsets: Tensor) -> Tensor:
    """Progress after each candidate: [N, P, S] + [K] -> [N, P, S, K], kept between the start and the target."""
    return (progress.unsqueeze(-1) + offsets).clamp_min(0).minimum(length.unsqueeze(-1))


def tracking_cost(
    features: Tensor, template: Tensor, handles: Tensor, targets: Tensor, candidates: Tensor, patch: Tensor,
    size: tuple[int, int],
) -> Tensor:  # fmt: skip
    """The summand of Eq. 6 at one step: mean L1 distance to the template at every candidate.

    The paper compares single feature vectors; here they are those of a patch, as in motion supervision.

    Args:
        features: [N, F, h, w].
        template: F(p_0) on the reference trajectory, [N, P, S, R, F].
        handles, targets: [N, P, S, 2] working px, the undragged handles.
        candidates: progress to try, [N, P, S, K] working px.
        patch: [R, 2] offsets in working px.
        size: (W, H) of the working frame.

    Returns:
        [N, P, S, K].
    """
    direction, _ = unit_directions(handles, targets)
    costs = []
    for part in candidates.split(max(1, _PATCHES_AT_ONCE // len(patch)), dim=-1):
        centres = handles.unsqueeze(3) + direction.unsqueeze(3) * part.unsqueeze(-1)
        found = sample_features(features, centres.unsqueeze(4) + patch, size)
        costs.append((found - template.unsqueeze(3)).abs().mean(dim=(-1, -2)))
    return torch.cat(costs, dim=-1)


def advance(candidates: Tensor, cost: Tensor, visible: Tensor, shared: bool) -> Tensor:
    """Eq. 6 and 7: the progress [N, P, S] with the least cost.

    Args:
        candidates, cost: [N, P, S, K]; column k is the same offset in every frame, or the same share of the way.
        visible: [N, P, S] bool: only these have a say.
        shared: add the cost over frames and take one offset for all (the paper), or let each frame choose.
    """
    if shared:
        cost = (cost * visible.unsqueeze(-1)).sum(0, keepdim=True).expand_as(cost)
    return candidates.gather(-1, cost.argmin(-1, keepdim=True)).squeeze(-1)
