"""What the point editor gets from a real ComfyUI: frames of files over HTTP, and values that come with a run."""

from __future__ import annotations

import base64
import io
import json
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from dragavideo_core.instruction.examples import example
from dragavideo_core.instruction.parsing import parse_instruction
from dragavideo_core.media.video_io import write_video
from tests.comfyui import Server
from tests.films import CORNERS, corners_of
from tests.graphs import Graph, node, points_graph
from tests.media.test_limits import gif
from tests.tiny_server import TINY, tiny_comfyui

WIDE = Path(__file__).parents[1] / "media" / "inputs" / "sar2.mp4"
COUNT, SIZE = 40, (97, 64)
"""Frames of the test's video, and its (width, height): the odd width is padded by one column."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with tiny_comfyui(tmp_path_factory.mktemp("comfyui")) as running:
        (running.base / "input" / "sub").mkdir()
        write_video(running.base / "input" / "sub" / "grey video.mp4", greys(), 12.5)
        Image.new("RGB", (30, 20), (255, 0, 0)).save(running.base / "output" / "red.png")
        (running.base / "input" / "notes.txt").write_text("no picture", encoding="utf-8")
        film = running.base / "input" / "sub" / "grey video.mp4"
        playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{film}\n#EXT-X-ENDLIST\n"
        (running.base / "input" / "list.m3u8").write_text(playlist, encoding="utf-8")
        (running.base / "input" / "list.mp4").write_text(f"ffconcat version 1.0\nfile '{film}'\n", encoding="utf-8")
        gif(running.base / "input" / "large.gif", 16000)
        shutil.copy(WIDE, running.base / "input")
        (running.base / "outside.png").write_bytes((running.base / "output" / "red.png").read_bytes())
        yield running


def greys() -> torch.Tensor:
    """Frame n is grey of value 0.1 + 0.02 n."""
    return torch.stack([torch.full((SIZE[1], SIZE[0], 3), 0.1 + 0.02 * n) for n in range(COUNT)])


def number_of(picture: np.ndarray) -> int:
    """Which frame of `greys` it is."""
    return round((float(picture.mean()) / 255 - 0.1) / 0.02)


def get(server: Server, what: str, **query: Any) -> tuple[int, Any, dict[str, str]]:
    """(status, picture or JSON, headers) of one of the two routes."""
    address = f"http://{server.address}/dragavideo/{what}?{urllib.parse.urlencode(query)}"
    try:
        with urllib.request.urlopen(address, timeout=60) as reply:
            status, body, headers = reply.status, reply.read(), dict(reply.headers)
    except urllib.error.HTTPError as error:
        status, body, headers = error.code, error.read(), dict(error.headers)
    if headers["Content-Type"] == "image/jpeg":
        return status, np.asarray(Image.open(io.BytesIO(body))), headers
    return status, json.loads(body), headers


VIDEO = {"source": "input", "name": "sub/grey video.mp4"}


def test_a_video_tells_its_size_frames_and_rate_and_changes_version(server: Server) -> None:
    status, about, _ = get(server, "clip", **VIDEO)
    version = about.pop("version")
    assert (status, about) == (200, {"width": 98, "height": 64, "frames": COUNT, "fps": 12.5})
    assert get(server, "frame", **VIDEO, index=1, version=version)[2]["Cache-Control"] == "private, max-age=86400"
    assert get(server, "frame", **VIDEO, index=1, version="old")[2]["Cache-Control"] == "no-cache"
    again = server.base / "input" / "again.mp4"
    write_video(again, greys()[:5], 10)
    first = get(server, "clip", name="again.mp4")[1]
    assert number_of(get(server, "frame", name="again.mp4", index=3)[1]) == 3
    write_video(again, greys()[9:20], 10)
    second = get(server, "clip", name="again.mp4")[1]
    assert (first["frames"], second["frames"]) == (5, 11) and first["version"] != second["version"]
    assert number_of(get(server, "frame", name="again.mp4", index=3)[1]) == 12


def test_every_frame_is_the_one_that_was_asked_for_in_any_order(server: Server) -> None:
    order = [35, 0, 39, 1, 17, 16, *range(COUNT)]
    with ThreadPoolExecutor(6) as people:
        found = people.map(lambda index: get(server, "frame", **VIDEO, index=index)[1], order)
        assert [number_of(picture) for picture in found] == order
    assert get(server, "frame", **VIDEO, index=3)[1].shape == (64, 98, 3)
    assert get(server, "frame", **VIDEO, index=3, longest=49)[1].shape == (32, 49, 3)


def test_frames_are_those_that_load_video_and_prepare_clip_take(server: Server) -> None:
    graph = clip_graph(server, every=7, limit=4, start=5)
    graph["images"] = node("SaveImage", images=["clip", 1], filename_prefix="taken")
    run = server.run(graph)
    taken = [np.asarray(Image.open(server.output / f["filename"])) for f in run.outputs("images")["images"]]
    (told,) = run.outputs("clip")["dragavideo_clip"]
    assert [number_of(picture) for picture in taken] == told["indices"] == [5, 12, 19, 26]
    for picture, index in zip(taken, told["indices"]):
        seen = get(server, "frame", **VIDEO, index=index)[1]
        assert np.abs(seen.astype(int) - picture).max() <= 3


def test_pixels_that_are_not_square_are_shown_and_taken_alike(server: Server) -> None:
    _, about, _ = get(server, "clip", name="sar2.mp4")
    assert (about["width"], about["height"]) == (320, 96)
    _, picture, _ = get(server, "frame", name="sar2.mp4", index=0)
    assert picture.shape == (96, 320, 3)
    assert np.abs(corners_of(torch.tensor(picture) / 255) - np.array(CORNERS)).max() <= 12
    graph = clip_graph(server)
    graph["load"]["inputs"]["file"] = "sar2.mp4"
    (told,) = server.run(graph).outputs("clip")["dragavideo_clip"]
    assert told["size"] == [320, 96]


def test_a_hundred_sizes_of_every_frame_make_few_threads(server: Server) -> None:
    asked = [(number % COUNT, 16 + number) for number in range(120)]
    with ThreadPoolExecutor(12) as people:
        found = list(people.map(lambda what: get(server, "frame", **VIDEO, index=what[0], longest=what[1])[1], asked))
    assert [number_of(picture) for picture in found] == [index for index, _ in asked]
    assert [max(picture.shape) for picture in found] == [min(98, longest) for _, longest in asked]


def test_pictures_and_other_folders(server: Server) -> None:
    status, about, _ = get(server, "clip", source="output", name="red.png")
    assert (status, about["width"], about["height"], about["frames"]) == (200, 30, 20, 1)
    status, picture, _ = get(server, "frame", source="input", name="red.png [output]", index=0)
    assert status == 200 and picture[10, 15].tolist() == pytest.approx([255, 0, 0], abs=3)


def test_an_example_tells_its_frames_and_instruction(server: Server) -> None:
    chosen = example("creature")
    _, about, _ = get(server, "clip", source="example", name="creature")
    assert (about["every"], about["limit"]) == (chosen.every, chosen.limit)
    instruction = parse_instruction(about["instruction"])
    assert instruction.pairs and instruction.size == (about["width"], about["height"])
    assert get(server, "frame", source="example", name="creature", index=7)[0] == 200


@pytest.mark.parametrize(
    ("what", "query", "status", "message"),
    [
        ("clip", {"name": "gone.mp4"}, 404, "There is no 'gone.mp4' in ComfyUI's input folder; choose another file"),
        ("clip", {"name": "sub"}, 404, "There is no 'sub' in ComfyUI's input folder"),
        ("clip", {"source": "example", "name": "../x"}, 404, "There is no example '../x'; choose one of: bunny"),
        ("clip", {}, 400, "The name of the file is missing"),
        ("clip", {"name": "notes.txt"}, 400, "'notes.txt' "),
        ("clip", {"source": "models", "name": "a"}, 400, "'models' is no folder that files are read from"),
        ("clip", {"name": "../outside.png"}, 400, "'../outside.png' is not inside ComfyUI's input folder"),
        ("clip", {"name": "sub/../../outside.png"}, 400, "is not inside ComfyUI's input folder"),
        ("clip", {"name": "/etc/passwd"}, 400, "is not inside ComfyUI's input folder"),
        ("clip", {"name": "a\0.mp4"}, 400, "is not inside ComfyUI's input folder"),
        ("frame", {"name": "../outside.png", "index": 0}, 400, "is not inside ComfyUI's input folder"),
        ("clip", {"name": "x" * 5000 + ".mp4"}, 404, "There is no 'xxxxx"),
        ("frame", {"name": "x" * 5000 + ".mp4", "index": 0}, 404, "in ComfyUI's input folder"),
        ("frame", {"name": "../" + "x" * 5000, "index": 0}, 400, "is not inside ComfyUI's input folder"),
        ("frame", {"name": "list.m3u8", "index": 0}, 400, "Playlists and other lists of files are not followed"),
        ("frame", {"name": "list.mp4", "index": 0}, 400, "Playlists and other lists of files are not followed"),
        ("clip", {"name": "large.gif"}, 400, "is 16000x16000 pixels, which is too large"),
        ("frame", {**VIDEO, "index": COUNT}, 400, f"has frames 0 to {COUNT - 1}, but frame {COUNT} was asked for"),
        ("frame", {**VIDEO, "index": "-1"}, 400, "'index' is '-1'; expected a whole number from 0"),
        ("frame", {**VIDEO, "index": 0, "longest": 5}, 400, "'longest' is 5; expected 16 to 4096 pixels"),
    ],
)
def test_refusals_are_told_in_words(server: Server, what: str, query: dict, status: int, message: str) -> None:
    found, told, _ = get(server, what, **query)
    assert found == status
    assert message in told["error"] and str(server.base) not in told["error"]


def clip_graph(server: Server, every: int = 3, limit: int = 3, start: int = 0) -> Graph:
    """Load Video and Prepare Clip, with nothing that asks for the clip."""
    return {
        "load": node("LoadVideo", file=VIDEO["name"]),
        "clip": node(
            "DragAVideoPrepareClip", video=["load", 0], fps=24.0, start=start, every=every, limit=limit, size=64,
            fit="crop",
        ),
    }  # fmt: skip


def file_of(server: Server, told: dict[str, str]) -> bytes:
    """A file that came with a run, as the page gets it."""
    with urllib.request.urlopen(f"http://{server.address}/view?{urllib.parse.urlencode(told)}", timeout=60) as reply:
        return reply.read()


def test_frames_of_the_clip_are_told_before_empty_points_stop_the_graph(server: Server) -> None:
    graph = clip_graph(server)
    empty = '{"version": 1, "frame": 0, "pairs": [], "mask_points": [], "pinned_points": []}'
    graph["points"] = node("DragAVideoDragPoints", clip=["clip", 0], instruction=empty, rescale=False)
    graph["probe"] = node("TestProbe", value=["points", 0])
    for _ in range(2):  # The second time the clip comes out of ComfyUI's cache.
        with server.events() as events:
            # Only the points are refused; what stands before them is queued.
            reply = server.post("/prompt", {"prompt": graph, "client_id": server.client})
            assert list(reply["node_errors"]) == ["points"]
            error = events.wait_for(lambda m: m["type"] == "dragavideo_refused")
            server.wait(reply["prompt_id"])
            (told,) = (m for m in events.messages if m["type"] == "executed" and m["data"]["node"] == "clip")
        assert "nothing to drag yet" in error["data"]["message"]
        (clip,) = told["data"]["output"]["dragavideo_clip"]
        assert (clip["size"], clip["indices"], clip["fps"]) == ([98, 64], [0, 3, 6], pytest.approx(12.5 / 3))
        for file, index in zip(clip["frames"], clip["indices"], strict=True):
            picture = np.asarray(Image.open(io.BytesIO(file_of(server, file))))
            assert picture.shape == (64, 98, 3) and number_of(picture) == index


def test_what_was_tracked_is_told_and_corrections_change_it(server: Server) -> None:
    graph = points_graph(model=TINY, example="bunny", limit=3)
    run = server.run(graph)
    assert run.state == "success", run.error
    (shown,) = run.outputs("clip")["dragavideo_clip"]
    assert len(shown["frames"]) == 3 and shown["size"] == [256, 256]
    before = tracks_of(server, run.outputs("sets"))
    instruction = parse_instruction(before["instruction"])
    handle = instruction.pairs[0].handle
    assert (before["version"], before["size"], before["indices"]) == (1, [256, 256], shown["indices"])
    assert np.shape(before["handles"]) == np.shape(before["targets"]) == (3, 1, 9, 2)
    assert np.shape(before["visible"]) == (3, 1, 9) and {0, 1} >= set(np.ravel(before["visible"]))
    assert np.shape(before["pinned"]) == (3, len(instruction.pinned_points), 2)
    assert before["handles"][0][0][4] == pytest.approx(handle, abs=0.01)
    masks = [np.asarray(Image.open(io.BytesIO(base64.b64decode(mask)))) for mask in before["masks"]]
    assert [mask.shape for mask in masks] == [(256, 256)] * 3 and masks[0][round(handle[1]), round(handle[0])] == 255

    text = json.loads(before["instruction"])
    text["corrections"] = [{"pair": 0, "frame": before["indices"][2], "handle": [150.5, 99]}]
    graph["points"]["inputs"]["instruction"] = json.dumps(text)
    run = server.run(graph)
    assert run.state == "success", run.error
    after = tracks_of(server, run.outputs("sets"))
    assert after["handles"][2][0][4] == [150.5, 99] and after["visible"][2][0] == [1] * 9
    assert json.loads(after["instruction"])["corrections"] == text["corrections"]
    mask = np.asarray(Image.open(io.BytesIO(base64.b64decode(after["masks"][2]))))
    assert mask[99, 150] == 255


def tracks_of(server: Server, outputs: dict[str, Any]) -> dict[str, Any]:
    (file,) = outputs["dragavideo_tracks"]
    assert Path(file["filename"]).suffix == ".json" and file["type"] == "temp"
    return json.loads(file_of(server, file))
