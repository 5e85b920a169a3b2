"""Settings: what is refused, by its message, however it comes in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.model.loading import BUNDLED_FOLDER
from dragavideo_core.settings import PAPER, TrackerSettings, load_preset, override, preset_from_json


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"speed": 1}, "'speed' is not a setting of Preset"),
        ({"drag": {"update": "Adam"}}, "'update' is 'Adam'; choose adam or normalised"),
        ({"drag": {"chain": "stride"}}, "'chain' is 'stride'; choose full or strided or independent"),
        ({"drag": {"warp": "pixel"}}, "choose pixels or cells"),
        ({"propagation": {"targets": "Affine"}}, "choose translate or affine"),
        ({"drag": {"steps": ["10"]}}, "must be whole numbers"),
        ({"drag": {"steps": [10.5]}}, r"'steps' is \[10.5\]; it must be whole numbers"),
        ({"drag": {"steps": 35}}, "must be a value like"),
        ({"drag": {"patch_radius_cells": -1}}, "'patch_radius_cells' is -1; it must be at least 0"),
        ({"drag": {"template_rate": 1.5}}, "must be 0 to 1"),
        ({"drag": {"iterations": "60"}}, "must be a value like 60"),
        ({"drag": {"hard_mask": 1}}, "must be a value like False"),
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


def test_the_bundled_models_smoothing_is_on_its_own_chain() -> None:
    own = load_preset(BUNDLED_FOLDER)
    assert set(own.decode.smoothing_steps) <= set(range(1, max(own.drag.steps) + 1))
