"""A first session: the own-clip workflow from the templates, a clip by Load Video, one drag, Run, verdict, result."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from dragavideo_core.instruction.examples import example
from dragavideo_core.instruction.parsing import load_instruction
from tests.browser import KINDS, FrontEnd
from tests.pointing import Hand, learn_screen, picture_of

NEEDED_S = 300
FRAMES = 4
BUNDLED = """() => {
  const of = (type) => app.graph.nodes.find((one) => one.type === type);
  const old = of("DragAVideoModelFromCheckpoint");
  const model = LiteGraph.createNode("DragAVideoLoadModel");
  model.pos = [...old.pos];
  app.graph.add(model);
  for (const id of [...old.outputs[0].links]) {
    const link = app.graph.getLink(id);
    model.connect(0, app.graph.getNodeById(link.target_id), link.target_slot);
  }
  app.graph.remove(of("CheckpointLoaderSimple"));
  app.graph.remove(old);
}"""
"""No checkpoint of Stable Diffusion is at hand: the bundled model takes its place."""


def close_dialogs(front: FrontEnd) -> None:
    """A checkpoint that is missing, an error: what the front end puts over the graph."""
    front.page.wait_for_timeout(500)
    while front.page.locator(".p-dialog-mask").count():
        front.page.keyboard.press("Escape")
        front.settle()


@pytest.mark.parametrize("front", KINDS, indirect=True, scope="session", ids=str)
def test_first_session(front: FrontEnd, tmp_path: Path) -> None:
    page = front.page
    front.new_workflow()
    shutil.copy(example("creature").clip, front.server.base / "input" / "own.mp4")
    front.command("Comfy.RefreshNodeDefinitions")
    front.command("Comfy.BrowseTemplates")
    page.get_by_text("drag-a-video", exact=True).click()
    page.get_by_role("heading", name="7_your_own_clip").click()
    page.wait_for_function("() => app.graph.nodes.some((one) => one.type === 'LoadVideo')")
    ids = page.evaluate("() => Object.fromEntries(app.graph.nodes.map((one) => [one.type, String(one.id)]))")
    points, clip = ids["DragAVideoDragPoints"], ids["DragAVideoPrepareClip"]
    close_dialogs(front)
    page.screenshot(path=tmp_path / "opened.png")
    page.evaluate(BUNDLED)
    front.set(ids["LoadVideo"], "file", "own.mp4")
    front.set(clip, "every", 1)
    front.set(clip, "limit", FRAMES)
    front.set(ids["DragAVideoLatentOffsetOptimizer"], "iterations", 1)
    front.look_at(points, 1)
    editor = front.editors.last
    editor.get_by_text("Press at a handle, drag to its target, release").last.wait_for()

    # Run without a drag: it is said where one looks, and nothing is paid for.
    run = page.get_by_role("button", name="Run", exact=True).first
    run.click()
    editor.get_by_text(re.compile("There is nothing to drag yet")).last.wait_for()
    page.screenshot(path=tmp_path / "nothing.png")
    close_dialogs(front)

    hand = Hand(front, editor, learn_screen(front, points))
    (pair,) = load_instruction(example("creature").instruction).pairs
    hand.tool("^Drag")
    hand.drag(pair.handle, pair.target)
    assert front.instruction(points)["pairs"][0]["handle"] == pytest.approx(pair.handle, abs=1)
    run.click()
    verdict = editor.locator(".verdict")
    verdict.wait_for(timeout=1000 * NEEDED_S)
    assert re.match(rf"arrived in \d of {FRAMES} frames", verdict.inner_text())
    page.screenshot(path=tmp_path / "verdict.png")

    # What was made is seen in the editor, beside what was there, and plays.
    before = picture_of(editor).astype(int)
    editor.get_by_role("button", name="After", exact=True).click()
    page.wait_for_timeout(1000)
    assert np.abs(picture_of(editor) - before).max() > 40
    page.screenshot(path=tmp_path / "after.png")
    editor.get_by_role("button", name="Wipe", exact=True).click()
    hand.mouse.move(*hand.screen.at((pair.handle[0], 100)))
    front.settle()
    page.screenshot(path=tmp_path / "wipe.png")
    slider = editor.get_by_role("slider")
    slider.focus()
    page.keyboard.press("Space")
    seen = set()
    for _ in range(200):
        seen.add(slider.input_value())
        page.wait_for_timeout(50)
        if len(seen) == FRAMES:
            break
    assert len(seen) == FRAMES, "it does not play"
    editor.get_by_role("button", name="Before", exact=True).click()

    # Nodes say what they took.
    front.look_at(clip, 0.7)
    page.get_by_text(re.compile(rf"{FRAMES} of \d+ frames: ")).last.wait_for()
    page.screenshot(path=tmp_path / "clip.png")
    front.look_at(ids["DragAVideoLatentOffsetOptimizer"], 0.6)
    page.screenshot(path=tmp_path / "result.png")
    assert not front.problems
