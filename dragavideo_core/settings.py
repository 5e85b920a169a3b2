"""Every number of the method, as small frozen dataclasses, and the preset that belongs to the paper.

Lengths called `*_px` are pixels of the *working* clip (512 wide for SD1.5, 128 for the bundled model). A *step* is a
DDIM inversion count (1-50); it is never a timestep (0-999). A model folder may carry its own preset in
`drag_preset.json` beside `model_index.json`: defaults belong to the weights.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from .checked import Checked
from .errors import DragAVideoError
from .files import read_named
from .texts import decoded, is_number, shown

PRESET_FILE = "drag_preset.json"


@dataclass(frozen=True)
class LoraSettings(Checked):
    """LoRA tuning on the clip's frames (Sec. 4.1, which names no numbers; rank and rate are DragDiffusion's, which
    takes 80 iterations). `iterations` 0 skips the stage."""

    iterations: int = 200
    rank: int = 16
    learning_rate: float = 5e-4
    batch_size: int = 4
    seed: int = 0


@dataclass(frozen=True)
class PropagationSettings(Checked):
    """Point-set propagation (Sec. 3.2)."""

    correspondence: Literal["classical", "diffusion"] = "classical"
    """How points are found again: by flow, gradients and colour over every frame of the file, or by the network's
    features over the taken ones (DIFT, the paper's)."""

    set_side: int = 3
    """A handle becomes set_side x set_side points; 1 is the single-point ablation (Fig. 6)."""
    set_spacing_px: float = 8.0
    """Distance of neighbours in a set, which the paper does not name; here one latent cell."""
    step: int = 3
    """Inversion step whose features DIFT compares."""
    feature_block: int = 2
    """Index into `unet.up_blocks` of the features DIFT compares."""
    window_px: float = 48.0
    """A point is looked for within this distance (max norm) of where its last motion would bring it (diffusion)."""
    occlusion_similarity: float = 0.4
    """A point whose best cosine similarity is below this is marked invisible."""
    targets: Literal["translate", "affine"] = "translate"
    """`translate` is Eq. 2; `affine` turns and scales handle->target with the fitted motion of the set."""
    mask_radius_px: float = 32.0
    """Half the side of the square round each mask point, and the radius round each handle->target segment."""


@dataclass(frozen=True)
class TrackerSettings(Checked):
    """Temporal-consistent point tracking (Sec. 3.4, Eq. 6 and 7)."""

    range_cells: float = 3.0
    """l of Eq. 6: the offset searched along d, in cells of the half-resolution grid (1 cell = 2 working px)."""
    stride_cells: float = 0.5
    """Spacing of the candidates in that range."""
    shared: bool = True
    """One offset for all frames, as Eq. 6 has it; False searches each frame alone (Fig. 8's ablation)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stride_cells > self.range_cells:
            raise DragAVideoError(
                f"The tracker's stride of {self.stride_cells:g} cells is wider than its range of {self.range_cells:g}, "
                "so that no motion would ever be tried; choose a smaller stride."
            )


@dataclass(frozen=True)
class DragSettings(Checked):
    """Latent-offset optimisation (Sec. 3.3).

    Steps, iterations, rule and rate are the paper's (Sec. 4.1). What it does not name is DragDiffusion's (mask weight,
    patch radius, arrival, feature block) or ours (template rate; the chain, the hard mask and the warm start are off).
    """

    steps: tuple[int, ...] = (42, 41, 35, 30)
    """Inversion steps that carry an offset: the paper's set T."""
    chain: Literal["full", "strided", "independent", "alternating"] = "full"
    """How x at a lower step depends on the offsets above it: through every DDIM step, through one jump between
    selected steps (fast, slightly coarser), or not at all (each step on its own reference latent). `alternating` drags
    at the highest step alone, denoises to the next and goes on there (GoodDrag): no step is gone through twice."""
    iterations: int = 60
    step_iterations: int = 10
    """Iterations at each step of an alternating drag, GoodDrag's number; the lowest step keeps what is left over."""
    way_refresh: int = 4
    """A full chain walks the steps between the selected ones anew every this many iterations; 1 is every time. Between,
    the way is the one jump plus the correction that the last walk found."""
    passes: Literal["one", "two"] = "one"
    """`two` reads points and frame average before it supervises, as the equations stand: the features of all frames
    and steps, then once more with a graph. `one` reads them in the graded pass, for the next iteration."""
    reach_cells: float = 1.0
    """How far ahead of its point a patch is pushed each iteration: d of Eq. 4 (DragDiffusion 1, GoodDrag 4)."""
    learning_rate: float = 0.01
    update: Literal["adam", "normalised"] = "adam"
    """`adam` is the paper's; `normalised` is a momentum step divided by the frame's largest cell norm."""
    template_rate: float = 0.5
    """The supervising feature (right side of Eq. 4) starts on the reference trajectory and takes this share of the
    current one each iteration: the paper's moving average, of which it names no rate. 1 supervises with the current map
    alone (DragDiffusion), a small rate remembers the undragged part."""
    adaptive_template: bool = False
    """FreeDrag's rate in place of `template_rate`: high where a push has succeeded, low where the features ahead are
    still far from what they are to become; a push that leaves them farther than the first was is taken back."""
    frame_fusion: float = 1.0
    """1: the frame average of Eq. 3; 0: each frame's own feature; between: a blend."""
    feature_block: int = 2
    """Index into `unet.up_blocks` of the supervised features."""
    patch_radius_cells: int = 1
    """r_m: supervision and tracking compare (2 r_m + 1)^2 cells of the half-resolution grid round each point."""
    mask_weight: float = 0.1
    """lambda of Eq. 5. The paper adds both losses as they are, but does not say over what Eq. 4 is averaged: here over
    the features' channels too, which makes the mask hundreds of times heavier than if they were summed."""
    hard_mask: bool = False
    """Set offsets outside the mask to zero instead of only penalising them."""
    warm_start: Literal["none", "puppet"] = "none"
    """First offset = reference latent warped along the drag, minus itself: `puppet` moves the dragged part on a
    layer of its own, as `warp.clip` says; `none` begins with the untouched latents."""
    arrival_px: float = 4.0
    """A point closer to its target than this has arrived; when all have, the loop ends. DragDiffusion's 2 cells of its
    half-size grid."""
    rest: bool = True
    """An arrived point is pushed no more (as in DragDiffusion), and a frame whose points all have is left alone."""
    patience: int = 0
    """The loop ends when the points have come no nearer for so many iterations; 0 never gives up."""
    micro_batch: int = 0
    """Frames back-propagated at a time; 0 is as many as memory allows. Results do not change."""


@dataclass(frozen=True)
class DecodeSettings(Checked):
    """Denoising with the offsets (Sec. 3.3, last paragraph) and compositing."""

    cross_branch: bool = True
    """Edited queries attend to the source branch's keys and values (MasaCtrl) in the up-sampler's self-attentions."""
    cross_branch_layer: int = 10
    """First self-attention, counted over the whole UNet (16 in SD1.5), that crosses branches (MasaCtrl's number)."""
    cross_branch_step: int = -1
    """First (highest) inversion step at which branches are crossed; -1: the first below the drag, so that the offsets
    meet the very trajectory that they were made on."""
    smoothing: bool = False
    """Interleaved-frame smoothing of the predicted clean frames (ControlVideo)."""
    smoothing_steps: tuple[int, ...] = (20, 19)
    detail: bool = False
    """The source's own pixels are moved along the warm start's field wherever the model agrees with them."""
    composite: bool = True
    """Outside the feathered mask the source frame's own pixels are kept."""
    feather_px: float = 8.0
    micro_batch: int = 0


@dataclass(frozen=True)
class Preset(Checked):
    """All settings that go with one set of weights."""

    name: str = "paper"
    size: int = 512
    """The working clip has about size x size pixels."""
    inversion_steps: int = 42
    """K: how many of the schedule's 50 steps are inverted. The paper names its highest step; 50 is DDIM's usual."""
    inversion_refinements: int = 0
    """Fixed-point iterations at each inverted step; 1 brings the reconstruction closer for twice the time."""
    lora: LoraSettings = field(default_factory=LoraSettings)
    propagation: PropagationSettings = field(default_factory=PropagationSettings)
    tracker: TrackerSettings = field(default_factory=TrackerSettings)
    drag: DragSettings = field(default_factory=DragSettings)
    decode: DecodeSettings = field(default_factory=DecodeSettings)

    def to_json(self) -> str:
        """The preset as indented JSON, readable by `preset_from_json`."""
        return json.dumps(asdict(self), indent=2)


PAPER = Preset()
"""The paper's settings (Sec. 4.1), for SD1.5 at 512 px; what it does not name is said at each setting."""

_Settings = TypeVar(
    "_Settings", Preset, LoraSettings, PropagationSettings, TrackerSettings, DragSettings, DecodeSettings
)


def override(settings: _Settings, values: Mapping[str, Any]) -> _Settings:
    """`settings` with some fields replaced; nested mappings override nested settings.

    Raises:
        DragAVideoError: a key that is no field of the settings, or a value of another kind than the field's.
    """
    known = {f.name for f in fields(settings)}
    changes: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            raise DragAVideoError(
                f"{shown(key)} is not a setting of {type(settings).__name__}; it has: {', '.join(sorted(known))}."
            )
        current = getattr(settings, key)
        nested = is_dataclass(current) and isinstance(value, Mapping)
        changes[key] = override(current, value) if nested else _like(current, value, key)
    return replace(settings, **changes)


def _like(current: Any, value: Any, key: str) -> Any:
    """`value` if it is of `current`'s kind (a whole number may stand for a float, a list for a tuple)."""
    if isinstance(current, tuple) and isinstance(value, (list, tuple)):
        return tuple(value)
    if isinstance(current, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value) if is_number(value) else value
    if is_dataclass(current):
        first = fields(current)[0].name
        raise DragAVideoError(f"'{key}' is a group of settings; change one of them, for example {key}.{first}.")
    if type(value) is not type(current):
        raise DragAVideoError(f"The setting '{key}' is {shown(value)}; it must be a value like {json.dumps(current)}.")
    return value


def preset_from_json(text: str) -> Preset:
    """Parse a preset; settings it does not name keep the paper's value.

    Raises:
        DragAVideoError: not JSON, not an object, or an unknown key.
    """
    values = decoded(text, "The preset", f"compare it with bundled/model/{PRESET_FILE}", literals=False)
    if not isinstance(values, dict):
        raise DragAVideoError("The preset must be a JSON object of settings.")
    return override(PAPER, values)


def load_preset(folder: Path, otherwise: Preset = PAPER) -> Preset:
    """The preset stored beside a model's weights, or `otherwise` where there is none."""
    path = folder / PRESET_FILE
    return read_preset(path) if path.is_file() else otherwise


def read_preset(path: Path) -> Preset:
    """The preset in a file.

    Raises:
        DragAVideoError: unreadable, or not a preset; the message begins with the file's name.
    """
    return read_named(path, preset_from_json)
