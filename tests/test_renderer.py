"""The renderer's known answers are true: positions, edits, masks."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from training.captions import VOCABULARY, caption
from training.renderer import edit_mask, part_positions, part_visible, render_clip, render_frame
from training.scene import PARTS, PartEdit, sample_scene
from training.skeleton import NOSE_RGB

SEEDS = range(1_000_000, 1_000_008)


def test_one_seed_one_clip() -> None:
    clip = render_clip(sample_scene(3))
    assert clip.shape == (8, 128, 128, 3) and clip.dtype == np.uint8
    assert np.array_equal(clip, render_clip(sample_scene(3)))
    assert not np.array_equal(clip, render_clip(sample_scene(4)))


@pytest.mark.parametrize("size", [64, 128, 256])
@pytest.mark.parametrize("seed", SEEDS)
def test_nose_is_where_it_is_said_to_be(seed: int, size: int) -> None:
    scene = sample_scene(seed, size=size)
    picture = render_frame(scene, 2).astype(float)
    x, y = part_positions(scene, 2)["nose"]
    assert np.abs(picture[round(y), round(x)] - NOSE_RGB).max() < 3
    # The blue disc's centre of gravity is the position, to a fraction of a pixel.
    rows, columns = np.nonzero(np.abs(picture - NOSE_RGB).max(-1) < 30)
    near = np.hypot(rows - y, columns - x) < 4 * size / 128
    assert math.hypot(columns[near].mean() - x, rows[near].mean() - y) < 0.6


@pytest.mark.parametrize("seed", SEEDS)
def test_every_visible_part_shows_at_its_tip(seed: int) -> None:
    scene = sample_scene(seed)
    for part in PARTS:
        x, y = (round(c) for c in part_positions(scene, 0)[part])
        if part_visible(scene, 0, part):
            away = PartEdit(part, 0, -60)  # the part taken away changes the pixel at its tip
            assert (render_frame(scene, 0)[y, x] != render_frame(scene, 0, away)[y, x]).any(), part


@pytest.mark.parametrize("part", PARTS)
def test_an_edit_moves_its_tip_by_exactly_that_in_every_frame(part: str) -> None:
    for size in (128, 256):
        scene = sample_scene(1_000_001, size=size)
        for frame in range(scene.frames):
            before, after = part_positions(scene, frame), part_positions(scene, frame, PartEdit(part, 7, -3))
            for name in PARTS:
                moved = np.subtract(after[name], before[name]) * 128 / size
                assert moved == pytest.approx((7, -3) if name == part else (0, 0), abs=1e-9)


@pytest.mark.parametrize("part", PARTS)
def test_mask_holds_all_of_the_edit(part: str) -> None:
    scene, edit = sample_scene(1_000_002), PartEdit(part, -6, 4)
    source, edited, mask = render_frame(scene, 1), render_frame(scene, 1, edit), edit_mask(scene, 1, edit)
    assert mask.dtype == bool and mask.any() and mask.mean() < 0.25
    assert np.array_equal(source[~mask], edited[~mask])
    assert not (source != edited).any(-1)[~edit_mask(scene, 1, edit, margin=0)].any()


def test_nothing_teleports_and_faces_stay_in_the_picture() -> None:
    for seed in range(40):
        scene = sample_scene(seed)
        frames = [part_positions(scene, frame) for frame in range(scene.frames)]
        tracks = np.array([[at[part] for part in PARTS] for at in frames])  # [N, parts, 2]
        assert np.linalg.norm(np.diff(tracks, axis=0), axis=-1).max() < 4
        assert tracks[:, 0].min() > 3 and tracks[:, 0].max() < 124


def test_sizes_show_the_same_scene() -> None:
    scene = sample_scene(5)
    large = render_frame(replace(scene, size=256), 0).reshape(128, 2, 128, 2, 3).mean((1, 3))
    assert np.abs(large - render_frame(scene, 0)).mean() < 1.5


def test_covered_or_outside_parts_are_not_visible() -> None:
    scene = sample_scene(1_000_000)
    assert part_visible(scene, 0, "nose")
    assert not part_visible(scene, 0, "nose", PartEdit("nose", 0, -200))
    body = np.array([scene.motion.x, part_positions(scene, 0)["back_foot"][1] - scene.creature.leg - 6])
    onto_body = body - part_positions(scene, 0)["tail"]
    assert not part_visible(scene, 0, "tail", PartEdit("tail", *onto_body))


def test_captions_keep_to_their_words() -> None:
    captions = [caption(sample_scene(seed)) for seed in range(60)]
    assert {word for text in captions for word in re.findall(r"[a-z]+", text)} <= set(VOCABULARY)
    assert len(set(captions)) > 50


def test_unknown_part_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown part"):
        PartEdit("wing", 1, 1)
