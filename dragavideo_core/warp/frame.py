"""The warp of one frame: part, pose, repair, layer, background. Everything happens in a crop round the drag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from ..media.shapes import depth_of, distance_to, grown, smooth_step, spread_from
from .crop import Crop, crop_of
from .free_field import free_pose
from .layer import filled, matte
from .mesh import Mesh, least_turn, mesh_of, with_rim
from .part import Root, find_part
from .pose import Pose, Pull, corner_means, deepened, posed, rest_corners
from .raster import inverse_map
from .rigid import repaired

_PIN = 3 / 128
_STILL = 0.02
_MOVED = 0.25
LADDER = (
    (1.0, 1.0, None, 12), (1.6, 1.0, 0.5, 25), (2.5, 1.0, 1.0, 40), (2.5, 0.85, 1.0, 40), (2.5, 0.7, 1.0, 40),
    (2.5, 0.55, 1.0, 40), (2.5, 0.4, 1.0, 40), (2.5, 0.25, 1.0, 40),
)  # fmt: skip
"""(how much wider roots bend, share of the drag, stiffness of the roots, rounds): tried until nothing folds."""


@dataclass(frozen=True, eq=False)
class WarpedFrame:
    """One warped frame at source size; see `clip.WarpedClip` for the fields."""

    picture: np.ndarray
    place: np.ndarray
    layer: np.ndarray
    uncovered: np.ndarray
    share: float
    folded: float
    level: int


def warp_part(
    picture: np.ndarray,
    mask: np.ndarray,
    handles: np.ndarray,
    targets: np.ndarray,
    pins: np.ndarray,
    region: np.ndarray | None = None,
    agreed: Sequence[Root | None] | None = None,
    level: int = 0,
) -> WarpedFrame | None:
    """Warp one frame: the part of an object on a layer of its own.

    Args:
        picture: [H, W, 3] float32 0-1.
        mask: [H, W] bool, the object.
        handles, targets: [P, 2] source px, P >= 1.
        pins: [Q, 2] source px.
        region: [H, W] bool, outside which nothing may move; only where a person painted it.
        agreed: for each pair the root of the whole clip, where frames agreed on one.
        level: of the ladder, from which to begin.

    Returns:
        None where no handle lies on the object, or nothing of it may move.
    """
    crop = crop_of(handles, targets, picture.shape[:2], free=False)
    inner = crop.cut(mask.astype(np.uint8)) > 0
    height, width = crop.solved
    small = cv2.resize(inner.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA) > 0.4
    allowed = np.ones((height, width), bool)
    if region is not None:
        painted = crop.cut(region.astype(np.float32))
        allowed = cv2.resize(painted, (width, height), interpolation=cv2.INTER_AREA) > 0.5
    starts, ends, held = crop.solve(handles), crop.solve(targets), list(crop.solve(pins))
    pin_radius = max(1.5, _PIN * max(picture.shape[:2]) * crop.scale)
    for step in range(level, len(LADDER)):
        soften, share, hinge, rounds = LADDER[step]
        pulls = pulls_of(small, starts, starts + share * (ends - starts), crop.scale, agreed)
        if not pulls:
            return None
        pose = posed((height, width), pulls, held, soften)
        pose = replace(pose, free=pose.free & allowed, fixed=pose.fixed | (pose.free & ~allowed))
        if not pose.free.any():
            return None
        mesh = mesh_of(pose, held, pin_radius)
        stiffness = mesh.stiffness if hinge is None else np.where(mesh.stiffness < 1, hinge, 1.0)
        mesh = repaired(mesh, pulls, rounds, stiffness)
        if least_turn(mesh) > 1e-3:
            break
    return _laid(picture, crop, inner, mesh, pose.fixed, share, step)


def pulls_of(
    mask: np.ndarray,
    handles: np.ndarray,
    targets: np.ndarray,
    scale: float,
    agreed: Sequence[Root | None] | None,
) -> list[Pull]:
    """A pull for each pair that has a part of the object; all in solved px but `agreed`, which is in source px."""
    pulls = []
    for n, (handle, target) in enumerate(zip(handles, targets)):
        length = float(np.hypot(*(target - handle)))
        common = None if agreed is None else agreed[n]
        root = None if common is None else Root(common.found, common.distance * scale, common.half_width * scale)
        part = None if length < 1e-6 else find_part(mask, handle, length, root)
        if part is not None:
            pulls.append(deepened(Pull(handle, target, part), length))
    return pulls


def after(first: WarpedFrame, second: WarpedFrame) -> WarpedFrame:
    """Two warps as one: `second` was made of the picture that `first` gave."""
    at = second.place.astype(np.float32)
    place = cv2.remap(first.place, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    uncovered = second.uncovered | (first.uncovered & (second.layer < 0.5))
    layer = np.maximum(second.layer, np.where(second.layer > 0, 0, first.layer))
    share, folded = min(first.share, second.share), max(first.folded, second.folded)
    return WarpedFrame(second.picture, place, layer, uncovered, share, folded, second.level)


def _laid(
    picture: np.ndarray, crop: Crop, mask: np.ndarray, mesh: Mesh, fixed: np.ndarray, share: float, level: int
) -> WarpedFrame:
    """The mesh drawn as a layer over the picture with the part taken out."""
    inner = crop.cut(picture)
    shape, longer = mask.shape, max(picture.shape[:2])
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    places = inverse_map(with_rim(mesh, crop.solved), crop.factors, shape)
    landed = np.isfinite(places[..., 0])
    from_x, from_y = (np.where(landed, places[..., axis], -9).astype(np.float32) for axis in (0, 1))
    opacity, colours = matte(inner, mask)
    moving = np.zeros(crop.solved, bool)
    moving[tuple(mesh.cells.T)] = True
    own = np.ones(shape, bool)
    if (fixed & ~moving).any():  # where the part meets the rest of the object, each has its own side
        own = _enlarged(distance_to(moving) <= distance_to(fixed & ~moving), shape)
    part = own & mask
    layer = cv2.remap((opacity * own).astype(np.float32), from_x, from_y, cv2.INTER_LINEAR, borderValue=0) * landed
    moved = cv2.remap(colours, from_x, from_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    left = _enlarged(_left_cells(mesh, crop), shape) & part
    rim = max(1, round(0.004 * longer))
    stays = mask & ~part
    hole = grown(left, rim) & (own | ~mask) & ~stays
    if (fixed & ~moving).any():
        hole &= own | (distance_to(stays) > rim)
    hole |= left
    base = filled(inner, hole, grown(mask, rim))
    layer = layer.astype(np.float32)
    out = base * (1 - layer[..., None]) + np.clip(moved, 0, 1) * layer[..., None]
    still = landed & (np.hypot(from_x - columns, from_y - rows) < _STILL) & ~hole
    out = np.where(still[..., None], inner, out).astype(np.float32)
    identity = np.stack([columns, rows], -1)
    way = np.where((landed & ~still & (layer > 0.5))[..., None], places, identity)
    layer = np.where(still, 0, layer)
    return _whole(picture, crop, out, way, layer, hole & (layer < 0.5), share, _folds(mesh), level)


def warp_free(
    picture: np.ndarray, handles: np.ndarray, targets: np.ndarray, pins: np.ndarray, region: np.ndarray | None = None
) -> WarpedFrame:
    """Warp one frame with no object cut out: the picture itself is drawn along. Arguments as in `warp_part`."""
    crop = crop_of(handles, targets, picture.shape[:2], free=True)
    shape, longer = crop.solved, max(picture.shape[:2]) * crop.scale
    starts, ends = crop.solve(handles), crop.solve(targets)
    mesh, share = None, 1.0
    for share in (1.0, 0.85, 0.7, 0.55, 0.4, 0.25):  # several drags against each other may still fold
        pose = free_pose(shape, list(starts), list(starts + share * (ends - starts)), longer)
        if region is not None:
            pose = _faded(pose, crop, region, float(np.hypot(*(ends - starts).T).max()))
        mesh = mesh_of(pose, list(crop.solve(pins)), max(1.5, _PIN * longer))
        if least_turn(mesh) > 1e-3:
            break
    assert mesh is not None
    rows, columns = np.mgrid[: crop.height, : crop.width].astype(np.float32)
    identity = np.stack([columns, rows], -1)
    places = inverse_map(mesh, crop.factors, (crop.height, crop.width))
    landed = np.isfinite(places[..., 0])
    places = np.where(landed[..., None], places, identity).astype(np.float32)
    inner = crop.cut(picture)
    moved = cv2.remap(inner, places[..., 0], places[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    changed = np.hypot(*np.moveaxis(places - identity, -1, 0)) >= _STILL
    out = np.where(changed[..., None], np.clip(moved, 0, 1), inner).astype(np.float32)
    nothing = np.zeros(changed.shape, bool)
    return _whole(
        picture, crop, out, places, changed.astype(np.float32), nothing, share, _folds(mesh), 0
    )  # fmt: skip


def _faded(pose: Pose, crop: Crop, region: np.ndarray, length: float) -> Pose:
    """A free pose whose motion dies out over `length` towards the edge of a painted region."""
    height, width = crop.solved
    allowed = cv2.resize(crop.cut(region.astype(np.float32)), (width, height), interpolation=cv2.INTER_AREA) > 0.5
    share = corner_means(smooth_step(depth_of(allowed) / max(length, 1.0)), np.ones_like(allowed))
    rest = rest_corners(height, width)
    corners = rest + (pose.corners - rest) * share[..., None]
    free = pose.free & allowed
    return Pose(corners, free, ~free, pose.stiffness, pose.height)


def _whole(
    picture: np.ndarray,
    crop: Crop,
    out: np.ndarray,
    places: np.ndarray,
    layer: np.ndarray,
    uncovered: np.ndarray,
    share: float,
    folded: float,
    level: int,
) -> WarpedFrame:
    """The crop's results in pictures of the frame's size."""
    height, width = picture.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    whole, place = picture.copy(), np.stack([columns, rows], -1)
    matted, hidden = np.zeros((height, width), np.float32), np.zeros((height, width), bool)
    crop.put(out, whole)
    crop.put((places + np.array([crop.left, crop.top])).astype(np.float32), place)
    crop.put(layer, matted)
    crop.put(uncovered, hidden)
    return WarpedFrame(whole, place, matted, hidden, share, folded, level)


def _left_cells(mesh: Mesh, crop: Crop) -> np.ndarray:
    """[H, W] bool of the solved picture: nearest to a cell that moved away by more than `_MOVED` source px."""
    way = np.hypot(*(mesh.moved - mesh.rest).T) * crop.factors.mean()
    gone = way[mesh.quads].max(1) > _MOVED
    cells, value = np.zeros(crop.solved, bool), np.zeros(crop.solved, bool)
    cells[tuple(mesh.cells.T)] = True
    value[tuple(mesh.cells[gone].T)] = True
    return spread_from(cells, value)


def _enlarged(mask: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return cv2.resize(mask.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST) > 0


def _folds(mesh: Mesh) -> float:
    """Share of the mesh's triangles that are turned over."""
    corner = mesh.moved[mesh.quads]
    folded = [
        (corner[:, b] - corner[:, a])[:, 0] * (corner[:, c] - corner[:, a])[:, 1]
        <= (corner[:, b] - corner[:, a])[:, 1] * (corner[:, c] - corner[:, a])[:, 0]
        for a, b, c in ((0, 1, 2), (0, 2, 3))
    ]
    return float(np.mean(folded)) if len(mesh.quads) else 0.0
