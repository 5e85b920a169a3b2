"""Which points belong to the dragged object: SAM where its weights are there, GrabCut where not, or a given mask.

All three are a `Segmenter`: a function of one working frame and the clicked points that answers with the mask of the
objects under the clicks. `segment_anything` is imported only where SAM is asked for, because the package imports
torchvision, which the rest of the pack does not need.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch
from torch import Tensor

from ..errors import DragAVideoError

Segmenter = Callable[[Tensor, Tensor], Tensor]
"""(frame [H, W, 3] float 0-1, clicks [M, 2] working px (x, y)) -> objects under the clicks [H, W] bool, on the CPU."""

_SURE_REACH = 0.015
"""Radius of the disc round a click that is certainly object, as a share of the frame's shorter side."""
_LIKELY_REACH = 0.5
"""Farther from every click than this share of the shorter side, nothing is object at first."""
_RING = 0.1
"""Width of the ring along the frame's border whose colours are taken for background, as a share likewise."""
_RING_COLOURS = 8
_UNLIKE_BACKGROUND = 30.0
"""Distance (8-bit Lab) from every colour of the ring at which a pixel is first taken for object. Found on rendered
clips: nine set points round a click agree with the truth in 95 %; a plain disc as first guess gave 70 %."""
_GRABCUT_ITERATIONS = 5
_MASK_POINT_UNLIKE = 15.0
"""A mask point this far (8-bit Lab) from every colour of the ring is taken to lie on something."""
_WHOLE_OBJECT = 0.01
"""Share of the frame below which what was segmented is taken for a piece of the object."""
_AHEAD = 0.7
"""Cosine of the angle to the drag within which a mask point is taken to mark where the part is to go."""


def grabcut_segmenter() -> Segmenter:
    """GrabCut seeded from the clicks, for when there is no SAM.

    A small disc round each click is surely object. First guess: pixels within reach of a click whose colour is that of
    the discs or unlike the frame's border are object, the rest is background. Of the answer only what is connected to
    a click is kept, with its holes filled: what is enclosed (an eye) moves with the rest. Deterministic.
    """

    def segment(frame: Tensor, clicks: Tensor) -> Tensor:
        check_clicks(frame, clicks)
        rgb = to_uint8(frame)
        height, width = rgb.shape[:2]
        shorter = min(height, width)
        distance = _distance_to_clicks(clicks, height, width)
        sure = distance <= max(1.0, _SURE_REACH * shorter)
        likely = _unlike_border(rgb, sure, distance > _LIKELY_REACH * shorter / 2)
        labels = np.full((height, width), cv2.GC_PR_BGD, np.uint8)
        labels[likely & (distance <= _LIKELY_REACH * shorter)] = cv2.GC_PR_FGD
        labels[sure] = cv2.GC_FGD
        if (labels == cv2.GC_PR_BGD).sum() < 8:  # too few for a colour model of the background
            return torch.from_numpy(sure)
        cv2.setRNGSeed(0)  # its k-means draws random centres; the same clip must give the same sets
        models = np.zeros((1, 65)), np.zeros((1, 65))
        bgr = np.ascontiguousarray(rgb[..., ::-1])
        cv2.grabCut(bgr, labels, (0, 0, 1, 1), *models, _GRABCUT_ITERATIONS, cv2.GC_INIT_WITH_MASK)
        return torch.from_numpy(_filled(_connected_to(np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)), sure)))

    return segment


def mask_segmenter(mask: Tensor) -> Segmenter:
    """The object as the caller gives it.

    Args:
        mask: [H, W] bool, or float where >= 0.5 is object; the size of the working frame.

    Raises:
        DragAVideoError: not [H, W]; at use: another size than the frame.
    """
    if mask.ndim != 2:
        raise DragAVideoError(f"The object mask has shape {tuple(mask.shape)}; one mask [height, width] was expected.")
    given = (mask.detach().cpu() if mask.dtype == torch.bool else mask.detach().cpu() >= 0.5).clone()

    def segment(frame: Tensor, clicks: Tensor) -> Tensor:
        if given.shape != frame.shape[:2]:
            raise DragAVideoError(
                f"The object mask is {given.shape[1]}x{given.shape[0]} but the working frame is "
                f"{frame.shape[1]}x{frame.shape[0]}; resize the mask to the frame."
            )
        return given.clone()

    return segment


def foreground_of(mask: Tensor, points: Tensor) -> Tensor:
    """Which points lie in the mask, by the pixel each falls on.

    Args:
        mask: [H, W] bool.
        points: [..., 2] px of the mask; points outside the picture are not foreground.

    Returns:
        [...] bool.
    """
    height, width = mask.shape
    x, y = points.round().long().unbind(-1)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return inside & mask[y.clamp(0, height - 1), x.clamp(0, width - 1)]


def is_too_small(mask: Tensor) -> bool:
    """Whether a segmentation [H, W] bool holds less than a hundredth of the frame: a nose, not the animal."""
    return float(mask.float().mean()) < _WHOLE_OBJECT


def check_clicks(frame: Tensor, clicks: Tensor) -> None:
    """Refuse clicks [M, 2] (px) that are none, or beside the frame [H, W, 3]; raises DragAVideoError."""
    height, width = frame.shape[:2]
    if clicks.ndim != 2 or clicks.shape[0] == 0:
        raise DragAVideoError(f"At least one click [M, 2] was expected, not shape {tuple(clicks.shape)}.")
    limits = clicks.new_tensor([width, height]) - 0.5
    if not bool(((clicks >= -0.5) & (clicks <= limits)).all()):
        raise DragAVideoError(
            f"A click lies outside the {width}x{height} frame: {clicks.tolist()}; click on the object."
        )


def to_uint8(frame: Tensor) -> np.ndarray:
    """A frame [H, W, 3] float 0-1 as uint8 0-255."""
    return (frame.detach().cpu().float().clamp(0, 1) * 255).round().to(torch.uint8).contiguous().numpy()


def _distance_to_clicks(clicks: Tensor, height: int, width: int) -> np.ndarray:
    """[H, W] distance of each pixel to the nearest click, px."""
    y, x = np.mgrid[:height, :width]
    points = clicks.detach().cpu().double().numpy()
    return np.min([np.hypot(x - px, y - py) for px, py in points], axis=0)


def _unlike_border(rgb: np.ndarray, sure: np.ndarray, far: np.ndarray) -> np.ndarray:
    """[H, W] bool: colour nearer to the sure object than to the frame's border, or far from all of the border's.

    Args:
        rgb: [H, W, 3] uint8.
        sure: [H, W] pixels that are object.
        far: [H, W] pixels far enough from the clicks to stand for the background, where they lie at the border.
    """
    to_ring, ring = _distance_to_ring(rgb, far), _ring(sure.shape)
    if to_ring is None:
        return ~ring
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB).astype(np.float32)
    to_object = _distance_to_colours(lab, lab[sure], 2)
    return ~ring & ((to_object < to_ring) | (to_ring > _UNLIKE_BACKGROUND))


def _ring(shape: tuple[int, ...]) -> np.ndarray:
    """[H, W] bool: the ring along the frame's border."""
    width = max(1, round(_RING * min(shape)))
    ring = np.ones(shape, bool)
    ring[width:-width, width:-width] = False
    return ring


def _distance_to_ring(rgb: np.ndarray, far: np.ndarray) -> np.ndarray | None:
    """[H, W] distance of each pixel (8-bit Lab) to the nearest of the ring's colours, where `far`; None without any."""
    ring = _ring(far.shape) & far
    if not ring.any():
        return None
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB).astype(np.float32)
    return _distance_to_colours(lab, lab[ring], _RING_COLOURS)


def _distance_to_colours(lab: np.ndarray, samples: np.ndarray, count: int) -> np.ndarray:
    """[H, W] distance of each pixel to the nearest of the `count` colours that stand for `samples` [n, 3]."""
    cv2.setRNGSeed(0)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 1.0)
    start = np.zeros((len(samples), 1), np.int32)
    _, _, centres = cv2.kmeans(samples, min(count, len(samples)), start, criteria, 2, cv2.KMEANS_PP_CENTERS)
    return np.min([np.linalg.norm(lab - centre, axis=-1) for centre in centres], axis=0)


def _connected_to(mask: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """The connected parts of `mask` (8 neighbours) that hold a seed, and the seeds."""
    _, labels = cv2.connectedComponents((mask | seeds).astype(np.uint8), connectivity=8)
    return np.isin(labels, np.unique(labels[seeds]))


def _filled(mask: np.ndarray) -> np.ndarray:
    """`mask` with every hole that does not reach the picture's edge (4 neighbours)."""
    _, labels = cv2.connectedComponents(np.pad(~mask, 1, constant_values=True).astype(np.uint8), connectivity=4)
    return np.asarray(labels[1:-1, 1:-1] != labels[0, 0])


def marks_object(
    frame: Tensor, handles: Tensor, targets: Tensor, mask_points: Tensor, even_ahead: bool = False
) -> Tensor:
    """Which mask points lie on the dragged object, so that the segmenter can start from them, too.

    A mask point says where the picture may change, on the object or beside it. Beside it are those ahead of their
    handle, where the part is to go, and those that look like the frame's border.

    Args:
        frame: [H, W, 3], 0-1.
        handles, targets: [P, 2] px of the frame.
        mask_points: [M, 2].
        even_ahead: what is ahead counts as well: a part that is dragged inward has the object there.

    Returns:
        [M] bool.
    """
    rgb = to_uint8(frame)
    height, width = rgb.shape[:2]
    far = _distance_to_clicks(handles, height, width) > _LIKELY_REACH * min(height, width) / 2
    to_ring = _distance_to_ring(rgb, far)
    if to_ring is None or not len(mask_points):
        return torch.zeros(len(mask_points), dtype=torch.bool)
    nearest = (mask_points[:, None] - handles).norm(dim=-1).argmin(1)
    away, drag = mask_points - handles[nearest], (targets - handles)[nearest]
    ahead = (away * drag).sum(-1) > _AHEAD * away.norm(dim=-1) * drag.norm(dim=-1)
    unlike = foreground_of(torch.from_numpy(to_ring > _MASK_POINT_UNLIKE), mask_points)
    return unlike if even_ahead else unlike & ~ahead.cpu()
