"""Frames, tracks and corrections."""

from __future__ import annotations

import json

from dragavideo_core.instruction.parsing import parse_instruction
from tests.web.editor_page.driver import TEXT, Editor, Make, near, tracks_of


def test_dragging_a_tracked_handle_corrects_it(filled: Editor) -> None:
    filled.call("setTracks", tracks_of(TEXT, 12))
    filled.scrub(6)
    assert "correct" in filled.status()
    filled.draw((130, 60), (140, 70))
    (correction,) = filled.last()["corrections"]
    assert (correction["pair"], correction["frame"]) == (0, 6)
    near(correction["handle"], (140, 70))
    assert filled.status().startswith("Handle 1 corrected to 140")
    filled.draw((140, 70), (120, 80))
    near(filled.last()["corrections"][0]["handle"], (120, 80))
    assert filled.last()["pairs"] == TEXT["pairs"]
    parse_instruction(json.dumps(filled.last()))
    filled.scrub(0)
    filled.button("erase").click()
    filled.click((100, 60))
    assert "corrections" not in filled.last()


def test_a_correction_is_erased_alone(filled: Editor) -> None:
    filled.call("setText", json.dumps({**TEXT, "corrections": [{"pair": 1, "frame": 6, "handle": [240, 50]}]}))
    filled.scrub(6)
    filled.click((240, 50))
    filled.press("Delete")
    assert filled.last() == TEXT


def test_points_are_set_on_their_own_frame_only(filled: Editor) -> None:
    filled.scrub(5)
    filled.draw((30, 30), (60, 60))
    assert not filled.changes()
    assert "frame 0" in filled.status()
    filled.page.get_by_role("button", name="Move all points to this frame").click()
    assert filled.last() == {**TEXT, "frame": 5}
    filled.draw((30, 30), (60, 60))
    assert len(filled.last()["pairs"]) == 3
    filled.scrub(2)
    filled.page.get_by_role("button", name="To frame 5").click()
    assert filled.page.locator("input[type=range]").input_value() == "5"


def test_first_point_is_set_on_the_frame_that_is_shown(make: Make) -> None:
    editor = make()
    editor.show(width=320, height=180, frames=6, first=10, every=4)
    editor.scrub(3)
    editor.draw((30, 30), (60, 60))
    assert editor.last()["frame"] == 22


def test_space_plays_and_stops(editor: Editor) -> None:
    slider = editor.page.locator("input[type=range]")
    editor.canvas.focus()
    editor.press("Space")
    editor.page.wait_for_function(
        "Number(document.querySelector('.dragavideo-editor').shadowRoot.querySelector('input').value) > 2"
    )
    editor.press("Space")
    stopped = slider.input_value()
    editor.page.wait_for_timeout(150)
    assert slider.input_value() == stopped
    editor.press("Home", ".", ".", ",")
    assert slider.input_value() == "1"
