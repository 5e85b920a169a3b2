"""Following points without a network: exact on moving texture, back after a jump, bridged over a moment of doubt."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from dragavideo_core.propagation.classical_features import CELL_PX, classical_features
from dragavideo_core.propagation.classical_tracks import StripTracks, follow_points
from dragavideo_core.propagation.visibility import bridged

HEIGHT, WIDTH = 120, 160


def texture(height: int, width: int, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).random((height, width, 3)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return ((blurred - blurred.min()) / (blurred.max() - blurred.min()) * 255).astype(np.uint8)


def film(places: list[tuple[int, int]], hidden: tuple[int, ...] = ()) -> np.ndarray:
    """A textured patch of 40 px, its top left corner at `places`, before a textured ground; on `hidden` frames a plain
    board stands before it."""
    ground, patch = texture(HEIGHT, WIDTH, 0), texture(40, 40, 1)
    frames = []
    for n, (x, y) in enumerate(places):
        frame = ground.copy()
        frame[y : y + 40, x : x + 40] = patch
        if n in hidden:
            frame[20:100, 10:150] = 90
        frames.append(frame)
    return np.stack(frames)


@pytest.mark.parametrize("key", [0, 5])
def test_a_moving_point_is_followed_both_ways(key: int) -> None:
    places = [(20 + 5 * n, 30 + 2 * n) for n in range(10)]
    start = torch.tensor([[places[key][0] + 20.0, places[key][1] + 20.0]])
    found = follow_points(film(places), key, start)
    truth = torch.tensor(places) + 20.0
    assert float((found.positions[:, 0] - truth).norm(dim=-1).max()) < 1.0
    assert bool(found.visible.all())


def test_a_point_that_jumps_is_found_again() -> None:
    places = [(20, 30), (22, 31), (24, 32), (56, 50), (58, 51), (60, 52)]
    found = follow_points(film(places), 0, torch.tensor([[40.0, 50.0]]))
    assert float((found.positions[-1, 0] - torch.tensor([80.0, 72.0])).norm()) < 2.0


def test_a_hidden_point_is_not_seen_and_a_moment_is_bridged() -> None:
    places = [(40 + n, 40) for n in range(10)]
    found = follow_points(film(places, hidden=(4, 5)), 0, torch.tensor([[60.0, 60.0]]))
    assert not bool(found.visible[4:6].any())
    assert bool(found.visible[[0, 1, 2, 3, 7, 8, 9]].all())
    whole = bridged(found)
    assert bool(whole.visible.all())
    assert float((whole.positions[:, 0] - (torch.tensor(places) + 20.0)).norm(dim=-1).max()) < 3.0


def test_long_absence_is_no_gap() -> None:
    visible = torch.ones(30, 1, dtype=torch.bool)
    visible[5:20] = False
    tracks = StripTracks(torch.zeros(30, 1, 2), torch.ones(30, 1), visible)
    assert torch.equal(bridged(tracks).visible, visible)


def test_features_cover_the_picture_and_do_not_mind_its_size() -> None:
    features = classical_features(texture(50, 61, 2)[None])
    assert tuple(features.shape) == (1, 11, -(-50 // CELL_PX), -(-61 // CELL_PX))
    assert bool(torch.isfinite(features).all())
    assert bool(torch.isfinite(classical_features(np.full((1, 32, 32, 3), 128, np.uint8))).all())
