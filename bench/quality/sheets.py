"""Contact sheets: source, true edit, ours and the baselines of cases that a rule chose, nobody's eye."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from dragavideo_core.results import draw

from .cases import Case
from .statistics import differences
from .store import strip
from .work import Results

SHOWN = ("reconstruct", "image_drag", "warp_inpaint", "ours")
_CELL = 128
_ACROSS = 3
Thumbnails = Callable[[str, str], Tensor | None]
"""(row, case's name) -> first, middle and last frame [3, h, w, 3] of what the row made, None where it was not run."""


def chosen_cases(results: Results) -> Iterator[tuple[str, str]]:
    """(rule, case's name): the worst, the median and the best case, by way and by what is gained on a plain warp."""
    ours = results.get("ours", {})
    way = {name: numbers["progress"] for name, numbers in ours.items() if numbers.get("progress") is not None}
    gain = differences(ours, results.get("warp_inpaint", {}), "inside_psnr_db")
    for measure, values in (("way", way), ("inside, against warp", gain)):
        order = sorted(values, key=lambda name: (values[name], name))
        if order:
            for rank, place in (("worst", 0), ("median", len(order) // 2), ("best", len(order) - 1)):
                yield f"{rank} {measure} ({values[order[place]]:.2f})", order[place]


def case_block(label: str, case: Case, rows: Sequence[str], thumbnails: Thumbnails) -> Tensor:
    """One case: three frames each of the source with its drag, the true edit, and every row that was run."""
    lines = [(f"{label}: {case.name}", torch.stack(strip(_with_drag(case)).chunk(3, dim=1)))]
    if case.truth is not None:
        lines.append(("true edit", torch.stack(strip(case.truth.frames).chunk(3, dim=1))))
    for row in rows:
        frames = thumbnails(row, case.name)
        if frames is not None:
            lines.append((row, frames))
    return draw.comparison_sheet(lines, 3, _CELL, False)


def _with_drag(case: Case) -> Tensor:
    """The source with handles and targets: in every frame where they are known, else those of the clicked one."""
    if case.truth is not None:
        return draw.draw_points(case.source, case.truth.starts, case.truth.starts + case.truth.ways, min_side=256)
    pairs, count = case.instruction.pairs, len(case.source)
    handles, targets = (torch.tensor([getattr(pair, end) for pair in pairs]) for end in ("handle", "target"))
    return draw.draw_points(case.source, handles.repeat(count, 1, 1), targets.repeat(count, 1, 1), min_side=256)


def contact_sheet(blocks: Sequence[tuple[str, Case]], rows: Sequence[str], thumbnails: Thumbnails) -> Tensor:
    """Blocks of (label, case), three across, [H, W, 3]."""
    pictures = [case_block(label, case, rows, thumbnails) for label, case in blocks]
    height, width = (max(picture.shape[axis] for picture in pictures) for axis in (0, 1))
    padded = []
    for picture in pictures:
        page = torch.ones(height, width, 3)
        page[: picture.shape[0], : picture.shape[1]] = picture
        padded.append(page)
    padded += [torch.ones(height, width, 3)] * (-len(padded) % _ACROSS if len(padded) > _ACROSS else 0)
    across = min(_ACROSS, len(padded))
    return torch.cat([torch.cat(padded[i : i + across], 1) for i in range(0, len(padded), across)], 0)


def rendered_sheet(cases: Mapping[str, Case], results: Results, thumbnails: Thumbnails) -> Tensor | None:
    """The chosen rendered cases; None where ours was not run."""
    blocks = [(label, cases[name]) for label, name in chosen_cases(results) if name in cases]
    return contact_sheet(blocks, SHOWN, thumbnails) if blocks else None
