"""The two shipped workflows that mix with others' nodes: VideoHelperSuite, where it is at hand, and ComfyUI's Wan.

Name the folder of ComfyUI-VideoHelperSuite in DRAGAVIDEO_OTHER_PACKS (several are separated as on PATH) to run with it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dragavideo_core.instruction.examples import example
from dragavideo_core.media.video_io import read_video
from tests.browser import FrontEnd, front_end, need_chromium
from tests.comfyui import ROOT, Server, comfyui, need_comfyui, other_packs
from tests.graphs import Graph, load, node, workflow_file
from tests.wan import write_wan

Others = tuple[Server, FrontEnd]


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Others]:
    folder = need_comfyui()
    need_chromium()
    base = tmp_path_factory.mktemp("comfyui")
    write_wan(folder, base / "models")
    (base / "custom_nodes").mkdir()
    (base / "input").mkdir()
    shutil.copy(ROOT / "tests" / "probe_node.py", base / "custom_nodes")
    shutil.copy(example("creature").clip, base / "input" / "clip.mp4")
    with comfyui(base, others=other_packs()) as server, front_end(server) as page:
        yield server, page


def as_queued(page: FrontEnd, number: int) -> Graph:
    """The graph that the front end makes of a shipped workflow, other packs' own scripts included."""
    page.load(load(workflow_file(number)))
    return page.prompt()


def by_kind(graph: Graph) -> dict[str, str]:
    """The name of the (last) node of each kind."""
    return {about["class_type"]: name for name, about in graph.items()}


def made_video(server: Server, folder: str) -> Path:
    (video,) = (server.output / "drag-a-video").glob(folder)
    return video


def test_video_helper_suite_loads_and_combines(others: Others) -> None:
    """Workflow 4 on the bundled model: its checkpoint is not at hand."""
    server, page = others
    if "VHS_LoadVideo" not in server.get("/object_info"):
        pytest.skip("no VideoHelperSuite: name its folder in DRAGAVIDEO_OTHER_PACKS")
    graph = as_queued(page, 4)
    names = by_kind(graph)
    del graph[names["CheckpointLoaderSimple"]]
    graph[names["DragAVideoModelFromCheckpoint"]] = node("DragAVideoLoadModel", name="bundled", dtype="auto")
    graph[names["VHS_LoadVideo"]]["inputs"]["frame_load_cap"] = 4
    graph[names["DragAVideoPrepareClip"]]["inputs"]["every"] = 2
    graph[names["DragAVideoLatentOffsetOptimizer"]]["inputs"]["iterations"] = 1
    graph[names["DragAVideoDragPoints"]]["inputs"]["instruction"] = example("creature").instruction.read_text()
    done = server.run(graph)
    assert done.state == "success", done.error
    assert len(read_video(made_video(server, "vhs*.mp4"), every=1, limit=9, start=0).frames) == 2


def test_tracks_go_into_wan(others: Others) -> None:
    """Workflow 5, with a tiny random Wan and, for its text encoder of 11 GB, random words."""
    server, page = others
    graph = as_queued(page, 5)
    names = by_kind(graph)
    for name in [name for name, about in graph.items() if about["class_type"] == "CLIPTextEncode"]:
        graph[name] = node("TestWords", width=4096)
    del graph[names["CLIPLoader"]]
    small = {"width": 64, "height": 64}
    graph[names["DragAVideoTracksOut"]]["inputs"].update(small)
    graph[names["WanTrackToVideo"]]["inputs"].update(small, length=5)
    graph[names["KSampler"]]["inputs"]["steps"] = 2
    graph["probe"] = node("TestProbe", value=[names["WanTrackToVideo"], 0])
    done = server.run(graph)
    assert done.state == "success", done.error
    with_tracks = json.loads(done.outputs("probe")["text"][0])["hash"]
    assert len(read_video(made_video(server, "wan_tracks*.mp4"), every=1, limit=9, start=0).frames) == 5

    # They do steer: another drag gives other conditioning.
    points = [name for name, about in graph.items() if about["class_type"] == "DragAVideoDragPoints"]
    moved = json.loads(example("creature").instruction.read_text())
    moved["pairs"][0]["target"][1] += 30
    graph[points[0]]["inputs"]["instruction"] = json.dumps(moved)
    again = server.run(graph)
    assert again.state == "success", again.error
    assert json.loads(again.outputs("probe")["text"][0])["hash"] != with_tracks


def test_sound_that_cannot_be_read_is_left_out(others: Others) -> None:
    server, _ = others
    graph = {
        "video": node("LoadVideo", file="clip.mp4"),
        "frames": node("GetVideoComponents", video=["video", 0]),
        "sound": node("TestNoSound"),
        "clip": node(
            "DragAVideoPrepareClip", images=["frames", 0], audio=["sound", 0], fps=8.0, start=0, every=1, limit=1,
            size=64, fit="crop",
        ),
        "probe": node("TestProbe", value=["clip", 0]),
    }  # fmt: skip
    done = server.run(graph)
    assert done.state == "success", done.error
