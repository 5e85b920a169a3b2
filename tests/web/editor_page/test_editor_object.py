"""The object's clicks, brush and box in the editor."""

from __future__ import annotations

import pytest

from dragavideo_core.instruction.parsing import parse_instruction
from tests.web.editor_page.driver import TEXT, Editor


@pytest.fixture
def shown(filled: Editor) -> Editor:
    filled.button("object").click()
    return filled


def test_clicks_say_where_the_object_is_and_is_not(shown: Editor) -> None:
    shown.click((110, 100))
    x, y = shown.at((250, 20))
    shown.page.mouse.click(x, y, button="right")
    shown.page.keyboard.down("Alt")
    shown.click((30, 30))
    shown.page.keyboard.up("Alt")
    text = shown.last()
    assert text["version"] == 2
    assert text["object"]["on"] == [pytest.approx([110, 100], abs=0.6)]
    assert text["object"]["off"] == [pytest.approx([250, 20], abs=0.6), pytest.approx([30, 30], abs=0.6)]
    assert text["pairs"] == TEXT["pairs"] and len(parse_instruction(text).hints.off) == 2

    # A click can be moved, taken back and erased, as every point.
    shown.draw((110, 100), (120, 110))
    assert shown.last()["object"]["on"] == [pytest.approx([120, 110], abs=0.6)]
    shown.press("Control+z")
    assert shown.last()["object"]["on"] == [pytest.approx([110, 100], abs=0.6)]
    shown.button("erase").click()
    for point in ((110, 100), (250, 20), (30, 30)):
        shown.click(point)
    assert "object" not in shown.last() and shown.last()["version"] == 1


def test_swipes_paint_and_shift_draws_the_box(shown: Editor) -> None:
    shown.draw((40, 100), (140, 150))
    (stroke,) = shown.last()["object"]["strokes"]
    assert stroke["on"] and len(stroke["points"]) > 2 and 2 < stroke["radius"] < 12
    assert stroke["points"][0] == pytest.approx([40, 100], abs=0.6)
    shown.page.keyboard.down("Alt")
    shown.draw((150, 20), (180, 25))
    shown.page.keyboard.up("Alt")
    assert [s["on"] for s in shown.last()["object"]["strokes"]] == [True, False]
    shown.page.keyboard.down("Shift")
    shown.draw((300, 170), (20, 15))
    shown.page.keyboard.up("Shift")
    text = shown.last()
    assert text["object"]["box"] == pytest.approx([20, 15, 300, 170], abs=1)
    assert parse_instruction(text).hints.box is not None
    shown.button("erase").click()
    shown.click((90, 125))  # on the first stroke
    assert [s["on"] for s in shown.last()["object"]["strokes"]] == [False]
    shown.click((20, 60))  # on the box's edge
    assert "box" not in shown.last()["object"]
