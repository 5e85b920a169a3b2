"""Files in ComfyUI's input, output and temp folders, as the page names them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import folder_paths

from ..dragavideo_core.errors import DragAVideoError
from ..dragavideo_core.files import short_name

SOURCES = ("input", "output", "temp")
_TEMP_FOLDER = "drag-a-video"


def file_in(source: str, name: str) -> tuple[Path, str]:
    """The path of a file in ComfyUI's input, output or temp folder, and which of them it is in.

    Like Load Image's, a name may end with the folder in brackets ("a.png [output]"), which then goes before `source`.
    As in ComfyUI itself, links inside of these folders are followed.

    Raises:
        DragAVideoError: another `source`, or a name that leads out of the folder.
    """
    for kind in SOURCES:
        if name.endswith(f"[{kind}]"):
            source, name = kind, name.removesuffix(f"[{kind}]").rstrip()
    if source not in SOURCES:
        raise DragAVideoError(
            f"'{short_name(source)}' is no folder that files are read from; expected {', '.join(SOURCES)}."
        )
    root = os.path.abspath(folder_paths.get_directory_by_type(source))
    path = os.path.abspath(os.path.join(root, name))
    try:
        inside = path != root and os.path.commonpath((root, path)) == root
    except ValueError:  # another drive
        inside = False
    if not inside or "\0" in name:
        raise DragAVideoError(f"'{short_name(name)}' is not inside ComfyUI's {source} folder; choose a file that is.")
    return Path(path), source


def temp_files(contents: Sequence[bytes], suffix: str) -> list[dict[str, str]]:
    """Write files that belong together into ComfyUI's temp folder and name them as ComfyUI's /view takes them.

    Their names are a hash of all of them and a number, so that the same run again writes nothing, and what a browser
    has kept under a name is never stale.

    Raises:
        OSError: they cannot be written.
    """
    hashed = hashlib.blake2b(digest_size=16)
    for content in contents:
        hashed.update(hashlib.blake2b(content).digest())
    folder = Path(folder_paths.get_temp_directory()) / _TEMP_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{hashed.hexdigest()}_{number:04}{suffix}" for number in range(len(contents))]
    for name, content in zip(names, contents):
        if not (folder / name).is_file():
            part = folder / f"{name}.part"
            part.write_bytes(content)
            part.replace(folder / name)
    return [{"filename": name, "subfolder": _TEMP_FOLDER, "type": "temp"} for name in names]
