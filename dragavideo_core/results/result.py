"""What a whole drag gives."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from ..decoding.decode import Decoded
from ..drag.offsets import LatentOffsets
from ..model.lora import LoraWeights
from ..propagation.point_sets import PointSets


@dataclass(frozen=True)
class DragResult:
    """Everything a drag made. Frames are fp32, 0-1, on the CPU."""

    frames: Tensor
    """[N, Hs, Ws, 3], source size: the edited clip."""
    decoded: Decoded
    """The edited and the plain reconstruction at working size, before compositing."""
    point_sets: PointSets
    offsets: LatentOffsets
    lora: LoraWeights | None = None
    """The adapter that was used, where there was one."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall-clock time of each stage; a stage found in the store takes next to none."""
