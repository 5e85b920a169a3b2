"""Carrying points from the key frame outward through a clip: DIFT for foreground points, Eq. 1 for the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..settings import PropagationSettings
from .correspondence import cells_of, match, patch_features, pixels_of
from .point_sets import follow_nearest, nearest_of

_KEY_SHARE = 0.9
"""Weight of the key frame's feature in the template; the rest is the feature where the point was seen last."""
_PRIOR = 0.1
"""By how much a place one window away from where the point is expected must be more alike. With it, and with the point
expected to go on as it went, 96.6 % of 758 positions are within 2 px instead of 94.9 % (19 tuning clips): fewer leaps
to another foot, less sliding along a tail."""
_CYCLE_SHARE = 1.0
"""A point is lost when its feature, looked for again in the key frame, is found farther from where it began than this
share of the window."""
_MISSED_FRAMES = 2
"""A point lost for at most so many frames between two that see it was missed, not hidden: of 29 positions of tips that
are to be seen but were lost, 12 are given back this way and by the looser return above, and 4 of 21 that are hidden (18
tuning clips with hidden tips)."""
_SMOOTHED_FRAMES, _SMOOTHED_DEGREE = 5, 2
"""Tracks are smoothed by fitting a parabola to so many frames: what is left of the matching's jitter (mean second
difference of the error) goes from 0.50 to 0.30 px, while the error itself stays at 0.60 px in the median (nine clips of
nine frames, 360 positions)."""
_SMOOTHED_MOST = 1 / 64
"""The farthest that smoothing moves a point, as a share of the frame's longer side."""
_EDGE_CELLS = 0.25
"""A point found this close to the map's edge has most likely gone beyond it."""


@dataclass(frozen=True, eq=False)
class Tracks:
    """K points in N frames: positions [N, K, 2] working px, visible [N, K] bool."""

    positions: Tensor
    visible: Tensor


@dataclass(frozen=True, eq=False)
class Job:
    """Sets to be tracked from one frame: `start` [K, 2] working px, `foreground` [K] bool, `groups` [K]."""

    frame: int
    start: Tensor
    foreground: Tensor
    groups: Tensor


@dataclass(frozen=True, eq=False)
class _State:
    """What a frame hands to the next: positions [K, 2], visible [K], features where each was seen last [K, O, F], the
    last motion [K, 2] of points seen in both frames, 0 for the others, and which points were lost only because
    matching back did not return, doubtful [K]."""

    positions: Tensor
    visible: Tensor
    recent: Tensor
    motion: Tensor
    doubtful: Tensor


def track_points(
    features: Tensor,
    start: Tensor,
    foreground: Tensor,
    groups: Tensor,
    key_frame: int,
    frame_size: tuple[int, int],
    settings: PropagationSettings,
    on_frame: Callable[[], None] = lambda: None,
) -> Tracks:
    """Track points through a clip, outward from the key frame in both directions.

    A foreground point is looked for round where its last motion would bring it, by its feature on the key frame
    blended with the one where it was seen last: the first does not drift, the second follows a changing look. It is
    invisible where the best similarity is too low, where matching back to the key frame does not return, or at the
    frame's edge; then it moves with its group and may be found again. Background points follow Eq. 1 and are as
    visible as the point they follow.

    Args:
        features: [N, F, fh, fw] of every frame.
        start: [K, 2] working px on the key frame; points outside the frame cannot be foreground.
        foreground: [K] bool; at least one.
        groups: [K] integer: the set that each point belongs to.
        frame_size: (width, height) of the working frame.
        on_frame: called after each frame.
    """
    # What all places share says nothing about where a point is, yet makes most of the cosine (median error of tracks
    # 0.91 px with it, 0.79 without).
    features = features - features.mean((0, 2, 3), keepdim=True)
    count, grid = len(features), (features.shape[-1], features.shape[-2])
    cells = cells_of(start.float(), frame_size, grid)
    templates = patch_features(features[key_frame], cells)
    state = _State(
        start.float(),
        inside_frame(start, frame_size),
        templates,
        torch.zeros_like(start.float()),
        torch.zeros_like(foreground),
    )
    positions = state.positions.repeat(count, 1, 1)
    visible, doubtful = state.visible.repeat(count, 1), state.doubtful.repeat(count, 1)
    for frames in (range(key_frame + 1, count), range(key_frame - 1, -1, -1)):
        now = state
        for frame in frames:
            now = _advance(
                now, features[frame], features[key_frame], templates, cells, foreground, groups, frame_size, settings
            )
            positions[frame], visible[frame], doubtful[frame] = now.positions, now.visible, now.doubtful
            on_frame()
    return _without_short_gaps(Tracks(positions, visible), doubtful)


def _without_short_gaps(tracks: Tracks, doubtful: Tensor) -> Tracks:
    """Tracks in which points that were `doubtful` [N, K] for a frame or two are put on the line between their
    neighbours; what looks like something else altogether stays hidden."""
    positions, visible = tracks.positions.clone(), tracks.visible.clone()
    for gap in range(1, _MISSED_FRAMES + 1):
        for first in range(1, len(positions) - gap):
            before, after = first - 1, first + gap
            missed = tracks.visible[before] & tracks.visible[after] & doubtful[first:after].all(0)
            for frame in range(first, after):
                between = torch.lerp(positions[before], positions[after], (frame - before) / (gap + 1))
                positions[frame] = torch.where(missed.unsqueeze(-1), between, positions[frame])
                visible[frame] |= missed
    return Tracks(positions, visible)


def smoothed(tracks: Tracks, known: Tensor, frame_size: tuple[int, int]) -> Tracks:
    """Tracks with each position replaced by that of a parabola fitted to the frames round it.

    Positions that are `known` [N, K] bool, clicked by the person, are kept, and so is one that would move by more than
    a 64th of the frame's longer side: it is no jitter that is seen there, but a leap. Clips of fewer than five frames
    are left as they are. (Savitzky and Golay's filter, one-sided at the clip's ends.)
    """
    positions, count = tracks.positions, len(tracks.positions)
    if count < _SMOOTHED_FRAMES:
        return tracks
    weights = torch.zeros(count, count, dtype=torch.float64)
    for i in range(count):
        first = min(max(i - _SMOOTHED_FRAMES // 2, 0), count - _SMOOTHED_FRAMES)
        times = torch.arange(first, first + _SMOOTHED_FRAMES, dtype=torch.float64) - i
        powers = times[:, None] ** torch.arange(_SMOOTHED_DEGREE + 1, dtype=torch.float64)
        weights[i, first : first + _SMOOTHED_FRAMES] = torch.linalg.pinv(powers)[0]
    smooth = torch.einsum("nm,mkc->nkc", weights, positions.double().cpu()).to(positions)
    kept = (smooth - positions).norm(dim=-1, keepdim=True) > _SMOOTHED_MOST * max(frame_size)
    return Tracks(torch.where(kept | known.unsqueeze(-1), positions, smooth), tracks.visible)


def inside_frame(points: Tensor, frame_size: tuple[int, int]) -> Tensor:
    """[...] bool: working px [..., 2] that lie on the picture, -0.5 .. size - 0.5 with a hundredth of slack."""
    limits = points.new_tensor(frame_size) - 0.49
    return ((points >= -0.51) & (points <= limits)).all(-1)


def _advance(
    last: _State,
    feature_map: Tensor,
    key_map: Tensor,
    templates: Tensor,
    start: Tensor,
    foreground: Tensor,
    groups: Tensor,
    frame_size: tuple[int, int],
    settings: PropagationSettings,
) -> _State:
    """One frame on. `templates` [K, O, F] and `start` [K, 2] (cells) are the key frame's."""
    grid = (feature_map.shape[-1], feature_map.shape[-2])
    window = settings.window_px * grid[0] / frame_size[0]
    front = foreground.nonzero()[:, 0]
    wanted = _KEY_SHARE * templates[front] + (1 - _KEY_SHARE) * last.recent[front]
    expected = cells_of((last.positions + last.motion)[front], frame_size, grid)
    found, similarity = match(feature_map, wanted, expected, window, _PRIOR)
    seen_feature = patch_features(feature_map, found)
    returned, _ = match(key_map, seen_feature, start[front], 2 * window)
    alike = (similarity >= settings.occlusion_similarity) & (
        (found > _EDGE_CELLS - 0.5) & (found < found.new_tensor(grid) - 0.5 - _EDGE_CELLS)
    ).all(-1)
    seen = alike & ((returned - start[front]).norm(dim=-1) <= _CYCLE_SHARE * window)
    positions, visible, recent = last.positions.clone(), torch.zeros_like(last.visible), last.recent.clone()
    positions[front] = torch.where(seen[:, None], pixels_of(found, frame_size, grid), positions[front])
    visible[front] = seen
    doubtful = torch.zeros_like(visible)
    doubtful[front] = alike & ~seen
    recent[front] = torch.where(seen[:, None, None], seen_feature, recent[front])
    positions = _carry_lost(last, positions, visible, foreground, groups)
    positions, visible = _carry_background(last, positions, visible, foreground, groups)
    visible = visible & inside_frame(positions, frame_size)
    steady = (visible & last.visible).unsqueeze(-1)
    return _State(positions, visible, recent, (positions - last.positions) * steady, doubtful)


def _carry_lost(last: _State, positions: Tensor, visible: Tensor, foreground: Tensor, groups: Tensor) -> Tensor:
    """Invisible foreground points take the median motion of their group's points seen in both frames.

    A group of which nothing is seen moves with the nearest point of another that is; with none, it stays.
    """
    sure = visible & last.visible & foreground
    if not bool(sure.any()):
        return positions
    motion = positions - last.positions
    result = positions.clone()
    for k in (foreground & ~visible).nonzero()[:, 0].tolist():
        neighbours = sure & (groups == groups[k])
        if bool(neighbours.any()):
            result[k] = last.positions[k] + motion[neighbours].median(0).values
        else:
            nearest = nearest_of(last.positions[k : k + 1], last.positions[sure])
            result[k] = last.positions[k] + motion[sure][nearest[0]]
    return result


def _carry_background(
    last: _State, positions: Tensor, visible: Tensor, foreground: Tensor, groups: Tensor
) -> tuple[Tensor, Tensor]:
    """Eq. 1 for the background points: the nearest foreground point is one of the group's, where it has any.

    Points seen in this frame go first: their motion is measured, the others' is guessed.
    """
    positions, visible = positions.clone(), visible.clone()
    for k in (~foreground).nonzero()[:, 0].tolist():
        leaders = foreground & (groups == groups[k])
        leaders = leaders if bool(leaders.any()) else foreground
        leaders = leaders & visible if bool((leaders & visible).any()) else leaders
        before, after = last.positions[leaders], positions[leaders]
        point = last.positions[k : k + 1]
        positions[k] = follow_nearest(point, before, after)[0]
        visible[k] = visible[leaders][nearest_of(point, before)[0]]
    return positions, visible
