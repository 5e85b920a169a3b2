"""Draws scenes: frames, where their parts are, and the true result of an edit.

Everything is drawn at four times the size and averaged down, so edges are smooth and shapes have no seams.
Pixel arguments and results are in pixels of `scene.size`; only a PartEdit is always in pixels at 128.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from .scene import PARTS, UNIT_SIZE, Background, PartEdit, Scene
from .skeleton import shapes, tip_positions

_SUPERSAMPLE = 4
_MARGIN_X, _MARGIN_Y = 26, 4  # the camera's furthest pan, px at 128
_SHIFT = 4  # fractional bits of cv2's fixed-point coordinates


def render_frame(scene: Scene, frame: int, edit: PartEdit | None = None) -> np.ndarray:
    """RGB uint8 [size, size, 3]."""
    scale = _SUPERSAMPLE * scene.size / UNIT_SIZE
    canvas = _background_view(scene, frame)
    for _, rgb, points in shapes(scene, frame, edit):
        _fill(canvas, points, scale, rgb)
    return cv2.resize(canvas, (scene.size, scene.size), interpolation=cv2.INTER_AREA)


def render_clip(scene: Scene, edit: PartEdit | None = None) -> np.ndarray:
    """RGB uint8 [frames, size, size, 3]."""
    return np.stack([render_frame(scene, frame, edit) for frame in range(scene.frames)])


def part_positions(scene: Scene, frame: int, edit: PartEdit | None = None) -> dict[str, tuple[float, float]]:
    """(x, y) of each part's tip in px, integer coordinates at pixel centres; may lie outside the picture."""
    scale = scene.size / UNIT_SIZE
    tips = ((part, (point + 0.5) * scale - 0.5) for part, point in tip_positions(scene, frame, edit).items())
    return {part: (float(x), float(y)) for part, (x, y) in tips}


def part_labels(scene: Scene, frame: int, edit: PartEdit | None = None) -> np.ndarray:
    """uint8 [size, size]: 0 background, 1 the untracked rest of the creature, 2 + index in PARTS."""
    labels = np.zeros((scene.size, scene.size), np.uint8)
    for part, _, points in shapes(scene, frame, edit):
        _fill(labels, points, scene.size / UNIT_SIZE, (PARTS.index(part) + 2 if part in PARTS else 1,))
    return labels


def part_visible(scene: Scene, frame: int, part: str, edit: PartEdit | None = None) -> bool:
    """Whether the tip is inside the picture and no other part is drawn over it."""
    x, y = (round(c) for c in part_positions(scene, frame, edit)[part])
    if not (0 <= x < scene.size and 0 <= y < scene.size):
        return False
    return bool(part_labels(scene, frame, edit)[y, x] == PARTS.index(part) + 2)


def edit_mask(scene: Scene, frame: int, edit: PartEdit, margin: int = 4) -> np.ndarray:
    """bool [size, size]: where the frame and its true edit differ, dilated by `margin` px."""
    differs = (render_frame(scene, frame) != render_frame(scene, frame, edit)).any(-1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
    return cv2.dilate(differs.astype(np.uint8), kernel).astype(bool)


def _fill(canvas: np.ndarray, points: np.ndarray, scale: float, colour: tuple[int, ...]) -> None:
    fixed = np.rint(((points + 0.5) * scale - 0.5) * 2**_SHIFT).astype(np.int32)
    cv2.fillConvexPoly(canvas, fixed, colour, lineType=cv2.LINE_8, shift=_SHIFT)


def _background_view(scene: Scene, frame: int) -> np.ndarray:
    """The supersampled background as the panned camera sees it, uint8 [4 size, 4 size, 3], a copy."""
    scale = _SUPERSAMPLE * scene.size / UNIT_SIZE
    world, side = _world(scene.background, scene.size), _SUPERSAMPLE * scene.size
    left = round((_MARGIN_X - scene.motion.pan_x.at(frame)) * scale)
    top = round((_MARGIN_Y - scene.motion.pan_y.at(frame)) * scale)
    return world[top : top + side, left : left + side].copy()


@lru_cache(maxsize=4)  # one entry serves all frames of a clip, edited and not
def _world(background: Background, size: int) -> np.ndarray:
    """All of the background that the camera can see, supersampled, uint8 [.., .., 3], read-only."""
    width, height = UNIT_SIZE + 2 * _MARGIN_X, UNIT_SIZE + 2 * _MARGIN_Y
    scale = _SUPERSAMPLE * size / UNIT_SIZE
    shape = (round(width * scale), round(height * scale))
    rng = np.random.default_rng(background.noise_seed)
    down = np.clip((np.arange(height) - _MARGIN_Y) / background.horizon, 0, 1)[:, None, None]
    top, low = (np.array(rgb, np.float32) for rgb in background.sky_rgb)
    sky = _to_canvas(top + (low - top) * down + _noise(rng, height, width, background.cloudiness), shape)
    ground = _to_canvas(np.array(background.ground_rgb) + _noise(rng, height, width, 5.0), shape)

    offset = np.array([_MARGIN_X, _MARGIN_Y])
    for hill in background.hills:
        angle = np.linspace(np.pi, 2 * np.pi, 48)
        arc = np.stack([hill.half_width * np.cos(angle), hill.height * np.sin(angle)], 1)
        _fill(sky, offset + np.array([hill.x, background.horizon]) + arc, scale, hill.rgb)
    horizon = round((background.horizon + _MARGIN_Y + 0.5) * scale)
    sky[horizon:] = ground[horizon:]
    sky.flags.writeable = False
    return sky


def _noise(rng: np.random.Generator, height: int, width: int, amplitude: float) -> np.ndarray:
    """Smooth cloudy texture [height, width, 1], about ± amplitude."""
    grids = (rng.uniform(-1, 1, cells).astype(np.float32) for cells in ((7, 9), (18, 24)))
    coarse, fine = (cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) for grid in grids)
    return (amplitude * (0.7 * coarse + 0.35 * fine))[..., None]


def _to_canvas(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """float [H, W, 3] as uint8 at `shape` = (width, height)."""
    full = np.broadcast_to(picture, (*picture.shape[:2], 3))
    return cv2.resize(np.clip(np.rint(full), 0, 255).astype(np.uint8), shape, interpolation=cv2.INTER_LINEAR)
