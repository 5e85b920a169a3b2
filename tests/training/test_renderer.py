"""The renderer's known answers are true: positions, edits, masks, what covers what; and the domain is wide."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from training.captions import VOCABULARY, caption, shortened
from training.drags import part_drag, part_drags
from training.palette import HUES, PATTERNS, PLAIN_COATS, TONES, coat_colour
from training.renderer import edit_mask, part_labels, part_positions, part_visible, render_clip, render_frame
from training.scene import PARTS, PLAIN_EVERY, PartEdit, Scene, sample_scene
from training.values import NOSE_RGB
from training.wide_scenes import COMPANION_NOSE, PLANS

SEEDS = range(1_000_000, 1_000_008)


def first_scene(wanted: str, frames: int = 8) -> Scene:
    """The first held-out scene with a "companion" or "occluders"."""
    return next(scene for seed in range(1_000_000, 1_000_100) if getattr(scene := sample_scene(seed, frames), wanted))


def test_one_seed_one_clip() -> None:
    for seed in (3, 4):
        clip = render_clip(sample_scene(seed))
        assert clip.shape == (8, 128, 128, 3) and clip.dtype == np.uint8
        assert np.array_equal(clip, render_clip(sample_scene(seed)))
        assert not np.array_equal(clip, render_clip(sample_scene(seed + 1)))


@pytest.mark.parametrize("size", [64, 128, 192])
@pytest.mark.parametrize("seed", SEEDS)
def test_nose_is_where_it_is_said_to_be(seed: int, size: int) -> None:
    scene = sample_scene(seed, size=size)
    if not part_visible(scene, 2, "nose"):
        pytest.skip("covered in this scene")
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
@pytest.mark.parametrize("seed", [1_000_001, 1_000_004])
def test_an_edit_moves_its_tip_by_exactly_that_in_every_frame(part: str, seed: int) -> None:
    for size in (128, 192):
        scene = sample_scene(seed, size=size)
        for frame in range(scene.frames):
            before, after = part_positions(scene, frame), part_positions(scene, frame, PartEdit(part, 7, -3))
            for name in PARTS:
                moved = np.subtract(after[name], before[name]) * 128 / size
                assert moved == pytest.approx((7, -3) if name == part else (0, 0), abs=1e-9)


def test_several_edits_at_once_are_each_done() -> None:
    scene = sample_scene(1_000_001)
    edits = (PartEdit("nose", 5, 2), PartEdit("tail", -4, 1), PartEdit("nose", 1, 0))
    before, after = part_positions(scene, 3), part_positions(scene, 3, edits)
    wanted = {"nose": (6, 2), "tail": (-4, 1)}
    for part in PARTS:
        assert np.subtract(after[part], before[part]) == pytest.approx(wanted.get(part, (0, 0)), abs=1e-9)
    assert np.array_equal(render_frame(scene, 3, ()), render_frame(scene, 3))
    one = render_frame(scene, 3, (edits[1],))
    assert np.array_equal(one, render_frame(scene, 3, edits[1])) and not np.array_equal(one, render_frame(scene, 3))


@pytest.mark.parametrize("part", PARTS)
def test_mask_holds_all_of_the_edit(part: str) -> None:
    scene, edit = sample_scene(1_000_002), PartEdit(part, -6, 4)
    source, edited, mask = render_frame(scene, 1), render_frame(scene, 1, edit), edit_mask(scene, 1, edit)
    assert mask.dtype == bool and mask.any() and mask.mean() < 0.25
    assert np.array_equal(source[~mask], edited[~mask])
    assert not (source != edited).any(-1)[~edit_mask(scene, 1, edit, margin=0)].any()


def test_nothing_teleports_and_faces_stay_in_the_picture() -> None:
    for seed in range(60):
        scene = sample_scene(seed)
        frames = [part_positions(scene, frame) for frame in range(scene.frames)]
        tracks = np.array([[at[part] for part in PARTS] for at in frames])  # [N, parts, 2]
        assert np.linalg.norm(np.diff(tracks, axis=0), axis=-1).max() < 4.5
        assert tracks[:, 0].min() > 0 and tracks[:, 0].max() < 127


@pytest.mark.parametrize("seed", [4, 5])
def test_sizes_show_the_same_scene(seed: int) -> None:
    scene = sample_scene(seed)
    large = render_frame(replace(scene, size=256), 0).reshape(128, 2, 128, 2, 3).mean((1, 3))
    assert np.abs(large - render_frame(scene, 0)).mean() < 1.5


def test_covered_or_outside_parts_are_not_visible() -> None:
    scene = sample_scene(1_000_000)
    assert part_visible(scene, 0, "nose")
    assert not part_visible(scene, 0, "nose", PartEdit("nose", 0, -200))
    body = np.array([scene.motion.x, part_positions(scene, 0)["back_foot"][1] - scene.creature.leg - 6])
    onto_body = body - part_positions(scene, 0)["tail"]
    assert not part_visible(scene, 0, "tail", PartEdit("tail", *onto_body))


def test_an_occluder_covers_what_is_behind_it_and_moves_with_the_camera() -> None:
    scene = first_scene("occluders")
    nose, pan = part_positions(scene, 0)["nose"], scene.motion.pan_x
    post = replace(
        scene.occluders[0], kind="post", x=nose[0] - pan.at(0), base_y=120.0, width=7.0, height=118.0, rgb=(1, 2, 3)
    )
    bare, barred = replace(scene, occluders=()), replace(scene, occluders=(post,))
    assert part_visible(replace(bare, companion=None), 0, "nose") and not part_visible(barred, 0, "nose")
    assert part_labels(barred, 0)[round(nose[1]), round(nose[0])] == 0
    for frame in (0, 6):
        column = round(nose[0] - pan.at(0) + pan.at(frame) - 2)
        if 0 <= column < 128:
            assert tuple(render_frame(barred, frame)[60, column]) == (1, 2, 3)


def test_a_companion_in_front_covers_and_one_behind_does_not() -> None:
    scene = replace(first_scene("companion"), occluders=())
    companion, body = scene.companion, scene.creature.body
    assert companion is not None
    small = replace(companion.motion, x=scene.motion.x, walk=0.0, feet_y=scene.motion.feet_y - scene.creature.leg)
    creature = replace(companion.creature, body=body)  # as large as what it stands before
    front, behind = (
        part_labels(replace(scene, companion=replace(companion, creature=creature, motion=small, in_front=side)), 0)
        for side in (True, False)
    )
    alone = part_labels(replace(scene, companion=None), 0)
    assert np.array_equal(behind, alone)
    assert (alone > 0).sum() - (front > 0).sum() > 150 and not (front[alone == 0] > 0).any()


def test_companions_cross_and_are_told_apart() -> None:
    scenes = [scene for seed in range(200) if (scene := sample_scene(seed)).companion is not None]
    assert 30 <= len(scenes) <= 60
    for scene in scenes:
        companion = scene.companion
        assert companion is not None
        assert companion.creature.body[0] < 0.7 * 33 and companion.creature.nose_rgb == COMPANION_NOSE
        assert math.dist(companion.creature.rgb, scene.creature.rgb) >= 40
        way = [abs(companion.motion.x + companion.motion.walk * frame - scene.motion.x) for frame in range(8)]
        assert min(way) < 30 and abs(companion.motion.walk) >= 1.5


def test_the_domain_is_wide() -> None:
    colours = np.array([coat_colour(tone, hue) for tone in TONES for hue in HUES])
    assert len(colours) >= 200 and len(set(map(tuple, colours))) == len(colours)
    scenes = [sample_scene(seed) for seed in range(600)]
    assert all((scene.creature.coat in PLAIN_COATS) == (scene.seed % PLAIN_EVERY == 0) for scene in scenes)
    assert len({scene.creature.coat for scene in scenes}) > 150
    assert {scene.creature.pattern for scene in scenes} == set(PATTERNS)
    assert {scene.creature.plan.name for scene in scenes} == set(PLANS) and len(PLANS) >= 5
    assert len({scene.background.ground_texture.name for scene in scenes}) == 6
    assert {thing.kind for scene in scenes for thing in scene.occluders} == {"post", "bush", "tufts"}
    assert max(abs(scene.motion.pan_x.at(7) - scene.motion.pan_x.at(0)) for scene in scenes) > 8


def test_the_plain_domain_is_as_it_was() -> None:
    """The bundled example is scene 1000016."""
    scene = sample_scene(1_000_016)
    assert caption(scene).startswith("a red dog")
    assert scene.creature.rgb == (201, 76, 64)
    assert part_positions(scene, 5)["nose"] == pytest.approx((30.0781, 55.8771), abs=1e-3)


def test_several_drags_are_one_instruction() -> None:
    scene = sample_scene(1_000_001, size=192)
    both, edits = part_drags(scene, [("nose", 12, 0.0), ("front_foot", 6, 1.0)], pins=("eye",))
    nose, edit = part_drag(scene, "nose", 12, pins=("eye",))
    assert edits[0] == edit and both.pairs[0] == nose.pairs[0] and both.mask_points[:3] == nose.mask_points
    assert [e.part for e in edits] == ["nose", "front_foot"] and both.pinned_points == nose.pinned_points
    for pair, moved in zip(both.pairs, edits, strict=True):
        way = np.subtract(pair.target, pair.handle)
        assert way == pytest.approx(np.array((moved.dx, moved.dy)) * 1.5, abs=0.11)


def test_captions_keep_to_their_words() -> None:
    scenes = [sample_scene(seed) for seed in range(120)]
    captions = [caption(scene) for scene in scenes]
    assert {word for text in captions for word in re.findall(r"[a-z]+", text)} <= set(VOCABULARY)
    assert len(set(captions)) > 110
    for scene, text in zip(scenes, captions, strict=True):
        for word in (scene.creature.coat, scene.creature.plan.name, scene.background.sky, scene.creature.pattern):
            assert word in text
        assert ("in front" in text or "behind" in text) == (scene.companion is not None)


def test_a_caption_tells_of_the_edit_and_may_be_cut() -> None:
    scene = next(scene for seed in range(1, 99, 2) if "short snout" in caption(scene := sample_scene(seed)))
    assert "long snout" in caption(scene, PartEdit("nose", 40 * scene.creature.facing, 0))
    rng = np.random.default_rng(0)
    cut = {shortened(caption(scene), rng) for _ in range(30)}
    assert caption(scene) in cut and len(cut) > 5
    assert all(text.split(", ")[0] == caption(scene).split(", ")[0] for text in cut)


def test_unknown_part_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown part"):
        PartEdit("wing", 1, 1)
