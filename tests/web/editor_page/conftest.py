"""The editor's page in a headless Chromium, and editors on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import FLAGS, need_chromium
from tests.web.editor_page.driver import TEXT, Editor, Make
from tests.web.editor_page.site import ROOT, editor_site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Error, Page


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


@pytest.fixture(scope="module")
def pages(browser: Browser, address: str) -> Callable[[float, bool], Page]:
    """One page for each device pixel ratio, with or without touch: opening one takes longer than most tests."""

    @cache
    def page_of(dpr: float, touch: bool) -> Page:
        viewport: Any = {"width": 740, "height": 600}
        context = browser.new_context(viewport=viewport, device_scale_factor=dpr, has_touch=touch)
        context.add_init_script(path=ROOT / "tests/web/editor_page/count.js")
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
