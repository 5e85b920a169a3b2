"""Finished (row, case) pairs on disk, so that a run that is broken off goes on where it was.

A pair is one JSON file with its measures and one small PNG with its first, middle and last frame. The file's name
carries a hash of all the result depends on: the weights, the row's settings, the case's pixels and instruction, and the
code of the method; so nothing stale is ever read, and other settings leave what is there alone.
"""

from __future__ import annotations

import ast
import hashlib
import json
import math
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

import dragavideo_core
from dragavideo_core.files import atomic_path
from dragavideo_core.model.drag_model import DragModel
from dragavideo_core.settings import Preset
from dragavideo_core.storage import fingerprint, weights_fingerprint

from . import measures
from .cases import Case
from .rows import Row

Numbers = dict[str, float | None]
_THUMB_PX = 128
VERDICT_FILES = ("verdict.py", "verdict_words.py", "arrival.py", "damage.py", "likeness.py", "part_match.py")
"""What judges a finished drag."""
_BESIDE = (
    *VERDICT_FILES,
    "__main__.py",
    "command_line.py",
    "report.py",
    "points.py",
    "draw.py",
    "examples.py",
    "audio.py",
    "video_io.py",
)
"""Core files that no result depends on."""


@dataclass(frozen=True)
class Store:
    """A folder of finished pairs."""

    folder: Path

    def path(self, row: str, case: Case, key: str) -> Path:
        """Of the numbers; the picture lies beside it."""
        return self.folder / case.name / f"{row}.{key}.json"

    def recall(self, row: str, case: Case, key: str) -> Numbers | None:
        """The numbers of a finished pair, None where there are none."""
        path = self.path(row, case, key)
        try:
            numbers: Numbers = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return numbers

    def keep(self, row: str, case: Case, key: str, numbers: dict[str, float], frames: Tensor | None) -> None:
        """Write a finished pair; the numbers last, so that a pair that has them is whole."""
        path = self.path(row, case, key)
        if frames is not None:
            with atomic_path(path.with_suffix(".png")) as temporary:
                cv2.imwrite(str(temporary), (strip(frames).numpy()[..., ::-1] * 255).round().astype(np.uint8))
        values = {name: None if math.isnan(value) else round(value, 6) for name, value in numbers.items()}
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(values), encoding="utf-8")

    def thumbnails(self, row: str, case: Case, key: str) -> Tensor | None:
        """[3, h, w, 3]: first, middle and last frame of a finished pair."""
        picture = cv2.imread(str(self.path(row, case, key).with_suffix(".png")))
        if picture is None:
            return None
        frames = torch.from_numpy(np.ascontiguousarray(picture[..., ::-1])).float() / 255
        return torch.stack(frames.chunk(3, dim=1))


def strip(frames: Tensor) -> Tensor:
    """First, middle and last frame [N, H, W, 3] side by side, about 128 px high or wide each: [h, 3 w, 3]."""
    chosen = frames[[0, len(frames) // 2, len(frames) - 1]]
    scale = _THUMB_PX / max(chosen.shape[1:3])
    size = (round(chosen.shape[2] * scale), round(chosen.shape[1] * scale))
    small = [cv2.resize(frame.numpy(), size, interpolation=cv2.INTER_AREA) for frame in chosen.float()]
    return torch.from_numpy(np.concatenate(small, axis=1)).clamp(0, 1)


def pair_key(model_key: str, row: Row | str, case_key: str, base: Preset) -> str:
    """What a pair's result depends on, in 12 hexadecimal digits."""
    if isinstance(row, str):
        return fingerprint(model_key, row, base, case_key)[:12]
    return fingerprint(model_key, row.run.__name__, dict(row.options), row.preset(base), case_key)[:12]


def model_key(model: DragModel) -> str:
    """Of the weights, where they run, and the code that uses them."""
    return fingerprint(
        weights_fingerprint(model.unet), weights_fingerprint(model.vae), str(model.device.type), model.dtype, code_key()
    )


def case_key(case: Case) -> str:
    """Of a case's pixels, instruction and truth."""
    return fingerprint(case.source, asdict(case.instruction), case.mask, case.truth)


@lru_cache(maxsize=1)
def code_key() -> str:
    """Of the method and of the measures: their syntax without docstrings and comments, which change no result."""
    core = Path(dragavideo_core.__file__).parent
    files = [path for path in sorted(core.rglob("*.py")) if path.name not in _BESIDE]
    digest = hashlib.blake2b(digest_size=16)
    for path in (*files, Path(measures.__file__), Path(measures.__file__).with_name("rows.py")):
        digest.update(bare(path.read_text(encoding="utf-8")).encode())
    return digest.hexdigest()


def bare(source: str) -> str:
    """The syntax of a file without docstrings and comments."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [  # type: ignore[attr-defined]
                line for line in body if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
            ]
    return ast.dump(tree)
