"""Pictures in which source pixels are found again on the screen, and points set on them with the mouse.

Where a source pixel lies on the screen is read off a screenshot, not asked of the editor.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dragavideo_core.media.video_io import write_video
from tests.browser import FrontEnd

if TYPE_CHECKING:
    from playwright.sync_api import Locator

Point = tuple[float, float]
COLOURS = ((255, 0, 0), (0, 255, 0), (255, 255, 0), (255, 0, 255))
_SIDE = 9
_INSET = 12
"""Centre of a mark from the picture's borders, px."""


def _marks(width: int, height: int) -> list[tuple[int, int]]:
    """Source pixels at the centres of the four marks."""
    return [(x, y) for y in (_INSET, height - 1 - _INSET) for x in (_INSET, width - 1 - _INSET)]


def marked_frames(width: int, height: int, count: int) -> Tensor:
    """Grey pictures [count, height, width, 3] 0-1 with four coloured marks; frame i has the grey `grey(i)`."""
    frames = torch.stack([torch.full((height, width, 3), grey(i) / 255) for i in range(count)])
    for (x, y), colour in zip(_marks(width, height), COLOURS, strict=True):
        half = _SIDE // 2
        frames[:, y - half : y + half + 1, x - half : x + half + 1] = torch.tensor(colour) / 255
    return frames


def grey(frame: int) -> int:
    """The level 0-255 of a frame's background."""
    return 60 + 8 * frame


def write_clips(folder: Path) -> None:
    """What the tests load: wide.mp4 (320 x 180) and tall.mp4 (90 x 160) of 12 frames, and odd.png (101 x 67)."""
    write_video(folder / "wide.mp4", marked_frames(320, 180, 12), 24)
    write_video(folder / "tall.mp4", marked_frames(90, 160, 12), 24)
    (picture,) = (marked_frames(101, 67, 1) * 255).round().to(torch.uint8).numpy()
    Image.fromarray(picture).save(folder / "odd.png")


@dataclass(frozen=True)
class Screen:
    """How source pixels lie on the screen: at = scale * pixel + offset, CSS px."""

    scale: np.ndarray
    offset: np.ndarray

    def at(self, point: Point) -> Point:
        """Where a mouse has to point; mice know whole pixels only."""
        x, y = np.round(self.scale * point + self.offset)
        return float(x), float(y)


def picture_of(editor: Locator) -> np.ndarray:
    """The editor's picture on the screen [h, w, 3] 0-255, in device pixels."""
    canvas = editor.locator("canvas").last
    return np.asarray(Image.open(io.BytesIO(canvas.screenshot())).convert("RGB"))


def find_marks(front: FrontEnd, editor: Locator, seconds: float = 20) -> list[Point]:
    """Wait for the marks in the editor; where they are, in device pixels of its picture."""
    end = time.monotonic() + seconds
    while True:
        seen = [_centre(picture_of(editor), colour) for colour in COLOURS]
        if all(seen):
            return [centre for centre in seen if centre]
        assert time.monotonic() < end, f"the marks are not seen: {seen}"
        front.page.wait_for_timeout(100)


def find_screen(front: FrontEnd, editor: Locator, size: tuple[int, int]) -> Screen:
    """Wait for the marked picture of that size (w, h), without points, and find out how it lies on the screen."""
    seen = find_marks(front, editor)
    box = editor.locator("canvas").last.bounding_box()
    assert box is not None
    places = np.array(seen) / front.kind.pixel_ratio + (box["x"], box["y"])
    pixels = np.array(_marks(*size), dtype=float)
    scale, offset = zip(*(np.polyfit(pixels[:, i], places[:, i], 1) for i in (0, 1)), strict=True)
    screen = Screen(np.array(scale), np.array(offset))
    # Pixels are square, and the marks lie where the fit says.
    assert abs(scale[0] / scale[1] - 1) < 0.02
    assert np.abs(screen.scale * pixels + screen.offset - places).max() < 1.5
    return screen


def _centre(picture: np.ndarray, colour: Sequence[int]) -> Point | None:
    """Where the pixels of a colour lie in the mean (x, y), with the middle of the first at 0.5."""
    near = np.abs(picture.astype(int) - colour).max(-1) < 90
    if near.sum() < 6:
        return None
    y, x = np.nonzero(near)
    return float(x.mean() + 0.5), float(y.mean() + 0.5)


class Hand:
    """Sets points as a person does, with the mouse and the buttons of one editor."""

    def __init__(self, front: FrontEnd, editor: Locator, screen: Screen) -> None:
        self.front, self.editor, self.screen = front, editor, screen
        self.mouse = front.page.mouse

    def tool(self, name: str) -> None:
        """Take a tool from the toolbar."""
        self.editor.get_by_role("button", name=re.compile(name)).click()

    def click(self, point: Point) -> None:
        """Click at a source pixel."""
        self.mouse.click(*self.screen.at(point))

    def drag(self, start: Point, end: Point) -> None:
        """Press at one source pixel and release at another."""
        self.mouse.move(*self.screen.at(start))
        self.mouse.down()
        self.mouse.move(*self.screen.at(end), steps=4)
        self.mouse.up()


def learn_screen(front: FrontEnd, node: str) -> Screen:
    """How source pixels lie on the screen, from two pins that are taken back at once. Clears the points."""
    editor = front.editors.last
    box = editor.locator("canvas").last.bounding_box()
    assert box is not None
    places = [(round(box["x"] + box["width"] * s), round(box["y"] + box["height"] * s)) for s in (0.4, 0.6)]
    hand = Hand(front, editor, Screen(np.ones(2), np.zeros(2)))
    if editor.get_by_role("button", name=re.compile("^Clear")).is_enabled():
        hand.tool("^Clear")
    hand.tool("^Pin")
    for place in places:
        hand.click(place)
    pixels = front.instruction(node)["pinned_points"]
    hand.tool("^Clear")
    scale = np.subtract(*places) / np.subtract(*pixels)
    return Screen(scale, np.array(places[0]) - scale * pixels[0])
