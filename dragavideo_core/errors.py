"""The one exception a person is meant to read."""

from __future__ import annotations


class DragAVideoError(ValueError):
    """Something the person can put right: the message names the bad value, what was expected and what to do.

    Everything the core raises on purpose is of this class, so that a node or the command line can show the
    message alone; any other exception is a bug and keeps its traceback.
    """
