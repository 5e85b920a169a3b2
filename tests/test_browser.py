"""The shipped workflows in the real front end, and those whose models are at hand as it queues them, run to the end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dragavideo_core.model.loading import BUNDLED_FOLDER
from dragavideo_core.pictures import read_pictures
from dragavideo_core.video_io import read_video
from tests.browser import FrontEnd, front_end, need_chromium
from tests.comfyui import Server, comfyui, need_comfyui
from tests.graphs import FILES, FOREIGN, api_form, load, workflow_file


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    need_comfyui()
    need_chromium()
    with comfyui(tmp_path_factory.mktemp("comfyui")) as running:
        yield running


@pytest.fixture(scope="module")
def page(server: Server) -> Iterator[FrontEnd]:
    with front_end(server) as opened:
        yield opened


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_front_end_loads_and_converts(path: Path, page: FrontEnd) -> None:
    workflow = load(path)
    page.load(workflow)
    foreign = {node["type"] for node in workflow["nodes"] if node["type"].startswith(FOREIGN)}
    expected = api_form(workflow)
    for node in expected.values():
        if node["class_type"] in foreign:
            node["class_type"] = None  # it knows these by their titles alone
    assert page.prompt() == expected
    assert page.unknown() == foreign
    assert not page.toasts()
    assert not page.problems


def run(server: Server, page: FrontEnd, number: int) -> dict[str, dict[str, Any]]:
    """Outputs by node type of a workflow, queued as the front end has it."""
    assert (BUNDLED_FOLDER / "model_index.json").is_file(), "the bundled model is missing"
    page.load(load(workflow_file(number)))
    graph = page.prompt()
    done = server.run(graph)
    assert done.state == "success", done.error
    return {node["class_type"]: done.outputs(name) for name, node in graph.items()}


def test_quick_start_ends_in_a_video(server: Server, page: FrontEnd) -> None:
    outputs = run(server, page, 1)
    (video,) = outputs["SaveVideo"]["images"]
    stretch = read_video(server.output / video["subfolder"] / video["filename"], every=1, limit=100, start=0)
    assert len(stretch.frames) == len(outputs["DragAVideoPreviewPoints"]["images"])
    report = json.loads(outputs["DragAVideoDragReport"]["text"][0])
    assert sum(report["distance_after_px"]) < 0.5 * sum(report["distance_before_px"])


def test_points_are_shown(server: Server, page: FrontEnd) -> None:
    pictures = run(server, page, 3)["DragAVideoPreviewPoints"]["images"]
    assert len(pictures) > 1
    files = [server.base / "temp" / picture["subfolder"] / picture["filename"] for picture in pictures]
    assert read_pictures(files).std() > 0.05


def test_one_picture_is_dragged(server: Server, page: FrontEnd) -> None:
    (picture,) = run(server, page, 6)["SaveImage"]["images"]
    assert read_pictures([server.output / picture["subfolder"] / picture["filename"]]).shape[0] == 1
