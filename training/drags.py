"""Drags with known answers: what a person would click to move a part of a rendered creature, and the true edit."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dragavideo_core.instruction.value import DragInstruction, DragPair

from .renderer import part_positions
from .scene import UNIT_SIZE, PartEdit, Scene
from .skeleton import skeleton

_MASK_AT = (-0.8, 0.0, 0.8)
"""Mask points, as shares of the way from the handle to the target: on the part, on the tip, towards the target."""


def outward(scene: Scene, part: str) -> tuple[float, float]:
    """Unit vector from the root of a part to its tip in frame 0."""
    bones = skeleton(scene, 0)
    roots = {"nose": bones.head, "ear": bones.head, "eye": bones.body, "tail": bones.tail_control, **bones.hips}
    way = bones.tips[part] - roots[part]
    length = math.hypot(*way)
    return float(way[0] / length), float(way[1] / length)


def part_drag(
    scene: Scene, part: str, length: float, angle: float = 0.0, pins: tuple[str, ...] = ()
) -> tuple[DragInstruction, PartEdit]:
    """The instruction that asks for a part's tip to be moved, and the edit that says what should come of it.

    Args:
        length: of the drag in px at 128; negative is inward.
        angle: turns the drag away from the outward direction, in radians.
        pins: parts to hold where they are.

    Returns:
        The instruction in px of the rendered clip (frame 0), and the edit in px at 128.
    """
    instruction, edits = part_drags(scene, [(part, length, angle)], pins)
    return instruction, edits[0]


def part_drags(
    scene: Scene, drags: Sequence[tuple[str, float, float]], pins: tuple[str, ...] = ()
) -> tuple[DragInstruction, tuple[PartEdit, ...]]:
    """Several parts at once, each (part, length, angle) as in `part_drag`: one instruction, all edits."""
    scale = scene.size / UNIT_SIZE
    tips = part_positions(scene, 0)
    edits, pairs, mask_points = [], [], []
    for part, length, angle in drags:
        x, y = outward(scene, part)
        dx = length * (x * math.cos(angle) - y * math.sin(angle))
        dy = length * (x * math.sin(angle) + y * math.cos(angle))
        edits.append(PartEdit(part, dx, dy))
        at = [_inside(scene, tips[part], share * dx * scale, share * dy * scale) for share in (0, 1, *_MASK_AT)]
        pairs.append(DragPair(at[0], at[1]))
        mask_points += at[2:]
    instruction = DragInstruction(
        pairs=tuple(pairs),
        mask_points=tuple(mask_points),
        pinned_points=tuple((round(tips[name][0], 1), round(tips[name][1], 1)) for name in pins),
        frame=0,
        size=(scene.size, scene.size),
    )
    return instruction, tuple(edits)


def _inside(scene: Scene, point: tuple[float, float], dx: float, dy: float) -> tuple[float, float]:
    """The point moved, kept in the picture."""
    x, y = (round(min(max(value, 0.0), scene.size - 1.0), 1) for value in (point[0] + dx, point[1] + dy))
    return x, y
