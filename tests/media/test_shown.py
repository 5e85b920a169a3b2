"""Pictures as they are shown: colours, HDR, transparency, turned and mirrored films, pixels that are not square."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.media.clip import load_clip
from dragavideo_core.media.colour import frame_picture
from dragavideo_core.media.frame_access import frame_table
from tests.films import CORNERS, corners_of, four_colours, write_film

_TO_2020 = np.linalg.inv(
    [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]]
)


def hdr_frame(transfer: int, white: float) -> Any:
    """`four_colours` in BT.2020 as HLG (18) or PQ (16), its white at `white` of the scene's light or in cd/m2."""
    signal = four_colours() / 255.0
    light = np.where(signal < 0.081, signal / 4.5, ((signal + 0.099) / 1.099) ** (1 / 0.45)) @ _TO_2020.T
    light = np.clip(light, 0, None) * white
    if transfer == 18:
        high = 0.17883277 * np.log(np.maximum(12 * light - 0.28466892, 1e-9)) + 0.55991073
        coded = np.where(light <= 1 / 12, np.sqrt(3 * light), high)
    else:
        power = (light / 10000) ** (2610 / 16384)
        coded = ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)
    levels = np.rint(coded * 65535).astype(np.uint16)
    frame: Any = av.VideoFrame.from_ndarray(levels, format="rgb48le")
    frame.color_trc, frame.color_primaries = transfer, 9
    return frame


@pytest.mark.parametrize(("transfer", "white"), [(18, 0.265), (16, 203.0), (16, 100.0)])
def test_hdr_becomes_the_picture_that_it_was(transfer: int, white: float) -> None:
    picture = frame_picture(hdr_frame(transfer, white))
    assert np.abs(corners_of(picture) - np.array(CORNERS)).max() <= 40
    brighter = frame_picture(hdr_frame(transfer, 3 * white))
    assert brighter.max() <= 1.0 and (brighter >= picture - 1e-3).all(), "highlights are bent, not turned over"


def test_wide_colours_without_hdr() -> None:
    signal = four_colours() / 255.0
    light = np.where(signal < 0.081, signal / 4.5, ((signal + 0.099) / 1.099) ** (1 / 0.45)) @ _TO_2020.T
    coded = np.where(light < 0.018, 4.5 * light, 1.099 * np.maximum(light, 0) ** 0.45 - 0.099)
    frame: Any = av.VideoFrame.from_ndarray(np.rint(coded * 255).astype(np.uint8), format="rgb24")
    frame.color_trc, frame.color_primaries = 1, 9
    assert np.abs(corners_of(frame_picture(frame)) - np.array(CORNERS)).max() <= 4


MATRICES = {
    "none": ((1, 0, 0, 1), (0, 1, 2, 3)),
    "mirrored": ((-1, 0, 0, 1), (1, 0, 3, 2)),
    "upside down": ((1, 0, 0, -1), (2, 3, 0, 1)),
    "half a turn": ((-1, 0, 0, -1), (3, 2, 1, 0)),
    "a quarter clockwise": ((0, 1, -1, 0), (2, 0, 3, 1)),
    "a quarter counterclockwise": ((0, -1, 1, 0), (1, 3, 0, 2)),
    "transposed": ((0, 1, 1, 0), (0, 2, 1, 3)),
    "transposed the other way": ((0, -1, -1, 0), (3, 1, 2, 0)),
}


@pytest.mark.parametrize("kind", MATRICES)
def test_every_display_matrix(tmp_path: Path, kind: str) -> None:
    (a, b, c, d), order = MATRICES[kind]
    path = write_film(tmp_path / "a.mp4")
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    matrix = [a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30]
    data[at : at + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(data)
    picture = load_clip(path, size=96).source[0]
    assert picture.shape[:2] == ((96, 160) if a else (160, 96))
    assert np.abs(corners_of(picture) - np.array(CORNERS)[list(order)]).max() <= 6


@pytest.mark.parametrize(
    ("aspect", "size"),
    [((2, 1), (320, 96)), ((1, 2), (160, 192)), ((4, 3), (213, 96)), ((1000, 999), (160, 96)), ((99, 1), (160, 96))],
)
def test_pixels_that_are_not_square(tmp_path: Path, aspect: tuple[int, int], size: tuple[int, int]) -> None:
    def stretch(video: Any) -> None:
        video.codec_context.sample_aspect_ratio = Fraction(*aspect)

    path = write_film(tmp_path / "a.mkv", change=stretch)
    clip = load_clip(path, size=96)
    assert clip.geometry.source_size == size == frame_table(path).size == clip.source.shape[2:0:-1]
    assert np.abs(corners_of(clip.source[0]) - np.array(CORNERS)).max() <= 6


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [("a.webm", "libvpx", "yuva420p"), ("a.webm", "libvpx-vp9", "yuva420p"), ("a.mov", "prores_ks", "yuva444p10le"),
     ("a.mov", "qtrle", "argb"), ("a.mkv", "ffv1", "bgra")],
)  # fmt: skip
def test_films_with_alpha(tmp_path: Path, name: str, codec: str, pix_fmt: str) -> None:
    picture = np.dstack([four_colours(), np.full((96, 160), 255, np.uint8)])
    picture[:, :80, 3] = 0
    options = {"auto-alt-ref": "0"} if codec == "libvpx" else {}
    path = write_film(tmp_path / name, [picture] * 12, codec=codec, pix_fmt=pix_fmt, options=options)
    table, clip = frame_table(path), load_clip(path, size=96, every=1)
    assert table.count == 12 == len(clip.source)
    for frame in clip.source[[0, 11]]:
        assert frame[:, :76].min() > 0.98
        assert np.abs(corners_of(frame)[[1, 3]] - np.array(CORNERS)[[1, 3]]).max() <= 6


def test_deep_pictures(tmp_path: Path) -> None:
    colours = four_colours()
    cv2.imwrite(str(tmp_path / "floats.tif"), colours[..., ::-1].astype(np.float32) / 255)
    cv2.imwrite(str(tmp_path / "deep.tif"), colours[..., ::-1].astype(np.uint16) * 257)
    cv2.imwrite(str(tmp_path / "deep.png"), colours[..., ::-1].astype(np.uint16) * 257)
    for name in ("floats.tif", "deep.tif", "deep.png"):
        assert np.abs(corners_of(load_clip(tmp_path / name, size=96).source[0]) - np.array(CORNERS)).max() <= 1
    grey = colours[..., 0].astype(np.float32)
    for name, white in (("one.tif", 255.0), ("bytes.tif", 1.0), ("words.tif", 1 / 257)):
        Image.fromarray(grey / white).save(tmp_path / name)
        found = corners_of(load_clip(tmp_path / name, size=96).source[0])[:, 0]
        assert found.tolist() == pytest.approx([230, 30, 30, 230], abs=1)


def test_animated_avif_moves_and_names_do_not_hide_it(tmp_path: Path) -> None:
    pages = [Image.fromarray(four_colours() // (n + 1)) for n in range(5)]
    path = tmp_path / "a.avif"
    pages[0].save(path, save_all=True, append_images=pages[1:], duration=100)
    clip = load_clip(path, size=96, every=2)
    assert clip.frame_indices == (0, 2, 4) and clip.fps == pytest.approx(5.0)
    assert corners_of(clip.source[1])[0].tolist() == pytest.approx([76, 10, 10], abs=6)
    assert frame_table(path).count == 5
    (tmp_path / "a.mp4").write_bytes(path.read_bytes())
    with pytest.raises(DragAVideoError, match=r"is a HEIF or AVIF picture, not a video; name an AVIF .avif"):
        load_clip(tmp_path / "a.mp4", size=96)


@pytest.mark.parametrize("default", [0, 1])
@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_the_film_is_the_stream_that_is_marked(tmp_path: Path, suffix: str, default: int) -> None:
    path = tmp_path / f"a.{suffix}"
    with av.open(str(path), "w") as container:
        streams: list[Any] = [container.add_stream("libx264", rate=24) for _ in range(2)]
        for number, stream in enumerate(streams):
            stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
            stream.disposition = av.stream.Disposition(int(number == default))
        for n in range(6):
            for number, stream in enumerate(streams):
                picture = np.full((32, 64, 3), 60 + 120 * number, np.uint8)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = n, Fraction(1, 24)
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    assert load_clip(path, size=32).source.mean() * 255 == pytest.approx(60 + 120 * default, abs=2)
    assert torch.isfinite(load_clip(path, size=32).source).all()
