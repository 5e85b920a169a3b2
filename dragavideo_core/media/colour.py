"""From a decoded frame to the picture: BT.601, BT.709 and BT.2020, HDR to SDR, transparency."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from torch import Tensor

from .orientation import shown
from .pictures import picture_of_bytes
from .strip import small_size

if TYPE_CHECKING:
    from av import VideoFrame

BT709, BT601 = 1, 5
"""Matrix coefficients, as FFmpeg counts them."""
_UNSPECIFIED = (0, 2)
_PQ, _HLG = 16, 18
"""Transfer functions of BT.2100, as H.273 counts them."""
_TO_BT709 = {
    9: ((1.660491, -0.587641, -0.072850), (-0.124550, 1.132900, -0.008349), (-0.018151, -0.100579, 1.118730)),
    12: ((1.224940, -0.224940, 0.0), (-0.042057, 1.042057, 0.0), (-0.019638, -0.078636, 1.098274)),
}
"""Linear light of other primaries (BT.2020, Display P3) to BT.709's, all with the white point D65."""
_HDR_PEAK, _SDR_PEAK = 1000.0, 100.0
"""Luminance of the display that HDR is usually graded on and of BT.1886's, cd/m2."""
_HLG_WHITE = 0.75
"""BT.2408: HLG's signal for reference white."""


Levels = np.ndarray[Any, Any]


def frame_picture(frame: VideoFrame, aspect: Fraction | None = None) -> Tensor:
    """A decoded frame as players show it, [H, W, 3] float 0-1: upright, square pixels, SDR, alpha over white.

    Args:
        aspect: width of a pixel / its height, see `opening.Film`.
    """
    return picture_of(frame_levels(frame, aspect), frame)


def frame_levels(frame: VideoFrame, aspect: Fraction | None) -> Levels:
    """A frame's own levels upright and with square pixels: [H, W, 3 or 4] uint8, of wide colours [H, W, 3] uint16."""
    if _is_wide(frame):
        return shown(frame.to_ndarray(format="rgb48le", **_matrix(frame)), frame, aspect)
    has_alpha = frame.format.has_palette or any(part.is_alpha for part in frame.format.components)
    return shown(frame.to_ndarray(format="rgba" if has_alpha else "rgb24", **_matrix(frame)), frame, aspect)


def picture_of(levels: Levels, frame: VideoFrame) -> Tensor:
    """Levels of a frame as the picture that is shown, [H, W, 3] float 0-1: SDR, alpha over white."""
    if levels.dtype == np.uint16:
        return _to_sdr(levels, frame)
    return picture_of_bytes(levels)


def bytes_of(levels: Levels, frame: VideoFrame) -> Tensor:
    """Levels of a frame as [H, W, 4] uint8, SDR, with straight alpha."""
    if levels.dtype == np.uint16:
        levels = _to_sdr(levels, frame).mul_(255.0).round_().to(torch.uint8).numpy()
    pixels = torch.from_numpy(levels)
    return pixels if pixels.shape[-1] == 4 else torch.nn.functional.pad(pixels, (0, 1), value=255)


def small_of(levels: Levels, frame: VideoFrame) -> Tensor:
    """Levels of a frame as a small picture for the strip, [h, w, 3] uint8.

    Shrunk before they become floats: hundreds of them are made of frames that nobody takes.
    """
    size = small_size(levels.shape[1], levels.shape[0])
    if size != levels.shape[1::-1]:
        levels = cv2.resize(levels, size, interpolation=cv2.INTER_AREA)
    return picture_of(levels, frame).mul_(255.0).round_().to(torch.uint8)


def _matrix(frame: Any) -> dict[str, Any]:
    """Files without a colour tag mean BT.709 when they are high definition, as players have it."""
    if frame.colorspace not in _UNSPECIFIED:
        return {}
    return {"src_colorspace": BT709 if frame.height >= 720 else BT601}


def _is_wide(frame: Any) -> bool:
    """Whether the frame's colours are not BT.709's: HDR, or other primaries."""
    # Older PyAVs do not tell; their pictures stay as they were.
    return getattr(frame, "color_trc", 0) in (_PQ, _HLG) or getattr(frame, "color_primaries", 0) in _TO_BT709


def _to_sdr(levels: Levels, frame: Any) -> Tensor:
    """BT.2100 and BT.2020 as BT.709, [H, W, 3] float 0-1.

    The light is brought to BT.709's primaries and what lies outside of them is clipped. Of HDR, the brightest channel
    is bent from the HDR display's peak to the SDR one's by the Hermite spline of BT.2390-11, 5.4, and takes the others
    along, so that hues stay. BT.709's curve gives the signal.
    """
    transfer = getattr(frame, "color_trc", 0)
    light = torch.from_numpy(_light_of_signal(transfer)[levels])
    primaries = _TO_BT709.get(getattr(frame, "color_primaries", 0))
    if primaries is not None:
        light = (light @ torch.tensor(primaries).T).clamp_(min=0.0)
    if transfer in (_PQ, _HLG):
        brightest = light.amax(-1)
        bent = np.interp(brightest.numpy(), *_bent_light(transfer)).astype(np.float32)
        light *= (torch.from_numpy(bent) / brightest.clamp(min=1e-6))[..., None]
    light = light.clamp_(0.0, 1.0)
    return torch.where(light < 0.018, 4.5 * light, 1.099 * light.pow(0.45) - 0.099)


@cache
def _light_of_signal(transfer: int) -> np.ndarray[Any, Any]:
    """Linear light, 1.0 at SDR's white, of each of the 65536 values of a signal."""
    return np.asarray(_light(np.linspace(0.0, 1.0, 65536), transfer), np.float32)


@cache
def _bent_light(transfer: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(light, light after bending) of an HDR signal, rising: BT.2390's curve as a table."""
    signal = np.linspace(0.0, 1.0, 4096)
    if transfer == _PQ:
        peak = float(_pq_signal(_HDR_PEAK))
        bent = peak * _bent(np.minimum(signal / peak, 1.0), float(_pq_signal(_SDR_PEAK)) / peak)
    else:
        bent = _bent(signal, _HLG_WHITE)
    return _light(signal, transfer), _light(bent, transfer)


def _light(signal: Any, transfer: int) -> Any:
    """Linear light, 1.0 at SDR's white, of a signal 0-1."""
    if transfer == _PQ:
        return _pq_light(signal) / _SDR_PEAK
    if transfer == _HLG:
        # BT.2408, 5.1.3: HLG and SDR both code the light of the scene, so no display comes in between.
        return _hlg_light(signal) / _hlg_light(np.float64(_HLG_WHITE))
    return np.where(signal < 0.081, signal / 4.5, ((signal + 0.099) / 1.099) ** (1 / 0.45))


def _bent(signal: Any, most: float) -> Any:
    """BT.2390's EETF: 0-1 to 0-`most`; what lies under the knee at 1.5 `most` - 0.5 stays as it is."""
    knee = 1.5 * most - 0.5
    t = (np.maximum(signal, knee) - knee) / (1.0 - knee)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1.0 - knee) + (-2 * t**3 + 3 * t**2) * most
    return np.where(signal < knee, signal, spline)


_M1, _M2, _C1, _C2, _C3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
"""SMPTE ST 2084."""


def _pq_light(signal: Any) -> Any:
    """cd/m2 of a PQ signal."""
    root = np.asarray(signal) ** (1 / _M2)
    return 10000.0 * (np.maximum(root - _C1, 0.0) / (_C2 - _C3 * root)) ** (1 / _M1)


def _pq_signal(light: float) -> Any:
    """The PQ signal of a luminance in cd/m2."""
    power = (light / 10000.0) ** _M1
    return ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2


def _hlg_light(signal: Any) -> Any:
    """Light of the scene, 0-1, of an HLG signal (BT.2100, inverse OETF)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(signal <= 0.5, signal * signal / 3.0, (np.exp((signal - c) / a) + b) / 12.0)
