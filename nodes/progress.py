"""What a node shows while it works: one bar that never goes back, a line that says what is going on, and previews."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import Any

import comfy.model_management
import comfy.utils
import torch
from torch import Tensor

from ..dragavideo_core.errors import ran_out_of_memory
from . import host

_log = logging.getLogger(__name__)
_BAR = 1000
_PREVIEW_SHARE = 0.1
"""Previews may take this share of a stage's time."""
_PLAY_SECONDS = 0.25
"""From one frame of a preview to the next."""
_TEXT_SECONDS = 0.25
_SURE_SECONDS = 2.0
"""So long a stage goes on before it is said how long it will."""


class HostProgress:
    """A core `Progress`: moves the node's bar, says what is going on, plays previews, stops when the person cancels.

    Args:
        stages: the stages of the node in their order, with the share of its time that each takes, roughly. One that
            is not named does not move the bar.
    """

    def __init__(self, **stages: float) -> None:
        self._bar = comfy.utils.ProgressBar(_BAR)
        self._stages = {name.replace("_", " "): share for name, share in stages.items()}
        self._shown = 0
        self._stage, self._since, self._first = "", 0.0, 0
        self._next_text = 0.0
        # What is done in a second needs no preview.
        self._next_preview, self._next_picture = time.monotonic() + 1.0, 0.0
        self._playing: list[Any] = []

    def __call__(
        self,
        stage: str,
        done: int,
        total: int,
        *,
        loss: float | None = None,
        distance: float | None = None,
        preview: Callable[[], Tensor] | None = None,
    ) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        total = max(total, 1)
        if stage != self._stage:
            self._stage, self._since, self._first, self._next_text = stage, time.monotonic(), done, 0.0
        self._shown = max(self._shown, self._share(stage, done / total))
        self._bar.update_absolute(self._shown, _BAR, self._picture(preview))
        if time.monotonic() >= self._next_text or done == total:
            self._next_text = time.monotonic() + _TEXT_SECONDS
            host.say(progress_line(stage, done, total, distance, self._seconds_left(done, total)))

    def _share(self, stage: str, part: float) -> int:
        """Thousandths of the whole bar."""
        if stage not in self._stages:
            return self._shown
        names = list(self._stages)
        before = sum(self._stages[name] for name in names[: names.index(stage)])
        return round(_BAR * (before + self._stages[stage] * part) / sum(self._stages.values()))

    def _seconds_left(self, done: int, total: int) -> float | None:
        took = time.monotonic() - self._since
        # A stage that is gone on with does not begin at nothing.
        if took < _SURE_SECONDS or done <= self._first:
            return None
        return took / (done - self._first) * (total - done)

    def _picture(self, preview: Callable[[], Tensor] | None) -> tuple[str, Any, int] | None:
        """The next frame to show: of a new preview where one is due, else of the one that plays."""
        start = time.monotonic()
        if start < self._next_picture:
            return None
        if preview is not None and start >= self._next_preview:
            try:
                self._playing = [_pil(frame) for frame in preview()]
            except RuntimeError as error:
                if not ran_out_of_memory(error):
                    raise
                _log.info("Drag-A-Video: no more previews in this node, they do not fit into memory")
                self._next_preview = math.inf
                return None
            cost = time.monotonic() - start
            self._next_preview = time.monotonic() + max(1.0, cost / _PREVIEW_SHARE)
        if not self._playing:
            return None
        self._next_picture = time.monotonic() + _PLAY_SECONDS
        picture = self._playing.pop(0)
        self._playing.append(picture)
        return "JPEG", picture, 512


def progress_line(stage: str, done: int, total: int, distance: float | None, seconds: float | None) -> str:
    """What stands on the node, such as "latent offsets: 12 of 60, 3.4 px to go, about 40 s left"."""
    line = f"{stage}: {done} of {total}"
    if distance is not None:
        line += f", {distance:.1f} px to go"
    if seconds is not None and done < total:
        minutes = round(seconds / 60)
        line += f", about {minutes} min left" if seconds >= 90 else f", about {max(1, round(seconds))} s left"
    return line


def _pil(frame: Tensor) -> Any:
    from PIL import Image

    pixels = (frame.detach().float().cpu().clamp(0, 1) * 255).round().to(torch.uint8).numpy()
    return Image.fromarray(pixels)
