"""The speed benchmark: its plain loop is the method, its counts are those of a run, a drag keeps to its budget."""

from __future__ import annotations

import pytest
import torch

from bench.speed import counting
from bench.speed.plain import plain_drag
from bench.speed.timing import paper_settings, random_problem
from dragavideo_core.drag.optimizer import optimise_offsets
from dragavideo_core.drag.problem import prepare_problem
from dragavideo_core.model.drag_model import DragModel
from dragavideo_core.progress import silent
from dragavideo_core.settings import PAPER, TrackerSettings, override

from ..tiny import WIDTH, tiny_model


@pytest.fixture(scope="module")
def small() -> DragModel:
    """Of another size, so that it is quick: how often it is called is what counts."""
    return tiny_model(preset=override(PAPER, {"size": 32, "decode": {"cross_branch_layer": 5}}))


@pytest.fixture(scope="module")
def of() -> counting.Costs:
    return counting.costs(512, 512)


@pytest.mark.parametrize("chain", ["strided", "full"])
def test_the_plain_loop_gives_what_ours_gives_unsaved(chain: str) -> None:
    model = tiny_model()
    inversion, sets, geometry = random_problem(model, 2, 32, WIDTH)
    settings = paper_settings(chain, iterations=2, passes="two", way_refresh=1, rest=False, micro_batch=1)
    tracker = TrackerSettings()
    problem = prepare_problem(model, inversion, sets, geometry, settings, tracker, silent)
    plain, seconds = plain_drag(problem, 2)
    ours = optimise_offsets(model, inversion, sets, geometry, settings, tracker)
    torch.testing.assert_close(ours.offsets, plain, atol=1e-4, rtol=1e-3)
    assert len(seconds) == 2 and plain.abs().max() > 0


def test_calls_are_counted_stage_by_stage(small: DragModel) -> None:
    clip, preset = counting.small_clip(small), counting.never_arriving(small, "draft")
    stages = counting.stage_counts(small, preset, clip)
    assert stages["inversion"] == {"encode": 1, "noise": 15}
    assert stages["optimise"]["backward"] == 0 and stages["decode"]["noise"] == 2 * 15


@pytest.mark.parametrize(
    ("chain", "iterations", "most"), [("strided", 2, 7.5), ("full", 4, 10.0), ("alternating", 10, 1.7)]
)
def test_an_iteration_keeps_to_its_budget(
    small: DragModel, of: counting.Costs, chain: str, iterations: int, most: float
) -> None:
    assert 1.5 < counting.forwards_an_iteration(small, chain, of, iterations) <= most


def test_the_default_drag_keeps_to_its_budget(small: DragModel, of: counting.Costs) -> None:
    """16 frames of 512 x 512 px, without LoRA: at most 4 PFLOP."""
    assert 2.0 < counting._preset_pflop(small, "best", of, 16) <= 4.0
