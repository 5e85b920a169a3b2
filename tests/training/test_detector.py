"""The shipped part detector: right on held-out frames, at any size; degradation moves nothing; training learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from training.detector import DETECTOR_FILE, GRID, detect, load_detector, locate, save_detector
from training.detector_training import degrade, errors, example, targets, train
from training.renderer import part_positions, render_clip
from training.scene import PARTS, PartEdit, sample_scene


def test_shipped_weights_are_accurate_on_held_out_frames() -> None:
    assert DETECTOR_FILE.stat().st_size <= 600_000
    for clean, limit in ((True, 0.4), (False, 0.5)):
        for part, figures in errors(load_detector(), frames=40, clean=clean, first_seed=2_000_000).items():
            assert figures["median"] < limit and figures["found"] > 0.9, part


@pytest.mark.parametrize("size", [96, 256])
def test_sizes_and_kinds_of_frames(size: int) -> None:
    scene, edit = sample_scene(1_000_003, frames=2, size=size), PartEdit("nose", 6, -4)
    frames = render_clip(scene, edit)
    whole, real = detect(frames), detect(torch.from_numpy(frames).float() / 255)
    for part in PARTS:
        positions, confidence = whole[part]
        assert positions.shape == (2, 2) and confidence.shape == (2,)
        assert np.abs(positions - real[part][0]).max() < 1e-3
    true = np.array([part_positions(scene, frame, edit)["nose"] for frame in range(2)])
    assert np.linalg.norm(whole["nose"][0] - true, axis=-1).max() < size / 128


def test_a_picture_without_a_creature_has_no_parts() -> None:
    ground = np.full((1, 128, 128, 3), (150, 180, 200), np.uint8)
    assert max(float(confidence[0]) for _, confidence in detect(ground).values()) < 0.5


def test_targets_and_positions_are_inverse() -> None:
    tips = torch.tensor([[[30.3, 99.6], [64.0, 1.0], [127.0, 127.0], [500.0, 3.0], [12.5, 12.5], [0.0, 64.0]]])
    seen = torch.tensor([[True, True, True, False, True, True]])
    target = targets(tips, seen)
    assert target.shape == (1, 6, GRID * GRID + 1) and target.sum(-1).allclose(torch.ones(1, 6))
    cells, confidence = locate(target.clamp_min(1e-12).log())
    error = ((cells + 0.5) * 2 - 0.5 - tips).norm(dim=-1)[0]
    assert error[[0, 4]].max() < 0.15 and error[[1, 2, 5]].max() < 1.6  # at the edge half of the Gaussian is cut
    assert confidence[0, 3] < 1e-3 and confidence[0, seen[0]].min() > 0.95


def test_degrading_moves_nothing() -> None:
    rng = np.random.default_rng(0)
    picture, _, _ = example(1_000_000, rng, clean=True)
    kept = picture.copy()
    results = [degrade(picture, rng).astype(float) for _ in range(60)]
    assert np.array_equal(picture, kept)
    mean = np.mean(results, axis=0)
    errors_at = {
        shift: np.abs(np.roll(picture, shift, (0, 1)) - mean)[8:-8, 8:-8].mean() for shift in ((0, 0), (0, 1), (1, 0))
    }
    assert min(errors_at, key=lambda shift: errors_at[shift]) == (0, 0)
    assert len({result.tobytes() for result in results}) > 40


def test_training_learns_and_saves(tmp_path: Path) -> None:
    detector = train(0.01, batch=2)
    save_detector(detector, tmp_path / "d.safetensors")
    loaded = load_detector(tmp_path / "d.safetensors")
    frames = torch.rand(1, 3, 128, 128)
    with torch.no_grad():
        torch.testing.assert_close(loaded(frames), detector(frames), rtol=2e-2, atol=2e-2)


def test_near_looks_no_further() -> None:
    scene = sample_scene(1_000_004, frames=3)
    frames = render_clip(scene)
    nose = np.array([part_positions(scene, frame)["nose"] for frame in range(3)])
    here = detect(frames, near={"nose": (nose + 3, 10.0)})
    assert np.abs(here["nose"][0] - nose).max() < 1 and here["nose"][1].min() > 0.5
    ears = detect(frames)["ear"]
    assert np.array_equal(here["ear"][0], ears[0])
    away = np.array([[110.0, 20.0]] * 3) if nose[0, 0] < 64 else np.array([[10.0, 20.0]] * 3)
    found, confidence = detect(frames, near={"nose": (away, 8.0)})["nose"]
    assert np.linalg.norm(found - away, axis=-1).max() < 12 and confidence.max() < 0.5


def test_training_goes_on_from_given_weights() -> None:
    start = load_detector()
    kept = {name: value.clone() for name, value in start.state_dict().items()}
    after = train(0.0, batch=1, start=start)
    assert all(torch.equal(value, kept[name]) for name, value in start.state_dict().items())
    difference = max(float((after.state_dict()[name].float() - kept[name].float()).abs().max()) for name in kept
                     if name.endswith("weight"))  # fmt: skip
    assert difference < 0.05


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="frames"):
        detect(np.zeros((128, 128, 3), np.uint8))
