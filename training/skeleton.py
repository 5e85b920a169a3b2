"""Joints of a creature in one frame, and the coloured convex shapes that hang on them, in drawing order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from .scene import PARTS, Creature, PartEdit, Rgb, Scene

NOSE_RGB: Rgb = (16, 14, 96)
_CIRCLE = np.stack([np.cos(a := np.linspace(0, 2 * np.pi, 28, endpoint=False)), np.sin(a)], 1)  # [28, 2]
_SHADOW: Rgb = (12, 10, 16)
_TAIL_STEPS = 14


class Shape(NamedTuple):
    """A filled convex polygon [K, 2] (x, y at 128 px) and its part ("body" for all untracked)."""

    part: str
    rgb: Rgb
    points: np.ndarray


@dataclass(frozen=True)
class Skeleton:
    """Joint positions (x, y) as float64 [2], px at 128. `tips` has one for each of PARTS."""

    body: np.ndarray
    head: np.ndarray
    hips: dict[str, np.ndarray]
    far_feet: dict[str, np.ndarray]
    rump: np.ndarray
    tail_control: np.ndarray
    tips: dict[str, np.ndarray]


def skeleton(scene: Scene, frame: int, edit: PartEdit | None = None) -> Skeleton:
    """Where every joint is in `frame`, after the creature's own bends and `edit`."""
    creature, motion = scene.creature, scene.motion
    forward = np.array([creature.facing, 1.0])
    long, high = creature.body
    head_x, head_y, head_radius = creature.head

    ground = motion.feet_y + motion.pan_y.at(frame)
    body = np.array([motion.x + motion.drift.at(frame), ground - creature.leg - 0.8 * high])
    head = body + forward * (head_x, head_y + motion.bob.at(frame))
    share = {"front_foot": 0.6, "back_foot": -0.6}
    hips = {name: body + forward * (at * long, 0.3 * high) for name, at in share.items()}
    sole = ground - creature.leg_radius

    def foot(hip: np.ndarray, lead: float) -> np.ndarray:
        lift = max(0.0, motion.stride.at(frame, lead + math.pi / 2)) * 0.5
        return np.array([hip[0] + creature.facing * motion.stride.at(frame, lead), sole - lift])

    rump = body + forward * (-0.9 * long, -0.25 * high)
    reach = creature.tail * _direction(creature.tail_angle)
    across = np.array([-reach[1], reach[0]])
    wag = motion.wag.at(frame) * across / creature.tail
    ear_reach = creature.ear + 0.35 * head_radius
    tips = {
        "nose": head + forward * _direction(creature.snout_angle) * (head_radius + creature.snout),
        "ear": head + forward * (_ear_base(creature) + _direction(creature.ear_angle) * ear_reach),
        "tail": rump + forward * (reach + wag),
        "front_foot": foot(hips["front_foot"], 0.0),
        "back_foot": foot(hips["back_foot"], math.pi),
        "eye": head + forward * (0.25 * head_radius, -0.25 * head_radius),
    }
    control = rump + forward * (0.5 * reach + creature.tail_curl * across + 0.4 * wag)
    for bend in (*creature.bends, *((edit,) if edit else ())):
        tips[bend.part] = tips[bend.part] + (bend.dx, bend.dy)
        if bend.part == "tail":  # half of the way for the curve's middle keeps the tail's bow
            control = control + 0.5 * np.array((bend.dx, bend.dy))
    far = {"front_foot": foot(hips["front_foot"], math.pi), "back_foot": foot(hips["back_foot"], 0.0)}
    far = {name: point + forward * (3.5, 0) - (0, 1.5) for name, point in far.items()}
    return Skeleton(body, head, hips, far, rump, control, tips)


def shapes(scene: Scene, frame: int, edit: PartEdit | None = None) -> list[Shape]:
    """The creature of `frame` as shapes, back to front."""
    creature, bones = scene.creature, skeleton(scene, frame, edit)
    coat, light = creature.rgb, _mix(creature.rgb, (255, 246, 232), 0.3)
    # Far limbs are less dark than near tips, so that a tracked tip in front of one still shows.
    dark, far = _mix(coat, _SHADOW, 0.64), _mix(coat, _SHADOW, 0.46)
    head_radius, leg_radius = creature.head[2], creature.leg_radius
    tips, forward = bones.tips, np.array([creature.facing, 1.0])

    far_base = bones.head + forward * (0.3 * head_radius, -0.6 * head_radius)
    far_tip = far_base + forward * _direction(creature.ear_angle + 0.25) * (creature.ear + 0.25 * head_radius)
    drawn = _tail(creature, bones, coat, dark)
    drawn += [Shape("body", far, _ear(far_base, far_tip, creature.ear_width, 0.0))]
    for name, hip in bones.hips.items():
        start = hip + forward * (3.5, 0)
        drawn.append(Shape("body", far, _capsule(start, bones.far_feet[name], leg_radius + 0.8, leg_radius - 0.2)))
    for name, hip in bones.hips.items():
        drawn.append(Shape(name, coat, _capsule(hip, tips[name], leg_radius + 1.2, leg_radius)))
        toe = tips[name] + forward * (1.2, 0)
        drawn.append(Shape(name, dark, _capsule(tips[name], toe, leg_radius, leg_radius - 0.3)))
    drawn.append(Shape("body", coat, bones.body + _CIRCLE * creature.body))
    drawn += _marks(creature, bones.body, _mix(coat, _SHADOW, 0.52))
    neck = bones.body + forward * creature.body * (0.62, -0.3)
    drawn.append(Shape("body", coat, _capsule(neck, bones.head, 0.6 * creature.body[1], 0.75 * head_radius)))
    drawn.append(Shape("body", coat, _disc(bones.head, head_radius)))
    near_base = bones.head + forward * _ear_base(creature)
    drawn.append(Shape("ear", coat, _ear(near_base, tips["ear"], creature.ear_width, 0.0)))
    drawn.append(Shape("ear", dark, _ear(near_base, tips["ear"], creature.ear_width, 0.5)))
    muzzle = bones.head + 0.35 * head_radius * _unit(tips["nose"] - bones.head)
    drawn.append(Shape("nose", light, _capsule(muzzle, tips["nose"], 0.62 * head_radius, creature.nose_radius * 0.95)))
    drawn.append(Shape("eye", (250, 250, 250), _disc(tips["eye"], creature.eye_radius)))
    drawn.append(Shape("eye", (18, 16, 20), _disc(tips["eye"] + forward * (0.3, 0.1), 0.55 * creature.eye_radius)))
    drawn.append(Shape("nose", NOSE_RGB, _disc(tips["nose"], creature.nose_radius)))
    return drawn


def tip_positions(scene: Scene, frame: int, edit: PartEdit | None = None) -> dict[str, np.ndarray]:
    """Tip of each of PARTS, float64 [2], px at 128."""
    tips = skeleton(scene, frame, edit).tips
    return {part: tips[part] for part in PARTS}


def _tail(creature: Creature, bones: Skeleton, coat: Rgb, dark: Rgb) -> list[Shape]:
    t = np.linspace(0, 1, _TAIL_STEPS + 1)[:, None]
    start, middle, end = bones.rump, bones.tail_control, bones.tips["tail"]
    curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end  # [T+1, 2]
    radius = creature.tail_radius * (1.15 - 0.45 * t[:, 0])
    return [
        Shape(
            "tail",
            dark if t[i, 0] > 0.68 else coat,
            _capsule(curve[i], curve[i + 1], radius[i], radius[i + 1]),
        )
        for i in range(_TAIL_STEPS)
    ]


def _marks(creature: Creature, centre: np.ndarray, rgb: Rgb) -> list[Shape]:
    axes = np.array(creature.body) * (creature.facing, 1)
    if creature.pattern == "spots":
        radius = creature.body[0] * 0.8
        return [Shape("body", rgb, centre + axes * (u, v) + radius * s * _CIRCLE) for u, v, s in creature.marks]
    bands = []
    for u, _, width in creature.marks:
        left, right = u - width, u + width
        around = ((left, -1), (right, -1), (right, 1), (left, 1))
        corners = [(x, side * 0.97 * math.sqrt(1 - x * x)) for x, side in around]
        bands.append(Shape("body", rgb, centre + axes * np.array(corners)))
    return bands


def _ear(base: np.ndarray, tip: np.ndarray, width: float, cut: float) -> np.ndarray:
    """A triangle with a round tip; `cut` drops that share of it from the base."""
    axis = _unit(tip - base)
    side = np.array([-axis[1], axis[0]]) * width / 2
    corners = [corner + cut * (tip - corner) for corner in (base - side, base + side)]
    return _hull([_disc(tip, 1.4), np.array(corners)])


def _ear_base(creature: Creature) -> np.ndarray:
    return creature.head[2] * np.array([-0.35, -0.6])


def _direction(angle: float) -> np.ndarray:
    return np.array([math.cos(angle), math.sin(angle)])


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(1e-6, math.hypot(vector[0], vector[1]))


def _disc(centre: np.ndarray, radius: float) -> np.ndarray:
    return centre + radius * _CIRCLE


def _capsule(start: np.ndarray, end: np.ndarray, start_radius: float, end_radius: float) -> np.ndarray:
    return _hull([_disc(start, start_radius), _disc(end, end_radius)])


def _hull(pieces: list[np.ndarray]) -> np.ndarray:
    return cv2.convexHull(np.concatenate(pieces).astype(np.float32))[:, 0]


def _mix(rgb: Rgb, other: Rgb, share: float) -> Rgb:
    r, g, b = (round(a + share * (o - a)) for a, o in zip(rgb, other, strict=True))
    return r, g, b
