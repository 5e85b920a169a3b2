"""ComfyUI's real front end in a headless Chromium, driven by playwright. Set up by `python dev.py test`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.comfyui import PACK, REQUIRED, Graph, Server

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Page

NAMED = "DRAGAVIDEO_CHROMIUM"
"""Set by dev.py: the path of the browser."""
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Root has no sandbox; and Chromium shall look for nothing outside this machine.
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
READY = "window.app?.vueAppReady && window.app.extensionManager?.workflow?.activeWorkflow"
"""The page opens a first workflow of its own accord; one that a test opens before it would be replaced."""


def need_chromium() -> str:
    """The browser's path; without it, or without playwright, tests are skipped, or fail where dev.py runs them."""
    path = os.environ.get(NAMED) or next(filter(None, map(shutil.which, NAMES)), "")
    reason = "" if path and Path(path).is_file() else f"no Chromium: run `python dev.py test`, or name one in {NAMED}"
    try:
        import playwright  # noqa: F401
    except ImportError:
        reason = "no playwright: run `python dev.py test`, which installs it"
    if reason and os.environ.get(REQUIRED):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    return path


@dataclass
class FrontEnd:
    """The page, and what went wrong on it."""

    page: Page
    problems: list[str] = field(default_factory=list)
    """Errors on the console in which this pack is named; the front end has several of its own without a network."""

    def load(self, workflow: dict[str, Any]) -> None:
        """Open a workflow as from a file."""
        self.page.evaluate("workflow => window.app.loadGraphData(workflow)", workflow)

    def prompt(self) -> Graph:
        """What the Run button would queue, without the nodes' titles."""
        prompt = self.page.evaluate("async () => (await window.app.graphToPrompt()).output")
        return {key: {name: node[name] for name in ("class_type", "inputs")} for key, node in prompt.items()}

    def unknown(self) -> set[str]:
        """Types of the nodes that the server does not have."""
        code = "() => window.app.graph.nodes.filter(n => !(n.type in LiteGraph.registered_node_types)).map(n => n.type)"
        return set(self.page.evaluate(code))

    def toasts(self) -> list[str]:
        """Error messages in the page's corner."""
        return self.page.locator(".p-toast-message-error").all_inner_texts()

    def note(self, message: ConsoleMessage) -> None:
        """Keep an error that is about this pack."""
        about = f"{message.location.get('url', '')} {message.text}"
        # Asking the registry what it knows of the pack is refused by the page's own policy.
        ours = PACK in about.lower() or "dragavideo" in about.lower()
        if message.type == "error" and ours and "Content Security Policy" not in about:
            self.problems.append(about)


@contextmanager
def front_end(server: Server, seconds: float = 90) -> Iterator[FrontEnd]:
    """Open the front end of a running ComfyUI."""
    path = need_chromium()
    from playwright.sync_api import sync_playwright

    server.post("/settings/Comfy.TutorialCompleted", True)  # or the page begins with a dialog
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1700, "height": 1000})
        opened = FrontEnd(page)
        page.on("console", opened.note)
        page.on("pageerror", lambda error: opened.problems.append(error.stack) if PACK in (error.stack or "") else None)
        page.goto(f"http://{server.address}", wait_until="domcontentloaded")
        page.wait_for_function(READY, timeout=1000 * seconds)
        try:
            yield opened
        finally:
            browser.close()
