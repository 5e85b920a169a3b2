"""What both trainings share: averaged weights, the learning rate, and checkpoints without pickle."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn


class MovingAverage:
    """Exponential moving average of trainable weights, with a warm-up: early on it forgets faster."""

    def __init__(self, modules: dict[str, nn.Module], decay: float) -> None:
        self.decay = decay
        self.live = trainable(modules)
        self.average = {name: p.detach().clone() for name, p in self.live.items()}

    @torch.no_grad()
    def update(self, iteration: int) -> None:
        decay = min(self.decay, (1 + iteration) / (10 + iteration))
        torch._foreach_lerp_(list(self.average.values()), list(self.live.values()), 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchanges averaged and live weights; call twice to have both back."""
        for name, live in self.live.items():
            kept = live.detach().clone()
            live.copy_(self.average[name])
            self.average[name].copy_(kept)


def trainable(modules: dict[str, nn.Module]) -> dict[str, nn.Parameter]:
    """ "module.parameter" -> parameter, of those that learn."""
    return {
        f"{prefix}.{name}": p
        for prefix, module in modules.items()
        for name, p in module.named_parameters()
        if p.requires_grad
    }


def learning_rate(peak: float, progress: float, warm_up: float = 0.015, floor: float = 0.01) -> float:
    """Linear warm-up, then a cosine to `floor * peak`. `progress`: share of the planned time, 0-1."""
    if progress < warm_up:
        return peak * max(progress / warm_up, 0.02)
    share = min((progress - warm_up) / (1 - warm_up), 1.0)
    return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * share)))


def save_training(path: Path, ema: MovingAverage, optimizer: torch.optim.AdamW, state: dict[str, Any]) -> None:
    """One safetensors file, written whole or not at all; `state` travels as JSON in its header."""
    tensors: dict[str, Tensor] = {}
    for name, live in ema.live.items():
        tensors[f"live/{name}"] = live.detach().contiguous()
        tensors[f"ema/{name}"] = ema.average[name].contiguous()
        for key, value in optimizer.state.get(live, {}).items():
            tensors[f"adam/{key}/{name}"] = value.contiguous()
    part = path.with_suffix(".part")
    save_file(tensors, part, metadata={"state": json.dumps(state)})
    os.replace(part, path)


def load_training(path: Path, ema: MovingAverage, optimizer: torch.optim.AdamW) -> dict[str, Any]:
    """Continues where `save_training` left off; gives back its `state`."""
    with safe_open(path, framework="pt") as file, torch.no_grad():
        names = set(file.keys())
        for name, live in ema.live.items():
            live.copy_(file.get_tensor(f"live/{name}"))
            ema.average[name].copy_(file.get_tensor(f"ema/{name}"))
            keys = ("step", "exp_avg", "exp_avg_sq")
            if f"adam/step/{name}" in names:
                optimizer.state[live] = {key: file.get_tensor(f"adam/{key}/{name}") for key in keys}
        return json.loads(file.metadata()["state"])


def load_average(path: Path, modules: dict[str, nn.Module]) -> None:
    """Puts a checkpoint's averaged weights into `modules`, for export and sampling."""
    with safe_open(path, framework="pt") as file, torch.no_grad():
        for name, live in trainable(modules).items():
            live.copy_(file.get_tensor(f"ema/{name}"))
