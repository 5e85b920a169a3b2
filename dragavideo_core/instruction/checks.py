"""Whether an instruction can be carried out on a clip."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..errors import DragAVideoError

if TYPE_CHECKING:
    from ..media.clip import Clip
from .value import DragInstruction, Point

SHORTEST_DRAG_PX = 0.5
"""A target closer to its handle than this (source pixels) is a slip of the mouse."""


def clip_position(instruction: DragInstruction, clip: Clip) -> int:
    """Position in the clip of the frame nearest to `instruction.frame` (the earlier one of two equally near).

    Raises:
        DragAVideoError: the frame lies outside the stretch that was taken from the file.
    """
    indices = clip.frame_indices
    if not indices[0] <= instruction.frame <= indices[-1]:
        raise DragAVideoError(
            f"The instruction's points are on frame {instruction.frame}, but the clip holds frames {indices[0]} to "
            f"{indices[-1]} of the file; take more frames (start, limit, every) or set the points on one of these."
        )
    return min(range(len(indices)), key=lambda n: abs(indices[n] - instruction.frame))


def check_pairs(instruction: DragInstruction) -> None:
    """Check that there is something to drag, which needs no clip.

    Raises:
        DragAVideoError: no pairs.
    """
    if not instruction.pairs:
        what = "are only mask points" if instruction.mask_points else "is nothing to drag"
        raise DragAVideoError(
            f"There {what} yet: press on the object in the editor, drag to where it shall go and release (in the "
            'JSON text, add at least one handle with its target to "pairs").'
        )


def validate_instruction(instruction: DragInstruction, clip: Clip) -> None:
    """Check that an instruction can be carried out on a clip. Corrections on frames that were not taken are no fault.

    Raises:
        DragAVideoError: no pairs, another size than the clip's, a frame that was not taken, a point that is not
            finite or not in the frame, a handle on its target, a handle or target outside the crop window, a
            correction of a pair that is not there, on the frame of the points, or twice the same.
    """
    check_pairs(instruction)
    width, height = clip.geometry.source_size
    if instruction.size is not None and tuple(instruction.size) != (width, height):
        raise DragAVideoError(
            f"The instruction was made for a clip of {instruction.size[0]}x{instruction.size[1]} pixels, this one has "
            f"{width}x{height}; set the points on this clip, or convert them (rescale of Drag Points; in Python "
            f"scaled_to(({width}, {height})))."
        )
    clip_position(instruction, clip)
    _check_corrections(instruction)
    left, top, right, bottom = clip.geometry.window
    for name, point in _named_points(instruction):
        where = f"({point[0]:g}, {point[1]:g})"
        if not all(map(math.isfinite, point)):
            raise DragAVideoError(f"The position of {name} is {where}; expected two finite numbers.")
        if not (-0.5 <= point[0] <= width - 0.5 and -0.5 <= point[1] <= height - 0.5):
            raise DragAVideoError(
                f"The position of {name}, {where}, is outside the frame; x must be in 0..{width - 1} and y in "
                f"0..{height - 1}."
            )
        dragged = "handle" in name or "target" in name or "correction" in name
        if dragged and not (left <= point[0] <= right and top <= point[1] <= bottom):
            raise DragAVideoError(
                f"The position of {name}, {where}, is cut off by the crop, which keeps x {left:.1f}..{right:.1f} and y "
                f"{top:.1f}..{bottom:.1f}; fit with letterbox, or choose a working size of the clip's own shape."
            )
    for i, pair in enumerate(instruction.pairs):
        distance = math.dist(pair.handle, pair.target)
        if distance < SHORTEST_DRAG_PX:
            raise DragAVideoError(
                f"The target of pair {i + 1} is {distance:.2f} px from its handle; move it at least "
                f"{SHORTEST_DRAG_PX} px away, or make the handle a pinned point if it shall stay."
            )


def _check_corrections(instruction: DragInstruction) -> None:
    seen: set[tuple[int, int]] = set()
    for i, correction in enumerate(instruction.corrections):
        if not 0 <= correction.pair < len(instruction.pairs):
            raise DragAVideoError(
                f"Correction {i + 1} names pair {correction.pair}, counted from 0, but there are "
                f"{len(instruction.pairs)} pairs; remove it, or name another."
            )
        if correction.frame == instruction.frame:
            raise DragAVideoError(
                f"Correction {i + 1} is on frame {correction.frame}, where the points themselves are set; move the "
                f"handle of pair {correction.pair + 1} instead."
            )
        if (correction.pair, correction.frame) in seen:
            raise DragAVideoError(
                f"Pair {correction.pair + 1} is corrected twice on frame {correction.frame}; remove one of the two."
            )
        seen.add((correction.pair, correction.frame))


def _named_points(instruction: DragInstruction) -> list[tuple[str, Point]]:
    named: list[tuple[str, Point]] = []
    for i, pair in enumerate(instruction.pairs):
        named += [(f"the handle of pair {i + 1}", pair.handle), (f"the target of pair {i + 1}", pair.target)]
    for c in instruction.corrections:
        named.append((f"the correction of pair {c.pair + 1} on frame {c.frame}", c.handle))
    named += list(instruction.hints.positions())
    named += [(f"mask point {i + 1}", point) for i, point in enumerate(instruction.mask_points)]
    return named + [(f"pinned point {i + 1}", point) for i, point in enumerate(instruction.pinned_points)]
