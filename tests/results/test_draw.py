"""Pictures have the sizes they promise, marks are where they belong, and nobody's frames are drawn into."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.propagation.point_sets import PointSets
from dragavideo_core.results.draw import (
    HANDLE_RGB,
    TARGET_RGB,
    comparison_sheet,
    drag_sheet,
    draw_points,
    magnification,
    overlay,
    plot,
    save_png,
)

FRAMES = torch.rand(2, 48, 64, 3, generator=torch.Generator().manual_seed(0)) * 0.3 + 0.3
HANDLES = torch.tensor([[[12.0, 20.0]], [[14.0, 22.0]]])
TARGETS = HANDLES + torch.tensor([30.0, 10.0])


def pixel(picture: torch.Tensor, point: torch.Tensor, k: int) -> list[int]:
    x, y = ((point + 0.5) * k - 0.5).round().int().tolist()
    return [round(v * 255) for v in picture[y, x].tolist()]


def test_small_frames_are_enlarged_by_whole_factors() -> None:
    assert [magnification(*size) for size in ((128, 128), (384, 200), (100, 383), (1080, 1920), (1, 1))] == [
        3,
        1,
        2,
        1,
        384,
    ]
    assert draw_points(FRAMES, HANDLES, TARGETS).shape == (2, 288, 384, 3)
    assert draw_points(FRAMES, HANDLES, TARGETS, min_side=1).shape == FRAMES.shape


def test_marks_are_centred_on_their_points() -> None:
    drawn = draw_points(FRAMES, HANDLES, TARGETS)
    assert drawn.dtype == torch.float32 and drawn.min() >= 0 and drawn.max() <= 1
    for n in range(2):
        assert pixel(drawn[n], HANDLES[n, 0], 6) == list(HANDLE_RGB)
        assert pixel(drawn[n], TARGETS[n, 0], 6) == list(TARGET_RGB)
    red = (drawn[0] * 255 - torch.tensor(HANDLE_RGB)).abs().amax(-1) < 2
    rows, columns = red.nonzero().float().mean(0).tolist()
    # Half of the dot lies under the arrow, never more than that.
    assert math.dist((columns, rows), ((12.5 * 6) - 0.5, (20.5 * 6) - 0.5)) < 2
    far = drawn[0, 200:, :100]
    expected = FRAMES[0].repeat_interleave(6, 0).repeat_interleave(6, 1)[200:, :100]
    torch.testing.assert_close(far, expected, atol=1 / 255, rtol=0)


def test_invisible_points_are_hollow() -> None:
    visible = torch.tensor([[True], [False]])
    drawn = draw_points(FRAMES, HANDLES, HANDLES, visible=visible)  # target on handle: no arrow
    plain = draw_points(FRAMES, HANDLES, HANDLES)
    assert torch.equal(drawn[0], plain[0]) and not torch.equal(drawn[1], plain[1])
    assert pixel(drawn[1], HANDLES[1, 0], 6) != list(TARGET_RGB)


def test_odd_input_is_drawn_without_harm() -> None:
    frames, handles = FRAMES.clone(), HANDLES.clone()
    handles[0] = math.nan
    targets = torch.full_like(handles, 1e9)
    current, pinned = handles - 500, torch.tensor([[[5.0, 5.0]], [[math.nan, 2.0]]])
    masks = torch.zeros(2, 48, 64, dtype=torch.bool)
    masks[1] = True
    drawn = draw_points(frames, handles, targets, current=current, masks=masks, pinned=pinned)
    assert drawn.isfinite().all() and torch.equal(frames, FRAMES)
    assert draw_points(FRAMES[:0], HANDLES[:0], TARGETS[:0]).shape == (0, 288, 384, 3)
    assert draw_points(FRAMES, HANDLES[:, :0], TARGETS[:, :0]).shape == (2, 288, 384, 3)


def test_masks_darken_what_lies_outside() -> None:
    masks = torch.zeros(2, 48, 64, dtype=torch.bool)
    masks[:, :, 32:] = True
    drawn = draw_points(FRAMES, HANDLES[:, :0], TARGETS[:, :0], masks=masks, min_side=1)
    assert (drawn[:, 2:-2, :30] < FRAMES[:, 2:-2, :30]).all()
    torch.testing.assert_close(drawn[:, 2:-2, 34:-2], FRAMES[:, 2:-2, 34:-2], atol=1 / 255, rtol=0)


def test_overlay_draws_point_sets() -> None:
    sets = PointSets(
        handles=HANDLES[:, :, None].expand(2, 1, 9, 2),
        targets=TARGETS[:, :, None].expand(2, 1, 9, 2),
        visible=torch.ones(2, 1, 9, dtype=torch.bool),
        foreground=torch.ones(1, 9, dtype=torch.bool),
        masks=torch.ones(2, 48, 64, dtype=torch.bool),
        pinned=torch.zeros(2, 0, 2),
        key_frame=0,
    )
    assert pixel(overlay(FRAMES, sets)[1], TARGETS[1, 0], 6) == list(TARGET_RGB)


def test_sheet_shows_the_first_and_the_last_frame() -> None:
    clip = torch.arange(10.0).reshape(10, 1, 1, 1).expand(10, 48, 64, 3) / 10
    sheet = comparison_sheet([("one", clip), ("two", clip)], columns=4, cell_side=64)
    shown = {round(v * 10) for v in sheet[20 + 20 + 24, :, 0].tolist() if v < 0.95}
    assert shown == {0, 3, 6, 9}
    assert sheet.shape == (20 + 2 * (20 + 48 + 2), 2 + 4 * 66, 3)
    assert comparison_sheet([("one", clip[:1])]).shape[1] < 400
    with pytest.raises(DragAVideoError, match=r"\[1, 10\]"):
        comparison_sheet([("one", clip), ("two", clip[:1])])


def test_drag_sheet_mixes_sizes() -> None:
    large = draw_points(FRAMES, HANDLES, TARGETS)
    three = drag_sheet(large, FRAMES, FRAMES)
    four = drag_sheet(large, FRAMES, FRAMES, FRAMES)
    assert three.shape[1] == four.shape[1] and four.shape[0] > three.shape[0]


def test_plot_follows_its_values() -> None:
    falling = plot([("loss", [3.0, 2.0, 1.0, 0.0] * 1)])
    assert falling.shape == (220, 640, 3)
    blue = ((falling * 255 - torch.tensor(TARGET_RGB)).abs().amax(-1) < 2).nonzero().float()
    left, right = blue[blue[:, 1] < 200, 0].mean(), blue[blue[:, 1] > 440, 0].mean()
    assert left < right  # y grows downwards
    assert plot([("a", [1, math.nan, 2]), ("b", []), ("c", [5.0]), ("d", [math.inf])]).isfinite().all()
    with pytest.raises(DragAVideoError, match="no curve"):
        plot([])


def test_png_round_trip_and_unwritable_folder(tmp_path: Path) -> None:
    path = tmp_path / "nöw" / "sheet.png"
    picture = (torch.rand(20, 30, 3) * 255).round() / 255
    save_png(path, picture)
    back = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)[..., ::-1] / 255
    assert np.abs(back - picture.numpy()).max() < 1e-6
    assert [p.name for p in path.parent.iterdir()] == ["sheet.png"]
    blocked = tmp_path / "file"
    blocked.write_text("x", encoding="utf-8")
    with pytest.raises(DragAVideoError, match="is a file, not a folder; choose another folder"):
        save_png(blocked / "sheet.png", picture)
