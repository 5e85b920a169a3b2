"""Opening a media file: only kinds that hold their pictures themselves, nothing that leads to other files.

FFmpeg also reads playlists, manifests and scripts, which name other files of the disk or the network. Whoever can put
a file into a folder could read any other with them. So formats come from a list, files are the only protocol, and what
a film refers to outside of itself is not followed.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DragAVideoError
from .limits import check_frame, check_gif, most_frame_px
from .orientation import shown_size
from .pictures import PICTURE_SUFFIXES

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer

_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "gif", "mpegts", "mpeg", "mpegvideo", "h264", "hevc", "vvc",
    "h263", "m4v", "mjpeg", "ivf", "obu", "av1", "flv", "asf", "ogg", "dv", "mxf", "nut", "yuv4mpegpipe",
    # Sound alone, so that the refusal can say that there is no picture in it.
    "wav", "mp3", "flac",
)  # fmt: skip
"""FFmpeg's names of the formats that are read."""
_OPEN_SECONDS, _READ_SECONDS = 20.0, 20.0
_THREADS = 4
_STILL_BRANDS = {"heic", "heix", "heim", "heis", "mif1", "avif", "avis"}
"""ISO files of pictures, of which FFmpeg gives the tiles."""
_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""FFmpeg's own decoders of these drop the alpha; the library's give it."""
_EXPECTED = "expected mp4, webm, gif or a folder of pictures"


@dataclass(frozen=True, eq=False)
class Film:
    """An opened video file.

    Attributes:
        path: where it lies.
        container, stream: PyAV's.
        decoder: PyAV's codec context that the stream's packets go to.
        aspect: width of a pixel / its height; None where the file does not say.
    """

    path: Path
    container: InputContainer
    stream: Any
    decoder: Any
    aspect: Fraction | None

    def frames(self) -> Generator[VideoFrame]:
        """Decoded frames in the order of showing, from where the file stands to its end.

        Raises:
            DragAVideoError: a frame is larger than the file says.
            av.FFmpegError: damage; what comes after it is not decoded.
        """
        for packet in self.container.demux(self.stream):
            for frame in self.decoder.decode(packet):
                check_frame(self.path, *shown_size(frame.width, frame.height, self.aspect))
                yield frame

    def seek(self, time: int) -> None:
        """Go to the key frame at or before `time`, in the stream's own unit."""
        self.container.seek(time, stream=self.stream, backward=True)
        self.decoder.flush_buffers()

    def rewind(self) -> None:
        """Go to the file's beginning."""
        self.container.seek(0, backward=True)
        self.decoder.flush_buffers()


@contextmanager
def open_film(path: Path) -> Iterator[Film]:
    """The opened file, with the stream that is the film: the one marked as default, else the longest, else the largest.

    Raises:
        DragAVideoError: no video, a format that is not read, no video stream, no decoder for it, or frames that are too
            large.
    """
    import av

    check_gif(path)
    with open_container(path) as container:
        streams = [stream for stream in container.streams.video if not _is_cover(stream)]
        if not streams:
            raise DragAVideoError(f"'{path}' has no video stream; {_EXPECTED}.")
        stream = max(streams, key=_rank)
        if stream.codec_context is None:
            raise DragAVideoError(f"'{path}' is coded in a way that is not read here; convert it to H.264.")
        aspect = stream.sample_aspect_ratio
        check_frame(path, *shown_size(stream.codec_context.width, stream.codec_context.height, aspect))
        decoder = _decoder(stream)
        decoder.options = {**decoder.options, "max_pixels": str(most_frame_px(path))}
        # Threads that decode frames ahead may want to log while the interpreter waits for them to end: slices only.
        with suppress(AttributeError, RuntimeError, ValueError):
            decoder.thread_type = "SLICE"
            decoder.thread_count = 1 if decoder.name == "libdav1d" else min(_THREADS, os.cpu_count() or 1)
        try:
            yield Film(path, container, stream, decoder, aspect)
        except av.FFmpegError as error:
            reason = getattr(error, "strerror", None) or error
            raise DragAVideoError(f"'{path}' cannot be read ({reason}); check that the file is complete.") from None


def check_kind(path: Path) -> None:
    """Raises DragAVideoError where a file is neither picture nor video of a kind that is read."""
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        with open_container(path):
            pass


@contextmanager
def open_container(path: Path) -> Iterator[InputContainer]:
    """A media file opened by PyAV, of a format that is read.

    Raises:
        DragAVideoError: it is none, or it takes too long to open.
    """
    import av

    options = {
        "format_whitelist": ",".join(_FORMATS),
        "protocol_whitelist": "file",
        "max_pixels": str(most_frame_px(path)),
    }
    try:
        # "file:", because a path is no URL: '12:30.mp4' would be one of the protocol '12'.
        container = av.open(
            f"file:{path}", options=options, metadata_errors="replace", timeout=(_OPEN_SECONDS, _READ_SECONDS)
        )
    except (av.FFmpegError, OSError, ValueError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DragAVideoError(
            f"'{path}' is not a video that can be read ({reason}); {_EXPECTED}. Playlists and other lists of files are "
            "not followed."
        ) from None
    with container:
        if container.metadata.get("major_brand", "").strip() in _STILL_BRANDS:
            raise DragAVideoError(
                f"'{path}' is a HEIF or AVIF picture, not a video; name an AVIF .avif, and save a HEIC as PNG or JPEG."
            )
        yield container


def _decoder(stream: Any) -> Any:
    """The stream's decoder; one that knows transparency where the film has it."""
    import av

    name = _WITH_ALPHA.get(stream.codec_context.name)
    if name is None or str(stream.metadata.get("alpha_mode", "0")) != "1":
        return stream.codec_context
    try:
        decoder: Any = av.CodecContext.create(name, "r")
    except (av.FFmpegError, ValueError):
        return stream.codec_context
    decoder.width, decoder.height = stream.codec_context.width, stream.codec_context.height
    return decoder


def _is_cover(stream: Any) -> bool:
    """A song's cover picture is a video stream to FFmpeg."""
    import av.stream

    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _rank(stream: Any) -> tuple[bool, float, int]:
    import av.stream

    default = bool(stream.disposition & av.stream.Disposition.default)
    seconds = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
    context = stream.codec_context
    return default, round(seconds, 1), context.width * context.height if context is not None else -1
