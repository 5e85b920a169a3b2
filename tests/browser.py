"""ComfyUI's real front ends in a headless Chromium, driven by playwright. Set up by `python dev.py test`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.comfyui import PACK, REQUIRED, ROOT, Graph, Server

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Error, Locator, Page

NAMED = "DRAGAVIDEO_CHROMIUM"
"""Set by dev.py: the path of the browser."""
NEWER = "DRAGAVIDEO_FRONT_END"
"""Set by dev.py: the folder of a newer front end than ComfyUI's own."""
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Root has no sandbox; and Chromium shall look for nothing outside this machine.
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
READY = "window.app?.vueAppReady && window.app.extensionManager?.workflow?.activeWorkflow"
"""The page opens a first workflow of its own accord; one that a test opens before it would be replaced."""
EDITOR = ".dragavideo-editor"

LISTENERS = """
window.listening = new Map();  // target and event -> how many listeners there are
for (const target of [window, document, document.documentElement]) {
  const [add, remove] = [target.addEventListener, target.removeEventListener];
  const known = new Map();
  const count = (type, by) => listening.set(type, (listening.get(type) ?? 0) + by);
  const key = (type, options) => `${type} ${Boolean(options?.capture ?? options)}`;
  const forget = (type, listener, options) => known.get(listener)?.delete(key(type, options)) && count(type, -1);
  target.addEventListener = function (type, listener, options) {
    add.call(target, type, listener, options);
    if (!listener || options?.signal?.aborted || known.get(listener)?.has(key(type, options))) return;
    known.set(listener, (known.get(listener) ?? new Set()).add(key(type, options)));
    count(type, 1);
    options?.signal?.addEventListener("abort", () => forget(type, listener, options));
    if (options?.once) add.call(target, type, () => forget(type, listener, options), options);
  };
  target.removeEventListener = function (type, listener, options) {
    remove.call(target, type, listener, options);
    forget(type, listener, options);
  };
}
"""
"""Counts, from the page's first moment, the listeners on the window and the document."""


@dataclass(frozen=True)
class Kind:
    """One of the ways in which people see the graph."""

    newer: bool
    """Whether in the newer front end, instead of the one that comes with ComfyUI."""
    nodes_2: bool
    """Whether drawn by Nodes 2.0 (Vue), instead of on the classic canvas."""
    pixel_ratio: int

    def __str__(self) -> str:
        return f"{'newer' if self.newer else 'own'}-{'nodes2' if self.nodes_2 else 'classic'}-x{self.pixel_ratio}"


KINDS = (Kind(False, False, 1), Kind(False, True, 2), Kind(True, False, 2), Kind(True, True, 1))
FEW_KINDS = (KINDS[0], KINDS[3])
"""Both front ends and both renderers, for what depends little on them."""


def need_chromium() -> str:
    """The browser's path; without it, or without playwright, tests are skipped, or fail where dev.py runs them."""
    path = os.environ.get(NAMED) or next(filter(None, map(shutil.which, NAMES)), "")
    reason = "" if path and Path(path).is_file() else f"no Chromium: run `python dev.py test`, or name one in {NAMED}"
    try:
        import playwright  # noqa: F401
    except ImportError:
        reason = "no playwright: run `python dev.py test`, which installs it"
    _do_without(reason)
    return path


def need_newer_front_end() -> Path:
    """The folder of the newer front end; without it tests are skipped, or fail where dev.py runs them."""
    kept = sorted((ROOT / ".cache").glob("comfyui-frontend-package-*"))
    folder = Path(os.environ.get(NEWER) or (kept[-1] if kept else ROOT / ".cache" / "no front end"))
    there = (folder / "index.html").is_file()
    _do_without("" if there else f"no newer front end: run `python dev.py test`, or name its folder in {NEWER}")
    return folder


def _do_without(reason: str) -> None:
    if reason and os.environ.get(REQUIRED):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


@dataclass
class FrontEnd:
    """The page, and what went wrong on it."""

    page: Page
    server: Server
    kind: Kind
    problems: list[str] = field(default_factory=list)
    """Errors on the console in which this pack is named; the front end has several of its own without a network."""

    def open(self) -> None:
        """Open the page, or open it again."""
        self.server.post("/settings/Comfy.TutorialCompleted", True)  # or the page begins with a dialog
        self.server.post("/settings/Comfy.VueNodes.Enabled", self.kind.nodes_2)
        # Or 1.32.9 makes all nodes of a new workflow larger at every undo in Nodes 2.0.
        self.server.post("/settings/Comfy.VueNodes.AutoScaleLayout", False)
        self.page.goto(f"http://{self.server.address}", wait_until="domcontentloaded")
        self.page.wait_for_function(READY, timeout=90_000)

    # --- the graph ----------------------------------------------------------------------------------------------------

    def load(self, workflow: dict[str, Any]) -> None:
        """Open a workflow as from a file."""
        self.page.evaluate("workflow => window.app.loadGraphData(workflow)", workflow)

    def command(self, name: str) -> None:
        """Run one of the front end's commands."""
        self.page.evaluate("name => window.app.extensionManager.command.execute(name)", name)

    def new_workflow(self) -> None:
        """Go on in an empty workflow of its own, without the dialogs of the one before (nodes or models missing)."""
        while self.page.locator(".p-dialog-mask").count():
            self.page.keyboard.press("Escape")
            self.settle()
        self.command("Comfy.NewBlankWorkflow")
        self.page.wait_for_function("() => window.app.graph.nodes.length === 0")

    def add(self, kind: str, x: float, y: float, **values: Any) -> str:
        """A new node at that place of the graph, and its id."""
        code = """([kind, x, y, values]) => {
          const node = LiteGraph.createNode(kind);
          node.pos = [x, y];
          app.graph.add(node);
          for (const widget of node.widgets ?? []) if (widget.name in values) widget.value = values[widget.name];
          return String(node.id);
        }"""
        return str(self.page.evaluate(code, [kind, x, y, values]))

    def connect(self, source: str, output: int, target: str, name: str) -> None:
        """Lay a link."""
        code = """([source, output, target, name]) => {
          const to = app.graph.getNodeById(target);
          app.graph.getNodeById(source).connect(output, to, to.inputs.findIndex((input) => input.name === name));
        }"""
        self.page.evaluate(code, [source, output, target, name])

    def set(self, node: str, name: str, value: Any) -> None:
        """Give a widget a value as a person's input does."""
        code = """([id, name, value]) => {
          const widget = app.graph.getNodeById(id).widgets.find((one) => one.name === name);
          widget.value = value;
          widget.callback?.(value);
        }"""
        self.page.evaluate(code, [node, name, value])

    def size(self, node: str) -> list[float]:
        """Width and height of a node, graph units."""
        return list(self.page.evaluate("id => [...app.graph.getNodeById(id).size]", node))

    def instruction(self, node: str) -> dict[str, Any]:
        """What a Drag Points node holds."""
        code = "id => app.graph.getNodeById(id).widgets.find((one) => one.name === 'instruction').value"
        return json.loads(self.page.evaluate(code, node))

    def look_at(self, node: str, zoom: float, margin: tuple[int, int] = (120, 110)) -> None:
        """Show the graph at that zoom, with the node's upper left corner at `margin` (CSS px)."""
        code = """([id, zoom, margin]) => {
          const { ds } = app.canvas;
          ds.scale = zoom;
          ds.offset = app.graph.getNodeById(id).pos.map((value, i) => margin[i] / zoom - value);
          app.canvas.setDirty(true, true);
        }"""
        self.page.evaluate(code, [node, zoom, margin])
        self.settle()

    def settle(self) -> None:
        """Wait until the page has drawn what was changed."""
        code = """() => new Promise((done) => {
          let left = 6;
          const go = () => (left-- ? requestAnimationFrame(go) : done());
          go();
        })"""
        self.page.evaluate(code)

    def prompt(self) -> Graph:
        """What the Run button would queue, without the nodes' titles."""
        prompt = self.page.evaluate("async () => (await window.app.graphToPrompt()).output")
        return {key: {name: node[name] for name in ("class_type", "inputs")} for key, node in prompt.items()}

    # --- the page -----------------------------------------------------------------------------------------------------

    @property
    def editors(self) -> Locator:
        """All editors on the page."""
        return self.page.locator(EDITOR)

    def unknown(self) -> frozenset[str]:
        """Types of the nodes that the server does not have."""
        code = "() => window.app.graph.nodes.filter(n => !(n.type in LiteGraph.registered_node_types)).map(n => n.type)"
        return frozenset(self.page.evaluate(code))

    def toasts(self) -> list[str]:
        """Error messages in the page's corner."""
        return self.page.locator(".p-toast-message-error").all_inner_texts()

    def note(self, message: ConsoleMessage) -> None:
        """Keep an error that is about this pack."""
        about = f"{message.location.get('url', '')} {message.text}"
        # Asking the registry what it knows of the pack is refused by the page's own policy.
        refused = "Content Security Policy" in about
        # A file that is not there is told to the person.
        missing = "/dragavideo/clip?" in about and "404" in about
        ours = PACK in about.lower() or "dragavideo" in about.lower()
        if message.type == "error" and ours and not refused and not missing:
            self.problems.append(about)

    def note_error(self, error: Error) -> None:
        """Keep an exception of ours that nothing on the page caught."""
        stack = error.stack or ""
        if PACK in stack:
            self.problems.append(stack)


@contextmanager
def front_end(server: Server, kind: Kind = KINDS[0], script: str = "") -> Iterator[FrontEnd]:
    """Open the front end of a running ComfyUI; `script` is run before its own."""
    path = need_chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1600, "height": 1300}, device_scale_factor=kind.pixel_ratio)
        opened = FrontEnd(page, server, kind)
        page.on("console", opened.note)
        page.on("pageerror", opened.note_error)
        page.add_init_script(script)
        opened.open()
        try:
            yield opened
        finally:
            browser.close()
