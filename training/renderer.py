"""Draws scenes: frames, where their parts are, and the true result of an edit.

Everything is drawn at four times the size and averaged down, so edges are smooth and shapes have no seams.
Pixel arguments and results are in pixels of `scene.size`; only a PartEdit is always in pixels at 128. An `edit` is
nothing, one PartEdit or a tuple of them, all applied at once.
"""

from __future__ import annotations

import cv2
import numpy as np

from .backgrounds import SUPERSAMPLE, background_view, fill
from .edits import PARTS, Edits
from .shapes import OTHER, shapes
from .skeleton import tip_positions
from .values import UNIT_SIZE, Scene


def render_frame(scene: Scene, frame: int, edit: Edits = None) -> np.ndarray:
    """RGB uint8 [size, size, 3]."""
    scale = SUPERSAMPLE * scene.size / UNIT_SIZE
    canvas = background_view(scene, frame)
    for _, rgb, points in shapes(scene, frame, edit):
        fill(canvas, points, scale, rgb)
    return cv2.resize(canvas, (scene.size, scene.size), interpolation=cv2.INTER_AREA)


def render_clip(scene: Scene, edit: Edits = None) -> np.ndarray:
    """RGB uint8 [frames, size, size, 3]."""
    return np.stack([render_frame(scene, frame, edit) for frame in range(scene.frames)])


def part_positions(scene: Scene, frame: int, edit: Edits = None) -> dict[str, tuple[float, float]]:
    """(x, y) of each part's tip in px, integer coordinates at pixel centres; may lie outside the picture."""
    scale = scene.size / UNIT_SIZE
    tips = ((part, (point + 0.5) * scale - 0.5) for part, point in tip_positions(scene, frame, edit).items())
    return {part: (float(x), float(y)) for part, (x, y) in tips}


def part_labels(scene: Scene, frame: int, edit: Edits = None) -> np.ndarray:
    """uint8 [size, size] of what is to be seen: 0 background, second animal or occluder, 1 the untracked rest of
    the creature, 2 + index in PARTS."""
    labels = np.zeros((scene.size, scene.size), np.uint8)
    values = {OTHER: 0} | {part: index + 2 for index, part in enumerate(PARTS)}
    for part, _, points in shapes(scene, frame, edit):
        fill(labels, points, scene.size / UNIT_SIZE, (values.get(part, 1),))
    return labels


def part_visible(scene: Scene, frame: int, part: str, edit: Edits = None) -> bool:
    """Whether the tip is inside the picture and nothing is drawn over it: no other part, animal or occluder."""
    x, y = (round(c) for c in part_positions(scene, frame, edit)[part])
    if not (0 <= x < scene.size and 0 <= y < scene.size):
        return False
    return bool(part_labels(scene, frame, edit)[y, x] == PARTS.index(part) + 2)


def edit_mask(scene: Scene, frame: int, edit: Edits, margin: int = 4) -> np.ndarray:
    """bool [size, size]: where the frame and its true edit differ, dilated by `margin` px."""
    differs = (render_frame(scene, frame) != render_frame(scene, frame, edit)).any(-1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
    return cv2.dilate(differs.astype(np.uint8), kernel).astype(bool)
