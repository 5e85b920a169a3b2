"""Instructions: one schema, one parser, and every refusal by its message."""

import json
from pathlib import Path

import pytest
import torch

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.instruction.checks import clip_position, validate_instruction
from dragavideo_core.instruction.parsing import load_instruction, parse_instruction
from dragavideo_core.instruction.value import Correction, DragInstruction, DragPair
from dragavideo_core.media.clip import prepare_clip

ROOT = Path(__file__).parents[2]
GOOD = {
    "version": 1,
    "size": [64, 32],
    "frame": 3,
    "pairs": [{"handle": [10, 12.5], "target": [20, 12]}],
    "mask_points": [[11, 12]],
    "pinned_points": [[1, 2]],
}


@pytest.fixture(scope="module")
def clip():
    return prepare_clip(torch.rand(12, 32, 64, 3), 24, size=(32, 32), limit=3)


def wide(**changes):
    """A valid instruction inside the crop window (x 16..47), with changes."""
    return parse_instruction({**GOOD, "pairs": [{"handle": [20, 12], "target": [30, 12]}], **changes})


def correcting(*corrections):
    """The key of that name, of (pair, frame, x, y)."""
    return {"corrections": [{"pair": p, "frame": n, "handle": [x, y]} for p, n, x, y in corrections]}


def test_round_trip_and_tolerated_forms():
    instruction = parse_instruction(json.dumps(GOOD))
    assert instruction == DragInstruction(
        (DragPair((10.0, 12.5), (20.0, 12.0)),), ((11.0, 12.0),), ((1.0, 2.0),), 3, (64, 32)
    )
    assert parse_instruction(instruction.to_json()) == instruction
    assert parse_instruction(str(GOOD)) == instruction, "single quotes"
    points = {**GOOD, "pairs": [{"handle": {"x": 10, "y": 12.5}, "target": {"y": 12, "x": 20}}]}
    assert parse_instruction(points) == instruction
    assert parse_instruction('{"pairs": []}') == DragInstruction(())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("drag the ear", "is not JSON .*'drag the ear'"),
        ("", "is not JSON"),
        ("[1, 2]", "is a list, not an object"),
        ('{"version": 3}', "of version 3, but only versions 1 and 2"),
        ('{"version": 1, "mask": []}', r"unknown keys \(mask\)"),
        ('{"pairs": [{"handle": [NaN, 1], "target": [2, 2]}]}', r"handle of pair 1 is \(nan, 1.0\).*finite"),
        ('{"pairs": [{"handle": [1, 1], "target": [1e999, 2]}]}', r"target of pair 1 is \(inf, 2.0\).*finite"),
        ('{"pairs": [{"handle": [1, 1]}]}', "Pair 1 is .*expected"),
        ('{"pairs": [{"handle": [1, "2"], "target": [1, 1]}]}', "the handle of pair 1 is .*two numbers"),
        ('{"pairs": 3}', '"pairs" is 3; expected a list'),
        ('{"mask_points": [[1, 2, 3]]}', "point 1 of mask_points is .*two numbers"),
        ('{"frame": []}', r'"frame" is \[\]'),
        ('{"frame": -1}', '"frame" is -1'),
        ('{"frame": 1.5}', '"frame" is 1.5'),
        ('{"frame": NaN}', '"frame" is nan'),
        ('{"size": [0, 5]}', '"size" is .*expected'),
        ('{"corrections": [[0, 3, [1, 2]]]}', 'Correction 1 is .*"pair": 0, "frame": 0'),
        ('{"corrections": [{"pair": -1, "frame": 3, "handle": [1, 2]}]}', '"pair" of correction 1 is -1'),
        ('{"corrections": [{"pair": 0, "frame": 0.5, "handle": [1, 2]}]}', '"frame" of correction 1 is 0.5'),
        ('{"corrections": [{"pair": 0, "frame": 3, "handle": [1]}]}', "the handle of correction 1 is .*two numbers"),
    ],
)
def test_what_the_parser_refuses(text, message):
    with pytest.raises(DragAVideoError, match=message):
        parse_instruction(text)


def test_a_good_instruction_passes(clip):
    validate_instruction(wide(), clip)
    validate_instruction(wide(size=None), clip)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pairs": []}, "are only mask points yet: press on the object"),
        ({"pairs": [], "mask_points": []}, "is nothing to drag yet: press on the object"),
        ({"size": [128, 64]}, r"made for a clip of 128x64 pixels, this one has 64x32.*scaled_to\(\(64, 32\)\)"),
        ({"frame": 7}, "on frame 7, but the clip holds frames 0 to 6"),
        ({"pairs": [{"handle": [-3, 12], "target": [30, 12]}]}, r"handle of pair 1, \(-3, 12\), is outside the frame"),
        ({"pairs": [{"handle": [20, 12], "target": [30, 40]}]}, "target of pair 1, .* is outside the frame.*0..31"),
        ({"mask_points": [[64, 3]]}, "mask point 1, .* is outside the frame; x must be in 0..63"),
        ({"pinned_points": [[3, -1]]}, "pinned point 1, .* is outside the frame"),
        (
            {"pairs": [{"handle": [5, 12], "target": [30, 12]}]},
            "handle of pair 1, .* is cut off by the crop.*box",
        ),
        ({"pairs": [{"handle": [20, 12], "target": [50, 12]}]}, "target of pair 1, .* is cut off by the crop"),
        ({"pairs": [{"handle": [20, 12], "target": [20.3, 12.3]}]}, "target of pair 1 is 0.42 px from its handle"),
        (correcting((1, 6, 20, 12)), "Correction 1 names pair 1, counted from 0, but there are 1 pairs; remove it"),
        (
            correcting((0, 3, 20, 12)),
            "Correction 1 is on frame 3, where the points themselves are set; move the handle",
        ),
        (correcting((0, 6, 20, 12), (0, 6, 21, 12)), "Pair 1 is corrected twice on frame 6"),
        (correcting((0, 6, 5, 12)), "correction of pair 1 on frame 6, .* is cut off by the crop"),
        (correcting((0, 6, 20, 33)), r"correction of pair 1 on frame 6, \(20, 33\), is outside the frame"),
    ],
)
def test_what_the_clip_refuses(clip, changes, message):
    with pytest.raises(DragAVideoError, match=message):
        validate_instruction(wide(**changes), clip)


def test_nan_made_in_python_is_refused_too(clip):
    with pytest.raises(DragAVideoError, match="expected two finite numbers"):
        validate_instruction(DragInstruction((DragPair((float("nan"), 1.0), (2.0, 2.0)),)), clip)


def test_the_nearest_frame_is_the_key_frame(clip):
    assert clip.frame_indices == (0, 3, 6)
    assert [clip_position(wide(frame=f), clip) for f in range(7)] == [0, 0, 1, 1, 1, 2, 2]


def test_scaling_keeps_pixel_centres():
    scaled = parse_instruction(GOOD).scaled_to((128, 32))
    assert scaled.size == (128, 32)
    assert scaled.pairs[0].handle == (20.5, 12.5)
    assert scaled.scaled_to((64, 32)) == parse_instruction(GOOD)
    with pytest.raises(DragAVideoError, match="names no size"):
        DragInstruction(()).scaled_to((8, 8))


def test_corrections_are_kept_and_scaled_and_may_lie_beyond_the_clip(clip):
    instruction = parse_instruction({**GOOD, **correcting((0, 6, 20, 12.25), (0, 90, 25, 5))})
    assert instruction.corrections == (Correction(0, 6, (20.0, 12.25)), Correction(0, 90, (25.0, 5.0)))
    assert parse_instruction(instruction.to_json()) == instruction
    assert "corrections" not in parse_instruction(GOOD).to_json()
    assert instruction.scaled_to((128, 32)).corrections[0] == Correction(0, 6, (40.5, 12.25))
    validate_instruction(wide(**correcting((0, 6, 20, 12.25), (0, 90, 25, 5))), clip)


def test_files_and_their_errors(tmp_path):
    path = tmp_path / "ear.json"
    with pytest.raises(DragAVideoError, match="There is no instruction file"):
        load_instruction(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DragAVideoError, match=r"ear.json: cannot be read as text"):
        load_instruction(path)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(DragAVideoError, match=r"ear.json: The instruction is not JSON"):
        load_instruction(path)
    path.write_text(json.dumps(GOOD), encoding="utf-8-sig")
    assert load_instruction(path) == parse_instruction(GOOD)


def test_shipped_instructions_can_be_read():
    paths = sorted([*(ROOT / "bench" / "real").glob("*.json"), ROOT / "dragavideo_core/bundled/examples/bunny.json"])
    assert len(paths) >= 4
    for path in paths:
        instruction = load_instruction(path)
        assert instruction.pairs and instruction.size
