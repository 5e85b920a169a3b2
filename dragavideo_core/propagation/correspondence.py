"""DIFT: the same point in another frame is where the diffusion features are most alike.

Features come from the inversion's own latents at a low step, not from freshly noised frames: the same clip gives the
same tracks, and an inversion that is there already costs nothing more.

Positions in a feature map are *cells*: cell = (px + 0.5) / stride - 0.5, integers at cell centres.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import DragAVideoError
from ..model.sampling import sample_features
from ..progress import Progress, silent

if TYPE_CHECKING:
    from ..inversion.invert import Inversion
    from ..media.clip import Clip
    from ..model.drag_model import DragModel

_PATCH_REACH, _PATCH_SPACING, _PATCH_SIGMA = 2, 0.75, 1.0
"""A point is compared with its surroundings: (2 reach + 1)^2 places, spaced and weighted (Gaussian) in cells. On
a half-trained bundled model, tracks within 2 px: 63 % with the point's feature alone, 82 % with a patch of spacing 0.5
(step 3); 86 % with spacing 0.5, 90.5 % with 0.75 (step 8)."""
_COARSE = 0.5
"""Spacing of the first look's candidates, cells; then it is halved five times round the best."""
_HALVINGS = 5
_CHUNK = 32
"""Points matched at a time; bounds the memory of their similarity maps."""


@torch.no_grad()
def dift_features(
    model: DragModel,
    clip: Clip | Tensor,
    step: int,
    block: int,
    prompt: str = "",
    *,
    inversion: Inversion | None = None,
    micro_batch: int = 4,
    progress: Progress = silent,
) -> Tensor:
    """Features of every frame at one inversion step.

    Args:
        clip: the clip, or its clean latents [N, C, h, w].
        step: inversion step, 1 .. number of the schedule's steps.
        block: index into `unet.up_blocks`.
        prompt: used only where no inversion is given; an inversion has its own.
        inversion: of the same clip; where it is missing or ends below `step`, `step` steps are inverted here.
        micro_batch: frames a network call.

    Returns:
        [N, F, fh, fw] fp32 on the CPU.

    Raises:
        DragAVideoError: a step or block the model does not have, or an inversion of another clip.
    """
    count = len(clip) if isinstance(clip, Tensor) else len(clip.frames)
    if not 1 <= step <= model.schedule.num_steps:
        raise DragAVideoError(
            f"Features cannot be taken at step {step}: the schedule has steps 1 to {model.schedule.num_steps}; "
            "about 3 suits tracking."
        )
    blocks = len(model.unet.up_blocks)
    if not 0 <= block < blocks:
        raise DragAVideoError(f"The model has no up-block {block}, only 0 to {blocks - 1}; 2 is the usual choice.")
    if inversion is not None and inversion.latents.shape[1] != count:
        raise DragAVideoError(
            f"The inversion holds {inversion.latents.shape[1]} frames but the clip has {count}; invert this clip."
        )
    if inversion is None or len(inversion.latents) <= step:
        from ..inversion.invert import invert, invert_latents

        prompt = prompt if inversion is None else inversion.prompt
        if isinstance(clip, Tensor):
            inversion = invert_latents(model, clip, step, prompt, micro_batch, progress)
        else:
            inversion = invert(model, clip, step, prompt, micro_batch, progress)
    latents = inversion.latents[step]
    features = []
    for start in range(0, count, micro_batch):
        batch = model.features(latents[start : start + micro_batch], step, inversion.embedding, block)
        features.append(batch.float().cpu())
        progress("features", min(start + micro_batch, count), count)
    return torch.cat(features)


def cells_of(points: Tensor, frame_size: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """Working px [..., 2] as cells of a grid. Sizes are (width, height)."""
    stride = points.new_tensor([frame_size[0] / grid[0], frame_size[1] / grid[1]])
    return (points + 0.5) / stride - 0.5


def pixels_of(cells: Tensor, frame_size: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """The inverse of `cells_of`."""
    stride = cells.new_tensor([frame_size[0] / grid[0], frame_size[1] / grid[1]])
    return (cells + 0.5) * stride - 0.5


def patch_features(feature_map: Tensor, cells: Tensor) -> Tensor:
    """The unit features of each point's surroundings, the template that `match` compares.

    Features are made unit before they are interpolated, as `match` does with its cosines; the other order shifts what
    is found (tracks within 2 px: 86 instead of 91 %).

    Args:
        feature_map: [F, h, w].
        cells: [K, 2].

    Returns:
        [K, O, F]; unit length along F. The point itself is in the middle, O // 2.
    """
    offsets, _ = _patch()
    unit, grid = F.normalize(feature_map.float(), dim=0), (feature_map.shape[-1], feature_map.shape[-2])
    return F.normalize(sample_features(unit[None], (cells[:, None] + offsets.to(cells))[None], grid)[0], dim=-1)


def match(
    feature_map: Tensor, templates: Tensor, centres: Tensor, window: float, prior: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Where each template is in a frame: the largest cosine similarity in a window, finer than a cell.

    Cosines are taken at cell centres and interpolated (bicubic): interpolated features would favour cell centres.

    Args:
        feature_map: [F, h, w].
        templates: [K, O, F] of `patch_features` (or a mean of such), or single unit features [K, F].
        centres: [K, 2] cells, the middle of each window.
        window: half the side of the window, cells; candidates are within it in the max norm and on the map.
        prior: how much a candidate one window away from the centre must be more alike than the centre itself; it grows
            with the square of the distance. Similarities are given back without it.

    Returns:
        positions [K, 2] in cells and similarities [K], -1 to 1, the patch's weighted mean cosine. A window wholly off
        the map gives back its centre with similarity -1.
    """
    templates = templates[:, None] if templates.ndim == 2 else templates
    offsets, weights = _patch() if templates.shape[1] > 1 else (torch.zeros(1, 2), torch.ones(1))
    unit = F.normalize(feature_map.float(), dim=0)
    centres = centres.to(unit)
    parts = [
        _match_few(unit, templates[k : k + _CHUNK].to(unit), offsets.to(unit), weights.to(unit), centre, window, prior)
        for k, centre in zip(range(0, len(centres), _CHUNK), centres.split(_CHUNK))
    ]
    if not parts:
        return centres, centres.new_zeros(0)
    return torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])


def _match_few(
    unit: Tensor, templates: Tensor, offsets: Tensor, weights: Tensor, centres: Tensor, window: float, prior: float
) -> tuple[Tensor, Tensor]:
    """`match` of a few points on a map of unit features [F, h, w]; weights [O] sum to 1."""
    points, places, _ = templates.shape
    height, width = unit.shape[-2:]
    maps = torch.einsum("kof,fhw->kohw", templates, unit).reshape(points * places, 1, height, width)
    low = (centres - window).clamp(min=-0.5)[:, None]
    high = torch.minimum(centres + window, centres.new_tensor([width, height]) - 0.5)[:, None]
    lost = (low > high).any(-1)[:, 0]

    def similarity(candidates: Tensor) -> Tensor:
        """[K, n] at candidates [K, n, 2]."""
        around = (candidates[:, None] + offsets[None, :, None]).reshape(points * places, 1, -1, 2)
        grid = (around + 0.5) / around.new_tensor([width, height]) * 2 - 1
        values = F.grid_sample(maps, grid, mode="bicubic", padding_mode="border", align_corners=False)
        return torch.einsum("kon,o->kn", values.reshape(points, places, -1), weights)

    spacing, reach = _COARSE, int(window / _COARSE)
    best = torch.minimum(torch.maximum(centres, low[:, 0]), high[:, 0])
    for _ in range(_HALVINGS + 1):
        steps = torch.arange(-reach, reach + 1).to(centres) * spacing
        grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1).reshape(-1, 2)
        candidates = torch.minimum(torch.maximum(best[:, None] + grid, low), high)
        away = ((candidates - centres[:, None]) / window).square().sum(-1)
        index = (similarity(candidates) - prior * away).argmax(1)
        best = candidates[torch.arange(points), index]
        spacing, reach = spacing / 2, 2
    value = similarity(best[:, None])[:, 0]
    return torch.where(lost[:, None], centres, best), torch.where(lost, -torch.ones_like(value), value.clamp(-1, 1))


def _patch() -> tuple[Tensor, Tensor]:
    """Offsets [O, 2] in cells and weights [O] that sum to 1."""
    steps = torch.arange(-_PATCH_REACH, _PATCH_REACH + 1) * _PATCH_SPACING
    offsets = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1).reshape(-1, 2)
    weights = torch.exp(-offsets.square().sum(-1) / (2 * _PATCH_SIGMA**2))
    return offsets, weights / weights.sum()
