"""What the bundled model dreams up from noise, and how far a prompt is followed.

    python -m bench.samples --out bench/samples.png

writes a sheet of eight columns: two rows without a prompt, then a row for each of PROMPTS from the same eight noises,
so that what the words change can be read downwards. It logs how often a colour that is asked for is what comes, and how
often a part detector finds an animal's nose and eye at all.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from dragavideo_core.model.drag_model import DragModel
from dragavideo_core.model.loading import load_model
from dragavideo_core.results import draw
from training.detector import detect
from training.palette import HUES

log = logging.getLogger(__name__)

PROMPTS = (
    "a bright red dog with plain coat facing left, blue sky, green ground, no hills",
    "a bright teal dog with plain coat facing right, blue sky, green ground, no hills",
    "a bright orange giraffe with dark spots facing left, peach sky, slate ground, no hills",
    "a pale purple elephant with light stripes facing left, silver sky, sand ground, a green hill",
)
ASKED = ("red", "orange", "yellow", "green", "teal", "blue", "purple", "pink")
_COLUMNS = 8
_ANIMAL = slice(35, 112)  # rows that hold an animal more than sky or ground, px at 128
_VIVID, _LIT, _ENOUGH = 100, 80, 60  # saturation and value of 255, and pixels, below which there is no colour


@torch.no_grad()
def samples(model: DragModel, prompts: Sequence[str], first_seed: int = 0) -> Tensor:
    """One sample a prompt, [K, H, W, 3], 0-1: DDIM over all steps, no guidance, each from the noise of its own seed."""
    side = model.preset.size // model.latent_stride
    shape = (model.latent_channels, side, side)
    seeds = range(first_seed, first_seed + len(prompts))
    latents = torch.stack([torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds])
    known = {prompt: model.embed_prompt(prompt) for prompt in set(prompts)}
    embedding = torch.cat([known[prompt] for prompt in prompts])
    for step in range(model.schedule.num_steps, 0, -1):
        latents = model.schedule.move(latents, model.noise(latents, step, embedding).cpu(), step, step - 1)
    return model.decode(latents)


def nearest_hue(picture: np.ndarray) -> str | None:
    """Which of ASKED the vivid pixels of a picture [128, 128, 3] uint8 have on average; None where too few are."""
    pixels = cv2.cvtColor(picture[_ANIMAL], cv2.COLOR_RGB2HSV).reshape(-1, 3).astype(float)
    hues = pixels[(pixels[:, 1] > _VIVID) & (pixels[:, 2] > _LIT), 0]
    if len(hues) < _ENOUGH:
        return None
    mean = np.exp(1j * hues * np.pi / 90).mean()
    wanted = {name: cv2.cvtColor(np.array([[HUES[name]]], np.uint8), cv2.COLOR_RGB2HSV)[0, 0, 0] for name in ASKED}
    return max(wanted, key=lambda name: float((mean * np.exp(-1j * wanted[name] * np.pi / 90)).real))


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw, count, write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default="bundled")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    model = load_model(options.model, device="cpu")

    free = samples(model, [""] * 2 * _COLUMNS)
    rows = [*free.split(_COLUMNS), *(samples(model, [prompt] * _COLUMNS) for prompt in PROMPTS)]
    draw.save_png(options.out, torch.cat([torch.cat(list(row), 1) for row in rows], 0))

    found = detect(free)
    seen = (found["nose"][1] > 0.5) & (found["eye"][1] > 0.5)
    log.info("nose and eye found in %d of %d samples without a prompt", seen.sum(), len(seen))
    right = 0
    for number, hue in enumerate(ASKED):
        prompt = f"a bright {hue} dog with plain coat facing left, silver sky, grey ground, no hills"
        drawn = (samples(model, [prompt] * _COLUMNS, _COLUMNS * number).numpy() * 255).round().astype(np.uint8)
        right += sum(nearest_hue(picture) == hue for picture in drawn)
    log.info("%d of %d have the colour that was asked for, of %d", right, _COLUMNS * len(ASKED), len(ASKED))


if __name__ == "__main__":
    main()
