"""True edits of real clips: the part of the true object stretched along the drag in every frame.

Wanted is a folder of clips with truth, each `NAME/frames` (pictures), `NAME/masks` (the object, one picture a frame)
and drags as instructions `NAME/*.json`. In every frame the object's pixels between the part's root and its tip are
stretched along the drag, those beyond the tip moved by it, and laid over the background, whose uncovered pixels are
filled from beside. The root is the middle of the mask points behind the handle, and both follow the object's own flow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from dragavideo_core.instruction.parsing import load_instruction
from dragavideo_core.instruction.value import DragInstruction
from dragavideo_core.media.clip import Clip, load_clip
from dragavideo_core.media.flow import dis_flow

EVERY, LIMIT = 3, 12
_NEAR_PX = 12.0
_DIFFERS = 2 / 255
_MARGIN_PX = 2
_EDGE_PX = 0.6
_HOLE_PX = 3


@dataclass(frozen=True, eq=False)
class RealDrag:
    """A drag of a real clip whose object is known; N taken frames."""

    name: str
    clip: Clip
    instruction: DragInstruction
    objects: Tensor
    """[N, Hs, Ws] bool: the true object."""


@dataclass(frozen=True, eq=False)
class TrueEdit:
    """What a drag should make of it."""

    frames: Tensor
    """[N, Hs, Ws, 3], 0-1."""
    differs: Tensor
    """[N, Hs, Ws] bool: where it is not the input, and 2 px round it."""


def real_drags(folder: Path, size: int, limit: int = LIMIT) -> Iterator[RealDrag]:
    """Every drag of every clip with masks in a folder, every third frame from about the drag's own on."""
    for path in sorted(folder.glob("*/*.json")):
        frames, masks = path.parent / "frames", path.parent / "masks"
        if path.stem == "joints" or not (frames.is_dir() and masks.is_dir()):
            continue
        instruction = load_instruction(path)
        clip = load_clip(frames, size=size, every=EVERY, limit=limit, start=instruction.frame % EVERY)
        files = sorted(masks.glob("*.png"))
        yield RealDrag(path.stem, clip, instruction, torch.stack([_mask(files[i]) for i in clip.frame_indices]))


def _mask(path: Path) -> Tensor:
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise ValueError(f"{path} is no picture.")
    return torch.from_numpy(picture > 0)


def true_edit(drag: RealDrag, frames: int = 4) -> TrueEdit:
    """The true edit of the first taken frames.

    Raises:
        ValueError: no mask point lies behind the handle, so that nobody knows where the part begins.
    """
    pair = drag.instruction.pairs[0]
    handle, way = np.array(pair.handle), np.array(pair.target) - np.array(pair.handle)
    along = way / np.hypot(*way)
    reach = _reach(drag.instruction, handle, along)
    if reach is None:
        raise ValueError(f"{drag.name} has no mask point straight behind its handle: where does the part begin?")
    indices = list(drag.clip.frame_indices)
    key = int(np.argmin(np.abs(np.array(indices) - drag.instruction.frame)))
    places = _followed(drag, handle, key)[:frames]
    edited = []
    for source, mask, place in zip(drag.clip.source.numpy(), drag.objects.numpy(), places):
        edited.append(stretched(source, mask, place - reach * along, along, reach, float(np.hypot(*way))))
    result = torch.from_numpy(np.stack(edited))
    differs = ((result - drag.clip.source[:frames]).abs().amax(-1) > _DIFFERS).numpy().astype(np.uint8)
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _MARGIN_PX + 1, 2 * _MARGIN_PX + 1))
    return TrueEdit(result, torch.from_numpy(np.stack([cv2.dilate(one, around) for one in differs]) > 0))


def _reach(instruction: DragInstruction, handle: np.ndarray, along: np.ndarray) -> float | None:
    """How far behind the handle the part begins, px: the mean of the mask points there, if they lie along the drag."""
    back = handle - np.array(instruction.mask_points, float).reshape(-1, 2)
    ahead, beside = back @ along, np.abs(back @ np.array([-along[1], along[0]]))
    behind = ahead > 1
    if not behind.any() or beside[behind].mean() > ahead[behind].mean():
        return None
    return float(ahead[behind].mean())


def _followed(drag: RealDrag, handle: np.ndarray, key: int) -> np.ndarray:
    """[N, 2]: the handle carried from the key frame by the median flow of the object's pixels round it."""
    source, masks = drag.clip.source.numpy(), drag.objects.numpy()
    places = np.zeros((len(source), 2))
    places[key] = handle
    for step, order in ((1, range(key + 1, len(source))), (-1, range(key - 1, -1, -1))):
        for n in order:
            before = places[n - step]
            flow = dis_flow(source[n - step], source[n])
            rows, columns = np.nonzero(masks[n - step])
            near = np.hypot(columns - before[0], rows - before[1]) <= _NEAR_PX
            shift = np.median(flow[rows[near], columns[near]], 0) if near.any() else np.zeros(2)
            places[n] = before + shift
    return places


def stretched(
    frame: np.ndarray, mask: np.ndarray, root: np.ndarray, along: np.ndarray, reach: float, length: float
) -> np.ndarray:
    """A frame [H, W, 3] whose object [H, W] is longer by `length` px from `root` on.

    Args:
        along: [2] unit vector of the drag.
        reach: from the root to the tip, px.
    """
    height, width = mask.shape
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    ahead = (columns - root[0]) * along[0] + (rows - root[1]) * along[1]
    tip = root + reach * along
    _, labels = cv2.connectedComponents((mask & (ahead > 0)).astype(np.uint8))
    distance = np.where(labels > 0, np.hypot(columns - tip[0], rows - tip[1]), np.inf)
    part = labels == labels.flat[int(distance.argmin())] if np.isfinite(distance).any() else mask & False
    source = np.where(ahead < reach + length, ahead * reach / (reach + length), ahead - length)
    shift = np.where(ahead > 0, source - ahead, 0).astype(np.float32)
    at_x = (columns + shift * along[0]).astype(np.float32)
    at_y = (rows + shift * along[1]).astype(np.float32)
    # The part's own edge is soft, the line where it begins is none.
    soft = cv2.GaussianBlur((part | (mask & (ahead <= 0))).astype(np.float32), (0, 0), _EDGE_PX)
    alpha = cv2.remap(soft, at_x, at_y, cv2.INTER_LINEAR)[..., None] * (ahead > 0)[..., None]
    moved = cv2.remap(frame, at_x, at_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    bare = part & (alpha[..., 0] < 0.5)
    hole = cv2.dilate(bare.astype(np.uint8), np.ones((_HOLE_PX, _HOLE_PX), np.uint8)) * (ahead > 0).astype(np.uint8)
    hidden = cv2.dilate(mask.astype(np.uint8), np.ones((_HOLE_PX, _HOLE_PX), np.uint8))
    plate = frame
    if hole.any():
        levels = np.clip(np.rint(frame * 255), 0, 255).astype(np.uint8)
        filled = cv2.inpaint(levels, hidden, 4, cv2.INPAINT_TELEA).astype(np.float32) / 255
        plate = np.where(hole[..., None] > 0, filled, frame)
    return np.asarray(np.clip(plate * (1 - alpha) + moved * alpha, 0, 1), np.float32)
