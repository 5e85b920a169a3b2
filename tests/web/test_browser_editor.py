"""The point editor on its node, in both front ends and both renderers: points set with the mouse, and kept."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from tests.browser import KINDS, FrontEnd
from tests.pointing import Hand, find_marks, find_screen

SIZES = {"wide.mp4": (320, 180), "tall.mp4": (90, 160), "odd.png": (101, 67)}
# By kind: zoom and clip of two drawings, and the clip at zoom 1 in `test_points_survive`.
CASES = dict(
    zip(
        KINDS,
        (
            ((0.5, "tall.mp4"), (2, "wide.mp4"), "odd.png"),
            ((0.5, "odd.png"), (2, "tall.mp4"), "wide.mp4"),
            ((0.5, "tall.mp4"), (2, "odd.png"), "wide.mp4"),
            ((0.5, "odd.png"), (2, "wide.mp4"), "tall.mp4"),
        ),
        strict=True,
    )
)
ACTIVE = "app.extensionManager.workflow.activeWorkflow.path"
PINS = "JSON.parse(app.graph.getNodeById(id).widgets[0].value).pinned_points.length"
in_all = pytest.mark.parametrize("front", KINDS, indirect=True, scope="session", ids=str)


def points_for(width: int, height: int) -> dict[str, Any]:
    """Three pairs, two mask points and a pin in a picture of that size, away from its marks."""

    def at(x: float, y: float) -> list[int]:
        return [round(x * width), round(y * height)]

    return {
        "pairs": [
            {"handle": at(0.3, 0.3), "target": at(0.55, 0.22)},
            {"handle": at(0.7, 0.5), "target": at(0.9, 0.45)},
            {"handle": at(0.3, 0.75), "target": at(0.5, 0.9)},
        ],
        "mask_points": [at(0.5, 0.5), at(0.15, 0.5)],
        "pinned_points": [at(0.75, 0.75)],
    }


def draw(hand: Hand, points: dict[str, Any]) -> None:
    """Set them: two pairs by dragging, one by two clicks."""
    first, second, third = points["pairs"]
    for pair in (first, second):
        hand.drag(pair["handle"], pair["target"])
    hand.click(third["handle"])
    hand.click(third["target"])
    for tool, key in (("Mask point", "mask_points"), ("Pin", "pinned_points")):
        hand.tool(tool)
        for point in points[key]:
            hand.click(point)


def prepared(front: FrontEnd, file: str) -> str:
    """An empty workflow with that file in Load Video or Load Image, Prepare Clip and Drag Points; gives the latter."""
    front.new_workflow()
    picture = file.endswith(".png")
    kind, widget = ("LoadImage", "image") if picture else ("LoadVideo", "file")
    loader = front.add(kind, -700, 0, **{widget: file})
    clip = front.add("DragAVideoPrepareClip", -350, 0)
    node = front.add("DragAVideoDragPoints", 0, 0)
    front.connect(loader, 0, clip, "images" if picture else "video")
    front.connect(clip, 0, node, "clip")
    return node


def drawn(front: FrontEnd, file: str, zoom: float) -> tuple[str, dict[str, Any]]:
    """A Drag Points node on which points were set at that zoom, and the points that were meant."""
    node = prepared(front, file)
    front.look_at(node, zoom)
    editor = front.editors.last
    points = points_for(*SIZES[file])
    draw(Hand(front, editor, find_screen(front, editor, SIZES[file])), points)
    return node, points


def all_points(instruction: dict[str, Any]) -> list[list[float]]:
    pairs = [pair[end] for pair in instruction["pairs"] for end in ("handle", "target")]
    return [*pairs, *instruction["mask_points"], *instruction["pinned_points"]]


def assert_same_points(instruction: dict[str, Any], meant: dict[str, Any]) -> None:
    """As many of each, and each within 1 source px."""
    for key in ("pairs", "mask_points", "pinned_points"):
        assert len(instruction[key]) == len(meant[key]), instruction
    for found, wanted in zip(all_points(instruction), all_points(meant), strict=True):
        assert math.dist(found, wanted) <= 1, f"{found} instead of {wanted}"


@in_all
@pytest.mark.parametrize("turn", [0, 1])
def test_points_are_the_pixels_that_were_clicked(front: FrontEnd, turn: int) -> None:
    zoom, file = CASES[front.kind][turn]
    node, meant = drawn(front, file, zoom)
    instruction = front.instruction(node)
    assert_same_points(instruction, meant)
    assert instruction["size"] == list(SIZES[file])
    assert not front.problems


@in_all
def test_undo_in_the_editor_is_the_editors_and_the_graphs_undo_keeps_it(front: FrontEnd) -> None:
    node = prepared(front, "wide.mp4")
    front.look_at(node, 1)
    editor, page = front.editors.last, front.page
    hand = Hand(front, editor, find_screen(front, editor, SIZES["wide.mp4"]))
    hand.drag((60, 50), (90, 60))
    hand.drag((160, 90), (200, 100))
    made = editor.element_handle()
    pairs = f"([id, count]) => {PINS.replace('pinned_points', 'pairs')} === count"

    def has(count: int) -> None:
        page.wait_for_timeout(300)  # the front end answers keys some frames later
        page.wait_for_function(pairs, arg=[node, count])

    page.keyboard.press("Control+z")
    has(1)
    page.keyboard.press("Control+y")
    has(2)
    editor.locator("button[data-name=text]").click()
    page.keyboard.type("typed ")
    page.keyboard.press("Control+z")
    has(2)
    assert editor.locator("textarea").is_visible()
    editor.locator("button[data-name=large]").click()
    dialog = page.locator("dialog")
    dialog.locator("textarea").press("Escape")
    page.keyboard.press("Control+z")
    has(1)
    assert dialog.is_visible() and made.evaluate("element => element.isConnected")
    dialog.locator("button[data-name=large]").click()

    page.mouse.click(1500, 1200)
    page.keyboard.press("Control+z")
    has(2)
    front.look_at(node, 1)
    find_marks(front, front.editors.last)
    assert not front.problems


@in_all
def test_points_survive(front: FrontEnd) -> None:
    file = CASES[front.kind][2]
    node, meant = drawn(front, file, 1)
    instruction = front.instruction(node)
    assert_same_points(instruction, meant)

    def texts() -> list[str]:
        """The instructions that would be queued, of every Drag Points node."""
        graph = front.prompt().values()
        return [n["inputs"]["instruction"] for n in graph if n["class_type"] == "DragAVideoDragPoints"]

    assert [json.loads(t) for t in texts()] == [instruction]
    page = front.page
    # The text is the only truth: nothing else of the editor is saved.
    saved = page.evaluate("id => app.graph.serialize().nodes.find((one) => String(one.id) === id).widgets_values", node)
    assert [json.loads(saved[0]), *saved[1:]] == [instruction, True]

    # A click beside the nodes takes the keyboard away from the editor.
    page.mouse.click(1500, 1200)
    page.keyboard.press("Control+z")
    front.settle()
    page.wait_for_function(f"id => {PINS} === 0", arg=node)
    front.settle()  # A redo pressed while the undo still loads the graph is lost.
    if front.kind == KINDS[1]:
        # There nodes whose widgets fill them shrink at every undo (core's, too), which ends what could be redone.
        front.set(node, "instruction", json.dumps(instruction))
        page.mouse.click(1500, 1200)
    else:
        page.keyboard.press("Control+y")
    page.wait_for_function(f"id => {PINS} === 1", arg=node)
    assert front.instruction(node) == instruction

    page.evaluate("id => app.canvas.selectItems([app.graph.getNodeById(id)])", node)
    page.keyboard.press("Control+c")
    page.keyboard.press("Control+v")
    page.wait_for_function("() => app.graph.nodes.length === 4")
    front.settle()
    assert [json.loads(t) for t in texts()] == [instruction] * 2
    page.evaluate("id => app.graph.remove([...app.canvas.selectedItems].find((one) => String(one.id) !== id))", node)
    page.wait_for_function("() => app.graph.nodes.length === 3")
    page.mouse.click(1500, 1200)  # the front end notes a change when the mouse is let go

    page.evaluate("id => app.canvas.selectItems([app.graph.getNodeById(id)])", node)
    front.command("Comfy.Graph.ConvertToSubgraph")
    page.wait_for_function("() => app.graph.nodes.some((one) => one.subgraph)")
    assert [json.loads(t) for t in texts()] == [instruction]
    page.evaluate("() => app.canvas.selectItems([app.graph.nodes.find((one) => one.subgraph)])")
    front.command("Comfy.Graph.UnpackSubgraph")
    page.wait_for_function("() => app.graph.nodes.every((one) => !one.subgraph)")
    assert [json.loads(t) for t in texts()] == [instruction]

    here = page.evaluate(ACTIVE)
    front.command("Workspace.PreviousOpenedWorkflow")
    page.wait_for_function(f"here => {ACTIVE} !== here", arg=here)
    front.settle()
    front.command("Workspace.NextOpenedWorkflow")
    page.wait_for_function(f"here => {ACTIVE} === here", arg=here)
    front.settle()
    assert [json.loads(t) for t in texts()] == [instruction]

    page.wait_for_timeout(1500)  # the front end stores the workflow a moment after a change
    front.open()
    page.wait_for_function("() => app.graph.nodes.some((one) => one.type === 'DragAVideoDragPoints')")
    assert [json.loads(t) for t in texts()] == [instruction]
    # Seen where they were: the same picture comes up without a run.
    (again,) = page.evaluate("() => app.graph.nodes.filter((n) => n.type === 'DragAVideoDragPoints').map((n) => n.id)")
    front.look_at(str(again), 1)
    find_marks(front, front.editors.last)
    assert not front.problems
