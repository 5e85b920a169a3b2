"""Nobody's text ends in a traceback: thousands of mutated texts are read, or refused in words."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from bench.reliability.texts import KINDS, fuzz
from dragavideo_core.errors import DragAVideoError
from dragavideo_core.instruction.parsing import parse_instruction
from dragavideo_core.instruction.track_formats import parse_tracks
from dragavideo_core.settings import PAPER, override, preset_from_json
from dragavideo_core.texts import decoded, is_whole, shown


@pytest.mark.parametrize("kind", KINDS)
def test_a_slice_of_the_fuzzer_finds_nothing_raw(kind: str) -> None:
    found = fuzz(kind, 400, seed=5)
    assert found.tried == 400
    assert not found.raw, found.raw[:3]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[" * 40 + "]" * 40,
        "9" * 5000,
        "1" + "0" * 400,
        "{[]: 1}",
        "\0",
        "{",
        '"' + "x" * 300 + '"' + "{",
    ],
    ids=["deep", "rather deep", "5,000 digits", "10**400", "a list as a key", "a zero", "cut off", "long"],
)
def test_texts_that_once_ended_raw(text: str) -> None:
    for read in (parse_instruction, preset_from_json, parse_tracks):
        with pytest.raises(DragAVideoError) as refusal:
            read(text)
        assert len(str(refusal.value)) < 600


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400, 1e300])
@pytest.mark.parametrize("name", ["window_px", "mask_radius_px", "set_spacing_px", "occlusion_similarity"])
def test_no_setting_is_infinite(name: str, value: float) -> None:
    with pytest.raises(DragAVideoError, match=name):
        override(PAPER, {"propagation": {name: value}})


def test_seeds_and_steps_have_an_end() -> None:
    with pytest.raises(DragAVideoError, match="seed"):
        override(PAPER, {"lora": {"seed": 2**70}})
    with pytest.raises(DragAVideoError, match="steps"):
        override(PAPER, {"drag": {"steps": [10**9]}})


def test_numpys_numbers_are_numbers() -> None:
    handle, target = np.array([3, 4]), (np.float32(9.5), np.int64(4))
    value = {"pairs": [{"handle": list(handle), "target": target}], "frame": np.int32(2), "size": (np.int64(9), 9)}
    read = parse_instruction(value)
    assert read.frame == 2 and read.size == (9, 9)
    assert read.pairs[0].target == (9.5, 4.0)
    assert not is_whole(np.bool_(True)) and not is_whole(True)


def test_splines_by_object_are_tracks() -> None:
    spline = [{"x": 1, "y": 2}, {"x": 3, "y": 4}]
    grouped = parse_tracks(json.dumps([[spline], [spline, spline]]))
    assert tuple(grouped.positions.shape) == (2, 3, 2)


def test_what_is_shown_is_short_and_never_raises() -> None:
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    assert len(shown(deep)) < 80
    assert len(shown("x" * 10_000)) < 80
    assert decoded("{'a': (1, 2)}", "It", "expected more") == {"a": (1, 2)}
