"""The window of a frame in which a drag is solved, and how much smaller it is solved."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .free_field import reach_of

_ROOM, _LEAST_ROOM = 5.0, 0.3
"""The crop round handle and target: so many drags to each side, at least this share of the longer side."""
_CELLS_A_DRAG, _SOLVE, _GRID = 20, 128, 240
"""The solved picture: the drag spans about so many cells, the whole frame this many at least, the crop this at most."""
_FREE_CELLS = 10


@dataclass(frozen=True)
class Crop:
    """A window of the source, px; it may reach beyond the frame."""

    left: int
    top: int
    width: int
    height: int
    scale: float

    @property
    def solved(self) -> tuple[int, int]:
        """(H, W) of the solved picture."""
        return max(1, round(self.height * self.scale)), max(1, round(self.width * self.scale))

    @property
    def factors(self) -> np.ndarray:
        """Source px in a solved px, along x and y."""
        height, width = self.solved
        return np.array([self.width / width, self.height / height])

    def inner(self, points: np.ndarray) -> np.ndarray:
        """Source points [..., 2] in the crop's px."""
        return np.asarray(points, float) - [self.left, self.top]

    def solve(self, points: np.ndarray) -> np.ndarray:
        """Source points [..., 2] in solved px."""
        return (self.inner(points) + 0.5) / self.factors - 0.5

    def cut(self, picture: np.ndarray) -> np.ndarray:
        """The crop of a picture [H, W, ...]; beyond the frame its border goes on."""
        height, width = picture.shape[:2]
        top, left = max(0, -self.top), max(0, -self.left)
        bottom, right = max(0, self.top + self.height - height), max(0, self.left + self.width - width)
        rows = slice(max(self.top, 0), min(self.top + self.height, height))
        columns = slice(max(self.left, 0), min(self.left + self.width, width))
        inner = np.ascontiguousarray(picture[rows, columns])
        return np.asarray(cv2.copyMakeBorder(inner, top, bottom, left, right, cv2.BORDER_REPLICATE))

    def put(self, part: np.ndarray, into: np.ndarray) -> None:
        """Lay the crop `part` back into a whole picture, in place."""
        height, width = into.shape[:2]
        top, left = max(self.top, 0), max(self.left, 0)
        bottom, right = min(self.top + self.height, height), min(self.left + self.width, width)
        into[top:bottom, left:right] = part[top - self.top : bottom - self.top, left - self.left : right - self.left]


def crop_of(handles: np.ndarray, targets: np.ndarray, size: tuple[int, int], free: bool) -> Crop:
    """The crop for drags [P, 2] -> [P, 2] in a frame of (H, W); `free` where no object is cut out."""
    height, width = size
    longer, length = max(size), float(np.hypot(*(targets - handles).T).max())
    points = handles if free else np.concatenate([handles, targets])
    room = reach_of(length, longer) + 6 if free else max(_ROOM * length, _LEAST_ROOM * longer)
    low = np.floor(points.min(0) - room).astype(int)
    high = np.ceil(points.max(0) + room).astype(int) + 1
    if free:
        scale = min(1.0, _FREE_CELLS / length)
    else:
        low, high = np.maximum(low, 0), np.minimum(high, [width, height])
        scale = min(1.0, max(_CELLS_A_DRAG / length, _SOLVE / longer), _GRID / float((high - low).max()))
    return Crop(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]), scale)
