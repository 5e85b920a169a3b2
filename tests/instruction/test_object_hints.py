"""Version 2 of the instruction: what a person shows of the object is read, kept, scaled and checked."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.instruction.checks import validate_instruction
from dragavideo_core.instruction.object_hints import ObjectHints, Stroke
from dragavideo_core.instruction.parsing import parse_instruction
from dragavideo_core.instruction.value import DragInstruction, DragPair
from dragavideo_core.media.clip import prepare_clip

HINTS = ObjectHints(
    on=((10.5, 12.0),),
    off=((30.0, 2.0), (31.0, 3.0)),
    box=(4.0, 5.0, 40.0, 25.0),
    strokes=(Stroke(((8.0, 9.0), (12.0, 9.5)), 2.5), Stroke(((20.0, 20.0),), 3.0, on=False)),
)
INSTRUCTION = DragInstruction((DragPair((10.0, 10.0), (20.0, 10.0)),), size=(48, 32), hints=HINTS)


def test_written_and_read_again() -> None:
    text = INSTRUCTION.to_json()
    assert json.loads(text)["version"] == 2
    assert parse_instruction(text) == INSTRUCTION


def test_without_hints_it_stays_version_1() -> None:
    value = json.loads(replace(INSTRUCTION, hints=ObjectHints()).to_json())
    assert value["version"] == 1
    assert "object" not in value
    assert not parse_instruction(value).hints


def test_scaled_along_with_the_points() -> None:
    twice = INSTRUCTION.scaled_to((96, 64)).hints
    assert twice.on == ((21.5, 24.5),)
    assert twice.box == (8.5, 10.5, 80.5, 50.5)
    assert twice.strokes[0].radius == 5.0
    assert twice.strokes[1].on is False


def test_clicks_beside_the_frame_are_refused_but_strokes_may_leave_it() -> None:
    clip = prepare_clip(torch.rand(1, 32, 48, 3), 24.0, size=(48, 32))
    validate_instruction(INSTRUCTION, clip)
    outside = replace(INSTRUCTION, hints=replace(HINTS, strokes=(Stroke(((-9.0, 5.0), (60.0, 5.0)), 4.0),)))
    validate_instruction(outside, clip)
    with pytest.raises(DragAVideoError, match=r"background click 2.*outside the frame"):
        validate_instruction(replace(INSTRUCTION, hints=replace(HINTS, off=((1.0, 1.0), (99.0, 1.0)))), clip)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1], '"object" is'),
        ({"inside": []}, '"object" is'),
        ({"on": [[1]]}, "object click 1 is .*two numbers"),
        ({"off": 3}, '"off" is 3; expected a list'),
        ({"box": [1, 2, 3]}, "box is .*left, top, right, bottom"),
        ({"box": [5, 2, 3, 4]}, "box .*is empty"),
        ({"box": [1, 2, float("nan"), 4]}, "box is"),
        ({"strokes": [[1, 2]]}, "Stroke 1 of the object is"),
        ({"strokes": [{"points": [[1, 2]], "radius": 0}]}, "radius 0"),
        ({"strokes": [{"points": [[1, 2]], "radius": 1, "on": 1}]}, "on 1"),
        ({"strokes": [{"points": [], "radius": 1}]}, "has no points"),
    ],
)
def test_what_is_no_hint_is_refused_in_words(value: object, message: str) -> None:
    with pytest.raises(DragAVideoError, match=message):
        parse_instruction({"pairs": [], "object": value})
