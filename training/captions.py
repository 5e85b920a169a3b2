"""Words for scenes, from a small closed vocabulary."""

from __future__ import annotations

import math

import numpy as np

from .edits import Edits
from .palette import (
    GROUND_TEXTURES,
    GROUNDS,
    HILLS,
    HUES,
    MARKS,
    OCCLUDERS,
    PATTERNS,
    PLAIN_COATS,
    SKIES,
    SKY_TEXTURES,
    TONES,
)
from .skeleton import skeleton
from .values import Background, Creature, Scene, Texture
from .wide_scenes import PLANS

# Shorter than the first is "short", at least the second is "long". Pixels at 128.
_LENGTHS = {"snout": (10, 20), "ears": (10, 18), "tail": (19, 31), "legs": (15, 21)}
_GRAMMAR = "a an with and coat facing left right short medium long sky ground hill hills no small in front behind"
_NAMES = (HUES, TONES, PLAIN_COATS, PATTERNS, MARKS, PLANS, SKIES, SKY_TEXTURES, GROUNDS, GROUND_TEXTURES, HILLS)
_COLOURS_OF_OCCLUDERS = {name for names in OCCLUDERS.values() for name in names}
VOCABULARY = tuple(
    sorted({*_GRAMMAR.split(), *_LENGTHS, *OCCLUDERS, *_COLOURS_OF_OCCLUDERS, *(word for n in _NAMES for word in n)})
)


def caption(scene: Scene, edit: Edits = None) -> str:
    """For example "a dusty teal giraffe with light spots facing left, long snout, short ears, medium tail, long
    legs, blue sky with dots, sand ground with grass, lime hill, a small pale rust pig in front, a brown post".
    Lengths are those after `edit`. A plain scene says nothing of marks, textures, a second animal or occluders."""
    creature, background = scene.creature, scene.background
    bones = skeleton(scene, 0, edit)
    ends = {"snout": (bones.head, "nose"), "ears": (bones.head, "ear"), "tail": (bones.rump, "tail")}
    lengths = {name: math.dist(start, bones.tips[tip]) for name, (start, tip) in ends.items()}
    lengths["snout"] -= creature.head[2]
    lengths["ears"] -= creature.head[2]
    lengths["legs"] = creature.leg
    side = "right" if creature.facing > 0 else "left"
    phrases = [
        f"{_animal(creature)} with {_pattern(creature)} facing {side}",
        *(f"{_word(name, length)} {name}" for name, length in lengths.items()),
        *_places(background),
    ]
    if scene.companion is not None:
        small = scene.companion.creature
        phrases.append(f"a small {small.coat} {small.plan.name} {'in front' if scene.companion.in_front else 'behind'}")
    phrases += [f"{_article(thing.name)} {thing.name} {thing.kind}" for thing in scene.occluders]
    return ", ".join(phrases)


def shortened(text: str, rng: np.random.Generator) -> str:
    """The caption as people write prompts: whole one time in two, else its first phrase and any of the others."""
    first, *others = text.split(", ")
    share = rng.choice((1.0, rng.random()))
    return ", ".join([first, *(phrase for phrase in others if rng.random() < share)])


def _animal(creature: Creature) -> str:
    return f"{_article(creature.coat)} {creature.coat} {creature.plan.name}"


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def _pattern(creature: Creature) -> str:
    if creature.pattern == "plain":
        return "plain coat"
    return f"{creature.marks_name} {creature.pattern}".strip()


def _places(background: Background) -> list[str]:
    hills = [f"{hill.name} hill" for hill in background.hills] or ["no hills"]
    return [
        f"{background.sky} sky{_textured(background.sky_texture)}",
        f"{background.ground} ground{_textured(background.ground_texture)}",
        " and ".join(hills),
    ]


def _textured(texture: Texture) -> str:
    return "" if texture.name == "plain" else f" with {texture.name}"


def _word(part: str, length: float) -> str:
    low, high = _LENGTHS[part]
    return "short" if length < low else "medium" if length < high else "long"
