"""Texts from outside, clips that fail, the large view, and the end."""

from __future__ import annotations

import json

import pytest

from dragavideo_core.instruction.parsing import parse_instruction
from tests.web.editor_page.driver import TEXT, Editor, Make, near, tracks_of


def test_invalid_text_is_said_and_not_overwritten(filled: Editor) -> None:
    filled.call("setText", '{"version": 1, "pairs": [{"handle": [1, 2]}]}')
    problem = filled.page.locator(".panel > .problem")
    assert "Pair 1" in problem.inner_text()
    assert not filled.changes()
    filled.button("text").click()
    area = filled.page.locator("textarea")
    assert area.input_value() == '{"version": 1, "pairs": [{"handle": [1, 2]}]}'
    area.fill("{'pairs': [],")
    assert "not JSON" in filled.page.locator(".text .problem").inner_text()
    filled.page.get_by_role("button", name="Apply").click()
    assert area.is_visible()
    assert not filled.changes()
    filled.page.get_by_role("button", name="Cancel").click()
    filled.draw((100, 60), (104, 60))
    assert len(filled.last()["pairs"]) == 2  # the last good state went on
    assert not problem.is_visible()


def test_text_panel_takes_over_a_valid_text(filled: Editor) -> None:
    filled.button("text").click()
    area = filled.page.locator("textarea")
    assert json.loads(area.input_value()) == TEXT
    area.fill("{'pairs': [{'handle': {'x': 1, 'y': 2}, 'target': (30, 40)}]}")
    filled.press("Control+Enter")
    assert not area.is_visible()
    assert filled.last()["pairs"] == [{"handle": [1, 2], "target": [30, 40]}]
    assert filled.last()["size"] == [320, 180]
    assert len(filled.changes()) == 1
    filled.button("text").click()
    area.fill(json.dumps({**TEXT, "size": [160, 90], "pairs": [], "mask_points": [[99.5, 49.5]], "pinned_points": []}))
    filled.page.get_by_role("button", name="Apply").click()
    assert filled.last()["size"] == [320, 180]
    assert filled.last()["mask_points"] == [[199.5, 99.5]]


def test_other_size_keeps_the_relative_places(filled: Editor) -> None:
    filled.show(width=640, height=360, frames=12, marks=[[20, 20, "#ff0000"]])
    assert "320x180" in filled.status()
    assert not filled.changes()
    assert filled.page.evaluate("page.bitmaps.map((bitmap) => bitmap.width)") == [0, 640]  # the old one is closed
    filled.draw((300, 20), (310, 30))
    changed = filled.last()
    assert len(filled.changes()) == 1
    assert changed["size"] == [640, 360]
    assert changed["pairs"][0] == {"handle": [200.5, 120.5], "target": [320.5, 180.5]}
    scaled = json.loads(parse_instruction(TEXT).scaled_to((640, 360)).to_json())
    assert {**changed, "pairs": changed["pairs"][:2]} == scaled
    assert "320x180" not in filled.status()


def test_an_own_text_that_comes_back_is_no_edit(filled: Editor) -> None:
    filled.draw((30, 30), (50, 50))
    filled.call("setText", filled.page.evaluate("page.changes.at(-1)"))
    filled.press("Control+z")
    assert filled.last() == TEXT
    filled.call("setText", json.dumps({**TEXT, "pinned_points": []}))
    filled.press("Control+z")
    assert filled.last() == TEXT
    assert len(filled.changes()) == 3


def test_read_only_shows_and_edits_nothing(filled: Editor) -> None:
    filled.call("setReadOnly", "The instruction comes from a link.")
    filled.draw((100, 60), (30, 30))
    filled.press("Delete", "Control+z")
    assert filled.button("pair").is_disabled()
    assert filled.status() == "The instruction comes from a link."
    assert not filled.changes()
    filled.call("setReadOnly", "")
    filled.draw((100, 60), (30, 30))
    assert len(filled.changes()) == 1


def test_what_came_while_it_was_linked_is_nothing_to_undo(filled: Editor) -> None:
    filled.draw((30, 30), (50, 50))
    filled.call("setReadOnly", "The points come from Example Clip.")
    filled.call("setText", '{"pairs": []}')
    filled.call("setReadOnly", "")
    filled.call("setText", json.dumps(TEXT))
    assert filled.button("undo").is_disabled()


def test_no_clip_says_why(editor: Editor) -> None:
    editor.page.evaluate("page.editor.setClip(null, 'There is no x.mp4 in the input folder.')")
    assert editor.page.locator(".message").inner_text() == "There is no x.mp4 in the input folder."
    editor.drag((200, 200), (300, 300))
    assert not editor.changes()
    editor.call("setText", json.dumps(TEXT))
    assert editor.status() == "There is no x.mp4 in the input folder."
    editor.draw((100, 60), (110, 70))  # its size is known: points can be moved without the picture
    near(editor.last()["pairs"][0]["handle"], (110, 70))


def test_a_frame_that_fails_is_said(editor: Editor) -> None:
    editor.page.evaluate(
        "page.editor.setClip({key: 'x', width: 320, height: 180, fps: 24, indices: [0, 1],"
        " frame: () => Promise.reject(new Error('the file is gone'))})"
    )
    editor.settle()
    assert "the file is gone" in editor.status()
    editor.page.evaluate(
        "page.asked = 0; page.editor.setClip({key: 'y', width: 320, height: 180, fps: 24, indices: [0, 1],"
        " frame: () => { page.asked += 1; return Promise.reject(new Error('gone')); }})"
    )
    for x in range(200, 300, 20):
        editor.page.mouse.move(x, 200)
        editor.settle()
    assert editor.page.evaluate("page.asked") == 1  # it does not ask again with every drawing


def test_chinese(make: Make) -> None:
    editor = make(locale="zh-CN")
    assert "\u64a4\u9500" in (editor.button("undo").get_attribute("aria-label") or "")


# The large view, and the end


def test_large_view_edits_and_comes_back(filled: Editor) -> None:
    filled.button("large").click()
    assert filled.page.locator("dialog[open] canvas.points").count() == 1
    filled.settle()
    box = filled.canvas.bounding_box()
    assert box and box["width"] > 690
    filled.draw((100, 60), (40, 30))
    near(filled.last()["pairs"][0]["handle"], (40, 30))
    filled.press("Escape")  # deselects
    assert filled.page.locator("dialog").count() == 1
    filled.press("Escape")
    filled.settle()
    assert filled.page.locator("dialog").count() == 0
    filled.draw((40, 30), (100, 60))
    near(filled.last()["pairs"][0]["handle"], (100, 60))


@pytest.mark.parametrize("large", [False, True])
def test_destroy_leaves_nothing(editor: Editor, large: bool) -> None:
    elements = "document.querySelectorAll('*').length"
    editor.page.evaluate("page.remove()")
    bare = editor.page.evaluate(elements)
    before = editor.page.evaluate("left")  # playwright listens too
    editor.page.evaluate("page.make()")
    editor.show(width=320, height=180, frames=12)
    editor.call("setTracks", tracks_of(TEXT, 12))
    if large:
        editor.button("large").click()
    editor.draw((30, 30), (60, 60))
    editor.page.mouse.down()
    editor.page.mouse.move(300, 300)
    editor.press("Space")
    assert editor.page.evaluate("left.listeners") > before["listeners"] + 30
    editor.page.evaluate("page.remove()")
    assert editor.page.evaluate("left") == before
    assert editor.page.evaluate(elements) == bare
    editor.settle()
    assert editor.page.evaluate("page.bitmaps.every((bitmap) => bitmap.width === 0)")
    assert editor.page.evaluate("left") == before
