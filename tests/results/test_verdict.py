"""The verdict on rendered drags whose answer is known, good ones and broken ones, and its words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from bench.quality.cases import Move, edits_of
from bench.quality.truth import frames_of
from dragavideo_core.errors import DragAVideoError
from dragavideo_core.results.verdict import Verdict, judge
from dragavideo_core.results.verdict_words import FAILING, PROBLEMS, Finding, lines
from training.renderer import part_labels, part_positions
from training.scene import HELD_OUT_FROM, PARTS, Scene, sample_scene

FRAMES, LENGTH = 4, 14.0


@dataclass(frozen=True, eq=False)
class Drag:
    """A rendered clip whose tail is asked to come `LENGTH` px further out."""

    scene: Scene
    source: Tensor
    handles: Tensor
    targets: Tensor
    objects: Tensor

    def edited(self, share: float) -> Tensor:
        """The true edit that stops after a share of the way."""
        edits = edits_of(self.scene, (Move("tail", "out", LENGTH),))
        assert edits is not None
        return frames_of(self.scene, tuple(replace(e, dx=e.dx * share, dy=e.dy * share) for e in edits))

    def judged(self, result: Tensor, **more: Any) -> Verdict:
        seen = more.pop("visible", torch.ones(FRAMES, 1, dtype=torch.bool))
        objects = more.pop("objects", self.objects)
        return judge(self.source, result, self.handles, self.targets, seen, objects=objects, **more)


@lru_cache(maxsize=1)
def drag() -> Drag:
    scene = sample_scene(HELD_OUT_FROM + 1_015_002, FRAMES, 128)
    edits = edits_of(scene, (Move("tail", "out", LENGTH),))
    assert edits is not None
    tips = torch.tensor([[part_positions(scene, n)["tail"]] for n in range(FRAMES)]) + torch.tensor([1.0, -0.5])
    objects = torch.from_numpy(np.stack([part_labels(scene, n) > 0 for n in range(FRAMES)]))
    way = torch.tensor([edits[0].dx, edits[0].dy])
    return Drag(scene, frames_of(scene, None), tips, tips + way, objects)


def test_true_edit_has_arrived() -> None:
    verdict = drag().judged(drag().edited(1.0))
    assert verdict.level == "good" and verdict.problems == ()
    assert verdict.arrived.shape == (FRAMES, 1) and bool(verdict.arrived.all())
    assert verdict.short_px.tolist() == [[0.0]] * FRAMES
    assert verdict.lines == ("arrived in 4 of 4 frames",)


def test_untouched_clip_has_not_moved() -> None:
    verdict = drag().judged(drag().source)
    assert verdict.level == "failed" and verdict.problems == ("unmoved",)
    assert not verdict.arrived.any()
    assert verdict.short_px.flatten().tolist() == pytest.approx([LENGTH] * FRAMES, abs=1.5)
    assert verdict.lines[0] == "arrived in 0 of 4 frames" and "has not moved in every frame" in verdict.lines[1]


@pytest.mark.parametrize("share", [0.3, 0.5])
def test_how_many_px_are_missing(share: float) -> None:
    verdict = drag().judged(drag().edited(share))
    assert verdict.level == "failed" and verdict.problems == ("short",)
    assert verdict.short_px.flatten().tolist() == pytest.approx([(1 - share) * LENGTH] * FRAMES, abs=1.5)
    assert "px short in every frame: more iterations, or a warm start" in verdict.lines[1]


def test_nearly_there_is_doubtful_not_failed() -> None:
    verdict = drag().judged(drag().edited(0.72))
    assert verdict.level == "doubtful" and verdict.problems == ("late",)


def test_blinking_edit_names_its_frame() -> None:
    result = drag().edited(1.0)
    result[2] = drag().source[2]
    verdict = drag().judged(result)
    assert verdict.level == "failed" and verdict.problems == ("blink",)
    assert verdict.arrived.flatten().tolist() == [True, True, False, True]
    assert "in frame 3:" in verdict.lines[1]


def test_frame_given_up_by_the_tracker_is_a_blink() -> None:
    seen = torch.tensor([[True], [True], [False], [True]])
    result = drag().edited(1.0)
    result[2] = drag().source[2]
    verdict = drag().judged(result, visible=seen)
    assert verdict.problems == ("hidden",) and verdict.level == "failed"
    assert verdict.lines[0] == "arrived in 3 of 3 frames"
    covered = drag().source.clone()
    covered[2] = 0.5  # there it is hidden indeed
    once_hidden = judge(covered, result, drag().handles, drag().targets, seen, objects=drag().objects)
    assert "hidden" not in once_hidden.problems


def test_part_that_comes_off_the_object() -> None:
    """The tip is cut off and pasted at the target."""
    source, way, result = drag().source, (drag().targets - drag().handles)[0, 0], []
    for n, frame in enumerate(source.numpy()):
        tip = cut_tip(n, LENGTH / 2)
        hidden = cv2.dilate(drag().objects[n].numpy().astype(np.uint8), np.ones((3, 3)))
        empty = cv2.inpaint((frame * 255).round().astype(np.uint8), hidden, 4, cv2.INPAINT_TELEA) / 255
        shift = np.array([[1, 0, way[0]], [0, 1, way[1]]], np.float32)
        alpha, moved = (cv2.warpAffine(p, shift, (128, 128)) for p in (tip, frame))
        bare = np.where(cv2.dilate(tip, np.ones((3, 3)))[..., None] > 0, empty, frame)
        result.append(bare * (1 - alpha[..., None]) + moved * alpha[..., None])
    verdict = drag().judged(torch.from_numpy(np.stack(result)).float())
    assert bool(verdict.arrived.all()), "a piece of it is there"
    assert verdict.level == "failed" and verdict.problems == ("detached",)
    assert "come off the object" in verdict.lines[1]


def cut_tip(frame: int, radius: float) -> np.ndarray:
    """[128, 128] float32: the tail within `radius` of its tip."""
    rows, columns = np.mgrid[:128, :128]
    x, y = part_positions(drag().scene, frame)["tail"]
    tail = part_labels(drag().scene, frame) == PARTS.index("tail") + 2
    return (tail & (np.hypot(columns - x, rows - y) < radius)).astype(np.float32)


def test_background_that_was_dragged_along() -> None:
    result = drag().edited(1.0)
    x, y = (round(float(v)) for v in drag().handles[0, 0])
    bent = torch.zeros(FRAMES, 128, 128, dtype=torch.bool)
    bent[:, y - 14 : y - 8, x - 10 : x + 10] = True
    result[bent & ~drag().objects] = torch.tensor([1.0, 0.0, 1.0])
    assert "background" in drag().judged(result).problems


def test_object_that_nobody_found() -> None:
    verdict = drag().judged(drag().edited(1.0), objects=torch.zeros(FRAMES, 128, 128, dtype=torch.bool))
    assert verdict.level == "failed" and verdict.problems == ("object",)
    assert "paint it" in verdict.lines[1]


@dataclass(frozen=True)
class Warp:
    folded: float
    kinds: tuple[str, ...]


def test_unsure_object_and_folds_are_doubtful() -> None:
    warp = Warp(0.02, ("inside",))
    verdict = drag().judged(drag().edited(1.0), confidence=torch.tensor([1.0, 0.9, 0.2, 0.8]), warped=warp)
    assert verdict.level == "doubtful" and set(verdict.problems) == {"unsure", "folded", "inside"}
    assert any("unsure in frame 3" in line for line in verdict.lines)
    assert any("folded" in line for line in verdict.lines)


def test_drag_inside_an_object_is_told_where_it_failed() -> None:
    warp = Warp(0.0, ("inside",))
    assert drag().judged(drag().edited(1.0), warped=warp).problems == ("inside",)  # a long one bends what lies there
    failed = drag().judged(drag().source, warped=warp)
    assert failed.problems == ("unmoved", "inside") and "Stable Diffusion" in failed.lines[-1]


def test_target_outside_the_region() -> None:
    region = torch.ones(FRAMES, 128, 128, dtype=torch.bool)
    x, y = (round(float(v)) for v in drag().targets[1, 0])
    region[1, y - 3 : y + 4, x - 3 : x + 4] = False
    verdict = drag().judged(drag().edited(1.0), region=region)
    assert verdict.problems == ("beyond",) and "in frame 2:" in verdict.lines[1]


def test_without_an_object_arrival_is_judged_all_the_same() -> None:
    options = (drag().handles, drag().targets, torch.ones(FRAMES, 1, dtype=torch.bool))
    assert judge(drag().source, drag().edited(1.0), *options).level == "good"
    assert judge(drag().source, drag().edited(0.4), *options).level == "failed"


def test_inputs_stay_as_they_were() -> None:
    before = drag().source.clone()
    drag().judged(drag().edited(0.5))
    assert torch.equal(before, drag().source)


def test_shapes_that_do_not_go_together() -> None:
    with pytest.raises(DragAVideoError, match="one shape"):
        drag().judged(drag().source[:2])
    with pytest.raises(DragAVideoError, match="frames, pairs"):
        drag().judged(drag().source, visible=torch.ones(2, 1, dtype=torch.bool))
    with pytest.raises(DragAVideoError, match="objects"):
        drag().judged(drag().source, objects=torch.ones(FRAMES, 4, 4, dtype=torch.bool))


def test_words() -> None:
    findings = [Finding("left", 0, (0,)), Finding("short", 1, (1, 2, 3), 12.4), Finding("unsure", 0, tuple(range(6)))]
    assert lines(5, 8, findings, 2) == (
        "arrived in 5 of 8 frames",
        "pair 2: stopped 12 px short in 3 frames (2, 3, 4): more iterations, or a warm start",
        "pair 1: the part is still at its old place as well in frame 1: show the object",
        "the object is unsure in 6 frames (1, 2, 3, 4, ...): look at its mask and correct it",
    )
    assert lines(0, 0, [], 1) == ("the part is to be seen in no frame",)
    assert set(FAILING) < set(PROBLEMS)
