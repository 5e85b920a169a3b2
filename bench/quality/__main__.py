"""Does it really drag? The benchmark with known answers.

    python dev.py bench quality                     all rows; about an hour and a half on two idle cores
    python dev.py bench quality --quick             fewer cases and rows; about six minutes there

writes results.json, results.md, cases.json (every drag) and sheets (cases.png, people.png, real.png). What is finished
is kept in output/bench/quality, so the same command goes on where it was broken off. `--sections people` does one part
anew and leaves the others' tables as they are: `drags` (the rows), `people` (a handle and a target, nothing else),
`real` (clips of `--clips` with true masks, joints and edits; strips of them stay in output/bench/quality/real). Scenes
are held out from training and from every choice of a setting; `--tune` takes others, to choose settings by: `--tune
--rows ours choices`.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.files import atomic_path
from dragavideo_core.results import draw

from .cases import SPECS, TEST_SEEDS, TUNING_SEEDS, Case, CaseSpec, rendered_cases, spread
from .people import ROWS, people_shown, people_value, run_people
from .people_cases import PEOPLE_SEEDS, PEOPLE_SPECS, PEOPLE_TUNING_SEEDS, people_cases
from .real import real_cases
from .real_edits import real_value
from .rows import Row, chosen
from .sheets import SHOWN, contact_sheet, rendered_sheet
from .store import Store
from .tables import EMPTY, markdown, results_value
from .work import Job, Model, Results, run_jobs

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
WORK = ROOT / "output" / "bench" / "quality"
CLIPS = (ROOT.parent / "shared" / "clips", ROOT.parent / "shared" / "real")
SECTIONS = ("drags", "people", "real")
_REAL_ROWS = ("copy", "codec", "reconstruct", "warp_inpaint", "image_drag", "ours")
_ABLATIONS = ("parts", "paper")
_QUICK_PARTS = ("no_iterations", "single_handle", "no_temporal")


@dataclass(frozen=True)
class Plan:
    """How much is done: numbers of cases."""

    main: int
    parts: int
    paper: int
    real: bool = True
    people: int = len(PEOPLE_SPECS)


FULL = Plan(main=len(SPECS), parts=4, paper=6)
QUICK = Plan(main=7, parts=3, paper=0, real=False, people=6)


def specs_of(plan: Plan) -> tuple[CaseSpec, ...]:
    """The main rows' specifications; a quick run takes short clips only."""
    return SPECS if plan.main >= len(SPECS) else spread(plan.main)


def jobs_of(plan: Plan, cases: Sequence[tuple[CaseSpec, Case]], rows: Sequence[Row]) -> list[Job]:
    """Every case with its rows: the main ones on all, ablations on evenly spaced clips of eight frames."""
    specs = tuple(spec for spec, _ in cases)
    parts, paper = spread(plan.parts, specs), spread(plan.paper, specs)
    of_group = {
        "main": specs,
        "parts": parts,
        "choices": parts,
        "paper": paper,
        "details": paper,
        "presets": paper,
        "savings": paper,
    }
    subsets = {group: set(of) for group, of in of_group.items()}
    return [Job(case, tuple(row for row in rows if spec in subsets[row.group])) for spec, case in cases]


def rows_of(plan: Plan, names: Sequence[str]) -> tuple[Row, ...]:
    """The rows asked for, else all of a full run, or those of a quick one."""
    if names:
        return chosen(tuple(names))
    return chosen(("main", "parts", "paper")) if plan is FULL else chosen(("main", *_QUICK_PARTS))


def options_of(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="dev.py bench quality", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="about six minutes on two idle cores")
    parser.add_argument("--out", type=Path, help="where the tables go (default: bench/quality; --quick: output/...)")
    parser.add_argument("--work", type=Path, default=WORK, help="where finished pairs are kept")
    parser.add_argument(
        "--clips", type=Path, nargs="+", default=CLIPS, help="folders of real clips; those missing are left out"
    )
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=SECTIONS, help="what is measured anew")
    parser.add_argument("--people", type=int, help="how many drags as people make them (default: all; quick: 6)")
    parser.add_argument(
        "--rows",
        nargs="+",
        default=[],
        help="only these rows or groups (main, parts, choices, paper, details, presets, savings)",
    )
    parser.add_argument("--cases", type=int, help="how many rendered cases (default: all; quick: 7)")
    parser.add_argument("--subset", type=int, help="on how many of them the ablations run")
    parser.add_argument("--tune", action="store_true", help="other scenes, to choose settings by")
    parser.add_argument("--no-real", action="store_true", help="leave the real clips out")
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--device", default="cpu", help="cpu gives the same numbers everywhere")
    parser.add_argument("--settings", type=json.loads, default={}, help="JSON of settings that replace the preset's")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1), help="processes of one thread each")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing, then write the tables and sheets."""
    options = options_of(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    try:
        write_all(options)
    except (DragAVideoError, ValueError) as error:
        log.error("%s", error)
        return 1
    return 0


def plan_of(options: argparse.Namespace) -> Plan:
    """The plan of the command line."""
    plan = QUICK if options.quick else FULL
    main = options.cases or plan.main
    kept = {name: getattr(plan, name) if options.subset is None else options.subset for name in _ABLATIONS}
    people = plan.people if options.people is None else options.people
    return Plan(main, **kept, real=plan.real and not options.no_real, people=people)


def write_all(options: argparse.Namespace) -> None:
    """The whole benchmark, or the sections of it that are asked for."""
    plan = plan_of(options)
    out = options.out or (WORK / "quick" if options.quick else HERE)
    rows = rows_of(QUICK if options.quick else FULL, options.rows)
    model, store = Model(options.model, options.device, tuple(options.settings.items())), Store(options.work)
    sections = ("drags",) if options.rows else tuple(options.sections)
    value = EMPTY | _before(out / "results.json")
    if "drags" in sections:
        value |= drags_section(plan, options, rows, model, store, out)
    if "people" in sections and plan.people:
        value["people"] = people_section(plan, options, model, store, out)
    if "real" in sections and plan.real:
        value["real"] = real_value(model, options.clips, options.work / "real")
    write_text(out / "results.json", json.dumps(value, indent=1) + "\n")
    write_text(out / "results.md", markdown(value, rows))
    log.info("%s", markdown(value, rows))
    log.info("Written to %s", out)


def write_text(path: Path, text: str) -> None:
    """Whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _before(path: Path) -> dict[str, Any]:
    """What was measured before; nothing where there is no such file."""
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value


def drags_section(
    plan: Plan, options: argparse.Namespace, rows: Sequence[Row], model: Model, store: Store, out: Path
) -> dict[str, Any]:
    """Every row of the tables on the rendered drags and on real clips; writes cases.json and the sheets."""
    specs = specs_of(plan)
    rendered = list(rendered_cases(specs, TUNING_SEEDS if options.tune else TEST_SEEDS))
    jobs = jobs_of(plan, list(zip(specs, rendered)), rows)
    if plan.real:
        real_rows = tuple(row for row in rows if row.name in _REAL_ROWS)
        jobs += [Job(case, real_rows) for case in real_cases(options.clips)]
    results, keys = run_jobs(model, jobs, store, options.workers)
    cases = {job.case.name: job.case for job in jobs}
    note = note_of(plan, options)
    value = results_value(results, list(cases.values()), rows, {"note": note, "model": options.model})
    per_case = ",\n".join(f"{json.dumps(case)}: {json.dumps(found)}" for case, found in value.pop("cases").items())
    write_text(out / "cases.json", "{" + per_case + "}\n")
    write_sheets(cases, keys, store, results, out)
    return value


def people_section(plan: Plan, options: argparse.Namespace, model: Model, store: Store, out: Path) -> dict[str, Any]:
    """Drags as people make them; writes people.png."""
    count = min(plan.people, len(PEOPLE_SPECS))
    specs = [PEOPLE_SPECS[i * len(PEOPLE_SPECS) // count] for i in range(count)]
    cases = list(people_cases(specs, PEOPLE_TUNING_SEEDS if options.tune else PEOPLE_SEEDS))
    found, keys = run_people(model, cases, store, options.workers)
    by_name = {case.name: case for case in cases}

    def thumbnails(row: str, case: str) -> Tensor | None:
        return store.thumbnails(row, by_name[case], keys[case])

    blocks = [(label, by_name[name]) for label, name in people_shown(found)]
    draw.save_png(out / "people.png", contact_sheet(blocks, tuple(ROWS)[1:], thumbnails))
    return people_value(found, cases)


def note_of(plan: Plan, options: argparse.Namespace) -> str:
    """How the numbers came about, for whoever reads the tables."""
    command = " ".join(["python dev.py bench quality", *(["--quick"] if options.quick else [])])
    return (
        f"{plan.main} held-out rendered drags, one a clip (`{command}`); ablations on {plan.parts} of them, the "
        f"paper's on {plan.paper}. In brackets the mean's 95 % bootstrap interval over clips. Way: share of the way to "
        "the target, by a detector trained for that alone. Inside: to the true edit, where it differs from the input. "
        "Outside: to the input, before compositing. Smoothness (the paper's, px, lower is smoother): before "
        "compositing; inside: of the finished clip, where the edit is. Lengths are px of a picture 128 px wide."
    )


def write_sheets(
    cases: Mapping[str, Case], keys: Mapping[str, Mapping[str, str]], store: Store, results: Results, out: Path
) -> None:
    """cases.png and real.png, from the kept thumbnails."""

    def thumbnails(row: str, case: str) -> Tensor | None:
        key = keys[case].get(row)
        return None if key is None else store.thumbnails(row, cases[case], key)

    rendered = {name: case for name, case in cases.items() if case.truth is not None}
    sheet = rendered_sheet(rendered, results, thumbnails)
    if sheet is not None:
        draw.save_png(out / "cases.png", sheet)
    real = [(name, case) for name, case in cases.items() if case.truth is None]
    if real:
        draw.save_png(out / "real.png", contact_sheet(real, SHOWN, thumbnails))


if __name__ == "__main__":
    sys.exit(main())
