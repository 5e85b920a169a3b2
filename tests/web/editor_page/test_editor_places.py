"""Places: what is clicked on the screen is what is written."""

from __future__ import annotations

import numpy as np
import pytest

from tests.web.editor_page.driver import COLOURS, Editor, Make, near

SHARES = (
    (0.1, 0.2), (0.3, 0.1), (0.55, 0.3), (0.9, 0.15), (0.2, 0.9), (0.5, 0.8), (0.75, 0.9), (0.9, 0.6), (0.45, 0.5)
)  # fmt: skip


@pytest.mark.parametrize("size", [(160, 90), (90, 160), (127, 65)], ids=["landscape", "portrait", "odd"])
@pytest.mark.parametrize("dpr", [1, 2, 3])
def test_clicked_pixels_are_written(make: Make, size: tuple[int, int], dpr: float) -> None:
    places = [(round(x * size[0]), round(y * size[1])) for x, y in SHARES]
    marks = [[x, y, colour] for (x, y), colour in zip(places, COLOURS)]
    for zoom in (0.5, 1, 2) if dpr < 3 else (1,):
        editor = make(width=320, height=280, zoom=zoom, dpr=dpr)
        editor.show(width=size[0], height=size[1], marks=marks)
        seen = editor.marks(list(COLOURS))
        for i in (0, 2, 4):
            editor.drag(seen[i], seen[i + 1])
        editor.button("mask").click()
        editor.page.mouse.click(*seen[6])
        editor.page.mouse.click(*seen[7])
        editor.button("pin").click()
        editor.page.mouse.click(*seen[8])
        text = editor.last()
        near([[p["handle"], p["target"]] for p in text["pairs"]], np.reshape(places[:6], (3, 2, 2)))
        near(text["mask_points"], places[6:8])
        near(text["pinned_points"], [places[8]])
        assert text["size"] == list(size)
        assert len(editor.changes()) == 6


def test_another_size_of_the_node_fits_again(make: Make) -> None:
    editor = make(width=600, height=300)
    editor.show(width=160, height=90, marks=[[120, 20, "#ff0000"]])
    editor.page.evaluate("document.querySelector('#place > div').style.cssText = 'width: 300px; height: 500px'")
    editor.settle()
    (mark,) = editor.marks(["#ff0000"])
    editor.drag(mark, (mark[0] - 40, mark[1]))
    near(editor.last()["pairs"][0]["handle"], (120, 20))


@pytest.mark.parametrize(("dpr", "zoom", "expected"), [(1, 1, 1), (1, 0.5, 1), (1, 2, 2), (2, 1, 2), (2, 2, 3)])
def test_canvas_is_as_sharp_as_the_screen(make: Make, dpr: float, zoom: float, expected: float) -> None:
    editor = make(width=320, height=280, zoom=zoom, dpr=dpr)
    editor.show(width=160, height=90)
    assert editor.canvas.evaluate("canvas => canvas.width / canvas.clientWidth") == expected


def test_wheel_zooms_at_the_pointer_and_places_stay(make: Make) -> None:
    editor = make()
    editor.show(width=640, height=360, marks=[[400, 200, "#ff0000"]])
    (before,) = editor.marks(["#ff0000"])
    editor.page.mouse.move(*before)
    editor.page.mouse.wheel(0, -600)
    editor.settle()
    (after,) = editor.marks(["#ff0000"])
    near(after, before)
    editor.page.mouse.move(before[0] + 80, before[1])
    editor.page.mouse.down(button="middle")
    editor.page.mouse.move(before[0] + 20, before[1] + 30)
    editor.page.mouse.up(button="middle")
    editor.settle()
    (moved,) = editor.marks(["#ff0000"])
    near(moved, (before[0] - 60, before[1] + 30))
    editor.drag(moved, (moved[0] + 50, moved[1]))
    near(editor.last()["pairs"][0]["handle"], (400, 200))
    editor.press("f")
    editor.settle()
    near(editor.page.evaluate("page.changes.length"), 1)


def test_space_and_drag_pans_without_playing(editor: Editor) -> None:
    editor.page.mouse.move(*editor.at((160, 90)))
    editor.page.mouse.wheel(0, -600)
    editor.canvas.focus()
    editor.page.keyboard.down("Space")
    editor.drag(editor.at((160, 90)), editor.at((100, 60)))
    editor.page.keyboard.up("Space")
    assert editor.button("play").get_attribute("aria-label") == "Play (Space)"
    assert not editor.changes()
