"""Creatures and occluders as coloured convex shapes, in drawing order."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

from .edits import Edits, PartEdit, as_edits
from .palette import mix
from .skeleton import Skeleton, direction, ear_base, joints
from .values import SHADOW, Creature, Motion, Occluder, Rgb, Scene

_CIRCLE = np.stack([np.cos(a := np.linspace(0, 2 * np.pi, 28, endpoint=False)), np.sin(a)], 1)  # [28, 2]
_TAIL_STEPS = 14
OTHER = "other"
"""The part of every shape that is not the scene's own creature."""


class Shape(NamedTuple):
    """A filled convex polygon [K, 2] (x, y at 128 px) and its part ("body" for all untracked, OTHER)."""

    part: str
    rgb: Rgb
    points: np.ndarray


def shapes(scene: Scene, frame: int, edit: Edits = None) -> list[Shape]:
    """All that stands before the background, back to front."""
    drawn = creature_shapes(scene.creature, scene.motion, frame, as_edits(edit))
    if scene.companion is not None:
        other = creature_shapes(scene.companion.creature, scene.companion.motion, frame)
        other = [shape._replace(part=OTHER) for shape in other]
        drawn = drawn + other if scene.companion.in_front else other + drawn
    shift = np.array([scene.motion.pan_x.at(frame), scene.motion.pan_y.at(frame)])
    for occluder in scene.occluders:
        drawn = drawn + [Shape(OTHER, rgb, points + shift) for rgb, points in _occluder(occluder)]
    return drawn


def creature_shapes(creature: Creature, motion: Motion, frame: int, edits: tuple[PartEdit, ...] = ()) -> list[Shape]:
    """One creature of `frame`, back to front."""
    bones = joints(creature, motion, frame, edits)
    coat, light = creature.rgb, mix(creature.rgb, (255, 246, 232), 0.3)
    # Far limbs are less dark than near tips, so that a tracked tip in front of one still shows.
    dark, far = mix(coat, SHADOW, 0.64), mix(coat, SHADOW, 0.46)
    head_radius, leg_radius = creature.head[2], creature.leg_radius
    tips, forward = bones.tips, np.array([creature.facing, 1.0])

    far_base = bones.head + forward * (0.3 * head_radius, -0.6 * head_radius)
    far_tip = far_base + forward * direction(creature.ear_angle + 0.25) * (creature.ear + 0.25 * head_radius)
    drawn = _tail(creature, bones, coat, dark)
    drawn += [Shape("body", far, _ear(far_base, far_tip, creature.ear_width, 0.0))]
    for name, foot in bones.far_feet.items():
        start = bones.hips[name] + forward * (3.5, 0)
        drawn.append(Shape("body", far, _capsule(start, foot, leg_radius + 0.8, leg_radius - 0.2)))
    for name, hip in bones.hips.items():
        drawn.append(Shape(name, coat, _capsule(hip, tips[name], leg_radius + 1.2, leg_radius)))
        toe = tips[name] + forward * (1.2, 0)
        drawn.append(Shape(name, dark, _capsule(tips[name], toe, leg_radius, leg_radius - 0.3)))
    drawn.append(Shape("body", coat, bones.body + _CIRCLE * creature.body))
    drawn += _marks(creature, bones.body)
    base, top = creature.plan.neck_base * creature.body[1], creature.plan.neck_top * head_radius
    drawn.append(Shape("body", coat, _capsule(bones.neck, bones.head, base, top)))
    drawn.append(Shape("body", coat, _disc(bones.head, head_radius)))
    near_base = bones.head + forward * ear_base(creature)
    drawn.append(Shape("ear", coat, _ear(near_base, tips["ear"], creature.ear_width, 0.0)))
    drawn.append(Shape("ear", dark, _ear(near_base, tips["ear"], creature.ear_width, 0.5)))
    muzzle = bones.head + 0.35 * head_radius * _unit(tips["nose"] - bones.head)
    drawn.append(Shape("nose", light, _capsule(muzzle, tips["nose"], 0.62 * head_radius, creature.nose_radius * 0.95)))
    drawn.append(Shape("eye", (250, 250, 250), _disc(tips["eye"], creature.eye_radius)))
    drawn.append(Shape("eye", (18, 16, 20), _disc(tips["eye"] + forward * (0.3, 0.1), 0.55 * creature.eye_radius)))
    drawn.append(Shape("nose", creature.nose_rgb, _disc(tips["nose"], creature.nose_radius)))
    return drawn


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


def _marks(creature: Creature, centre: np.ndarray) -> list[Shape]:
    axes = np.array(creature.body) * (creature.facing, 1)
    if creature.pattern == "stripes":
        return [Shape("body", creature.marks_rgb, centre + axes * _band(u, width)) for u, _, width in creature.marks]
    round_size = np.full(2, 0.8 * min(max(creature.body), 2.6 * min(creature.body)))
    sizes = round_size if creature.pattern == "spots" else axes  # spots are round, however long the body is
    return [
        Shape("body", creature.marks_rgb, centre + axes * (u, v) + sizes * s * _CIRCLE) for u, v, s in creature.marks
    ]


def _band(u: float, width: float) -> np.ndarray:
    """A stripe across the unit circle, [4, 2]."""
    left, right = u - width, u + width
    around = ((left, -1), (right, -1), (right, 1), (left, 1))
    return np.array([(x, side * 0.97 * math.sqrt(1 - x * x)) for x, side in around])


def _occluder(occluder: Occluder) -> list[tuple[Rgb, np.ndarray]]:
    """Colours and polygons [K, 2] in px at 128, before the camera's pan."""
    rng = np.random.default_rng(occluder.seed)
    x, y, width, height = occluder.x, occluder.base_y, occluder.width, occluder.height
    shade, shine = mix(occluder.rgb, SHADOW, 0.3), mix(occluder.rgb, (255, 255, 255), 0.2)
    if occluder.kind == "post":

        def upright(left: float, right: float) -> np.ndarray:
            return np.array([(left, y - height), (right, y - height), (right, y), (left, y)])

        return [(occluder.rgb, upright(x - width / 2, x + width / 2)), (shade, upright(x, x + width / 2))]
    if occluder.kind == "bush":
        at = np.linspace(-0.5, 0.5, 5)
        tops = height * (1 - 1.6 * at**2) * rng.uniform(0.85, 1.1, 5)
        leaves = [np.array([x + a * width, y]) for a in at]
        drawn = [(shade, _capsule(p, p - (0, t - 4), 6.0, 6.0)) for p, t in zip(leaves, tops, strict=True)]
        return drawn + [(occluder.rgb, _disc(p - (1, t - 6), 5.0)) for p, t in zip(leaves, tops, strict=True)]
    blades = []
    for i, base in enumerate(np.arange(x - width / 2, x + width / 2, 4.5)):
        tip = (base + rng.uniform(-5, 5), y - height * rng.uniform(0.6, 1.1))
        rgb = (occluder.rgb, shade, shine)[i % 3]
        blades.append((rgb, np.array([(base - 2.2, y + 2.0), tip, (base + 2.2, y + 2.0)])))
    return blades


def _ear(base: np.ndarray, tip: np.ndarray, width: float, cut: float) -> np.ndarray:
    """A triangle with a round tip; `cut` drops that share of it from the base."""
    axis = _unit(tip - base)
    side = np.array([-axis[1], axis[0]]) * width / 2
    corners = [corner + cut * (tip - corner) for corner in (base - side, base + side)]
    return _hull([_disc(tip, 1.4), np.array(corners)])


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(1e-6, math.hypot(vector[0], vector[1]))


def _disc(centre: np.ndarray, radius: float) -> np.ndarray:
    return centre + radius * _CIRCLE


def _capsule(start: np.ndarray, end: np.ndarray, start_radius: float, end_radius: float) -> np.ndarray:
    return _hull([_disc(start, start_radius), _disc(end, end_radius)])


def _hull(pieces: list[np.ndarray]) -> np.ndarray:
    return cv2.convexHull(np.concatenate(pieces).astype(np.float32))[:, 0]
