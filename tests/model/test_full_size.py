"""A full-size SD1.5 with random weights goes through every stage: `python dev.py test -- -m slow -k full_size -s`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dragavideo_core.media.video_io import write_video

from ..conftest import ROOT
from ..ldm import write_sd15_checkpoint

SETTINGS = (
    "inversion_steps=5",
    "lora.iterations=1",
    "lora.batch_size=1",
    "propagation.step=1",
    "drag.steps=[5,4,3,2]",
    "drag.iterations=1",
    "drag.micro_batch=1",
    "decode.micro_batch=1",
    "decode.cross_branch_step=5",
)


@pytest.mark.slow
def test_every_stage_at_full_size(tmp_path: Path) -> None:
    """One iteration on two frames of 256 x 256 px, from one .safetensors file, with the paper's four steps a pass."""
    frames = torch.rand(2, 16, 16, 3, generator=torch.Generator().manual_seed(0)).repeat_interleave(16, 1)
    write_video(tmp_path / "clip.mp4", frames.repeat_interleave(16, 2), 8.0)
    instruction = {"pairs": [{"handle": [120, 120], "target": [150, 120]}], "mask_points": [[120, 120], [150, 120]]}
    (tmp_path / "drag.json").write_text(json.dumps(instruction), encoding="utf-8")
    write_sd15_checkpoint(tmp_path / "sd15.safetensors")

    command = [sys.executable, "-m", "dragavideo_core", "drag", str(tmp_path / "clip.mp4"), "--out", str(tmp_path)]
    command += ["--instruction", str(tmp_path / "drag.json"), "--model", str(tmp_path / "sd15.safetensors")]
    command += ["--size", "256", "--every", "1", "--device", "cpu", "--preset", "paper"]
    for setting in SETTINGS:
        command += ["--set", setting]
    subprocess.run(command, cwd=ROOT, check=True)

    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["frames"] == 2 and report["working_size"] == [256, 256] and report["iterations"] == 1
    assert len(report["losses"]) == 1 and report["losses"][0] > 0
    sys.stdout.write(f"\nseconds: {report['seconds']}\n{peak_memory()}\n")


def peak_memory() -> str:
    """The largest resident size of any process this one has started."""
    if sys.platform == "win32":
        return "peak memory is not measured on Windows"
    import resource

    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return f"peak memory: {peak * (1 if sys.platform == 'darwin' else 1024) / 2**30:.2f} GiB"
