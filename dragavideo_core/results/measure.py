"""How good an edit is: distances of the dragged parts, fidelity outside the mask, smoothness over time.

All of it works on pixels and knows neither the network's features nor the optimiser's tracker, so it cannot share
their mistakes. Frames are [N, H, W, 3] fp32, 0-1; points are (x, y) in px of the frames they are given with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from ..errors import DragAVideoError
from ..media.flow import dis_flow

_TWIN_SHARE = 0.5


def psnr(first: Tensor, second: Tensor, mask: Tensor | None = None) -> float | None:
    """Peak signal-to-noise ratio in dB, pooled over all pixels (of the mask).

    Args:
        first, second: [..., H, W, 3], 0-1, of one shape.
        mask: [..., H, W] bool: the pixels that count; all where None.

    Returns:
        dB; `math.inf` for equal pixels; None when the mask holds no pixel.
    """
    if first.shape != second.shape or (mask is not None and mask.shape != first.shape[:-1]):
        shapes = [list(t.shape) for t in (first, second, mask) if t is not None]
        raise DragAVideoError(f"Frames and mask to compare differ in shape: {', '.join(map(str, shapes))}.")
    squares = (first.double() - second.double()).square()
    if mask is not None:
        squares = squares[mask.bool()]
    if squares.numel() == 0:
        return None
    error = squares.mean().item()
    return math.inf if error == 0 else -10 * math.log10(error)


def outside_psnr(frames: Tensor, edited: Tensor, masks: Tensor) -> float | None:
    """PSNR of the edited frames to the input where nothing should change. Measure before compositing.

    Args:
        frames, edited: [N, H, W, 3].
        masks: [N, H, W] bool, same size: the region that may change (working masks for working frames).

    Returns:
        dB, or None when the masks leave nothing outside.
    """
    return psnr(frames, edited, ~masks.bool())


def temporal_smoothness(source: Tensor, edited: Tensor) -> float | None:
    """The paper's smoothness (Appendix A), in px; lower is smoother.

    For frame i, flow to i-1 and i+1 gives each pixel two correspondences; its distance to the segment between them
    says how far its motion is from a straight line. Pixels whose distance in the edited clip is smaller than in the
    input are left out, and the edited clip's distances at all others are averaged over pixels and frames. The paper's
    flow is RAFT's, this one DIS, so figures compare among each other, not with the paper's.

    Args:
        source, edited: [N, H, W, 3].

    Returns:
        The mean, or None for fewer than three frames.
    """
    found = smoothness_of_both(source, edited)
    return None if found is None else found[1]


def smoothness_of_both(source: Tensor, edited: Tensor) -> tuple[float, float] | None:
    """`temporal_smoothness` of (the source against itself, the edited clip), without taking its flow twice."""
    if source.shape != edited.shape:
        raise DragAVideoError(f"Clips to compare differ in shape: {list(source.shape)} and {list(edited.shape)}.")
    if len(source) < 3:
        return None
    totals, counts = [0.0, 0.0], [0, 0]
    for i in range(1, len(source) - 1):
        before, after = (_bend(clip[i - 1 : i + 2].cpu().float().numpy()) for clip in (source, edited))
        for which, kept in enumerate((before, after[after >= before])):
            totals[which] += float(kept.sum(dtype=np.float64))
            counts[which] += kept.size
    own, made = (total / count if count else 0.0 for total, count in zip(totals, counts))
    return own, made


def _bend(three: np.ndarray) -> np.ndarray:
    """Distance [H, W] of each pixel of the middle frame to the segment between its places in the others."""
    before, after = dis_flow(three[1], three[0]), dis_flow(three[1], three[2])
    return segment_distance(before, after)


def segment_distance(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Distance [...] of the origin to the segments from `start` to `end`, both [..., 2]."""
    way = end - start
    length = (way**2).sum(-1)
    share = np.clip(-(start * way).sum(-1) / np.maximum(length, 1e-12), 0, 1)
    return np.asarray(np.linalg.norm(start + share[..., None] * way, axis=-1))


def set_centres(points: Tensor) -> Tensor:
    """The handle itself out of each square set: [..., S, 2] -> [..., 2] (or [..., S] bool -> [...] with `visible`)."""
    axis = -2 if points.is_floating_point() else -1
    return points.select(axis, points.shape[axis] // 2)


@dataclass(frozen=True)
class DragDistances:
    """Mean distance of the dragged parts to their targets, one per frame, in px of the frames measured.

    A frame where no handle is visible has NaN.
    """

    positions: Tensor
    """[N, P, 2]: where each part was found in the edited frames."""
    before_px: tuple[float, ...]
    after_px: tuple[float, ...]


def drag_distances(handles: Tensor, targets: Tensor, found: Tensor, visible: Tensor | None = None) -> DragDistances:
    """Distances to the targets before (handle) and after (where the part was found), visible pairs only.

    Args:
        handles, targets, found: [N, P, 2], px.
        visible: [N, P] bool; all where None. A part that was not found (NaN) counts as not moved.
    """
    shown = torch.ones(handles.shape[:2], dtype=torch.bool) if visible is None else visible.bool()
    missing = found.isnan().any(-1, keepdim=True)
    places = torch.where(missing, handles.to(found), found)
    before, after = ((targets - at).norm(dim=-1) for at in (handles, places))
    return DragDistances(places, *(_frame_means(distance, shown) for distance in (before, after)))


def _frame_means(distance: Tensor, shown: Tensor) -> tuple[float, ...]:
    return tuple(_mean(row[keep].tolist()) for row, keep in zip(distance, shown))


def _mean(values: tuple[float, ...] | list[float]) -> float:
    kept = [value for value in values if not math.isnan(value)]
    return sum(kept) / len(kept) if kept else math.nan


def locate_handles(
    source: Tensor,
    edited: Tensor,
    handles: Tensor,
    targets: Tensor,
    *,
    patch_px: tuple[int, ...] | None = None,
    margin_px: float | None = None,
) -> Tensor:
    """Where the patch round each handle went, found by matching pixels: the independent judge of a drag.

    The source patch is compared at every place near the handle->target way; correlation (form) and squared
    difference (colour) of several patch sizes are added up, and the best place refined by a parabola. Inside a plain
    part larger than the largest patch all places are alike and the one nearest the handle wins: click edges and tips.

    Args:
        source, edited: [N, H, W, 3].
        handles, targets: [N, P, 2].
        patch_px: odd sides of the patches; by default about 1/26, 1/18 and 1/14 of the frame's shorter side.
        margin_px: how far beyond the way is searched; by default 1/12 of the shorter side.

    Returns:
        [N, P, 2] fp32.
    """
    shorter = min(source.shape[1:3])
    sides = patch_px or tuple(max(3, round(shorter / share) | 1) for share in (26, 18, 14))
    margin = shorter / 12 if margin_px is None else margin_px
    places = torch.empty(handles.shape, dtype=torch.float32)
    for i, (frame, result) in enumerate(zip(source.cpu().float().numpy(), edited.cpu().float().numpy())):
        for k in range(handles.shape[1]):
            handle, target = (points[i, k].cpu().numpy().astype(float) for points in (handles, targets))
            places[i, k] = torch.tensor(_match(frame, result, handle, target, sides, margin))
    return places


def _match(
    frame: np.ndarray, edited: np.ndarray, handle: np.ndarray, target: np.ndarray, sides: tuple[int, ...], margin: float
) -> tuple[float, float]:
    last = np.array(edited.shape[1::-1]) - 1
    low = np.clip(np.floor(np.minimum(handle, target) - margin), 0, last).astype(int)
    high = np.clip(np.ceil(np.maximum(handle, target) + margin), 0, last).astype(int)
    score, before = (_scores(frame, picture, handle, low, high, sides) for picture in (edited, frame))
    rows, columns = np.mgrid[low[1] : high[1] + 1, low[0] : high[0] + 1]
    distance = np.hypot(columns - handle[0], rows - handle[1])
    # What looked alike elsewhere before the drag (the other ear) is no proof of motion.
    score -= _TWIN_SHARE * before.clip(0) * (distance > max(sides) / 2)
    # Between equal places the nearer one: what has not changed has not moved.
    score -= 1e-4 * distance
    row, column = np.unravel_index(int(score.argmax()), score.shape)
    return low[0] + column + _vertex(score[row], column), low[1] + row + _vertex(score[:, column], row)


def _scores(
    frame: np.ndarray,
    picture: np.ndarray,
    handle: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    sides: tuple[int, ...],
) -> np.ndarray:
    """How like the frame's patch round the handle the picture is at each px from `low` to `high` (x, y), inclusive."""
    pad = max(sides) // 2
    padded = cv2.copyMakeBorder(picture, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    width, height = high - low + 1
    score = np.zeros((height, width), np.float64)
    for side in sides:
        half = side // 2
        patch = cv2.getRectSubPix(frame, (side, side), (float(handle[0]), float(handle[1])))
        left, top = low + pad - half
        area = padded[top : top + height + 2 * half, left : left + width + 2 * half]
        # Both terms are about 1 for a stranger's patch; the noise floor keeps flat patches from deciding anything.
        spread = float(patch.var(axis=(0, 1)).sum()) + 3 * 0.03**2
        difference = cv2.matchTemplate(area, patch, cv2.TM_SQDIFF) / (side * side * spread)
        score += cv2.matchTemplate(area, patch, cv2.TM_CCOEFF_NORMED) - difference
    return score


def _vertex(values: np.ndarray, at: np.intp | int) -> float:
    """Sub-pixel shift of the maximum of a parabola through a peak and its neighbours; 0 at the ends."""
    if not 0 < at < len(values) - 1:
        return 0.0
    before, peak, after = (float(v) for v in values[at - 1 : at + 2])
    bow = before - 2 * peak + after
    return 0.5 * (before - after) / bow if bow < 0 else 0.0


def locate_colour(
    frames: Tensor, colour: tuple[float, float, float], near: Tensor, radius_px: float, tolerance: float = 0.3
) -> Tensor:
    """Centre of gravity of the pixels of a colour, for rendered clips whose part has a colour of its own.

    Args:
        frames: [N, H, W, 3].
        colour: (r, g, b), 0-1.
        near: [N, 2]: only pixels within `radius_px` of this count.
        tolerance: distance in RGB at which a pixel's weight has fallen to 0.

    Returns:
        [N, 2] fp32; NaN where there is no such pixel.
    """
    _, height, width, _ = frames.shape
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    grid = torch.stack([columns, rows], -1).float()
    weight = (1 - (frames.float() - torch.tensor(colour)).norm(dim=-1) / tolerance).clamp_min(0)
    weight = weight * ((grid - near.float()[:, None, None]).norm(dim=-1) <= radius_px)
    return (weight[..., None] * grid).sum((1, 2)) / weight.sum((1, 2))[:, None]
