"""Bad wiring in a real ComfyUI: the node stops with a message of its own that says what to do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.comfyui import Server
from tests.graphs import node, points_graph
from tests.tiny_server import TINY, tiny_comfyui, tiny_graph


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with tiny_comfyui(tmp_path_factory.mktemp("comfyui")) as running:
        yield running


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"invert": {"steps": 4}}, "DDIMInversion: 4 steps are inverted, but Latent Offset Optimizer starts at step 8"),
        ({"drag": {"preset": "paper"}}, "DDIMInversion: 8 steps are inverted, but Latent Offset Optimizer starts at"),
        ({"drag": {"preset": "custom", "custom": '{"speed": 1}'}}, "'speed' is not a setting"),
        ({"mask": "LoadImageMask"}, "The mask is 64x64 but the clip is 256x256"),
    ],
)
def test_bad_wiring_is_told_in_words(server: Server, changes: dict, message: str) -> None:
    graph = tiny_graph()
    changes = dict(changes)
    if changes.pop("mask", None):
        graph["mask"] = node("SolidMask", value=1.0, width=64, height=64)
        graph["sets"]["inputs"]["mask"] = ["mask", 0]
    for name, values in changes.items():
        graph[name]["inputs"].update(values)
    run = server.run(graph)
    assert run.state == "error"
    assert message in run.error and run.error_class == "ValueError"


@pytest.mark.parametrize(
    ("instruction", "message"),
    [
        ('{"pairs": []}', "There is nothing to drag yet: press on the object in the editor"),
        ('{"pairs": [], "mask_points": [[5, 5]]}', "There are only mask points yet"),
        ("pull the ear", "The instruction is not JSON"),
    ],
)
def test_an_instruction_without_a_drag_is_refused_before_the_queue(
    server: Server, instruction: str, message: str
) -> None:
    graph = tiny_graph()
    graph["points"]["inputs"]["instruction"] = instruction
    with server.events() as events:
        reply = server.post("/prompt", {"prompt": graph, "client_id": server.client})
        told = events.wait_for(lambda m: m["type"] == "dragavideo_refused", 20)
    # The clip, an output of its own, is run and shown; nothing that takes the points is.
    done = server.wait(reply["prompt_id"])
    assert done.state == "success" and set(done.history["outputs"]) == {"clip"}
    (error,) = reply["node_errors"]["points"]["errors"]
    assert message in error["details"]
    assert told["data"]["node"] == "points" and told["data"]["message"].startswith(message)


def test_point_sets_and_offsets_of_another_clip_are_refused(server: Server) -> None:
    graph = tiny_graph()
    other = points_graph(model=TINY, example="bunny", limit=3)
    graph["clip2"], graph["invert2"] = other["clip"], other["invert"]
    graph["invert2"]["inputs"]["clip"] = ["clip2", 0]
    graph["drag"]["inputs"]["inversion"] = ["invert2", 0]
    run = server.run(graph)
    assert "2 frames and the inversion 3" in run.error


def test_sdxl_is_refused(server: Server) -> None:
    graph = tiny_graph()
    graph["loader"] = node("TestSdxl")
    graph["model"] = node(
        "DragAVideoModelFromCheckpoint", sd_model=["loader", 0], sd_clip=["loader", 1], sd_vae=["loader", 2],
        dtype="auto",
    )  # fmt: skip
    run = server.run(graph)
    assert run.state == "error"
    assert "The MODEL is of the kind SDXL" in run.error and "connect a Stable Diffusion 1.x" in run.error


@pytest.mark.parametrize(
    ("side", "count", "message"),
    [
        (256, 3, "The mask has 3 frames but the clip has 2"),
        (64, 2, "The mask is 64x64 but the clip is 256x256"),
    ],
)
def test_masks_of_another_clip_are_refused(server: Server, side: int, count: int, message: str) -> None:
    graph = points_graph(model=TINY, example="bunny", limit=2)
    graph["one"] = node("SolidMask", value=1.0, width=side, height=side)
    graph["picture"] = node("MaskToImage", mask=["one", 0])
    graph["pictures"] = node("RepeatImageBatch", image=["picture", 0], amount=count)
    graph["mask"] = node("ImageToMask", image=["pictures", 0], channel="red")
    graph["sets"]["inputs"]["mask"] = ["mask", 0]
    run = server.run(graph)
    assert run.state == "error"
    assert message in run.error


@pytest.mark.parametrize(
    ("tracks", "values", "message"),
    [
        ('[[{"x": 700, "y": 90}, {"x": 720, "y": 90}]]', {}, "outside the clip of 256x256 pixels. Connect the clip"),
        ("[[[90, 90], [100, 90]]]", {"frame": 90}, "on frame 90, but the clip holds frames"),
        ("[[[300, 90], [310, 90]]]", {"width": 300, "height": 300}, "give the width and height"),
    ],
)
def test_tracks_of_another_clip_are_refused(server: Server, tracks: str, values: dict, message: str) -> None:
    graph = points_graph(model=TINY, example="bunny", limit=2)
    graph["points"] = node(
        "DragAVideoTracksIn", **{"clip": ["clip", 0], "tracks": tracks, "frame": 0, "width": 0, "height": 0, **values}
    )
    run = server.run(graph)
    assert run.state == "error"
    assert message in run.error
