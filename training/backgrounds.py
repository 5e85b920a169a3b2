"""The world behind the creatures: sky, hills and ground with gentle textures, drawn once and panned over."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from .values import UNIT_SIZE, Background, Scene, Texture

SUPERSAMPLE = 4
_MARGIN_X, _MARGIN_Y = 26, 4  # the camera's furthest pan, px at 128
_SHIFT = 4  # fractional bits of cv2's fixed-point coordinates


def background_view(scene: Scene, frame: int) -> np.ndarray:
    """The supersampled background as the panned camera sees it, uint8 [4 size, 4 size, 3], a copy."""
    scale = SUPERSAMPLE * scene.size / UNIT_SIZE
    world, side = _world(scene.background, scene.size), SUPERSAMPLE * scene.size
    left = round((_MARGIN_X - scene.motion.pan_x.at(frame)) * scale)
    top = round((_MARGIN_Y - scene.motion.pan_y.at(frame)) * scale)
    return world[top : top + side, left : left + side].copy()


def fill(canvas: np.ndarray, points: np.ndarray, scale: float, colour: tuple[int, ...]) -> None:
    """Fills a convex polygon [K, 2] in px at 128 on a canvas of `scale` times that size, in place."""
    fixed = np.rint(((points + 0.5) * scale - 0.5) * 2**_SHIFT).astype(np.int32)
    cv2.fillConvexPoly(canvas, fixed, colour, lineType=cv2.LINE_8, shift=_SHIFT)


@lru_cache(maxsize=4)  # one entry serves all frames of a clip, edited and not
def _world(background: Background, size: int) -> np.ndarray:
    """All of the background that the camera can see, supersampled, uint8 [.., .., 3], read-only."""
    width, height = UNIT_SIZE + 2 * _MARGIN_X, UNIT_SIZE + 2 * _MARGIN_Y
    scale = SUPERSAMPLE * size / UNIT_SIZE
    shape = (round(width * scale), round(height * scale))
    rng = np.random.default_rng(background.noise_seed)
    down = np.clip((np.arange(height) - _MARGIN_Y) / background.horizon, 0, 1)[:, None, None]
    top, low = (np.array(rgb, np.float32) for rgb in background.sky_rgb)
    clouds, mottle = (_noise(rng, height, width, amplitude) for amplitude in (background.cloudiness, 5.0))
    sky_texture, ground_texture = (
        _texture(texture, height, width, rng) for texture in (background.sky_texture, background.ground_texture)
    )
    sky = _to_canvas(top + (low - top) * down + clouds + sky_texture, shape)
    ground = _to_canvas(np.array(background.ground_rgb) + mottle + ground_texture, shape)

    offset = np.array([_MARGIN_X, _MARGIN_Y])
    for hill in background.hills:
        angle = np.linspace(np.pi, 2 * np.pi, 48)
        arc = np.stack([hill.half_width * np.cos(angle), hill.height * np.sin(angle)], 1)
        fill(sky, offset + np.array([hill.x, background.horizon]) + arc, scale, hill.rgb)
    horizon = round((background.horizon + _MARGIN_Y + 0.5) * scale)
    sky[horizon:] = ground[horizon:]
    sky.flags.writeable = False
    return sky


def _noise(rng: np.random.Generator, height: int, width: int, amplitude: float) -> np.ndarray:
    """Smooth cloudy texture [height, width, 1], about +- amplitude."""
    grids = (rng.uniform(-1, 1, cells).astype(np.float32) for cells in ((7, 9), (18, 24)))
    coarse, fine = (cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) for grid in grids)
    return (amplitude * (0.7 * coarse + 0.35 * fine))[..., None]


def _texture(texture: Texture, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Grey levels to add, float32 [height, width, 1], mean about zero, edges about 2 px soft."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    turns_x, turns_y = 2 * np.pi * x / texture.period, 2 * np.pi * y / texture.period
    if texture.name == "checks":
        value = _soft(np.sin(turns_x / 2)) * _soft(np.sin(turns_y / 2))
    elif texture.name == "dots":
        value = 1.2 * np.clip(2 * np.cos(turns_x / 2) * np.cos(turns_y / 2) - 0.8, -0.2, 1)
    elif texture.name == "waves":
        value = np.sin(turns_y + 1.2 * np.sin(turns_x / 3))
    elif texture.name == "bricks":
        row = np.floor(y / (texture.period * 0.7))
        joint_y = np.abs(y / (texture.period * 0.7) - row - 0.5) * texture.period * 0.7
        joint_x = np.abs((x / (texture.period * 1.4) + row / 2) % 1 - 0.5) * texture.period * 1.4
        value = 0.3 - 1.3 * np.clip(1.5 - np.minimum(joint_x, joint_y), 0, 1)
    elif texture.name == "grass":
        value = _blades(height, width, rng)
    else:
        return np.zeros((1, 1, 1), np.float32)
    return (texture.contrast * value).astype(np.float32)[..., None]


def _soft(wave: np.ndarray) -> np.ndarray:
    return np.clip(2.5 * wave, -1, 1)


def _blades(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Short upright strokes, light and dark."""
    canvas = np.zeros((height, width), np.float32)
    feet = rng.uniform((0, 0), (width, height), (420, 2))
    lean, length, value = rng.uniform(-2, 2, 420), rng.uniform(3, 7, 420), rng.choice((-1.0, 1.0), 420)
    for (x, y), dx, dy, grey in zip(feet, lean, length, value, strict=True):
        cv2.line(canvas, (round(x), round(y)), (round(x + dx), round(y - dy)), float(grey), 1)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 0.7)) * 1.3


def _to_canvas(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """float [H, W, 3] as uint8 at `shape` = (width, height)."""
    full = np.broadcast_to(picture, (*picture.shape[:2], 3))
    return cv2.resize(np.clip(np.rint(full), 0, 255).astype(np.uint8), shape, interpolation=cv2.INTER_LINEAR)
