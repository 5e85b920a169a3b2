"""DDIM without noise (eta = 0), in both directions and with jumps of any length.

The convention is that of diffusers' DDIMScheduler and DDIMInverseScheduler with "leading" spacing, bit for bit up to
rounding. Its one quirk is kept on purpose: going up from step k-1 to k, the network is asked at the *upper*
timestep(k) about a latent that stands at the *lower* step, and a v-prediction is turned into noise with the lower
step's alpha. Step 1 starts from `final_alpha`, not from 1, when the scheduler says set_alpha_to_one=False.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import DragAVideoError

PREDICTION_TYPES = ("epsilon", "v_prediction")
DEFAULT_STEPS = 50


@dataclass(frozen=True)
class DdimSchedule:
    """Noise levels of `num_steps` DDIM steps; step 0 is the clean image, step `num_steps` nearly pure noise.

    Attributes:
        alphas_cumprod: [T] float64 on the CPU, the share of signal variance at timestep 0 .. T-1 (T = 1000).
        num_steps: how many DDIM steps span the T timesteps.
        steps_offset: added to every timestep (1 for Stable Diffusion).
        final_alpha: the signal variance ascribed to step 0.
        prediction_type: "epsilon" or "v_prediction", what the network gives.
    """

    alphas_cumprod: Tensor
    num_steps: int = DEFAULT_STEPS
    steps_offset: int = 1
    final_alpha: float = 1.0
    prediction_type: str = "epsilon"

    def timestep(self, step: int) -> int:
        """The network's timestep of a step: 42 -> 821 for 50 steps and offset 1.

        Raises:
            DragAVideoError: step outside 1 .. num_steps (step 0, the clean image, has no timestep).
        """
        if not 1 <= step <= self.num_steps:
            raise DragAVideoError(f"Step {step} has no timestep: choose a step from 1 to {self.num_steps}.")
        return (step - 1) * (len(self.alphas_cumprod) // self.num_steps) + self.steps_offset

    def alpha(self, step: int) -> float:
        """Signal variance at a step, 0-1; `final_alpha` at step 0."""
        return self.final_alpha if step == 0 else float(self.alphas_cumprod[self.timestep(step)])

    def noise_of(self, output: Tensor, x: Tensor, step: int) -> Tensor:
        """The noise in `x` [..., C, h, w], which stands at `step`, from the network's raw output of the same shape."""
        if self.prediction_type == "epsilon":
            return output
        alpha = self.alpha(step)
        return alpha**0.5 * output + (1 - alpha) ** 0.5 * x

    def clean_of(self, x: Tensor, eps: Tensor, step: int) -> Tensor:
        """The predicted clean latent of `x`, which stands at `step` and holds the noise `eps`."""
        alpha = self.alpha(step)
        return (x - (1 - alpha) ** 0.5 * eps) / alpha**0.5

    def move(self, x: Tensor, eps: Tensor, from_step: int, to_step: int) -> Tensor:
        """Take `x` from one step to another, up (inversion) or down (denoising), along the noise `eps`."""
        alpha = self.alpha(to_step)
        return alpha**0.5 * self.clean_of(x, eps, from_step) + (1 - alpha) ** 0.5 * eps

    def noised(self, clean: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """`clean` [M, C, h, w] brought to timesteps [M] (int64, 0 .. T-1) with given noise: a training input."""
        signal, sigma = self._levels(timesteps, clean)
        return signal * clean + sigma * noise

    def training_target(self, clean: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """What the network should answer to `noised(...)`: the noise, or v = sqrt(a) noise - sqrt(1 - a) clean."""
        if self.prediction_type == "epsilon":
            return noise
        signal, sigma = self._levels(timesteps, clean)
        return signal * noise - sigma * clean

    def _levels(self, timesteps: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        alpha = self.alphas_cumprod[timesteps.cpu()].view(-1, 1, 1, 1)
        return alpha.sqrt().to(like), (1 - alpha).sqrt().to(like)


def from_scheduler(scheduler: Any, num_steps: int = DEFAULT_STEPS) -> DdimSchedule:
    """The schedule of a diffusers scheduler, whatever its class: only its betas and conventions are taken.

    Raises:
        DragAVideoError: a prediction type other than epsilon or v, or a scheduler without alphas_cumprod.
    """
    alphas = getattr(scheduler, "alphas_cumprod", None)
    if not isinstance(alphas, Tensor):
        raise DragAVideoError(
            f"The model's scheduler is a {type(scheduler).__name__}, which has no DDIM noise levels; "
            "use a model with a DDIM, PNDM, Euler or DPM scheduler."
        )
    config = scheduler.config
    prediction = config.get("prediction_type", "epsilon")
    if prediction not in PREDICTION_TYPES:
        raise DragAVideoError(f"The model predicts '{prediction}'; drags need {' or '.join(PREDICTION_TYPES)}.")
    alphas = alphas.detach().to("cpu", torch.float64)
    return DdimSchedule(
        alphas_cumprod=alphas,
        num_steps=num_steps,
        # A configuration that leaves these out means Stable Diffusion's own. An Euler or DPM scheduler made without
        # a configuration has a value, its class's, and that is taken.
        steps_offset=int(config.get("steps_offset", 1)),
        final_alpha=1.0 if config.get("set_alpha_to_one", False) else float(alphas[0]),
        prediction_type=prediction,
    )
