"""What is dragged: rendered clips with a known answer, and real ones without.

A rendered case is a held-out scene, what a person would give to drag one or two of its parts (handles clicked about
where the part's tip is, targets, mask points or a painted mask, pins), and what should come of it: the same scene drawn
with the parts where they were dragged to. Everything follows from the list of specifications and the first seed.

Points and frames are in px of the source clip; a drag's length is in px of a picture 128 px wide.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from dragavideo_core.instruction.value import DragInstruction, DragPair
from dragavideo_core.media.clip import Clip, prepare_clip
from training.renderer import part_labels, part_positions, part_visible
from training.scene import HELD_OUT_FROM, PARTS, UNIT_SIZE, PartEdit, Scene, sample_scene

from .truth import Truth, both_visible, frames_of, truth_of

TEST_SEEDS = HELD_OUT_FROM + 500_000
"""The benchmark's scenes: no training and no choice of a setting has seen them."""
TUNING_SEEDS = HELD_OUT_FROM + 400_000
"""Scenes to choose settings by, so that the benchmark stays a test."""
LONG_PX = 20.0
"""Drags from here on count as long, those below `SHORT_PX` as short."""
SHORT_PX = 12.0
_SEEDS_A_CASE = 1000
_CLICK_PX = 0.7
"""Standard deviation of a click round the tip it means, px at 128."""
_BRUSH_PX = 10.0
_MASK_SPACING_PX = 12.0
_MARGIN_PX = 4.0
"""A tip, dragged or not, keeps this distance from the picture's edge on the clicked frame."""
_SPREAD_FRAMES = 8
SEEN_SHARE = 0.75
"""Share of the frames in which a dragged part must be seen, before and after, and judged."""
_PINNED = ("eye", "ear", "back_foot")


@dataclass(frozen=True)
class Move:
    """One drag of a part: `out` (away from its root), `in`, or `side` (across), and how far in px at 128."""

    part: str
    direction: str
    length: float


@dataclass(frozen=True)
class CaseSpec:
    """A rendered case, before a scene is found for it."""

    moves: tuple[Move, ...]
    frames: int = 8
    size: int = UNIT_SIZE
    mask: str = "points"
    """`points` (clicked mask points) or `painted` (a brushed mask)."""
    pins: int = 0

    @property
    def name(self) -> str:
        """For example nose-out-10-8f-128."""
        moves = "+".join(f"{move.part}-{move.direction}-{move.length:g}" for move in self.moves)
        return f"{moves}-{self.frames}f-{self.size}"


@dataclass(frozen=True, eq=False)
class Case:
    """A clip, what the person gives, and the truth where it is known."""

    name: str
    source: Tensor
    """[N, H, W, 3], 0-1."""
    instruction: DragInstruction
    mask: Tensor | None = None
    """[H, W] bool of the clicked frame: painted instead of mask points."""
    truth: Truth | None = None
    tags: tuple[tuple[str, object], ...] = ()
    """What tables are grouped by: (name, value)."""
    fps: float = 8.0

    def clip(self, size: int) -> Clip:
        """The clip at a working size of about `size` x `size` px."""
        return prepare_clip(self.source, self.fps, size=size, every=1, limit=len(self.source), name=self.name)


def _specs() -> Iterator[CaseSpec]:
    """The list; every fourth mask is painted, every third case is pinned, every third clip is 256 px."""
    single = [
        ("nose", "out", 6), ("ear", "out", 16), ("tail", "side", 10), ("front_foot", "in", 6),
        ("nose", "side", 20), ("tail", "out", 20), ("ear", "in", 8), ("front_foot", "side", 8),
        ("nose", "in", 10), ("ear", "side", 10), ("tail", "in", 16), ("nose", "out", 24),
        ("ear", "out", 20), ("tail", "side", 20), ("front_foot", "out", 6), ("nose", "out", 10),
        ("nose", "side", 8), ("ear", "side", 20), ("tail", "out", 10), ("front_foot", "side", 12),
        ("nose", "in", 6), ("ear", "out", 6), ("tail", "in", 20), ("nose", "out", 20),
        ("ear", "in", 12), ("tail", "side", 6), ("front_foot", "in", 10), ("nose", "side", 16),
        ("tail", "out", 24), ("ear", "out", 24), ("nose", "out", 16), ("front_foot", "side", 20),
        ("nose", "in", 16), ("ear", "side", 6),
    ]  # fmt: skip
    double = [
        (("nose", "out", 10), ("ear", "out", 10)), (("tail", "out", 20), ("nose", "out", 20)),
        (("ear", "side", 8), ("tail", "side", 12)), (("front_foot", "side", 8), ("nose", "in", 8)),
        (("ear", "out", 20), ("tail", "in", 12)), (("nose", "side", 12), ("front_foot", "in", 6)),
    ]  # fmt: skip
    lists = [*((Move(*move),) for move in single), *(tuple(Move(*m) for m in moves) for moves in double)]
    for i, moves in enumerate(lists):
        yield CaseSpec(
            moves=moves,
            frames=(8, 8, 12, 8, 16)[i % 5],
            size=2 * UNIT_SIZE if i % 3 == 1 else UNIT_SIZE,
            mask="painted" if i % 4 == 3 else "points",
            pins=2 if i % 3 == 0 else 0,
        )


SPECS = tuple(_specs())


def rendered_case(spec: CaseSpec, first_seed: int) -> Case:
    """The case of a specification, in the first scene from `first_seed` on in which it can be done.

    Raises:
        ValueError: none of the next scenes will do; the specification asks for too much.
    """
    for seed in range(first_seed, first_seed + _SEEDS_A_CASE):
        scene = sample_scene(seed, spec.frames, spec.size)
        edits = edits_of(scene, spec.moves)
        if edits is None or not possible(scene, edits):
            continue
        truth = truth_of(scene, edits)
        if (truth.judged.float().mean(0) >= SEEN_SHARE).all():
            return _case(scene, spec, edits, truth)
    raise ValueError(f"No scene from seed {first_seed} on can be dragged as {spec.name} asks.")


def rendered_cases(specs: Sequence[CaseSpec] = SPECS, first_seed: int = TEST_SEEDS) -> Iterator[Case]:
    """One case a specification, each from seeds of its own."""
    for index, spec in enumerate(specs):
        yield rendered_case(spec, first_seed + index * _SEEDS_A_CASE)


def edits_of(scene: Scene, moves: Sequence[Move]) -> tuple[PartEdit, ...] | None:
    """The true edits, or None where the scene has no room for them."""
    edits = []
    labels = part_labels(scene, 0)
    for number, move in enumerate(moves):
        if not part_visible(scene, 0, move.part):
            return None
        outward, extent = _reach(scene, labels, move.part)
        if move.direction == "in" and move.length > extent - 3:
            return None
        across = np.array([-outward[1], outward[0]]) * (1 if (scene.seed + number) % 2 else -1)
        way = {"out": outward, "in": -outward, "side": across}[move.direction] * move.length
        edits.append(PartEdit(move.part, float(way[0]), float(way[1])))
    return tuple(edits)


def _reach(scene: Scene, labels: np.ndarray, part: str) -> tuple[np.ndarray, float]:
    """Unit vector from a part's root (its visible pixel farthest from the tip) to its tip, and how far, px at 128."""
    tip = np.array(part_positions(scene, 0)[part])
    rows, columns = np.nonzero(labels == PARTS.index(part) + 2)
    away = tip - np.stack([columns, rows], 1)
    distance = np.hypot(*away.T)
    farthest = int(distance.argmax())
    return away[farthest] / max(distance[farthest], 1e-6), float(distance[farthest]) * UNIT_SIZE / scene.size


def _along(scene: Scene, labels: np.ndarray, part: str) -> list[np.ndarray]:
    """Places [2] on a part from its root towards its tip, at most `_MASK_SPACING_PX` apart."""
    tip = np.array(part_positions(scene, 0)[part])
    rows, columns = np.nonzero(labels == PARTS.index(part) + 2)
    pixels = np.stack([columns, rows], 1).astype(float)
    distance = np.hypot(*(pixels - tip).T)
    count = max(2, math.ceil(distance.max() * UNIT_SIZE / scene.size / _MASK_SPACING_PX))
    places = []
    for share in np.linspace(0.95, 1 / count, count):
        near = np.abs(distance - share * distance.max()) <= max(2.0, 0.08 * distance.max())
        if near.any():
            places.append(pixels[near].mean(0))
    return places


def possible(scene: Scene, edits: tuple[PartEdit, ...]) -> bool:
    """Whether tips and targets are well inside the clicked frame, and seen in most frames before and after."""
    scale = scene.size / UNIT_SIZE
    low, high = _MARGIN_PX * scale, scene.size - 1 - _MARGIN_PX * scale
    for edit in edits:
        places = [part_positions(scene, 0, change)[edit.part] for change in (None, edits)]
        if not all(low <= value <= high for place in places for value in place):
            return False
        seen = [both_visible(scene, frame, edit.part, edits) for frame in range(scene.frames)]
        if not seen[0] or sum(seen) < SEEN_SHARE * len(seen):
            return False
    return True


def _case(scene: Scene, spec: CaseSpec, edits: tuple[PartEdit, ...], truth: Truth) -> Case:
    rng = np.random.default_rng((scene.seed, 11))
    instruction, strokes = _instruction(scene, spec, edits, rng)
    moves = spec.moves
    lengths = [move.length for move in moves]
    tags = (
        ("part", moves[0].part if len(moves) == 1 else "two parts"),
        ("direction", moves[0].direction if len(moves) == 1 else "two drags"),
        ("length", "short" if max(lengths) < SHORT_PX else "long" if max(lengths) >= LONG_PX else "middle"),
        ("pairs", len(moves)),
        ("size", spec.size),
        ("mask", spec.mask),
        ("frames", spec.frames),
    )
    painted = _painted(strokes, scene.size) if spec.mask == "painted" else None
    return Case(spec.name, frames_of(scene, None), instruction, painted, truth, tags)


def _instruction(
    scene: Scene, spec: CaseSpec, edits: tuple[PartEdit, ...], rng: np.random.Generator
) -> tuple[DragInstruction, list[np.ndarray]]:
    """What the person gives, and a brush stroke [K, 2] (along the part, handle, target) for each drag."""
    scale, labels = scene.size / UNIT_SIZE, part_labels(scene, 0)
    pairs, points, strokes = [], [], []
    for edit in edits:
        handle = np.array(part_positions(scene, 0)[edit.part]) + rng.normal(0, _CLICK_PX * scale, 2)
        target = handle + np.array([edit.dx, edit.dy]) * scale
        along = _along(scene, labels, edit.part)
        pairs.append(DragPair(click(handle, scene.size), click(target, scene.size)))
        strokes.append(np.stack([*along, handle, target]))
        points += [click(point, scene.size) for point in (*along, handle, (handle + target) / 2, target)]
    dragged = {edit.part for edit in edits}
    tips = part_positions(scene, 0)
    pins = [part for part in _PINNED if part not in dragged and part_visible(scene, 0, part)][: spec.pins]
    instruction = DragInstruction(
        pairs=tuple(pairs),
        mask_points=tuple(points) if spec.mask == "points" else (),
        pinned_points=tuple(click(np.array(tips[part]), scene.size) for part in pins),
        frame=0,
        size=(scene.size, scene.size),
    )
    return instruction, strokes


def click(point: np.ndarray, size: int) -> tuple[float, float]:
    """A point as it is written into an instruction: kept in the picture, to a tenth of a px."""
    x, y = (round(float(min(max(value, 0.0), size - 1.0)), 1) for value in point)
    return x, y


def _painted(strokes: list[np.ndarray], size: int) -> Tensor:
    """[size, size] bool: for each drag the part, the target and all between them, as painted with a brush of 20 px."""
    canvas, radius = np.zeros((size, size), np.uint8), round(_BRUSH_PX * size / UNIT_SIZE)
    for stroke in strokes:
        outline = np.rint(cv2.convexHull(stroke.astype(np.float32))).astype(np.int32)
        cv2.fillConvexPoly(canvas, outline, 1)
        cv2.polylines(canvas, [outline], True, 1, 2 * radius)
    return torch.from_numpy(canvas.astype(bool))


def spread(count: int, specs: Sequence[CaseSpec] = SPECS) -> tuple[CaseSpec, ...]:
    """About evenly spaced specifications of clips of `_SPREAD_FRAMES` frames, at most all of them."""
    usable = [spec for spec in specs if spec.frames == _SPREAD_FRAMES]
    return tuple(usable[round(i)] for i in np.linspace(0, len(usable) - 1, min(count, len(usable))))
