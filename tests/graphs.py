"""Graphs in ComfyUI's API form: from a few words each, or from the shipped workflows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.comfyui import ROOT, Graph

FILES = sorted((ROOT / "workflows").glob("*.json"))
NOTES = {"MarkdownNote", "Note"}
FOREIGN = "VHS_"
"""Nodes of another pack, of which nothing is known here."""


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    """One node; links are [id, output index]."""
    return {"class_type": kind, "inputs": inputs}


def clip_graph(model: str = "bundled", example: str = "creature", limit: int = 2) -> Graph:
    """Load Model and Example Clip."""
    return {
        "model": node("DragAVideoLoadModel", name=model, dtype="auto"),
        "clip": node("DragAVideoExampleClip", example=example, limit=limit, size=0, fit="crop", model=["model", 0]),
        "points": node("DragAVideoDragPoints", clip=["clip", 0], instruction=["clip", 1], rescale=False),
    }


def points_graph(**options: Any) -> Graph:
    """As far as the propagated points, and their preview."""
    return clip_graph(**options) | {
        "invert": node(
            "DragAVideoDDIMInversion", model=["model", 0], clip=["clip", 0], prompt="", steps=0, micro_batch=4
        ),
        "sets": node(
            "DragAVideoPointSetPropagation", model=["model", 0], clip=["clip", 0], points=["points", 0],
            inversion=["invert", 0], sam_file="none (GrabCut)", set_side=0, targets="preset",
        ),
        "preview": node("DragAVideoPreviewPoints", clip=["clip", 0], point_sets=["sets", 0]),
    }  # fmt: skip


def drag_graph(iterations: int = 1, **options: Any) -> Graph:
    """The whole drag, with its pictures, video and report written to files."""
    common = {"model": ["model", 0], "clip": ["clip", 0], "inversion": ["invert", 0], "point_sets": ["sets", 0]}
    return points_graph(**options) | {
        "drag": node(
            "DragAVideoLatentOffsetOptimizer", **common, preset="model's own", iterations=iterations,
            warm_start="preset", micro_batch=0, custom="{}",
        ),
        "decode": node(
            "DragAVideoDecode", **common, offsets=["drag", 0], composite="preset", cross_branch="preset",
            smoothing="preset", feather_px=-1.0, micro_batch=0, detail="preset",
        ),
        "report": node(
            "DragAVideoDragReport", model=["model", 0], clip=["clip", 0], points=["points", 0], result=["decode", 6]
        ),
        "video": node("SaveVideo", video=["decode", 1], filename_prefix="edited", format="mp4", codec="h264"),
        "images": node("SaveImage", images=["decode", 0], filename_prefix="edited"),
    }  # fmt: skip


def load(path: Path) -> dict[str, Any]:
    """A workflow in UI form."""
    return json.loads(path.read_text(encoding="utf-8"))


def api_form(workflow: dict[str, Any]) -> Graph:
    """The graph to queue, made without the front end."""
    sources = {link[0]: [str(link[1]), link[2]] for link in workflow["links"]}
    graph: Graph = {}
    for drawn in workflow["nodes"]:
        if drawn["type"] in NOTES:
            continue
        values = iter(drawn["widgets_values"])
        inputs: dict[str, Any] = {}
        for socket in drawn["inputs"]:
            if "widget" in socket:
                inputs[socket["name"]] = next(values)
                if socket["name"] in ("seed", "noise_seed") and not drawn["type"].startswith("DragAVideo"):
                    next(values)  # what the front end does to the seed after a run; ours say that they want none
            if socket["link"] is not None:
                inputs[socket["name"]] = sources[socket["link"]]
        graph[str(drawn["id"])] = {"class_type": drawn["type"], "inputs": inputs}
    return graph


def workflow_file(number: int) -> Path:
    """A shipped workflow by the number that its name begins with."""
    (path,) = [path for path in FILES if path.name.startswith(f"{number}_")]
    return path


def api_file(path: Path) -> Path:
    """Where the API form of a shipped workflow lies, for programs that queue it."""
    return path.parent / "api" / path.name


def write_api_files() -> None:
    """Write the API forms of all shipped workflows anew."""
    for path in FILES:
        api_file(path).parent.mkdir(exist_ok=True)
        text = json.dumps(api_form(load(path)), indent=1, ensure_ascii=False) + "\n"
        api_file(path).write_text(text, encoding="utf-8")
