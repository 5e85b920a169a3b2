"""A second drag of the same clip does not do again what does not depend on it, and comes out as the first would."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.comfyui import Server
from tests.graphs import Graph
from tests.tiny_server import tiny_comfyui, tiny_graph


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with tiny_comfyui(tmp_path_factory.mktemp("comfyui")) as running:
        yield running


def edited(server: Server, graph: Graph) -> tuple[list[bytes], set[str]]:
    """The pictures as files, and the stages that Decode told of."""
    with server.events() as events:
        run = server.wait(server.queue(graph))
        assert run.state == "success", run.error
        events.wait_for(lambda m: m["type"] == "executing" and m["data"]["node"] is None)
    told = [m["data"] for m in events.messages if m["type"] == "progress_text" and m["data"]["node"] == "decode"]
    files = run.outputs("images")["images"]
    pictures = [(server.output / file["subfolder"] / file["filename"]).read_bytes() for file in files]
    return pictures, {text["text"].partition(":")[0] for text in told}


@pytest.mark.parametrize("cross_branch", ["off", "on"])
def test_the_source_branch_is_denoised_once(server: Server, cross_branch: str) -> None:
    graph = tiny_graph(iterations=0)
    graph["decode"]["inputs"]["cross_branch"] = cross_branch
    first, stages = edited(server, graph)
    assert ("reference" in stages) == (cross_branch == "off")
    graph["drag"]["inputs"]["iterations"] = 1
    second, stages = edited(server, graph)
    assert stages == {"decode"} and second != first
    # What was kept goes with the inversion that it belongs to.
    server.post("/free", {"unload_models": True, "free_memory": True})
    fresh, stages = edited(server, graph)
    assert fresh == second
    assert ("reference" in stages) == (cross_branch == "off")
