"""The Drag Points node as a node: its size, its neighbours, its end, in both front ends and both renderers."""

from __future__ import annotations

import re

import pytest

from tests.browser import EDITOR, KINDS, FrontEnd
from tests.pointing import Hand, find_marks, find_screen

in_all = pytest.mark.parametrize("front", KINDS, indirect=True, scope="session", ids=str)
SIZE = (101, 67)


def with_picture(front: FrontEnd, x: float = 0) -> str:
    """A Drag Points node whose clip is odd.png, with its upper left corner at (x, 0)."""
    picture = front.add("LoadImage", x - 700, 900, image="odd.png")
    clip = front.add("DragAVideoPrepareClip", x - 350, 900)
    node = front.add("DragAVideoDragPoints", x, 0)
    front.connect(picture, 0, clip, "images")
    front.connect(clip, 0, node, "clip")
    return node


@in_all
def test_node_keeps_its_size(front: FrontEnd) -> None:
    front.new_workflow()
    node = with_picture(front)
    front.look_at(node, 1)
    find_marks(front, front.editors.last)
    size = front.size(node)
    for i in range(20):
        front.set(node, "instruction", f'{{"pairs": [{{"handle": [20, 20], "target": [{30 + i}, 30]}}]}}')
        front.look_at(node, 1 - 0.02 * i)
    assert front.size(node) == size
    # Beside the graph a panel may show the same widget, narrower.
    width = (front.editors.last.bounding_box() or {})["width"]
    front.page.evaluate("id => app.graph.getNodeById(id).widgets.forEach((one) => { one.width = 206; })", node)
    front.look_at(node, 1 - 0.02 * 19)
    front.settle()
    assert (front.editors.last.bounding_box() or {})["width"] == pytest.approx(width, abs=1)
    for _ in range(3):
        front.page.evaluate("() => app.loadGraphData(app.graph.serialize())")
        front.settle()
    # In the first Nodes 2.0 it shrinks a little each time, as core's nodes do.
    assert all(after <= before for after, before in zip(front.size(node), size, strict=True))
    assert not front.problems


@in_all
def test_nodes_stand_side_by_side_and_fold(front: FrontEnd) -> None:
    front.new_workflow()
    left, right = with_picture(front), with_picture(front, 600)
    front.look_at(left, 1)
    editors = front.editors
    assert editors.count() == 2
    order = sorted(range(2), key=lambda i: (editors.nth(i).bounding_box() or {"x": 0})["x"])
    for node, i, target in ((left, order[0], (60, 20)), (right, order[1], (40, 50))):
        screen = find_screen(front, editors.nth(i), SIZE)
        Hand(front, editors.nth(i), screen).drag((30, 30), target)
        (pair,) = front.instruction(node)["pairs"]
        assert pair["target"] == pytest.approx(target, abs=1)

    front.page.evaluate("id => app.graph.getNodeById(id).collapse()", left)
    front.settle()
    assert editors.locator("canvas").last.is_visible() and front.page.locator(f"{EDITOR}:visible").count() == 1
    front.page.evaluate("id => app.graph.getNodeById(id).collapse()", left)
    front.page.wait_for_function(
        f"() => [...document.querySelectorAll('{EDITOR}')].filter((one) => one.checkVisibility()).length === 2"
    )

    # Larger, and the mouse still hits the pixel that it points at.
    front.page.evaluate("id => app.graph.getNodeById(id).setSize([580, 800])", left)
    front.look_at(left, 1)
    editor = min((editors.nth(i) for i in range(2)), key=lambda one: (one.bounding_box() or {"x": 0})["x"])
    front.page.evaluate("id => { app.graph.getNodeById(id).widgets[0].value = '{\"pairs\": []}' }", left)
    front.settle()
    hand = Hand(front, editor, find_screen(front, editor, SIZE))
    hand.tool("Pin")
    hand.click((70, 40))
    assert front.instruction(left)["pinned_points"] == [pytest.approx((70, 40), abs=1)]

    front.page.evaluate("id => { app.graph.getNodeById(id).mode = 4 }", left)
    assert left not in front.prompt() and right in front.prompt()
    assert not front.problems


@in_all
def test_removed_nodes_leave_nothing(front: FrontEnd) -> None:
    front.new_workflow()
    page = front.page

    def left_behind(count: int) -> tuple[dict[str, int], int]:
        """Listeners and elements on the page after so many nodes came and went."""
        ids = [front.add("DragAVideoDragPoints", 480 * (i % 5), 700 * (i // 5)) for i in range(count)]
        example = front.add("DragAVideoExampleClip", -400, 0)
        for node in ids:
            front.connect(example, 0, node, "clip")
        front.look_at(example, 0.3)
        page.wait_for_function(f"() => document.querySelectorAll('{EDITOR}').length === {count}")
        page.evaluate("name => { gone = [...document.querySelectorAll(name)].map((e) => new WeakRef(e)) }", EDITOR)
        page.evaluate("() => [...app.graph.nodes].forEach((node) => app.graph.remove(node))")
        page.wait_for_function(f"() => document.querySelectorAll('{EDITOR}').length === 0")
        front.settle()
        return page.evaluate("() => [Object.fromEntries(listening), document.querySelectorAll('*').length]")

    # Once for what the front end itself makes the first time.
    left_behind(3)
    assert left_behind(1) == left_behind(20)
    page.context.new_cdp_session(page).send("HeapProfiler.collectGarbage")
    assert (
        page.evaluate("() => gone.filter((one) => one.deref()).length") <= 1
    )  # the front end keeps the last it showed
    assert not front.problems


@in_all
def test_wrong_text_is_said_and_kept_out(front: FrontEnd) -> None:
    front.new_workflow()
    node = with_picture(front)
    front.look_at(node, 1)
    editor = front.editors.last
    hand = Hand(front, editor, find_screen(front, editor, SIZE))
    front.set(node, "instruction", '{"version": 1, "pairs": [{"handle": [45, 30], "target": [60, 42]}]}')
    front.set(node, "instruction", '{"version": 1, "pairs": [{"handle": [45, "x"], "target": [60, 42]}]}')
    problem = editor.locator(".panel > .problem")
    problem.filter(has_text=re.compile("handle of pair 1")).wait_for()
    # What was right is still drawn, and becomes the text with the next edit.
    hand.tool("Pin")
    hand.click((70, 50))
    instruction = front.instruction(node)
    assert instruction["pairs"] == [{"handle": [45, 30], "target": [60, 42]}] and len(instruction["pinned_points"]) == 1
    assert problem.text_content() == ""
