"""The shipped workflows in both front ends, and those whose models are at hand as they queue them, run to the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dragavideo_core.media.clip import load_clip
from dragavideo_core.media.pictures import read_pictures
from dragavideo_core.model.loading import BUNDLED_FOLDER
from tests.browser import FEW_KINDS, FrontEnd
from tests.graphs import FILES, FOREIGN, api_form, load, workflow_file

in_few = pytest.mark.parametrize("front", FEW_KINDS, indirect=True, scope="session", ids=str)
in_one = pytest.mark.parametrize("front", FEW_KINDS[:1], indirect=True, scope="session", ids=str)


@in_few
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_front_end_loads_and_converts(path: Path, front: FrontEnd) -> None:
    workflow = load(path)
    front.load(workflow)
    foreign = {node["type"] for node in workflow["nodes"] if node["type"].startswith(FOREIGN)}
    expected = api_form(workflow)
    found = front.prompt()
    for name, node in expected.items():
        if node["class_type"] in foreign:
            # Of such a node one front end knows the title alone, and the other leaves it out.
            node["class_type"] = found.get(name, {}).get("class_type")
    assert found == expected
    assert front.unknown() == foreign
    assert not front.toasts()
    assert not front.problems


def run(front: FrontEnd, number: int) -> dict[str, dict[str, Any]]:
    """Outputs by node type of a workflow, queued as the front end has it."""
    assert (BUNDLED_FOLDER / "model_index.json").is_file(), "the bundled model is missing"
    front.load(load(workflow_file(number)))
    graph = front.prompt()
    done = front.server.run(graph)
    assert done.state == "success", done.error
    return {node["class_type"]: done.outputs(name) for name, node in graph.items()}


@in_one
def test_points_are_shown(front: FrontEnd) -> None:
    (played,) = run(front, 3)["DragAVideoPreviewPoints"]["images"]
    file = front.server.base / "temp" / played["subfolder"] / played["filename"]
    frames = load_clip(file, size=128, every=1, limit=8).source
    assert len(frames) == 8 and frames.std() > 0.05


@in_one
def test_one_picture_is_dragged(front: FrontEnd) -> None:
    (picture,) = run(front, 6)["SaveImage"]["images"]
    path = front.server.output / picture["subfolder"] / picture["filename"]
    assert read_pictures([path]).shape[0] == 1
