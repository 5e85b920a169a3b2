"""Scenes of one cartoon creature, as values: all that a frame needs, all randomness resolved by the seed.

Units are pixels of a 128-pixel picture with integer coordinates at pixel centres, x to the right and y down.
The creature itself is described in a local frame whose x points *forward*: one description faces both ways.
Seeds below 1_000_000 are for training; those at or above are held out: tests, the example clip, benchmarks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

PARTS = ("nose", "ear", "tail", "front_foot", "back_foot", "eye")
HELD_OUT_FROM = 1_000_000
UNIT_SIZE = 128

Rgb = tuple[int, int, int]

COATS: dict[str, Rgb] = {
    "purple": (110, 52, 140),
    "green": (72, 190, 78),
    "red": (192, 74, 72),
    "orange": (228, 136, 50),
    "yellow": (226, 204, 74),
    "teal": (42, 150, 150),
}
PATTERNS = ("plain", "spots", "stripes")
SKIES: dict[str, tuple[Rgb, Rgb]] = {  # at the top, at the horizon
    "blue": ((128, 176, 232), (172, 206, 240)),
    "cyan": ((132, 200, 224), (182, 226, 236)),
    "lavender": ((168, 168, 222), (204, 196, 232)),
    "pink": ((226, 176, 188), (242, 212, 206)),
}
GROUNDS: dict[str, Rgb] = {
    "green": (98, 150, 72),
    "olive": (126, 122, 62),
    "sand": (196, 172, 122),
    "grey": (118, 124, 124),
}
HILLS: dict[str, Rgb] = {
    "lime": (146, 196, 66),
    "magenta": (162, 88, 160),
    "emerald": (44, 134, 112),
    "brown": (136, 98, 74),
}


@dataclass(frozen=True)
class PartEdit:
    """Moves the tip of one part by (dx, dy) in every frame, in px at size 128; its shape follows."""

    part: str
    dx: float
    dy: float

    def __post_init__(self) -> None:
        if self.part not in PARTS:
            raise ValueError(f"unknown part {self.part!r}: one of {', '.join(PARTS)}")


@dataclass(frozen=True)
class Creature:
    """Shape and colours. Lengths in px at 128, angles in radians (0 = forward, positive = down)."""

    coat: str
    rgb: Rgb
    pattern: str
    marks: tuple[tuple[float, float, float], ...]  # (u, v, size) in units of the body's half axes
    facing: int  # +1 right, -1 left
    body: tuple[float, float]  # half axes
    head: tuple[float, float, float]  # centre from the body's centre (forward, down), radius
    snout: float  # how far the nose's centre lies beyond the head's circle
    snout_angle: float
    nose_radius: float
    ear: float  # how far the tip lies beyond the head's circle
    ear_angle: float
    ear_width: float
    tail: float  # from rump to tip, straight
    tail_angle: float
    tail_curl: float  # how far the curve's control point stands off the chord, as a share of the length
    tail_radius: float
    leg: float  # from belly to ground
    leg_radius: float
    eye_radius: float
    bends: tuple[PartEdit, ...]  # edits that belong to this creature: edited ones are ordinary


@dataclass(frozen=True)
class Wave:
    """amplitude · sin(speed · frame + phase): every motion is one, so nothing teleports or runs away."""

    amplitude: float
    speed: float
    phase: float

    def at(self, frame: float, lead: float = 0.0) -> float:
        return self.amplitude * math.sin(self.speed * frame + self.phase + lead)


@dataclass(frozen=True)
class Motion:
    """Where the creature stands and how it, and the camera, move. Pixels at 128."""

    x: float  # body centre
    feet_y: float
    drift: Wave  # creature against the frame
    stride: Wave  # feet
    bob: Wave  # head
    wag: Wave  # tail tip
    pan_x: Wave  # background against the frame
    pan_y: Wave  # background and creature together


@dataclass(frozen=True)
class Hill:
    name: str
    rgb: Rgb
    x: float
    half_width: float
    height: float


@dataclass(frozen=True)
class Background:
    sky: str
    sky_rgb: tuple[Rgb, Rgb]
    ground: str
    ground_rgb: Rgb
    horizon: float
    hills: tuple[Hill, ...]
    cloudiness: float  # amplitude of the sky's texture, grey levels
    noise_seed: int


@dataclass(frozen=True)
class Scene:
    """A clip of `frames` frames of `size` by `size` pixels."""

    seed: int
    frames: int
    size: int
    creature: Creature
    motion: Motion
    background: Background


def sample_scene(seed: int, frames: int = 8, size: int = 128) -> Scene:
    """The scene of a seed. `frames` and `size` change neither the creature nor its motion.

    Seeds below 1_000_000 are for training, at or above are held out.
    """
    rng = np.random.default_rng(seed)
    creature = _sample_creature(rng)
    motion = _sample_motion(rng, creature)
    return Scene(seed, frames, size, creature, motion, _sample_background(rng, motion))


def sample_edit(rng: np.random.Generator, part: str | None = None, reach: float = 12.0) -> PartEdit:
    """A random edit, any direction, at most `reach` px long; feet and eyes break sooner and go less far."""
    part = part or str(rng.choice(PARTS, p=(0.35, 0.2, 0.2, 0.1, 0.1, 0.05)))
    share = {"front_foot": 0.6, "back_foot": 0.6, "eye": 0.2}.get(part, 1.0)
    length = reach * share * math.sqrt(rng.uniform(0.02, 1))
    angle = rng.uniform(0, 2 * math.pi)
    return PartEdit(part, length * math.cos(angle), length * math.sin(angle))


def _jitter(rng: np.random.Generator, rgb: Rgb, amount: int) -> Rgb:
    shifted = np.clip(np.array(rgb) + rng.integers(-amount, amount + 1, 3), 0, 255)
    return int(shifted[0]), int(shifted[1]), int(shifted[2])


def _sample_marks(rng: np.random.Generator, pattern: str) -> tuple[tuple[float, float, float], ...]:
    if pattern == "spots":
        radius, angle = np.sqrt(rng.uniform(0, 0.5, 8)), rng.uniform(0, 2 * math.pi, 8)
        sizes = rng.uniform(0.08, 0.15, 8)
        spots = zip(radius * np.cos(angle), radius * np.sin(angle), sizes, strict=True)
        return tuple((float(u), float(v), float(s)) for u, v, s in spots)[: rng.integers(5, 9)]
    if pattern == "stripes":
        count, width = int(rng.integers(4, 7)), float(rng.uniform(0.05, 0.08))
        return tuple((float(u), 0.0, width) for u in np.linspace(-0.75, 0.6, count))
    return ()


def _sample_creature(rng: np.random.Generator) -> Creature:
    coat = str(rng.choice(list(COATS)))
    pattern = str(rng.choice(PATTERNS))
    half_length, half_height = rng.uniform(17, 23), rng.uniform(9, 13)
    head_radius = rng.uniform(7, 10)
    head = (0.85 * half_length + rng.uniform(2, 7), -(0.6 * half_height + rng.uniform(4, 12)), head_radius)
    # One creature in two carries a shape of its own that the plain lengths and angles do not reach.
    bends = tuple(sample_edit(rng) for _ in range(int(rng.choice(3, p=(0.5, 0.3, 0.2)))))
    return Creature(
        coat=coat,
        rgb=_jitter(rng, COATS[coat], 10),
        pattern=pattern,
        marks=_sample_marks(rng, pattern),
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


def _sample_motion(rng: np.random.Generator, creature: Creature) -> Motion:
    def wave(amplitude: tuple[float, float], speed: tuple[float, float]) -> Wave:
        return Wave(rng.uniform(*amplitude), rng.uniform(*speed), rng.uniform(0, 2 * math.pi))

    bend = {part: sum(b.dx for b in creature.bends if b.part == part) * creature.facing for part in PARTS}
    face = (creature.head[2] + creature.snout) * math.cos(creature.snout_angle)
    front = creature.head[0] + face + bend["nose"]
    back = -0.9 * creature.body[0] + creature.tail * math.cos(creature.tail_angle) + bend["tail"]
    middle = -(front + back) / 2 + rng.uniform(-6, 6)
    # The face must stay in the picture, with room to be dragged; a long tail may leave it.
    middle = min(middle, 52 - front)
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
    sky, ground = str(rng.choice(list(SKIES))), str(rng.choice(list(GROUNDS)))
    names = rng.choice(list(HILLS), size=int(rng.choice(3, p=(0.3, 0.4, 0.3))), replace=False)
    hills = tuple(
        Hill(
            str(n),
            _jitter(rng, HILLS[str(n)], 8),
            rng.uniform(4, 124),
            rng.uniform(14, 40),
            rng.uniform(8, 26),
        )
        for n in names
    )
    top, low = SKIES[sky]
    return Background(
        sky=sky,
        sky_rgb=(_jitter(rng, top, 8), _jitter(rng, low, 8)),
        ground=ground,
        ground_rgb=_jitter(rng, GROUNDS[ground], 8),
        horizon=motion.feet_y - rng.uniform(4, 34),
        hills=hills,
        cloudiness=rng.uniform(0, 9),
        noise_seed=int(rng.integers(2**31)),
    )
