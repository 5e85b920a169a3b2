"""Opening files: any name, only kinds that hold their pictures themselves, and threads that never stop the process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.reliability import playlists
from dragavideo_core.errors import DragAVideoError
from dragavideo_core.media.clip import load_clip
from dragavideo_core.media.frame_access import frame_table
from dragavideo_core.media.opening import open_film
from dragavideo_core.media.writing import write_video
from tests.films import four_colours, write_film

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
@pytest.mark.parametrize("name", ["12:30:45.mp4", "scene: one.mp4", "http:a?b#c%20.mp4", "take%03d.mp4"])
def test_a_path_is_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    write_film(Path(name))
    clip = load_clip(name, size=96, every=12)
    assert len(clip.source) == 2 and frame_table(Path(name)).count == 24
    write_video(Path("take:1") / name, clip.source, 24)
    assert load_clip(Path("take:1") / name, size=96, every=1).source.shape == clip.source.shape


def test_names_of_pictures_in_a_folder(tmp_path: Path) -> None:
    names = ["frame2.png", "frame10.png", "1\u00b23.png", "\u0663.png", "9" * 120 + ".png", "07.png", "7.png"]
    for number, name in enumerate(names):
        Image.new("RGB", (16, 16), (20 * number,) * 3).save(tmp_path / name)
    order = [round(float(picture.mean()) * 255 / 20) for picture in load_clip(tmp_path, size=16, every=1).source]
    assert order == [2, 5, 6, 4, 0, 1, 3]


def test_names_that_no_file_can_have() -> None:
    for name in ("x" * 5000 + ".mp4", "a\0b.mp4", "x" * 5000):
        with pytest.raises(DragAVideoError, match="There is no file or folder '") as told:
            load_clip(name, size=96)
        assert len(str(told.value)) < 400


def test_what_poses_as_media_reads_nothing_else() -> None:
    with playlists.guarded() as (folder, secret, port, touched):
        paths = playlists.write_all(folder, secret, port)
        touched()
        assert len(paths) >= 40
        for path in paths:
            playlists.attempt(path)
            assert not touched(), path.name


def test_a_playlist_is_refused_in_words(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4")
    (tmp_path / "a.m3u8").write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{film}\n#EXT-X-ENDLIST\n")
    with pytest.raises(DragAVideoError, match="Playlists and other lists of files are not followed"):
        load_clip(tmp_path / "a.m3u8", size=96)
    Image.fromarray(four_colours()).save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "a.png")
    with pytest.raises(DragAVideoError, match="cannot be read as a picture"):
        load_clip(tmp_path / "a.png", size=96)


_DROPPED = """
import sys
from pathlib import Path
import av
from dragavideo_core.media.opening import open_film
av.logging.set_level(av.logging.DEBUG)
for _ in range(12):
    with open_film(Path(sys.argv[1])) as film:
        frames = film.frames()
        next(frames)
        del frames
    del film
"""


def test_dropped_frames_do_not_stop_the_process(tmp_path: Path) -> None:
    """With threads that decode whole frames ahead, this hangs: they want to log while the interpreter ends them."""
    noise = np.random.default_rng(0).integers(0, 255, (30, 180, 320, 3), np.uint8)
    path = write_film(tmp_path / "noise.mp4", list(noise))
    with open_film(path) as film:
        assert film.decoder.thread_type.name == "SLICE"
    command = [sys.executable, "-c", _DROPPED, str(path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, timeout=100)
    assert done.returncode == 0, done.stderr[-500:]
