"""The editor component on a page of its own: real mouse, touch and keys in a headless Chromium, no ComfyUI."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.instruction import parse_instruction
from tests.browser import FLAGS, need_chromium
from tests.editor_page.site import ROOT, editor_site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Error, Locator, Page

Point = tuple[float, float]
COLOURS = ("#ff0000", "#0000ff", "#ff00ff", "#00ffff", "#ffff00", "#00ff00", "#ff0080", "#ff8000", "#8000ff")
PAIR = {"handle": [100, 60], "target": [160, 90]}
TEXT = {
    "version": 1, "size": [320, 180], "frame": 0, "pairs": [PAIR, {"handle": [200, 40], "target": [220, 120]}],
    "mask_points": [[60, 130]], "pinned_points": [[280, 150]],
}  # fmt: skip


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with editor_site() as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = need_chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield opened
        opened.close()


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


@pytest.fixture(scope="module")
def pages(browser: Browser, address: str) -> Callable[[float, bool], Page]:
    """One page for each device pixel ratio, with or without touch: opening one takes longer than most tests."""

    @cache
    def page_of(dpr: float, touch: bool) -> Page:
        viewport: Any = {"width": 740, "height": 600}
        context = browser.new_context(viewport=viewport, device_scale_factor=dpr, has_touch=touch)
        context.add_init_script(path=ROOT / "tests/editor_page/count.js")
        page = context.new_page()
        page.goto(address)
        page.wait_for_function("window.page")
        return page

    return page_of


@pytest.fixture
def make(pages: Callable[[float, bool], Page]) -> Iterator[Make]:
    """Makes the page's one editor: make(width=, height=, zoom=, locale=, dpr=, touch=)."""
    errors: list[str] = []
    used: list[Page] = []

    def note(error: Error) -> None:
        errors.append(error.stack or str(error))

    def open_editor(*, dpr: float = 1, touch: bool = False, **options: Any) -> Editor:
        page = pages(dpr, touch)
        if page not in used:
            page.on("pageerror", note)
            used.append(page)
        page.mouse.move(0, 0)
        page.evaluate("options => page.make(options)", options)
        return Editor(page)

    yield open_editor
    for page in used:
        page.mouse.up()
        page.evaluate("page.remove()")
        page.remove_listener("pageerror", note)
    assert not errors


@pytest.fixture
def editor(make: Make) -> Editor:
    """One with a clip of 320 x 180, 12 frames, and no points."""
    opened = make()
    opened.show(width=320, height=180, frames=12)
    return opened


@pytest.fixture
def filled(editor: Editor) -> Editor:
    """The same with two pairs, a mask point and a pin on frame 0."""
    editor.call("setText", json.dumps(TEXT))
    return editor


# Places: what is clicked on the screen is what is written


def near(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(np.array(found, float), np.array(expected, float), atol=1)


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


# Editing


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


# Frames, tracks, corrections


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
    filled.page.get_by_role("button", name="Set points here").click()
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


# Texts from outside


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


# Reading agrees with the core

READ = [
    json.dumps(TEXT),
    '{"pairs": []}',
    "{'pairs': [{'handle': {'x': 1, 'y': 2.5}, 'target': (3, 4,)}], 'size': None, 'frame': 0.0,}",
    '{"version": 1.0, "pairs": null, "mask_points": [[1e1, -0.5]]}',
    '{"pairs": [{"handle": [1, 2], "target": [3, 4]}], "corrections": [{"pair": 7, "frame": 3, "handle": [1, 2]}]}',
    '\n {"frame": 7, "size": [3, 4]}\n',
]
REFUSED = [
    "",
    "nonsense",
    "{",
    "[]",
    "3",
    '{"pairs": [}',
    '{"pairs": []} x',
    "{'pairs': [], 'frame': true}",
    '{"version": 2}',
    '{"version": true}',
    '{"version": null}',
    '{"points": []}',
    '{"frame": -1}',
    '{"frame": 1.5}',
    '{"frame": true}',
    '{"pairs": {}}',
    '{"pairs": [[1, 2]]}',
    '{"pairs": [{"handle": [1, 2]}]}',
    '{"pairs": [{"handle": [1, 2], "target": [1, "2"]}]}',
    '{"pairs": [{"handle": [1, 2], "target": [1, NaN]}]}',
    '{"mask_points": [[1, 2], [1]]}',
    '{"pinned_points": [[1, true]]}',
    '{"mask_points": [[1, Infinity]]}',
    '{"size": [0, 4]}',
    '{"size": [1.5, 4]}',
    '{"size": 7}',
    '{"corrections": [{"pair": -1, "frame": 3, "handle": [1, 2]}]}',
    '{"corrections": [{"pair": 0, "frame": 3.5, "handle": [1, 2]}]}',
    '{"corrections": [{"pair": 0, "frame": 3}]}',
]


def test_reads_what_the_core_reads(editor: Editor) -> None:
    for text in READ:
        written = editor.page.evaluate(
            "text => page.instruction.writeInstruction(page.instruction.parseInstruction(text))", text
        )
        assert written == parse_instruction(text).to_json()


def test_refuses_what_the_core_refuses(editor: Editor) -> None:
    read = "page.instruction.parseInstruction(text)"
    code = f"text => {{ try {{ {read}; return ''; }} catch (error) {{ return error.message; }} }}"
    for text in REFUSED:
        with pytest.raises(DragAVideoError) as refusal:
            parse_instruction(text)
        said = editor.page.evaluate(code, text)
        # Values are shown as JSON or as Python has them; the words before and after agree.
        assert said.split(" is ")[0] == str(refusal.value).split(" is ")[0], text
        assert said.split("; ")[-1] == str(refusal.value).split("; ")[-1], text


def test_text_for_people_is_the_same_value(editor: Editor) -> None:
    text = {**TEXT, "corrections": [{"pair": 1, "frame": 6, "handle": [240, 50]}]}
    shown = editor.page.evaluate(
        "text => page.instruction.writeForPeople(page.instruction.parseInstruction(text))", json.dumps(text)
    )
    assert json.loads(shown) == text
    assert max(map(len, shown.splitlines())) < 60
