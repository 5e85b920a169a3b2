"""What a person does with the editor component on a page of its own: real mouse, touch and keys, no ComfyUI."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

Point = tuple[float, float]
COLOURS = ("#ff0000", "#0000ff", "#ff00ff", "#00ffff", "#ffff00", "#00ff00", "#ff0080", "#ff8000", "#8000ff")
PAIR = {"handle": [100, 60], "target": [160, 90]}
TEXT = {
    "version": 1, "size": [320, 180], "frame": 0, "pairs": [PAIR, {"handle": [200, 40], "target": [220, 120]}],
    "mask_points": [[60, 130]], "pinned_points": [[280, 150]],
}  # fmt: skip


class Editor:
    """An editor on its page, and what a person does with it."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @property
    def canvas(self) -> Locator:
        return self.page.locator("canvas.points")

    def call(self, method: str, value: object) -> None:
        self.page.evaluate("([method, value]) => page.editor[method](value)", [method, value])

    def show(self, **clip: Any) -> None:
        self.page.evaluate("clip => page.clip(clip)", clip)
        self.settle()

    def settle(self) -> None:
        """Wait until nothing is to be drawn: pictures come as promises and are drawn in animation frames."""
        self.page.evaluate(
            "async () => { for (let i = 0; i < 3; i++) { await new Promise(requestAnimationFrame);"
            " await new Promise((done) => setTimeout(done, 5)); } }"
        )

    def changes(self) -> list[dict[str, Any]]:
        """What the editor has written so far."""
        return [json.loads(text) for text in self.page.evaluate("page.changes")]

    def last(self) -> dict[str, Any]:
        return self.changes()[-1]

    def button(self, name: str) -> Locator:
        return self.page.locator(f"button[data-name={name}]")

    def status(self) -> str:
        return self.page.locator(".line").inner_text()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def at(self, point: Point) -> Point:
        """Where on the page a source point of the 320 x 180 clip is shown, for tests that are not about that."""
        box = self.canvas.bounding_box()
        assert box
        scale = min((box["width"] - 12) / 320, (box["height"] - 12) / 180)
        left, top = box["x"] + (box["width"] - 320 * scale) / 2, box["y"] + (box["height"] - 180 * scale) / 2
        return left + (point[0] + 0.5) * scale, top + (point[1] + 0.5) * scale

    def drag(self, start: Point, end: Point) -> None:
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down()
        mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        mouse.move(*end)
        mouse.up()

    def draw(self, start: Point, end: Point) -> None:
        self.drag(self.at(start), self.at(end))

    def click(self, point: Point) -> None:
        self.page.mouse.click(*self.at(point))

    def scrub(self, position: int) -> None:
        self.page.locator("input[type=range]").fill(str(position))
        self.settle()

    def marks(self, colours: list[str]) -> list[Point]:
        """Where on the page the clip's coloured marks are seen, found in a screenshot."""
        from PIL import Image

        box = self.canvas.bounding_box()
        assert box
        seen = np.asarray(Image.open(BytesIO(self.page.screenshot(clip=box))).convert("RGB")).astype(int)
        ratio = self.page.evaluate("devicePixelRatio")
        found = []
        for colour in colours:
            wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
            ys, xs = np.nonzero(np.abs(seen - wanted).max(-1) < 60)
            assert len(xs) > 3, f"no {colour} on the screenshot"
            found.append((box["x"] + (np.median(xs) + 0.5) / ratio, box["y"] + (np.median(ys) + 0.5) / ratio))
        return found


Make = Callable[..., Editor]


def near(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(np.array(found, float), np.array(expected, float), atol=1)


def tracks_of(text: dict[str, Any], frames: int, step: float = 5) -> dict[str, Any]:
    """Tracks that go `step` px to the right with every frame, in the form that Point-Set Propagation writes."""

    def sets(key: str, n: int) -> list[Any]:
        around = [(x, y) for y in (-4, 0, 4) for x in (-4, 0, 4)]
        return [[[p[key][0] + dx + step * n, p[key][1] + dy] for dx, dy in around] for p in text["pairs"]]

    return {
        "version": 1, "size": text["size"], "indices": list(range(frames)),
        "handles": [sets("handle", n) for n in range(frames)], "targets": [sets("target", n) for n in range(frames)],
        "visible": [[[1] * 9 for _ in text["pairs"]] for _ in range(frames)],
        "pinned": [text["pinned_points"]] * frames, "masks": [], "instruction": json.dumps(text),
    }  # fmt: skip
