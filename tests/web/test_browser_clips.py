"""The clip in the editor: found upstream without a run where that can be, else after one."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.browser import FEW_KINDS, FrontEnd
from tests.comfyui import PACK
from tests.pointing import Hand, find_marks, find_screen, grey, picture_of

in_few = pytest.mark.parametrize("front", FEW_KINDS, indirect=True, scope="session", ids=str)
PAIR = '{"version": 1, "size": [320, 180], "pairs": [{"handle": [100, 80], "target": [200, 90]}]}'
VHS = """() => {
  class LoadVideo extends LiteGraph.LGraphNode {
    constructor() {
      super("Load Video");
      this.addOutput("IMAGE", "IMAGE");
      const values = { video: "wide.mp4", force_rate: 0, custom_width: 0, custom_height: 0, frame_load_cap: 4,
        skip_first_frames: 3, select_every_nth: 2, format: "None" };
      for (const [name, value] of Object.entries(values)) {
        this.addWidget(typeof value === "number" ? "number" : "text", name, value, () => {}, {});
      }
    }
  }
  LiteGraph.registerNodeType("VHS_LoadVideo", LoadVideo);
}"""


def chain(front: FrontEnd, loader: str, **values: int) -> tuple[str, str]:
    """Prepare Clip behind the loader, and Drag Points in view behind that; gives both."""
    clip = front.add("DragAVideoPrepareClip", -350, 0, **values)
    node = front.add("DragAVideoDragPoints", 0, 0)
    output = front.page.evaluate("id => app.graph.getNodeById(id).outputs[0].type", loader)
    front.connect(loader, 0, clip, "video" if output == "VIDEO" else "images")
    front.connect(clip, 0, node, "clip")
    front.look_at(node, 1)
    return clip, node


def see(front: FrontEnd, level: int, seconds: float = 20) -> None:
    """Wait until the editor shows a picture with that grey in the middle."""
    for _ in range(int(10 * seconds)):
        picture = picture_of(front.editors.last)
        seen = np.median(picture[picture.shape[0] // 2 - 2 :][:4, picture.shape[1] // 2 - 2 :][:, :4])
        if abs(seen - level) <= 3:
            return
        front.page.wait_for_timeout(100)
    pytest.fail(f"the grey is {seen}, not {level}")


def scrub(front: FrontEnd, position: int) -> None:
    front.editors.last.get_by_role("slider").fill(str(position))


def says(front: FrontEnd, text: str) -> None:
    """Wait until the editor says that somewhere, be it to a screen reader."""
    front.editors.last.get_by_text(re.compile(re.escape(text))).last.wait_for(state="attached")


@in_few
def test_video_is_seen_without_a_run(front: FrontEnd) -> None:
    front.new_workflow()
    loader = front.add("LoadVideo", -800, 0, file="wide.mp4")
    clip, node = chain(front, loader, start=2, every=4)
    see(front, grey(2))
    scrub(front, 2)
    see(front, grey(10))
    # Widgets upstream are followed.
    front.set(clip, "start", 5)
    see(front, grey(9))
    scrub(front, 0)
    see(front, grey(5))
    front.set(node, "instruction", PAIR)
    front.set(loader, "file", "tall.mp4")
    says(front, "Set at 320x180")
    front.set(loader, "file", "gone.mp4")
    says(front, "There is no 'gone.mp4' in ComfyUI's input folder")
    front.set(loader, "file", "wide.mp4")
    front.set(clip, "start", 12)
    says(front, "No frame is taken")
    front.set(clip, "start", 0)
    see(front, grey(0))
    assert front.instruction(node)["pairs"] == [{"handle": [100, 80], "target": [200, 90]}]
    assert not front.problems


@in_few
def test_way_leads_through_reroutes_bypassed_nodes_and_subgraphs(front: FrontEnd) -> None:
    front.new_workflow()
    page = front.page
    loader = front.add("LoadImage", -1500, 0, image="odd.png")
    reroute = front.add("Reroute", -1150, 0)
    inverted = front.add("ImageInvert", -950, 0)
    front.connect(loader, 0, reroute, "")
    front.connect(reroute, 0, inverted, "image")
    clip, node = chain(front, inverted)
    says(front, "The clip comes from Invert Image; run the graph once to see its frames.")
    page.evaluate("id => { app.graph.getNodeById(id).mode = 4 }", inverted)
    front.connect(clip, 0, node, "clip")
    find_marks(front, front.editors.last)
    # The loader goes into one subgraph, Prepare Clip into another, and the editor into a third.
    for inside in ([loader, reroute], [inverted, clip]):
        page.evaluate("ids => app.canvas.selectItems(ids.map((id) => app.graph.getNodeById(id)))", inside)
        front.command("Comfy.Graph.ConvertToSubgraph")
    find_marks(front, front.editors.last)
    page.evaluate("id => app.canvas.selectItems([app.graph.getNodeById(id)])", node)
    front.command("Comfy.Graph.ConvertToSubgraph")
    page.evaluate(
        """() => {
          const holds = (one) => one.subgraph?.nodes.some((inner) => inner.type === "DragAVideoDragPoints");
          const outer = app.graph.nodes.find(holds);
          app.canvas.openSubgraph(outer.subgraph, outer);
          app.canvas.ds.scale = 1;
          app.canvas.ds.offset = outer.subgraph.nodes[0].pos.map((value) => 150 - value);
        }"""
    )
    front.settle()
    find_marks(front, front.editors.last)
    # A muted node gives nothing.
    page.evaluate("() => app.canvas.setGraph(app.rootGraph ?? app.graph)")
    page.evaluate("() => { for (const one of app.graph.nodes) if (one.subgraph?.nodes.length === 2) one.mode = 2 }")
    assert not front.problems


@in_few
def test_frames_come_with_a_run_where_they_cannot_be_known(front: FrontEnd) -> None:
    front.new_workflow()
    loader = front.add("LoadImage", -1500, 0, image="odd.png")
    inverted = front.add("ImageInvert", -950, 0)
    front.connect(loader, 0, inverted, "image")
    _, node = chain(front, inverted)
    says(front, "run the graph once to see its frames")
    front.command("Comfy.QueuePrompt")
    see(front, 255 - grey(0))
    # They outlast a reload of the graph, as undo does it.
    front.page.evaluate("() => app.loadGraphData(app.graph.serialize())")
    front.look_at(node, 1)
    see(front, 255 - grey(0))
    assert not front.problems


@in_few
def test_a_run_belongs_to_the_workflow_that_was_queued(front: FrontEnd) -> None:
    """Another tab may be open when its results come in; the server knows whose they are."""
    front.new_workflow()
    loader = front.add("LoadImage", -1500, 0, image="odd.png")
    inverted = front.add("ImageInvert", -950, 0)
    front.connect(loader, 0, inverted, "image")
    chain(front, inverted)
    front.command("Comfy.QueuePrompt")
    see(front, 255 - grey(0))
    code = """async (url) => {
      const { createRuns } = await import(url);
      const { api } = await import("/scripts/api.js");
      const [prompt] = Object.keys(await (await api.fetchApi("/history?max_items=1")).json());
      const events = Object.assign(new EventTarget(), { fetchApi: (path) => api.fetchApi(path) });
      let shown = "another workflow";
      let runs;
      const told = new Promise((done) => { runs = createRuns(events, () => ({ id: shown }), done); });
      const detail = { node: "7", prompt_id: prompt, output: { dragavideo_clip: ["the clip"] } };
      events.dispatchEvent(new CustomEvent("executed", { detail }));
      await told;
      const there = runs.clip("7") ?? null;
      shown = (app.rootGraph ?? app.graph).id;
      return [there, runs.clip("7") ?? null];
    }"""
    assert front.page.evaluate(code, f"/extensions/{PACK}/comfy/runs.js") == [None, "the clip"]


@in_few
def test_loader_of_another_pack_is_read(front: FrontEnd) -> None:
    front.new_workflow()
    front.page.evaluate(VHS)
    loader = front.add("VHS_LoadVideo", -800, 0)
    _, node = chain(front, loader, start=1, every=1)
    # Its frames are 3, 5, 7, 9 of the file; Prepare Clip leaves the first out.
    see(front, grey(5))
    scrub(front, 2)
    see(front, grey(9))
    # Resized, and at another rate: every second frame of the file, of which 3 and 5 are loaded.
    front.set(node, "instruction", PAIR)
    front.set(loader, "custom_width", 160)
    says(front, "Set at 320x180, the clip has 160x90")
    scrub(front, 0)
    see(front, grey(5))
    front.set(loader, "force_rate", 12)
    see(front, grey(10))


@in_few
def test_a_pasted_picture_stands_in_for_a_clip(front: FrontEnd) -> None:
    front.new_workflow()
    node = front.add("DragAVideoDragPoints", 0, 0)
    front.look_at(node, 1)
    says(front, "Or paste a picture")
    paste = """async (url) => {
      const blob = await (await fetch(url)).blob();
      const data = new DataTransfer();
      data.items.add(new File([blob], "odd.png", { type: "image/png" }));
      const canvas = document.querySelector(".dragavideo-editor").shadowRoot.querySelector("canvas.points");
      canvas.focus();
      canvas.dispatchEvent(
        new ClipboardEvent("paste", { clipboardData: data, bubbles: true, composed: true, cancelable: true }),
      );
    }"""
    nodes = front.page.evaluate("() => app.graph.nodes.length")
    front.page.evaluate(paste, "/view?filename=odd.png&type=input")
    editor = front.editors.last
    hand = Hand(front, editor, find_screen(front, editor, (101, 67)))
    hand.drag((30, 30), (60, 40))
    held = front.instruction(node)
    assert held["size"] == [101, 67] and held["pairs"][0]["target"] == pytest.approx([60, 40], abs=1)
    assert front.page.evaluate("() => app.graph.nodes.length") == nodes, "the graph made a node of it too"
    # A clip that is connected takes its place.
    loader = front.add("LoadVideo", -800, 0, file="wide.mp4")
    clip = front.add("DragAVideoPrepareClip", -350, 0)
    front.connect(loader, 0, clip, "video")
    front.connect(clip, 0, node, "clip")
    says(front, "Set at 101x67, the clip has 320x180")
    assert not front.problems


@in_few
def test_what_a_node_refuses_stands_in_the_editor_until_the_next_edit(front: FrontEnd) -> None:
    front.new_workflow()
    loader = front.add("LoadImage", -1500, 0, image="odd.png")
    _, node = chain(front, loader)
    shown = front.add("PreviewAny", 600, 0)
    front.connect(node, 1, shown, "source")
    front.set(node, "rescale", False)
    front.set(node, "instruction", PAIR)
    front.command("Comfy.QueuePrompt")
    said = front.editors.last.locator(".line")
    said.filter(has_text="The instruction was made for a clip of 320x180 pixels").wait_for()
    front.page.wait_for_timeout(300)
    while front.page.locator(".p-dialog-mask").count():
        front.page.keyboard.press("Escape")
        front.settle()
    front.set(node, "instruction", '{"pairs": [{"handle": [10, 20], "target": [30, 20]}]}')
    says(front, "Drags: 1, mask points: 0, pins: 0")


@in_few
def test_example_and_its_points(front: FrontEnd) -> None:
    front.new_workflow()
    example = front.add("DragAVideoExampleClip", -400, 0)
    node = front.add("DragAVideoDragPoints", 0, 0)
    front.connect(example, 0, node, "clip")
    front.look_at(node, 1)
    assert not front.instruction(node)["pairs"]
    front.editors.last.get_by_role("button", name=re.compile("^Drag")).and_(front.page.locator(":enabled")).wait_for()
    front.connect(example, 1, node, "instruction")
    says(front, "The points come from Example Clip (Drag-A-Video); disconnect it to edit them here.")
    says(front, "Handle 1 at 58.4, 119.7")
    front.page.evaluate("id => app.graph.getNodeById(id).disconnectInput(1)", node)
    says(front, "Press at a handle, drag to its target, release")
    assert not front.problems
