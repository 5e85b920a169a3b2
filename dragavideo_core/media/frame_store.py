"""Frames of files as JPEGs for a person to look at: quick to scrub through, in bounded memory.

A thread per clip decodes a little ahead of what was asked for last, so that playing finds its frames ready; it ends,
and lets go of the file, soon after nobody asks any more.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Thread

from ..errors import DragAVideoError
from .frame_access import FrameTable, frame_table, frames_from
from .pictures import jpeg_of

_AHEAD = 32
"""Frames decoded beyond the last one asked for; a frame further off is jumped to."""
_IDLE_SECONDS = 2.0
_TABLES = 64
LONGEST_RANGE = (16, 4096)
"""Longest sides that pictures are made with, px."""


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
    over: bool = False
    error: DragAVideoError | None = None

    def leads_to(self, number: int) -> bool:
        return not self.over and self.next <= number <= self.next + _AHEAD

    def near(self, number: int) -> bool:
        return abs(number - self.next) <= _AHEAD


class FrameStore:
    """Gives frames of files, and keeps the latest ones. May be used from several threads at a time."""

    def __init__(self, max_bytes: int = 128 * 2**20) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._pictures: OrderedDict[tuple[_Key, int], bytes] = OrderedDict()
        self._tables: OrderedDict[tuple[Path, str], FrameTable] = OrderedDict()
        self._runs: dict[_Key, _Run] = {}
        self._news = Condition()

    @property
    def held_bytes(self) -> int:
        """Size of all pictures that are kept."""
        return self._bytes

    def table(self, path: Path) -> FrameTable:
        """Size, number of frames and rate of a file.

        Raises:
            DragAVideoError: no such file, or it is neither video nor picture.
        """
        key = (path, file_version(path))
        with self._news:
            table = self._tables.get(key)
        if table is None:
            table = frame_table(path)
            with self._news:
                self._tables[key] = table
                while len(self._tables) > _TABLES:
                    self._tables.popitem(last=False)
        return table

    def jpeg(self, path: Path, number: int, longest: int) -> bytes:
        """Frame `number` of a file, from 0, with at most `longest` px a side. Waits until it is decoded.

        Raises:
            DragAVideoError: no such file or frame, or a size that is out of range.
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
        key = _Key(path, file_version(path), longest)
        with self._news:
            picture, run = self._pictures.get((key, number)), self._runs.get(key)
            if picture is not None:
                self._pictures.move_to_end((key, number))
                if run is not None and run.near(number):
                    self._extend(run, number)
                return picture
            if run is None or not run.leads_to(number):
                run = self._start(key, number, table)
            wish = _Wish(number)
            run.wishes.append(wish)
            self._extend(run, number)
            while wish.picture is None and not run.over:
                self._news.wait()
        if wish.picture is None:
            raise run.error or DragAVideoError(
                f"Frame {number} of '{path.name}' cannot be decoded; the file is damaged there."
            )
        return wish.picture

    def _start(self, key: _Key, number: int, table: FrameTable) -> _Run:
        """A run from `number` on, in place of the one there was, which still gives what somebody waits for."""
        old = self._runs.get(key)
        if old is not None:
            old.until = max((wish.number for wish in old.wishes), default=-1)
            self._news.notify_all()
        run = self._runs[key] = _Run(number, number)
        Thread(target=self._follow, args=(key, run, table), name="drag-a-video frames", daemon=True).start()
        return run

    def _extend(self, run: _Run, number: int) -> None:
        run.until = max(run.until, number + _AHEAD)
        self._news.notify_all()

    def _follow(self, key: _Key, run: _Run, table: FrameTable) -> None:
        """What a run's thread does."""
        try:
            with closing(frames_from(key.path, run.next, table)) as frames:
                for number, picture in frames:
                    self._keep(key, run, number, jpeg_of(picture, key.longest))
                    if not self._goes_on(key, run):
                        break
        except DragAVideoError as error:
            run.error = error
        finally:
            with self._news:
                run.over = True
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
            self._news.wait_for(lambda: run.next <= run.until or self._runs.get(key) is not run, _IDLE_SECONDS)
            return run.next <= run.until


def file_version(path: Path) -> str:
    """Changes whenever the file does: time of change and size.

    Raises:
        DragAVideoError: there is no such file.
    """
    try:
        about = path.stat()
    except (OSError, ValueError):
        raise DragAVideoError(f"There is no file '{path}'; check the path.") from None
    return f"{about.st_mtime_ns}-{about.st_size}"
