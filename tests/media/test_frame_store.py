"""Any frame by its number: the very pictures that `load_clip` takes, in any order, from several threads, in bounds."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.media import frame_store
from dragavideo_core.media.clip import load_clip
from dragavideo_core.media.frame_access import frame_table, frames_from
from dragavideo_core.media.frame_store import FrameStore
from tests.media.test_clip import encode

COUNT = 60


def drifting(count: int) -> torch.Tensor:
    """A smooth pattern that moves to the right: encoders make B-frames of it, which they store out of order."""
    coarse = torch.rand(1, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    picture = torch.nn.functional.interpolate(coarse, (32, 48), mode="bilinear")[0].permute(1, 2, 0)
    return torch.stack([picture.roll(n, 1) for n in range(count)])


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("a.ts", "libx264", "yuv420p"),
        ("a.mkv", "libx264", "yuv444p"),
        ("vp8.webm", "libvpx", "yuv420p"),
        ("vp9.webm", "libvpx-vp9", "yuv420p"),
        ("a.avi", "mpeg4", "yuv420p"),
        ("a.gif", "gif", "rgb8"),
    ],
)
def test_a_frame_is_the_same_wherever_one_begins_to_read(tmp_path: Path, name: str, codec: str, pix_fmt: str) -> None:
    path = tmp_path / name
    # Noise makes a large file, in which a jump by time lands beside the frame that was meant.
    noise = torch.rand(COUNT, 32, 48, 3, generator=torch.Generator().manual_seed(0))
    encode(path, codec, pix_fmt, noise if name == "a.ts" else drifting(COUNT))
    clip, table = load_clip(path, size=16, every=1, limit=1000), frame_table(path)
    assert (table.size, table.count, table.fps) == ((48, 32), COUNT, pytest.approx(clip.fps, rel=0.01))
    assert table.times, "none of these should have to be read from its beginning"
    for start in random.Random(0).sample(range(COUNT), 20):
        number, picture = next(frames_from(path, start, table))
        assert number == start and torch.equal(picture, clip.source[start])
    rest = list(frames_from(path, 30, table))
    assert [number for number, _ in rest] == list(range(30, COUNT))
    assert torch.equal(torch.stack([picture for _, picture in rest]), clip.source[30:])


def test_variable_rate_pictures_and_moving_pictures(tmp_path: Path) -> None:
    encode(tmp_path / "v.mp4", "libx264", "yuv420p", drifting(8), pts=[0, 1, 5, 6, 7, 20, 21, 30])
    pages = [Image.fromarray((frame * 255).byte().numpy()) for frame in drifting(5)]
    pages[0].save(tmp_path / "one.png")
    pages[0].save(tmp_path / "moving.webp", save_all=True, append_images=pages[1:], duration=100, lossless=True)
    for name, count in (("v.mp4", 8), ("one.png", 1), ("moving.webp", 5)):
        clip, table = load_clip(tmp_path / name, size=16, every=1), frame_table(tmp_path / name)
        assert table.count == count == len(clip.source)
        _, picture = next(frames_from(tmp_path / name, count - 1, table))
        assert torch.equal(picture, clip.source[-1])
    assert frame_table(tmp_path / "moving.webp").fps == pytest.approx(10.0)


def test_what_is_no_video_is_refused_and_a_torn_one_gives_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("no film")
    with pytest.raises(DragAVideoError, match="is not a video that can be read"):
        frame_table(tmp_path / "notes.mp4")
    with pytest.raises(DragAVideoError, match="There is no file"):
        frame_table(tmp_path / "gone.mp4")
    encode(tmp_path / "torn.mkv", "libx264", "yuv420p", drifting(COUNT))
    data = (tmp_path / "torn.mkv").read_bytes()
    (tmp_path / "torn.mkv").write_bytes(data[: len(data) // 2])
    table = frame_table(tmp_path / "torn.mkv")
    assert 5 < table.count < COUNT
    store = FrameStore()
    store.jpeg(tmp_path / "torn.mkv", 3, 48)
    with pytest.raises(DragAVideoError, match="but frame 59 was asked for"):
        store.jpeg(tmp_path / "torn.mkv", 59, 48)


def numbered(count: int) -> torch.Tensor:
    """Frame n has its number on it, to the base of 12: a grey for each digit, left and right."""
    frames = torch.empty(count, 120, 160, 3)
    for n in range(count):
        frames[n, :, :80], frames[n, :, 80:] = 0.1 + 0.07 * (n // 12), 0.1 + 0.07 * (n % 12)
    return frames


def number_of(jpeg: bytes) -> int:
    """Which frame of `numbered` it is."""
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1) / 255
    width = pixels.shape[1]
    left, right = pixels[:, : width // 4].mean(), pixels[:, -(width // 4) :].mean()
    return round((left - 0.1) / 0.07) * 12 + round((right - 0.1) / 0.07)


def test_people_that_jump_about_all_get_their_frames_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    encode(path, "libx264", "yuv420p", numbered(140))
    store = FrameStore(max_bytes=12_000)
    dice = random.Random(1)
    order = [dice.randrange(140) for _ in range(60)]
    with ThreadPoolExecutor(6) as people:
        assert [number_of(jpeg) for jpeg in people.map(lambda n: store.jpeg(path, n, 160), order)] == order
    assert store.held_bytes <= 12_000


def test_frames_ahead_are_decoded_and_the_file_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    encode(path, "libx264", "yuv420p", numbered(20))
    store = FrameStore()
    first = store.jpeg(path, 0, 160)
    until = time.monotonic() + 20
    while any(thread.name == "drag-a-video frames" for thread in threading.enumerate()):
        assert time.monotonic() < until, "the thread goes on"
        time.sleep(0.05)
    assert store.held_bytes > 15 * len(first)
    encode(path, "libx264", "yuv420p", numbered(22)[10:])
    assert number_of(store.jpeg(path, 0, 160)) == 10, "the file's new state was not seen"


def test_few_threads_and_sizes_whatever_is_asked_for(tmp_path: Path) -> None:
    paths = [tmp_path / f"{n}.mp4" for n in range(6)]
    for path in paths:
        encode(path, "libx264", "yuv420p", numbered(40))
    store, most = FrameStore(max_bytes=200_000), 0
    dice = random.Random(2)
    asked = [(dice.choice(paths), dice.randrange(40), dice.randrange(16, 400)) for _ in range(200)]

    def get(what: tuple[Path, int, int]) -> tuple[int, int]:
        nonlocal most
        jpeg = store.jpeg(*what)
        most = max(most, sum(thread.name == "drag-a-video frames" for thread in threading.enumerate()))
        pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1)
        return number_of(jpeg) if what[2] > 40 else what[1], max(pixels.shape)

    with ThreadPoolExecutor(8) as people:
        found = list(people.map(get, asked))
    assert [number for number, _ in found] == [number for _, number, _ in asked]
    assert [side for _, side in found] == [min(160, longest) for *_, longest in asked]
    assert most <= 5 and store.held_bytes <= 200_000


def test_nobody_waits_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, begun = tmp_path / "a.mp4", threading.Event()
    encode(path, "libx264", "yuv420p", numbered(4))
    store, go_on = FrameStore(table_seconds=0.3, frame_seconds=0.3), threading.Event()

    def slow(*arguments: object, **options: object) -> object:
        begun.set()
        go_on.wait(20)
        return frames_from(*arguments, **options)

    monkeypatch.setattr(frame_store, "frames_from", slow)
    with pytest.raises(DragAVideoError, match="takes too long to read; try again"):
        store.jpeg(path, 0, 160)
    assert begun.is_set()
    go_on.set()

    def slow_table(*_: object) -> object:
        go_on.clear()
        go_on.wait(20)
        return frame_table(path)

    encode(path, "libx264", "yuv420p", numbered(5))
    monkeypatch.setattr(frame_store, "frame_table", slow_table)
    looking = threading.Thread(target=store.table, args=(path,))
    looking.start()
    while go_on.is_set():
        time.sleep(0.01)
    with pytest.raises(DragAVideoError, match="takes too long to read"):
        store.table(path)
    go_on.set()
    looking.join()
    assert store.table(path).count == 5
    with pytest.raises(DragAVideoError, match="takes more than 0 s to look through"):
        frame_table(path, 0.0)
