"""The shipped workflows: drawn well, wired with sockets that exist, and run where their models are at hand.

They are turned into API form here by a few lines of Python; the browser tests do it with the real front end.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dragavideo_core.model.loading import BUNDLED_FOLDER
from dragavideo_core.pictures import read_pictures
from dragavideo_core.video_io import read_video
from tests.comfyui import ROOT, Server, comfyui, need_comfyui
from tests.graphs import Graph

FILES = sorted((ROOT / "workflows").glob("*.json"))
NOTES = {"MarkdownNote", "Note"}
FOREIGN = "VHS_"
"""Nodes of another pack, of which nothing is known here."""


def load(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def named(start: str) -> dict[str, Any]:
    (path,) = [path for path in FILES if path.name.startswith(start)]
    return load(path)


def api_form(workflow: dict[str, Any]) -> Graph:
    """The graph to queue."""
    sources = {link[0]: [str(link[1]), link[2]] for link in workflow["links"]}
    graph: Graph = {}
    for node in workflow["nodes"]:
        if node["type"] in NOTES:
            continue
        values = iter(node["widgets_values"])
        inputs: dict[str, Any] = {}
        for socket in node["inputs"]:
            if "widget" in socket:
                inputs[socket["name"]] = next(values)
                if socket["name"] in ("seed", "noise_seed"):
                    next(values)  # what the front end does to the seed after a run
            if socket["link"] is not None:
                inputs[socket["name"]] = sources[socket["link"]]
        graph[str(node["id"])] = {"class_type": node["type"], "inputs": inputs}
    return graph


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    need_comfyui()
    with comfyui(tmp_path_factory.mktemp("comfyui")) as running:
        yield running


def test_all_six_are_there() -> None:
    assert [path.name[0] for path in FILES] == list("123456")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_nodes_do_not_overlap_and_read_left_to_right(path: Path) -> None:
    workflow = load(path)
    places = {}
    for node in workflow["nodes"]:
        (x, y), (width, height) = node["pos"], node["size"]
        # The title is drawn above the node's own place.
        places[node["id"]] = (x, y - 30, x + width, y + height)
    for (a, first), (b, second) in itertools.combinations(places.items(), 2):
        apart = first[2] <= second[0] or second[2] <= first[0] or first[3] <= second[1] or second[3] <= first[1]
        assert apart, f"nodes {a} and {b} overlap"
    for _, source, _, target, _, _ in workflow["links"]:
        assert places[source][0] <= places[target][0], f"the link from {source} to {target} runs to the left"
    assert workflow["groups"] and any(node["type"] in NOTES for node in workflow["nodes"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_nodes_say_where_they_and_their_models_come_from(path: Path) -> None:
    for node in load(path)["nodes"]:
        if node["type"] in NOTES:
            continue
        assert {"cnr_id", "ver"} <= set(node["properties"])
        loads = [value for value in node["widgets_values"] if str(value).endswith((".safetensors", ".pth"))]
        models = node["properties"].get("models", [])
        assert [model["name"] for model in models] == loads
        for model in models:
            assert re.fullmatch(r"https://\S+\.safetensors", model["url"]) and model["directory"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_sockets_and_widgets_are_those_of_the_nodes(path: Path, server: Server) -> None:
    info, workflow = server.get("/object_info"), load(path)
    nodes = {node["id"]: node for node in workflow["nodes"]}
    for node in nodes.values():
        if node["type"] in NOTES or node["type"].startswith(FOREIGN):
            continue
        about = info[node["type"]]
        inputs = {**about["input"].get("required", {}), **about["input"].get("optional", {})}
        assert {socket["name"] for socket in node["inputs"]} == set(inputs)
        assert [output["name"] for output in node["outputs"]] == about["output_name"]
        given = api_form({"nodes": [node], "links": workflow["links"]})[str(node["id"])]["inputs"]
        missing = set(about["input"].get("required", {})) - set(given)
        assert not missing, f"{node['type']} lacks {missing}"
        for name, value in given.items():
            options = inputs[name][1].get("options") if len(inputs[name]) > 1 else None
            if options and not isinstance(value, list) and not str(value).endswith(".safetensors"):
                assert value in options, f"{node['type']}.{name} is {value}"
    for number, source, output, target, slot, kind in workflow["links"]:
        assert nodes[source]["outputs"][output]["type"] == kind and number in nodes[source]["outputs"][output]["links"]
        socket = nodes[target]["inputs"][slot]
        assert socket["link"] == number and kind in socket["type"].split(",")


def run(server: Server, start: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Outputs by node type of a workflow that was run."""
    assert (BUNDLED_FOLDER / "model_index.json").is_file(), "the bundled model is missing"
    graph = api_form(named(start))
    done = server.run(graph)
    assert done.state == "success", done.error
    return {node["class_type"]: done.outputs(name) for name, node in graph.items()}, graph


def test_quick_start_ends_in_a_video(server: Server) -> None:
    outputs, _ = run(server, "1_")
    (video,) = outputs["SaveVideo"]["images"]
    stretch = read_video(server.output / video["subfolder"] / video["filename"], every=1, limit=100, start=0)
    assert len(stretch.frames) == len(outputs["DragAVideoPreviewPoints"]["images"])
    report = json.loads(outputs["DragAVideoDragReport"]["text"][0])
    assert sum(report["distance_after_px"]) < 0.5 * sum(report["distance_before_px"])


def test_points_are_shown(server: Server) -> None:
    outputs, _ = run(server, "3_")
    pictures = outputs["DragAVideoPreviewPoints"]["images"]
    assert len(pictures) > 1
    files = [server.base / "temp" / picture["subfolder"] / picture["filename"] for picture in pictures]
    assert read_pictures(files).std() > 0.05


def test_one_picture_is_dragged(server: Server) -> None:
    outputs, _ = run(server, "6_")
    (picture,) = outputs["SaveImage"]["images"]
    assert read_pictures([server.output / picture["subfolder"] / picture["filename"]]).shape[0] == 1
