"""What the point editor asks the server for: what a file holds, and single frames of it.

GET /dragavideo/clip?source=&name=                  {"width", "height", "frames", "fps", "version"}
GET /dragavideo/frame?source=&name=&index=&longest= a JPEG of exactly that frame

`source` is input, output, temp (ComfyUI's folders) or example (the pack's own clips; these also tell "every", "limit"
and "instruction"). What is refused comes as {"error": a sentence}, with status 404 where there is no such file, else
400.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from aiohttp import web

from ..dragavideo_core.errors import DragAVideoError, ran_out_of_memory
from ..dragavideo_core.files import is_file, short_name
from ..dragavideo_core.instruction import examples
from . import folders, host
from .for_editor import frame_store

DEFAULT_LONGEST = 1280
_KEEP_SECONDS = 24 * 3600
_ANSWER_SECONDS = 120.0
"""Longer than the frame store lets anybody wait: for a disk that does not answer."""
_workers = ThreadPoolExecutor(8, "drag-a-video routes")
"""Of our own: requests wait for frames, and ComfyUI's default pool has other work."""


class _Missing(Exception):
    """There is no such file; the message is for the person."""


def register() -> None:
    """Add the routes to ComfyUI's server. To be called once, while nodes are loaded."""
    host.add_route("/dragavideo/clip", _clip)
    host.add_route("/dragavideo/frame", _frame)


async def _clip(request: web.Request) -> web.Response:
    return await _answered(_about_clip, request.rel_url.query)


async def _frame(request: web.Request) -> web.Response:
    return await _answered(_picture, request.rel_url.query)


async def _answered(answer: Callable[[Mapping[str, str]], web.Response], query: Mapping[str, str]) -> web.Response:
    """The answer, made in a thread of its own, or what is wrong in words."""
    try:
        work = asyncio.get_running_loop().run_in_executor(_workers, answer, query)
        return await asyncio.wait_for(work, _ANSWER_SECONDS)
    except _Missing as error:
        return web.json_response({"error": str(error)}, status=404)
    except DragAVideoError as error:
        return web.json_response({"error": str(error)}, status=400)
    except asyncio.TimeoutError:
        return web.json_response({"error": "The file takes too long to read; try again later."}, status=400)
    except (RuntimeError, MemoryError) as error:
        if not ran_out_of_memory(error):
            raise
        return web.json_response({"error": "Memory ran out with this file; choose a smaller one."}, status=400)


def _about_clip(query: Mapping[str, str]) -> web.Response:
    from ..dragavideo_core.instruction.parsing import load_instruction
    from ..dragavideo_core.media.frame_store import file_version

    path = _path(query)
    table = _told_by_name(path, lambda: frame_store().table(path))
    about: dict[str, Any] = {
        "width": table.size[0],
        "height": table.size[1],
        "frames": table.count,
        "fps": table.fps,
        "version": file_version(path),
    }
    if query.get("source") == "example":
        chosen = examples.example(path.stem)
        about |= {
            "every": chosen.every,
            "limit": chosen.limit,
            "instruction": load_instruction(chosen.instruction).to_json(),
        }
    return web.json_response(about, headers={"Cache-Control": "no-cache"})


def _picture(query: Mapping[str, str]) -> web.Response:
    from ..dragavideo_core.media.frame_store import file_version

    path = _path(query)
    index, longest = _number(query, "index", 0), _number(query, "longest", DEFAULT_LONGEST)
    picture = _told_by_name(path, lambda: frame_store().jpeg(path, index, longest))
    # A picture asked for by its file's version never changes.
    known = query.get("version") == file_version(path)
    keep = f"private, max-age={_KEEP_SECONDS}" if known else "no-cache"
    return web.Response(body=picture, content_type="image/jpeg", headers={"Cache-Control": keep})


def _path(query: Mapping[str, str]) -> Path:
    """The file that is asked for, which is there.

    Raises:
        _Missing: it is not.
        DragAVideoError: no name, an unknown source, or a name that leads out of the folder.
    """
    source, name = query.get("source", "input"), query.get("name", "")
    if not name:
        raise DragAVideoError("The name of the file is missing; choose a video or a picture.")
    if source == "example":
        if name not in examples.names():
            raise _Missing(f"There is no example '{short_name(name)}'; choose one of: {', '.join(examples.names())}.")
        return examples.example(name).clip
    path, folder = folders.file_in(source, name)
    if not is_file(path):
        raise _Missing(
            f"There is no '{short_name(name)}' in ComfyUI's {folder} folder; choose another file, or put it there "
            "again."
        )
    return path


def _told_by_name(path: Path, work: Callable[[], Any]) -> Any:
    """`work()`; what it refuses names the file as the person knows it, without its folders."""
    try:
        return work()
    except DragAVideoError as error:
        raise DragAVideoError(str(error).replace(str(path), path.name)) from None


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    # Digits alone: int() also takes "1_000" and digits of other scripts.
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise DragAVideoError(f"'{name}' is '{short_name(text)}'; expected a whole number from 0.")
    return int(text)
