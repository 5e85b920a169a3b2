"""Where a source pixel lies in the working clip, and back: the only place that knows the scale and the offset.

A point is a float (x, y) whose integer values are pixel centres, so a picture of width W spans -0.5..W-0.5. Source and
working pixels are related by one uniform scale and one offset:

    working = (source + 0.5) * scale + offset - 0.5
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import DragAVideoError

Size = tuple[int, int]
_LONGEST = 20
"""A strip longer than this many times its width is no picture; resampling it would take matrices of gigabytes."""
"""(width, height) in pixels."""


@dataclass(frozen=True)
class Geometry:
    """The map between a source clip and its working clip. `offset` is (x, y) in working pixels."""

    source_size: Size
    working_size: Size
    scale: float
    offset: tuple[float, float]

    def to_working(self, points: Tensor) -> Tensor:
        """Source pixels [..., 2] as working pixels [..., 2]; works outside the window too."""
        return (points + 0.5) * self.scale + self._offset_like(points) - 0.5

    def to_source(self, points: Tensor) -> Tensor:
        """Working pixels [..., 2] as source pixels [..., 2]; the inverse of `to_working`."""
        return (points + 0.5 - self._offset_like(points)) / self.scale - 0.5

    @property
    def window(self) -> tuple[float, float, float, float]:
        """(left, top, right, bottom) of the source that the working clip shows, in source pixels, edges included."""
        corners = torch.tensor([[-0.5, -0.5], [s - 0.5 for s in self.working_size]], dtype=torch.float64)
        (left, top), (right, bottom) = self.to_source(corners).tolist()
        width, height = self.source_size
        return max(left, -0.5), max(top, -0.5), min(right, width - 0.5), min(bottom, height - 0.5)

    def frames_to_working(self, frames: Tensor) -> Tensor:
        """Resample source frames [N, Hs, Ws, 3] to [N, H, W, 3], float 0-1 (bicubic, antialiased).

        Letterbox bars repeat the frame's edge, so that no black border makes a contour of its own.
        """
        self._expect(frames, self.source_size, 4)
        rows, columns = self._resamplers(frames, to_source=False, kernel=_cubic)
        return _resample(frames.float(), rows, columns).clamp_(0.0, 1.0)

    def frames_to_source(self, frames: Tensor, background: Tensor) -> Tensor:
        """Resample working frames [N, H, W, 3] to [N, Hs, Ws, 3] and lay them over `background` [N, Hs, Ws, 3].

        Source pixels whose centre the working window does not cover keep the background's value, bit for bit.
        """
        self._expect(background, self.source_size, 4)
        resampled = self.values_to_source(frames).clamp_(0.0, 1.0)
        inside = self._inside(to_source=True, device=frames.device)
        return torch.where(inside[..., None], resampled, background.to(resampled))

    def values_to_source(self, values: Tensor) -> Tensor:
        """Resample values of any range, [N, H, W, C], to [N, Hs, Ws, C]; zero outside the working window.

        Bicubic, but no value's size goes beyond the largest given: a displacement field has steps to overshoot at.
        """
        self._expect(values, self.working_size, 4)
        rows, columns = self._resamplers(values, to_source=True, kernel=_cubic)
        inside = self._inside(to_source=True, device=values.device)
        most = float(values.abs().max())
        return _resample(values.float(), rows, columns).clamp_(-most, most) * inside[..., None]

    def values_to_working(self, values: Tensor) -> Tensor:
        """Resample values of any range, [N, Hs, Ws, C], to [N, H, W, C] (linear, antialiased: nothing overshoots)."""
        self._expect(values, self.source_size, 4)
        rows, columns = self._resamplers(values, to_source=False, kernel=_triangle)
        return _resample(values.float(), rows, columns)

    def mask_to_working(self, mask: Tensor) -> Tensor:
        """Masks [N, Hs, Ws] as [N, H, W]: bool in, bool out (half coverage or more); float in, float out.

        Nothing lies outside the source: letterbox bars are 0.
        """
        return self._resample_mask(mask, to_source=False)

    def mask_to_source(self, mask: Tensor) -> Tensor:
        """Masks [N, H, W] as [N, Hs, Ws], dtype as in `mask_to_working`; 0 outside the working window."""
        return self._resample_mask(mask, to_source=True)

    def _resample_mask(self, mask: Tensor, *, to_source: bool) -> Tensor:
        self._expect(mask, self.working_size if to_source else self.source_size, 3)
        rows, columns = self._resamplers(mask, to_source=to_source, kernel=_triangle)
        covered = _resample(mask.float()[..., None], rows, columns)[..., 0].clamp_(0.0, 1.0)
        covered = covered * self._inside(to_source=to_source, device=mask.device)
        return covered >= 0.5 if mask.dtype == torch.bool else covered

    def _offset_like(self, points: Tensor) -> Tensor:
        return torch.tensor(self.offset, dtype=points.dtype, device=points.device)

    def _axes(self, to_source: bool) -> list[tuple[int, int, float, float]]:
        """(input length, output length, scale, offset) of the x and the y axis."""
        axes = []
        for source, working, offset in zip(self.source_size, self.working_size, self.offset):
            if to_source:
                axes.append((working, source, 1.0 / self.scale, -offset / self.scale))
            else:
                axes.append((source, working, self.scale, offset))
        return axes

    def _resamplers(
        self, like: Tensor, *, to_source: bool, kernel: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, Tensor]:
        columns, rows = (_weights(*axis, kernel).to(like.device) for axis in self._axes(to_source))
        return rows, columns

    def _inside(self, *, to_source: bool, device: torch.device) -> Tensor:
        """Bool [rows, columns] of the output: the pixel's centre lies on the input picture."""
        x, y = (
            (c > -0.5 - 1e-6) & (c < axis[0] - 0.5 + 1e-6)
            for axis in self._axes(to_source)
            for c in (_centres(axis[1], axis[2], axis[3]),)
        )
        return (y[:, None] & x[None, :]).to(device)

    @staticmethod
    def _expect(pictures: Tensor, size: Size, dimensions: int) -> None:
        if pictures.ndim != dimensions or tuple(pictures.shape[1:3]) != (size[1], size[0]):
            raise DragAVideoError(
                f"Pictures of shape {list(pictures.shape)} do not fit here: expected {size[0]}x{size[1]} pixels "
                f"as [N, {size[1]}, {size[0]}{', 3' if dimensions == 4 else ''}]; use the clip they belong to."
            )


def fit_geometry(source_size: Size, size: int | Size, fit: str = "crop", multiple: int = 8) -> Geometry:
    """The geometry that fits a source clip into a working size.

    Args:
        source_size: (width, height) of the source.
        size: an int keeps the source's aspect with about size * size pixels; a pair (width, height) is taken as it
            is. Both are rounded to the nearest multiple of `multiple`.
        fit: "crop" fills the working size and cuts what hangs over, centred; "letterbox" shows all of the source.
        multiple: what width and height must be multiples of.

    Raises:
        DragAVideoError: an empty or a very narrow source, a size below 1, or an unknown `fit`.
    """
    width, height = source_size
    if width < 1 or height < 1:
        raise DragAVideoError(f"The source is {width}x{height} pixels; at least 1x1 is needed.")
    if max(width, height) > _LONGEST * min(width, height):
        raise DragAVideoError(
            f"The source is {width}x{height} pixels, more than {_LONGEST} times as long as it is wide; crop it first."
        )
    if isinstance(size, int):
        wanted = (size * math.sqrt(width / height), size * math.sqrt(height / width))
    else:
        wanted = (float(size[0]), float(size[1]))
    if min(wanted) <= 0:
        raise DragAVideoError(f"The working size {size} is not positive; give a size in pixels such as 512.")
    working_width, working_height = (max(multiple, math.floor(side / multiple + 0.5) * multiple) for side in wanted)
    scales = (working_width / width, working_height / height)
    if fit == "crop":
        scale = max(scales)
    elif fit == "letterbox":
        scale = min(scales)
    else:
        raise DragAVideoError(f"'{fit}' is no way to fit a clip; use 'crop' or 'letterbox'.")
    offset = ((working_width - width * scale) / 2, (working_height - height * scale) / 2)
    if scale == 1.0:
        # Half a pixel to the left costs nothing; resampling at half pixels would blur a clip that fits already.
        offset = (math.floor(offset[0]), math.floor(offset[1]))
    return Geometry((width, height), (working_width, working_height), scale, (float(offset[0]), float(offset[1])))


def _cubic(x: Tensor) -> Tensor:
    """Catmull-Rom kernel, support 2."""
    x = x.abs()
    near = 1.5 * x**3 - 2.5 * x**2 + 1.0
    far = -0.5 * x**3 + 2.5 * x**2 - 4.0 * x + 2.0
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


def _triangle(x: Tensor) -> Tensor:
    """Linear kernel, support 1."""
    return (1.0 - x.abs()).clamp(min=0.0)


def _centres(length: int, scale: float, offset: float) -> Tensor:
    """Input coordinate of every output pixel centre, float64 [length]."""
    return (torch.arange(length, dtype=torch.float64) + 0.5 - offset) / scale - 0.5


def _weights(
    input_length: int, output_length: int, scale: float, offset: float, kernel: Callable[[Tensor], Tensor]
) -> Tensor:
    """Resampling along one axis as a matrix [output_length, input_length], rows summing to 1, edges repeated.

    The kernel is widened by 1/scale when the picture shrinks. A matrix takes any fractional offset, which
    torch's interpolate does not; 512 x 1920 weights cost less than one convolution.
    """
    # Centres far outside (wide letterbox bars) see the edge pixel only.
    centre = _centres(output_length, scale, offset).clamp(-1.0, float(input_length))
    widening = max(1.0, 1.0 / scale)
    reach = math.ceil(2 * widening) + 1
    taps = torch.arange(-reach, reach + 1, dtype=torch.float64)
    index = centre.floor()[:, None] + taps
    weight = kernel((index - centre[:, None]) / widening)
    weight = weight / weight.sum(dim=1, keepdim=True)
    matrix = torch.zeros(output_length, input_length, dtype=torch.float64)
    matrix.scatter_add_(1, index.long().clamp(0, input_length - 1), weight)
    return matrix.float()


def _resample(pictures: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Apply `rows` [h, H] and `columns` [w, W] to pictures [N, H, W, C] -> [N, h, w, C], one picture at a time."""
    count, _, _, channels = pictures.shape
    result = pictures.new_empty(count, rows.shape[0], columns.shape[0], channels)
    for n in range(count):
        narrow = (rows @ pictures[n].flatten(1)).unflatten(1, (-1, channels))
        result[n] = (columns @ narrow.transpose(0, 1).flatten(1)).unflatten(1, (-1, channels)).transpose(0, 1)
    return result
