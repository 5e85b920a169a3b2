"""The object: found from a handle, put right by clicks, box and strokes, carried through a clip, or given."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.instruction.object_hints import ObjectHints, Stroke
from dragavideo_core.instruction.value import DragInstruction, DragPair
from dragavideo_core.media.clip import Clip, prepare_clip
from dragavideo_core.objects.object_masks import find_objects, key_object
from dragavideo_core.objects.value import ObjectMasks

WIDTH, HEIGHT = 128, 96


def scene(count: int = 5) -> tuple[Tensor, Tensor]:
    """Frames of a red disc with a blue tip that moves right over a greenish ground, and its masks."""
    y, x = torch.meshgrid(torch.arange(HEIGHT).float(), torch.arange(WIDTH).float(), indexing="ij")
    noise = torch.rand(HEIGHT, WIDTH, 3, generator=torch.Generator().manual_seed(0)) * 0.06
    frames, masks = [], []
    for n in range(count):
        disc = (x - 40 - 3 * n) ** 2 + (y - 50) ** 2 <= 18**2
        tip = (x - 60 - 3 * n).abs().lt(8) & (y - 50).abs().lt(4)
        ground = torch.tensor([0.3, 0.5, 0.3]).expand(HEIGHT, WIDTH, 3)
        frame = torch.where(disc[..., None], torch.tensor([0.8, 0.2, 0.2]), ground)
        frame = torch.where(tip[..., None], torch.tensor([0.1, 0.1, 0.5]), frame)
        frames.append((frame + noise).clamp(0, 1))
        masks.append(disc | tip)
    return torch.stack(frames), torch.stack(masks)


def clip_of(frames: Tensor) -> Clip:
    return prepare_clip(frames, 24.0, size=(WIDTH, HEIGHT), every=1)


def drag(handle: tuple[float, float] = (65.0, 50.0), hints: ObjectHints | None = None) -> DragInstruction:
    return DragInstruction((DragPair(handle, (handle[0] + 12, handle[1])),), hints=hints or ObjectHints())


def overlap(a: Tensor, b: Tensor) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_a_handle_on_a_tip_of_its_own_colour_finds_the_whole_object_in_every_frame() -> None:
    frames, masks = scene()
    found = find_objects(clip_of(frames), drag())
    assert found.key_frame == 0
    assert min(overlap(a, b) for a, b in zip(found.masks, masks)) > 0.85
    assert float(found.confidence.min()) >= 0.5
    again = find_objects(clip_of(frames), drag())
    assert torch.equal(found.masks, again.masks)


def test_a_click_just_beside_the_object_means_it() -> None:
    frames, masks = scene(1)
    assert overlap(find_objects(clip_of(frames), drag((69.0, 50.0))).masks[0], masks[0]) > 0.8


def test_clicks_box_and_strokes_put_it_right() -> None:
    frames, masks = scene(1)
    frames = frames.clone()
    frames[0, 40:60, 90:110] = torch.tensor([0.8, 0.2, 0.2])  # a second red thing, connected by nothing
    clip, tip = clip_of(frames), masks[0] & (torch.arange(WIDTH)[None] > 59)
    without = find_objects(clip, drag(hints=ObjectHints(off=((40.0, 50.0), (30.0, 50.0), (40.0, 60.0))))).masks[0]
    assert overlap(without & tip, tip) > 0.6
    assert not bool(without[50, 40])
    boxed = find_objects(clip, drag(hints=ObjectHints(box=(52.0, 40.0, 80.0, 60.0)))).masks[0]
    assert not bool(boxed[:, :51].any())
    stroke = Stroke(((92.0, 50.0), (108.0, 50.0)), 3.0)
    assert bool(find_objects(clip, drag(hints=ObjectHints(strokes=(stroke,)))).masks[0, 50, 100])
    erased = find_objects(clip, drag(hints=ObjectHints(strokes=(Stroke(((40.0, 50.0),), 6.0, on=False),)))).masks[0]
    assert not bool(erased[50, 40])


def test_a_given_mask_is_carried_and_one_a_frame_is_taken_as_it_is() -> None:
    frames, masks = scene()
    carried = find_objects(clip_of(frames), drag(), given=masks[0])
    assert torch.equal(carried.masks[0], masks[0])
    assert min(overlap(a, b) for a, b in zip(carried.masks, masks)) > 0.85
    every = find_objects(clip_of(frames), drag(), given=masks.float())
    assert torch.equal(every.masks, masks)


def test_a_mask_on_a_later_frame_is_carried_backward() -> None:
    frames, masks = scene()
    instruction = DragInstruction((DragPair((71.0, 50.0), (80.0, 50.0)),), frame=2)
    found = find_objects(clip_of(frames), instruction, given=masks[2])
    assert found.key_frame == 2
    assert overlap(found.masks[0], masks[0]) > 0.85


def test_a_segmenter_finds_the_key_frame() -> None:
    frames, masks = scene()
    asked = []

    def segment(frame: Tensor, clicks: Tensor) -> Tensor:
        asked.append(clicks.tolist())
        return masks[0]

    assert torch.equal(find_objects(clip_of(frames), drag(), segmenter=segment).masks[0], masks[0])
    assert asked == [[[65.0, 50.0]]]


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.ones(4, 4), "128x96; give one of that"),
        (torch.ones(3, HEIGHT, WIDTH), "3 object masks for 5 frames"),
        (torch.zeros(HEIGHT, WIDTH), "is empty"),
        (torch.ones(HEIGHT, WIDTH), "covers 100%"),
    ],
)
def test_masks_that_do_not_fit_are_refused_in_words(mask: Tensor, message: str) -> None:
    frames, _ = scene()
    with pytest.raises(DragAVideoError, match=message):
        find_objects(clip_of(frames), drag(), given=mask)


def test_a_preview_on_one_picture() -> None:
    frames, masks = scene(1)
    found = key_object(frames[0], [(65.0, 50.0)], ObjectHints(on=((40.0, 50.0),)))
    assert overlap(found, masks[0]) > 0.85


def test_flat_frames_have_an_answer() -> None:
    found = find_objects(clip_of(torch.full((3, HEIGHT, WIDTH, 3), 0.5)), drag())
    assert found.masks.shape == (3, HEIGHT, WIDTH)


def test_masks_and_confidence_belong_together() -> None:
    with pytest.raises(DragAVideoError, match="belong together"):
        ObjectMasks(torch.zeros(2, 4, 4, dtype=torch.bool), torch.ones(3), 0)


def test_progress_can_cancel_the_carrying() -> None:
    frames, masks = scene()

    class Cancelled(Exception):
        pass

    def progress(stage: str, done: int, total: int, **_: object) -> None:
        if done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        find_objects(clip_of(frames), drag(), given=masks[0], progress=progress)
