"""What nodes say of a run on themselves: what they took, and which of the settings the preset chose."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.comfyui import Run, Server
from tests.graphs import Graph, node
from tests.tiny_server import tiny_comfyui, tiny_graph


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with tiny_comfyui(tmp_path_factory.mktemp("comfyui")) as running:
        yield running


def lines(run: Run, name: str) -> list[str]:
    assert run.state == "success", run.error
    (told,) = run.outputs(name)["dragavideo_said"]
    return told["lines"]


def test_the_settings_that_were_used_are_said(server: Server) -> None:
    graph = tiny_graph()
    run = server.run(graph)
    assert lines(run, "clip") == ["2 of 22 frames: 25 fps, worked on at 64x64"]
    assert lines(run, "invert") == ["8 of 50 steps"]
    assert lines(run, "sets") == ["3 x 3 points a handle, targets translate"]
    assert lines(run, "drag") == ["1 of 1 iterations at step 8, 6, warm start: puppet"]
    assert lines(run, "decode") == ["on: composite, cross_branch; border 2 px"]


def test_custom_settings_that_do_nothing_are_said(server: Server) -> None:
    graph = tiny_graph()
    graph["drag"]["inputs"]["custom"] = '{"steps": [6]}'
    run = server.run(graph)
    assert "The custom settings are not used: preset is model's own." in lines(run, "drag")
    assert run.outputs("drag")["dragavideo_said"][0]["level"] == "warning"


def test_pictures_take_their_rate_from_who_loaded_them(server: Server) -> None:
    graph: Graph = {
        "images": node("EmptyImage", width=64, height=48, batch_size=7, color=8421504),
        "info": node("TestVideoInfo", rate=12.5),
        "clip": node(
            "DragAVideoPrepareClip", images=["images", 0], video_info=["info", 0], fps=24.0, start=0, every=2, limit=3,
            size=64, fit="crop",
        ),
        "fps": node("PreviewAny", source=["clip", 2]),
    }  # fmt: skip
    run = server.run(graph)
    assert lines(run, "clip") == ["3 of 7 frames, every 2nd: 6.25 fps, worked on at 72x56"]
    assert run.outputs("fps")["text"] == ["6.25"]
