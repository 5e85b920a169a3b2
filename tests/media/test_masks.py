"""Masks of many hands: what counts as marked, and how much of the picture that is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.media.masks import mask_of_levels, read_mask
from tests.films import four_colours, write_film

INSIDE = np.zeros((96, 160), bool)
INSIDE[20:50, 30:90] = True
SHARE = INSIDE.mean()


def painted(ground: tuple[int, ...], paint: tuple[int, ...]) -> Image.Image:
    pixels = np.empty((*INSIDE.shape, len(ground)), np.uint8)
    pixels[:], pixels[INSIDE] = ground, paint
    return Image.fromarray(pixels)


def numbers(paint: int) -> Image.Image:
    return Image.fromarray((INSIDE * paint).astype(np.uint8))


def palette(*colours: int) -> Image.Image:
    image = numbers(1)
    image = Image.frombytes("P", image.size, image.tobytes())
    image.putpalette(colours)
    return image


@pytest.mark.parametrize(
    "picture",
    [
        painted((0, 0, 0), (255, 255, 255)),
        painted((0, 0, 0), (255, 0, 0)),
        painted((0, 0, 0), (0, 0, 200)),
        painted((255, 255, 255), (255, 0, 0)),
        painted((200, 200, 200), (30, 200, 30)),
        painted((255, 255, 255, 0), (255, 255, 255, 255)),
        painted((0, 0, 0, 0), (255, 0, 0, 255)),
        painted((90, 10, 10, 0), (0, 0, 0, 255)),
        painted((90, 10, 10, 0), (255, 255, 255, 120)),
        numbers(1),
        numbers(3),
        numbers(100),
        numbers(255),
        numbers(255).convert("1"),
        Image.fromarray(INSIDE.astype(np.uint16) * 65535),
        Image.fromarray(INSIDE.astype(np.float32)),
        palette(0, 0, 0, 128, 0, 0),
        palette(0, 0, 0, 64, 0, 0),
        palette(0, 0, 0, 0, 0, 0),
        palette(0, 0, 0, 1, 1, 1),
    ],
)
def test_one_shape_in_many_hands(tmp_path: Path, picture: Image.Image) -> None:
    path = tmp_path / ("mask.tif" if picture.mode == "F" else "mask.png")
    picture.save(path)
    found = read_mask(path)
    assert torch.equal(found.masks, torch.from_numpy(INSIDE)[None])
    assert f"{100 * SHARE:.3g} % of the picture" in found.note


def test_label_maps_of_several_objects_and_lossy_pictures(tmp_path: Path) -> None:
    labels = INSIDE.astype(np.uint8)
    labels[60:90, 100:150] = 2
    image = Image.frombytes("P", (160, 96), labels.tobytes())
    image.putpalette([0, 0, 0, 192, 128, 128, 0, 64, 0])
    image.save(tmp_path / "labels.png")
    assert read_mask(tmp_path / "labels.png").share == pytest.approx((labels > 0).mean())
    painted((0, 0, 0), (255, 0, 0)).save(tmp_path / "red.jpg")
    assert read_mask(tmp_path / "red.jpg").share == pytest.approx(SHARE, abs=0.01)
    painted((0, 0, 0), (2, 2, 2)).save(tmp_path / "noise.jpg")
    with pytest.raises(DragAVideoError, match="holds no mask, all of it is black; paint white what may change"):
        read_mask(tmp_path / "noise.jpg")


def test_mask_clips_run_along(tmp_path: Path) -> None:
    frames = [np.dstack([np.roll(INSIDE, 3 * n, 1).astype(np.uint8) * 255] * 3) for n in range(12)]
    write_film(tmp_path / "mask.mp4", frames)
    found = read_mask(tmp_path / "mask.mp4", every=3, limit=3, start=1)
    assert found.masks.shape == (3, 96, 160) and found.share == pytest.approx(SHARE, abs=0.01)
    assert (found.masks[2] != torch.from_numpy(np.roll(INSIDE, 21, 1))).float().mean() < 0.01


def test_what_is_no_mask(tmp_path: Path) -> None:
    numbers(0).save(tmp_path / "black.png")
    with pytest.raises(DragAVideoError, match="holds no mask"):
        read_mask(tmp_path / "black.png")
    Image.fromarray(np.dstack([four_colours(), ~INSIDE * np.uint8(255)])).save(tmp_path / "holes.png")
    with pytest.raises(DragAVideoError, match="is a picture with transparent places, not a mask"):
        read_mask(tmp_path / "holes.png")
    with pytest.raises(DragAVideoError, match="There is no file or folder"):
        read_mask(tmp_path / "gone.png")


def test_levels_of_a_socket() -> None:
    soft = torch.tensor([[[0.0, 0.4, 0.6, 1.0]]])
    assert mask_of_levels(soft).masks.tolist() == [[[False, False, True, True]]]
    assert mask_of_levels(soft / 255).masks.tolist() == [[[False, False, True, True]]]
    assert not mask_of_levels(torch.zeros(1, 2, 2)).masks.any()
    with pytest.raises(DragAVideoError, match="not finite"):
        mask_of_levels(torch.full((1, 2, 2), float("nan")))
