"""From finished pairs to results.json and its tables in Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .cases import Case
from .people import people_markdown
from .real_edits import real_markdown
from .rows import Row
from .statistics import bootstrap, differences, finite, summarise
from .work import POINTS, Results

BASES = {
    "parts": "ours",
    "choices": "ours",
    "paper": "paper",
    "details": "paper",
    "presets": "ours",
    "savings": "saving_none",
}
"""The row that each ablation group is compared with, case by case."""
_TITLES = {
    "parts": "What ours is made of",
    "choices": "Open choices",
    "paper": "The paper's settings, and what its ablations change",
    "details": "The paper's settings, other things changed",
    "presets": "The presets for Stable Diffusion 1.5, on this model",
    "savings": "What is saved, and what that changes",
}
_GROUPED = ("part", "direction", "length", "pairs", "size", "mask")
_COMPARED = ("progress", "inside_psnr_db", "outside_psnr_db", "smoothness_inside", "seconds")
_COLUMNS = (
    ("progress_median", "way, median", "{:.0%}"),
    ("progress_p10", "nine of ten reach", "{:.0%}"),
    ("distance_px", "to target, px", "{:.1f}"),
    ("distance_dift_px", "by DIFT, px", "{:.1f}"),
    ("inside_psnr_db", "inside, dB", "{:.1f}"),
    ("inside_ssim", "SSIM", "{:.3f}"),
    ("outside_psnr_db", "outside, dB", "{:.1f}"),
    ("smoothness", "smoothness", "{:.2f}"),
    ("smoothness_inside", "inside", "{:.2f}"),
    ("warp_error_inside", "warp error", "{:.2f}"),
    ("seconds", "s", "{:.0f}"),
    ("peak_memory_mb", "MB", "{:.0f}"),
)


EMPTY: dict[str, Any] = {
    "note": "", "aims": [], "rows": {}, "groups": {}, "propagation": {}, "compared": {}, "clips": {}
}  # fmt: skip
"""results.json before anything is measured."""


def results_value(
    results: Results, cases: Sequence[Case], rows: Sequence[Row], about: Mapping[str, Any]
) -> dict[str, Any]:
    """All that the tables say, as results.json has it."""
    rendered = {case.name for case in cases if case.truth is not None}
    real = {case.name for case in cases if case.truth is None}

    def only(row: str, names: Iterable[str]) -> dict[str, Any]:
        return {name: numbers for name, numbers in results.get(row, {}).items() if name in names}

    titles = {row.name: row.title for row in rows}
    value: dict[str, Any] = {
        **about,
        "rows": {
            name: {"title": title, **summarise(list(found.values()))}
            for name, title in titles.items()
            if (found := only(name, rendered))
        },
        "propagation": summarise(list(only(POINTS, rendered).values())),
        "compared": comparisons(results, rows, rendered),
        "groups": groups(results, cases),
        "clips": {
            case: {name: results[name][case] for name in titles if case in results.get(name, {})}
            for case in sorted(real)
        },
        "cases": {
            case: {name: results[name][case] for name in titles if case in results.get(name, {})}
            for case in sorted(rendered)
        },
    }
    value["aims"] = aims(value, {name: only(name, rendered) for name in results})
    return value


def comparisons(results: Results, rows: Sequence[Row], names: Iterable[str]) -> dict[str, Any]:
    """Every row against its base, case by case: mean difference and interval. Positive: the row has more."""
    kept = set(names)
    table: dict[str, Any] = {}
    for row in rows:
        base = BASES.get(row.group, "ours")
        if row.name in (base, "truth") or base not in results or row.name not in results:
            continue
        mine = {case: numbers for case, numbers in results[row.name].items() if case in kept}
        entry: dict[str, Any] = {"against": base}
        for measure in _COMPARED:
            found = list(differences(mine, results[base], measure).values())
            if found:
                entry["n"] = len(found)
                entry[measure] = sum(found) / len(found)
                entry[f"{measure}_ci95"] = list(bootstrap(found))
        table[row.name] = entry
    return table


def groups(results: Results, cases: Sequence[Case]) -> dict[str, Any]:
    """Ours and its rivals by kind of drag, and which of two wins inside the mask, by how many dB."""
    table: dict[str, Any] = {}
    tags = {case.name: dict(case.tags) for case in cases if case.truth is not None}
    for tag in _GROUPED:
        for kind in sorted({str(of[tag]) for of in tags.values() if tag in of}):
            names = [name for name, of in tags.items() if str(of.get(tag)) == kind and name in results.get("ours", {})]
            if not names:
                continue
            entry: dict[str, Any] = {"n": len(names)}
            ways = finite([results["ours"][name].get("progress") for name in names])
            if ways:
                entry["progress_median"] = float(np.median(ways))
                entry["progress_lowest"] = min(ways)
            for row in ("copy", "warp_inpaint", "image_drag", "ours"):
                found = finite([results.get(row, {}).get(name, {}).get("inside_psnr_db") for name in names])
                if found:
                    entry[f"inside_{row}_db"] = sum(found) / len(found)
            ours = {name: results["ours"][name] for name in names}
            gained = list(differences(ours, results.get("warp_inpaint", {}), "inside_psnr_db").values())
            entry["won_against_warp"] = sum(g > 0 for g in gained)
            table[f"{tag}: {kind}"] = entry
    return table


def aims(value: Mapping[str, Any], results: Results) -> list[dict[str, Any]]:
    """What was set out to be reached, what was, and whether."""
    rows, points = value["rows"], value["propagation"]

    def of(row: str, name: str) -> float:
        return float(rows.get(row, {}).get(name, math.nan))

    def gap(other: str, measure: str = "inside_psnr_db") -> float:
        found = list(differences(results.get("ours", {}), results.get(other, {}), measure).values())
        return sum(found) / len(found) if found else math.nan

    lengths = value["groups"]
    way = {
        kind: float(lengths.get(f"length: {kind}", {}).get("progress_median", math.nan)) for kind in ("short", "long")
    }
    ratio = of("image_drag", "smoothness_inside") / max(of("ours", "smoothness_inside"), 1e-9)
    list_of = (
        ("codec, dB", of("codec", "source_psnr_db"), 35.0),
        ("inversion and back, dB", of("reconstruct", "source_psnr_db"), 32.0),
        ("propagated tips within 2 px", float(points.get("tips_within_2px", math.nan)), 0.94),
        ("propagated tips, 0.7 px less the median error", 0.7 - float(points.get("tips_median_px", math.nan)), 0.0),
        ("way on the median drag", of("ours", "progress_median"), 0.85),
        ("way that nine of ten reach", of("ours", "progress_p10"), 0.6),
        ("outside before compositing, ours less reconstruction, dB", gap("reconstruct", "outside_psnr_db"), -0.5),
        ("inside, ours less copy, dB", gap("copy"), 3.0),
        ("inside, ours less image drag, dB", gap("image_drag"), 2.0),
        ("inside, ours less warp and inpaint, dB", gap("warp_inpaint"), 0.0),
        ("median way, long less short drags", way["long"] - way["short"], 0.0),
        ("smoothness inside, image drag to ours", ratio, 1.42 / 1.11),
    )
    return [
        {"aim": name, "measured": measured, "at_least": least, "reached": bool(measured >= least)}
        for name, measured, least in list_of
        if math.isfinite(measured)
    ]


# -- Markdown ------------------------------------------------------------------------------------------------------


def markdown(value: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """results.json as tables."""
    parts = [f"# Benchmark: does it really drag?\n\n{value['note']}\n"]
    parts.append("## Aims\n\n" + _aims_table(value["aims"]))
    parts.append("## Rows on every drag\n\n" + _rows_table(value["rows"], [r.name for r in rows if r.group == "main"]))
    parts.append("## By kind of drag\n\n" + _groups_table(value["groups"]))
    if value["propagation"].get("tips_median_px") is not None:
        parts.append("## Points\n\n" + _points_line(value["propagation"]))
    for group, title in _TITLES.items():
        names = [row.name for row in rows if row.group == group and row.name in value["rows"]]
        if names:
            parts.append(f"## {title}\n\n" + _ablation_table(value, names, BASES[group]))
    if value.get("people"):
        parts.append("## As people drag\n\n" + people_markdown(value["people"]))
    if value["clips"]:
        parts.append("## Real clips, where nobody knows the true edit\n\n" + _real_table(value["clips"]))
    if value.get("real"):
        parts.append("## Real clips with truth\n\n" + real_markdown(value["real"]))
    return "\n".join(parts)


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rule = "|".join("---" for _ in head)
    return "\n".join([f"| {' | '.join(head)} |", f"|{rule}|", *(f"| {' | '.join(line)} |" for line in lines)]) + "\n"


def _with_interval(entry: Mapping[str, Any], name: str, form: str) -> str:
    """The number and, in brackets, its interval."""
    if entry.get(name) is None:
        return ""
    text = form.format(entry[name])
    low, high = entry.get(f"{name}_ci95", (math.nan, math.nan))
    return text if math.isnan(low) else f"{text} ({form.format(low)} to {form.format(high)})"


def _aims_table(found: Sequence[Mapping[str, Any]]) -> str:
    lines = ([a["aim"], f"{a['measured']:.2f}", f"{a['at_least']:.2f}", "yes" if a["reached"] else "no"] for a in found)
    return _table(("aim", "measured", "at least", "reached"), lines)


def _rows_table(rows: Mapping[str, Any], names: Sequence[str]) -> str:
    head = ("row", "n", *(title for _, title, _ in _COLUMNS))
    lines = []
    for name in names:
        if name in rows:
            row = rows[name]
            cells = (_with_interval(row, column, form) for column, _, form in _COLUMNS)
            lines.append((row["title"], str(row["n"]), *cells))
    return _table(head, lines)


def _groups_table(found: Mapping[str, Any]) -> str:
    head = ("drags", "n", "way, median", "lowest", "copy, dB", "image drag", "warp", "ours", "ours beats warp")
    lines = []
    for name, entry in found.items():
        inside = (entry.get(f"inside_{row}_db") for row in ("copy", "image_drag", "warp_inpaint", "ours"))
        ways = (entry.get("progress_median"), entry.get("progress_lowest"))
        cells = [*(_form(v, "{:.0%}") for v in ways), *(_form(v, "{:.1f}") for v in inside)]
        lines.append((name, str(entry["n"]), *cells, f"{entry['won_against_warp']} of {entry['n']}"))
    return _table(head, lines)


def _form(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def _points_line(points: Mapping[str, Any]) -> str:
    return (
        f"{points['n']} clips. Tips clicked exactly: median {points['tips_median_px']:.2f} px off, "
        f"{points['tips_within_2px']:.1%} within 2 px; handles as clicked: "
        f"{points.get('handles_median_px', 0):.2f} px, {points.get('handles_within_2px', 0):.1%}. "
        f"Mask IoU {points['mask_iou']:.2f}; GrabCut against the creature {points['object_iou']:.2f}, worst frame "
        f"{points['object_iou_lowest']:.2f}.\n"
    )


def _ablation_table(value: Mapping[str, Any], names: Sequence[str], base: str) -> str:
    head = (
        "row",
        "n",
        "way, median",
        "inside, dB",
        f"way against {base}",
        "inside against it, dB",
        "outside",
        "smoothness inside",
        "s",
    )
    lines = []
    for name in names:
        row, against = value["rows"][name], value["compared"].get(name, {})
        lines.append(
            (
                row["title"], str(row["n"]), _form(row.get("progress_median"), "{:.0%}"),
                _form(row.get("inside_psnr_db"), "{:.1f}"), _with_interval(against, "progress", "{:+.0%}"),
                _with_interval(against, "inside_psnr_db", "{:+.1f}"),
                _with_interval(against, "outside_psnr_db", "{:+.1f}"),
                _with_interval(against, "smoothness_inside", "{:+.2f}"), _form(row.get("seconds"), "{:.0f}"),
            )
        )  # fmt: skip
    return _table(head, lines)


def _real_table(real: Mapping[str, Any]) -> str:
    columns = (
        ("distance_before_px", "{:.1f}"), ("distance_match_px", "{:.1f}"), ("distance_dift_px", "{:.1f}"),
        ("source_psnr_db", "{:.1f}"), ("outside_psnr_db", "{:.1f}"), ("smoothness", "{:.2f}"), ("seconds", "{:.0f}"),
    )  # fmt: skip
    head = (
        "clip",
        "row",
        "to target before, px",
        "after",
        "by DIFT",
        "to the input, dB",
        "outside, dB",
        "smoothness",
        "s",
    )
    lines = [
        (case, row, *(_form(numbers.get(name), form) for name, form in columns))
        for case, found in real.items()
        for row, numbers in found.items()
    ]
    return _table(head, lines)
