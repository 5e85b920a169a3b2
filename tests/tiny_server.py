"""A real ComfyUI with a tiny random model, so that mechanics take seconds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.comfyui import ROOT, Server, comfyui, need_comfyui
from tests.graphs import Graph, drag_graph
from tests.tiny import tiny_model, tiny_scheduler

TINY = "diffusers/tiny"
PRESET = {
    "name": "tiny",
    "size": 64,
    "inversion_steps": 8,
    "propagation": {"set_spacing_px": 2.0, "window_px": 8.0, "mask_radius_px": 8.0, "occlusion_similarity": -1.0},
    "drag": {"steps": [8, 6], "iterations": 1, "warm_start": "puppet"},
    "decode": {"cross_branch_layer": 4, "feather_px": 2.0},
}


def write_tiny_model(folder: Path) -> None:
    """A tiny random model in diffusers' layout, with a preset that suits it."""
    model = tiny_model()
    for part in ("unet", "vae", "text_encoder", "tokenizer"):
        getattr(model, part).save_pretrained(folder / part)
    tiny_scheduler().save_pretrained(folder / "scheduler")
    (folder / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}', encoding="utf-8")
    (folder / "drag_preset.json").write_text(json.dumps(PRESET), encoding="utf-8")


@contextmanager
def tiny_comfyui(base: Path) -> Iterator[Server]:
    """ComfyUI with the tiny model, the pack and the nodes of probe_node.py."""
    need_comfyui()
    write_tiny_model(base / "models" / "diffusers" / "tiny")
    (base / "custom_nodes").mkdir()
    shutil.copy(ROOT / "tests" / "probe_node.py", base / "custom_nodes")
    with comfyui(base) as running:
        yield running


def tiny_graph(iterations: int = 1, limit: int = 2) -> Graph:
    """The whole drag on the tiny model."""
    return drag_graph(iterations, model=TINY, example="bunny", limit=limit)
