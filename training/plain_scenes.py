"""The plain domain: one kind of creature, six coats, three patterns, sky and ground with hills.

What the first bundled model learnt from; its seeds still draw the same pictures.
"""

from __future__ import annotations

import math

import numpy as np

from .edits import PARTS, PartEdit, sample_edit
from .palette import HILLS, PLAIN_COATS, PLAIN_GROUNDS, PLAIN_HILLS, PLAIN_PATTERNS, PLAIN_SKIES, jitter, mix
from .values import NOSE_RGB, SHADOW, Background, BodyPlan, Creature, Hill, Motion, Scene, Wave

DOG = BodyPlan("dog")


def plain_scene(seed: int, frames: int, size: int) -> Scene:
    """The plain scene of a seed; see `scene.sample_scene`."""
    rng = np.random.default_rng(seed)
    creature = _sample_creature(rng)
    motion = sample_motion(rng, creature)
    return Scene(seed, frames, size, creature, motion, _sample_background(rng, motion))


def sample_marks(rng: np.random.Generator, pattern: str) -> tuple[tuple[float, float, float], ...]:
    """Spots (u, v, radius) or stripes (u, 0, half width) in units of the body; none for other patterns."""
    if pattern == "spots":
        radius, angle = np.sqrt(rng.uniform(0, 0.5, 8)), rng.uniform(0, 2 * math.pi, 8)
        sizes = rng.uniform(0.08, 0.15, 8)
        spots = zip(radius * np.cos(angle), radius * np.sin(angle), sizes, strict=True)
        return tuple((float(u), float(v), float(s)) for u, v, s in spots)[: rng.integers(5, 9)]
    if pattern == "stripes":
        count, width = int(rng.integers(4, 7)), float(rng.uniform(0.05, 0.08))
        return tuple((float(u), 0.0, width) for u in np.linspace(-0.75, 0.6, count))
    return ()


def sample_bends(rng: np.random.Generator) -> tuple[PartEdit, ...]:
    """One creature in two carries a shape of its own that the plain lengths and angles do not reach."""
    return tuple(sample_edit(rng) for _ in range(int(rng.choice(3, p=(0.5, 0.3, 0.2)))))


def _sample_creature(rng: np.random.Generator) -> Creature:
    coat = str(rng.choice(list(PLAIN_COATS)))
    pattern = str(rng.choice(PLAIN_PATTERNS))
    half_length, half_height = rng.uniform(17, 23), rng.uniform(9, 13)
    head_radius = rng.uniform(7, 10)
    head = (0.85 * half_length + rng.uniform(2, 7), -(0.6 * half_height + rng.uniform(4, 12)), head_radius)
    bends = sample_bends(rng)
    rgb = jitter(rng, PLAIN_COATS[coat], 10)
    return Creature(
        plan=DOG,
        coat=coat,
        rgb=rgb,
        pattern=pattern,
        marks=sample_marks(rng, pattern),
        marks_name="",
        marks_rgb=mix(rgb, SHADOW, 0.52),
        nose_rgb=NOSE_RGB,
        facing=int(rng.choice((-1, 1))),
        body=(half_length, half_height),
        head=head,
        snout=rng.uniform(3, 26),
        snout_angle=rng.uniform(-0.35, 0.5),
        nose_radius=rng.uniform(2.3, 3.2),
        ear=rng.uniform(5, 24),
        ear_angle=rng.uniform(-2.15, -1.3),
        ear_width=rng.uniform(5.5, 8.5),
        tail=rng.uniform(10, 40),
        tail_angle=math.pi + rng.uniform(-0.35, 1.25),
        tail_curl=rng.uniform(-0.55, 0.55),
        tail_radius=rng.uniform(2.0, 3.2),
        leg=rng.uniform(10, 26),
        leg_radius=rng.uniform(2.1, 3.0),
        eye_radius=rng.uniform(2.2, 3.0),
        bends=bends,
    )


def sample_motion(rng: np.random.Generator, creature: Creature) -> Motion:
    """A walk on the spot before a panning camera; the face stays in the picture, with room to be dragged."""

    def wave(amplitude: tuple[float, float], speed: tuple[float, float]) -> Wave:
        return Wave(rng.uniform(*amplitude), rng.uniform(*speed), rng.uniform(0, 2 * math.pi))

    bend = {part: sum(b.dx for b in creature.bends if b.part == part) * creature.facing for part in PARTS}
    face = (creature.head[2] + creature.snout) * math.cos(creature.snout_angle)
    front = creature.head[0] + face + bend["nose"]
    back = -0.9 * creature.body[0] + creature.tail * math.cos(creature.tail_angle) + bend["tail"]
    middle = -(front + back) / 2 + rng.uniform(-6, 6)
    middle = min(middle, 52 - front)  # a long tail may leave the picture
    return Motion(
        x=63.5 + creature.facing * middle,
        feet_y=rng.uniform(98, 114),
        drift=wave((0.5, 4), (0.1, 0.25)),
        stride=wave((2, 4.5), (0.35, 0.65)),
        bob=wave((0.4, 1.6), (0.3, 0.7)),
        wag=wave((1, 4), (0.25, 0.55)),
        pan_x=wave((4, 24), (0.04, 0.09)),
        pan_y=wave((0.2, 2), (0.1, 0.3)),
    )


def _sample_background(rng: np.random.Generator, motion: Motion) -> Background:
    sky, ground = str(rng.choice(list(PLAIN_SKIES))), str(rng.choice(list(PLAIN_GROUNDS)))
    names = rng.choice(list(PLAIN_HILLS), size=int(rng.choice(3, p=(0.3, 0.4, 0.3))), replace=False)
    hills = tuple(sample_hill(rng, str(name)) for name in names)
    top, low = PLAIN_SKIES[sky]
    return Background(
        sky=sky,
        sky_rgb=(jitter(rng, top, 8), jitter(rng, low, 8)),
        ground=ground,
        ground_rgb=jitter(rng, PLAIN_GROUNDS[ground], 8),
        horizon=motion.feet_y - rng.uniform(4, 34),
        hills=hills,
        cloudiness=rng.uniform(0, 9),
        noise_seed=int(rng.integers(2**31)),
    )


def sample_hill(rng: np.random.Generator, name: str) -> Hill:
    """A hill of that colour on the horizon."""
    return Hill(name, jitter(rng, HILLS[name], 8), rng.uniform(4, 124), rng.uniform(14, 40), rng.uniform(8, 26))
