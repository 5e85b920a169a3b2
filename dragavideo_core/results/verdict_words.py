"""What a verdict says to a person: one sentence a fault, what it is and what helps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_SENTENCES = {
    "object": "the object was not found{where}: paint it, or click on it",
    "unmoved": "the part has not moved{where}: more iterations, or a warm start",
    "lost": "the part cannot be recognised any more{where}: drag less far, or show the object",
    "short": "stopped {px} px short{where}: more iterations, or a warm start",
    "late": "stopped {px} px short{where}: more iterations bring it closer",
    "close": "{px} px short of its target{where}",
    "blink": "the edit blinks, the part is where it was{where}: look at the points there and correct them",
    "hidden": "the edit blinks, the part was taken for hidden{where}: look at the points there and correct them",
    "detached": "the part has come off the object{where}: show the object, or drag less far",
    "background": "the background was dragged along{where}: show the object, or paint where the picture may change",
    "left": "the part is still at its old place as well{where}: show the object",
    "beyond": "the target lies where the picture may not change{where}: paint it as well",
    "folded": "the warp is folded: drag less far, or show the object",
    "unsure": "the object is unsure{where}: look at its mask and correct it",
    "inside": "the drag lies inside the object: that takes the prior of a large model such as Stable Diffusion 1.5",
}
"""In the order in which they are told."""
PROBLEMS = tuple(_SENTENCES)
FAILING = ("object", "unmoved", "lost", "short", "blink", "hidden", "detached", "background")
"""Problems after which a drag has failed; with any other it is doubtful."""
HARMLESS = ("close",)
"""Told, but nothing to worry about."""
_LISTED = 4


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: its name (`PROBLEMS`), the pair, the frames it shows in, and how many px are missing."""

    name: str
    pair: int
    frames: tuple[int, ...]
    px: float = 0.0


def lines(arrived: int, frames: int, findings: Sequence[Finding], pairs: int) -> tuple[str, ...]:
    """The verdict's sentences: in how many frames all parts have arrived, then what is wrong, worst first."""
    first = f"arrived in {arrived} of {frames} frames" if frames else "the part is to be seen in no frame"
    return (first, *_sentences(findings, frames, pairs))


def _sentences(findings: Sequence[Finding], frames: int, pairs: int) -> Iterator[str]:
    for finding in sorted(findings, key=lambda f: (PROBLEMS.index(f.name), f.pair)):
        text = _SENTENCES[finding.name].format(where=_where(finding.frames, frames), px=_px(finding.px))
        whose = f"pair {finding.pair + 1}: " if pairs > 1 and finding.name not in ("unsure", "folded") else ""
        yield whose + text


def _where(found: Sequence[int], frames: int) -> str:
    """' in every frame', ' in frame 3', ' in 5 frames (3, 4, 6, 7, ...)'; frames counted from 1."""
    if frames and len(found) >= frames:
        return " in every frame" if frames > 1 else ""
    names = ", ".join(str(n + 1) for n in found[:_LISTED]) + (", ..." if len(found) > _LISTED else "")
    return f" in frame {names}" if len(found) == 1 else f" in {len(found)} frames ({names})"


def _px(length: float) -> str:
    return f"{length:.1f}" if length < 3 else f"{length:.0f}"
