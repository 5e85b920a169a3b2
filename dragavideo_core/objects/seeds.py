"""A click a little beside the object it means: the seed goes to the nearest pixel that looks like something."""

from __future__ import annotations

import numpy as np

from .colour import global_odds
from .tidy import away_from, discs

_REACH = 0.028
"""How far a click may be off, as a share of the shorter side."""
_RING, _FAR = 0.06, 0.12
_GROUND, _THING = 0.3, 1.0
"""Log odds against the colours of the frame's border: below the one a pixel is ground, above the other it is
something."""
_ROOM_PX = 1


def seed_of(lab: np.ndarray, click: tuple[float, float], motion: np.ndarray | None) -> tuple[float, float]:
    """The click (x, y) itself, or where it was meant: px of the working picture [H, W, 3] Lab.

    A click that looks like the frame's border, and does not move, with something else within reach, was meant for that.
    """
    height, width = lab.shape[:2]
    shorter = min(height, width)
    reach = max(3.0, _REACH * shorter)
    around = discs((height, width), [click], reach)
    far = away_from(discs((height, width), [click], 1)) > _FAR * shorter
    ring = np.ones((height, width), bool)
    edge = max(2, int(_RING * shorter))
    ring[edge:-edge, edge:-edge] = False
    wide = away_from(around) < reach
    odds = global_odds(lab, wide * 1.0, (ring & far) * 1.0, doubt=2e-3)
    if motion is not None:
        odds = odds + motion
    x, y = np.clip([round(click[0]), round(click[1])], 0, [width - 1, height - 1])
    if odds[y, x] > _GROUND:
        return click
    thing = around & (odds > _THING)
    rows, columns = np.nonzero(thing)
    if len(rows) < 4:
        return click
    nearest = int(np.argmin((columns - click[0]) ** 2 + (rows - click[1]) ** 2))
    to = np.array([columns[nearest], rows[nearest]], float)
    way = to - np.array(click)
    length = float(np.hypot(*way))
    inner = to + way / max(length, 1e-6) * _ROOM_PX
    return float(np.clip(inner[0], 0, width - 1)), float(np.clip(inner[1], 0, height - 1))
