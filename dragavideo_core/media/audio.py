"""Sound that travels with a clip: decoded from a container, cut to a span, encoded beside the edited frames.

Sound decides nothing: whatever it does, the drag goes on, and a note says what became of it. Samples go through
resamplers as packed arrays, because PyAV counts nine planes where a frame of eight channels has eight.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer

_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
_MOST_CHANNELS = 8
_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
_RATES = (4000, 192000)
_MOST_SAMPLES = 60_000_000
"""Of all channels together: 240 MB, ten minutes of stereo."""
_SAME_PLACE = 0.02
"""Time stamps that differ less than this from where the sound has come to are rounded, s."""
_LONGEST_GAP = 10.0
"""A longer gap in the time stamps is a jump of the clock, s."""


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


def read_audio(container: InputContainer, begin: float, seconds: float) -> tuple[Audio | None, tuple[str, ...]]:
    """`seconds` of the container's sound from time `begin` on (s, in its clock), and notes of what became of it.

    It is the stream marked as default, else the first. Samples are laid down at their time stamps, so short gaps stay
    gaps; a clock that jumps is not believed. All of it comes in the layout and at the rate of its first frame.

    Returns:
        The sound, or None where there is none, and sentences for the person, none where all is as it was.
    """
    import av

    if not container.streams.audio or seconds <= 0:
        return None, ()
    stream = max(container.streams.audio, key=_is_default)
    if stream.codec_context is None:
        return None, ("The sound is coded in a way that is not read here; it is left out.",)
    track = _Track(seconds)
    try:
        # Codecs carry state from packet to packet, so decoding starts a second early.
        container.seek(max(0, int((begin - 1.0) * av.time_base)), backward=True)
        for frame in _decoded(container, stream, track):
            track.add(frame, begin)
            if track.is_full:
                break
    except (av.FFmpegError, ValueError, MemoryError) as error:
        track.note(f"The sound could not be read to its end ({error}); what there is of it is kept.")
    return track.sound(), tuple(track.notes)


def add_audio_stream(container: OutputContainer, audio: Audio) -> Any:
    """An AAC stream for `audio`; all streams must be added before the first packet is written."""
    rate = audio.sample_rate if audio.sample_rate in _AAC_RATES else 48000
    return container.add_stream("aac", rate=rate, layout=_layout(audio))


def encode_audio(container: OutputContainer, stream: Any, audio: Audio) -> None:
    """Encode and write the whole sound; channels that make no layout of AAC's are mixed down to one."""
    import av

    waveform = audio.waveform.detach().to("cpu", torch.float32)
    if waveform.shape[0] not in _LAYOUTS:
        waveform = waveform.mean(dim=0, keepdim=True)
    samples = torch.nan_to_num(waveform).clamp(-1.0, 1.0)
    layout = _layout(audio)
    # frame_size: AAC takes exactly 1024 samples at a time.
    resampler = av.AudioResampler("fltp", layout, stream.codec_context.sample_rate, frame_size=1024)
    for first in range(0, samples.shape[1], audio.sample_rate):
        packed = samples[:, first : first + audio.sample_rate].T.reshape(1, -1).contiguous().numpy()
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
        frame.sample_rate, frame.pts = audio.sample_rate, first
        for piece in resampler.resample(frame):
            container.mux(stream.encode(piece))
    for piece in resampler.resample(None):
        container.mux(stream.encode(piece))
    container.mux(stream.encode(None))


@dataclass(eq=False)
class _Track:
    """A stretch of sound that is being put together."""

    seconds: float
    notes: list[str] = field(default_factory=list)
    waveform: np.ndarray[Any, Any] | None = None
    """[C, T]"""
    rate: int = 0
    layout: str = ""
    _kind: tuple[str, str, int] | None = None
    _resampler: Any = None
    _place: int | None = None
    """Where the next sample lies."""
    _ahead: int = 0
    """By how much the clock is ahead of the sound, after jumps."""

    @property
    def is_full(self) -> bool:
        return self.waveform is not None and (self._place or 0) >= self.waveform.shape[1]

    def note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)

    def add(self, frame: Any, begin: float) -> None:
        """Lay a decoded frame's samples down."""
        import av

        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self.waveform is None:
            self._begin(frame)
        if kind != self._kind:
            self._change(kind)
        if frame.pts is not None and frame.time_base:
            self._move(round((float(frame.pts * frame.time_base) - begin) * self.rate))
        if self._resampler is None:
            self._resampler = av.AudioResampler("flt", self.layout, self.rate)
        self._lay(self._resampler.resample(frame))

    def sound(self) -> Audio | None:
        """What has been laid down."""
        self._flush()
        return None if self.waveform is None else Audio(torch.from_numpy(self.waveform), self.rate)

    def _begin(self, frame: Any) -> None:
        self.rate = min(max(frame.sample_rate, _RATES[0]), _RATES[1])
        channels, self.layout = len(frame.layout.channels), frame.layout.name
        if channels > _MOST_CHANNELS:
            self.note(f"The sound has {channels} channels; they are mixed down to one.")
            channels = 1
        length = max(1, round(self.seconds * self.rate))
        if length * channels > _MOST_SAMPLES:
            length = _MOST_SAMPLES // channels
            self.note(f"Only the first {length / self.rate:.0f} s of the sound are kept; there is too much of it.")
        self.waveform = np.zeros((channels, length), dtype=np.float32)

    def _change(self, kind: tuple[str, str, int]) -> None:
        self._flush()
        if self._kind is not None:
            self.note(
                f"The sound changes in mid-file ({kind[1]}, {kind[2]} Hz); all of it is taken as it begins "
                f"({self.layout}, {self.rate} Hz)."
            )
        self._kind = kind

    def _move(self, at: int) -> None:
        """Go to where a time stamp says, unless it is a claim."""
        if self._place is None:
            self._place = at
            return
        off = at - self._ahead - self._place
        if off < -_SAME_PLACE * self.rate or off > _LONGEST_GAP * self.rate:
            self._ahead += off
            self.note("The clock of the sound jumps; the sound goes on without a gap.")
        elif off > _SAME_PLACE * self.rate:
            self._flush()
            self._place += off

    def _flush(self) -> None:
        """Lay down what the resampler still holds; it is of no use afterwards."""
        if self._resampler is not None:
            rest = self._resampler.resample(None)
            self._resampler = None
            self._lay([piece for piece in rest if piece is not None])

    def _lay(self, pieces: list[Any]) -> None:
        if self.waveform is None:
            return
        for piece in pieces:
            samples = piece.to_ndarray().reshape(piece.samples, -1).T
            if samples.shape[0] != self.waveform.shape[0]:
                samples = samples.mean(axis=0, keepdims=True)
            place = self._place or 0
            low, high = max(place, 0), min(place + samples.shape[1], self.waveform.shape[1])
            if low < high:
                self.waveform[:, low:high] = samples[:, low - place : high - place]
            self._place = place + samples.shape[1]


def _decoded(container: Any, stream: Any, track: _Track) -> Iterator[Any]:
    """Decoded frames of sound; damaged packets are left out."""
    import av

    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.FFmpegError:
            track.note("The sound is damaged in places; there is silence there.")


def _is_default(stream: Any) -> bool:
    import av.stream

    return bool(stream.disposition & av.stream.Disposition.default)


def _layout(audio: Audio) -> str:
    return _LAYOUTS.get(audio.waveform.shape[0], "mono")
