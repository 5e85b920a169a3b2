"""Frames that come one after the other and become one tensor."""

from __future__ import annotations

import torch
from torch import Tensor

_CHUNK = 32
"""Frames that memory is taken for at a time."""


class Stack:
    """Frames of one shape that become one tensor without being held twice."""

    def __init__(self, expected: int) -> None:
        """`expected`: how many frames come, or more."""
        self._chunk = max(1, min(expected, _CHUNK))
        self._chunks: list[Tensor] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the frames; empty before the first one."""
        return tuple(self._chunks[0].shape[1:]) if self._chunks else ()

    def append(self, frame: Tensor) -> None:
        """Add a frame of the same shape."""
        place = self._count % self._chunk
        if not place:
            self._chunks.append(torch.empty(self._chunk, *frame.shape, dtype=frame.dtype))
        self._chunks[-1][place] = frame
        self._count += 1

    def tensor(self) -> Tensor:
        """All of them, [N, ...]. There has to be one."""
        if self._count == self._chunk:
            return self._chunks[0]
        return torch.cat(self._chunks)[: self._count].clone()
