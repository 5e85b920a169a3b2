"""Size before work: what is too large is told before memory is taken for it."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from dragavideo_core.errors import DragAVideoError, memory_in_words
from dragavideo_core.media import limits
from dragavideo_core.media.clip import load_clip
from dragavideo_core.media.frame_access import frame_table
from dragavideo_core.media.geometry import fit_geometry
from dragavideo_core.media.masks import read_mask

REPOSITORY = Path(__file__).parents[2]


def gif(path: Path, side: int) -> Path:
    """A few bytes that claim a picture of `side` x `side`."""
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\x02\x02\x44\x01\x00;"
    path.write_bytes(b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + bytes(6) + frame)
    return path


def png(path: Path, side: int) -> Path:
    """A black picture of `side` x `side`, well packed."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    packed = b"".join([packer.compress(bytes(1 + (side + 7) // 8)) for _ in range(side)]) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b""))
    return path


@pytest.mark.parametrize(
    "make", [lambda folder: gif(folder / "a.gif", 16000), lambda folder: png(folder / "a.png", 13000)]
)
def test_pictures_that_are_too_large_for_their_files(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path)
    for read in (lambda: load_clip(path, size=512), lambda: frame_table(path), lambda: read_mask(path)):
        with pytest.raises(DragAVideoError, match=r"is 1[36]000x1[36]000 pixels, which is too large for a file of"):
            read()


_PEAK = """
import sys
from dragavideo_core.errors import DragAVideoError
from dragavideo_core.media.clip import load_clip
def megabytes():
    return next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
before = megabytes()
for path in sys.argv[1:]:
    try:
        load_clip(path, size=512)
    except DragAVideoError as error:
        print(error, file=sys.stderr)
    print(megabytes() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_peak_of_memory(tmp_path: Path) -> None:
    paths = [gif(tmp_path / "a.gif", 16000), png(tmp_path / "a.png", 13000), gif(tmp_path / "b.gif", 3000)]
    command = [sys.executable, "-c", _PEAK, *map(str, paths)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=100)
    refused, too, read = map(int, done.stdout.split())
    assert refused < 50 and too < 50 and read < 500, done.stderr


def test_many_frames_of_few_bytes(tmp_path: Path) -> None:
    pages = [Image.new("RGB", (2400, 1400), (n, 0, 0)) for n in range(12)]
    pages[0].save(tmp_path / "a.webp", save_all=True, append_images=pages[1:], lossless=True)
    with pytest.raises(DragAVideoError, match="would give 12 frames of 2400x1400 pixels, which is too large"):
        load_clip(tmp_path / "a.webp", size=64, every=1)
    assert len(load_clip(tmp_path / "a.webp", size=64, every=4).source) == 3


def test_larger_files_may_hold_more(tmp_path: Path) -> None:
    path = png(tmp_path / "a.png", 4000)
    with pytest.raises(DragAVideoError, match="too large"):
        limits.check_picture(path, 4000, 4000)
    path.write_bytes(path.read_bytes() + bytes(2**20))
    limits.check_picture(path, 4000, 4000)


def test_narrow_pictures_and_memory_that_runs_out() -> None:
    with pytest.raises(DragAVideoError, match="more than 20 times as long as it is wide; crop it first"):
        fit_geometry((100_000, 1), 512)
    for error in (MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")):
        with (
            pytest.raises(DragAVideoError, match=r"Memory ran out with 'a.png'; take fewer"),
            memory_in_words("'a.png'"),
        ):
            raise error
    with pytest.raises(RuntimeError, match="shape"), memory_in_words("'a.png'"):
        raise RuntimeError("shape")
    with pytest.raises(DragAVideoError, match="Memory ran out"), memory_in_words("a clip"):
        torch.empty(2**60)
