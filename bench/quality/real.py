"""The honest rows: real clips with instructions, of which nobody knows the true edit."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from dragavideo_core.instruction.examples import example
from dragavideo_core.instruction.parsing import load_instruction
from dragavideo_core.media.clip import load_clip

from .cases import Case

log = logging.getLogger(__name__)

INSTRUCTIONS = Path(__file__).resolve().parents[1] / "real"
CLIPS = {"flower": "flower-cc0.mp4", "stream": "stream-of-water.mp4", "bottle": "bottle-intel.mp4"}
"""flower and stream: CC0 (MDN interactive-examples); bottle: CC BY 4.0 (Intel IoT sample-videos). Not in the
repository; the bunny is."""
_FRAMES, _EVERY, _ANY_SIZE = 8, 3, 128


def real_cases(folders: Sequence[Path]) -> Iterator[Case]:
    """The bunny and, from `folders`, those of CLIPS that lie there; 8 frames at their own size."""
    bunny = example("bunny")
    yield real_case("bunny", bunny.clip, bunny.instruction, bunny.every)
    for name, file in CLIPS.items():
        path = next((folder / file for folder in folders if (folder / file).is_file()), None)
        if path is None:
            log.warning("The real clip %s is in no folder of --clips: its rows are left out of the tables.", file)
        else:
            yield real_case(name, path, INSTRUCTIONS / f"{name}.json", _EVERY)


def real_case(name: str, path: Path, instruction: Path, every: int) -> Case:
    """The first frames of a clip, every so many, with its instruction for the first of them."""
    loaded = load_clip(path, size=_ANY_SIZE, every=every, limit=_FRAMES)
    return Case(name, loaded.source, load_instruction(instruction), tags=(("kind", "real"),), fps=loaded.fps)
