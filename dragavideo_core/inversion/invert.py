"""DDIM inversion of a clip, and the reference chain: what denoising gives back when nothing is dragged.

The drag compares with the reference chain, not with the inversion latents, so that the error of inversion never looks
like motion (design decision 1). Guidance is 1.0 both ways, so there is no unconditional branch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..errors import DragAVideoError
from ..model.batches import micro_batches
from ..model.drag_model import DragModel
from ..model.schedule import DdimSchedule
from ..progress import Progress, silent

if TYPE_CHECKING:
    from ..media.clip import Clip


@dataclass(frozen=True)
class Inversion:
    """The latents of a clip at every step up to K.

    Attributes:
        latents: [K+1, N, C, h, w] fp32 on the CPU; the index is the step, 0 the clean latents.
        embedding: [1, L, D] fp32 on the CPU, of `prompt`.
        schedule: the schedule the steps belong to.
    """

    latents: Tensor
    embedding: Tensor
    schedule: DdimSchedule
    prompt: str

    @property
    def top(self) -> int:
        """K, the highest step."""
        return int(self.latents.shape[0]) - 1


def invert(
    model: DragModel,
    clip: Clip,
    steps: int = 42,
    prompt: str = "",
    micro_batch: int = 4,
    progress: Progress = silent,
    refinements: int = 0,
) -> Inversion:
    """Encode the clip's frames and carry them up `steps` DDIM steps (Sec. 3.1; 42 reach the paper's highest).

    Args:
        steps: K, 1 .. num_steps of the model's schedule.
        micro_batch: frames per network call; results do not depend on it.
        refinements: fixed-point iterations a step. DDIM inversion takes the noise at the latent it comes from; each
            refinement takes it at the latent it arrived at, as denoising will, so that the way back is closer to the
            way up. 0 is plain DDIM inversion, the paper's; each costs as much time again.

    Raises:
        DragAVideoError: steps out of range, frames that do not fit the model, or latents that are not finite.
    """
    count = len(clip.frames)
    _check_steps(model, steps)
    clean = model.encode(clip.frames, lambda i: progress("encoding", i + 1, count))
    return invert_latents(model, clean, steps, prompt, micro_batch, progress, refinements)


@torch.no_grad()
def invert_latents(
    model: DragModel,
    clean: Tensor,
    steps: int = 42,
    prompt: str = "",
    micro_batch: int = 4,
    progress: Progress = silent,
    refinements: int = 0,
) -> Inversion:
    """`invert` from clean latents [N, C, h, w]."""
    _check_steps(model, steps)
    embedding = model.embed_prompt(prompt)
    latents = torch.empty(steps + 1, *clean.shape)
    latents[0] = clean
    batches = micro_batches(len(clean), micro_batch)
    for number, batch in enumerate(batches):
        x = latents[0, batch].to(model.device)
        for step in range(1, steps + 1):
            below = x
            eps = model.noise(below, step - 1, embedding, timestep_of=step)
            x = model.schedule.move(below, eps, step - 1, step)
            for _ in range(refinements):
                x = model.schedule.move(below, model.noise(x, step, embedding), step - 1, step)
                progress("inversion", number * steps + step - 1, len(batches) * steps)
            latents[step, batch] = x.cpu()
            progress("inversion", number * steps + step, len(batches) * steps)
    if not bool(torch.isfinite(latents).all()):
        raise DragAVideoError(
            f"The inversion of '{model.name}' is not finite in {model.dtype}: the number format overflows or the "
            "weights are broken. Use fp32, or bf16 on a CUDA GPU."
        )
    return Inversion(latents=latents, embedding=embedding, schedule=model.schedule, prompt=prompt)


def _check_steps(model: DragModel, steps: int) -> None:
    if not 1 <= steps <= model.schedule.num_steps:
        raise DragAVideoError(
            f"{steps} inversion steps are not possible: the schedule has {model.schedule.num_steps}; "
            "42 reach the highest step of the paper."
        )
