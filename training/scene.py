"""The scene of a seed. One in four is plain: a dog of six colours before sky, ground and hills; the rest are wide.

Seeds below 1_000_000 are for training; those at or above are held out: tests, the example clip, benchmarks.
"""

from __future__ import annotations

from .edits import PARTS, PartEdit, sample_edit
from .plain_scenes import plain_scene
from .values import UNIT_SIZE, Scene
from .wide_scenes import wide_scene

__all__ = ["HELD_OUT_FROM", "PARTS", "PLAIN_EVERY", "UNIT_SIZE", "PartEdit", "Scene", "sample_edit", "sample_scene"]

HELD_OUT_FROM = 1_000_000
PLAIN_EVERY = 4


def sample_scene(seed: int, frames: int = 8, size: int = 128) -> Scene:
    """The scene of a seed. `frames` and `size` change neither the creatures nor their motion.

    Seeds below 1_000_000 are for training, at or above are held out. Seeds divisible by `PLAIN_EVERY` give the
    plain domain, all others the wide one: 216 coats, five patterns, six body plans, textured backgrounds, and in
    part of them a second animal that crosses or something standing before it.
    """
    sample = wide_scene if seed % PLAIN_EVERY else plain_scene
    return sample(seed, frames, size)
