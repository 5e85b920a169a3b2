"""A polite end: what asks a program to stop (Ctrl+C, a closed terminal, a scheduler) ends it with its work kept."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_NAMES = ("SIGTERM", "SIGHUP")  # Windows has no SIGHUP


class Stopped(KeyboardInterrupt):
    """Somebody asked the program to stop by a signal."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = 128 + number
        """What a shell makes of a program ended by it."""


@contextmanager
def stopped_politely() -> Iterator[None]:
    """Inside, SIGTERM and SIGHUP raise `Stopped`, as Ctrl+C raises KeyboardInterrupt; afterwards all is as it was."""
    if threading.current_thread() is not threading.main_thread():  # only that one may set handlers
        yield
        return
    before = {}
    for name in _NAMES:
        number = getattr(signal, name, None)
        if number is not None:
            before[number] = signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)
