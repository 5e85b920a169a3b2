"""The clips that come with the pack, each with an instruction that works on it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..errors import DragAVideoError
from .parsing import load_instruction
from .value import DragInstruction

FOLDER = Path(__file__).resolve().parents[1] / "bundled" / "examples"


@dataclass(frozen=True)
class KnownPart:
    """What is known of the dragged part of a rendered clip, in source px."""

    colour: tuple[float, float, float]
    """(r, g, b) 0-1 that nothing else in the clip has."""
    positions: Tensor
    """[F, 2]: its true place in every frame of the file."""
    displacement: Tensor
    """[2]: the drag it should get in every frame."""


@dataclass(frozen=True)
class Example:
    """A bundled clip: its files and how many of its frames to take."""

    name: str
    clip: Path
    instruction: Path
    every: int
    limit: int
    known: KnownPart | None = None
    true_edit: Path | None = None


def names() -> list[str]:
    """The examples there are."""
    return sorted(path.stem for path in FOLDER.glob("*.mp4") if path.with_suffix(".json").is_file())


def known_part(clip_name: str, instruction: DragInstruction) -> KnownPart | None:
    """What is known of the dragged part: None for other clips than examples, and for other drags than their own."""
    if clip_name not in names():
        return None
    own = example(clip_name)
    return own.known if instruction.pairs == load_instruction(own.instruction).pairs else None


def example(name: str) -> Example:
    """The example of that name.

    Raises:
        DragAVideoError: there is none.
    """
    if name not in names():
        raise DragAVideoError(f"There is no example '{name}'; choose one of: {', '.join(names())}.")
    clip = FOLDER / f"{name}.mp4"
    about_file = FOLDER / f"{name}.about.json"
    about = json.loads(about_file.read_text(encoding="utf-8")) if about_file.is_file() else {}
    known = about.get("known_part")
    true_edit = FOLDER / "true_edits" / f"{name}.mp4"
    return Example(
        name=name,
        clip=clip,
        instruction=clip.with_suffix(".json"),
        every=about.get("every", 1),
        limit=about.get("limit", 8),
        known=None
        if known is None
        else KnownPart(tuple(known["colour"]), torch.tensor(known["positions"]), torch.tensor(known["displacement"])),
        true_edit=true_edit if true_edit.is_file() else None,
    )
