"""Sound that travels with a clip: decoded from a container, cut to a span, encoded beside the edited frames."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer

_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Audio:
    """`waveform` [C, T] float32, full scale -1..1; `sample_rate` in Hz."""

    waveform: Tensor
    sample_rate: int

    def cut(self, begin: float, seconds: float) -> Audio:
        """The sound from `begin` seconds on, `seconds` long, filled with silence where there is none."""
        first = round(begin * self.sample_rate)
        length = max(1, round(seconds * self.sample_rate))
        piece = self.waveform[:, max(first, 0) : max(first + length, 0)]
        lead = min(max(-first, 0), length)
        piece = torch.nn.functional.pad(piece, (lead, max(0, length - lead - piece.shape[1])))
        return Audio(piece[:, :length].clone(), self.sample_rate)


def read_audio(container: InputContainer, begin: float, seconds: float) -> Audio | None:
    """Decode `seconds` of the first audio stream from time `begin` (s, in the container's clock), or None.

    Samples are laid down at their time stamps, so gaps stay gaps. Sound that cannot be decoded does not stop a drag:
    it is logged and what was read is kept.
    """
    import av

    if not container.streams.audio or seconds <= 0:
        return None
    stream = container.streams.audio[0]
    rate = stream.codec_context.sample_rate
    length = max(1, round(seconds * rate))
    waveform: np.ndarray[Any, Any] | None = None
    try:
        # Codecs carry state from packet to packet, so decoding starts a second early.
        container.seek(max(0, int((begin - 1.0) * av.time_base)), backward=True)
        resampler = av.AudioResampler(format="fltp")
        for frame in container.decode(stream):
            if frame.pts is None:
                continue
            first = round((float(frame.pts * (frame.time_base or 0)) - begin) * rate)
            if first >= length:
                break
            for piece in resampler.resample(frame):
                samples = piece.to_ndarray()
                if waveform is None:
                    waveform = np.zeros((samples.shape[0], length), dtype=np.float32)
                low, high = max(first, 0), min(first + samples.shape[1], length)
                if low < high:
                    waveform[:, low:high] = samples[:, low - first : high - first]
                first += samples.shape[1]
    except av.FFmpegError as error:
        _log.warning("The sound could not be read to its end: %s", error)
    return None if waveform is None else Audio(torch.from_numpy(waveform), rate)


def add_audio_stream(container: OutputContainer, audio: Audio) -> Any:
    """An AAC stream for `audio`; all streams must be added before the first packet is written."""
    rate = audio.sample_rate if audio.sample_rate in _AAC_RATES else 48000
    return container.add_stream("aac", rate=rate, layout=_layout(audio))


def encode_audio(container: OutputContainer, stream: Any, audio: Audio) -> None:
    """Encode and write the whole sound."""
    import av

    waveform = audio.waveform.detach().to("cpu", torch.float32)
    if waveform.shape[0] not in _LAYOUTS:
        waveform = waveform.mean(dim=0, keepdim=True)
    samples = np.ascontiguousarray(torch.nan_to_num(waveform).clamp(-1.0, 1.0).numpy())
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=_layout(audio))
    frame.sample_rate = audio.sample_rate
    frame.pts = 0
    # frame_size: AAC takes exactly 1024 samples at a time.
    resampler = av.AudioResampler("fltp", _layout(audio), stream.codec_context.sample_rate, frame_size=1024)
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(stream.encode(piece))
    container.mux(stream.encode(None))


def _layout(audio: Audio) -> str:
    return _LAYOUTS.get(audio.waveform.shape[0], "mono")
