"""Named colours, patterns and surfaces of scenes: few words, many combinations."""

from __future__ import annotations

import numpy as np

from .values import Rgb

HUES: dict[str, Rgb] = {
    "red": (212, 62, 58),
    "rust": (176, 84, 48),
    "orange": (232, 132, 48),
    "amber": (228, 164, 44),
    "gold": (196, 158, 70),
    "yellow": (236, 214, 72),
    "lime": (168, 206, 62),
    "green": (84, 178, 74),
    "olive": (124, 138, 60),
    "emerald": (40, 156, 104),
    "mint": (118, 206, 164),
    "teal": (40, 150, 150),
    "cyan": (70, 190, 214),
    "azure": (60, 140, 220),
    "blue": (62, 92, 208),
    "indigo": (80, 68, 176),
    "violet": (134, 92, 210),
    "purple": (118, 54, 146),
    "magenta": (190, 62, 160),
    "pink": (236, 134, 178),
    "rose": (214, 90, 122),
    "brown": (134, 92, 66),
    "tan": (198, 164, 122),
    "grey": (142, 142, 146),
}
TONES: dict[str, tuple[Rgb, float]] = {  # mixed with how much of what
    "pale": ((255, 255, 255), 0.56),
    "light": ((255, 255, 255), 0.28),
    "bright": ((255, 255, 255), 0.0),
    "deep": ((10, 8, 20), 0.26),
    "dark": ((10, 8, 20), 0.5),
    "dusty": ((150, 146, 140), 0.45),
    "smoky": ((74, 72, 82), 0.5),
    "warm": ((244, 160, 70), 0.3),
    "cool": ((80, 120, 210), 0.3),
}
PLAIN_COATS: dict[str, Rgb] = {
    "purple": (110, 52, 140),
    "green": (72, 190, 78),
    "red": (192, 74, 72),
    "orange": (228, 136, 50),
    "yellow": (226, 204, 74),
    "teal": (42, 150, 150),
}
PLAIN_PATTERNS = ("plain", "spots", "stripes")
PATTERNS = (*PLAIN_PATTERNS, "patches", "belly")
MARKS = ("dark", "light")

PLAIN_SKIES: dict[str, tuple[Rgb, Rgb]] = {  # at the top, at the horizon
    "blue": ((128, 176, 232), (172, 206, 240)),
    "cyan": ((132, 200, 224), (182, 226, 236)),
    "lavender": ((168, 168, 222), (204, 196, 232)),
    "pink": ((226, 176, 188), (242, 212, 206)),
}
SKIES: dict[str, tuple[Rgb, Rgb]] = {
    **PLAIN_SKIES,
    "peach": ((236, 190, 150), (246, 218, 186)),
    "mint": ((160, 212, 186), (200, 230, 210)),
    "amber": ((222, 172, 96), (244, 212, 146)),
    "silver": ((178, 182, 190), (208, 210, 214)),
    "indigo": ((58, 62, 116), (104, 100, 156)),
    "teal": ((74, 138, 148), (126, 178, 178)),
}
PLAIN_GROUNDS: dict[str, Rgb] = {
    "green": (98, 150, 72),
    "olive": (126, 122, 62),
    "sand": (196, 172, 122),
    "grey": (118, 124, 124),
}
GROUNDS: dict[str, Rgb] = {
    **PLAIN_GROUNDS,
    "snow": (222, 226, 232),
    "rust": (158, 94, 66),
    "brown": (112, 86, 66),
    "slate": (82, 92, 108),
    "violet": (136, 116, 160),
    "teal": (76, 134, 128),
}
PLAIN_HILLS: dict[str, Rgb] = {
    "lime": (146, 196, 66),
    "magenta": (162, 88, 160),
    "emerald": (44, 134, 112),
    "brown": (136, 98, 74),
}
HILLS: dict[str, Rgb] = {
    **PLAIN_HILLS,
    "slate": (92, 102, 122),
    "rust": (178, 100, 66),
    "tan": (194, 168, 130),
    "blue": (96, 124, 176),
}
SKY_TEXTURES = ("plain", "dots", "checks", "bricks", "waves")
GROUND_TEXTURES = ("plain", "grass", "dots", "checks", "bricks", "waves")
OCCLUDERS: dict[str, tuple[str, ...]] = {  # kind: colours
    "post": ("brown", "grey", "red", "tan"),
    "bush": ("green", "olive", "emerald", "rose"),
    "tufts": ("green", "olive", "lime", "gold"),
}


def coat_colour(tone: str, hue: str) -> Rgb:
    """One of the 216 coats, for example ("dusty", "teal")."""
    other, share = TONES[tone]
    return mix(HUES[hue], other, share)


def mix(rgb: Rgb, other: Rgb, share: float) -> Rgb:
    """`share` of the way from one colour to the other."""
    r, g, b = (round(a + share * (o - a)) for a, o in zip(rgb, other, strict=True))
    return r, g, b


def jitter(rng: np.random.Generator, rgb: Rgb, amount: int) -> Rgb:
    """The colour, each channel up to `amount` off."""
    shifted = np.clip(np.array(rgb) + rng.integers(-amount, amount + 1, 3), 0, 255)
    return int(shifted[0]), int(shifted[1]), int(shifted[2])
