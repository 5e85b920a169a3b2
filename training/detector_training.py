"""Trains the part detector on rendered frames, degraded the way codecs and small diffusion models degrade.

python -m training.detector_training --minutes 20 --out bench/part_detector.safetensors
"""

from __future__ import annotations

import argparse
import logging
import math
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from .detector import DETECTOR_FILE, GRID, PartDetector, detect, load_detector, save_detector
from .edits import PARTS, sample_edit
from .renderer import part_labels, part_positions, render_frame
from .scene import HELD_OUT_FROM, sample_scene
from .values import UNIT_SIZE

log = logging.getLogger(__name__)

_SIGMA = 0.8  # of the taught distribution, in cells
_LAST_FRAME = 16  # clips of the benchmark are no longer
_REACH = 24.0  # px at 128, of the furthest edit


def degrade(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A frame [H, W, 3] uint8 as a codec or a decoder might give it back; nothing in it changes place."""
    kind = rng.random()
    if kind < 0.25:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.3))
    elif kind < 0.4:
        side = int(picture.shape[0] / rng.uniform(1.2, 2.2))
        small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
        picture = cv2.resize(small, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    elif kind < 0.55:
        picture = _coarse_blocks(picture, float(rng.uniform(4, 24)))
    if rng.random() < 0.3:
        quality = int(rng.integers(25, 95))
        data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        picture = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
    values = picture.astype(np.float64)
    if rng.random() < 0.4:
        values += cv2.GaussianBlur(rng.normal(0, 1, values.shape), (0, 0), 0.8) * rng.uniform(2, 16)
    if rng.random() < 0.4:
        values += rng.normal(0, rng.uniform(1, 8), values.shape)
    if rng.random() < 0.5:
        values = (values - 128) * rng.uniform(0.8, 1.15) + 128 + rng.normal(0, 8, 3)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _coarse_blocks(picture: np.ndarray, step: float) -> np.ndarray:
    """Rounds the DCT of every 4x4 block: the look of a small latent's linear decoding."""
    basis = np.array([[math.cos(math.pi * (i + 0.5) * k / 4) for i in range(4)] for k in range(4)], np.float32)
    basis *= np.array([0.5, *[math.sqrt(0.5)] * 3], np.float32)[:, None]
    height, width = picture.shape[:2]
    blocks = picture.astype(np.float32).reshape(height // 4, 4, width // 4, 4, 3)
    waves = np.einsum("ki,aibjc,lj->akblc", basis, blocks, basis, optimize=True)
    fine = step * (1 + np.add.outer(np.arange(4), np.arange(4)).astype(np.float32))
    waves = np.rint(waves / fine[None, :, None, :, None]) * fine[None, :, None, :, None]
    back = np.einsum("ki,akblc,lj->aibjc", basis, waves, basis, optimize=True)
    return np.clip(back.reshape(picture.shape), 0, 255).astype(np.uint8)


def example(seed: int, rng: np.random.Generator, clean: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One frame [128, 128, 3] uint8, its tips [parts, 2] (px) and whether each is to be seen [parts] bool."""
    scene, frame = sample_scene(seed), int(rng.integers(_LAST_FRAME))
    edit = tuple(sample_edit(rng, reach=_REACH) for _ in range(int(rng.choice(3, p=(0.35, 0.45, 0.2)))))
    picture = render_frame(scene, frame, edit)
    at = part_positions(scene, frame, edit)
    labels = part_labels(scene, frame, edit)
    tips = np.array([at[part] for part in PARTS], np.float32)
    columns, rows = np.rint(tips).astype(int).T
    inside = (columns >= 0) & (rows >= 0) & (columns < UNIT_SIZE) & (rows < UNIT_SIZE)
    over = labels[rows.clip(0, UNIT_SIZE - 1), columns.clip(0, UNIT_SIZE - 1)]
    seen = inside & (over == np.arange(len(PARTS)) + 2)
    if not clean and rng.random() < 0.85:
        picture = degrade(picture, rng)
    if rng.random() < 0.5:
        picture = np.ascontiguousarray(picture[:, ::-1])
        tips[:, 0] = UNIT_SIZE - 1 - tips[:, 0]
    return picture, tips, seen


def targets(tips: Tensor, seen: Tensor) -> Tensor:
    """What the distribution [N, parts, 64 * 64 + 1] should be: a Gaussian on the tip, or all on "nowhere"."""
    cells = ((tips + 0.5) / 2 - 0.5)[..., None]
    at = torch.arange(GRID)
    x, y = (torch.exp(-((at - cells[..., axis, :]) ** 2) / (2 * _SIGMA**2)) for axis in (0, 1))
    heat = y[..., :, None] * x[..., None, :]
    heat = heat / heat.sum((-2, -1), keepdim=True).clamp_min(1e-6) * seen[..., None, None]
    return torch.cat([heat.flatten(2), (~seen)[..., None].float()], 2)


def train(
    minutes: float,
    *,
    seed: int = 0,
    batch: int = 16,
    rate: float = 3e-3,
    start: PartDetector | None = None,
    report: Callable[[str], None] = log.info,
) -> PartDetector:
    """Train on fresh frames of seeds below 1,000,000 for so many minutes (weights averaged over the end).

    `start` gives the weights to begin from; it is not changed.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    detector: PartDetector = PartDetector().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if start is not None:
        detector.load_state_dict(start.state_dict())
    average = PartDetector().requires_grad_(False)
    optimiser = torch.optim.AdamW(detector.parameters(), lr=rate, weight_decay=1e-2, fused=True)
    started, done, step, smooth = time.monotonic(), 0.0, 0, 0.0
    while done < 1:
        pictures, tips, seen = zip(*(example(int(rng.integers(HELD_OUT_FROM)), rng) for _ in range(batch)))
        frames = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
        target = targets(torch.from_numpy(np.stack(tips)), torch.from_numpy(np.stack(seen)))
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * done))
        logits = detector(frames.contiguous(memory_format=torch.channels_last))
        loss = -(target * logits.log_softmax(-1)).sum(-1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        keep = min(0.99, step / (step + 5))
        with torch.no_grad():
            for mean, value in zip(average.state_dict().values(), detector.state_dict().values()):
                mean.copy_(torch.lerp(value, mean, keep) if mean.is_floating_point() else value)
        smooth = loss.item() if step == 0 else 0.98 * smooth + 0.02 * loss.item()
        step += 1
        done = (time.monotonic() - started) / (60 * max(minutes, 1e-9))
        if step % 100 == 0:
            report(f"step {step}, {step * batch} frames, loss {smooth:.3f}, {100 * min(done, 1):.0f} %")
    return average.eval()


def errors(
    detector: PartDetector, frames: int = 300, clean: bool = True, first_seed: int = HELD_OUT_FROM
) -> dict[str, dict[str, float]]:
    """Held-out figures for each part: median, p90 (px at 128), share found (confidence
    > 0.5), how often it was hidden, and how often it was said to be seen all the same."""
    rng = np.random.default_rng(first_seed)
    pictures, tips, seen = (
        np.stack(column) for column in zip(*(example(first_seed + i, rng, clean) for i in range(frames)))
    )
    found = detect(pictures, detector)
    table = {}
    for i, part in enumerate(PARTS):
        position, confidence = found[part]
        distance = np.linalg.norm(position - tips[:, i], axis=-1)[seen[:, i]]
        hidden = confidence[~seen[:, i]]
        table[part] = {
            "median": float(np.median(distance)),
            "p90": float(np.quantile(distance, 0.9)),
            "found": float((confidence[seen[:, i]] > 0.5).mean()),
            "hidden": len(hidden),
            "false_alarms": int((hidden > 0.5).sum()),
        }
    return table


def main() -> None:
    """Train, save, and log the held-out errors."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=20.0, help="how long to train (default 20)")
    parser.add_argument("--out", type=Path, default=DETECTOR_FILE, help="where the weights go")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="weights to begin from")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    start = load_detector(options.start) if options.start else None
    detector = train(options.minutes, seed=options.seed, start=start)
    save_detector(detector, options.out)
    for name, clean in (("clean", True), ("degraded", False)):
        for part, figures in errors(load_detector(options.out), clean=clean).items():
            log.info("%-9s %-11s %s", name, part, "  ".join(f"{key} {value:.2f}" for key, value in figures.items()))


if __name__ == "__main__":
    main()
