"""Drags as people make them, measured: copy, the warp alone, and ours, and what the verdict said of each.

One `drag_clip` a case gives all three rows. Whether a verdict was right is held against the known answer:

    wrong   farther from the true edit than the input; or less than 60 % of the way and, round the tip's true place, not
            2 dB closer to the true edit than the input; or so in a single frame
    right   at least 3 dB closer than the input, and 80 % of the way (no frame below 60 %) or 5 dB closer round the tip

"Good" is right of right drags, "failed" and "doubtful" of wrong ones. What is neither (it came half-way, or is only a
little closer) proves nobody wrong and does not count; how many do is told.
"""

from __future__ import annotations

import logging
import math
import multiprocessing
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dragavideo_core.model.drag_model import DragModel
from dragavideo_core.pipeline import drag_clip
from dragavideo_core.results import verdict
from dragavideo_core.results.measure import set_centres
from dragavideo_core.results.result import DragResult
from dragavideo_core.settings import Preset
from dragavideo_core.storage import fingerprint
from training.scene import UNIT_SIZE

from .cases import Case
from .measures import to_true_edit, way_to_target
from .statistics import finite, tenth
from .store import VERDICT_FILES, Numbers, Store, bare, case_key, model_key, pair_key
from .truth import Truth, find_parts
from .work import Model, begin_worker, model_here

log = logging.getLogger(__name__)

ROWS = {"people_copy": "copy of the input", "people_warp": "the warp alone", "people_ours": "ours"}
LEVELS = ("failed", "doubtful", "good")
_TIP_PX = 7.0
"""Radius round the tip's true place, px at 128: clicks are up to 3 px off."""
_GROUPED = ("part", "direction", "length", "pairs", "crossed")
_CODE = (Path(__file__), *(Path(verdict.__file__).with_name(name) for name in VERDICT_FILES))
"""What the numbers of a case depend on, beside the method."""
Found = dict[str, dict[str, Numbers]]
"""row -> case -> numbers."""


def run_people(model: Model, cases: Sequence[Case], store: Store, workers: int = 2) -> tuple[Found, dict[str, str]]:
    """Do what is missing, and give all numbers and each case's key in the store."""
    loaded, preset = model.load()
    code = [bare(path.read_text(encoding="utf-8")) for path in _CODE]
    of_model = fingerprint(model_key(loaded), code)
    keys = {case.name: pair_key(of_model, "people", case_key(case), preset) for case in cases}
    missing = [case for case in cases if _kept(store, case, keys[case.name]) is None]
    log.info("%d drags as people make them to do of %d", len(missing), len(cases))
    begin = time.perf_counter()
    tasks = [(case, keys[case.name], store) for case in missing]
    if workers <= 1 or len(tasks) <= 1:
        for case, key, _ in tasks:
            run_case(loaded, preset, case, key, store)
    else:
        del loaded
        with multiprocessing.get_context("spawn").Pool(workers, begin_worker, (model,)) as pool:
            for name in pool.imap_unordered(_work, tasks):
                log.info("done: %s (%.0f s)", name, time.perf_counter() - begin)
    found: Found = {row: {} for row in ROWS}
    for case in cases:
        for row, numbers in (_kept(store, case, keys[case.name]) or {}).items():
            found[row][case.name] = numbers
    return found, keys


def _kept(store: Store, case: Case, key: str) -> dict[str, Numbers] | None:
    rows = {row: store.recall(row, case, key) for row in ROWS}
    return None if None in rows.values() else {row: numbers for row, numbers in rows.items() if numbers is not None}


def _work(task: tuple[Case, str, Store]) -> str:
    case, key, store = task
    run_case(*model_here(), case, key, store)
    return case.name


def run_case(model: DragModel, preset: Preset, case: Case, key: str, store: Store) -> None:
    """Drag a case, measure its three rows and keep them."""
    truth = case.truth
    if truth is None:
        raise ValueError(f"{case.name} has no true edit.")
    clip = case.clip(preset.size)
    begin = time.perf_counter()
    result = drag_clip(model, clip, case.instruction, preset=preset)
    seconds = time.perf_counter() - begin
    warp = result.point_sets.warp
    warped, folded = (case.source, 0.0) if warp is None else (warp.frames, float(warp.folded))
    rows = {"people_copy": case.source, "people_warp": warped, "people_ours": result.frames}
    copy_db = to_true_edit(truth, case.source)["inside_psnr_db"]
    for row, frames in rows.items():
        numbers = drag_numbers(truth, case.source, frames, copy_db) | judged(case, result, frames, row == "people_ours")
        numbers |= {"seconds": seconds if row == "people_ours" else math.nan, "folded_share": folded}
        store.keep(row, case, key, numbers, frames)


def drag_numbers(truth: Truth, source: Tensor, frames: Tensor, copy_db: float) -> dict[str, float]:
    """Way, closeness to the true edit, and the answer: 1 right, 0 wrong, 0.5 neither."""
    way = way_to_target(truth, frames)
    inside = to_true_edit(truth, frames)["inside_psnr_db"]
    tips = tip_gains(truth, source, frames)
    return way | {
        "inside_psnr_db": inside,
        "tip_gain_db": _worst_pair(tips, truth),
        "answer": answer(truth, frames, inside - copy_db, way, tips),
    }


def tip_gains(truth: Truth, source: Tensor, frames: Tensor) -> Tensor:
    """[N, P] dB by which frames are closer to the true edit than the source is, round each tip's true place."""
    height, width = source.shape[1:3]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    at = (truth.starts + truth.ways)[..., None, None, :]
    near = (torch.stack([columns, rows], -1) - at).norm(dim=-1) <= _TIP_PX * width / UNIT_SIZE
    errors = [
        ((clip - truth.frames).square().mean(-1)[:, None] * near).sum((2, 3)) / near.sum((2, 3)).clamp_min(1) + 1e-5
        for clip in (source, frames)
    ]
    return 10 * (errors[0] / errors[1]).log10()


def _worst_pair(tips: Tensor, truth: Truth) -> float:
    shown = [tips[truth.seen[:, p], p] for p in range(tips.shape[1])]
    return min(float(gains.median()) for gains in shown if len(gains))


def answer(truth: Truth, frames: Tensor, gain: float, way: Mapping[str, float], tips: Tensor) -> float:
    """Whether a drag came out right, as this file's first lines say."""
    tip = _worst_pair(tips, truth)
    at, sure = find_parts(frames, truth.parts, truth.starts, truth.ways)
    share = ((at - truth.starts) * truth.ways).sum(-1) / truth.ways.square().sum(-1)
    still = (torch.where(sure, share, torch.zeros_like(share)) < 0.6) & (tips < 2) & truth.judged
    if gain < 0 or (way["progress"] < 0.6 and tip < 2) or bool(still.any()):
        return 0.0
    there = way["progress"] >= 0.8 and way["progress_lowest"] >= 0.6
    return 1.0 if gain >= 3 and (there or tip >= 5) else 0.5


def judged(case: Case, result: DragResult, frames: Tensor, ours: bool) -> dict[str, float]:
    """What the verdict says of a row: its level, 0 failed to 2 good, and the share of frames with every part there."""
    sets = result.point_sets
    said = verdict.judge(
        case.source,
        frames,
        set_centres(sets.handles),
        set_centres(sets.targets),
        set_centres(sets.visible),
        objects=sets.objects,
        confidence=sets.confidence,
        warped=sets.warp if ours else None,
    )
    return {
        "level": float(LEVELS.index(said.level)),
        "arrived": float(said.arrived.all(1).float().mean()),
    }


def people_shown(found: Found) -> list[tuple[str, str]]:
    """(rule, case) for the sheet: the worst, the median and the best two drags by what is gained on the input."""
    gains = {
        name: float(numbers["inside_psnr_db"] or 0) - float(found["people_copy"][name]["inside_psnr_db"] or 0)
        for name, numbers in found["people_ours"].items()
    }
    order = sorted(gains, key=lambda name: (gains[name], name))
    middle = len(order) // 2
    places = {"worst": (0, 1), "median": (middle - 1, middle), "best": (len(order) - 2, len(order) - 1)}
    return [
        (
            f"{rule} ({gains[order[at]]:+.1f} dB, {LEVELS[int(found['people_ours'][order[at]]['level'] or 0)]})",
            order[at],
        )
        for rule, pair in places.items()
        for at in pair
        if 0 <= at < len(order)
    ]


# -- tables --------------------------------------------------------------------------------------------------------


def people_value(found: Found, cases: Sequence[Case]) -> dict[str, Any]:
    """results.json's `people`: ours, with the warp and the copy beside it, and the same per kind of drag."""
    names = [case.name for case in cases if case.name in found["people_ours"]]
    tags = {case.name: dict(case.tags) for case in cases}
    kinds: dict[str, Any] = {}
    for tag in _GROUPED:
        for kind in sorted({str(tags[name][tag]) for name in names}):
            of_kind = [name for name in names if str(tags[name][tag]) == kind]
            kinds[f"{tag}: {kind}"] = {"n": len(of_kind), **_summary(found, of_kind)}
    return {"n": len(names), **_summary(found, names), "kinds": kinds}


def _summary(found: Found, names: Sequence[str]) -> dict[str, float]:
    def of(row: str, name: str) -> list[float]:
        return finite([found[row][case].get(name) for case in names])

    def mean(values: Sequence[float]) -> float:
        return float(np.mean(values)) if values else math.nan

    way = of("people_ours", "progress")
    every = [agreement(found[row][case]) for row in ROWS for case in names]
    ours = [agreement(found["people_ours"][case]) for case in names]
    return {
        "inside_psnr_db": mean(of("people_ours", "inside_psnr_db")),
        "warp_db": mean(of("people_warp", "inside_psnr_db")),
        "copy_db": mean(of("people_copy", "inside_psnr_db")),
        "progress_median": float(np.median(way)) if way else math.nan,
        "progress_p10": float(tenth(np.asarray(way))) if way else math.nan,
        "warp_progress_median": float(np.median(of("people_warp", "progress"))) if names else math.nan,
        "folded_share": mean(of("people_ours", "folded_share")),
        "right": mean([float(found["people_ours"][case].get("answer") == 1) for case in names]),
        "verdict_right": mean(finite(ours)),
        "verdict_counted": float(len(finite(ours))),
        "verdict_right_all_rows": mean(finite(every)),
        "seconds": mean(of("people_ours", "seconds")),
    }


def agreement(numbers: Numbers) -> float | None:
    """1 where the verdict agrees with the answer, 0 where it does not, None where the answer is neither."""
    known, level = numbers.get("answer"), numbers.get("level")
    if known is None or level is None or known == 0.5:
        return None
    return float((known == 1) == (level == LEVELS.index("good")))


def people_markdown(value: Mapping[str, Any]) -> str:
    """The section of results.md."""
    head = ("drags", "n", "copy, dB", "warp", "ours", "way, median", "nine of ten", "of the warp", "verdict right")
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for name, row in (("all", value), *value["kinds"].items()):
        numbers = (
            f"{row['copy_db']:.1f}", f"{row['warp_db']:.2f}", f"{row['inside_psnr_db']:.2f}",
            f"{row['progress_median']:.0%}", f"{row['progress_p10']:.0%}", f"{row['warp_progress_median']:.0%}",
            f"{row['verdict_right']:.0%} of {row['verdict_counted']:.0f}" if row["verdict_counted"] else "",
        )  # fmt: skip
        lines.append(f"| {name} | {row['n']} | {' | '.join(numbers)} |")
    told = (
        f"{value['n']} rendered drags of four frames, a handle and a target each and nothing else, clicked up to 3 px "
        f"off. Inside: PSNR where the true edit differs from the input. Folded: {value['folded_share']:.2%} of what "
        f"the warp moves. The verdict was right on {value['verdict_right']:.1%} of the "
        f"{value['verdict_counted']:.0f} drags that came out clearly right or wrong ({value['right']:.0%} of all came "
        f"out right), and on {value['verdict_right_all_rows']:.1%} with the copies and the warps counted in. "
        f"{value['seconds']:.1f} s a drag.\n"
    )
    return told + "\n" + "\n".join(lines) + "\n"
