"""What a drag costs.

    python dev.py bench speed              operations counted and times on the CPU; some minutes, 4 GB
    python dev.py bench speed --counted    operations alone, a minute

writes results.json: `counted` (TFLOP and full forwards of Stable Diffusion 1.5's size), `cpu` (seconds of an iteration,
ours and a plain loop's, and their ratio) and, where a CUDA GPU is at hand, `gpu`.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from dragavideo_core.files import atomic_path
from dragavideo_core.model.loading import load_model

from .counting import counted_figures
from .gpu import gpu_figures
from .timing import cpu_figures

HERE = Path(__file__).resolve().parent
log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and keep what other runs have measured."""
    parser = argparse.ArgumentParser(
        prog="dev.py bench speed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--counted", action="store_true", help="count operations and time nothing")
    parser.add_argument("--frames", type=int, default=4, help="frames of the timed drags")
    parser.add_argument("--size", type=int, default=256, help="their sides, px")
    parser.add_argument("--out", type=Path, default=HERE / "results.json")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    value: dict[str, Any] = json.loads(options.out.read_text(encoding="utf-8")) if options.out.is_file() else {}
    value["counted"] = counted_figures(load_model("bundled", device="cpu"))
    log.info("%s", json.dumps(value["counted"], indent=2))
    if not options.counted:
        value["cpu"] = cpu_figures(options.frames, options.size)
        log.info("%s", json.dumps(value["cpu"], indent=2))
        if torch.cuda.is_available():
            value["gpu"] = gpu_figures()
            log.info("%s", json.dumps(value["gpu"], indent=2))
    with atomic_path(options.out) as path:
        path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
