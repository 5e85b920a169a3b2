"""The stage: from clicks, a painted or a given mask to the object in every frame of a clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from ..instruction.checks import clip_position
from ..instruction.object_hints import ObjectHints, Point
from ..instruction.value import DragInstruction
from ..media.clip import Clip, strip_of_clip
from ..media.strip import scaled_pictures
from ..progress import Progress, silent
from .carry import carry
from .colour import lab_of
from .edge import enlarged
from .given import checked_objects
from .key_mask import Marks, key_mask
from .motion import motion_odds
from .seeds import seed_of
from .trust import confidence
from .value import ObjectMasks, Segmenter

STAGE = "object"
_SIDE = 240
"""Shorter side of the working pictures, px: what all of this room's lengths are made for."""
_MOTION_ALONE, _MOTION_WITH_CLICKS = 1.0, 0.4
_MOTION_EVERY = 3
"""Motion is looked at in every third frame of the strip, which is what takes the time."""


@dataclass(frozen=True, eq=False)
class _Pictures:
    """Every frame of the strip, in working size; `scale` working px in a source px, along x and y."""

    labs: list[np.ndarray]
    greys: list[np.ndarray]
    scale: np.ndarray

    def place(self, point: Point) -> Point:
        """A source point in working px."""
        x, y = (np.asarray(point, float) + 0.5) * self.scale - 0.5
        return float(x), float(y)


def find_objects(
    clip: Clip,
    instruction: DragInstruction,
    *,
    given: Tensor | None = None,
    segmenter: Segmenter | None = None,
    progress: Progress = silent,
) -> ObjectMasks:
    """The object that an instruction drags, in every frame.

    Args:
        instruction: its handles and its hints, on its own frame.
        given: [H, W] or [N, H, W] bool or float, source px: one mask is carried through the clip, one a frame is
            taken as it is.
        segmenter: finds the key frame's mask in place of colours and motion (SAM).

    Raises:
        DragAVideoError: a given mask that does not fit, is empty, or covers everything.
    """
    count, size = len(clip.source), clip.geometry.source_size
    key = clip_position(instruction, clip)
    masks = None if given is None else checked_objects(given, count, size)
    if masks is not None and len(masks) == count and count > 1:
        return ObjectMasks(masks, torch.ones(count), key)
    strip = strip_of_clip(clip)
    at = strip.taken[key]
    pictures = _working(strip.pictures, size)
    if masks is not None:
        whole, small = masks[0].numpy(), _shrunk(masks[0].numpy(), pictures)
    elif segmenter is not None:
        whole = _segmented(clip, key, instruction, segmenter)
        small = _shrunk(whole, pictures)
    else:
        small = _found(pictures, at, instruction)
        whole = enlarged(small, clip.source[key].numpy())
    if count == 1:
        return ObjectMasks(torch.from_numpy(whole)[None], torch.ones(1) * bool(whole.any()), key)
    moving = range(0, len(pictures.labs), _MOTION_EVERY)
    done = 0

    def on_frame() -> None:
        nonlocal done
        done += 1
        progress(STAGE, done, len(pictures.labs) - 1)

    carried = carry(pictures.labs, pictures.greys, at, small, moving, on_frame)
    area = int(small.sum())
    out, sure = [], []
    for n, position in enumerate(strip.taken):
        out.append(whole if n == key else enlarged(carried[position].mask, clip.source[n].numpy()))
        sure.append(confidence(carried[position], area, abs(position - at)) if n != key else float(area > 0))
    return ObjectMasks(torch.from_numpy(np.stack(out)), torch.tensor(sure, dtype=torch.float32), key)


def key_object(picture: Tensor, handles: Sequence[Point], hints: ObjectHints) -> Tensor:
    """The object on a single picture, for a preview while one clicks: [H, W] bool.

    Args:
        picture: [H, W, 3] float 0-1; handles and hints in its px.
    """
    height, width = picture.shape[:2]
    pixels = (picture.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8)
    pictures = _working(pixels[None], (width, height))
    small = key_mask(pictures.labs[0], _marks(pictures, 0, handles, hints, None), None)
    return torch.from_numpy(enlarged(small, picture.detach().cpu().float().numpy()))


def _found(pictures: _Pictures, at: int, instruction: DragInstruction) -> np.ndarray:
    """The key frame's mask by colour and motion: each pair's object, and all that is marked, together."""
    lab, hints = pictures.labs[at], instruction.hints
    motion = motion_odds(pictures.labs, pictures.greys, at)
    handles = [pair.handle for pair in instruction.pairs]
    clicked = len(hints.on) + len(hints.off) + len(hints.strokes) > 0
    weight = _MOTION_WITH_CLICKS if clicked else _MOTION_ALONE
    if hints or len(handles) == 1:
        return key_mask(lab, _marks(pictures, at, handles, hints, motion), motion, weight)
    found = [key_mask(lab, _marks(pictures, at, [handle], hints, motion), motion, weight) for handle in handles]
    return np.asarray(np.any(found, 0))


def _marks(
    pictures: _Pictures, at: int, handles: Sequence[Point], hints: ObjectHints, motion: np.ndarray | None
) -> Marks:
    """Hints and handles in working px. Handles may be a little off the object; clicks are meant as they are."""
    shape = pictures.labs[at].shape[:2]
    small = hints.moved(pictures.place, float(pictures.scale.mean()))
    handles_there = [seed_of(pictures.labs[at], pictures.place(handle), motion) for handle in handles]
    painted = erased = None
    if small.strokes:
        painted, erased = np.zeros(shape, bool), np.zeros(shape, bool)
        for stroke in small.strokes:
            line = np.zeros(shape, np.uint8)
            points = np.rint(np.array(stroke.points) * 16).astype(np.int32)
            for start, end in zip(points, points[1:] if len(points) > 1 else points):
                thickness = max(1, round(2 * stroke.radius))
                cv2.line(line, start.tolist(), end.tolist(), 1, thickness, cv2.LINE_8, 4)
            painted, erased = (
                (painted | (line > 0), erased & (line == 0))
                if stroke.on
                else (painted & (line == 0), erased | (line > 0))
            )
    off = set(small.off)
    return Marks((*handles_there, *small.on), tuple(off), painted, erased, small.box)


def _working(pictures: Tensor, size: tuple[int, int]) -> _Pictures:
    """Pictures [M, h, w, 3] uint8 at the room's working size; `size` (W, H) is the source's."""
    scaled = scaled_pictures(pictures, _SIDE)
    labs = [lab_of(picture) for picture in scaled]
    greys = [np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)) for picture in scaled]
    return _Pictures(labs, greys, np.array([scaled.shape[2] / size[0], scaled.shape[1] / size[1]]))


def _shrunk(mask: np.ndarray, pictures: _Pictures) -> np.ndarray:
    height, width = pictures.labs[0].shape[:2]
    return np.asarray(cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA) >= 0.5)


def _segmented(clip: Clip, key: int, instruction: DragInstruction, segmenter: Segmenter) -> np.ndarray:
    clicks = [*(pair.handle for pair in instruction.pairs), *instruction.hints.on]
    return np.asarray(segmenter(clip.source[key].float().cpu(), torch.tensor(clicks)).cpu().numpy().astype(bool))
