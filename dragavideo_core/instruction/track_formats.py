"""Point tracks in the forms that other programs write and read: text in, text out.

| whose | form |
|---|---|
| KJNodes' spline editor, ATI, WanTrackToVideo | `[{x, y}, ...]` one track, `[[{x, y}, ...], ...]` several |
| CoTracker nodes | one JSON string per track; -100 where the point is not seen |
| DragNUWA, DragAnything | `[[[x, y], ...], ...]` |
| KJNodes' points editor, SAM2 | `[{x, y}, ...]` or `{"positive": [...], "negative": [...]}`: points, no tracks |
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import DragAVideoError
from ..texts import decoded, is_finite, shown

FORMATS = ("spline", "cotracker", "dragnuwa", "points")
UNSEEN = -100.0
_FARTHEST = 1e6
"""px; what lies farther off is no position."""
_EXPECTED = 'expected [[{"x": 1, "y": 2}, ...], ...] or [[[x, y], ...], ...], one list a track'


@dataclass(frozen=True, eq=False)
class PointTracks:
    """positions [T, K, 2] px of some picture size, visible [T, K] bool."""

    positions: Tensor
    visible: Tensor


def parse_tracks(text: str | Sequence[str]) -> PointTracks:
    """Read tracks in any of the forms; single quotes are read too.

    Raises:
        DragAVideoError: no tracks, tracks of different lengths, or something that is no position.
    """
    value = _decoded(text) if isinstance(text, str) else [_decoded(part) for part in text]
    if isinstance(value, Mapping):
        value = value.get("positive", value.get("coords"))
    if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
        value = [_decoded(part) for part in value]
    if not isinstance(value, list) or not value:
        raise DragAVideoError(f"There are no tracks in the text; {_EXPECTED}.")
    tracks = [value] if _is_point(value[0]) else value
    if all(_is_list(group) and group and all(map(_is_track, group)) for group in tracks):
        tracks = [track for group in tracks for track in group]  # splines by object, as some editors have them
    points = [[_point(point) for point in track] for track in tracks if _is_list(track)]
    lengths = {len(track) for track in points}
    if len(points) != len(tracks) or lengths == {0}:
        raise DragAVideoError(f"The tracks hold something that is no list of positions; {_EXPECTED}.")
    if len(lengths) != 1:
        raise DragAVideoError(
            f"The tracks have different lengths ({min(lengths)} to {max(lengths)} positions); all need one per frame."
        )
    positions = torch.tensor(points, dtype=torch.float32).transpose(0, 1).contiguous()
    return PointTracks(positions, (positions > UNSEEN / 2).all(-1))


def write_tracks(tracks: PointTracks, form: str) -> str:
    """Tracks as text in one of `FORMATS`; "points" has the first frame's points alone.

    Raises:
        DragAVideoError: an unknown form.
    """
    if form == "cotracker":
        return json.dumps(write_track_list(tracks))
    values = tracks.positions.round(decimals=2).transpose(0, 1).tolist()
    if form == "dragnuwa":
        return json.dumps(values)
    if form == "points":
        return json.dumps([_named(track[0]) for track in values])
    if form == "spline":
        return json.dumps([[_named(point) for point in track] for track in values])
    raise DragAVideoError(f"'{form}' is no form of tracks; choose one of: {', '.join(FORMATS)}.")


def write_track_list(tracks: PointTracks) -> list[str]:
    """One JSON string per track, unseen points at -100, as CoTracker nodes give and take them."""
    seen = torch.where(tracks.visible[..., None], tracks.positions, torch.full_like(tracks.positions, UNSEEN))
    values = seen.round(decimals=2).transpose(0, 1).tolist()
    return [json.dumps([_named(point) for point in track]) for track in values]


def scaled_tracks(tracks: PointTracks, size: tuple[int, int], new_size: tuple[int, int]) -> PointTracks:
    """Tracks for the same picture at another size (width, height); pixel centres are whole numbers."""
    scale = torch.tensor(new_size, dtype=torch.float32) / torch.tensor(size, dtype=torch.float32)
    moved = (tracks.positions + 0.5) * scale - 0.5
    return PointTracks(torch.where(tracks.visible[..., None], moved, tracks.positions), tracks.visible)


def resampled_tracks(tracks: PointTracks, length: int) -> PointTracks:
    """Tracks over `length` frames of the same span of time, by linear interpolation; visible as the nearest frame."""
    count = len(tracks.positions)
    at = torch.linspace(0, count - 1, length)
    low = at.floor().long()
    high = (low + 1).clamp(max=count - 1)
    share = (at - low)[:, None, None]
    positions = tracks.positions[low] * (1 - share) + tracks.positions[high] * share
    return PointTracks(positions, tracks.visible[at.round().long()])


def _decoded(text: str) -> Any:
    return decoded(text, "The tracks' text", _EXPECTED)


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _is_number(value: Any) -> bool:
    return is_finite(value) and abs(value) <= _FARTHEST


def _is_track(value: Any) -> bool:
    return _is_list(value) and len(value) > 0 and all(map(_is_point, value))


def _is_point(value: Any) -> bool:
    return isinstance(value, Mapping) or (_is_list(value) and len(value) == 2 and all(map(_is_number, value)))


def _point(value: Any) -> tuple[float, float]:
    pair: Any = (value.get("x"), value.get("y")) if isinstance(value, Mapping) else value
    if not _is_list(pair) or len(pair) != 2 or not all(map(_is_number, pair)):
        raise DragAVideoError(f"The tracks hold {shown(value)} where a position should be; {_EXPECTED}.")
    return float(pair[0]), float(pair[1])


def _named(point: Sequence[float]) -> dict[str, float]:
    return {"x": point[0], "y": point[1]}
