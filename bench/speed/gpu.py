"""The optimiser on a CUDA GPU: seconds, peak memory, and its share of the measured rate of matrix products."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import torch

from dragavideo_core.drag.optimizer import optimise_offsets
from dragavideo_core.presets import PRESETS
from dragavideo_core.settings import TrackerSettings

from .counting import costs
from .timing import random_problem, random_sd15


def gpu_figures(frames: int = 16, size: int = 512) -> dict[str, Any]:
    """The part `gpu` of results.json: the drag of `best` from no warm start, random weights in bf16."""
    model = random_sd15("cuda", torch.bfloat16)
    parts = random_problem(model, frames, size)
    settings = replace(PRESETS["best"].drag, warm_start="none", arrival_px=0.0, patience=0)
    optimise_offsets(model, *parts, replace(settings, iterations=2), TrackerSettings())  # kernels are chosen here
    found: dict[str, Any] = {"name": torch.cuda.get_device_name(), "frames": frames, "size": size}
    for key, micro_batch in (("peak_low_gb", 1), ("peak_gb", 4)):
        torch.cuda.reset_peak_memory_stats()
        torch.cuda.synchronize()
        start = time.perf_counter()
        optimise_offsets(model, *parts, replace(settings, micro_batch=micro_batch), TrackerSettings())
        torch.cuda.synchronize()
        found["optimise_s"] = time.perf_counter() - start
        found[key] = torch.cuda.max_memory_allocated() / 1e9
    of = costs(size, size)
    tflop = frames * settings.iterations * (of["features"] + of["backward"])
    found["matmul_share"] = tflop / found["optimise_s"] / _matmul_rate()
    return found


def _matmul_rate(side: int = 8192, times: int = 50) -> float:
    """TFLOP/s of bf16 matrix products."""
    one = torch.randn(side, side, device="cuda", dtype=torch.bfloat16)
    one @ one
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(times):
        one @ one
    torch.cuda.synchronize()
    return times * 2 * side**3 / 1e12 / (time.perf_counter() - start)
