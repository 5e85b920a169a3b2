"""Did the drag work? In how many frames the part is at its target, what is broken, and what to do, in words.

The judge looks at the source's and the result's pixels alone (`part_match`, `damage`): neither the network's features
nor the tracker has a say, so that a drag cannot flatter itself. One drag through a clip is one motion: costs of all its
frames are averaged to find where the part is, and single frames are held against that.

The thresholds were chosen on rendered drags with known answers, good and broken ones (bench/quality/FINDINGS.md), and
are reported on others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

import cv2
import numpy as np
import torch
from torch import Tensor

from ..errors import DragAVideoError
from ..media.clip import Clip
from . import verdict_words
from .arrival import judge_pair, look_at
from .measure import set_centres
from .part_match import unlike
from .result import DragResult
from .verdict_words import FAILING, HARMLESS, Finding

Level = Literal["good", "doubtful", "failed"]

_NEAR_OBJECT = 0.03
"""Share of the width within which the object must be of its handle."""
_SURE, _FOLDED = 0.5, 0.001
_LONG_INSIDE = 0.08
"""Share of the width by which a face, say, is bent visibly."""
_SAME_PART = 0.03
"""Cost below which the handle's surroundings in two frames show the same."""


class Warped(Protocol):
    """What is asked of a warp (`warp.WarpedClip` is one)."""

    @property
    def folded(self) -> float:
        """Share of the warped cells that are turned over."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """One a pair; `inside` is a drag inside an object."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """What a person should know of a finished drag; N frames, P pairs."""

    arrived: Tensor
    """[N, P] bool: the part is at its target, within 1 px, 6 % of its way or 1 % of the frame's width."""
    short_px: Tensor
    """[N, P] source px from where the part is to its target; 0 where it has arrived."""
    lines: tuple[str, ...]
    """Sentences for a person, the most important one first."""
    level: Level
    problems: tuple[str, ...]
    """Names of what is wrong, for programs; one or several of `verdict_words.PROBLEMS`."""


def judge_drag(clip: Clip, result: DragResult) -> Verdict:
    """The verdict on a finished drag of a clip."""
    sets = result.point_sets
    return judge(
        clip.source,
        result.frames,
        *(set_centres(points) for points in (sets.handles, sets.targets, sets.visible)),
        objects=sets.objects,
        confidence=sets.confidence,
        warped=sets.warp,
        region=sets.masks,
    )


def judge(
    source: Tensor,
    result: Tensor,
    handles: Tensor,
    targets: Tensor,
    visible: Tensor,
    *,
    objects: Tensor | None = None,
    confidence: Tensor | None = None,
    warped: Warped | None = None,
    region: Tensor | None = None,
) -> Verdict:
    """Judge a finished drag.

    Args:
        source, result: [N, Hs, Ws, 3], 0-1.
        handles, targets: [N, P, 2] source px.
        visible: [N, P] bool: the part is to be seen there; other frames are not asked to be dragged.
        objects: [N, Hs, Ws] bool, the dragged object in the source. Without it only arrival and blinking are judged.
        confidence: [N], 0-1, how sure the object is.
        warped: the warp that the drag began with.
        region: [N, Hs, Ws] bool, where the picture may change.

    Raises:
        DragAVideoError: shapes that do not go together.
    """
    _check(source, result, handles, targets, visible, objects)
    frames, pairs = visible.shape
    seen, shown = visible.cpu().bool().numpy(), _inside_frame(handles, targets, source)
    pictures = [clip.detach().cpu().float().numpy() for clip in (source, result)]
    masks = None if objects is None else objects.detach().cpu().bool().numpy()
    starts, ends = (points.detach().cpu().double().numpy() for points in (handles, targets))
    arrived, short = np.zeros((frames, pairs), bool), np.zeros((frames, pairs))
    findings: list[Finding] = []
    for pair in range(pairs):
        looks = {
            n: look_at(
                pictures[0][n], pictures[1][n], None if masks is None else masks[n], starts[n, pair], ends[n, pair]
            )
            for n in range(frames)
            if seen[n, pair] and shown[n, pair]
        }
        if looks:
            arrived[list(looks), pair], short[list(looks), pair], found = judge_pair(pair, looks, source.shape[2])
            findings += found
        findings += _hidden(pair, pictures[0], starts[:, pair], seen[:, pair])
    findings += _object_findings(masks, confidence, starts, seen)
    findings += _beyond(region, ends, seen)
    ways = np.hypot(*np.moveaxis(ends - starts, -1, 0)).mean(0) / source.shape[2]
    findings += _warp_findings(warped, findings, frames, ways)
    return _verdict(arrived, short, seen, findings)


def _check(
    source: Tensor, result: Tensor, handles: Tensor, targets: Tensor, visible: Tensor, objects: Tensor | None
) -> None:
    if source.shape != result.shape or source.ndim != 4:
        raise DragAVideoError(
            f"Source and result to judge have shapes {list(source.shape)} and {list(result.shape)}; two clips "
            "[frames, height, width, 3] of one shape were expected."
        )
    wanted = (len(source), *handles.shape[1:2], 2)
    if tuple(handles.shape) != wanted or handles.shape != targets.shape or tuple(visible.shape) != wanted[:2]:
        raise DragAVideoError(
            f"Handles {list(handles.shape)}, targets {list(targets.shape)} and visible {list(visible.shape)} do not go "
            f"with {len(source)} frames; [frames, pairs, 2] and [frames, pairs] were expected."
        )
    if objects is not None and objects.shape != source.shape[:3]:
        raise DragAVideoError(f"The objects have shape {list(objects.shape)}; {list(source.shape[:3])} was expected.")


def _inside_frame(handles: Tensor, targets: Tensor, source: Tensor) -> np.ndarray:
    """[N, P] bool: handle and target lie in the picture; what leaves it cannot be judged."""
    last = torch.tensor([source.shape[2] - 1, source.shape[1] - 1])
    inside = [((points.cpu() >= 0) & (points.cpu() <= last)).all(-1) for points in (handles, targets)]
    return np.asarray((inside[0] & inside[1]).numpy())


def _hidden(pair: int, source: np.ndarray, handles: np.ndarray, seen: np.ndarray) -> Iterator[Finding]:
    """Frames between dragged ones in which the part was taken for hidden, but looks as it does in those."""
    shown = np.flatnonzero(seen)
    if not len(shown):
        yield Finding("lost", pair, tuple(range(len(seen))))
        return
    gone = []
    for n in np.flatnonzero(~seen):
        nearest = shown[np.abs(shown - n).argmin()]
        if shown[0] < n < shown[-1] and unlike(source[nearest], source[n], handles[nearest], handles[n]) < _SAME_PART:
            gone.append(int(n))
    if gone:
        yield Finding("hidden", pair, tuple(gone))


def _object_findings(
    masks: np.ndarray | None, confidence: Tensor | None, handles: np.ndarray, seen: np.ndarray
) -> Iterator[Finding]:
    """Frames in which no object is near a handle that is to be seen, or in which it is unsure."""
    if masks is None:
        return
    radius = max(2.0, _NEAR_OBJECT * masks.shape[2])
    for pair in range(seen.shape[1]):
        lost = tuple(n for n in range(len(masks)) if seen[n, pair] and not _reaches(masks[n], handles[n, pair], radius))
        if lost:
            yield Finding("object", pair, lost)
    if confidence is not None:
        unsure = tuple(int(n) for n in np.flatnonzero(confidence.cpu().numpy() < _SURE))
        if unsure:
            yield Finding("unsure", 0, unsure)


def _reaches(mask: np.ndarray, handle: np.ndarray, radius: float) -> bool:
    disc = np.zeros(mask.shape, np.uint8)
    cv2.circle(disc, (round(float(handle[0])), round(float(handle[1]))), max(1, round(radius)), 1, -1)
    return bool((mask & (disc > 0)).any())


def _warp_findings(warped: Warped | None, findings: list[Finding], frames: int, ways: np.ndarray) -> Iterator[Finding]:
    """A folded warp; and that a drag inside an object is one, where something is wrong with it or it is so long that
    what lies there is bent out of shape, arrived or not. `ways` [P] are shares of the width."""
    if warped is None:
        return
    if warped.folded > _FOLDED:
        yield Finding("folded", 0, tuple(range(frames)))
    wrong = {f.pair for f in findings if f.name not in HARMLESS}
    known = {f.pair for f in findings if f.name == "inside"}
    for pair, kind in enumerate(warped.kinds):
        if kind == "inside" and pair not in known and (pair in wrong or ways[pair] > _LONG_INSIDE):
            yield Finding("inside", pair, tuple(range(frames)))


def _beyond(region: Tensor | None, targets: np.ndarray, seen: np.ndarray) -> Iterator[Finding]:
    """Frames whose target lies where the picture may not change."""
    if region is None:
        return
    mask = region.cpu().bool().numpy()
    last = np.array(mask.shape[:0:-1]) - 1
    at = np.clip(np.rint(targets).astype(int), 0, last)
    for pair in range(seen.shape[1]):
        shut = tuple(n for n in range(len(mask)) if seen[n, pair] and not mask[n, at[n, pair, 1], at[n, pair, 0]])
        if shut:
            yield Finding("beyond", pair, shut)


def _verdict(arrived: np.ndarray, short: np.ndarray, seen: np.ndarray, findings: list[Finding]) -> Verdict:
    names = tuple(dict.fromkeys(f.name for f in findings if f.name not in HARMLESS))
    failed = any(name in FAILING for name in names)
    level: Level = "failed" if failed else "doubtful" if names else "good"
    everywhere = [bool(arrived[n][seen[n]].all()) for n in range(len(seen)) if seen[n].any()]
    lines = verdict_words.lines(sum(everywhere), len(everywhere), findings, arrived.shape[1])
    return Verdict(torch.from_numpy(arrived), torch.from_numpy(short).float(), lines, level, names)
