"""Files: written so that nothing half-written stays behind, and texts read so that errors name them."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from .errors import DragAVideoError

_T = TypeVar("_T")
_MARK = "dragavideo-"
"""In the name of every temporary file, so that those of killed runs are known."""
_LEFT_AFTER_S = 600
"""A temporary file this old belongs to no run that is still writing it."""
_LONGEST_NAME = 300
"""Characters of a path that a message quotes in full."""


class _Probed(Exception):
    """Ends a probe before its file is put in place."""


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Gives a temporary path beside `path`; renames it to `path` on success and removes it on any exception.

    The folder is made when it is missing. The temporary name keeps the suffix, because many writers choose their
    format by it.

    Raises:
        DragAVideoError: the folder cannot be made or written into, or the disk is full.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem[:40]}.{_MARK}{uuid.uuid4().hex[:8]}{path.suffix}")
    if path.parent.is_file():
        raise DragAVideoError(f"'{path.parent}' is a file, not a folder; choose another folder for the results.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)  # An unwritable folder shows itself before the work is done.
    except OSError as error:
        raise DragAVideoError(
            f"Cannot write '{path.name}' into the folder '{path.parent}' ({error.strerror or error}); choose a folder "
            "that can be written."
        ) from None
    try:
        yield temporary
        _open_to_others(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise DragAVideoError(
            f"Writing '{path}' failed ({error.strerror or error}); check the free space and that no other program "
            "holds the file."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def sweep(folder: str | Path) -> None:
    """Remove temporary files that killed runs have left in a folder, ours alone and none that may still be written."""
    for path in Path(folder).glob(f".*.{_MARK}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _LEFT_AFTER_S:
                path.unlink()


def _open_to_others(path: Path) -> None:
    """Give a file the mode that the person's umask asks for; some writers make files that only their owner can read."""
    with suppress(OSError):
        mask = os.umask(0)
        os.umask(mask)
        path.chmod(0o666 & ~mask)


def is_file(path: Path) -> bool:
    """Whether there is such a file; names that no file can have (too long, a zero in them) are none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether there is such a folder; names that no folder can have are none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def short_name(path: str | Path) -> str:
    """A path for a message: of a very long one only its beginning and its end."""
    text = str(path)
    return text if len(text) <= _LONGEST_NAME else f"{text[:80]} ... {text[-40:]}"


def read_named(path: Path, parse: Callable[[str], _T]) -> _T:
    """What `parse` makes of a text file, which may begin with a byte order mark.

    Raises:
        DragAVideoError: not UTF-8, unreadable, or what `parse` refuses; the message begins with the file's name.
    """
    try:
        return parse(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise DragAVideoError(f"{path.name}: cannot be read as text ({error}); save it as UTF-8.") from None
    except DragAVideoError as error:
        raise DragAVideoError(f"{path.name}: {error}") from None


def check_writable(folder: str | Path) -> None:
    """Make a folder and try to write into it, before minutes of work that would end there.

    Raises:
        DragAVideoError: it cannot be made or written into.
    """
    with suppress(_Probed), atomic_path(Path(folder) / "probe"):  # nothing of that name is ever made
        raise _Probed
