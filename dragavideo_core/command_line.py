"""The options of `python -m dragavideo_core`, and how they become values of the core."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .errors import DragAVideoError
from .presets import PRESETS
from .settings import Preset, override, read_preset
from .texts import decoded, shown

_DESCRIPTION = """\
Change the shape of an object in a whole clip by dragging points on one of its frames.

  python -m dragavideo_core drag --example creature --out output/creature
  python -m dragavideo_core propagate my.mp4 --instruction my.json --out output/check
  python -m dragavideo_core drag my.mp4 --instruction my.json --model v1-5-pruned-emaonly.safetensors --out output/my
"""
_JSON_BEGINS, _JSON_WORDS = tuple('{["-0123456789'), ("true", "false", "null", "NaN", "Infinity")
_EPILOG = """\
An instruction is a JSON file; points are pixels of the clip as it is in the file:
  {"version": 1, "size": [640, 360], "frame": 0,
   "pairs": [{"handle": [210, 140], "target": [250, 138]}],
   "mask_points": [[205, 130], [230, 140]], "pinned_points": [[120, 150]]}
"""


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="python -m dragavideo_core",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    about = {
        "drag": "edit the clip: edited.mp4, comparison.png, points.mp4, plot.png, report.json (and the tuned LoRA)",
        "propagate": "only show where the points go, in seconds: points.mp4, points.png, points.json, report.json",
        "reconstruct": "invert and denoise without a drag: reconstruction.mp4, comparison.png, report.json",
    }
    for name, text in about.items():
        command = commands.add_parser(
            name, help=text, description=text, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        _add_clip(command, instruction=name != "reconstruct")
        _add_model(command)
        if name == "drag":
            _add_drag(command)
    return parser


def _add_clip(command: argparse.ArgumentParser, instruction: bool) -> None:
    group = command.add_argument_group("clip")
    group.add_argument("clip", nargs="?", type=Path, help="a video, a folder of pictures, or one picture")
    group.add_argument("--example", metavar="NAME", help="a clip that comes with the pack: creature or bunny")
    group.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    group.add_argument("--every", type=int, metavar="N", help="take every N-th frame (default 3, as the paper)")
    group.add_argument("--limit", type=int, metavar="N", help="take at most N frames (default 16)")
    group.add_argument("--start", type=int, default=0, metavar="N", help="first frame to take (default 0)")
    group.add_argument(
        "--size", type=_size, metavar="S|WxH", help="working size in px: about S x S in the clip's shape, or W x H"
    )
    group.add_argument(
        "--fit", choices=("crop", "letterbox"), default="crop", help="how the clip fits the working size"
    )
    if instruction:
        group.add_argument("--instruction", type=Path, metavar="FILE", help="what to drag, a JSON file (see below)")
        group.add_argument("--mask", type=Path, metavar="FILE", help="picture, or clip beside it, white: may change")
        group.add_argument(
            "--object",
            type=Path,
            metavar="FILE",
            help="picture or clip of masks: what is dragged (default: it is found)",
        )
        group.add_argument("--sam", type=Path, metavar="FILE", help="Segment Anything weights, to find the object by")


def _add_model(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("model")
    group.add_argument(
        "--model", default="bundled", metavar="PATH", help="bundled (default), a SD1.5 .safetensors, a diffusers folder"
    )
    group.add_argument("--device", choices=("cpu", "cuda", "mps"), help="default: the best there is")
    group.add_argument("--dtype", choices=("fp32", "bf16", "fp16"), help="default: what suits the device")
    group.add_argument("--prompt", default="", metavar="TEXT", help="what the clip shows (may stay empty)")
    group.add_argument(
        "--preset",
        metavar="NAME|FILE",
        help=f"model (default: the model's own), {', '.join(PRESETS)}, or a JSON file of settings",
    )
    group.add_argument(
        "--set", action="append", default=[], dest="changes", metavar="KEY=VALUE",
        help='change one setting, e.g. drag.iterations=40 or "drag.steps=[10,5]"; may be repeated',
    )  # fmt: skip
    group.add_argument("--seed", type=int, metavar="N", help="seed of LoRA tuning, the only random stage (default 0)")


def _add_drag(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("drag")
    group.add_argument("--lora", type=Path, metavar="FILE", help="a LoRA tuned on this clip, in place of tuning one")
    group.add_argument("--iterations", type=int, metavar="N", help="same as --set drag.iterations=N")
    group.add_argument("--no-composite", action="store_true", help="give the decoded frames as they are")
    group.add_argument("--fresh", action="store_true", help="do not go on from stages kept in DIR/stages")


def chosen_preset(arguments: argparse.Namespace, own: Preset) -> Preset:
    """The model's own preset with what the options change.

    Raises:
        DragAVideoError: an unknown preset or setting, or a value that is no JSON.
    """
    name = arguments.preset or "model"
    if name == "model":
        preset = own
    elif name in PRESETS:
        preset = PRESETS[name]
    elif Path(name).is_file():
        preset = read_preset(Path(name))
    else:
        raise DragAVideoError(
            f"There is no preset '{name}'; choose model, {', '.join(PRESETS)}, or the path of a JSON file."
        )
    changes = list(arguments.changes)
    if arguments.seed is not None:
        changes.append(f"lora.seed={arguments.seed}")
    if getattr(arguments, "iterations", None) is not None:
        changes.append(f"drag.iterations={arguments.iterations}")
    if getattr(arguments, "no_composite", False):
        changes.append("decode.composite=false")
    for change in changes:
        # argparse makes an empty list of "--set=--".
        preset = override(preset, _nested(change if isinstance(change, str) else "--"))
    return preset


def _nested(change: str) -> dict[str, Any]:
    key, equals, text = change.partition("=")
    if not equals or not key:
        raise DragAVideoError(
            f"'--set {shown(change)[1:-1]}' is no KEY=VALUE; write for example --set drag.iterations=40."
        )
    value: Any = text
    if text[:1] in _JSON_BEGINS or text in _JSON_WORDS:
        name = f"The value of --set {shown(key)}"
        value = decoded(text, name, "write for example --set drag.iterations=40", literals=False)
    for part in reversed(key.split(".")):
        value = {part: value}
    return dict(value)


def _size(text: str) -> int | tuple[int, int]:
    try:
        numbers = [int(part) for part in text.lower().split("x")]
    except ValueError:
        numbers = []
    if len(numbers) == 1:
        return numbers[0]
    if len(numbers) == 2:
        return numbers[0], numbers[1]
    raise argparse.ArgumentTypeError(f"'{text}' is no size; write 512 or 640x360")
