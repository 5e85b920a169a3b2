"""What all tests share: the import path, few threads, no network, slow tests only when asked for, and front ends."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.browser import FrontEnd
    from tests.comfyui import Server

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

# Before torch is imported: it reads the thread count once. Tensors are tiny here: one thread is the quickest, and gives
# the same sums on every machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

_connect = socket.socket.connect


def _connect_locally(self: socket.socket, address: Any) -> None:
    """`socket.connect`, to this machine alone: a test that reaches for the network is a broken test."""
    if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(address[0]):
        raise OSError(f"Tests have no network, and something wanted to reach {address[0]}.")
    _connect(self, address)


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def pytest_configure(config: pytest.Config) -> None:
    socket.socket.connect = _connect_locally  # type: ignore[method-assign, assignment]


def pytest_unconfigure(config: pytest.Config) -> None:
    socket.socket.connect = _connect  # type: ignore[method-assign]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave tests marked slow out, unless -m says which marks are wanted; tests in a front end come last.

    They share servers and pages, and while playwright has a page open no other test can run an event loop.
    """
    items.sort(key=lambda item: "front" in getattr(item, "fixturenames", ()))
    if config.getoption("markexpr"):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[bool], Server]]:
    """servers(newer): ComfyUI with the one or the other front end and the clips of pointing.py."""
    from tests.browser import need_chromium, need_newer_front_end
    from tests.comfyui import comfyui, need_comfyui
    from tests.pointing import write_clips

    need_comfyui()
    need_chromium()
    with ExitStack() as running:

        @cache
        def server(newer: bool) -> Server:
            options = ("--front-end-root", str(need_newer_front_end())) if newer else ()
            base = tmp_path_factory.mktemp("comfyui")
            (base / "input").mkdir()
            write_clips(base / "input")
            return running.enter_context(comfyui(base, options=options))

        yield server


@pytest.fixture(scope="session")
def front(request: pytest.FixtureRequest, servers: Callable[[bool], Server]) -> Iterator[FrontEnd]:
    """The front end of the `Kind` that the test names, open."""
    from tests.browser import LISTENERS, front_end

    with front_end(servers(request.param.newer), request.param, LISTENERS) as opened:
        yield opened
