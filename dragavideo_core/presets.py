"""The recipes by name, for Stable Diffusion 1.5 at 512 px, with where each comes from.

A recipe names only what makes it one; the rest is the paper's value, or what its model's own preset says where the
weights are others (`recipe`): sizes in px, the blocks of the network and how points are followed are the weights'.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .settings import PAPER, Preset, override

WARM_START = "puppet"
"""The warm start of the recipes that begin with one."""

_LORA = {"iterations": 80, "rank": 16, "learning_rate": 5e-4, "batch_size": 4}
"""DragDiffusion's (public code). Of its published outputs those with 40 steps and more keep an object's identity."""
_VIDEO = {
    "propagation": {"set_side": 3, "targets": "translate"},
    "tracker": {"range_cells": 3.0, "stride_cells": 0.5, "shared": True},
}
"""Drag-A-Video's modules: point sets, one tracking for all frames."""
_PUSH = {
    "chain": "full",
    "iterations": 60,
    "learning_rate": 0.01,
    "update": "adam",
    "template_rate": 0.5,
    "adaptive_template": False,
    "frame_fusion": 1.0,
    "patch_radius_cells": 1,
    "reach_cells": 1.0,
    "mask_weight": 0.1,
    "hard_mask": False,
    "warm_start": "none",
    "passes": "one",
    "way_refresh": 4,
    "rest": True,
    "patience": 0,
    "micro_batch": 0,
}
_BELOW = {"cross_branch": True, "cross_branch_step": -1, "detail": False, "composite": True, "micro_batch": 0}

RECIPES: Mapping[str, Mapping[str, Any]] = {
    # Sec. 4.1 of the paper. LoRA is the paper's too, but without a number.
    "paper": {
        "inversion_steps": 42,
        "lora": {**_LORA, "iterations": 200},
        **_VIDEO,
        "drag": {**_PUSH, "steps": (42, 41, 35, 30)},
        "decode": _BELOW,
    },
    # Its public code, frame by frame: the template is the current map, points are tracked alone.
    "dragdiffusion": {
        "inversion_steps": 35,
        "lora": _LORA,
        "propagation": {"set_side": 1, "targets": "translate"},
        "tracker": {"range_cells": 3.0, "stride_cells": 0.5, "shared": False},
        "drag": {
            **_PUSH, "steps": (35,), "iterations": 80, "template_rate": 1.0, "frame_fusion": 0.0, "passes": "two",
        },
        "decode": {**_BELOW, "cross_branch_step": 35},
    },
    # Its public code (strength 0.75, seven steps of ten iterations, r1 = 4, r2 = 12, beta = 4, rate 0.02, supervised
    # by the original point's features), with the paper's sets, average and shared tracking. One gradient step a
    # tracking, where GoodDrag takes up to three.
    "gooddrag": {
        "inversion_steps": 38,
        "lora": _LORA,
        "propagation": _VIDEO["propagation"],
        "tracker": {"range_cells": 12.0, "stride_cells": 1.0, "shared": True},
        "drag": {
            **_PUSH, "chain": "alternating", "steps": (38, 37, 36, 35, 34, 33, 32), "step_iterations": 10,
            "iterations": 70, "learning_rate": 0.02, "template_rate": 0.0, "reach_cells": 4.0, "patch_radius_cells": 4,
        },
        "decode": _BELOW,
    },
    # The warm start alone, from a step low enough to keep the picture: a look at the drag, no training, no iteration.
    "draft": {
        "inversion_steps": 15,
        "lora": {"iterations": 0},
        **_VIDEO,
        "drag": {**_PUSH, "steps": (15,), "iterations": 0, "warm_start": WARM_START},
        "decode": _BELOW,
    },
    # Step, block, LoRA and mask weight by DragDiffusion's published outputs on real weights; warm start, average and
    # patience by reasoning and the bundled model.
    "best": {
        "inversion_steps": 35,
        "lora": _LORA,
        **_VIDEO,
        "drag": {
            **_PUSH, "steps": (35,), "iterations": 80, "mask_weight": 0.5, "warm_start": WARM_START, "patience": 20,
        },
        "decode": _BELOW,
    },
}  # fmt: skip


def recipe(name: str, base: Preset) -> Preset:
    """A recipe with the sizes, blocks and ways of following of `base`, the preset of other weights."""
    return override(base, RECIPES[name])


PRESETS: Mapping[str, Preset] = {name: override(PAPER, {"name": name, **RECIPES[name]}) for name in RECIPES}
"""The presets by name. `paper` is `settings.PAPER`."""
BEST = PRESETS["best"]
"""What a checkpoint has that comes without settings of its own."""
