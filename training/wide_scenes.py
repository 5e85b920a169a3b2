"""The wide domain: many coats and patterns, six body plans, textured ground and sky, a second animal, occluders."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from .palette import (
    GROUND_TEXTURES,
    GROUNDS,
    HILLS,
    HUES,
    MARKS,
    OCCLUDERS,
    PATTERNS,
    SKIES,
    SKY_TEXTURES,
    TONES,
    coat_colour,
    jitter,
    mix,
)
from .plain_scenes import sample_bends, sample_hill, sample_marks, sample_motion
from .values import (
    NOSE_RGB,
    SHADOW,
    UNIT_SIZE,
    Background,
    BodyPlan,
    Companion,
    Creature,
    Motion,
    Occluder,
    Rgb,
    Scene,
    Texture,
    Wave,
)

COMPANION_SHARE, OCCLUDER_SHARE = 0.3, 0.3
COMPANION_NOSE: Rgb = (232, 120, 136)
_HIGHEST = 94  # px from the feet to the top of a head
_Range = tuple[float, float]


@dataclass(frozen=True)
class Build:
    """What the lengths (px at 128) and angles (radians) of a body plan are drawn from; heads from the body's edge."""

    plan: BodyPlan
    long: _Range
    high: _Range
    head_gap: _Range
    head_rise: _Range
    head_radius: _Range
    snout: _Range
    snout_angle: _Range
    ear: _Range
    ear_angle: _Range
    ear_width: _Range
    tail: _Range
    tail_rise: _Range
    leg: _Range
    leg_radius: _Range


BUILDS = (
    Build(
        BodyPlan("dog"),
        long=(17, 23), high=(9, 13), head_gap=(2, 7), head_rise=(4, 12), head_radius=(7, 10),
        snout=(3, 26), snout_angle=(-0.35, 0.5), ear=(5, 24), ear_angle=(-2.15, -1.3), ear_width=(5.5, 8.5),
        tail=(10, 40), tail_rise=(-0.35, 1.25), leg=(10, 26), leg_radius=(2.1, 3.0),
    ),
    Build(
        BodyPlan("giraffe", neck=(0.66, -0.35), neck_base=0.62, neck_top=0.66),
        long=(15, 20), high=(8, 11), head_gap=(2, 9), head_rise=(22, 36), head_radius=(5.8, 7.8),
        snout=(4, 18), snout_angle=(-0.1, 0.6), ear=(5, 15), ear_angle=(-2.3, -1.4), ear_width=(4.5, 6.5),
        tail=(10, 28), tail_rise=(-1.0, 0.4), leg=(18, 30), leg_radius=(2.0, 2.7),
    ),
    Build(
        BodyPlan("pig", hips=(0.55, -0.55), hip_drop=0.5, neck=(0.5, -0.1)),
        long=(17, 22), high=(13, 17), head_gap=(-1, 5), head_rise=(-1, 5), head_radius=(9, 12),
        snout=(4, 18), snout_angle=(-0.2, 0.4), ear=(4, 15), ear_angle=(-1.9, -1.1), ear_width=(6, 9),
        tail=(9, 24), tail_rise=(-0.2, 1.4), leg=(6, 13), leg_radius=(2.6, 3.5),
    ),
    Build(
        BodyPlan(
            "kangaroo", hips=(0.4, -0.35), hip_drop=0.62, far_legs=False, neck=(0.15, -0.7), neck_base=0.42,
            rump=(-0.75, 0.5),
        ),
        long=(10.5, 13.5), high=(15, 20), head_gap=(-8, 0), head_rise=(10, 17), head_radius=(6.5, 9),
        snout=(4, 22), snout_angle=(-0.3, 0.5), ear=(8, 26), ear_angle=(-2.0, -1.4), ear_width=(4.5, 7.5),
        tail=(20, 42), tail_rise=(-0.75, 0.4), leg=(13, 24), leg_radius=(2.6, 3.4),
    ),
    Build(
        BodyPlan("weasel", hips=(0.7, -0.72), hip_drop=0.2, neck=(0.75, -0.2), neck_base=0.7),
        long=(26, 32), high=(7, 9.5), head_gap=(2, 7), head_rise=(3, 10), head_radius=(6, 8),
        snout=(4, 20), snout_angle=(-0.3, 0.5), ear=(4, 13), ear_angle=(-2.1, -1.3), ear_width=(4.5, 7),
        tail=(14, 38), tail_rise=(-0.3, 1.0), leg=(6, 12), leg_radius=(2.0, 2.8),
    ),
    Build(
        BodyPlan("elephant", hips=(0.58, -0.6), hip_drop=0.4, neck=(0.6, -0.3), neck_base=0.65),
        long=(19, 24), high=(13, 17), head_gap=(2, 7), head_rise=(3, 9), head_radius=(9, 12),
        snout=(12, 30), snout_angle=(0.4, 1.2), ear=(6, 17), ear_angle=(-3.0, -2.2), ear_width=(9, 13),
        tail=(9, 24), tail_rise=(-1.1, 0.3), leg=(12, 20), leg_radius=(3.6, 4.6),
    ),
)  # fmt: skip
PLANS = tuple(build.plan.name for build in BUILDS)


def wide_scene(seed: int, frames: int, size: int) -> Scene:
    """The wide scene of a seed; see `scene.sample_scene`."""
    rng = np.random.default_rng(seed)
    creature = _sample_creature(rng)
    motion = sample_motion(rng, creature)
    motion = replace(motion, feet_y=max(motion.feet_y, _rise(creature) + 6))
    background = _sample_background(rng, motion)
    companion = _sample_companion(rng, creature, motion) if rng.random() < COMPANION_SHARE else None
    occluders = (_sample_occluder(rng, motion),) if rng.random() < OCCLUDER_SHARE else ()
    return Scene(seed, frames, size, creature, motion, background, companion, occluders)


def _sample_creature(rng: np.random.Generator) -> Creature:
    build = BUILDS[int(rng.integers(len(BUILDS)))]
    tone, hue = str(rng.choice(list(TONES))), str(rng.choice(list(HUES)))
    pattern, marks_name = str(rng.choice(PATTERNS)), str(rng.choice(MARKS))
    rgb = jitter(rng, coat_colour(tone, hue), 5)
    # A light mark on a pale coat, or a dark one on a dark coat, would not show.
    brightness = sum(rgb) / 3
    marks_name = "dark" if brightness > 180 else "light" if brightness < 60 else marks_name
    long, high = rng.uniform(*build.long), rng.uniform(*build.high)
    radius = rng.uniform(*build.head_radius)
    leg = rng.uniform(*build.leg)
    height = 0.6 * high + rng.uniform(*build.head_rise)
    height = min(height, _HIGHEST - radius - 0.8 * high - leg)
    return Creature(
        plan=build.plan,
        coat=f"{tone} {hue}",
        rgb=rgb,
        pattern=pattern,
        marks=_marks(rng, pattern),
        marks_name=marks_name,
        marks_rgb=mix(rgb, SHADOW if marks_name == "dark" else (255, 248, 236), 0.5),
        nose_rgb=NOSE_RGB,
        facing=int(rng.choice((-1, 1))),
        body=(long, high),
        head=(0.85 * long + rng.uniform(*build.head_gap), -height, radius),
        snout=rng.uniform(*build.snout),
        snout_angle=rng.uniform(*build.snout_angle),
        nose_radius=rng.uniform(2.3, 3.2),
        ear=rng.uniform(*build.ear),
        ear_angle=rng.uniform(*build.ear_angle),
        ear_width=rng.uniform(*build.ear_width),
        tail=rng.uniform(*build.tail),
        tail_angle=math.pi + rng.uniform(*build.tail_rise),
        tail_curl=rng.uniform(-0.5, 0.5),
        tail_radius=rng.uniform(2.0, 3.2),
        leg=leg,
        leg_radius=rng.uniform(*build.leg_radius),
        eye_radius=rng.uniform(2.2, 3.0),
        bends=sample_bends(rng),
    )


def _marks(rng: np.random.Generator, pattern: str) -> tuple[tuple[float, float, float], ...]:
    if pattern == "patches":
        angles = rng.uniform(0, 2 * math.pi) + np.arange(3) * 2.1
        sizes = rng.uniform(0.2, 0.32, 3)
        return tuple((0.52 * math.cos(a), 0.45 * math.sin(a), float(s)) for a, s in zip(angles, sizes, strict=True))
    if pattern == "belly":
        return ((float(rng.uniform(-0.12, 0.12)), 0.42, float(rng.uniform(0.42, 0.53))),)
    return sample_marks(rng, pattern)


def _rise(creature: Creature) -> float:
    """From the feet to the top of the head."""
    return creature.leg + 0.8 * creature.body[1] - creature.head[1] + creature.head[2]


def _sample_background(rng: np.random.Generator, motion: Motion) -> Background:
    sky, ground = str(rng.choice(list(SKIES))), str(rng.choice(list(GROUNDS)))
    names = rng.choice(list(HILLS), size=int(rng.choice(3, p=(0.4, 0.4, 0.2))), replace=False)
    top, low = SKIES[sky]
    return Background(
        sky=sky,
        sky_rgb=(jitter(rng, top, 8), jitter(rng, low, 8)),
        ground=ground,
        ground_rgb=jitter(rng, GROUNDS[ground], 8),
        horizon=motion.feet_y - rng.uniform(4, 34),
        hills=tuple(sample_hill(rng, str(name)) for name in names),
        cloudiness=rng.uniform(0, 7),
        noise_seed=int(rng.integers(2**31)),
        sky_texture=_sample_texture(rng, SKY_TEXTURES),
        ground_texture=_sample_texture(rng, GROUND_TEXTURES),
    )


def _sample_texture(rng: np.random.Generator, names: tuple[str, ...]) -> Texture:
    plain = 0.4
    shares = (plain, *[(1 - plain) / (len(names) - 1)] * (len(names) - 1))
    return Texture(str(rng.choice(names, p=shares)), float(rng.uniform(6, 15)), float(rng.uniform(8, 15)))


def _sample_companion(rng: np.random.Generator, creature: Creature, motion: Motion) -> Companion:
    """A small animal that meets the first one at some frame of the first eight, walking or standing."""
    small = _scaled(_sample_creature(rng), float(rng.uniform(0.45, 0.65)))
    while math.dist(small.rgb, creature.rgb) < 60:  # told apart by more than their size
        tone, hue = str(rng.choice(list(TONES))), str(rng.choice(list(HUES)))
        rgb = coat_colour(tone, hue)
        small = replace(small, coat=f"{tone} {hue}", rgb=rgb, marks_rgb=mix(rgb, SHADOW, 0.5), marks_name="dark")
    in_front = bool(rng.random() < 0.5)
    speed = float(rng.uniform(1.5, 4.5)) * small.facing
    meeting = float(rng.uniform(1, 7))
    offset = float(rng.uniform(-26, 26))
    return Companion(
        small,
        Motion(
            x=motion.x + offset - speed * meeting,
            feet_y=motion.feet_y + float(rng.uniform(3, 8) if in_front else -rng.uniform(5, 14)),
            drift=Wave(0.0, 0.1, 0.0),
            stride=Wave(float(rng.uniform(2, 3.5)), float(rng.uniform(0.6, 0.9)), float(rng.uniform(0, 6))),
            bob=Wave(float(rng.uniform(0.3, 0.9)), float(rng.uniform(0.4, 0.8)), float(rng.uniform(0, 6))),
            wag=Wave(float(rng.uniform(0.5, 2)), float(rng.uniform(0.3, 0.6)), float(rng.uniform(0, 6))),
            pan_x=motion.pan_x,
            pan_y=motion.pan_y,
            walk=speed,
        ),
        in_front,
    )


def _scaled(creature: Creature, scale: float) -> Creature:
    """All lengths times `scale`, no bends, and the other nose."""
    lengths = ("snout", "nose_radius", "ear", "ear_width", "tail", "tail_radius", "leg", "leg_radius", "eye_radius")
    return replace(
        creature,
        **{name: scale * getattr(creature, name) for name in lengths},
        body=(scale * creature.body[0], scale * creature.body[1]),
        head=(scale * creature.head[0], scale * creature.head[1], scale * creature.head[2]),
        nose_rgb=COMPANION_NOSE,
        bends=(),
    )


def _sample_occluder(rng: np.random.Generator, motion: Motion) -> Occluder:
    kind = str(rng.choice(list(OCCLUDERS)))
    name = str(rng.choice(OCCLUDERS[kind]))
    width, height = {
        "post": (rng.uniform(4, 8), rng.uniform(50, 110)),
        "bush": (rng.uniform(18, 36), rng.uniform(12, 24)),
        "tufts": (rng.uniform(50, 130), rng.uniform(8, 16)),
    }[kind]
    base_y = min(motion.feet_y + float(rng.uniform(4, 12)), UNIT_SIZE - 4.0)
    x = float(rng.uniform(8, 120)) - motion.pan_x.at(4)  # somewhere in the picture in the middle of eight frames
    rgb = jitter(rng, mix(HUES[name], SHADOW, 0.12), 8)
    return Occluder(kind, name, rgb, x, base_y, float(width), float(height), int(rng.integers(2**31)))
