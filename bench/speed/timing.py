"""Time of an iteration, ours against the plain loop, in turn in one process; ratios, because machines differ."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from typing import Any

import torch

from dragavideo_core.drag.optimizer import STAGE, optimise_offsets
from dragavideo_core.drag.problem import prepare_problem
from dragavideo_core.inversion.invert import Inversion
from dragavideo_core.media.geometry import Geometry
from dragavideo_core.model import loading
from dragavideo_core.model.drag_model import DragModel
from dragavideo_core.model.schedule import from_scheduler
from dragavideo_core.presets import PRESETS
from dragavideo_core.progress import silent
from dragavideo_core.propagation.point_sets import PointSets
from dragavideo_core.settings import DragSettings, TrackerSettings, override

from .plain import plain_drag

TOP = 42


def random_sd15(device: str = "cpu", dtype: torch.dtype = torch.float32) -> DragModel:
    """A UNet of SD1.5's size with random weights; no codec, no text encoder."""
    from diffusers import UNet2DConditionModel

    torch.manual_seed(0)
    config = loading.SD15_CONFIG
    unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(config / "unet"))
    unet = unet.to(device, dtype).to(memory_format=torch.channels_last).eval().requires_grad_(False)
    schedule = from_scheduler(loading.load_scheduler(config))
    return DragModel(unet, None, None, None, schedule, PRESETS["best"], "random", torch.device(device), dtype)


def random_problem(model: DragModel, frames: int, size: int, width: int = 768) -> tuple[Inversion, PointSets, Geometry]:
    """A drag of noise: one pair of nine points over a quarter of the frame."""
    generator = torch.Generator().manual_seed(1)
    stride = 8 if model.vae is None else model.latent_stride
    cells = size // stride
    latents = torch.randn(TOP + 1, frames, model.latent_channels, cells, cells, generator=generator)
    embedding = torch.randn(1, 77, width, generator=generator)
    inversion = Inversion(latents, embedding, model.schedule, "")
    grid = torch.cartesian_prod(torch.arange(3.0), torch.arange(3.0)) * stride + 0.3 * size
    handles = grid.expand(frames, 1, 9, 2).clone()
    sets = PointSets(
        handles=handles,
        targets=handles + torch.tensor([0.25 * size, 0.0]),
        visible=torch.ones(frames, 1, 9, dtype=torch.bool),
        foreground=torch.ones(1, 9, dtype=torch.bool),
        masks=torch.ones(frames, size, size, dtype=torch.bool),
        pinned=torch.zeros(frames, 0, 2),
        key_frame=0,
    )
    return inversion, sets, Geometry((size, size), (size, size), 1.0, (0.0, 0.0))


def our_seconds(model: DragModel, parts: tuple[Inversion, PointSets, Geometry], settings: DragSettings) -> list[float]:
    """Seconds of each of our iterations."""
    stamps: list[float] = []

    def watch(stage: str, done: int, total: int, **_: object) -> None:
        if stage == STAGE and done == len(stamps):
            stamps.append(time.perf_counter())

    inversion, sets, geometry = parts
    optimise_offsets(model, inversion, sets, geometry, settings, TrackerSettings(), progress=watch)
    return [after - before for before, after in itertools.pairwise(stamps)]


def ratio(model: DragModel, parts: tuple[Inversion, PointSets, Geometry], settings: DragSettings) -> dict[str, float]:
    """Seconds an iteration of both and their ratio; of a full chain, over one walk and the jumps till the next."""
    ours = our_seconds(model, parts, replace(settings, iterations=3))
    walked, jumped = ours[0], sum(ours[1:]) / len(ours[1:])
    mean = (walked + (settings.way_refresh - 1) * jumped) / settings.way_refresh if settings.chain == "full" else jumped
    chain = "strided" if settings.chain == "alternating" else settings.chain
    plain_settings = override(settings, {"chain": chain})
    problem = prepare_problem(model, *parts, plain_settings, TrackerSettings(), silent)
    _, plain = plain_drag(problem, 2)
    return {"ours_s": mean, "plain_s": plain[-1], "ratio": mean / plain[-1]}


def paper_settings(chain: str, block: int = 2, **more: Any) -> DragSettings:
    """The paper's drag over a chain, from no warm start."""
    return override(PRESETS["paper"].drag, {"chain": chain, "feature_block": block, "arrival_px": 0.0, **more})


def cpu_figures(frames: int = 4, size: int = 256) -> dict[str, Any]:
    """The part `cpu` of results.json; some minutes and 4 GB."""
    found: dict[str, Any] = {"frames": frames, "size": size, "threads": torch.get_num_threads()}
    bundled = loading.load_model("bundled", device="cpu")
    width = int(bundled.unet.config.cross_attention_dim)
    own = replace(bundled.preset.drag, warm_start="none", arrival_px=0.0, update="adam")
    parts = random_problem(bundled, 8, bundled.preset.size, width)
    found["bundled"] = ratio(bundled, parts, own)
    found["bundled_ratio"] = found["bundled"]["ratio"]
    model = random_sd15()
    parts = random_problem(model, frames, size)
    for chain in ("strided", "full", "alternating"):
        found[chain] = ratio(model, parts, paper_settings(chain))
        found[f"sd15_ratio_{chain}"] = found[chain]["ratio"]
    return found
