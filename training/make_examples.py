"""Makes the rendered example clip: the clip, its true edit, the instruction, and where the dragged part is.

    python -m training.make_examples --out dragavideo_core/bundled/examples --seed 1000016

It is drawn at twice the size the bundled model works at, so that the video's halved colour resolution does no harm.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from dragavideo_core.media.video_io import write_video

from .drags import part_drag
from .renderer import part_positions, render_clip
from .scene import UNIT_SIZE, sample_scene
from .values import NOSE_RGB

SIDE, FRAMES, FPS = 256, 8, 8.0
DRAG = 10.0
"""Length of the drag in px of the 128 px picture."""


def main() -> None:
    """Write creature.mp4, true_edits/creature.mp4, creature.json and creature.about.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1_000_016, help="a held-out scene (1000000 or more)")
    options = parser.parse_args()
    scene = sample_scene(options.seed, FRAMES, SIDE)
    instruction, edit = part_drag(scene, "nose", DRAG, pins=("eye", "ear"))
    for name, change in {"creature": None, "true_edits/creature": edit}.items():
        frames = torch.from_numpy(render_clip(scene, change)).float() / 255
        write_video(options.out / f"{name}.mp4", frames, FPS)
    about = {
        "every": 1,
        "limit": FRAMES,
        "seed": options.seed,
        "known_part": {
            "colour": [value / 255 for value in NOSE_RGB],
            "positions": [part_positions(scene, i)["nose"] for i in range(FRAMES)],
            "displacement": [edit.dx * SIDE / UNIT_SIZE, edit.dy * SIDE / UNIT_SIZE],
        },
    }
    (options.out / "creature.json").write_text(instruction.to_json() + "\n", encoding="utf-8")
    (options.out / "creature.about.json").write_text(json.dumps(about) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
