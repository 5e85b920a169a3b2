"""The benchmark: its tables say what its functions give, a broken-off run goes on, its cases are what they claim."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.quality import __main__ as command
from bench.quality import rows as rows_module
from bench.quality import work
from bench.quality.cases import SPECS, TUNING_SEEDS, CaseSpec, Move, rendered_case, spread
from bench.quality.measures import smoothness_inside, ssim, way_to_target
from bench.quality.rows import ROWS, Row, chosen, timed
from bench.quality.sheets import chosen_cases, rendered_sheet
from bench.quality.statistics import bootstrap, summarise
from bench.quality.store import Store, case_key, code_key, pair_key
from bench.quality.tables import EMPTY, markdown
from dragavideo_core.model.loading import load_model
from dragavideo_core.results import measure
from dragavideo_core.settings import PAPER, override

SPEC = CaseSpec((Move("nose", "out", 10),), frames=3)
TWO = ["copy", "warp_inpaint"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(out, work) of a tiny run of the command: two rows on two clips of three frames."""
    folder = tmp_path_factory.mktemp("bench")
    out, kept = folder / "out", folder / "work"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "specs_of", lambda plan: (SPEC, CaseSpec((Move("tail", "out", 8),), frames=3)))
        assert command.main(arguments(out, kept)) == 0
    return out, kept


def arguments(out: Path, kept: Path) -> list[str]:
    places = ["--out", str(out), "--work", str(kept)]
    return ["--quick", "--tune", "--no-real", "--workers", "1", "--rows", *TWO, *places]


def test_two_rows_recomputed(run: tuple[Path, Path]) -> None:
    """The command's numbers, from the definitions: dB to the true edit inside, and to the input outside."""
    value = json.loads((run[0] / "results.json").read_text(encoding="utf-8"))
    found = json.loads((run[0] / "cases.json").read_text(encoding="utf-8"))
    model = load_model("bundled", device="cpu")
    specs = (SPEC, CaseSpec((Move("tail", "out", 8),), frames=3))
    cases = [rendered_case(spec, TUNING_SEEDS + i * 1000) for i, spec in enumerate(specs)]
    for row in chosen(tuple(TWO)):
        inside = []
        for case in cases:
            assert case.truth is not None
            edit = timed(row, model, case, case.clip(model.preset.size), model.preset)
            squares = (edit.frames - case.truth.frames).double()[case.truth.inside].square()
            inside.append(-10 * math.log10(float(squares.mean())))
            numbers = found[case.name][row.name]
            assert numbers["inside_psnr_db"] == pytest.approx(inside[-1], abs=1e-4)
            assert numbers["progress"] == pytest.approx(way_to_target(case.truth, edit.frames)["progress"], abs=1e-5)
        assert value["rows"][row.name]["n"] == 2
        assert value["rows"][row.name]["inside_psnr_db"] == pytest.approx(float(np.mean(inside)), abs=1e-4)
    assert value["rows"]["copy"]["outside_psnr_db"] == 99.0
    assert abs(value["rows"]["copy"]["progress_median"]) < 0.1
    warp, copy = value["rows"]["warp_inpaint"], value["rows"]["copy"]
    assert warp["progress_median"] > 0.6 and warp["inside_psnr_db"] > copy["inside_psnr_db"]
    text = (run[0] / "results.md").read_text(encoding="utf-8")
    assert f"| {warp['title']} | 2 | {warp['progress_median']:.0%} (" in text


def test_what_is_done_is_not_done_again(
    run: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, kept = run
    monkeypatch.setattr(command, "specs_of", lambda plan: (SPEC, CaseSpec((Move("tail", "out", 8),), frames=3)))

    def fail(*arguments: object) -> None:
        raise AssertionError("done again")

    with monkeypatch.context() as patch:
        patch.setattr(work, "timed", fail)
        patch.setattr(work.measures, "propagation_measures", fail)
        assert command.main(arguments(tmp_path / "again", kept)) == 0
    assert (tmp_path / "again" / "results.json").read_bytes() == (out / "results.json").read_bytes()

    done: list[str] = []

    def note(row: Row, *rest: object) -> object:
        done.append(row.name)
        return timed(row, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(work, "timed", note)
    next(kept.rglob("warp_inpaint.*.json")).unlink()  # as if broken off there
    assert command.main(arguments(tmp_path / "more", kept)) == 0
    assert done == ["warp_inpaint"]


def test_pairs_are_kept_by_all_they_depend_on() -> None:
    ours, preset = next(row for row in ROWS if row.name == "ours"), PAPER
    case = rendered_case(SPEC, TUNING_SEEDS)
    other = replace(case, instruction=replace(case.instruction, mask_points=()))
    keys = [
        pair_key("model", ours, case_key(case), preset),
        pair_key("other model", ours, case_key(case), preset),
        pair_key("model", ours, case_key(other), preset),
        pair_key("model", ours, case_key(case), override(preset, {"drag": {"warm_start": "puppet"}})),
        pair_key("model", replace(ours, options={"objects": "true"}), case_key(case), preset),
        pair_key("model", replace(ours, run=rows_module.copy_input), case_key(case), preset),
    ]
    assert len(set(keys)) == len(keys)
    assert pair_key("model", ours, case_key(rendered_case(SPEC, TUNING_SEEDS)), preset) == keys[0]


def test_cases_are_held_out_and_what_they_say() -> None:
    assert len(SPECS) >= 40 and len({spec.name for spec in SPECS}) == len(SPECS)
    assert {spec.size for spec in SPECS} == {128, 256} and all(8 <= spec.frames <= 16 for spec in SPECS)
    moves = [move for spec in SPECS for move in spec.moves]
    assert {move.part for move in moves} == {"nose", "ear", "tail", "front_foot"}
    assert {move.direction for move in moves} == {"out", "in", "side"}
    assert sum(move.length >= 20 for move in moves) >= 10 and sum(len(spec.moves) > 1 for spec in SPECS) >= 5
    case = rendered_case(CaseSpec((Move("ear", "out", 12),), frames=8, size=256, mask="painted", pins=2), TUNING_SEEDS)
    again = rendered_case(CaseSpec((Move("ear", "out", 12),), frames=8, size=256, mask="painted", pins=2), TUNING_SEEDS)
    assert torch.equal(case.source, again.source) and case.instruction == again.instruction
    assert case.truth is not None and case.mask is not None
    pair = case.instruction.pairs[0]
    way = torch.tensor(pair.target) - torch.tensor(pair.handle)
    assert float(way.norm()) == pytest.approx(24, abs=0.3)
    assert float((torch.tensor(pair.handle) - case.truth.starts[0, 0]).norm()) < 8
    # The true edit differs from the source there and nowhere else.
    differs = (case.source != case.truth.frames).any(-1)
    assert differs.any() and not (differs & ~case.truth.inside).any()
    assert bool(case.mask[tuple(round(v) for v in reversed(pair.handle))])
    assert measure.psnr(case.source, case.truth.frames, case.truth.inside) < 25


def test_a_part_that_is_gone_has_not_moved() -> None:
    truth = rendered_case(SPEC, TUNING_SEEDS).truth
    assert truth is not None
    there = way_to_target(truth, truth.frames)
    assert there["progress"] == pytest.approx(1, abs=0.1) and there["found"] == 1
    gone = way_to_target(truth, torch.full_like(truth.frames, 0.6))
    assert gone["found"] < 0.5 and abs(gone["progress"]) < 0.6


def test_measures_by_hand() -> None:
    picture = np.random.default_rng(0).random((32, 32, 3)).astype(np.float32)
    assert ssim(picture, picture).min() == pytest.approx(1)
    assert ssim(picture, 1 - picture).mean() < 0
    still = torch.from_numpy(picture).repeat(4, 1, 1, 1)
    assert smoothness_inside(still, still, torch.ones(4, 32, 32, dtype=torch.bool)) == pytest.approx(0, abs=1e-3)


def test_statistics() -> None:
    low, high = bootstrap([1.0, 2.0, 3.0, 4.0, 5.0])
    assert 1 < low < 3 < high < 5
    assert bootstrap([2.0, 2.0, 2.0]) == (2.0, 2.0)
    row = summarise([{"progress": p, "seconds": None} for p in (0.0, 0.5, 0.7, 0.9, 1.0)])
    assert row["progress_median"] == 0.7 and row["progress_at_least_60"] == pytest.approx(0.6)
    assert row["progress_p10"] == pytest.approx(0.2) and "seconds" not in row


def test_every_row_is_possible() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    for row in ROWS:
        preset = row.preset(PAPER)
        assert max(preset.drag.steps) <= preset.inversion_steps, row.name
    image = next(row for row in ROWS if row.name == "image_drag").preset(PAPER)
    assert image.propagation.set_side == 1 and image.drag.frame_fusion == 0 and not image.tracker.shared
    paper = next(row for row in ROWS if row.name == "paper_full_chain").preset(
        override(PAPER, {"lora": {"iterations": 0}})
    )
    assert paper.drag == PAPER.drag and paper.tracker == PAPER.tracker and paper.propagation == PAPER.propagation
    with pytest.raises(ValueError, match="no row or group 'x'"):
        chosen(("x",))
    assert rows_module.ROWS[0].needs_truth


def test_subsets_and_sheet_cases() -> None:
    assert len(spread(7)) == 7 and all(spec.frames == 8 for spec in spread(7))
    ours = {"a": {"progress": 0.5, "inside_psnr_db": 20.0}, "b": {"progress": 1.0, "inside_psnr_db": 20.0}}
    results = {"ours": ours, "warp_inpaint": {"a": {"inside_psnr_db": 19.0}, "b": {"inside_psnr_db": 22.0}}}
    picked = dict(chosen_cases(results))
    assert picked["worst way (0.50)"] == "a" and picked["worst inside, against warp (-2.00)"] == "b"


def test_sheet_shows_the_chosen_cases_and_what_was_run() -> None:
    case = rendered_case(SPEC, TUNING_SEEDS)
    results = {"ours": {case.name: {"progress": 0.5, "inside_psnr_db": 20.0}}}
    grey = torch.full((3, 128, 128, 3), 0.25)
    with_ours = rendered_sheet({case.name: case}, results, lambda row, name: grey if row == "ours" else None)
    without = rendered_sheet({case.name: case}, results, lambda row, name: None)
    assert with_ours is not None and without is not None and with_ours.shape[0] > without.shape[0] + 100
    assert float(((with_ours - 0.25).abs() < 0.01).float().mean()) > 0.1
    assert rendered_sheet({}, {}, lambda row, name: None) is None


def test_code_key_ignores_words() -> None:
    assert code_key() == code_key() and len(code_key()) == 32


def test_store_keeps_whole_pairs(tmp_path: Path) -> None:
    case, store = rendered_case(SPEC, TUNING_SEEDS), Store(tmp_path)
    assert store.recall("ours", case, "0") is None and store.thumbnails("ours", case, "0") is None
    store.keep("ours", case, "0", {"progress": 0.5, "undefined": math.nan}, case.source)
    assert store.recall("ours", case, "0") == {"progress": 0.5, "undefined": None}
    shown = store.thumbnails("ours", case, "0")
    assert shown is not None and shown.shape == (3, 128, 128, 3)
    assert float((shown[0] - case.source[0]).abs().max()) < 1 / 255
    store.path("ours", case, "1").write_text("{", encoding="utf-8")
    assert store.recall("ours", case, "1") is None


def test_an_empty_table_is_still_one() -> None:
    assert markdown(EMPTY, ROWS).startswith("# Benchmark")
