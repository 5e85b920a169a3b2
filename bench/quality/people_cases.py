"""Drags as people make them: a handle and a target, nothing else, clicked a little beside the tip that is meant.

120 rendered clips of four frames: every part, outward, inward and sideways, 6 to 24 px of a picture 128 px wide, clicks
up to 3 px off, one in four with two pairs, one in three with an animal that crosses or something that stands before it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dragavideo_core.instruction.value import DragInstruction, DragPair
from training.renderer import part_positions
from training.scene import HELD_OUT_FROM, UNIT_SIZE, PartEdit, Scene, sample_scene

from .cases import LONG_PX, SEEN_SHARE, SHORT_PX, Case, Move, click, edits_of, possible
from .truth import frames_of, truth_of

PEOPLE_SEEDS = HELD_OUT_FROM + 2_000_000
"""Scenes that nothing was ever chosen by."""
PEOPLE_TUNING_SEEDS = HELD_OUT_FROM + 1_000_000
"""Scenes to choose by."""
FRAMES = 4
CLICK_PX = 3.0
"""A click lies within this distance of the tip, px at 128."""
_SEEDS_A_CASE = 1500
_PARTS = ("nose", "ear", "tail", "front_foot", "nose", "tail", "ear", "back_foot", "nose", "ear", "tail", "eye")
_SECOND = {"nose": "tail", "ear": "nose", "tail": "ear", "front_foot": "nose", "back_foot": "ear", "eye": "tail"}
_DIRECTIONS = ("out", "side", "in", "side", "out")
_LENGTHS = (6.0, 10.0, 16.0, 8.0, 20.0, 12.0, 24.0)
_LONGEST = {
    ("nose", "in"): 16.0, ("ear", "in"): 16.0, ("tail", "in"): 20.0,
    ("front_foot", "in"): 8.0, ("back_foot", "in"): 8.0,
    ("front_foot", "out"): 10.0, ("back_foot", "out"): 10.0, ("front_foot", "side"): 16.0, ("back_foot", "side"): 16.0,
    ("eye", "out"): 8.0, ("eye", "side"): 8.0,
}  # fmt: skip
"""px at 128 beyond which the renderer's creature is none any more."""


@dataclass(frozen=True)
class PeopleSpec:
    """One drag before a scene is found for it; `crossed`: a second animal or an occluder is in the picture."""

    number: int
    moves: tuple[Move, ...]
    size: int = UNIT_SIZE
    crossed: bool = False

    @property
    def name(self) -> str:
        """For example p017-nose-out-10."""
        moves = "+".join(f"{move.part}-{move.direction}-{move.length:g}" for move in self.moves)
        return f"p{self.number:03d}-{moves}"


def _specs(count: int) -> Iterator[PeopleSpec]:
    for i in range(count):
        parts = [_PARTS[i % len(_PARTS)]]
        if i % 4 == 3:
            parts.append(_SECOND[parts[0]])
        moves = []
        for k, part in enumerate(parts):
            direction = _DIRECTIONS[(i + i // len(_PARTS) + 2 * k) % len(_DIRECTIONS)]
            if part == "eye" and direction == "in":  # it has no root to be pushed towards
                direction = "side"
            length = _LENGTHS[(i + i // len(_PARTS) + 3 * k) % len(_LENGTHS)]
            moves.append(Move(part, direction, min(length, _LONGEST.get((part, direction), length))))
        yield PeopleSpec(i, tuple(moves), 2 * UNIT_SIZE if i % 6 == 4 else UNIT_SIZE, i % 3 == 1)


PEOPLE_SPECS = tuple(_specs(120))


def people_case(spec: PeopleSpec, first_seed: int) -> Case:
    """The case of a specification, in the first of its seeds' scenes in which it can be done.

    Raises:
        ValueError: none of them will do.
    """
    begin = first_seed + spec.number * _SEEDS_A_CASE
    for seed in range(begin, begin + _SEEDS_A_CASE):
        scene = sample_scene(seed, FRAMES, spec.size)
        if spec.crossed and scene.companion is None and not scene.occluders:
            continue
        edits = edits_of(scene, spec.moves)
        if edits is None or not possible(scene, edits):
            continue
        truth = truth_of(scene, edits)
        if truth.judged[0].all() and (truth.judged.float().mean(0) >= SEEN_SHARE).all():
            instruction = _instruction(scene, edits)
            return Case(spec.name, frames_of(scene, None), instruction, None, truth, _tags(spec, scene))
    raise ValueError(f"No scene from seed {begin} on can be dragged as {spec.name} asks.")


def people_cases(specs: Sequence[PeopleSpec] = PEOPLE_SPECS, first_seed: int = PEOPLE_SEEDS) -> Iterator[Case]:
    """One case a specification."""
    for spec in specs:
        yield people_case(spec, first_seed)


def _instruction(scene: Scene, edits: Sequence[PartEdit]) -> DragInstruction:
    """Pairs alone: each clicked anywhere within `CLICK_PX` of the tip, the target as far off as the handle."""
    rng, scale = np.random.default_rng((scene.seed, 23)), scene.size / UNIT_SIZE
    tips, pairs = part_positions(scene, 0), []
    for edit in edits:
        away, angle = CLICK_PX * math.sqrt(rng.uniform()), rng.uniform(0, 2 * math.pi)
        handle = np.array(tips[edit.part]) + scale * away * np.array([math.cos(angle), math.sin(angle)])
        target = handle + scale * np.array([edit.dx, edit.dy])
        pairs.append(DragPair(click(handle, scene.size), click(target, scene.size)))
    return DragInstruction(pairs=tuple(pairs), frame=0, size=(scene.size, scene.size))


def _tags(spec: PeopleSpec, scene: Scene) -> tuple[tuple[str, object], ...]:
    first, longest = spec.moves[0], max(move.length for move in spec.moves)
    single = len(spec.moves) == 1
    return (
        ("part", first.part if single else "two parts"),
        ("direction", first.direction if single else "two drags"),
        ("length", "short" if longest < SHORT_PX else "long" if longest >= LONG_PX else "middle"),
        ("pairs", len(spec.moves)),
        ("crossed", "yes" if scene.companion is not None or scene.occluders else "no"),
    )
