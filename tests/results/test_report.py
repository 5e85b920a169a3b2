"""Reports: what they are measured by, and that they are JSON."""

from __future__ import annotations

import json
from dataclasses import replace

from dragavideo_core.instruction import examples
from dragavideo_core.instruction.parsing import load_instruction
from dragavideo_core.results.report import report_text


def test_numbers_that_are_not_finite_become_null() -> None:
    report = {"distance_after_px": [1.5, float("nan")], "settings": {"rate": float("inf")}, "frames": 2}
    found = json.loads(report_text(report), parse_constant=lambda name: f"{name} is no JSON")
    assert found == {"distance_after_px": [1.5, None], "settings": {"rate": None}, "frames": 2}


def test_the_examples_nose_is_measured_only_where_it_is_what_was_dragged() -> None:
    own = load_instruction(examples.example("creature").instruction)
    assert examples.known_part("creature", own) is not None
    assert examples.known_part("creature", replace(own, mask_points=())) is not None
    (x, y), target = own.pairs[0].handle, own.pairs[0].target
    elsewhere = replace(own, pairs=(replace(own.pairs[0], handle=(x - 40, y), target=target),))
    assert examples.known_part("creature", elsewhere) is None
    assert examples.known_part("a clip of mine", own) is None
