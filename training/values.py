"""What a scene is made of, as values: all that a frame needs, all randomness resolved by the seed.

Units are pixels of a 128-pixel picture with integer coordinates at pixel centres, x to the right and y down.
A creature is described in a local frame whose x points *forward*: one description faces both ways.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .edits import PartEdit

UNIT_SIZE = 128

Rgb = tuple[int, int, int]
NOSE_RGB: Rgb = (16, 14, 96)
SHADOW: Rgb = (12, 10, 16)


@dataclass(frozen=True)
class BodyPlan:
    """How the parts of a kind of animal hang together; shares of the body's half axes, (forward, down)."""

    name: str
    hips: tuple[float, float] = (0.6, -0.6)  # of the front and the back leg, forward
    hip_drop: float = 0.3
    far_legs: bool = True  # False: it walks on two
    neck: tuple[float, float] = (0.62, -0.3)
    neck_base: float = 0.6  # radius of the neck at the body, of the body's half height
    neck_top: float = 0.75  # and at the head, of the head's radius
    rump: tuple[float, float] = (-0.9, -0.25)


@dataclass(frozen=True)
class Creature:
    """Shape and colours. Lengths in px at 128, angles in radians (0 = forward, positive = down)."""

    plan: BodyPlan
    coat: str  # in words
    rgb: Rgb
    pattern: str
    marks: tuple[tuple[float, float, float], ...]  # (u, v, size) in units of the body's half axes
    marks_name: str
    marks_rgb: Rgb
    nose_rgb: Rgb
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
    """amplitude * sin(speed * frame + phase): bounded, so that nothing teleports or runs away."""

    amplitude: float
    speed: float
    phase: float

    def at(self, frame: float, lead: float = 0.0) -> float:
        return self.amplitude * math.sin(self.speed * frame + self.phase + lead)


@dataclass(frozen=True)
class Motion:
    """Where a creature stands and how it, and the camera, move. Pixels at 128."""

    x: float  # body centre
    feet_y: float
    drift: Wave  # creature against the frame
    stride: Wave  # feet
    bob: Wave  # head
    wag: Wave  # tail tip
    pan_x: Wave  # background against the frame
    pan_y: Wave  # background and creature together
    walk: float = 0.0  # px a frame, for one that crosses the picture


@dataclass(frozen=True)
class Companion:
    """The second animal: smaller, with a pink nose, and never edited or tracked."""

    creature: Creature
    motion: Motion
    in_front: bool


@dataclass(frozen=True)
class Hill:
    name: str
    rgb: Rgb
    x: float
    half_width: float
    height: float


@dataclass(frozen=True)
class Texture:
    """A pattern of a surface; "plain" is none. `contrast` in grey levels, `period` in px."""

    name: str = "plain"
    contrast: float = 0.0
    period: float = 10.0


@dataclass(frozen=True)
class Background:
    sky: str
    sky_rgb: tuple[Rgb, Rgb]  # at the top, at the horizon
    ground: str
    ground_rgb: Rgb
    horizon: float
    hills: tuple[Hill, ...]
    cloudiness: float  # amplitude of the sky's texture, grey levels
    noise_seed: int
    sky_texture: Texture = Texture()
    ground_texture: Texture = Texture()


@dataclass(frozen=True)
class Occluder:
    """Something that stands before the creatures, where the background is: it moves with the camera."""

    kind: str
    name: str  # of its colour
    rgb: Rgb
    x: float
    base_y: float
    width: float
    height: float
    seed: int


@dataclass(frozen=True)
class Scene:
    """A clip of `frames` frames of `size` by `size` pixels."""

    seed: int
    frames: int
    size: int
    creature: Creature
    motion: Motion
    background: Background
    companion: Companion | None = None
    occluders: tuple[Occluder, ...] = ()
