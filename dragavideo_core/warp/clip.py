"""The warp of a whole clip: the same kind of drag and the same root in every frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..errors import DragAVideoError
from ..media.shapes import grown, shrunk
from ..progress import Progress, silent
from .frame import LADDER, WarpedFrame, after, warp_free, warp_part
from .survey import Kind, survey

STAGE = "warp"
_CHANGED, _NO_WAY = 1 / 255, 1e-3
"""Changes of colour, 0-1, and of place, px, below which a pixel is the source's own."""
_MARGIN = 0.004
"""The derived region reaches beyond what changed by this share of the longer side."""
_LEAST_SHARE = 0.5
_LEVEL_SHARE = 0.75
"""So many frames must do without a rung of the ladder for the clip to do without it."""


@dataclass(frozen=True, eq=False)
class WarpedClip:
    """A clip warped by its drags, at source size, without a network.

    Attributes:
        frames: [N, H, W, 3] fp32 0-1.
        ways: [N, H, W, 2] source px, backward: what is shown at y comes from y - way; zero where nothing moves.
        layer: [N, H, W] fp32 0-1, how much of a pixel is the moved part.
        uncovered: [N, H, W] bool, what the part has left: no pixel of the frame shows it, it was only filled in.
        sure: [N, H, W] bool, source pixels as they are, moved or not: neither uncovered nor a layer's edge.
        region: [N, H, W] bool, what changed and a small margin: the edit region when nobody drew one.
        share: [N] of the drag that was made; below 1 where more would have folded.
        kinds: one of part, inside, free for each pair.
        folded: share of the warped cells that are turned over.
    """

    frames: Tensor
    ways: Tensor
    layer: Tensor
    uncovered: Tensor
    sure: Tensor
    region: Tensor
    share: Tensor
    kinds: tuple[Kind, ...]
    folded: float


def warp_clip(
    source: Tensor,
    objects: Tensor | None,
    handles: Tensor,
    targets: Tensor,
    visible: Tensor,
    pinned: Tensor,
    *,
    region: Tensor | None = None,
    progress: Progress = silent,
) -> WarpedClip:
    """Warp every frame along its drags.

    Args:
        source: [N, H, W, 3] float 0-1.
        objects: [N, H, W] bool, the dragged object; None, or nothing in a frame, where it is not known.
        handles, targets: [N, P, 2] source px, one point a pair.
        visible: [N, P] bool; a pair that is not visible moves nothing in that frame.
        pinned: [N, Q, 2] source px, what stays.
        region: [N, H, W] bool, outside which nothing may move. Only what a person painted: a derived one costs quality.

    Raises:
        DragAVideoError: shapes that do not belong together.
    """
    count, height, width = source.shape[:3]
    wanted = {"objects": (objects, (count, height, width)), "region": (region, (count, height, width))}
    for name, (value, shape) in wanted.items():
        if value is not None and tuple(value.shape) != shape:
            raise DragAVideoError(f"The warp's {name} have shape {tuple(value.shape)}; {shape} was expected.")
    pictures = [frame.detach().cpu().float().numpy() for frame in source]
    masks = [None if objects is None or not objects[n].any() else objects[n].cpu().numpy() for n in range(count)]
    starts, ends, pins = (points.detach().cpu().double().numpy() for points in (handles, targets, pinned))
    seen = visible.cpu().numpy() & (np.hypot(*np.moveaxis(ends - starts, -1, 0)) > 1e-3)
    found = survey(pictures, masks, starts, ends, seen)
    on_layer = np.array([pair.kind == "part" for pair in found], bool)

    def warped(n: int, level: int) -> WarpedFrame | None:
        drawn = None if region is None else region[n].cpu().numpy()
        parts, rest = seen[n] & on_layer, seen[n] & ~on_layer
        mask, made = masks[n], None
        if mask is None:
            parts, rest = parts & False, seen[n]
        picture = pictures[n]
        if rest.any():
            made = warp_free(picture, starts[n, rest], ends[n, rest], pins[n], drawn)
            picture = made.picture
        if parts.any():
            assert mask is not None
            roots = [pair.root for pair, shown in zip(found, parts) if shown]
            layered = warp_part(picture, mask, starts[n, parts], ends[n, parts], pins[n], drawn, roots, level)
            if layered is None:
                layered = warp_free(picture, starts[n, parts], ends[n, parts], pins[n], drawn)
            made = layered if made is None else after(made, layered)
        return made

    made: list[WarpedFrame | None] = []
    for n in range(count):
        made.append(warped(n, 0))
        progress(STAGE, n + 1, count)
    level = _common_level([frame.level for frame in made if frame is not None])
    if (
        LADDER[level][1] < _LEAST_SHARE
    ):  # too torn an object for a layer: the picture itself gives more, and does not fold
        on_layer &= False
        made, level = [warped(n, 0) for n in range(count)], 0
    made = [warped(n, level) if frame is not None and frame.level < level else frame for n, frame in enumerate(made)]
    kinds: tuple[Kind, ...] = tuple(
        "free" if pair.kind == "part" and not layered else pair.kind for pair, layered in zip(found, on_layer)
    )
    return _clip_of(pictures, made, kinds)


def _common_level(levels: list[int]) -> int:
    """The rung of the ladder that most frames stay below: from there all begin, so that no frame comes shorter."""
    if not levels or max(levels) == 0:
        return 0
    return int(np.quantile(levels, _LEVEL_SHARE, method="higher")) if len(levels) > 1 else levels[0]


def _clip_of(pictures: list[np.ndarray], made: list[WarpedFrame | None], kinds: tuple[Kind, ...]) -> WarpedClip:
    margin = max(1, round(_MARGIN * max(pictures[0].shape[:2])))
    rows, columns = np.mgrid[: pictures[0].shape[0], : pictures[0].shape[1]].astype(np.float32)
    identity = np.stack([columns, rows], -1)
    nothing = np.zeros(pictures[0].shape[:2], np.float32)
    names = ("frames", "ways", "layer", "uncovered", "sure", "region")
    stacks: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for picture, frame in zip(pictures, made):
        after, place, layer, hidden = (
            (picture, identity, nothing, nothing > 0)
            if frame is None
            else (frame.picture, frame.place, frame.layer, frame.uncovered)
        )
        way = np.where(np.abs(identity - place) < _NO_WAY, 0, identity - place)
        changed = (np.abs(after - picture).max(-1) > _CHANGED) | hidden | (way != 0).any(-1)
        edge = (layer > 0) & ~shrunk(layer > 0.98, 1)
        stacks["frames"].append(np.where(changed[..., None], after, picture))
        stacks["ways"].append(way)
        stacks["layer"].append(layer)
        stacks["uncovered"].append(hidden)
        stacks["sure"].append(~hidden & ~edge)
        stacks["region"].append(grown(changed, margin) if changed.any() else changed)
    share = torch.tensor([1.0 if frame is None else frame.share for frame in made])
    folded = float(np.mean([frame.folded for frame in made if frame is not None] or [0.0]))
    values = {name: torch.from_numpy(np.stack(stack)) for name, stack in stacks.items()}
    return WarpedClip(**values, share=share, kinds=kinds, folded=folded)
