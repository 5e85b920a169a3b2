"""The one exception a person is meant to read, and what PyTorch says when memory runs out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class DragAVideoError(ValueError):
    """Something the person can put right: the message names the bad value, what was expected and what to do.

    Everything the core raises on purpose is of this class, so that a node or the command line can show the
    message alone; any other exception is a bug and keeps its traceback.
    """


_OUT_OF_MEMORY = (
    "out of memory", "not enough memory", "can't allocate memory", "invalid buffer size", "alloc_failed",
    "unable to find an engine",
)  # fmt: skip


def ran_out_of_memory(error: Exception) -> bool:
    """Whether that is what an error says, in the words of CUDA, its libraries, Metal, a CPU or Python."""
    words = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(sign in words for sign in _OUT_OF_MEMORY)
    )


@contextmanager
def memory_in_words(what: str) -> Iterator[None]:
    """Where memory runs out inside, a DragAVideoError says so of `what`, a clip or a file."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not ran_out_of_memory(error):
            raise
        raise DragAVideoError(
            f"Memory ran out with {what}; take fewer frames, scale it down, or close other programs."
        ) from None
