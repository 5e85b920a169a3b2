"""Frames go through the network a few at a time, so that memory does not grow with the clip."""

from __future__ import annotations


def micro_batches(count: int, size: int) -> list[slice]:
    """Slices of at most `size` (at least 1) frames that cover range(count)."""
    size = max(1, size)
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]
