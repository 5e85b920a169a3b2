"""The editor reads and refuses what the core reads and refuses."""

from __future__ import annotations

import json

import pytest

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.instruction.parsing import parse_instruction
from tests.web.editor_page.driver import TEXT, Editor

READ = [
    json.dumps(TEXT),
    '{"pairs": []}',
    "{'pairs': [{'handle': {'x': 1, 'y': 2.5}, 'target': (3, 4,)}], 'size': None, 'frame': 0.0,}",
    '{"version": 1.0, "pairs": null, "mask_points": [[1e1, -0.5]]}',
    '{"pairs": [{"handle": [1, 2], "target": [3, 4]}], "corrections": [{"pair": 7, "frame": 3, "handle": [1, 2]}]}',
    '\n {"frame": 7, "size": [3, 4]}\n',
    '{"pairs": [], "object": {}}',
    '{"pairs": [], "object": {"on": [[1, 2.5]], "box": [1, 2, 30, 40.5], "off": [{"x": 1, "y": 2}]}}',
    "{'object': {'strokes': [{'points': [[1, 2], [3, 4.25]], 'radius': 2.5}]}}",
    "{'object': {'strokes': [{'points': [[1, 2]], 'radius': 3, 'on': False}], 'box': None}}",
]
REFUSED = [
    "",
    "nonsense",
    "{",
    "[]",
    "3",
    '{"pairs": [}',
    '{"pairs": []} x',
    "{'pairs': [], 'frame': true}",
    '{"version": 3}',
    '{"object": [1]}',
    '{"object": {"inside": []}}',
    '{"object": {"on": [[1]]}}',
    '{"object": {"off": 3}}',
    '{"object": {"box": [1, 2, 3]}}',
    '{"object": {"box": [5, 2, 3, 4]}}',
    '{"object": {"strokes": [[1, 2]]}}',
    '{"object": {"strokes": [{"points": [[1, 2]], "radius": 0}]}}',
    '{"object": {"strokes": [{"points": [[1, 2]], "radius": 1, "on": 1}]}}',
    '{"object": {"strokes": [{"points": [], "radius": 1}]}}',
    '{"object": {"strokes": [{"points": [[1, "a"]], "radius": 1}]}}',
    '{"version": true}',
    '{"version": null}',
    '{"points": []}',
    '{"frame": -1}',
    '{"frame": 1.5}',
    '{"frame": true}',
    '{"pairs": {}}',
    '{"pairs": [[1, 2]]}',
    '{"pairs": [{"handle": [1, 2]}]}',
    '{"pairs": [{"handle": [1, 2], "target": [1, "2"]}]}',
    '{"pairs": [{"handle": [1, 2], "target": [1, NaN]}]}',
    '{"mask_points": [[1, 2], [1]]}',
    '{"pinned_points": [[1, true]]}',
    '{"mask_points": [[1, Infinity]]}',
    '{"size": [0, 4]}',
    '{"size": [1.5, 4]}',
    '{"size": 7}',
    '{"corrections": [{"pair": -1, "frame": 3, "handle": [1, 2]}]}',
    '{"corrections": [{"pair": 0, "frame": 3.5, "handle": [1, 2]}]}',
    '{"corrections": [{"pair": 0, "frame": 3}]}',
]


def test_reads_what_the_core_reads(editor: Editor) -> None:
    for text in READ:
        written = editor.page.evaluate(
            "text => page.instruction.writeInstruction(page.instruction.parseInstruction(text))", text
        )
        assert written == parse_instruction(text).to_json()


def test_refuses_what_the_core_refuses(editor: Editor) -> None:
    read = "page.instruction.parseInstruction(text)"
    code = f"text => {{ try {{ {read}; return ''; }} catch (error) {{ return error.message; }} }}"
    for text in REFUSED:
        with pytest.raises(DragAVideoError) as refusal:
            parse_instruction(text)
        said = editor.page.evaluate(code, text)
        # Values are shown as JSON or as Python has them; the words before and after agree.
        for part in (lambda words: words.split(" is ")[0], lambda words: words.split("; ")[-1]):
            one, other = (part(words).replace(" ", "").lower() for words in (said, str(refusal.value)))
            assert one == other, text


def test_text_for_people_is_the_same_value(editor: Editor) -> None:
    text = {**TEXT, "corrections": [{"pair": 1, "frame": 6, "handle": [240, 50]}]}
    shown = editor.page.evaluate(
        "text => page.instruction.writeForPeople(page.instruction.parseInstruction(text))", json.dumps(text)
    )
    assert json.loads(shown) == text
    assert max(map(len, shown.splitlines())) < 60
