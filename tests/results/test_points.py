"""points.json: the centres of the sets, who is seen, and the object."""

from __future__ import annotations

import json
from dataclasses import replace

import torch

from dragavideo_core.propagation.point_sets import PointSets
from dragavideo_core.results.points import points_value


def sets() -> PointSets:
    handles = torch.arange(2 * 2 * 3 * 2).float().reshape(2, 2, 3, 2)
    visible = torch.zeros(2, 2, 3, dtype=torch.bool)
    visible[0, :, 1] = True  # the middle of each set counts
    return PointSets(
        handles=handles,
        targets=handles + 5.126,
        visible=visible,
        foreground=torch.ones(2, 3, dtype=torch.bool),
        masks=torch.ones(2, 30, 40, dtype=torch.bool),
        pinned=torch.zeros(2, 0, 2),
        key_frame=0,
    )


def test_points_of_every_frame() -> None:
    value = points_value(sets())
    assert json.loads(json.dumps(value)) == value
    assert value["size"] == [40, 30] and value["frames"] == 2 and value["object"] is None
    first, second = value["pairs"]
    assert first["handle"] == [[2.0, 3.0], [14.0, 15.0]] and first["target"] == [[7.13, 8.13], [19.13, 20.13]]
    assert second["handle"][0] == [8.0, 9.0]
    assert first["visible"] == second["visible"] == [True, False]


def test_the_object() -> None:
    objects = torch.zeros(2, 30, 40, dtype=torch.bool)
    objects[1, :15] = True
    known = replace(sets(), objects=objects)
    assert points_value(known)["object"] == {"share": [0.0, 0.5], "confidence": [1.0, 1.0]}
    unsure = replace(known, confidence=torch.tensor([0.25, 1.0]))
    assert points_value(unsure)["object"] == {"share": [0.0, 0.5], "confidence": [0.25, 1.0]}
