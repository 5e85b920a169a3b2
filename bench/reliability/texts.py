"""Mutated texts: instructions, settings, tracks. Whatever they hold, they are read or refused in words."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from dragavideo_core.command_line import build_parser, chosen_preset
from dragavideo_core.errors import DragAVideoError
from dragavideo_core.instruction.parsing import parse_instruction
from dragavideo_core.instruction.track_formats import parse_tracks
from dragavideo_core.settings import PAPER, preset_from_json

_INSTRUCTION = (
    '{"version": 2, "size": [640, 360], "frame": 3, "pairs": [{"handle": [210, 140.5], "target": [250, 138]}], '
    '"mask_points": [[205, 130]], "pinned_points": [[120, 150]], "corrections": [{"pair": 0, "frame": 9, "handle": '
    '[214, 139]}], "object": {"on": [[1, 2]], "off": [[3, 4]], "box": [1, 2, 30, 40], "strokes": [{"points": [[5, 6]], '
    '"radius": 4, "on": true}]}}'
)
_TRACKS = (
    '[[{"x": 1, "y": 2}, {"x": 3, "y": 4}], [{"x": 5, "y": 6}, {"x": 7, "y": 8}]]',
    "[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]",
    '["[{\\"x\\": 1, \\"y\\": 2}]"]',
    "{'positive': [{'x': 1, 'y': 2}], 'negative': []}",
)
_NASTY = (
    "NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, "1" + "0" * 400, "-1", "0", "null", "true", "[]", "{}", '""',
    "[" * 2000, "{" * 50, "]" * 20, "\0", "\ud800", "\ufeff", "1.5", "2**70", "[[[[[[[[[1]]]]]]]]]", "{[]: 1}", "1j",
    "b'x'", "{1, 2}", "()", "(1,)", "'", '"', "\\u0000", "\\ud800", "x" * 5000, ",", ":", "-", "e", "1_000",
)  # fmt: skip
_SLOW_S = 20.0
KINDS = ("instructions", "settings", "tracks")


@dataclass(frozen=True)
class Fuzzed:
    """How many texts were tried, what ended raw (text and error, shortened), and how many took too long."""

    tried: int
    raw: tuple[str, ...]
    hung: int


def fuzz(kind: str, count: int, seed: int = 0) -> Fuzzed:
    """Try `count` mutations of one of `KINDS`."""
    rng = random.Random(f"{kind} {seed}")
    settings = (PAPER.to_json(), "drag.iterations=40", "drag.steps=[10,5]", "lora.seed=3", "size=512")
    reads: dict[str, tuple[Callable[[str], object], tuple[str, ...]]] = {
        "instructions": (parse_instruction, (_INSTRUCTION,)),
        "settings": (_settings, settings),
        "tracks": (parse_tracks, _TRACKS),
    }
    read, bases = reads[kind]
    raw, hung = [], 0
    for _ in range(count):
        text, start = mutated(rng.choice(bases), rng), time.monotonic()
        try:
            read(text)
        except DragAVideoError:
            pass
        except Exception as error:  # the very thing that is looked for
            raw.append(f"{type(error).__name__}: {str(error)[:80]!r} of {text[:120]!r}")
        hung += time.monotonic() - start > _SLOW_S
    return Fuzzed(count, tuple(raw), hung)


def mutated(text: str, rng: random.Random) -> str:
    """A text with up to four pieces cut out, doubled, changed or replaced by something nasty."""
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(text))
        end = min(len(text), at + rng.choice((0, 1, 1, 2, 5, 20)))
        kind = rng.randrange(5)
        if kind == 0:
            text = text[:at] + text[end:]
        elif kind == 1:
            text = text[:end] + text[at:]
        elif kind == 2:
            text = text[:at] + rng.choice(_NASTY) + text[end:]
        elif kind == 3:
            text = text[:at] + chr(rng.choice((rng.randrange(128), rng.randrange(0x10000)))) + text[end:]
        else:
            text = _one_value(text, rng)
    return text


def _one_value(text: str, rng: random.Random) -> str:
    """The text with one of its numbers or words replaced by something nasty, so that its form stays whole."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    places = [(holder, key) for holder, key in _places(value)]
    if not places:
        return rng.choice(_NASTY)
    holder, key = rng.choice(places)
    mark = "@@nasty@@"
    holder[key] = mark
    return json.dumps(value).replace(f'"{mark}"', rng.choice(_NASTY), 1)


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found.append((value, key))
        found += _places(item)
    return found


def _settings(text: str) -> object:
    """As a preset's text, and as what stands behind --set."""
    with suppress(DragAVideoError):
        preset_from_json(text)
    options = build_parser().parse_args(["drag", "clip.mp4", "--out", "out", "--set=" + text])
    return chosen_preset(options, PAPER)
