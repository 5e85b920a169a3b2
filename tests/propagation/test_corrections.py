"""Corrections: a pair that tracking has lost is found again round the frame that a person corrects."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from dragavideo_core.instruction import examples
from dragavideo_core.instruction.value import Correction, DragInstruction, DragPair
from dragavideo_core.inversion.invert import invert
from dragavideo_core.media.clip import load_clip, prepare_clip
from dragavideo_core.model.loading import BUNDLED_FOLDER, load_model
from dragavideo_core.propagation import PointSets, propagate
from tests.propagation.test_propagate import SETTINGS, drag, moving, run, stage, waves

LEAP = [(0.0, 0.0), (1.0, 0.5), (2.0, 1.0), (24.0, 12.0), (25.0, 12.5), (26.0, 13.0), (27.0, 13.5)]
"""Between frames 2 and 3 it moves by more than is searched."""


def test_a_correction_repairs_the_frames_before_and_after_it() -> None:
    parts, true = stage(torch.stack([waves(place) for place in LEAP])), torch.tensor(LEAP)
    wrong = run(parts, drag(mask_points=((70, 60),)))
    error = (wrong.handles[:, 0, 4] - wrong.handles[0, 0, 4] - true).norm(dim=-1)
    assert float(error[:3].max()) < 1.2 and float(error[3:].min()) > 8, "the track was to be lost"
    place = (40 + LEAP[5][0], 36 + LEAP[5][1])
    points = run(parts, drag(mask_points=((70, 60),), corrections=(Correction(0, 15, place),)))
    error = (points.handles[:, 0, 4] - points.handles[0, 0, 4] - true).norm(dim=-1)
    assert float(error.max()) < 1.2
    assert points.handles[5, 0, 4].tolist() == pytest.approx(place) and bool(points.visible[5].all())
    torch.testing.assert_close(points.targets - points.handles, torch.tensor([10.0, -4.0]).expand(7, 1, 9, 2))
    for frame in (3, 5, 6):
        x, y = (round(40 + LEAP[frame][0]), round(36 + LEAP[frame][1]))
        assert bool(points.masks[frame, y, x]) and not bool(wrong.masks[frame, y, x])


def test_corrections_move_their_own_pair_alone_and_each_holds_on_its_frame() -> None:
    parts = stage(moving())
    pairs = (DragPair((30, 30), (35, 30)), DragPair((60, 50), (60, 44)))
    free = run(parts, DragInstruction(pairs))
    fixes = (Correction(1, 3, (50, 40)), Correction(1, 12, (70, 60)), Correction(1, 300, (1, 1)))
    points = run(parts, DragInstruction(pairs, corrections=fixes))
    assert torch.equal(points.handles[:, 0], free.handles[:, 0]) and torch.equal(points.handles[0], free.handles[0])
    assert points.handles[1, 1, 4].tolist() == pytest.approx([50, 40])
    assert points.handles[4, 1, 4].tolist() == pytest.approx([70, 60])
    # Taken frames are 0, 3, ... 12: frame 4 is nearest to 3, unless 3 itself is named, and 1 is nearest to the key.
    near = run(parts, DragInstruction(pairs, corrections=(Correction(1, 4, (50, 40)), Correction(0, 1, (1, 1)))))
    assert near.handles[1, 1, 4].tolist() == pytest.approx([50, 40]) and torch.equal(
        near.handles[:, 0], free.handles[:, 0]
    )
    both = run(parts, DragInstruction(pairs, corrections=(Correction(1, 3, (50, 40)), Correction(1, 4, (2, 2)))))
    assert both.handles[1, 1, 4].tolist() == pytest.approx([50, 40])


def test_a_correction_repairs_a_rendered_clip_on_the_bundled_model() -> None:
    """From frame 3 on the whole picture is shifted, by more than is searched."""
    example, shift = examples.example("creature"), torch.tensor([60.0, -40.0])
    assert example.known is not None
    taken = load_clip(example.clip, size=128, every=1, limit=6)
    source, true = taken.source.clone(), example.known.positions[:6].float()
    source[3:] = source[3:].roll((60, -40), (2, 1))
    true[3:] += shift
    clip = prepare_clip(source, 8, size=128, every=1)
    model = load_model(str(BUNDLED_FOLDER))
    settings = replace(model.preset.propagation, correspondence="diffusion")
    inversion = invert(model, clip, settings.step)
    start = (float(true[0, 0]), float(true[0, 1]))
    instruction = DragInstruction((DragPair(start, (start[0] - 20, start[1] - 4)),))

    def errors(points: PointSets) -> Tensor:
        return (points.handles[:, 0, points.handles.shape[2] // 2] - true).norm(dim=-1)

    wrong = propagate(model, clip, instruction, settings, inversion=inversion)
    assert float(errors(wrong)[:3].max()) < 4 and float(errors(wrong)[3:].min()) > 20, "the track was to be lost"
    fix = Correction(0, 4, (float(true[4, 0]), float(true[4, 1])))
    points = propagate(model, clip, replace(instruction, corrections=(fix,)), settings, inversion=inversion)
    assert float(errors(points).max()) < 4
    assert bool(points.masks[5, round(float(true[5, 1])), round(float(true[5, 0]))])


def test_without_a_network_a_corrected_point_is_followed_from_its_frame_both_ways() -> None:
    noise = torch.rand(1, 3, 80, 96, generator=torch.Generator().manual_seed(0))
    picture = torch.nn.functional.avg_pool2d(noise, 5, 1, 2)[0].permute(1, 2, 0) * 2 - 0.5
    clip = prepare_clip(picture.clamp(0, 1).expand(7, -1, -1, -1), 8.0, size=(96, 80), every=1)
    fixed = drag(corrections=(Correction(0, 4, (60.0, 50.0)),))
    settings = replace(SETTINGS, correspondence="classical")
    points = propagate(None, clip, fixed, settings)  # type: ignore[arg-type]
    middle = points.handles[:, 0, 4]
    assert middle[4:].round().tolist() == [[60, 50]] * 3
    assert middle[0].tolist() == [40, 36]
