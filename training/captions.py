"""Words for scenes, from a small closed vocabulary."""

from __future__ import annotations

import math

from .scene import COATS, GROUNDS, HILLS, SKIES, Scene
from .skeleton import skeleton

# Shorter than the first is "short", at least the second is "long". Pixels at 128.
_LENGTHS = {"snout": (10, 20), "ears": (10, 18), "tail": (19, 31), "legs": (15, 21)}
_GRAMMAR = "a an dog with and spots stripes plain coat facing left right short medium long"
_PLACES = "sky ground hill hills no"
VOCABULARY = tuple(sorted({*f"{_GRAMMAR} {_PLACES}".split(), *_LENGTHS, *COATS, *SKIES, *GROUNDS, *HILLS}))


def caption(scene: Scene) -> str:
    """For example "a purple dog with spots facing left, long snout, short ears, medium tail, long legs,
    blue sky, sand ground, lime hill"."""
    creature, background = scene.creature, scene.background
    bones = skeleton(scene, 0)
    ends = {"snout": (bones.head, "nose"), "ears": (bones.head, "ear"), "tail": (bones.rump, "tail")}
    lengths = {name: math.dist(start, bones.tips[tip]) for name, (start, tip) in ends.items()}
    lengths["snout"] -= creature.head[2]
    lengths["ears"] -= creature.head[2]
    lengths["legs"] = creature.leg
    article = "an" if creature.coat[0] in "aeiou" else "a"
    pattern = "plain coat" if creature.pattern == "plain" else creature.pattern
    side = "right" if creature.facing > 0 else "left"
    hills = [f"{hill.name} hill" for hill in background.hills] or ["no hills"]
    return ", ".join(
        [
            f"{article} {creature.coat} dog with {pattern} facing {side}",
            *(f"{_word(name, length)} {name}" for name, length in lengths.items()),
            f"{background.sky} sky",
            f"{background.ground} ground",
            " and ".join(hills),
        ]
    )


def _word(part: str, length: float) -> str:
    low, high = _LENGTHS[part]
    return "short" if length < low else "medium" if length < high else "long"
