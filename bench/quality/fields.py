"""How near a pixel warp by each displacement field comes to the renderer's true edit; needs no model.

    python -m bench.quality.fields --scenes 60

prints mean PSNR inside `edit_mask`, by part, direction and length of the drag. The region given to the fields is what a
person would brush (10 px round root, handle and target), except in "ideal mask"; the foreground is GrabCut's from one
click, except in "ideal fg" (the renderer's) and "no fg". "cells" is "fitted" by nearest sampling of 4 px cells.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dragavideo_core.drag.warm_start import displacement_field, warp_bilinear, warp_nearest
from dragavideo_core.propagation.point_sets import expand_points
from dragavideo_core.propagation.segmentation import grabcut_segmenter
from training.renderer import edit_mask, part_labels, part_positions, part_visible, render_frame
from training.scene import HELD_OUT_FROM, PartEdit, Scene, sample_scene
from training.skeleton import skeleton

log = logging.getLogger(__name__)

LENGTHS = {"nose": (5, 10, 15, 20), "ear": (5, 10, 15, 20), "tail": (5, 10, 15, 20), "front_foot": (5, 10)}
BRUSH_PX, CELL_PX, SET_SPACING_PX = 10, 4, 2.0


@dataclass(frozen=True)
class Case:
    """One drag of one frame; points [2] in px, frames [128, 128, 3] float."""

    key: tuple[str, str, int]
    frame: Tensor
    edited: Tensor
    root: np.ndarray
    handle: np.ndarray
    target: np.ndarray
    inside: Tensor
    objects: Tensor
    grabcut: Tensor


def cases(scenes: int, first: int = HELD_OUT_FROM) -> Iterator[Case]:
    """Drags whose target is in the picture and, inward, not beyond the part's root."""
    segment = grabcut_segmenter()
    for seed in range(first, first + scenes):
        scene = sample_scene(seed, frames=1)
        frame = torch.from_numpy(render_frame(scene, 0)).float() / 255
        objects = torch.from_numpy(part_labels(scene, 0) > 0)
        for part, lengths in LENGTHS.items():
            if not part_visible(scene, 0, part):
                continue
            handle, root = np.array(part_positions(scene, 0)[part]), _root(scene, part)
            extent = float(np.hypot(*(handle - root)))
            out = (handle - root) / extent
            found = segment(frame, torch.from_numpy(handle).float()[None])
            for direction, way in (("out", out), ("in", -out), ("side", np.array([-out[1], out[0]]))):
                for length in lengths:
                    # Both sides, in turn.
                    sign = -1 if direction == "side" and (seed + length // 5) % 2 else 1
                    drag = sign * length * way
                    target = handle + drag
                    if (direction == "in" and length > extent - 3) or not ((target > 4) & (target < 123)).all():
                        continue
                    edit = PartEdit(part, float(drag[0]), float(drag[1]))
                    edited = torch.from_numpy(render_frame(scene, 0, edit)).float() / 255
                    inside = torch.from_numpy(edit_mask(scene, 0, edit))
                    key = (part, direction, length)
                    yield Case(key, frame, edited, root, handle, target, inside, objects, found)


def _root(scene: Scene, part: str) -> np.ndarray:
    bones = skeleton(scene, 0)
    return {"nose": bones.head, "ear": bones.head, "tail": bones.tail_control}.get(part, bones.hips["front_foot"])


def brushed(case: Case) -> Tensor:
    """[H, W] float: strokes from near the part's root over its handle to the target."""
    canvas = np.zeros(case.inside.shape, np.uint8)
    start = case.root + 0.1 * (case.handle - case.root)
    stroke = np.rint(16 * np.stack([start, case.handle, case.target])).astype(np.int32)
    cv2.polylines(canvas, [stroke], True, 1, 2 * BRUSH_PX, shift=4)
    for point in stroke:
        cv2.circle(canvas, point.tolist(), 16 * BRUSH_PX, 1, -1, shift=4)
    return torch.from_numpy(canvas).float()


def results(case: Case) -> Iterator[tuple[str, Tensor]]:
    """(method, edited frame) of every method."""
    points = torch.from_numpy(np.stack([case.handle, case.target])).float()
    handles, targets = expand_points(points, 3, SET_SPACING_PX).unsqueeze(1)
    height, width = case.inside.shape
    field = partial(
        displacement_field, handles, targets, torch.ones(1, 9, dtype=torch.bool), pinned=torch.zeros(0, 2),
        size=(width, height),
    )  # fmt: skip
    region = brushed(case)
    fitted = field(editable=region, shape="fitted", foreground=case.grabcut)
    yield "copy", case.frame
    yield "round", warp_bilinear(case.frame, field(editable=region, shape="round"))
    yield "oval", warp_bilinear(case.frame, field(editable=region, shape="oval"))
    yield "no fg", warp_bilinear(case.frame, field(editable=region, shape="fitted"))
    yield "fitted", warp_bilinear(case.frame, fitted)
    yield "ideal fg", warp_bilinear(case.frame, field(editable=region, shape="fitted", foreground=case.objects))
    tight = field(editable=case.inside.float(), shape="fitted", foreground=case.grabcut)
    yield "ideal mask", warp_bilinear(case.frame, tight)
    for name, way in (("cells", fitted), ("id. cells", tight)):
        cells = F.pixel_unshuffle(case.frame.permute(2, 0, 1), CELL_PX)
        yield name, F.pixel_shuffle(warp_nearest(cells, way), CELL_PX).permute(1, 2, 0)


def psnr(result: Tensor, truth: Tensor, inside: Tensor) -> float:
    """dB over the pixels inside; at most 60."""
    return float(-10 * (result - truth)[inside].square().mean().clamp_min(1e-6).log10())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=60, help="held-out scenes (about 35 drags each)")
    parser.add_argument(
        "--first", type=int, default=HELD_OUT_FROM + 100, help="seed; 1000000-1000059 chose the constants"
    )
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    scores: dict[tuple[str, str, int], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for index, case in enumerate(cases(options.scenes, options.first)):
        for method, result in results(case):
            scores[case.key][method].append(psnr(result, case.edited, case.inside))
        if index % 200 == 199:
            log.info("%d drags", index + 1)
    methods = list(next(iter(scores.values())))
    sys.stdout.write(f"| drag | n | {' | '.join(methods)} |\n|{'---|' * (len(methods) + 2)}\n")
    groups = {" ".join(map(str, key)): [key] for key in sorted(scores)}
    for direction in ("out", "in", "side"):
        groups[f"all {direction}"] = [key for key in scores if key[1] == direction]
    for length in (5, 10, 15, 20):
        groups[f"all {length} px"] = [key for key in scores if key[2] == length]
    groups["all"] = list(scores)
    for name, keys in groups.items():
        found = [np.concatenate([scores[key][method] for key in keys]) for method in methods]
        row = " | ".join(f"{values.mean():.2f}" for values in found)
        sys.stdout.write(f"| {name} | {len(found[0])} | {row} |\n")


if __name__ == "__main__":
    main()
