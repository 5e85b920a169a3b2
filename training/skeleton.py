"""Joints of a creature in one frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .edits import PARTS, Edits, PartEdit, as_edits
from .values import Creature, Motion, Scene


@dataclass(frozen=True)
class Skeleton:
    """Joint positions (x, y) as float64 [2], px at 128. `tips` has one for each of PARTS."""

    body: np.ndarray
    neck: np.ndarray
    head: np.ndarray
    hips: dict[str, np.ndarray]
    far_feet: dict[str, np.ndarray]
    rump: np.ndarray
    tail_control: np.ndarray
    tips: dict[str, np.ndarray]


def skeleton(scene: Scene, frame: int, edit: Edits = None) -> Skeleton:
    """Where every joint of the scene's creature is in `frame`, after its own bends and `edit`."""
    return joints(scene.creature, scene.motion, frame, as_edits(edit))


def tip_positions(scene: Scene, frame: int, edit: Edits = None) -> dict[str, np.ndarray]:
    """Tip of each of PARTS, float64 [2], px at 128."""
    tips = skeleton(scene, frame, edit).tips
    return {part: tips[part] for part in PARTS}


def joints(creature: Creature, motion: Motion, frame: int, edits: tuple[PartEdit, ...] = ()) -> Skeleton:
    """Where every joint of any creature is."""
    plan = creature.plan
    forward = np.array([creature.facing, 1.0])
    long, high = creature.body
    head_x, head_y, head_radius = creature.head

    ground = motion.feet_y + motion.pan_y.at(frame)
    across_picture = motion.x + motion.walk * frame + motion.drift.at(frame)
    body = np.array([across_picture, ground - creature.leg - 0.8 * high])
    head = body + forward * (head_x, head_y + motion.bob.at(frame))
    share = dict(zip(("front_foot", "back_foot"), plan.hips, strict=True))
    hips = {name: body + forward * (at * long, plan.hip_drop * high) for name, at in share.items()}
    sole = ground - creature.leg_radius

    def foot(hip: np.ndarray, lead: float) -> np.ndarray:
        lift = max(0.0, motion.stride.at(frame, lead + math.pi / 2)) * 0.5
        return np.array([hip[0] + creature.facing * motion.stride.at(frame, lead), sole - lift])

    rump = body + forward * (plan.rump[0] * long, plan.rump[1] * high)
    reach = creature.tail * direction(creature.tail_angle)
    across = np.array([-reach[1], reach[0]])
    wag = motion.wag.at(frame) * across / creature.tail
    ear_reach = creature.ear + 0.35 * head_radius
    tips = {
        "nose": head + forward * direction(creature.snout_angle) * (head_radius + creature.snout),
        "ear": head + forward * (ear_base(creature) + direction(creature.ear_angle) * ear_reach),
        "tail": rump + forward * (reach + wag),
        "front_foot": foot(hips["front_foot"], 0.0),
        "back_foot": foot(hips["back_foot"], math.pi),
        "eye": head + forward * (0.25 * head_radius, -0.25 * head_radius),
    }
    control = rump + forward * (0.5 * reach + creature.tail_curl * across + 0.4 * wag)
    for bend in (*creature.bends, *edits):
        tips[bend.part] = tips[bend.part] + (bend.dx, bend.dy)
        if bend.part == "tail":  # half of the way for the curve's middle keeps the tail's bow
            control = control + 0.5 * np.array((bend.dx, bend.dy))
    far = {"front_foot": foot(hips["front_foot"], math.pi), "back_foot": foot(hips["back_foot"], 0.0)}
    far = {name: point + forward * (3.5, 0) - (0, 1.5) for name, point in far.items()}
    neck = body + forward * creature.body * plan.neck
    return Skeleton(body, neck, head, hips, far if plan.far_legs else {}, rump, control, tips)


def ear_base(creature: Creature) -> np.ndarray:
    """Middle of the near ear's base from the head's centre, (forward, down)."""
    return creature.head[2] * np.array([-0.35, -0.6])


def direction(angle: float) -> np.ndarray:
    """Unit vector (forward, down)."""
    return np.array([math.cos(angle), math.sin(angle)])
