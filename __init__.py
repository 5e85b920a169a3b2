"""Drag-A-Video for ComfyUI: drag points on one frame, and the object's shape changes in the whole clip.

ComfyUI imports this file at its start; everything else, down to the schemas, is imported when it asks for the nodes.
"""

from __future__ import annotations

from typing import Any

WEB_DIRECTORY = "./web"


async def comfy_entrypoint() -> Any:
    """The extension object that lists the nodes."""
    from .nodes.extension import DragAVideoExtension

    return DragAVideoExtension()
