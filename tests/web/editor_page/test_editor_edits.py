"""Every edit by mouse, keys and touch is told once and can be undone."""

from __future__ import annotations

import json

import pytest

from tests.web.editor_page.driver import PAIR, TEXT, Editor, Make, Point, near


def test_every_edit_is_told_once_and_can_be_undone(filled: Editor) -> None:
    filled.draw((30, 30), (50, 50))
    filled.button("mask").click()
    filled.click((250, 60))
    filled.draw((100, 60), (110, 70))  # a handle is dragged whatever the tool
    changes = filled.changes()
    assert [len(c["pairs"]) for c in changes] == [3, 3, 3]
    near(changes[-1]["pairs"][0]["handle"], (110, 70))
    for key in ("Control+z", "Meta+z", "Control+Shift+z"):
        filled.press(key)  # the last one brings it back
    filled.press("Control+z", "Control+z", "Control+y")
    filled.button("undo").click()
    filled.button("redo").click()
    states = [(len(c["pairs"]), len(c["mask_points"])) for c in filled.changes()]
    assert states == [(3, 1), (3, 2), (3, 2), (3, 2), (3, 1), (3, 2), (3, 1), (2, 1), (3, 1), (2, 1), (3, 1)]


def test_click_waits_for_a_second_click(editor: Editor) -> None:
    editor.click((100, 60))
    assert not editor.changes()
    assert "Esc" in editor.status()
    editor.press("Escape")
    editor.click((50, 50))
    editor.click((90, 80))
    near([editor.last()["pairs"][0][k] for k in ("handle", "target")], [(50, 50), (90, 80)])
    assert len(editor.changes()) == 1


def test_escape_cancels_a_drag(filled: Editor) -> None:
    mouse = filled.page.mouse
    mouse.move(*filled.at((100, 60)))
    mouse.down()
    mouse.move(*filled.at((130, 20)))
    filled.press("Escape")
    mouse.move(*filled.at((140, 20)))
    mouse.up()
    assert not filled.changes()
    filled.draw((100, 60), (110, 60))  # still where it was
    near(filled.last()["pairs"][0]["handle"], (110, 60))


@pytest.mark.parametrize("interruption", ["undo", "delete", "text"])
def test_an_interrupted_drag_changes_nothing_more(filled: Editor, interruption: str) -> None:
    filled.draw((30, 30), (50, 50))
    filled.page.mouse.move(*filled.at((100, 60)))
    filled.page.mouse.down()
    filled.page.mouse.move(*filled.at((130, 20)))
    if interruption == "text":
        filled.call("setText", json.dumps({**TEXT, "pinned_points": []}))
    else:
        filled.press({"undo": "Control+z", "delete": "Delete"}[interruption])
    before = filled.changes()
    filled.page.mouse.move(*filled.at((140, 20)))
    filled.page.mouse.up()
    assert filled.changes() == before


def test_shift_sets_a_point_on_top_of_another(filled: Editor) -> None:
    filled.page.keyboard.down("Shift")
    filled.draw((100, 60), (40, 20))
    filled.page.keyboard.up("Shift")
    assert filled.last()["pairs"][0] == PAIR
    assert len(filled.last()["pairs"]) == 3


def test_a_mask_point_is_clicked_onto_a_handle_that_a_drag_still_moves(filled: Editor) -> None:
    filled.button("mask").click()
    filled.click((100, 60))
    near(filled.last()["mask_points"], [[60, 130], [100, 60]])
    assert filled.last()["pairs"] == TEXT["pairs"]
    filled.draw((200, 40), (210, 50))
    near(filled.last()["pairs"][1]["handle"], [210, 50])
    assert len(filled.changes()) == 2


def test_a_swipe_erases_as_one_edit(filled: Editor) -> None:
    filled.canvas.focus()
    filled.press("4")
    filled.click((150, 20))
    assert not filled.changes()
    filled.button("erase").click()
    start, over, end = filled.at((210, 80)), filled.at((280, 150)), filled.at((300, 170))
    filled.page.mouse.move(*start)
    filled.page.mouse.down()
    filled.page.mouse.move(*over)
    filled.page.mouse.move(*end)
    filled.page.mouse.up()
    assert len(filled.changes()) == 1
    assert filled.last()["pairs"] == [PAIR]
    assert filled.last()["pinned_points"] == []


def test_points_are_kept_inside_the_frame(editor: Editor) -> None:
    editor.drag(editor.at((300, 90)), (editor.at((300, 90))[0] + 400, editor.at((0, 90))[1]))
    assert editor.last()["pairs"][0]["target"][0] == 319.5


def test_clear_is_one_edit(filled: Editor) -> None:
    filled.button("clear").click()
    assert [len(filled.last()[k]) for k in ("pairs", "mask_points", "pinned_points")] == [0, 0, 0]
    filled.button("undo").click()
    assert filled.last() == TEXT
    assert len(filled.changes()) == 2


def test_clear_forgets_a_handle_that_waits(filled: Editor) -> None:
    filled.click((30, 30))
    filled.button("clear").click()
    filled.click((60, 60))
    assert filled.last()["pairs"] == [] and len(filled.changes()) == 1


def test_a_button_that_greys_out_hands_the_keys_to_the_editor(filled: Editor) -> None:
    """The page would have them else, and with a node selected Delete would take it away."""
    filled.button("clear").click()
    assert filled.button("clear").is_disabled()
    assert filled.page.evaluate("page.editor.element.shadowRoot.activeElement?.className") == "panel"


def test_another_tool_in_the_middle_of_a_drag_ends_it(filled: Editor) -> None:
    filled.page.mouse.move(*filled.at((30, 30)))
    filled.page.mouse.down()
    filled.page.mouse.move(*filled.at((60, 60)))
    filled.press("2")
    filled.page.mouse.up()
    assert not filled.changes()


# Keys alone


def test_keys_alone_set_move_and_delete(editor: Editor) -> None:
    editor.canvas.focus()
    editor.press("ArrowRight", "ArrowLeft", "Enter", "Shift+ArrowRight", "Shift+ArrowDown", "ArrowUp", "Enter")
    (pair,) = editor.last()["pairs"]
    assert (pair["target"][0] - pair["handle"][0], pair["target"][1] - pair["handle"][1]) == (10, 9)
    editor.press("Tab", "Tab", "ArrowLeft", "Shift+ArrowUp")
    moved = editor.last()["pairs"][0]["target"]
    assert moved == [pair["target"][0] - 1, pair["target"][1] - 10]
    assert "Target 1" in editor.page.locator("[aria-live]").inner_text()
    editor.press("Escape", "3", "Enter")
    assert len(editor.last()["pinned_points"]) == 1
    editor.press("Escape", "Tab", "Delete")
    assert editor.last()["pairs"] == []
    assert len(editor.changes()) == 5


def test_a_held_arrow_key_is_one_edit(filled: Editor) -> None:
    filled.canvas.focus()
    filled.press("Tab", "ArrowDown")
    for _ in range(30):
        filled.page.keyboard.down("ArrowRight")
    filled.page.keyboard.up("ArrowRight")
    assert filled.last()["pairs"][0]["handle"] == [130, 61]
    assert len(filled.changes()) == 3  # down, the first step to the right, the others
    filled.press("Control+z", "Control+z", "Control+z")
    assert filled.last() == TEXT


def test_the_keyboards_cursor_is_said(editor: Editor) -> None:
    editor.canvas.focus()
    editor.press("ArrowRight", "ArrowRight")
    said = editor.page.locator("[aria-live]").inner_text()
    assert said.startswith("Cursor at 162") and editor.status() == said


def test_tab_leaves_after_the_last_point(filled: Editor) -> None:
    filled.canvas.focus()
    filled.press(*["Tab"] * 6)
    assert "Pin 1" in filled.status()
    focused = "document.activeElement.shadowRoot?.activeElement?.classList[0]"
    assert filled.page.evaluate(focused) == "points"
    filled.press("Tab")
    assert filled.page.evaluate(focused) != "points"


def test_keys_stay_in_the_editor(filled: Editor) -> None:
    filled.page.evaluate("window.keys = []; addEventListener('keydown', (event) => keys.push(event.key))")
    filled.canvas.focus()
    filled.press("Control+z", "Delete", "r", "ArrowLeft", " ")
    filled.button("text").click()
    filled.press("x", "Control+z")
    assert filled.page.evaluate("keys") == ["Control"]
    filled.press("Escape", "Control+Enter")  # the graph's own, to queue
    assert filled.page.evaluate("keys.at(-1)") == "Enter"


# Touch


def test_touch_draws_and_two_fingers_zoom(make: Make) -> None:
    editor = make(touch=True)
    editor.show(width=320, height=180, marks=[[100, 60, "#ff0000"], [200, 120, "#0000ff"]])
    touch = editor.page.context.new_cdp_session(editor.page)

    def send(kind: str, *points: Point) -> None:
        fingers = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    (start, end) = editor.marks(["#ff0000", "#0000ff"])
    send("touchStart", start)
    send("touchMove", ((start[0] + end[0]) / 2, start[1]))
    send("touchMove", end)
    send("touchEnd")
    near([editor.last()["pairs"][0][k] for k in ("handle", "target")], [(100, 60), (200, 120)])
    editor.button("clear").click()
    editor.settle()
    send("touchStart", (start[0] - 50, start[1]))
    send("touchMove", (start[0] - 30, start[1]))
    send("touchStart", (start[0] - 30, start[1]), (start[0] + 30, start[1]))
    send("touchMove", (start[0] - 60, start[1]), (start[0] + 60, start[1]))
    send("touchEnd")
    editor.settle()
    (now, then) = editor.marks(["#ff0000", "#0000ff"])
    near(now, start)
    assert then[0] - now[0] > 1.7 * (end[0] - start[0])
    assert len(editor.changes()) == 2  # the pinch cancelled what the first finger had begun
    assert editor.button("clear").is_disabled()

    # A handle that waits is still there after zooming in to where its target lies.
    send("touchStart", (start[0] + 10, start[1]))
    send("touchEnd")
    send("touchStart", (start[0] - 30, start[1]))
    send("touchStart", (start[0] - 30, start[1]), (start[0] + 30, start[1]))
    send("touchMove", (start[0] - 40, start[1]), (start[0] + 40, start[1]))
    send("touchEnd")
    send("touchStart", (start[0] + 60, start[1]))
    send("touchEnd")
    assert len(editor.changes()) == 3 and len(editor.last()["pairs"]) == 1
