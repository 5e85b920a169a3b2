"""Remembers how far optimisations came, so that a cancelled one goes on when it is queued again.

A few, in memory: a value is some megabytes, and what is older than the last few drags nobody comes back to.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..dragavideo_core.drag.offsets import LatentOffsets

_KEPT = 4
_found: OrderedDict[str, LatentOffsets] = OrderedDict()
_lock = Lock()


def recall(key: str, iterations: int) -> LatentOffsets | None:
    """What was reached for these very inputs and settings, unless it is beyond `iterations`."""
    with _lock:
        offsets = _found.get(key)
    return None if offsets is None or offsets.iterations > iterations else offsets


def keep(key: str, offsets: LatentOffsets) -> None:
    """Remember, and forget the oldest."""
    with _lock:
        _found[key] = offsets
        _found.move_to_end(key)
        while len(_found) > _KEPT:
            _found.popitem(last=False)
