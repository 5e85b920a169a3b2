"""Graphs in ComfyUI's API form, from a few words each."""

from __future__ import annotations

from typing import Any

Graph = dict[str, dict[str, Any]]


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
            smoothing="preset", feather_px=-1.0, micro_batch=0,
        ),
        "report": node(
            "DragAVideoDragReport", model=["model", 0], clip=["clip", 0], points=["points", 0], result=["decode", 6]
        ),
        "video": node("SaveVideo", video=["decode", 1], filename_prefix="edited", format="mp4", codec="h264"),
        "images": node("SaveImage", images=["decode", 0], filename_prefix="edited"),
    }  # fmt: skip
