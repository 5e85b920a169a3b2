"""Makes the bundled model from nothing: `python -m training.train --work DIR --out FOLDER --minutes 80`.

One core is enough: the cache and the decoder are made in processes of their own beside the denoiser, and each
stage can be run alone. Any stage may be stopped and gone on with by `--resume`; where the work folder is lost,
`--start FOLDER --rate 0.7` begins from the weights of an exported model.
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
from pathlib import Path

import cv2
import torch

from .data import IMAGE_SHARDS, wait_for_shard, write_cache
from .decoder_training import train_decoder
from .denoiser_training import train_denoiser
from .export import export
from .pca import fit_pca, load_pca, pca_images, save_pca, to_float

STAGES = ("pca", "data", "codec", "denoiser", "export", "all")
_log = logging.getLogger(__name__)


def main(arguments: list[str] | None = None) -> None:
    args = _parser().parse_args(arguments)
    args.work.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(args.threads)
    torch.set_flush_denormal(True)
    {
        "pca": make_pca,
        "data": make_data,
        "codec": make_codec,
        "denoiser": make_denoiser,
        "export": lambda a: export(a.work, a.out),
        "all": make_all,
    }[args.stage](args)


def make_pca(args: argparse.Namespace) -> None:
    path = args.work / "pca.safetensors"
    if not path.exists():  # latents already cached would no longer fit a new one
        save_pca(fit_pca(to_float(pca_images())), path)


def make_data(args: argparse.Namespace) -> None:
    make_pca(args)
    write_cache(args.work / "cache", load_pca(args.work / "pca.safetensors"), args.images)


def make_codec(args: argparse.Namespace) -> None:
    wait_for_shard(args.work / "cache", IMAGE_SHARDS - 1)
    train_decoder(args.work, args.codec_minutes, args.resume, args.start, args.rate)


def make_denoiser(args: argparse.Namespace) -> None:
    wait_for_shard(args.work / "cache", 0)
    train_denoiser(
        args.work,
        args.minutes,
        args.resume,
        on_checkpoint=lambda: export(args.work, args.out),
        start=args.start,
        rate=args.rate,
    )


def make_all(args: argparse.Namespace) -> None:
    """Rendering, decoder and denoiser at the same time, then the last export."""
    make_pca(args)
    helpers = [_start(args, "data"), _start(args, "codec")]
    make_denoiser(args)
    for helper in helpers:
        if helper.wait() != 0:
            raise RuntimeError(f"{helper.args!r} failed")
    export(args.work, args.out)


def _start(args: argparse.Namespace, stage: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "training.train", "--stage", stage, "--work", str(args.work)]
    command += ["--out", str(args.out), "--images", str(args.images)]
    command += ["--codec-minutes", str(args.codec_minutes), "--threads", str(args.threads)]
    command += ["--rate", str(args.rate)] + (["--start", str(args.start)] if args.start else [])
    return subprocess.Popen(command + ["--resume"] * args.resume)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", choices=STAGES, default="all")
    parser.add_argument("--work", type=Path, required=True, help="checkpoints, cache, samples")
    parser.add_argument("--out", type=Path, required=True, help="diffusers folder, renewed at each checkpoint")
    parser.add_argument("--minutes", type=float, default=80, help="of denoiser training, in all")
    parser.add_argument("--codec-minutes", type=float, default=10, help="of decoder training, in all")
    parser.add_argument("--images", type=int, default=131_072, help="latents to cache")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoints in WORK")
    parser.add_argument("--start", type=Path, help="exported model (as OUT) to begin from, instead of random weights")
    parser.add_argument("--rate", type=float, default=1.0, help="times the usual learning rates")
    return parser


if __name__ == "__main__":
    main()
