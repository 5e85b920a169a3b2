"""The command line on the bundled model: files that appear, keys that scripts rely on, and every refusal's message."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dragavideo_core.__main__ import main
from dragavideo_core.command_line import build_parser, chosen_preset
from dragavideo_core.errors import DragAVideoError
from dragavideo_core.media.clip import load_clip
from dragavideo_core.media.video_io import write_video
from dragavideo_core.results.draw import save_png
from dragavideo_core.settings import PAPER, Preset, load_preset, override, preset_from_json
from tests.films import write_film

INSTRUCTION = {
    "version": 1,
    "size": [72, 64],
    "pairs": [{"handle": [30, 30], "target": [38, 30]}],
    "mask_points": [[34, 30]],
}
QUICK = ["--limit", "2", "--every", "1", "--size", "64", "--set", "drag.iterations=1", "--set", "lora.iterations=0"]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    ramp = torch.linspace(0, 1, 72).expand(3, 64, 72).unsqueeze(-1).repeat(1, 1, 1, 3).clone()
    for i, frame in enumerate(ramp):
        frame[22:38, 22 + i : 38 + i] = torch.tensor([0.8, 0.2, 0.1])
    write_video(tmp_path / "clip.mp4", ramp, 12.0)
    (tmp_path / "drag.json").write_text(json.dumps(INSTRUCTION), encoding="utf-8")
    return tmp_path


def test_drag_leaves_the_files_and_keys_it_promises(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = files / "out"
    code = main(["drag", str(files / "clip.mp4"), "--instruction", str(files / "drag.json"), "--out", str(out), *QUICK])
    assert code == 0
    assert {p.name for p in out.iterdir()} >= {"edited.mp4", "comparison.png", "points.mp4", "report.json", "stages"}
    edited = load_clip(out / "edited.mp4", size=64, every=1)
    assert edited.source.shape == (2, 64, 72, 3) and edited.fps == pytest.approx(12.0)
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["frames"] == 2 and len(report["distance_before_px"]) == len(report["distance_after_px"]) == 2
    assert report["distance_before_px"] == pytest.approx([8.0, 8.0])
    assert report["outside_psnr_db"] > 10 and report["smoothness"] is None
    assert report["seconds"]["total"] >= report["seconds"]["inversion"] > 0
    assert report["settings"]["drag"]["iterations"] == 1 and "torch" in report["versions"]
    assert not [p for p in out.rglob("*") if p.name.startswith(".")], "a temporary file stayed behind"
    verdict = report["verdict"]
    assert verdict["level"] in ("good", "doubtful", "failed") and np.shape(verdict["arrived"]) == (2, 1)
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == f"{verdict['level']}: {'; '.join(verdict['lines'])}" and "of 2 frames" in said[-1]


def test_propagate_and_reconstruct_leave_their_files(files: Path) -> None:
    clip, instruction = str(files / "clip.mp4"), str(files / "drag.json")
    assert main(["propagate", clip, "--instruction", instruction, "--out", str(files / "p"), *QUICK]) == 0
    assert {p.name for p in (files / "p").iterdir()} == {
        "points.mp4", "points.png", "points.json", "report.json",
    }  # fmt: skip
    shown = json.loads((files / "p" / "report.json").read_text(encoding="utf-8"))
    assert np.shape(shown["handles"]) == (2, 1, 2) and len(shown["visible_share"]) == 2
    points = json.loads((files / "p" / "points.json").read_text(encoding="utf-8"))
    assert points["size"] == [72, 64] and points["frames"] == 2
    assert points["pairs"][0]["handle"] == pytest.approx(np.array(shown["handles"])[:, 0], abs=0.01)
    assert main(["reconstruct", clip, "--out", str(files / "r"), *QUICK]) == 0
    assert {p.name for p in (files / "r").iterdir()} == {"reconstruction.mp4", "comparison.png", "report.json"}
    back = json.loads((files / "r" / "report.json").read_text(encoding="utf-8"))
    assert back["codec_psnr_db"] > 15 and back["reconstruction_psnr_db"] > 15


def test_a_single_picture_with_a_mask_is_an_image_drag(files: Path) -> None:
    save_png(files / "one.png", load_clip(files / "clip.mp4", size=64, every=1, limit=1).source[0])
    mask = torch.zeros(64, 72, 3)
    mask[16:48, 16:60] = 1
    save_png(files / "mask.png", mask)
    arguments = ["--instruction", str(files / "drag.json"), "--mask", str(files / "mask.png")]
    assert main(["drag", str(files / "one.png"), *arguments, "--out", str(files / "out"), *QUICK]) == 0
    before = load_clip(files / "one.png", size=64).source
    after = load_clip(files / "out" / "edited.mp4", size=64).source
    assert (before - after)[:, :, :8].abs().max() < 0.1


def test_the_object_may_be_given(files: Path) -> None:
    mask = torch.zeros(64, 72, 3)
    mask[22:38, 22:38] = 1
    save_png(files / "object.png", mask)
    given = ["--instruction", str(files / "drag.json"), "--object", str(files / "object.png")]
    assert main(["propagate", str(files / "clip.mp4"), *given, "--out", str(files / "out"), *QUICK[:6]]) == 0
    points = json.loads((files / "out" / "points.json").read_text(encoding="utf-8"))
    assert points["object"]["share"][0] == pytest.approx(16 * 16 / (64 * 72), abs=1e-3)


def test_a_mask_clip_runs_along_with_the_clip(files: Path) -> None:
    mask = torch.zeros(3, 64, 72, 3)
    mask[0, 8:56, 8:40], mask[2, 8:56, 30:66] = 1, 1
    write_video(files / "mask.mp4", mask, 12.0)
    arguments = [str(files / "clip.mp4"), "--instruction", str(files / "drag.json"), "--mask", str(files / "mask.mp4")]
    code = main(["drag", *arguments, "--out", str(files / "out"), *QUICK, "--every", "2", "--no-composite"])
    assert code == 0
    composited = main(["drag", *arguments, "--out", str(files / "masked"), *QUICK, "--every", "2"])
    assert composited == 0
    before = load_clip(files / "clip.mp4", size=64, every=2, limit=2).source
    after = load_clip(files / "masked" / "edited.mp4", size=64, every=1).source
    assert (before - after)[1, :, :24].abs().max() < 0.1, "the third frame of the file has its own mask"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_results_in_a_folder_with_a_colon_and_what_became_of_sound_and_mask(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    pictures = [(frame.numpy() * 255).astype(np.uint8) for frame in load_clip("clip.mp4", size=64, every=1).source]
    write_film(Path("12:30.mkv"), pictures, fps=12, sound=("pcm_s16le", "16 channels", 48000))
    paint = np.full((64, 72, 4), 255, np.uint8)
    paint[..., 3] = 0
    paint[16:48, 16:60, 3] = 255
    Image.fromarray(paint).save("mask.png")
    arguments = ["--instruction", "drag.json", "--mask", "mask.png", "--out", "take:1"]
    assert main(["drag", "12:30.mkv", *arguments, *QUICK]) == 0
    told = capsys.readouterr().err
    assert "note: The sound has 16 channels; they are mixed down to one." in told
    assert "note: The mask is 30.6 % of the picture: what is painted on the transparent ground." in told
    assert load_clip(Path("take:1") / "edited.mp4", size=64).audio is not None


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("error: ")
    return message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pairs": []}, "only mask points"),
        ({"pairs": [], "mask_points": []}, "nothing to drag"),
        ({"pairs": [{"handle": [30, 30], "target": [30, 30]}]}, "from its handle"),
        ({"pairs": [{"handle": [-3, 30], "target": [30, 30]}]}, "outside the frame"),
        ({"pairs": [{"handle": [30, 30], "target": [99, 30]}]}, "outside the frame"),
        ({"pairs": [{"handle": [float("nan"), 30], "target": [20, 30]}]}, "finite"),
        ({"size": [640, 480]}, "made for a clip of 640x480"),
        ({"version": 7}, "version 7"),
        ({"frame": 9}, "frame 9"),
    ],
)
def test_bad_instructions_say_what_is_wrong(files: Path, capsys, changes, message: str) -> None:
    (files / "bad.json").write_text(json.dumps(INSTRUCTION | changes), encoding="utf-8")
    clip, bad, out = str(files / "clip.mp4"), str(files / "bad.json"), files / "out"
    assert message in refused(capsys, "drag", clip, "--instruction", bad, "--out", str(out), *QUICK)
    assert not [p for p in out.rglob("*") if p.is_file()], "nothing may be left of a run that was refused"


def test_bad_files_say_what_is_wrong(files: Path, capsys) -> None:
    clip, instruction, out = str(files / "clip.mp4"), str(files / "drag.json"), str(files / "out")
    assert "no file or folder" in refused(capsys, "reconstruct", str(files / "nothing.mp4"), "--out", out)
    assert "no instruction file" in refused(capsys, "drag", clip, "--instruction", "none.json", "--out", out)
    assert "Say what to drag" in refused(capsys, "drag", clip, "--out", out)
    assert "Name one clip" in refused(capsys, "drag", "--out", out)
    assert "every" in refused(capsys, "reconstruct", clip, "--every", "0", "--out", out)
    assert "no example 'cat'" in refused(capsys, "drag", "--example", "cat", "--out", out)
    (files / "text.mp4").write_text("not a video", encoding="utf-8")
    assert "text.mp4" in refused(capsys, "reconstruct", str(files / "text.mp4"), "--out", out)
    (files / "cut.safetensors").write_bytes(b"\x40\x00\x00\x00\x00\x00\x00\x00{}")
    assert "cut.safetensors" in refused(
        capsys, "reconstruct", clip, "--model", str(files / "cut.safetensors"), "--out", out
    )
    assert "sam_vit" in refused(
        capsys, "drag", clip, "--instruction", instruction, "--sam", "none.pth", "--out", out, *QUICK
    )
    (files / "taken").write_text("a file", encoding="utf-8")
    assert "taken" in refused(capsys, "reconstruct", clip, "--out", str(files / "taken"))
    save_png(files / "small.png", torch.ones(8, 8, 3))
    mask = ["--mask", str(files / "small.png")]
    assert "mask" in refused(capsys, "drag", clip, "--instruction", instruction, *mask, "--out", out, *QUICK)


def options(*extra: str) -> Preset:
    return chosen_preset(build_parser().parse_args(["drag", "x", "--out", "y", *extra]), override(PAPER, {"size": 128}))


def test_settings_are_chosen_and_changed() -> None:
    assert options().size == 128 and options("--preset", "paper").size == 512
    assert options("--preset", "gooddrag").drag.chain == "alternating"
    changed = options("--set", "drag.steps=[35]", "--set", "drag.update=normalised", "--iterations", "3", "--seed", "5")
    assert changed.drag.steps == (35,) and changed.drag.update == "normalised"
    assert changed.drag.iterations == 3 and changed.lora.seed == 5
    assert options("--no-composite").decode.composite is False
    with pytest.raises(DragAVideoError, match="not a setting of DragSettings"):
        options("--set", "drag.speed=1")
    with pytest.raises(DragAVideoError, match="KEY=VALUE"):
        options("--set", "drag.steps")
    with pytest.raises(DragAVideoError, match="no preset 'mine'"):
        options("--preset", "mine")
    with pytest.raises(DragAVideoError, match="must be"):
        options("--set", "drag.iterations=many")


def test_presets_travel_as_json(tmp_path: Path) -> None:
    assert preset_from_json(PAPER.to_json()) == PAPER
    assert load_preset(tmp_path) == PAPER
    (tmp_path / "drag_preset.json").write_text('{"name": "own", "drag": {"steps": [35]}}', encoding="utf-8")
    assert load_preset(tmp_path).drag.steps == (35,) and load_preset(tmp_path).size == 512
    with pytest.raises(DragAVideoError, match="is not JSON"):
        preset_from_json("{")
