"""Finds the tips of a rendered creature's parts in any frame: the judge that knows nothing of the drag.

A small convolutional network gives each part a distribution over the cells of a half-size grid and one more place,
"nowhere". It is trained on rendered frames only (`detector_training`), never on anything the drag produces, and shares
no weight with the model that it judges. The parts are those of a scene's own creature: a second animal, which is
smaller and has a pink nose, is none of its business.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from .edits import PARTS
from .values import UNIT_SIZE

DETECTOR_FILE = Path(__file__).resolve().parents[1] / "bench" / "part_detector.safetensors"
GRID = UNIT_SIZE // 2
_WINDOW = 2  # cells either side of the peak that the position is the mean of
_CACHE: dict[Path, PartDetector] = {}


class _Block(nn.Sequential):
    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
        )


class PartDetector(nn.Module):
    """Frames [N, 3, 128, 128], 0-1, to logits [N, 6, 64 * 64 + 1]; the last place means "not to be seen"."""

    def __init__(self, widths: tuple[int, ...] = (24, 40, 56, 64)) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), _Block(12, widths[0]), _Block(widths[0], widths[0]))
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList([nn.Sequential(_Block(a, b, 2), _Block(b, b)) for a, b in pairs])
        self.narrow = nn.ModuleList([nn.Conv2d(b, a, 1) for a, b in pairs])
        self.up = nn.ModuleList([_Block(a, a) for a, _ in pairs])
        self.heat = nn.Conv2d(widths[0], len(PARTS), 1)
        self.nowhere = nn.Linear(widths[-1], len(PARTS))

    def forward(self, frames: Tensor) -> Tensor:
        levels = [self.stem(frames * 4 - 2)]
        for down in self.down:
            levels.append(down(levels[-1]))
        x = levels[-1]
        nowhere = self.nowhere(x.mean((2, 3)))
        for narrow, up, skip in zip(reversed(self.narrow), reversed(self.up), reversed(levels[:-1])):
            x = up(skip + F.interpolate(narrow(x), scale_factor=2.0, mode="nearest"))
        return torch.cat([self.heat(x).flatten(2), nowhere[..., None]], 2)


def detect(
    frames: np.ndarray | Tensor,
    detector: PartDetector | None = None,
    near: Mapping[str, tuple[np.ndarray, float]] | None = None,
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Where each part's tip is.

    Args:
        frames: [N, H, W, 3], uint8, or float 0-1; any size, the creature being drawn in proportion.
        detector: the shipped one (`DETECTOR_FILE`) where not given.
        near: for some parts (positions [N, 2], radius), px of the given frames: look no further than that from there,
            for frames where a second animal could be mistaken for the first.

    Returns:
        For each of PARTS: positions [N, 2] (x, y) in px of the given frames, integer at pixel centres, and the
        confidence [N] in 0-1 that the tip is to be seen there (below about 0.5 the position means little).
    """
    pixels = torch.as_tensor(frames)
    if pixels.ndim != 4 or pixels.shape[-1] != 3:
        raise ValueError(f"expected frames [N, H, W, 3], got {tuple(pixels.shape)}")
    pixels = pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels.float()
    height, width = pixels.shape[1:3]
    x = pixels.permute(0, 3, 1, 2)
    if (height, width) != (UNIT_SIZE, UNIT_SIZE):
        x = F.interpolate(x, (UNIT_SIZE, UNIT_SIZE), mode="bilinear", align_corners=False, antialias=True)
    detector = detector or load_detector()
    with torch.no_grad():
        logits = torch.cat([detector(part) for part in x.split(32)])
    scale = torch.tensor([width, height]) / GRID
    for part, (places, radius) in (near or {}).items():
        centres = (torch.as_tensor(places, dtype=torch.float32) + 0.5) / scale - 0.5
        logits[:, PARTS.index(part)] = _only_near(logits[:, PARTS.index(part)], centres, radius / float(scale[0]))
    cells, confidence = locate(logits)
    positions = (cells + 0.5) * scale - 0.5
    return {part: (positions[:, i].numpy(), confidence[:, i].numpy()) for i, part in enumerate(PARTS)}


def load_detector(path: Path = DETECTOR_FILE) -> PartDetector:
    """The detector of a file, ready to use; kept, so that a second call is free."""
    if path not in _CACHE:
        detector = PartDetector()
        detector.load_state_dict({name: value.float() for name, value in load_file(path).items()})
        _CACHE[path] = detector.eval()
    return _CACHE[path]


def save_detector(detector: PartDetector, path: Path) -> None:
    """Write the weights as fp16 safetensors."""
    weights = {
        name: value.half() if value.is_floating_point() else value for name, value in detector.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in weights.items()}, path)


def _only_near(logits: Tensor, centres: Tensor, radius: float) -> Tensor:
    """Logits [N, 64 * 64 + 1] with the cells further than `radius` cells from `centres` [N, 2] (x, y) ruled out."""
    at = torch.arange(GRID)
    far = (at - centres[:, :1])[:, None, :] ** 2 + (at - centres[:, 1:])[
        :, :, None
    ] ** 2 > radius**2  # [N, rows, columns]
    ruled_out = torch.cat([far.flatten(1), torch.zeros(len(far), 1, dtype=torch.bool)], 1)
    return logits.masked_fill(ruled_out, -1e4)


def locate(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Positions [N, parts, 2] in cells (x, y) and confidences [N, parts]: mean and mass of a window round the peak."""
    share = logits.softmax(-1)[..., :-1].unflatten(-1, (GRID, GRID))
    peak = share.flatten(2).argmax(-1)
    at = torch.arange(GRID)
    near_x = ((at - (peak % GRID)[..., None]).abs() <= _WINDOW)[..., None, :]
    near_y = ((at - (peak // GRID)[..., None]).abs() <= _WINDOW)[..., :, None]
    share = share * (near_x & near_y)
    mass = share.sum((-2, -1))
    x, y = (share * at).sum((-2, -1)) / mass, (share * at[:, None]).sum((-2, -1)) / mass
    return torch.stack([x, y], -1), mass
