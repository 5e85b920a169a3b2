"""What the bundled model does with real video: points, reconstruction and drag of four clips, by the command line.

    python -m bench.real_clips --clips ../shared/clips --out output/real

writes one folder a clip and command, and a table (results.md). The clips are not in the repository: flower-cc0.mp4,
stream-of-water.mp4 (CC0, MDN interactive-examples) and bottle-intel.mp4 (CC BY 4.0, Intel IoT sample-videos); the
bunny comes with the pack.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

from dragavideo_core.__main__ import main as command_line

INSTRUCTIONS = Path(__file__).parent / "real"
CLIPS = {"flower": "flower-cc0.mp4", "stream": "stream-of-water.mp4", "bottle": "bottle-intel.mp4"}


def arguments_for(command: str, name: str, clips: Path) -> list[str]:
    """The arguments that name a clip and, where the command drags, its instruction."""
    if name == "bunny":
        return ["--example", "bunny"]
    instruction = [] if command == "reconstruct" else ["--instruction", str(INSTRUCTIONS / f"{name}.json")]
    return [str(clips / CLIPS[name]), *instruction]


def row(name: str, folder: Path) -> str:
    """One line of the table from a clip's three reports."""
    reports = {c: json.loads((folder / c / "report.json").read_text("utf-8")) for c in ("reconstruct", "drag")}
    drag, back = reports["drag"], reports["reconstruct"]
    before, after = (
        statistics.mean(v for v in drag[f"distance_{when}_px"] if v is not None) for when in ("before", "after")
    )
    return (
        f"| {name} | {drag['frames']} | {back['codec_psnr_db']:.1f} | {back['reconstruction_psnr_db']:.1f} | "
        f"{before:.1f} | {after:.1f} | {drag['outside_psnr_db']:.1f} | {drag['seconds']['total']:.0f} |"
    )


def main() -> int:
    """Run everything; the first failing command ends it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=(*CLIPS, "bunny"), default=[*CLIPS, "bunny"])
    parser.add_argument("options", nargs="*", help="after --: handed on to every command")
    options = parser.parse_args()
    lines = [
        "| clip | frames | codec, dB | inversion and back, dB | to target before, px | after, px | outside, dB | s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in options.only:
        for command in ("propagate", "reconstruct", "drag"):
            source = arguments_for(command, name, options.clips)
            code = command_line([command, *source, "--out", str(options.out / name / command), *options.options])
            if code:
                return code
        lines.append(row(name, options.out / name))
    (options.out / "results.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
