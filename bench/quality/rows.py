"""How a case is edited: every row of the tables, as a function from a case to an edited clip.

A row is the core's own `drag_clip` with some settings replaced, or a baseline made from the core's functions. All get
the same clip, the same instruction and the same random numbers; what a baseline needs beyond one frame (its handles and
its mask in the other frames) it gets from our propagation, which is more than its authors give it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from dragavideo_core.media.clip import Clip
from dragavideo_core.model.drag_model import DragModel
from dragavideo_core.objects.value import ObjectMasks
from dragavideo_core.pipeline import drag_clip, propagate_clip, reconstruct_clip
from dragavideo_core.presets import RECIPES
from dragavideo_core.settings import Preset, override

from .cases import Case


@dataclass(frozen=True, eq=False)
class Edit:
    """What a row made of a case."""

    frames: Tensor
    """[N, Hs, Ws, 3]: the finished clip at source size, as a person gets it."""
    raw: Tensor
    """[N, H, W, 3]: the same at working size, before compositing."""
    seconds: float = 0.0
    iterations: int = 0


Run = Callable[..., Edit]
"""(model, case, clip, preset, **options) -> the edit."""


@dataclass(frozen=True)
class Row:
    """One line of a table."""

    name: str
    title: str
    group: str
    """`main` rows run on every case, `parts` and `paper` on fixed subsets, `choices` and `details` (of the paper) there
    when asked for."""
    run: Run
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Replaces settings of the model's preset."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Handed on to `run`."""
    cost: float = 1.8
    """About how many seconds a frame takes on one core with the bundled model, for the estimate that is printed."""
    needs_truth: bool = False

    def preset(self, base: Preset) -> Preset:
        """The settings this row runs with."""
        return override(base, self.settings)


# -- references and baselines --------------------------------------------------------------------------------------


def true_edit(model: DragModel, case: Case, clip: Clip, preset: Preset) -> Edit:
    """The answer itself: what the measures say of a perfect edit."""
    if case.truth is None:
        raise ValueError(f"{case.name} has no true edit.")
    return Edit(case.truth.frames, clip.geometry.frames_to_working(case.truth.frames))


def copy_input(model: DragModel, case: Case, clip: Clip, preset: Preset) -> Edit:
    """Nothing done: the floor of every distance, and the ceiling of every fidelity."""
    return Edit(clip.source, clip.frames)


def codec_only(model: DragModel, case: Case, clip: Clip, preset: Preset) -> Edit:
    """Encoded and decoded."""
    raw = model.decode(model.encode(clip.frames))
    return Edit(clip.geometry.frames_to_source(raw, clip.source), raw)


def reconstruct(model: DragModel, case: Case, clip: Clip, preset: Preset) -> Edit:
    """Inverted as far as the drag goes and denoised with no offset."""
    raw = reconstruct_clip(model, clip, preset=preset)
    return Edit(clip.geometry.frames_to_source(raw, clip.source), raw)


def warp_and_inpaint(model: DragModel, case: Case, clip: Clip, preset: Preset, *, objects: str = "found") -> Edit:
    """The drag's warp at source size, no diffusion: the part moved on a layer, what it leaves filled from beside.

    The points, the object and the region of every frame are propagated as for a drag.
    """
    sets = propagate_clip(model, clip, case.instruction, preset=preset, objects=_objects(case, objects), mask=case.mask)
    frames = clip.source if sets.warp is None else sets.warp.frames
    frames = torch.where(sets.masks[..., None], frames, clip.source)
    return Edit(frames, clip.geometry.frames_to_working(frames))


# -- drags ---------------------------------------------------------------------------------------------------------


def drag(
    model: DragModel, case: Case, clip: Clip, preset: Preset, *, objects: str = "found", everywhere: bool = False
) -> Edit:
    """The core's `drag_clip`.

    Args:
        objects: `found` from the handles, or `true`: the renderer's masks in every frame.
        everywhere: all of the picture may change, whatever the instruction says.
    """
    mask = torch.ones(clip.source.shape[1:3], dtype=torch.bool) if everywhere else case.mask
    result = drag_clip(model, clip, case.instruction, preset=preset, objects=_objects(case, objects), mask=mask)
    return Edit(result.frames, result.decoded.edited, iterations=result.offsets.iterations)


def _objects(case: Case, objects: str) -> ObjectMasks | None:
    if objects == "found":
        return None
    if case.truth is None:
        raise ValueError(f"{case.name} has no true masks.")
    return ObjectMasks(case.truth.objects, torch.ones(len(case.source)), case.instruction.frame)


# -- the list ------------------------------------------------------------------------------------------------------

_IMAGE_DRAG: dict[str, Any] = {
    "inversion_steps": 35,
    "inversion_refinements": 0,
    "lora": {"iterations": 0},
    "propagation": {"set_side": 1, "targets": "translate"},
    "tracker": {"range_cells": 3.0, "stride_cells": 0.5, "shared": False},
    "drag": {
        "steps": [35],
        "iterations": 80,
        "learning_rate": 0.01,
        "update": "adam",
        "template_rate": 1.0,
        "frame_fusion": 0.0,
        "patch_radius_cells": 1,
        "mask_weight": 0.1,
        "hard_mask": False,
        "warm_start": "none",
    },
    "decode": {"cross_branch": True, "cross_branch_step": 35},
}
"""DragDiffusion's recipe (its public code) for a model of any size; its LoRA has a row of its own."""

_PAPER: dict[str, Any] = {
    "inversion_steps": 42,
    "inversion_refinements": 0,
    "lora": {"iterations": 0},
    "propagation": {"set_side": 3, "targets": "translate"},
    "tracker": {"range_cells": 3.0, "stride_cells": 0.5, "shared": True},
    "drag": {
        "steps": [42, 41, 35, 30],
        "chain": "strided",
        "iterations": 60,
        "learning_rate": 0.01,
        "update": "adam",
        "template_rate": 0.5,
        "frame_fusion": 1.0,
        "patch_radius_cells": 1,
        "mask_weight": 0.1,
        "hard_mask": False,
        "warm_start": "none",
    },
    "decode": {"cross_branch": True, "cross_branch_step": 42},
}
"""Drag-A-Video's settings, but for the chain, which is shortened: a row says what that changes."""
_LORA = {"iterations": 80, "rank": 16, "learning_rate": 5e-4, "batch_size": 4, "seed": 0}


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with nested `changes`."""
    result = dict(base)
    for key, value in changes.items():
        result[key] = _merged(result.get(key, {}), value) if isinstance(value, Mapping) else value
    return result


def _ours(name: str, title: str, settings: Mapping[str, Any] | None = None, group: str = "parts", **more: Any) -> Row:
    return Row(name, title, group, drag, settings or {}, **more)


def _paper(name: str, title: str, settings: Mapping[str, Any], cost: float = 6.5, group: str = "paper") -> Row:
    return Row(name, title, group, drag, _merged(_PAPER, settings), cost=cost)


def _detail(name: str, title: str, settings: Mapping[str, Any], cost: float = 6.5) -> Row:
    return _paper(name, title, settings, cost, "details")


def _saving(name: str, title: str, changes: Mapping[str, Any], cost: float = 12.0) -> Row:
    """The paper's settings over the full chain, without LoRA."""
    return Row(
        name,
        title,
        "savings",
        drag,
        _merged(_PAPER, {"drag": {"chain": "full", **changes}, "decode": _BELOW}),
        cost=cost,
    )


_BELOW = {"cross_branch_step": -1}
_FROM_42: dict[str, Any] = {"inversion_steps": 42, "drag": {"steps": [42]}}
_NO_TEMPORAL = {"drag": {"frame_fusion": 0.0}, "tracker": {"shared": False}}


def _preset(name: str, title: str, cost: float) -> Row:
    """A preset's recipe as it stands, with the sizes and blocks of the benchmark's model."""
    return Row(f"preset_{name}", title, "presets", drag, RECIPES[name], cost=cost)


ROWS: tuple[Row, ...] = (
    Row("truth", "the true edit", "main", true_edit, cost=0.3, needs_truth=True),
    Row("copy", "copy of the input", "main", copy_input, cost=0.3),
    Row("codec", "encoded and decoded", "main", codec_only, cost=0.5),
    Row("reconstruct", "reconstruction, no drag", "main", reconstruct, cost=0.6),
    Row("warp_inpaint", "the warp alone", "main", warp_and_inpaint, cost=0.4),
    Row("image_drag", "image drag per frame", "main", drag, _IMAGE_DRAG, cost=5.5),
    _ours("ours", "ours", group="main"),
    # What ours is made of, one thing changed at a time.
    Row("reconstruct_42", "reconstruction from step 42", "parts", reconstruct, _FROM_42, cost=2.2),
    Row(
        "reconstruct_42_refined", "the same, inversion refined once", "parts", reconstruct,
        _FROM_42 | {"inversion_refinements": 1}, cost=3.2,
    ),
    Row(
        "warp_given", "the warp alone, given masks", "parts", warp_and_inpaint, options={"objects": "true"},
        cost=0.4, needs_truth=True,
    ),
    _ours("given_masks", "given masks", options={"objects": "true"}, needs_truth=True),
    _ours("no_detail", "detail not carried along", {"decode": {"detail": False}}),
    _ours("no_iterations", "warm start alone", {"drag": {"iterations": 0}}),
    _ours("no_warm_start", "no warm start, 60 iterations", {"drag": {"warm_start": "none", "iterations": 60}}, cost=3),
    _ours("single_handle", "a single handle instead of a set", {"propagation": {"set_side": 1}}),
    _ours("no_fusion", "no frame fusion", {"drag": {"frame_fusion": 0.0}}),
    _ours("own_tracking", "every frame tracked alone", {"tracker": {"shared": False}}),
    _ours("no_temporal", "neither of both", _NO_TEMPORAL),
    _ours("no_average", "no moving average", {"drag": {"template_rate": 1.0}}),
    _ours("adam", "Adam 0.01", {"drag": {"update": "adam", "learning_rate": 0.01}}),
    _ours("step_35", "step 35", {"inversion_steps": 35, "drag": {"steps": [35]}}, cost=3.0),
    _ours("step_42", "step 42", _FROM_42, cost=3.5),
    _ours(
        "paper_steps", "steps 42, 41, 35, 30", {"inversion_steps": 42, "drag": {"steps": [42, 41, 35, 30]}}, cost=5.0
    ),
    _ours(
        "paper_steps_independent", "steps 42, 41, 35, 30, not chained",
        {"inversion_steps": 42, "drag": {"steps": [42, 41, 35, 30], "chain": "independent"}}, cost=4.5,
    ),
    _ours("cross_branch", "with cross-branch attention", {"decode": {"cross_branch": True}}, cost=2.2),
    _ours("lora", "with LoRA, 80 steps", {"lora": _LORA}, cost=5.0),
    _ours("no_mask", "no mask", {"drag": {"mask_weight": 0.0, "hard_mask": False}}, options={"everywhere": True}),
    _ours("soft_mask", "mask only penalised", {"drag": {"hard_mask": False}}),
    _ours("affine", "affine targets", {"propagation": {"targets": "affine"}}),
    # Open choices, to be settled with --tune on scenes that the benchmark does not use.
    *(_ours(f"top_{step}", f"step {step}", {"inversion_steps": max(step, 12), "drag": {"steps": [step]}}, "choices")
      for step in (5, 10, 15, 25, 30)),
    *(_ours(f"iterations_{n}", f"{n} iterations", {"drag": {"iterations": n}}, "choices") for n in (10, 40)),
    *(_ours(f"block_{n}", f"feature block {n}", {"drag": {"feature_block": n}}, "choices") for n in (0, 2)),
    *(_ours(f"rate_{rate:g}", f"learning rate {rate:g}", {"drag": {"learning_rate": rate}}, "choices")
      for rate in (0.01, 0.04)),
    *(_ours(f"patch_{n}", f"patch radius {n}", {"drag": {"patch_radius_cells": n}}, "choices") for n in (0, 2)),
    *(_ours(f"template_{rate:g}", f"template rate {rate:g}", {"drag": {"template_rate": rate}}, "choices")
      for rate in (0.0, 0.5)),
    _ours("mask_weight_0.1", "mask weight 0.1", {"drag": {"mask_weight": 0.1}}, "choices"),
    *(_ours(f"mask_{px:g}", f"mask points of {px:g} px", {"propagation": {"mask_radius_px": px}}, "choices")
      for px in (6.0, 12.0)),
    *(_ours(f"arrival_{px:g}", f"arrived within {px:g} px", {"drag": {"arrival_px": px}}, "choices")
      for px in (0.5, 2.0)),
    *(_ours(f"cross_branch_{layer}", f"cross-branch attention from layer {layer}",
            {"decode": {"cross_branch": True, "cross_branch_layer": layer}}, "choices") for layer in (3, 6)),
    _ours("refined", "inversion refined once", {"inversion_refinements": 1}, "choices", cost=2.1),
    # The paper's own settings, one thing changed at a time: what its Fig. 6, 7, 8 and Table 2 claim,
    _paper("paper", "the paper's settings", {}),
    _paper("paper_single_handle", "... a single handle (Fig. 6)", {"propagation": {"set_side": 1}}),
    _paper("paper_step_35", "... step 35 alone (Fig. 7)", {"inversion_steps": 35, "drag": {"steps": [35]}}, cost=4.6),
    _paper("paper_step_42", "... step 42 alone (Fig. 7)", {"drag": {"steps": [42]}}, cost=5.0),
    _paper("paper_no_temporal", "... no temporal modules (Fig. 8, Table 2)", _NO_TEMPORAL),
    # and what it leaves open.
    _detail("paper_full_chain", "... chain through every step", {"drag": {"chain": "full"}}, cost=20.0),
    _detail("paper_independent", "... not chained", {"drag": {"chain": "independent"}}),
    _detail("paper_no_fusion", "... no frame fusion", {"drag": {"frame_fusion": 0.0}}),
    _detail("paper_own_tracking", "... every frame tracked alone", {"tracker": {"shared": False}}),
    _detail("paper_no_average", "... no moving average", {"drag": {"template_rate": 1.0}}),
    _detail(
        "paper_normalised", "... normalised gradient 0.02", {"drag": {"update": "normalised", "learning_rate": 0.02}}
    ),
    _detail("paper_no_cross_branch", "... no cross-branch attention", {"decode": {"cross_branch": False}}),
    _detail("paper_lora", "... with LoRA, 80 steps", {"lora": _LORA}, cost=10.0),
    Row(
        "image_drag_lora", "image drag with LoRA, 80 steps", "details", drag, _merged(_IMAGE_DRAG, {"lora": _LORA}),
        cost=9.0,
    ),
    # What the presets for Stable Diffusion 1.5 do here, LoRA included, and what their savings change.
    _preset("paper", "paper", 18.0),
    _preset("dragdiffusion", "dragdiffusion", 9.0),
    _preset("gooddrag", "gooddrag", 9.0),
    _preset("draft", "draft", 1.5),
    _preset("best", "best", 9.0),
    _saving("saving_none", "the paper's settings, nothing saved", {"passes": "two", "way_refresh": 1, "rest": False}),
    _saving("saving_one_pass", "... read in the graded pass", {"passes": "one", "way_refresh": 1, "rest": False}),
    _saving("saving_way", "... the way walked every fourth time", {"passes": "two", "way_refresh": 4, "rest": False}),
    _saving("saving_rest", "... arrived points rest", {"passes": "two", "way_refresh": 1, "rest": True}),
    _saving("alternating", "... alternating, ten iterations a step", {"chain": "alternating"}, cost=6.0),
    _saving("adaptive", "... FreeDrag's rate", {"adaptive_template": True}),
)  # fmt: skip


def timed(row: Row, model: DragModel, case: Case, clip: Clip, base: Preset) -> Edit:
    """Run a row and note how long it took."""
    preset = row.preset(base)
    start = time.perf_counter()
    edit = row.run(model, case, clip, preset, **row.options)
    return replace(edit, seconds=time.perf_counter() - start)


def chosen(names: tuple[str, ...]) -> tuple[Row, ...]:
    """The rows of these names or groups, in the list's order.

    Raises:
        ValueError: a name that is neither.
    """
    known = {row.name for row in ROWS} | {row.group for row in ROWS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"There is no row or group '{unknown[0]}'; there are: {', '.join(sorted(known))}.")
    return tuple(row for row in ROWS if row.name in names or row.group in names)
