"""Playlists, manifests, scripts and references that pose as media: whether reading one reads anything else.

`python -m bench.reliability.playlists` makes them in a temporary folder, beside a film that must stay unread, and reads
each in every way the pack reads files. `result` gives the counts of that: {"tried", "outside_reads", "hung"}.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.media.clip import load_clip
from dragavideo_core.media.frame_access import frame_table
from dragavideo_core.media.masks import read_mask
from dragavideo_core.media.opening import check_kind
from dragavideo_core.media.video_io import write_video

SECONDS = 20.0
"""After this long, reading one file counts as hung."""
_SECRET = "secret.mp4"
_OLD = 1_000_000_000
"""A time of last reading that lies before any change, s: file systems then note the next reading."""
_LIVE = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:1\n"
_HLS = _LIVE + "#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"
_CONCAT = "ffconcat version 1.0\nfile '{}'\n"
_MPD = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="{kind}" mediaPresentationDuration="PT1S" '
    'profiles="urn:mpeg:dash:profile:isoff-main:2011"><Period><AdaptationSet mimeType="video/mp4"><Representation '
    'id="1" bandwidth="1000"><BaseURL>{url}</BaseURL><SegmentBase/></Representation></AdaptationSet></Period></MPD>'
)
_SVG = (
    '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    '<image xlink:href="{}" width="9" height="9"/></svg>'
)

_EPS = "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n({}) (r) file closefile showpage\n"


def write_all(folder: Path, secret: Path, port: int) -> list[Path]:
    """Write the files into `folder`; they lead to the film `secret`, or to this machine's `port`.

    Returns:
        Their paths, in order.
    """
    net = f"http://127.0.0.1:{port}/secret.mp4"
    relative = os.path.relpath(secret, folder)
    places = {"absolute": str(secret), "url": secret.as_uri(), "above": relative, "net": net}
    texts: dict[str, str] = {}
    for kind, place in places.items():
        texts[f"hls_{kind}.m3u8"] = _HLS.format(place)
        texts[f"hls_{kind}.mp4"] = _HLS.format(place)
        texts[f"concat_{kind}.mp4"] = _CONCAT.format(place)
        texts[f"dash_{kind}.mpd"] = _MPD.format(kind="static", url=place)
    for suffix in ("webm", "mkv", "gif", "avi", "ts", "png", "tif", "avif", "txt"):
        texts[f"hls.{suffix}"] = _HLS.format(secret)
        texts[f"concat.{suffix}"] = _CONCAT.format(secret)
    for protocol in ("concat:", "subfile,,start,0,end,0,,:", "cache:", "async:", "crypto:", "md5:"):
        texts[f"hls_{protocol.partition(':')[0].partition(',')[0]}.m3u8"] = _HLS.format(f"{protocol}{secret}")
    texts |= {
        "live.m3u8": _LIVE + f"#EXTINF:1,\n{secret}\n",
        "live_empty.mp4": _LIVE,
        "itself.m3u8": _HLS.format("itself.m3u8"),
        "itself.mp4": _CONCAT.format("itself.mp4"),
        "live_dash.mpd": _MPD.format(kind="dynamic", url=net),
        "master.m3u8": f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{folder / 'hls_absolute.m3u8'}\n",
        "map.m3u8": _LIVE + f'#EXT-X-MAP:URI="{secret}"\n#EXTINF:1,\nmap.m3u8\n#EXT-X-ENDLIST\n',
        "key.m3u8": _LIVE + f'#EXT-X-KEY:METHOD=AES-128,URI="{secret}"\n#EXTINF:1,\nkey.m3u8\n#EXT-X-ENDLIST\n',
        "data.m3u8": _HLS.format("data:video/mp4;base64,AAAA"),
        "concat_options.mp4": f"ffconcat version 1.0\nfile '{secret}'\noption safe 0\nstream\n",
        "session.sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\n"
        "a=rtpmap:96 H264/90000\n",
        "session.mp4": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 26\n",
        "list.pls": f"[playlist]\nFile1={secret}\nNumberOfEntries=1\n",
        "list.asx": f'<asx version="3"><entry><ref href="{secret}"/></entry></asx>',
        "list.smil": f'<smil><body><video src="{secret}"/></body></smil>',
        "list.xspf": f"<playlist><trackList><track><location>{secret}</location></track></trackList></playlist>",
        "list.ram": f"{secret}\n",
        "cut.edl": f"# mpv EDL v0\n{secret},0,1\n",
        "script.avs": f'FFVideoSource("{secret}")\n',
        "script.vpy": f"import vapoursynth as vs\nvs.core.ffms2.Source('{secret}').set_output()\n",
        "graph.lavfi": f"movie={secret}\n",
        "drawing.svg": _SVG.format(secret),
        "drawing.png": _SVG.format(secret),
        "drawing.mvg": f'push graphic-context\nviewbox 0 0 9 9\nimage over 0,0 9,9 "{secret}"\npop graphic-context\n',
        "script.eps": _EPS.format(secret),
        "script.png": _EPS.format(secret),
        "subtitles.idx": f"# VobSub index file, v7\nid: en, index: 0\n# {secret}\n",
        "secret%1d.png": "a pattern of names",
        "concat:secret.mp4": "a name that is a protocol's",
        f"subfile,,start,0,end,0,,:{_SECRET}": "a name that is a protocol's",
    }
    files = {name: text.encode() for name, text in texts.items()}
    film = secret.read_bytes()
    files["reference.mov"] = _reference_movie(str(secret))
    files["elsewhere.mov"] = film.replace(b"url \x00\x00\x00\x01", b"url \x00\x00\x00\x00")
    paths = []
    for name, data in files.items():
        # Windows knows no such names.
        if os.name == "nt" and set(name) & set(":%"):
            continue
        (folder / name).write_bytes(data)
        paths.append(folder / name)
    return paths


def attempt(path: Path) -> None:
    """Read a file in every way the pack reads files; refusals are as they should be."""
    ways: tuple[Callable[[], object], ...] = (
        lambda: check_kind(path),
        lambda: load_clip(path, size=64, every=1, limit=2),
        lambda: frame_table(path, SECONDS),
        lambda: read_mask(path),
    )
    for way in ways:
        with suppress(DragAVideoError):
            way()


@contextmanager
def guarded() -> Iterator[tuple[Path, Path, int, Callable[[], bool]]]:
    """(folder to write into, the film that must stay unread, a port of this machine, whether either was touched since).

    Raises:
        OSError: the temporary folder's file system does not note when files are read.
    """
    with tempfile.TemporaryDirectory() as root, socket.create_server(("127.0.0.1", 0)) as server:
        folder, secret = Path(root) / "input", Path(root) / "private" / _SECRET
        folder.mkdir()
        write_video(secret, torch.rand(4, 32, 32, 3, generator=torch.Generator().manual_seed(0)), 4)
        server.setblocking(False)

        def touched() -> bool:
            read = secret.stat().st_atime > _OLD + 1
            os.utime(secret, (_OLD, secret.stat().st_mtime))
            try:
                server.accept()[0].close()
                return True
            except BlockingIOError:
                return read

        touched()
        secret.read_bytes()
        if not touched():
            raise OSError(f"The file system of {root} does not note when files are read; set TMPDIR to another.")
        yield folder, secret, server.getsockname()[1], touched


def result() -> dict[str, int]:
    """Try all of them, each in a process that is ended when it hangs."""
    with guarded() as (folder, secret, port, touched):
        paths = write_all(folder, secret, port)
        touched()
        counts = {"tried": len(paths), "outside_reads": 0, "hung": 0}
        left = list(paths)
        while left:
            for path in _in_a_process(tuple(left)):
                left.remove(path)
                if touched():
                    sys.stderr.write(f"read from outside: {path.name}\n")
                    counts["outside_reads"] += 1
            if left:
                sys.stderr.write(f"hung or crashed: {left[0].name}\n")
                counts["hung"] += 1
                del left[0]
        return counts


def _in_a_process(paths: Sequence[Path]) -> Iterator[Path]:
    """Each of them when it has been read, until one hangs or ends the process."""
    command = [sys.executable, "-m", "bench.reliability.playlists", "--attempt", *map(str, paths)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        lines: queue.Queue[str] = queue.Queue()
        assert process.stdout is not None
        threading.Thread(target=_copy, args=(process.stdout, lines), daemon=True).start()
        try:
            lines.get(timeout=6 * SECONDS)  # once it has imported what it needs
            for path in paths:
                if not lines.get(timeout=SECONDS):
                    return
                yield path
        except queue.Empty:
            return
        finally:
            process.kill()


def _copy(source: Iterator[str], lines: queue.Queue[str]) -> None:
    for line in source:
        lines.put(line)
    lines.put("")


def _reference_movie(target: str) -> bytes:
    """A QuickTime file without pictures that says where they are."""

    def box(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content) + 8) + kind + content

    link = target.encode() + b"\0"
    reference = box(b"rdrf", struct.pack(">I4sI", 0, b"url ", len(link)) + link)
    return box(b"ftyp", b"qt  \0\0\0\0qt  ") + box(b"moov", box(b"rmra", box(b"rmda", reference)))


def main() -> int:
    """Print the counts as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attempt", nargs="*", type=Path, help=argparse.SUPPRESS)
    paths = parser.parse_args().attempt
    if paths is None:
        counts = result()
        sys.stdout.write(json.dumps(counts) + "\n")
        return int(bool(counts["outside_reads"] or counts["hung"]))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for path in paths:
        attempt(path)
        sys.stdout.write("done\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
