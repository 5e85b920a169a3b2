"""The shipped workflows: drawn well, wired with sockets that exist, and with models that have an address.

They are run, and turned into API form by the real front end, in test_browser.py.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.comfyui import Server, comfyui, need_comfyui
from tests.graphs import FILES, FOREIGN, NOTES, api_file, api_form, load


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    need_comfyui()
    with comfyui(tmp_path_factory.mktemp("comfyui")) as running:
        yield running


def test_all_seven_are_there() -> None:
    assert [path.name[0] for path in FILES] == list("1234567")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_api_form_beside_each_is_the_same_graph(path: Path) -> None:
    """After a change: python -c "from tests.graphs import write_api_files; write_api_files()"."""
    assert json.loads(api_file(path).read_text(encoding="utf-8")) == api_form(load(path))


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
