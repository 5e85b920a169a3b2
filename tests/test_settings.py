"""Settings: what is refused, by its message, however it comes in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.model.loading import BUNDLED_FOLDER
from dragavideo_core.presets import PRESETS, recipe
from dragavideo_core.settings import PAPER, TrackerSettings, load_preset, override, preset_from_json, read_preset


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"speed": 1}, "'speed' is not a setting of Preset"),
        ({"drag": {"update": "Adam"}}, "'update' is 'Adam'; choose adam or normalised"),
        ({"drag": {"chain": "stride"}}, "'chain' is 'stride'; choose full or strided or independent or alternating"),
        ({"drag": {"warm_start": "fitted"}}, "choose none or puppet"),
        ({"propagation": {"targets": "Affine"}}, "choose translate or affine"),
        ({"drag": {"steps": ["10"]}}, "must be steps, whole numbers from 1 on"),
        ({"drag": {"steps": [10.5]}}, r"'steps' is \[10.5\]; it must be steps"),
        ({"drag": {"steps": [0]}}, "whole numbers from 1 on"),
        ({"drag": {"learning_rate": -1.0}}, "'learning_rate' is -1.0; it must be at least 1e-09"),
        ({"drag": 4}, "'drag' is a group of settings; change one of them, for example drag.steps"),
        ({"drag": {"steps": 35}}, r"must be a value like \[42, 41, 35, 30\]"),
        ({"drag": {"patch_radius_cells": -1}}, "'patch_radius_cells' is -1; it must be at least 0"),
        ({"drag": {"template_rate": 1.5}}, "must be at least 0 and at most 1"),
        ({"drag": {"iterations": "60"}}, "must be a value like 60"),
        ({"drag": {"hard_mask": 1}}, "must be a value like false"),
        ({"tracker": {"stride_cells": 0}}, "'stride_cells' is 0.0; it must be at least 0.01"),
        ({"tracker": {"stride_cells": 4.0}}, "stride of 4 cells is wider than its range of 3"),
        ({"size": {"a": 1}}, "must be a value like 512"),
    ],
)
def test_what_means_nothing_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(DragAVideoError, match=message):
        override(PAPER, values)


def test_python_callers_are_told_as_well() -> None:
    with pytest.raises(DragAVideoError, match="choose adam or normalised"):
        replace(PAPER.drag, update="sgd")
    with pytest.raises(DragAVideoError, match="must be at least"):
        TrackerSettings(range_cells=-1.0)


def test_presets_survive_their_file() -> None:
    assert preset_from_json(PAPER.to_json()) == PAPER
    own = load_preset(BUNDLED_FOLDER)
    assert preset_from_json(own.to_json()) == own
    assert override(PAPER, {"drag": {"steps": [35], "learning_rate": 1}}).drag.steps == (35,)


def test_a_presets_file_is_named_and_may_have_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(b"\xef\xbb\xbf" + b'{"size": 256}')  # as PowerShell 5 writes UTF-8
    assert read_preset(path).size == 256
    path.write_text('{"size": 256}', encoding="utf-16")
    with pytest.raises(DragAVideoError, match=r"mine.json: cannot be read as text .* save it as UTF-8"):
        read_preset(path)
    path.write_text('{"sizes": 256}', encoding="utf-8")
    with pytest.raises(DragAVideoError, match=r"mine.json: 'sizes' is not a setting"):
        read_preset(path)


def test_the_bundled_models_smoothing_is_on_its_own_chain() -> None:
    own = load_preset(BUNDLED_FOLDER)
    assert set(own.decode.smoothing_steps) <= set(range(1, max(own.drag.steps) + 1))


def test_recipes_are_whole_and_the_papers_are_the_defaults() -> None:
    assert PRESETS["paper"] == PAPER
    bundled = load_preset(BUNDLED_FOLDER)
    for name, preset in PRESETS.items():
        assert preset.name == name and preset_from_json(preset.to_json()) == preset
        assert preset.inversion_steps >= max(*preset.drag.steps, preset.propagation.step)
        small = recipe(name, bundled)  # sizes and blocks are the weights', the manner is the recipe's
        assert (small.size, small.drag.feature_block, small.drag.arrival_px) == (128, 1, 1.0)
        assert replace(small.drag, feature_block=2, arrival_px=4.0) == preset.drag
    assert PRESETS["paper"].drag.arrival_px == PRESETS["dragdiffusion"].drag.arrival_px == 4.0
    assert (PRESETS["dragdiffusion"].drag.steps, PRESETS["dragdiffusion"].drag.iterations) == ((35,), 80)


def test_best_is_what_the_evidence_says() -> None:
    best = PRESETS["best"]
    assert len(best.drag.steps) == 1 and abs(best.drag.steps[0] - 35) <= 3 and best.drag.feature_block in (1, 2)
    assert best.lora.iterations >= 40 and 0.1 <= best.drag.mask_weight <= 1 and best.drag.warm_start != "none"
    assert best.decode.cross_branch and best.decode.cross_branch_step == -1 and best.decode.composite
