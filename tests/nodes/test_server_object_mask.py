"""Object Mask in a real ComfyUI: from handles, from a stock node's MASK (one, or one a frame), and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from tests.comfyui import Run, Server
from tests.graphs import Graph, node
from tests.tiny_server import tiny_comfyui, tiny_graph

SIDE = 256


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with tiny_comfyui(tmp_path_factory.mktemp("comfyui")) as running:
        yield running


def object_graph(**mask: Graph) -> Graph:
    """The drag of the tiny model with an Object Mask before it; `mask` names nodes, the last of which gives a MASK."""
    graph = tiny_graph(limit=3)
    inputs = {"mask": [list(mask)[-1], 0]} if mask else {}
    graph |= mask
    graph["object"] = node(
        "DragAVideoObjectMask", clip=["clip", 0], points=["points", 0], sam_file="none (GrabCut)", **inputs
    )
    graph["sets"]["inputs"]["objects"] = ["object", 0]
    graph["shown"] = node("MaskToImage", mask=["object", 1])
    graph["kept"] = node("SaveImage", images=["shown", 0], filename_prefix="object")
    return graph


def masks(server: Server, graph: Graph, *names: str) -> list[np.ndarray]:
    """The masks that nodes have written, each [N, H, W] bool."""
    run = server.run(graph)
    assert run.state == "success", run.error
    return [_read(server, run, name) for name in names]


def _read(server: Server, run: Run, name: str) -> np.ndarray:
    files = run.outputs(name)["images"]
    pictures = [np.asarray(Image.open(server.output / f["subfolder"] / f["filename"]).convert("L")) for f in files]
    return np.stack(pictures) > 127


def test_the_handle_alone_gives_a_mask_in_every_frame(server: Server) -> None:
    (found,) = masks(server, object_graph(), "kept")
    assert found.shape == (3, SIDE, SIDE)
    assert 0 < found.mean() < 0.95


def test_one_mask_of_a_stock_node_is_carried(server: Server) -> None:
    y, x = np.mgrid[:SIDE, :SIDE]
    blob = (x - 128) ** 2 + (y - 128) ** 2 < 60**2
    Image.fromarray((blob * 255).astype(np.uint8)).convert("RGB").save(server.output.parent / "input" / "blob.png")
    drawn = node("LoadImageMask", image="blob.png", channel="red")
    (found,) = masks(server, object_graph(drawn=drawn), "kept")
    assert (found[0] == blob).all()
    for carried in found[1:]:
        assert (carried & blob).sum() / (carried | blob).sum() > 0.6


def test_one_mask_a_frame_is_taken_as_it_is(server: Server) -> None:
    reddish = {
        "red": node("ImageToMask", image=["clip", 2], channel="red"),
        "strong": node("ThresholdMask", mask=["red", 0], value=0.5),
    }
    graph = object_graph(**reddish)
    graph["plain"] = node("MaskToImage", mask=["strong", 0])
    graph["theirs"] = node("SaveImage", images=["plain", 0], filename_prefix="theirs")
    found, theirs = masks(server, graph, "kept", "theirs")
    assert (found == theirs).all()


@pytest.mark.parametrize(
    ("solid", "words"),
    [((1.0, 64, 64), "64x64"), ((0.0, SIDE, SIDE), "empty"), ((1.0, SIDE, SIDE), "covers 100%")],
    ids=["another size", "empty", "the whole frame"],
)
def test_masks_that_do_not_serve_are_refused_in_words(
    server: Server, solid: tuple[float, int, int], words: str
) -> None:
    value, width, height = solid
    run = server.run(object_graph(plain=node("SolidMask", value=value, width=width, height=height)))
    assert run.state == "error"
    assert words in str(run.error)


def test_the_warped_clip_and_what_it_uncovered_come_out(server: Server) -> None:
    graph = tiny_graph(limit=3)
    graph["warped"] = node("SaveImage", images=["sets", 2], filename_prefix="warped")
    graph["shown"] = node("MaskToImage", mask=["sets", 3])
    graph["kept"] = node("SaveImage", images=["shown", 0], filename_prefix="uncovered")
    run = server.run(graph)
    assert run.state == "success", run.error
    assert len(run.outputs("warped")["images"]) == len(run.outputs("kept")["images"]) == 3
