"""Work that is done is kept: through signals, full disks, damaged files and other people's files."""

from __future__ import annotations

import os
import signal
import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dragavideo_core import storage
from dragavideo_core.drag import optimizer
from dragavideo_core.drag.offsets import LatentOffsets
from dragavideo_core.errors import DragAVideoError
from dragavideo_core.files import atomic_path, check_writable, sweep
from dragavideo_core.stopping import Stopped, stopped_politely
from dragavideo_core.storage import StageStore, load_value, save_value


def offsets() -> LatentOffsets:
    return LatentOffsets((3,), (3, 2, 1, 0), True, torch.rand(1, 2, 4, 8, 8), torch.zeros(2, 1, 9))


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_signals_stop_as_ctrl_c_does_and_only_inside(name: str) -> None:
    number = getattr(signal, name, None)
    if number is None or os.name == "nt":
        pytest.skip("no such signal here")
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt) as stop, stopped_politely():
        os.kill(os.getpid(), number)
        time.sleep(5)
    assert isinstance(stop.value, Stopped) and stop.value.exit_code == 128 + number
    assert signal.getsignal(number) is before


def test_a_damaged_payload_is_done_again(tmp_path: Path) -> None:
    path = tmp_path / "offsets.safetensors"
    save_value(path, "key", offsets())
    assert load_value(path, "key", LatentOffsets) is not None
    data = path.read_bytes()
    path.write_bytes(data[:-4096] + bytes(4096))
    assert load_value(path, "key", LatentOffsets) is None


def test_a_full_disk_costs_no_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    def full(*_: object, **__: object) -> None:
        raise storage.SafetensorError("I/O error: No space left on device")

    monkeypatch.setattr(storage, "save_file", full)
    made = StageStore(tmp_path).once("offsets", "key", LatentOffsets, offsets)
    assert made.steps == (3,)
    assert "is not kept" in caplog.text and "No space left" in caplog.text
    with pytest.raises(DragAVideoError, match="check the free space"):
        save_value(tmp_path / "x.safetensors", "key", offsets())
    assert not list(tmp_path.iterdir())


def test_a_probe_leaves_a_persons_own_file_alone(tmp_path: Path) -> None:
    for name in ("writable", "probe"):
        (tmp_path / name).write_text("mine")
    check_writable(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["probe", "writable"]
    assert (tmp_path / "writable").read_text() == "mine"


def test_what_killed_runs_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), atomic_path(tmp_path / "edited.mp4") as temporary:
        name = temporary.name
        raise RuntimeError
    for left in (name, ".somebody.else", "edited.mp4"):
        (tmp_path / left).write_text("x")
        os.utime(tmp_path / left, (0, 0))
    fresh = tmp_path / name.replace("dragavideo-", "dragavideo-new")
    fresh.write_text("still being written")
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {".somebody.else", "edited.mp4", fresh.name}


@pytest.mark.skipif(os.name == "nt", reason="no such modes on Windows")
def test_files_have_the_mode_that_the_person_asks_for(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        save_value(tmp_path / "x.safetensors", "key", offsets())
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "x.safetensors").stat().st_mode) == 0o644


def test_offsets_are_kept_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.drag import conftest as parts
    from tests.drag.small import SETTINGS

    monkeypatch.setattr(optimizer, "_KEPT_EVERY_S", 0.0)
    model, geometry = parts.tiny_model(), parts.Geometry((32, 32), (32, 32), 1.0, (0.0, 0.0))
    inversion = parts.invert_latents(model, torch.zeros(3, 4, 8, 8), steps=5)
    sets = parts.point_sets.__wrapped__()
    kept: list[int] = []
    optimizer.optimise_offsets(
        model, inversion, sets, geometry, replace(SETTINGS, arrival_px=0.001), optimizer.TrackerSettings(),
        save=lambda value: kept.append(value.iterations),
    )  # fmt: skip
    assert kept == [1, 2, 3, 3]
