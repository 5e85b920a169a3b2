"""What breaks: mutated texts, playlists, kills, full disks. `python dev.py bench reliability [--quick]`.

Writes results.json and results.md beside this file, or into --out. What was not run keeps its former figures.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import kills, playlists
from .texts import KINDS, fuzz

HERE = Path(__file__).resolve().parent
log = logging.getLogger(__name__)


def texts(count: int) -> dict[str, Any]:
    """`count` mutated texts: half of them instructions, the rest settings and tracks."""
    shares = dict(zip(KINDS, (count // 2, count // 4, count // 4)))
    found = [fuzz(kind, share) for kind, share in shares.items()]
    for one in found:
        for line in one.raw[:10]:
            log.info("raw: %s", line)
    return {
        "tried": sum(one.tried for one in found),
        "raw": sum(len(one.raw) for one in found),
        "hung": sum(one.hung for one in found),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python dev.py bench reliability", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the texts, four kills, no full disks")
    parser.add_argument("--only", nargs="*", choices=("inputs", "playlists", "kills", "disk"), help="only these")
    parser.add_argument("--kills", type=int, default=40, metavar="N", help="how many runs are killed (default 40)")
    parser.add_argument("--out", type=Path, default=HERE, metavar="DIR")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "inputs": lambda: texts(2_000 if options.quick else 20_000),
        "playlists": playlists.result,
        "kills": lambda: kills.kills(4 if options.quick else options.kills),
        "disk": kills.disk,
    }
    path = options.out / "results.json"
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    for name, run in parts.items():
        if (options.only and name not in options.only) or (options.quick and name == "disk"):
            continue
        log.info("--- %s", name)
        results[name] = run()
        log.info("%s", results[name])
        options.out.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        (options.out / "results.md").write_text(table(results), encoding="utf-8")
    return 0


def table(results: dict[str, Any]) -> str:
    """The results as a page."""
    lines = ["# What breaks", "", "`python dev.py bench reliability`; one row a kind of trouble.", ""]
    for name, values in results.items():
        lines += [f"| {name} | {' | '.join(values)} |", "|---|" + "---|" * len(values)]
        lines += [f"| | {' | '.join(map(str, values.values()))} |", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
