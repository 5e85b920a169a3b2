"""The parts of the small drag."""

from __future__ import annotations

import pytest
import torch

from dragavideo_core.inversion.invert import Inversion, invert_latents
from dragavideo_core.media.geometry import Geometry
from dragavideo_core.model.drag_model import DragModel
from dragavideo_core.propagation.point_sets import PointSets
from dragavideo_core.warp.clip import WarpedClip

from ..tiny import tiny_model
from .small import SIDE, N


@pytest.fixture(scope="module")
def model() -> DragModel:
    return tiny_model()


@pytest.fixture(scope="module")
def inversion(model: DragModel) -> Inversion:
    generator = torch.Generator().manual_seed(1)
    return invert_latents(model, torch.randn(N, 4, 8, 8, generator=generator), steps=5)


@pytest.fixture(scope="module")
def geometry() -> Geometry:
    return Geometry(source_size=(SIDE, SIDE), working_size=(SIDE, SIDE), scale=1.0, offset=(0.0, 0.0))


def _warp() -> WarpedClip:
    """Every frame a little lighter and moved by two cells, all over."""
    frames = torch.rand(N, SIDE, SIDE, 3, generator=torch.Generator().manual_seed(4))
    ways = torch.full((N, SIDE, SIDE, 2), 8.0)
    every = torch.ones(N, SIDE, SIDE, dtype=torch.bool)
    return WarpedClip(frames, ways, every.float(), ~every, every, every, torch.ones(N), ("part", "part"), 0.0)


@pytest.fixture(scope="module")
def point_sets() -> PointSets:
    generator = torch.Generator().manual_seed(2)
    handles = torch.rand(N, 2, 4, 2, generator=generator) * 8 + 8
    masks = torch.zeros(N, SIDE, SIDE, dtype=torch.bool)
    masks[:, 4:28, 4:28] = True
    visible = torch.ones(N, 2, 4, dtype=torch.bool)
    visible[1, 0, 2] = False
    return PointSets(
        handles=handles,
        targets=handles + torch.tensor([[[7.0, 1.0]], [[-2.0, 8.0]]]),
        visible=visible,
        foreground=torch.ones(2, 4, dtype=torch.bool),
        masks=masks,
        pinned=torch.zeros(N, 0, 2),
        key_frame=0,
        warp=_warp(),
    )
