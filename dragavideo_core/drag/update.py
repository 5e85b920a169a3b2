"""Update rules of the offsets. Adam is torch's; the normalised rule is what works on latents with local edits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, overload

import torch
from torch import Tensor

_MOMENTS = {
    "adam": {"moment.step", "moment.exp_avg", "moment.exp_avg_sq"},
    "normalised": {"moment.momentum_buffer"},
}


class NormalisedMomentum(torch.optim.Optimizer):
    """Momentum step whose largest cell moves by lr in every channel's root mean square.

    v <- momentum v + g; offset <- offset - lr sqrt(C) v / max_cell |v|, the maximum taken over a frame's cells. Adam
    moves every cell by about lr each iteration, those with next to no gradient too, and smears the region; here cells
    keep their gradients' proportions.

    Args:
        params: one tensor [T, N, C, h, w].
        lr: length of the largest cell's step, per channel, in latent units.
        momentum: 0-1.
    """

    def __init__(self, params: list[Tensor], lr: float, momentum: float = 0.9) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Apply one update from `.grad`."""
        for group in self.param_groups:
            for offsets in group["params"]:
                velocity = self.state[offsets].setdefault("momentum_buffer", torch.zeros_like(offsets))
                velocity.mul_(group["momentum"]).add_(offsets.grad)
                largest = velocity.norm(dim=2, keepdim=True).amax(dim=(3, 4), keepdim=True).clamp_min(1e-12)
                offsets.sub_(group["lr"] * offsets.shape[2] ** 0.5 * velocity / largest)
        return None


def make_update(
    rule: Literal["adam", "normalised"], offsets: Tensor, learning_rate: float, state: dict[str, Tensor]
) -> torch.optim.Optimizer:
    """The optimiser of `offsets`, with the moments of an earlier run where `state` has them."""
    optimizer: torch.optim.Optimizer
    if rule == "adam":
        optimizer = torch.optim.Adam([offsets], lr=learning_rate, weight_decay=0)
    else:
        optimizer = NormalisedMomentum([offsets], lr=learning_rate)
    moments = {key.removeprefix("moment."): value.clone() for key, value in state.items() if key.startswith("moment.")}
    if moments:
        optimizer.state[offsets] = moments
    return optimizer


def fits_rule(rule: Literal["adam", "normalised"], state: dict[str, Tensor]) -> bool:
    """Whether the moments in `state` are those of the rule; having none fits both."""
    moments = {key for key in state if key.startswith("moment.")}
    return not moments or moments == _MOMENTS[rule]


def moments_of(optimizer: torch.optim.Optimizer, offsets: Tensor) -> dict[str, Tensor]:
    """Copies of the moments, as `make_update` takes them back."""
    state = optimizer.state.get(offsets, {})
    return {f"moment.{key}": value.detach().clone() for key, value in state.items() if isinstance(value, Tensor)}
