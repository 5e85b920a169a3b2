"""True edits of real clips, on made-up ones: what is stretched, what stays, and where the part begins."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from bench.quality.real_edits import closeness, real_markdown, strips
from bench.quality.real_truth import RealDrag, TrueEdit, real_drags, stretched, true_edit

HEIGHT, WIDTH, TIP, ROOT, LENGTH = 96, 128, 60, 40, 14
ALONG = np.array([1.0, 0.0])


def picture(shift: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A bar whose redness grows to the right, from x = 10 to `TIP`, on a textured ground; and its mask."""
    rng = np.random.default_rng(0)
    ground = cv2.GaussianBlur(rng.random((HEIGHT, WIDTH, 3)).astype(np.float32), (0, 0), 2)
    ground = (ground - ground.min()) / (ground.max() - ground.min()) * np.array([0.3, 1, 1], np.float32)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[40 + shift : 56 + shift, 10 : TIP + 1] = True
    frame = ground.copy()
    frame[mask] = 0
    frame[..., 0][mask] = np.broadcast_to(np.linspace(0.3, 1, WIDTH, dtype=np.float32), mask.shape)[mask]
    return frame, mask


def test_part_is_longer_and_the_rest_stays() -> None:
    frame, mask = picture()
    result = stretched(frame, mask, np.array([ROOT, 48.0]), ALONG, TIP - ROOT, LENGTH)
    row = result[48]
    assert np.array_equal(result[:, : ROOT - 1], frame[:, : ROOT - 1]), "the body is as it was"
    beyond = np.s_[:, TIP + LENGTH + 3 :]
    assert np.allclose(result[beyond], frame[beyond], atol=1e-3), "and what lies beyond"
    assert row[TIP + LENGTH - 1, 0] == pytest.approx(frame[48, TIP - 1, 0], abs=0.02), "the tip has come to its target"
    half = ROOT + (TIP + LENGTH - ROOT) // 2
    assert row[half, 0] == pytest.approx(frame[48, ROOT + (TIP - ROOT) // 2, 0], abs=0.02), "evenly stretched"
    assert float(np.abs(row[ROOT : TIP + LENGTH - 2, 1:]).max()) < 0.02, "no seam and no ground between"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    clip = tmp_path / "bar"
    for name in ("frames", "masks"):
        (clip / name).mkdir(parents=True)
    for n in range(13):
        frame, mask = picture(n)
        cv2.imwrite(str(clip / "frames" / f"{n:05d}.png"), (frame[..., ::-1] * 255).round().astype(np.uint8))
        cv2.imwrite(str(clip / "masks" / f"{n:05d}.png"), mask.astype(np.uint8) * 255)
    instruction = {
        "version": 1, "size": [WIDTH, HEIGHT], "frame": 1,
        "pairs": [{"handle": [TIP, 49], "target": [TIP + LENGTH, 49]}],
        "mask_points": [[ROOT, 49], [TIP, 49], [TIP + LENGTH, 49]], "pinned_points": [],
    }  # fmt: skip
    (clip / "bar-out.json").write_text(json.dumps(instruction), encoding="utf-8")
    (clip / "joints.json").write_text("{}", encoding="utf-8")
    return tmp_path


def only(folder: Path) -> RealDrag:
    (drag,) = real_drags(folder, 64)
    return drag


def test_drags_of_a_folder(folder: Path) -> None:
    drag = only(folder)
    assert drag.name == "bar-out" and drag.clip.frame_indices == (1, 4, 7, 10)
    assert drag.objects.shape == (4, HEIGHT, WIDTH)
    assert torch.equal(drag.objects[2], torch.from_numpy(picture(7)[1]))


def test_true_edit_follows_the_object(folder: Path) -> None:
    truth = true_edit(only(folder), 3)
    assert truth.frames.shape == (3, HEIGHT, WIDTH, 3)
    for n, index in enumerate((1, 4, 7)):
        rows, columns = np.nonzero(truth.differs[n].numpy())
        assert 37 + index <= rows.min() and rows.max() <= 58 + index, "where the bar is in that frame"
        assert abs(int(columns.max()) - (TIP + LENGTH)) <= 4


def test_part_without_a_beginning_is_refused(folder: Path) -> None:
    path = folder / "bar" / "bar-out.json"
    value = json.loads(path.read_text(encoding="utf-8"))
    for points in ([[TIP, 49]], [[TIP - 3, 20]]):
        path.write_text(json.dumps(value | {"mask_points": points}), encoding="utf-8")
        with pytest.raises(ValueError, match="behind its handle"):
            true_edit(only(folder))


def test_closeness_counts_what_differs() -> None:
    frames = torch.full((2, 24, 24, 3), 0.5)
    differs = torch.zeros(2, 24, 24, dtype=torch.bool)
    differs[:, :4] = True
    result = frames.repeat(2, 1, 1, 1)
    result[:, 10:] = 0  # elsewhere, and later frames, do not count
    result[:2, :4] += 0.1
    numbers = closeness(TrueEdit(frames, differs), result, "ours")
    assert numbers["ours_db"] == pytest.approx(20, abs=0.01) and numbers["ours_ssim"] < 1


def test_tables_and_strips() -> None:
    value = {
        "drags": {"bar": {"copy_db": 11.0, "copy_ssim": 0.5, "clicks_verdict": ["arrived in 4 of 4 frames"]}},
        "swan_db": 21.04, "camel_db": None,
    }  # fmt: skip
    text = real_markdown(value)
    assert "| bar | 11.0 / 0.50 |" in text and "arrived in 4 of 4 frames" in text and "swan_db 21" in text
    sheet = strips([("source", torch.zeros(6, 30, 40, 3)), ("ours", torch.ones(6, 30, 40, 3))])
    assert sheet.ndim == 3 and sheet.shape[1] >= 4 * 320
