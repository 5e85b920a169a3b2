"""Frame rates. Time stamps are claims: clocks jump, pause and begin anew, and some formats have none at all."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Any

PICTURES_FPS = 24.0
"""Frame rate given to pictures, which have none."""
_FASTEST = 1000.0
_LIKE_THE_MEDIAN = 0.25
"""Steps this much off the median are steps of another length."""
_ROUNDING = 0.011
"""Time stamps are whole milliseconds in webm and hundredths of a second in gif, s."""
_FEW = 0.05
"""Share of odd steps up to which they are jumps of the clock; more of them are a variable frame rate."""
_LONGEST_STEP = 2.0
"""Of a variable frame rate: steps longer than this, s, and than eight median ones are jumps of the clock, too."""
_SLOWEST_STEP = 10.0
"""Where even the usual step is longer than this, s, what the file states is the better guess."""
_ENOUGH = 0.25
"""Share of the frames that have to go with the first one's time stamp."""
_WITHOUT_STAMPS = {"h264", "hevc", "vvc", "m4v", "mpegvideo", "obu", "h263", "mjpeg", "cavsvideo"}
"""Formats of bare coded frames; FFmpeg makes up their time stamps, at 25 a second."""


def stated_rates(container: Any, stream: Any) -> tuple[float, ...]:
    """The rates that a file states itself, frames a second, the likeliest first."""
    context = stream.codec_context
    rates = [stream.average_rate, stream.guessed_rate, context.framerate, stream.base_rate]
    if container.format.name in _WITHOUT_STAMPS:
        rates = [context.framerate, stream.guessed_rate, stream.average_rate]
    return tuple(float(rate) for rate in rates if rate and 0 < rate <= _FASTEST)


def has_stamps(container: Any) -> bool:
    """Whether the time stamps of a file's frames are its own."""
    return container.format.name not in _WITHOUT_STAMPS


def frame_rate(times: Sequence[float | None], stated: Sequence[float]) -> float:
    """Frames a second by the time stamps of successive frames, held against what the file states.

    It is the usual step that counts, so that a pause, a jump or a clock that begins anew change nothing. Where steps
    differ all along (variable frame rate) it is their average, so that frames and sound stay together. A stated rate
    that is as good as the same is taken in its place, because it is exact.

    Args:
        times: of successive frames in the order of showing, s; None where a frame has none. May be empty.
        stated: rates that the file states, the likeliest first.
    """
    step, span = _usual_step(times)
    if step is None:
        return next(iter(stated), PICTURES_FPS)
    if step > _SLOWEST_STEP and stated:
        return stated[0]
    measured = min(1.0 / step, _FASTEST)
    tolerance = 0.01 + min(2 * _ROUNDING / span, 0.3)
    alike = [rate for rate in stated if abs(measured / rate - 1.0) <= tolerance]
    return alike[0] if alike else measured


def begin_of(times: Sequence[float | None], fps: float) -> float:
    """When the first of these frames is shown, s: its own time stamp, unless hardly any other goes with it.

    Args:
        times: of successive frames, s.
        fps: their rate.
    """
    implied = [time - number / fps for number, time in enumerate(times) if time is not None]
    if not implied:
        return 0.0
    first = times[0]
    if first is not None:
        alike = sum(abs(time - first) <= _LONGEST_STEP for time in implied)
        if alike >= _ENOUGH * len(implied):
            return first
    return median(implied)


def _usual_step(times: Sequence[float | None]) -> tuple[float | None, float]:
    """(the usual time from a frame to the next, the time those steps cover), s."""
    steps = [after - before for before, after in pairwise(times) if before is not None and after is not None]
    forward = [step for step in steps if step > 1.0 / _FASTEST]
    if not forward:
        return None, 0.0
    middle = median(forward)
    usual = [step for step in forward if abs(step - middle) <= max(_LIKE_THE_MEDIAN * middle, _ROUNDING)]
    if len(steps) - len(usual) > max(2.0, _FEW * len(steps)) or len(usual) <= len(steps) / 2:
        usual = [step for step in forward if step <= max(8 * middle, _LONGEST_STEP)]
    return sum(usual) / len(usual), sum(usual)
