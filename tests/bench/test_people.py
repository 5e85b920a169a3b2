"""Drags as people make them: the list is what it says, answers are right, tables add up; true edits of real clips."""

from __future__ import annotations

import json
import math
from collections import Counter
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.quality import __main__ as command
from bench.quality.cases import TEST_SEEDS, TUNING_SEEDS, Case
from bench.quality.people import (
    ROWS,
    agreement,
    answer,
    drag_numbers,
    people_markdown,
    people_shown,
    people_value,
    tip_gains,
)
from bench.quality.people_cases import (
    CLICK_PX,
    FRAMES,
    PEOPLE_SEEDS,
    PEOPLE_SPECS,
    PEOPLE_TUNING_SEEDS,
    people_case,
    people_cases,
)
from bench.quality.truth import Truth
from training.scene import HELD_OUT_FROM, PARTS


@lru_cache(maxsize=1)
def case() -> Case:
    return people_case(PEOPLE_SPECS[2], PEOPLE_TUNING_SEEDS)


def truth() -> Truth:
    known = case().truth
    assert known is not None
    return known


def test_the_list_has_every_kind() -> None:
    moves = [move for spec in PEOPLE_SPECS for move in spec.moves]
    assert len(PEOPLE_SPECS) == 120 and len({spec.name for spec in PEOPLE_SPECS}) == 120
    assert {move.part for move in moves} == set(PARTS)
    assert {move.direction for move in moves} == {"out", "in", "side"}
    assert min(move.length for move in moves) == 6 and max(move.length for move in moves) == 24
    assert sum(len(spec.moves) == 2 for spec in PEOPLE_SPECS) == 30
    assert sum(spec.crossed for spec in PEOPLE_SPECS) == 40
    counts = Counter(spec.moves[0].part for spec in PEOPLE_SPECS)
    assert min(counts.values()) >= 10


def test_scenes_are_nobody_elses() -> None:
    """1,500 seeds a case; neither the old benchmark's nor its tuning scenes, and not each other's."""
    reach = 1500 * len(PEOPLE_SPECS)
    starts = sorted((PEOPLE_SEEDS, PEOPLE_TUNING_SEEDS))
    assert starts[0] > max(TEST_SEEDS, TUNING_SEEDS) + 100_000 and starts[0] >= HELD_OUT_FROM
    assert starts[1] - starts[0] >= reach


def test_people_give_pairs_and_nothing_else() -> None:
    for spec, one in zip(PEOPLE_SPECS[:4], people_cases(PEOPLE_SPECS[:4], PEOPLE_TUNING_SEEDS)):
        instruction, known = one.instruction, one.truth
        assert known is not None and len(one.source) == FRAMES
        assert not instruction.mask_points and not instruction.pinned_points and one.mask is None
        assert len(instruction.pairs) == len(spec.moves)
        scale = spec.size / 128
        for pair, tip, way in zip(instruction.pairs, known.starts[0], known.ways):
            off = torch.tensor(pair.handle) - tip
            assert float(off.norm()) <= (CLICK_PX + 0.1) * scale
            asked = torch.tensor(pair.target) - torch.tensor(pair.handle)
            assert torch.allclose(asked, way, atol=0.11)
    crossed = people_case(PEOPLE_SPECS[1], PEOPLE_TUNING_SEEDS)
    assert dict(crossed.tags)["crossed"] == "yes"


def numbers_of(frames: torch.Tensor) -> dict[str, float]:
    copy = drag_numbers(truth(), case().source, case().source, 0.0)["inside_psnr_db"]
    return drag_numbers(truth(), case().source, frames, copy)


def test_answers() -> None:
    assert numbers_of(truth().frames)["answer"] == 1
    assert numbers_of(case().source)["answer"] == 0
    blinking = truth().frames.clone()
    blinking[2] = case().source[2]
    assert bool(truth().judged[2].all()) and numbers_of(blinking)["answer"] == 0
    faint = truth().frames * 0.2 + case().source * 0.8
    assert numbers_of(faint)["answer"] < 1


def test_an_answer_needs_closeness_as_well_as_the_way() -> None:
    way = {"progress": 1.0, "progress_lowest": 1.0}
    tips = tip_gains(truth(), case().source, truth().frames)
    assert tips.shape == truth().seen.shape and float(tips[truth().seen].min()) > 10
    assert answer(truth(), truth().frames, 6.0, way, tips) == 1
    assert answer(truth(), truth().frames, 1.0, way, tips) == 0.5
    assert answer(truth(), truth().frames, -1.0, way, tips) == 0


@pytest.mark.parametrize(
    ("known", "level", "agrees"),
    [(1, 2, 1.0), (1, 1, 0.0), (0, 0, 1.0), (0, 1, 1.0), (0, 2, 0.0), (0.5, 2, None), (None, 2, None)],
)
def test_when_a_verdict_is_right(known: float | None, level: float, agrees: float | None) -> None:
    assert agreement({"answer": known, "level": level}) == agrees


def test_tables_add_up() -> None:
    cases = list(people_cases(PEOPLE_SPECS[:2], PEOPLE_TUNING_SEEDS))
    found = {row: {} for row in ROWS}
    for k, one in enumerate(cases):
        for row, inside in zip(ROWS, (15.0, 20.0 + k, 21.0 + 2 * k)):
            found[row][one.name] = {
                "inside_psnr_db": inside, "progress": 0.5 + 0.4 * k, "answer": float(k), "level": 2.0,
                "folded_share": 0.01 * k, "seconds": 4.0,
            }  # fmt: skip
    value = people_value(found, cases)
    assert value["n"] == 2 and value["inside_psnr_db"] == 22 and value["warp_db"] == 20.5 and value["copy_db"] == 15
    assert value["progress_median"] == pytest.approx(0.7) and value["folded_share"] == pytest.approx(0.005)
    assert value["verdict_right"] == 0.5 and value["verdict_counted"] == 2
    assert value["kinds"]["part: nose"]["n"] == 1 and value["kinds"]["part: nose"]["inside_psnr_db"] == 21
    assert people_shown(found)[0] == ("worst (+6.0 dB, good)", cases[0].name)
    text = people_markdown(value)
    assert "| all | 2 | 15.0 | 20.50 | 22.00 | 70% |" in text and "right on 50.0% of the 2 drags" in text


def test_command_writes_the_section_alone(tmp_path: Path) -> None:
    """One drag by the warm start alone; what was measured before stays, and a second run does nothing anew."""
    before = {"note": "as it was", "rows": {"copy": {"title": "copy", "n": 1}}}
    (tmp_path / "results.json").write_text(json.dumps(before), encoding="utf-8")
    arguments = [
        "--quick", "--tune", "--sections", "people", "--people", "1", "--workers", "1", "--out", str(tmp_path),
        "--work", str(tmp_path / "work"), "--settings", '{"drag": {"iterations": 0}}',
    ]  # fmt: skip
    assert command.main(arguments) == 0
    first = (tmp_path / "results.json").read_text(encoding="utf-8")
    value = json.loads(first)
    assert value["note"] == "as it was" and value["rows"] == before["rows"]
    people = value["people"]
    assert people["n"] == 1 and people["inside_psnr_db"] > people["copy_db"] + 3
    assert people["progress_median"] > 0.7 and people["verdict_right_all_rows"] == 1
    assert math.isfinite(people["seconds"]) and (tmp_path / "people.png").is_file()
    assert "## As people drag" in (tmp_path / "results.md").read_text(encoding="utf-8")
    assert command.main(arguments) == 0
    assert (tmp_path / "results.json").read_text(encoding="utf-8") == first
    assert np.isfinite(people["folded_share"])
