"""What the optimisation makes: one latent offset per selected step and frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor


@dataclass(frozen=True)
class LatentOffsets:
    """Result of `optimise_offsets`, and all it needs to go on from there. Tensors are fp32 on the CPU."""

    steps: tuple[int, ...]
    """The selected inversion steps, highest first (the paper's set T)."""
    visits: tuple[int, ...]
    """Every step that the chain goes through, highest first, ending with 0."""
    chained: bool
    """False: each offset was optimised on its own reference latent."""
    offsets: Tensor
    """[T, N, C, h, w], in latent units, in the order of `steps`."""
    progress: Tensor
    """[N, P, S]: how far each handle has come along its way to the target, in working px."""
    warm_start: Literal["none", "puppet"] = "none"
    """What the first offset was made by (`DragSettings.warm_start`)."""
    iterations: int = 0
    """Iterations done, over all resumed runs."""
    arrived: bool = False
    """Whether every visible set point came within the arrival distance of its target."""
    stalled: bool = False
    """Whether the loop ended because the points came no nearer (`DragSettings.patience`)."""
    losses: tuple[float, ...] = ()
    """Loss of each iteration."""
    distances: tuple[float, ...] = ()
    """Mean distance of the tracked handles to their targets at each iteration, in working px."""
    state: dict[str, Tensor] = field(default_factory=dict)
    """Moments of the update rule, the supervising template and what else makes a resumed run equal an unbroken one, and
    what decoding need not compute again: `reference.S`, the undragged latents [N, C, h, w] at step S, and of an
    alternating drag `base.S`, its latents there before the offset of S is added."""

    @property
    def lowest(self) -> int:
        """The lowest step that was dragged: of an alternating drag the one it came to."""
        return next((step for step in self.steps if f"base.{step}" in self.state), self.steps[-1])
