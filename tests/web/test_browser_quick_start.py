"""What a newcomer does: open the quick start from the template browser, click points, press Run, see the edit."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from dragavideo_core.instruction.examples import example
from dragavideo_core.instruction.parsing import load_instruction
from dragavideo_core.media.video_io import read_video
from tests.browser import FEW_KINDS, FrontEnd
from tests.pointing import Hand, learn_screen

NEEDED_S = 300
FRAMES = 2


@pytest.mark.parametrize("front", FEW_KINDS, indirect=True, scope="session", ids=str)
def test_quick_start(front: FrontEnd, tmp_path: Path) -> None:
    page = front.page
    front.new_workflow()
    front.command("Comfy.BrowseTemplates")
    page.get_by_text("drag-a-video", exact=True).click()
    page.get_by_role("heading", name="1_quick_start").click()
    page.wait_for_function("() => app.graph.nodes.some((one) => one.type === 'DragAVideoDragPoints')")
    ids = page.evaluate("() => Object.fromEntries(app.graph.nodes.map((one) => [one.type, String(one.id)]))")
    points = ids["DragAVideoDragPoints"]
    front.set(ids["DragAVideoExampleClip"], "limit", FRAMES)
    front.set(ids["DragAVideoLatentOffsetOptimizer"], "iterations", 2)

    front.look_at(points, 1)
    editor = front.editors.last
    editor.get_by_text(re.compile("Drags: 1, mask points: 3, pins: 2")).last.wait_for()
    page.screenshot(path=tmp_path / "opened.png")
    hand = Hand(front, editor, learn_screen(front, points))
    wanted = load_instruction(example("creature").instruction)
    hand.tool("^Drag")
    for pair in wanted.pairs:
        hand.drag(pair.handle, pair.target)
    for tool, marks in (("^Mask", wanted.mask_points), ("^Pin", wanted.pinned_points)):
        hand.tool(tool)
        for point in marks:
            hand.click(point)
    drawn = front.instruction(points)
    assert drawn["pairs"][0]["handle"] == pytest.approx(wanted.pairs[0].handle, abs=1)
    for key, marks in (("mask_points", wanted.mask_points), ("pinned_points", wanted.pinned_points)):
        assert drawn[key] == [pytest.approx(point, abs=1) for point in marks]
    page.screenshot(path=tmp_path / "points.png")

    page.get_by_role("button", name="Run", exact=True).first.click()
    front.look_at(ids["SaveVideo"], 1)
    video = page.locator("video").first
    video.wait_for(timeout=1000 * NEEDED_S)
    page.wait_for_function("() => document.querySelector('video').readyState > 1", timeout=30_000)
    assert "quick_start" in video.evaluate("one => one.currentSrc")
    page.screenshot(path=tmp_path / "edited.png")

    # The queued graph held these points, and they moved what they should.
    def finished() -> list[Any]:
        return [one for one in front.server.get("/history").values() if ids["SaveVideo"] in one["outputs"]]

    end = time.monotonic() + NEEDED_S  # The video plays before the last node has run.
    while not finished() and time.monotonic() < end:
        time.sleep(0.2)
    (entry,) = finished()
    graph, outputs = entry["prompt"][2], entry["outputs"]
    assert json.loads(graph[points]["inputs"]["instruction"]) == drawn
    (saved,) = outputs[ids["SaveVideo"]]["images"]
    path = front.server.output / saved["subfolder"] / saved["filename"]
    assert len(read_video(path, every=1, limit=100, start=0).frames) == FRAMES
    report = json.loads(outputs[ids["DragAVideoDragReport"]]["text"][0])
    assert sum(report["distance_after_px"]) < 0.5 * sum(report["distance_before_px"])

    # And the editor shows where the points went in the other frames.
    front.look_at(points, 1)
    editor.get_by_role("slider").fill("1")
    editor.get_by_text(re.compile("Drag a tracked handle to correct it")).last.wait_for()
    page.screenshot(path=tmp_path / "tracks.png")
    assert not front.problems
