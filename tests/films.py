"""Video files that phones make."""

from __future__ import annotations

import struct
from pathlib import Path

from torch import Tensor

from dragavideo_core.media.video_io import write_video


def write_turned(path: Path, frames: Tensor, fps: float = 10) -> None:
    """Write frames [N, H, W, 3] with the tkhd matrix of a phone held upright: players turn them clockwise a quarter."""
    write_video(path, frames, fps)
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, frames.shape[1] << 16, 0, 1 << 30)
    path.write_bytes(data)
