"""What a run left in the editor: before, after and a wipe between them, the verdict, and what was refused."""

from __future__ import annotations

import json
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tests.web.editor_page.driver import TEXT, Editor, tracks_of

CLIP = {"width": 320, "height": 180, "frames": 6}
RED, BLUE = [120, 150, "#ff0000"], [120, 150, "#0000ff"]


@pytest.fixture
def ran(filled: Editor) -> Editor:
    """A red mark before, a blue one after."""
    filled.show(**CLIP, marks=[RED], key="before")
    filled.page.evaluate("clip => page.result(clip)", {**CLIP, "marks": [BLUE], "key": "after"})
    filled.settle()
    return filled


def middle(editor: Editor) -> list[int]:
    """The colour that is seen at the mark."""
    x, y = editor.at((120, 150))
    png = editor.page.screenshot(clip={"x": x - 1, "y": y - 1, "width": 2, "height": 2})
    return [int(v) for v in np.asarray(Image.open(BytesIO(png)).convert("RGB"))[0, 0]]


def compare(editor: Editor, name: str) -> None:
    editor.page.locator(".compare").get_by_role("button", name=name).click()
    editor.settle()


def test_before_after_and_wipe_on_the_slider_of_the_points(ran: Editor) -> None:
    assert middle(ran)[0] > 200
    compare(ran, "After")
    assert middle(ran)[2] > 200 and middle(ran)[0] < 60
    ran.scrub(4)
    assert middle(ran)[2] > 200
    compare(ran, "Wipe")
    ran.page.mouse.move(*ran.at((250, 90)))
    ran.settle()
    assert middle(ran)[0] > 200, "left of the line it is the clip as it was"
    ran.page.mouse.move(*ran.at((60, 90)))
    ran.settle()
    assert middle(ran)[2] > 200, "right of it what the drag made"
    # Nothing was edited, and a tool leads back to editing.
    assert ran.changes() == []
    ran.button("pin").click()
    ran.settle()
    assert middle(ran)[0] > 200
    ran.scrub(0)
    ran.click((40, 40))
    assert len(ran.last()["pinned_points"]) == 2
    ran.canvas.focus()
    ran.press("r")
    ran.settle()
    assert middle(ran)[2] > 200


def test_what_was_made_of_another_clip_is_not_offered(ran: Editor) -> None:
    compare(ran, "After")
    ran.show(**{**CLIP, "frames": 5}, marks=[RED], key="before")
    assert ran.page.locator(".compare").is_hidden() and middle(ran)[0] > 200


def test_the_verdict_goes_with_the_next_edit(ran: Editor) -> None:
    ran.call("setVerdict", {"level": "warning", "lines": ["stopped 12 px short in 3 frames", "more iterations"]})
    verdict = ran.page.locator(".verdict")
    assert verdict.inner_text().splitlines() == ["stopped 12 px short in 3 frames", "more iterations"]
    colour = verdict.evaluate("one => getComputedStyle(one).borderLeftColor")
    assert colour == "rgb(245, 165, 36)"
    ran.button("pin").click()
    ran.click((40, 40))
    assert verdict.is_hidden()


def test_a_refusal_stands_in_the_status_line_until_the_next_edit(ran: Editor) -> None:
    ran.call("setRefusal", "Decode: Memory ran out")
    assert ran.status() == "Decode: Memory ran out"
    ran.button("pin").click()
    ran.click((40, 40))
    assert "Memory" not in ran.status()


def test_clear_takes_old_tracks_off(ran: Editor) -> None:
    tracks = tracks_of(TEXT, 6)
    tracks["masks"] = []
    ran.call("setTracks", tracks)
    ran.scrub(3)
    ran.settle()
    with_tracks = ran.canvas.screenshot()
    ran.scrub(0)
    ran.button("clear").click()
    ran.scrub(3)
    ran.settle()
    ran.page.mouse.move(1, 1)
    assert ran.canvas.screenshot() != with_tracks
    assert ran.status() == "All points removed; undo brings them back"
    assert json.loads(ran.page.evaluate("page.changes.at(-1)"))["pairs"] == []
