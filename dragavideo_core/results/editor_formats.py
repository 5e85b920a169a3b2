"""What the point editor draws after a run: the clip's frames as JPEGs, and the tracked points and masks as JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import cv2
import numpy as np
from torch import Tensor

from ..media.pictures import jpeg_of

if TYPE_CHECKING:
    from ..instruction.value import DragInstruction
    from ..media.clip import Clip
    from ..propagation.point_sets import PointSets

VERSION = 1
_LONGEST, _LONGEST_OF_MANY, _MANY = 1280, 640, 64
"""Longest side of a clip's pictures, px; smaller in clips of more than `_MANY` frames, which are many megabytes."""
_MASK_LONGEST = 256


def clip_pictures(clip: Clip) -> Iterator[bytes]:
    """The source frames as JPEGs, longest side at most 1280 px (640 in long clips)."""
    longest = _LONGEST if len(clip.source) <= _MANY else _LONGEST_OF_MANY
    with ThreadPoolExecutor(4) as workers:
        yield from workers.map(lambda frame: jpeg_of(frame, longest), clip.source)


def tracks_json(point_sets: PointSets, clip: Clip, instruction: DragInstruction) -> str:
    """Version 1 JSON of what was tracked, in source px rounded to 0.01:

    {"version": 1, "size": [W, H], "indices": [N frames of the file], "handles": [N][P][S][2],
     "targets": [N][P][S][2], "visible": [N][P][S] of 0 and 1, "pinned": [N][Q][2],
     "masks": [N base64 PNGs of 0 and 255, longest side at most 256], "instruction": the JSON it was made from}
    """
    return json.dumps(
        {
            "version": VERSION,
            "size": list(clip.geometry.source_size),
            "indices": list(clip.frame_indices),
            "handles": _rounded(point_sets.handles),
            "targets": _rounded(point_sets.targets),
            "visible": point_sets.visible.int().tolist(),
            "pinned": _rounded(point_sets.pinned),
            "masks": [base64.b64encode(_small_png(mask)).decode("ascii") for mask in point_sets.masks],
            "instruction": instruction.to_json(),
        },
        separators=(",", ":"),
    )


def _rounded(points: Tensor) -> object:
    # In double precision: 0.1 as a float32 has nine digits in JSON.
    return points.double().mul(100).round().div(100).tolist()


def _small_png(mask: Tensor) -> bytes:
    """A mask [H, W] bool as a PNG of one channel; a pixel is set where at least half of what it covers is."""
    covered = mask.float().numpy()
    share = _MASK_LONGEST / max(covered.shape)
    if share < 1:
        size = (max(1, round(covered.shape[1] * share)), max(1, round(covered.shape[0] * share)))
        covered = cv2.resize(covered, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".png", (covered >= 0.5).astype(np.uint8) * 255)
    return data.tobytes()
