"""Serves the repository's files to a browser on this machine, so that the editor runs without ComfyUI."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from os import PathLike
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
PAGE = "/tests/web/editor_page/index.html"


class Files(SimpleHTTPRequestHandler):
    """The repository's files, without a word, and with JavaScript's type whatever the system's registry says."""

    def guess_type(self, path: str | PathLike[str]) -> str:
        return "text/javascript" if str(path).endswith(".js") else super().guess_type(path)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def editor_site() -> Iterator[str]:
    """Address of the page with nothing but editors on it, as long as the context lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(ROOT)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}{PAGE}"
    finally:
        server.shutdown()
        server.server_close()
