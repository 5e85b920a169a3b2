"""How fast the editor draws while a point is dragged over a 1080p frame, in a headless Chromium.

    python -m bench.editor

writes JSON: frames per second by the browser's own animation clock and the milliseconds of our script for each frame
(pointer event and drawing). Headless Chromium draws without a GPU, on as many cores as there are, so there is beside
it what the browser makes of two canvases of that size with next to nothing on them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.browser import FLAGS, NAMED, NAMES
from tests.web.editor_page.site import editor_site

if TYPE_CHECKING:
    from playwright.sync_api import Page

WIDTH, HEIGHT = 1920, 1080

WATCH = """
window.spent = 0;
{
  const request = window.requestAnimationFrame.bind(window);
  window.plainFrame = request;
  window.requestAnimationFrame = (callback) => request((now) => {
    const start = performance.now();
    callback(now);
    window.spent += performance.now() - start;
  });
}
"""
"""Adds up the time of every animation frame that the editor asks for."""

BARE = """async ({ frames, width, height }) => {
  const contexts = [0, 1].map(() => {
    const canvas = document.createElement("canvas");
    canvas.style.cssText = `position: fixed; left: 0; top: 0; width: ${width}px; height: ${height}px`;
    [canvas.width, canvas.height] = [width * devicePixelRatio, height * devicePixelRatio];
    document.body.append(canvas);
    return canvas.getContext("2d");
  });
  contexts[0].fillRect(0, 0, 1e4, 1e4);
  const times = [];
  for (let i = 0; i <= frames; i += 1) {
    times.push(await new Promise(window.plainFrame));
    contexts[1].clearRect(0, 0, 1e4, 1e4);
    contexts[1].fillRect(i, i, 10, 10);
  }
  for (const { canvas } of contexts) canvas.remove();
  return times;
}"""
"""The least that can be drawn: a small square on two canvases of the editor's size."""

DRAG = """async ({ frames, left, top, width, height }) => {
  const canvas = document.querySelector(".dragavideo-editor").shadowRoot.querySelector("canvas.points");
  const [times, script] = [[], []];
  window.spent = 0;
  for (let i = 0; i <= frames; i += 1) {
    times.push(await new Promise(window.plainFrame));
    script.push(window.spent);
    const angle = i / 9;
    const clientX = left + width * (0.5 + 0.4 * Math.cos(angle));
    const clientY = top + height * (0.5 + 0.4 * Math.sin(angle));
    const start = performance.now();
    canvas.dispatchEvent(new PointerEvent("pointermove", {
      pointerId: 1, pointerType: "mouse", buttons: 1, clientX, clientY, bubbles: true,
    }));
    window.spent = performance.now() - start; // the drawing comes with the next frame, and is added
  }
  return { times, script };
}"""


def instruction(pairs: int) -> dict[str, Any]:
    """Arrows in rows over the whole frame, with one mask point and one pin for every ten."""
    columns = 10
    steps = WIDTH / (columns + 1), HEIGHT / (pairs // columns + 2)
    starts = [((i % columns + 1) * steps[0], (i // columns + 1) * steps[1]) for i in range(pairs)]
    return {
        "version": 1, "size": [WIDTH, HEIGHT], "frame": 0,
        "pairs": [{"handle": [x, y], "target": [x + 70, y + 50]} for x, y in starts],
        "mask_points": [[x + 40, y] for x, y in starts[::10]],
        "pinned_points": [[x, y + 60] for x, y in starts[::10]],
    }  # fmt: skip


def measure(page: Page, *, pairs: int, frames: int) -> dict[str, Any]:
    """Drag the first handle in circles for so many frames."""
    page.evaluate("size => page.make({ width: size[0], height: size[1] })", [1280, 820])
    page.evaluate("text => page.editor.setText(text)", json.dumps(instruction(pairs)))
    page.evaluate("size => page.clip({ width: size[0], height: size[1] })", [WIDTH, HEIGHT])
    page.evaluate("page.editor.setMaskRadius(60)")
    box = page.locator("canvas.points").bounding_box()
    assert box
    bare = page.evaluate(BARE, {"frames": frames, "width": round(box["width"]), "height": round(box["height"])})
    scale = min((box["width"] - 12) / WIDTH, (box["height"] - 12) / HEIGHT)
    x, y = instruction(pairs)["pairs"][0]["handle"]
    left, top = box["x"] + (box["width"] - WIDTH * scale) / 2, box["y"] + (box["height"] - HEIGHT * scale) / 2
    page.mouse.move(left + x * scale, top + y * scale)
    page.mouse.down()
    area = {"left": left, "top": top, "width": WIDTH * scale, "height": HEIGHT * scale}
    seen = page.evaluate(DRAG, {"frames": frames, **area})
    page.mouse.up()
    assert page.evaluate("page.changes.length") == 1, "the point was not dragged"
    return {
        "pairs": pairs,
        "points": 2 * pairs + 2 * len(range(0, pairs, 10)),
        "frames_per_second": per_second(seen["times"]),
        "frames_per_second_bare": per_second(bare),
        "script_ms_median": round(float(np.median(seen["script"])), 2),
        "script_ms_95": round(float(np.percentile(seen["script"], 95)), 2),
    }


def per_second(times: list[float]) -> float:
    """Of time stamps in ms."""
    steps = np.diff(times)
    return round(1000 / float(steps.mean()), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, nargs="+", default=[23, 50], help="arrows on the frame")
    parser.add_argument("--frames", type=int, default=120, help="drawn for each measurement")
    parser.add_argument("--device-pixel-ratio", type=float, nargs="+", default=[1, 2])
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    path = os.environ.get(NAMED) or next(filter(None, map(shutil.which, NAMES)), None)
    results = []
    with editor_site() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        for ratio in options.device_pixel_ratio:
            for pairs in options.pairs:
                viewport: Any = {"width": 1340, "height": 900}
                page = browser.new_page(viewport=viewport, device_scale_factor=ratio)
                page.add_init_script(WATCH)
                page.goto(address)
                page.wait_for_function("window.page")
                found = measure(page, pairs=pairs, frames=options.frames)
                results.append({"device_pixel_ratio": ratio, **found})
                page.close()
        browser.close()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    report = {"picture": [WIDTH, HEIGHT], "cores": os.cpu_count(), "load": load, "results": results}
    sys.stdout.write(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
