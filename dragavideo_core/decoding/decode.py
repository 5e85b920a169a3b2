"""From offsets to frames: denoising with them, cross-branch attention and smoothing (Sec. 3.3, last two paragraphs).

The source branch is the reference chain: the inversion's latents denoised with no offset. The edited branch starts at
the same latents, adds its offset wherever it comes to a selected step, and moves on by DDIM:

    x_42 = z_42 + delta_42,   x_t = DDIM(x_{t+1}) + [t in T] delta_t

Offsets that were optimised with `chain="independent"`, each on its own reference latent, are added on the way down in
the very same manner, as the paper's text has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor

from ..drag.offsets import LatentOffsets
from ..errors import DragAVideoError
from ..inversion.invert import Inversion
from ..model.attention import AttentionController, AttentionPolicy, with_attention
from ..model.batches import chosen_micro_batch, micro_batches
from ..model.drag_model import DragModel
from ..progress import Progress, silent
from ..settings import DecodeSettings
from .smoothing import smooth_frames

STAGE = "decode"
_PREVIEWED = 4
"""Frames of a preview at most."""


@dataclass(frozen=True)
class Decoded:
    """What denoising gave, before compositing. Frames are fp32, 0-1, on the CPU, at working size."""

    edited: Tensor
    """[N, H, W, 3]: the edited branch."""
    reconstruction: Tensor
    """[N, H, W, 3]: the source branch: what inversion and codec give back of the clip when nothing is dragged."""
    latents: Tensor
    """[N, C, h, w]: the edited branch at step 0."""


def decode_drag(
    model: DragModel,
    inversion: Inversion,
    offsets: LatentOffsets,
    settings: DecodeSettings,
    progress: Progress = silent,
    *,
    reference: Mapping[int, Tensor] | None = None,
    reconstruction: Tensor | None = None,
) -> Decoded:
    """Denoise the clip with its offsets.

    With `cross_branch`, from `cross_branch_step` down, the queries of the edited branch read keys and values of the
    same frame's source branch in the self-attentions from `cross_branch_layer` on (MasaCtrl). Above (by default that is
    down to the lowest dragged step) the offsets meet the trajectory that they were made on. Crossing pairs a frame
    with itself, so frames go through the network `micro_batch` at a time (twice as many rows where both branches run);
    a policy that mixes frames would need all of them at once.

    Args:
        model: the one the offsets were made with (LoRA included).
        settings: `composite` and `feather_px` are not for this function, but for `compositing.composite`.
        progress: called for every micro-batch at every step, with a preview of the edit so far, and for every frame
            decoded. Cancel by raising from it.
        reference: the chain of `inversion.reference_chain` over `offsets.visits`, or a part of it, where it is at hand:
            the source branch is then taken from there, and runs only where its keys and values are needed. What the
            offsets themselves have kept of it is always used.
        reconstruction: [N, H, W, 3], the decoded source branch of an earlier call, to save decoding it again.

    Raises:
        DragAVideoError: offsets of another clip or inversion, or smoothing at a step the chain does not visit.
    """
    _check(inversion, offsets, settings)
    visits, deltas = offsets.visits, dict(zip(offsets.steps, offsets.offsets))
    crossed_from = offsets.lowest - 1 if settings.cross_branch_step < 0 else settings.cross_branch_step
    smoothings = _smoothings(inversion, settings)
    known = dict(reference or {})
    known.update(_kept(offsets, "reference"))
    first_crossed = max((step for step in visits if settings.cross_branch and step <= crossed_from), default=0)
    begin, edited = _beginning(inversion, offsets, known, first_crossed, smoothings)
    source = known.get(begin, inversion.latents[begin])
    walked = visits[visits.index(begin) :]
    batches = micro_batches(len(source), _frames_at_once(model, inversion, settings))
    controller = AttentionController()
    policy = AttentionPolicy("cross_branch", settings.cross_branch_layer)
    crossed = with_attention(model, policy, controller) if settings.cross_branch else model

    clips = 1 if reconstruction is not None else 2
    tick = _Ticks(progress, (len(walked) - 1) * len(batches) + clips * len(source))
    parted = begin != visits[0]  # whether the branches differ yet; while they do not, one stands for both
    for step, below in pairwise(walked):
        if step in deltas:
            edited = edited + deltas[step]
        parted = parted or step in deltas or step in smoothings
        crossing = parted and settings.cross_branch and step <= crossed_from
        # Where the source branch has been walked before, it rests until it comes to the next step that is known.
        following = max((other for other in known if other <= below), default=-1)
        given = following == below or (parted and not crossing and following >= first_crossed)
        branches = [*([source] if crossing or not given else []), *([edited] if parted else [])]
        controller.active = crossing
        noises = _noises(crossed, inversion.embedding, branches, step, batches, controller, tick)
        if not given:
            source = model.schedule.move(source, noises[0], step, below)
        elif below in known:
            source = known[below]
        if not parted:
            edited = source
        elif step in smoothings:
            clean = model.schedule.clean_of(edited, noises[-1], step)
            clean = _smooth_latents(model, clean, parity=1 - smoothings.index(step) % 2)
            alpha = model.schedule.alpha(below)
            edited = alpha**0.5 * clean + (1 - alpha) ** 0.5 * noises[-1]
        else:
            edited = model.schedule.move(edited, noises[-1], step, below)
    frames = model.decode(edited, lambda _: tick())
    if reconstruction is None:
        reconstruction = model.decode(source, lambda _: tick())
    return Decoded(edited=frames, reconstruction=reconstruction, latents=edited)


@dataclass
class _Ticks:
    """Counts calls of a progress."""

    progress: Progress
    total: int
    done: int = 0

    def __call__(self, preview: Callable[[], Tensor] | None = None) -> None:
        self.done += 1
        self.progress(STAGE, self.done, self.total, preview=preview)


@torch.no_grad()
def _noises(
    model: DragModel,
    embedding: Tensor,
    branches: list[Tensor],
    step: int,
    batches: list[slice],
    controller: AttentionController,
    tick: _Ticks,
) -> list[Tensor]:
    """The noise of each branch [N, C, h, w] at `step`, fp32 on the CPU; both branches of a frame go in one call."""
    noises = [torch.empty_like(branch) for branch in branches]
    for batch in batches:
        preview = None
        if branches:
            controller.frames = batch.stop - batch.start
            x = torch.cat([branch[batch] for branch in branches])
            eps = model.noise(x, step, embedding).cpu()
            for noise, part in zip(noises, eps.chunk(len(branches))):
                noise[batch] = part
            few = slice(batch.start, min(batch.stop, batch.start + _PREVIEWED))
            preview = partial(model.decode, model.schedule.clean_of(branches[-1][few], noises[-1][few], step))
        tick(preview)
    return noises


def _smooth_latents(model: DragModel, clean: Tensor, parity: int) -> Tensor:
    """`smooth_frames` on predicted clean latents; those it does not replace keep theirs, free of the codec's loss."""
    frames, chosen = smooth_frames(model.decode(clean), parity)
    if not chosen:
        return clean
    smooth = clean.clone()
    smooth[chosen] = model.encode(frames[chosen])
    return smooth


def _smoothings(inversion: Inversion, settings: DecodeSettings) -> list[int]:
    """Steps at which frames are smoothed, highest first."""
    if not settings.smoothing or inversion.latents.shape[1] <= 2:
        return []
    return sorted(set(settings.smoothing_steps), reverse=True)


def _kept(offsets: LatentOffsets, kind: str) -> dict[int, Tensor]:
    """Step -> latents [N, C, h, w] that the drag has left in the state of its offsets."""
    found = (name.split(".") for name in offsets.state if name.startswith(f"{kind}."))
    return {int(step): offsets.state[f"{kind}.{step}"] for _, step in found}


def _beginning(
    inversion: Inversion,
    offsets: LatentOffsets,
    known: Mapping[int, Tensor],
    first_crossed: int,
    smoothings: list[int],
) -> tuple[int, Tensor]:
    """(the step to begin at, the edited branch there): an alternating drag has denoised down to its last step."""
    for step, latents in _kept(offsets, "base").items():
        above = offsets.visits[: offsets.visits.index(step)]
        if step in known and all(first_crossed < other and other not in smoothings for other in above):
            return step, latents
    return offsets.visits[0], inversion.latents[offsets.visits[0]]


def _frames_at_once(model: DragModel, inversion: Inversion, settings: DecodeSettings) -> int:
    """Frames in a call; where the setting leaves it open, room for both branches is kept."""
    height, width = (int(side) * model.latent_stride for side in inversion.latents.shape[-2:])
    if settings.micro_batch or not settings.cross_branch:
        return chosen_micro_batch(settings.micro_batch, model.device, model.dtype, (width, height))
    return chosen_micro_batch(0, model.device, model.dtype, (2 * width, height))


def _check(inversion: Inversion, offsets: LatentOffsets, settings: DecodeSettings) -> None:
    visits, clip = offsets.visits, inversion.latents.shape[1:]
    if offsets.offsets.shape[0] != len(offsets.steps) or offsets.offsets.shape[1:] != clip:
        raise DragAVideoError(
            f"The offsets have the shape {list(offsets.offsets.shape)}, but {len(offsets.steps)} steps of this clip "
            f"need {[len(offsets.steps), *clip]}; decode with the inversion that the offsets were optimised on."
        )
    if not visits or visits[-1] != 0 or visits[0] > inversion.top or not set(offsets.steps) <= set(visits[:-1]):
        raise DragAVideoError(
            f"The offsets belong to a chain from step {visits[0] if visits else '-'} with offsets at {offsets.steps}, "
            f"which does not fit an inversion of {inversion.top} steps; invert with the settings of the drag."
        )
    missing = [step for step in settings.smoothing_steps if step not in visits[:-1]]
    if settings.smoothing and missing:
        raise DragAVideoError(
            f"Smoothing is set to step {missing[0]}, which the chain from {visits[0]} does not visit; choose steps "
            f"between 1 and {visits[0]}, below the selected ones when the chain is strided."
        )
