"""Runs that are killed: what is made after them is what an undisturbed run makes, and nothing lies about."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (
    sys.executable, "-m", "dragavideo_core", "drag", "--example", "creature", "--limit", "3", "--iterations", "40",
    "--set", "drag.arrival_px=0.001", "--out",
)  # fmt: skip
"""A small drag that spends most of its time in the optimisation."""
_DISK_LEVELS_MB = (1, 2, 3, 4, 6, 8, 10, 12, 16, 24)


def kills(count: int, seed: int = 0) -> dict[str, Any]:
    """Kill `count` runs at random moments, SIGTERM and SIGKILL in turn, run each again and compare."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        _finish(Path(folder) / "undisturbed")
        whole = time.monotonic() - started
        wanted = digest(Path(folder) / "undisturbed")
        equal, lost, left, inside = 0, 0.0, 0, 0
        for number in range(count):
            out = Path(folder) / str(number)
            running = subprocess.Popen([*COMMAND, str(out)], cwd=ROOT, stderr=subprocess.DEVNULL, env=_calm())
            time.sleep(rng.uniform(0.2 if number % 3 else 0.6, 0.95) * whole)
            kept = out / "stages" / "offsets.safetensors"
            if running.poll() is None and (out / "stages" / "inversion.safetensors").exists():
                inside += 1
                if kept.exists() and number % 2:
                    lost = max(lost, time.time() - kept.stat().st_mtime)
            running.send_signal(signal.SIGKILL if number % 2 else signal.SIGTERM)
            running.wait()
            for path in out.rglob(".*dragavideo-*"):  # as old as they would be when a person comes back
                os.utime(path, (0, 0))
            _finish(out)
            equal += digest(out) == wanted
            left += len(list(out.rglob(".*")))
    return {"tried": count, "inside": inside, "equal": equal, "lost_s_max": round(lost, 1), "left_files": left}


def disk() -> dict[str, Any]:
    """Drags onto small disks that fill up at ten levels; None tried where no small disk can be made."""
    tried = raw = resumed = 0
    for megabytes in _DISK_LEVELS_MB:
        with tempfile.TemporaryDirectory() as folder:
            size = f"size={megabytes}m"
            if subprocess.call(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], stderr=subprocess.DEVNULL) != 0:
                return {"tried": tried, "raw": raw, "resumed": resumed}
            try:
                out = Path(folder) / "out"
                ended = subprocess.run([*COMMAND, str(out)], cwd=ROOT, capture_output=True, text=True, env=_calm())
                tried += 1
                raw += "Traceback" in ended.stderr
                subprocess.call(["mount", "-o", "remount,size=200m", folder])
                again = subprocess.run([*COMMAND, str(out)], cwd=ROOT, capture_output=True, text=True, env=_calm())
                resumed += again.returncode == 0
                raw += "Traceback" in again.stderr
            finally:
                subprocess.call(["umount", folder])
    return {"tried": tried, "raw": raw, "resumed": resumed}


def digest(out: Path) -> str:
    """Of the frames that a run wrote."""
    from dragavideo_core.media.video_io import read_video

    frames = read_video(out / "edited.mp4", every=1, limit=99, start=0).frames
    return hashlib.sha256(frames.numpy().tobytes()).hexdigest()


def _finish(out: Path) -> None:
    subprocess.run([*COMMAND, str(out)], cwd=ROOT, check=True, stderr=subprocess.DEVNULL, env=_calm())


def _calm() -> dict[str, str]:
    """One thread: sums in another order would be other frames."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}
