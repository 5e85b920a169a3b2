"""Frames of files as JPEGs for a person to look at: quick to scrub through, in bounded memory and time.

A thread per clip decodes a little ahead of what was asked for last, so that playing finds its frames ready; it ends,
and lets go of the file, soon after nobody asks any more. There are few such threads and few sizes: a picture of
another size is made of the next larger one when it is asked for.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Thread, main_thread

from ..errors import DragAVideoError
from ..files import short_name
from .frame_access import FrameTable, frame_table, frames_from
from .pictures import jpeg_of, smaller_jpeg

_AHEAD = 32
"""Frames decoded beyond the last one asked for; a frame further off is jumped to."""
_IDLE_SECONDS = 2.0
_LOOK_SECONDS = 0.2
_TABLES = 64
_TABLE_ROWS = 500_000
"""Time stamps in all tables that are kept, some 20 MB."""
_RUNS = 4
"""Files, or sizes of them, that are decoded at the same time."""
_SIZES = (160, 640, 1280, 2560, 4096)
"""Longest sides that pictures are decoded to and kept with, px."""
LONGEST_RANGE = (16, 4096)
"""Longest sides that may be asked for, px."""


@dataclass(frozen=True)
class _Key:
    """One state of one file, seen at one size."""

    path: Path
    version: str
    longest: int


@dataclass(eq=False)
class _Wish:
    """A frame that somebody waits for, and the picture when it has come."""

    number: int
    picture: bytes | None = None


@dataclass(eq=False)
class _Run:
    """A thread's way through a file. Changed under the store's lock alone."""

    next: int
    """Number of the frame that is decoded next."""
    until: int
    """The last frame to decode."""
    wishes: list[_Wish] = field(default_factory=list)
    ending: bool = False
    """Whether it shall not wait for more wishes."""
    over: bool = False
    error: DragAVideoError | None = None

    def leads_to(self, number: int) -> bool:
        return not self.over and not self.ending and self.next <= number <= self.next + _AHEAD

    def near(self, number: int) -> bool:
        return abs(number - self.next) <= _AHEAD


class FrameStore:
    """Gives frames of files, and keeps the latest ones. May be used from several threads at a time."""

    def __init__(
        self, max_bytes: int = 128 * 2**20, *, table_seconds: float = 60.0, frame_seconds: float = 30.0
    ) -> None:
        """Args:
        max_bytes: of all pictures that are kept.
        table_seconds, frame_seconds: how long somebody waits for a file to be looked through, and for a frame.
        """
        self._max_bytes = max_bytes
        self._table_seconds, self._frame_seconds = table_seconds, frame_seconds
        self._bytes = 0
        self._pictures: OrderedDict[tuple[_Key, int], bytes] = OrderedDict()
        self._tables: OrderedDict[tuple[Path, str], FrameTable] = OrderedDict()
        self._in_the_making: set[tuple[Path, str]] = set()
        self._runs: dict[_Key, _Run] = {}
        self._threads = 0
        self._news = Condition()

    @property
    def held_bytes(self) -> int:
        """Size of all pictures that are kept."""
        return self._bytes

    def table(self, path: Path) -> FrameTable:
        """Size, number of frames and rate of a file. Several that ask at once wait for one that looks.

        Raises:
            DragAVideoError: no such file, it is neither video nor picture, or it takes too long to look through.
        """
        key = (path, file_version(path))
        with self._news:
            if not self._news.wait_for(lambda: key not in self._in_the_making, self._table_seconds):
                raise _too_slow(path)
            table = self._tables.get(key)
            if table is not None:
                self._tables.move_to_end(key)
                return table
            self._in_the_making.add(key)
        try:
            table = frame_table(path, self._table_seconds)
        finally:
            with self._news:
                self._in_the_making.discard(key)
                if table is not None:
                    self._tables[key] = table
                while len(self._tables) > _TABLES or (self._rows() > _TABLE_ROWS and len(self._tables) > 1):
                    self._tables.popitem(last=False)
                self._news.notify_all()
        return table

    def jpeg(self, path: Path, number: int, longest: int) -> bytes:
        """Frame `number` of a file, from 0, with at most `longest` px a side. Waits until it is decoded.

        Raises:
            DragAVideoError: no such file or frame, a size that is out of range, or a frame that takes too long.
        """
        least, most = LONGEST_RANGE
        if not least <= longest <= most:
            raise DragAVideoError(f"'longest' is {longest}; expected {least} to {most} pixels.")
        table = self.table(path)
        if not 0 <= number < table.count:
            raise DragAVideoError(
                f"'{path.name}' has frames 0 to {table.count - 1}, but frame {number} was asked for; choose one of "
                "these."
            )
        size = next(size for size in _SIZES if size >= longest)
        picture = self._picture(_Key(path, file_version(path), size), number, table)
        return picture if longest >= min(size, max(table.size)) else smaller_jpeg(picture, longest)

    def _picture(self, key: _Key, number: int, table: FrameTable) -> bytes:
        """A frame of one of the sizes that are kept."""
        end = time.monotonic() + self._frame_seconds
        with self._news:
            while True:
                picture, run = self._pictures.get((key, number)), self._runs.get(key)
                if picture is not None:
                    self._pictures.move_to_end((key, number))
                    if run is not None and run.near(number):
                        self._extend(run, number)
                    return picture
                if run is not None and run.leads_to(number):
                    break
                if self._threads < _RUNS:
                    run = self._start(key, number, table)
                    break
                self._end_an_idle_run()
                if not self._news.wait(max(0.0, end - time.monotonic())) and time.monotonic() >= end:
                    raise _too_slow(key.path)
            wish = _Wish(number)
            run.wishes.append(wish)
            self._extend(run, number)
            while wish.picture is None and not run.over:
                if not self._news.wait(max(0.0, end - time.monotonic())) and time.monotonic() >= end:
                    if wish in run.wishes:
                        run.wishes.remove(wish)
                    break
        if wish.picture is not None:
            return wish.picture
        if not run.over:
            raise _too_slow(key.path)
        raise run.error or DragAVideoError(
            f"Frame {number} of '{key.path.name}' cannot be decoded; the file is damaged there."
        )

    def _rows(self) -> int:
        return sum(len(table.times) for table in self._tables.values())

    def _start(self, key: _Key, number: int, table: FrameTable) -> _Run:
        """A run from `number` on, in place of the one there was, which still gives what somebody waits for."""
        old = self._runs.get(key)
        if old is not None:
            self._let_end(old)
        run = self._runs[key] = _Run(number, number)
        self._threads += 1
        Thread(target=self._follow, args=(key, run, table), name="drag-a-video frames").start()
        return run

    def _end_an_idle_run(self) -> None:
        """Have the runs that nobody waits for end, so that another can begin."""
        for run in self._runs.values():
            if not run.wishes:
                self._let_end(run)

    def _let_end(self, run: _Run) -> None:
        run.until = max((wish.number for wish in run.wishes), default=-1)
        run.ending = True
        self._news.notify_all()

    def _extend(self, run: _Run, number: int) -> None:
        run.until = max(run.until, number + _AHEAD)
        self._news.notify_all()

    def _follow(self, key: _Key, run: _Run, table: FrameTable) -> None:
        """What a run's thread does."""
        try:
            with closing(frames_from(key.path, run.next, table, as_bytes=True)) as frames:
                for number, picture in frames:
                    self._keep(key, run, number, jpeg_of(picture, key.longest))
                    if not self._goes_on(key, run):
                        break
        except DragAVideoError as error:
            run.error = error
        except (MemoryError, RuntimeError) as error:
            run.error = DragAVideoError(f"'{key.path.name}' cannot be decoded ({error or 'no more memory'}).")
        finally:
            with self._news:
                run.over = True
                self._threads -= 1
                if self._runs.get(key) is run:
                    del self._runs[key]
                self._news.notify_all()

    def _keep(self, key: _Key, run: _Run, number: int, picture: bytes) -> None:
        with self._news:
            old = self._pictures.pop((key, number), b"")
            self._pictures[key, number] = picture
            self._bytes += len(picture) - len(old)
            while self._bytes > self._max_bytes and len(self._pictures) > 1:
                self._bytes -= len(self._pictures.popitem(last=False)[1])
            # Handed over at once: what somebody waits for may be dropped before they come to look.
            for wish in [wish for wish in run.wishes if wish.number == number]:
                wish.picture = picture
                run.wishes.remove(wish)
            run.next = number + 1
            self._news.notify_all()

    def _goes_on(self, key: _Key, run: _Run) -> bool:
        """Whether more is wanted; waits a moment for somebody to want it."""
        with self._news:
            end = time.monotonic() + _IDLE_SECONDS
            # No daemon, which the interpreter would end in the middle of a library's work; so it looks for the end.
            while main_thread().is_alive():
                if run.next <= run.until:
                    return True
                if run.ending or time.monotonic() >= end:
                    break
                self._news.wait(_LOOK_SECONDS)
            # Whoever comes from now on starts another one.
            run.over = True
            return False


def file_version(path: Path) -> str:
    """Changes whenever the file does: time of change and size.

    Raises:
        DragAVideoError: there is no such file.
    """
    try:
        about = path.stat()
    except (OSError, ValueError):
        raise DragAVideoError(f"There is no file '{short_name(path)}'; check the path.") from None
    return f"{about.st_mtime_ns}-{about.st_size}"


def _too_slow(path: Path) -> DragAVideoError:
    return DragAVideoError(f"'{path.name}' takes too long to read; try again, or make a shorter or smaller film of it.")
