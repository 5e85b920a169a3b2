"""The points of a clip as `points.json`, for scripts: where every handle and target is, and how sure the object is."""

from __future__ import annotations

from typing import Any

from ..propagation.point_sets import PointSets
from .measure import set_centres


def points_value(point_sets: PointSets) -> dict[str, Any]:
    """One entry a taken frame in every list, points in source px:

        {"size": [W, H], "frames": N,
         "pairs": [{"handle": [[x, y], ...], "target": [[x, y], ...], "visible": [true, ...]}],
         "object": {"share": [...], "confidence": [...]}}

    `share` is how much of the frame the object is, 0-1; `object` is null where nobody has looked for it.
    """
    height, width = point_sets.masks.shape[1:]
    handles, targets, visible = (
        set_centres(points) for points in (point_sets.handles, point_sets.targets, point_sets.visible)
    )
    pairs = [
        {
            "handle": _rounded(handles[:, pair].tolist()),
            "target": _rounded(targets[:, pair].tolist()),
            "visible": visible[:, pair].tolist(),
        }
        for pair in range(handles.shape[1])
    ]
    return {
        "size": [width, height],
        "frames": len(handles),
        "pairs": pairs,
        "object": _object(point_sets),
    }


def _object(point_sets: PointSets) -> dict[str, list[float]] | None:
    if point_sets.objects is None:
        return None
    share = point_sets.objects.float().mean((1, 2)).tolist()
    confidence = [1.0] * len(share) if point_sets.confidence is None else point_sets.confidence.tolist()
    return {"share": [round(value, 5) for value in share], "confidence": [round(value, 3) for value in confidence]}


def _rounded(points: list[list[float]]) -> list[list[float]]:
    return [[round(x, 2), round(y, 2)] for x, y in points]
