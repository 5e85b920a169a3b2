"""The pack in a real ComfyUI, over its HTTP and WebSocket API.

Mechanics (cache, cancel, resume) run on a tiny random model, so that they take seconds; one drag runs on the
bundled model, to real files.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from dragavideo_core.instruction.examples import names
from dragavideo_core.media.clip import load_clip
from dragavideo_core.media.video_io import read_video
from dragavideo_core.model.loading import BUNDLED_FOLDER
from tests.comfyui import ROOT, Events, Server
from tests.films import write_turned
from tests.graphs import Graph, drag_graph, node, points_graph
from tests.tiny_server import TINY, tiny_comfyui, tiny_graph

NODES = {
    "LoadModel", "ModelFromCheckpoint", "ExampleClip", "PrepareClip", "DragPoints", "LoraTuning", "SaveLora",
    "DDIMInversion", "ObjectMask", "PointSetPropagation", "PreviewPoints", "TemporalPointTracker",
    "LatentOffsetOptimizer", "Decode", "DragReport", "TracksIn", "TracksOut",
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with tiny_comfyui(tmp_path_factory.mktemp("comfyui")) as running:
        yield running


def test_all_nodes_are_listed_and_nothing_of_ours_is_warned_about(server: Server) -> None:
    info = server.get("/object_info")
    assert {name for name in info if name.startswith("DragAVideo")} == {"DragAVideo" + name for name in NODES}
    log = server.log.read_text(encoding="utf-8", errors="replace")
    assert "IMPORT FAILED" not in log
    # Its name in the list of import times is all there is about the pack.
    lines = [line for line in log.splitlines() if "drag" in line.lower() and "seconds:" not in line]
    assert not lines
    took = next(line for line in log.splitlines() if "seconds:" in line and "drag-a-video" in line)
    assert float(took.split()[0]) < 1.0, took


def test_every_socket_says_what_it_is_for(server: Server) -> None:
    english = json.loads((ROOT / "locales" / "en" / "nodeDefs.json").read_text(encoding="utf-8"))
    for name, about in server.get("/object_info").items():
        if not name.startswith("DragAVideo"):
            continue
        assert about["category"] == "Drag-A-Video"
        assert about["description"], name
        inputs = {**about["input"].get("required", {}), **about["input"].get("optional", {})}
        for key, value in inputs.items():
            assert len(value) > 1 and value[1].get("tooltip"), f"{name}.{key} has no tooltip"
        assert all(about["output_tooltips"]), f"{name} has an output without a tooltip"
        # The English locale is what the schemas say; a changed tooltip has to be changed in every language.
        said = english[name]
        assert (said["display_name"], said["description"]) == (about["display_name"], about["description"])
        assert {key: value["tooltip"] for key, value in said["inputs"].items()} == {
            key: value[1]["tooltip"] for key, value in inputs.items()
        }
        assert [value["tooltip"] for value in said["outputs"].values()] == about["output_tooltips"]


def test_second_queue_runs_nothing_and_iterations_run_only_what_follows(server: Server) -> None:
    graph = tiny_graph()
    first = server.run(graph)
    assert first.state == "success", first.error
    assert server.run(graph).cached == set(graph)
    graph["drag"]["inputs"]["iterations"] = 2
    again = server.run(graph)
    assert again.state == "success", again.error
    assert set(graph) - again.cached == {"drag", "decode", "report", "video", "images"}


def test_pictures_and_video_are_written(server: Server) -> None:
    graph = tiny_graph(limit=3)
    run = server.run(graph)
    assert run.state == "success", run.error
    images = run.outputs("images")["images"]
    assert len(images) == 3
    (video,) = run.outputs("video")["images"]
    stretch = read_video(server.output / video["subfolder"] / video["filename"], every=1, limit=10, start=0)
    assert tuple(stretch.frames.shape) == (3, 256, 256, 3)
    report = json.loads(run.outputs("report")["text"][0])
    assert report["clip"] == "bunny" and report["frames"] == 3


def test_results_play_on_the_nodes_and_reach_the_editor(server: Server) -> None:
    graph = tiny_graph(limit=3)
    graph["pair"] = node("TestProbe", value=["decode", 7])
    graph["source"] = node("TestProbe", value=["clip", 2])
    run = server.run(graph)
    assert run.state == "success", run.error
    for name in ("decode", "preview"):
        (file,) = run.outputs(name)["images"]
        assert run.outputs(name)["animated"] == [True] and file["type"] == "temp"
        with Image.open(server.base / "temp" / file["subfolder"] / file["filename"]) as played:
            assert played.n_frames == 3 and played.size[0] >= 256
    (shown,) = run.outputs("decode")["dragavideo_result"]
    (clip,) = run.outputs("clip")["dragavideo_clip"]
    assert shown["indices"] == clip["indices"] and shown["size"] == [256, 256]
    assert len(shown["frames"]) == 3 and not {f["filename"] for f in shown["frames"]} & {
        f["filename"] for f in clip["frames"]
    }
    assert run.outputs("pair")["text"] == run.outputs("source")["text"]
    (told,) = run.outputs("report")["dragavideo_said"]
    verdict = json.loads(run.outputs("report")["text"][0])["verdict"]
    levels = {"good": "good", "doubtful": "warning", "failed": "bad"}
    assert (told["lines"], told["level"]) == (verdict["lines"], levels[verdict["level"]])


def iterations_done(message: dict) -> int:
    """How many iterations the optimiser tells of, 0 where the message is another."""
    text = message["data"].get("text", "") if message["type"] == "progress_text" else ""
    found = re.match(r"latent offsets: (\d+) of 500, \d+\.\d px to go", text)
    return int(found[1]) if found else 0


def cancel_in_the_drag(server: Server, graph: Graph, events: Events, pictures: int = 0) -> None:
    prompt = server.queue(graph)
    events.wait_for(lambda message: iterations_done(message) and events.pictures >= pictures)
    server.post("/interrupt", {})
    assert server.wait(prompt, 30).state == "interrupted"


def test_cancelled_drag_frees_the_worker_and_goes_on_where_it_was(server: Server) -> None:
    graph = tiny_graph(iterations=500)
    graph["drag"]["inputs"] |= {"preset": "custom", "custom": '{"arrival_px": 0.001}'}  # it never arrives
    with server.events() as events:
        cancel_in_the_drag(server, graph, events, pictures=2)  # a preview plays
        reached = max(map(iterations_done, events.messages))
        events.messages.clear()
        cancel_in_the_drag(server, graph, events)
        assert iterations_done(events.wait_for(iterations_done)) >= reached
    graph["drag"]["inputs"]["iterations"] = 1
    run = server.run(graph)
    assert run.state == "success", run.error


def test_a_bar_never_starts_over_and_a_line_says_what_is_going_on(server: Server) -> None:
    graph = tiny_graph(iterations=2)
    graph["drag"]["inputs"] |= {"preset": "custom", "custom": '{"learning_rate": 0.03, "arrival_px": 0.01}'}
    graph["invert"]["inputs"]["prompt"] = "anything that was not run before"
    with server.events() as events:
        prompt = server.queue(graph)
        assert server.wait(prompt).state == "success"
        events.wait_for(lambda m: m["type"] == "executing" and m["data"]["node"] is None)
    for name in ("invert", "sets", "drag", "decode"):
        bar = [m["data"] for m in events.messages if m["type"] == "progress" and m["data"]["node"] == name]
        values = [data["value"] / data["max"] for data in bar]
        assert values == sorted(values) and values[-1] == 1, f"{name}: {values}"
    lines = [m["data"]["text"] for m in events.messages if m["type"] == "progress_text" and m["data"]["node"] == "drag"]
    assert any(line.startswith("warm start: ") for line in lines) and lines[-1].startswith("latent offsets: 2 of 2, ")


def test_pictures_of_any_kind_become_a_clip(server: Server) -> None:
    rgb = node("EmptyImage", width=64, height=48, batch_size=4, color=8421504)
    graph: Graph = {
        "rgb": rgb,
        "mask": node("SolidMask", value=0.5, width=64, height=48),
        "rgba": node("JoinImageWithAlpha", image=["rgb", 0], alpha=["mask", 0]),
        "clip": node(
            "DragAVideoPrepareClip", images=["rgba", 0], fps=24.0, start=0, every=2, limit=16, size=64, fit="crop"
        ),
        "images": node("SaveImage", images=["clip", 1], filename_prefix="clip"),
    }
    run = server.run(graph)
    assert run.state == "success", run.error
    graph["clip"]["inputs"].pop("images")
    assert "either images or video" in server.run(graph).error


def test_a_video_file_is_read_as_everywhere_else(server: Server) -> None:
    """Only the frames that are taken, upright: ComfyUI 0.3.75's own reading leaves a phone's film on its side."""
    turned = server.base / "input" / "turned.mp4"
    turned.parent.mkdir(exist_ok=True)
    frames = torch.rand(6, 64, 96, 3, generator=torch.Generator().manual_seed(0))
    write_turned(turned, frames)
    options = {"fps": 24.0, "start": 1, "every": 2, "limit": 2, "size": 64, "fit": "crop"}
    graph: Graph = {
        "load": node("LoadVideo", file="turned.mp4"),
        "clip": node("DragAVideoPrepareClip", video=["load", 0], **options),
        "frames": node("GetImageSize", image=["clip", 1]),
        "shown": node("PreviewAny", source=["frames", 1]),
        "probe": node("TestProbe", value=["clip", 1]),
    }
    run = server.run(graph)
    assert run.state == "success", run.error
    own = load_clip(turned, **{name: options[name] for name in ("start", "every", "limit", "size", "fit")})
    assert own.source.shape[1:] == (96, 64, 3)
    assert run.outputs("shown")["text"] == ["96"]
    told = json.loads(run.outputs("probe")["text"][0])
    assert told["hash"] == hashlib.sha256(own.source.contiguous().numpy().tobytes()).hexdigest()
    # One that is no file: made of pictures.
    graph["made"] = node("CreateVideo", images=["clip", 1], fps=12.0)
    graph["again"] = node("DragAVideoPrepareClip", video=["made", 0], **(options | {"start": 0, "every": 1}))
    graph["probe_again"] = node("TestProbe", value=["again", 1])
    assert json.loads(server.run(graph).outputs("probe_again")["text"][0])["hash"] == told["hash"]


def test_tracks_go_out_and_come_in(server: Server) -> None:
    graph = points_graph(model=TINY, example="bunny", limit=2)
    graph["out"] = node(
        "DragAVideoTracksOut", clip=["clip", 0], point_sets=["sets", 0], which="handles to targets", format="spline",
        width=0, height=0, length=0,
    )  # fmt: skip
    graph["in"] = node("DragAVideoTracksIn", clip=["clip", 0], tracks=["out", 0], frame=0, width=0, height=0)
    graph["sets2"] = {**graph["sets"], "inputs": {**graph["sets"]["inputs"], "points": ["in", 0]}}
    graph["preview2"] = node("DragAVideoPreviewPoints", clip=["clip", 0], point_sets=["sets2", 0])
    run = server.run(graph)
    assert run.state == "success", run.error


def test_lora_is_tuned_saved_and_used(server: Server) -> None:
    graph = tiny_graph()
    graph["lora"] = node(
        "DragAVideoLoraTuning", model=["model", 0], clip=["clip", 0], prompt="", iterations=2, rank=4,
        learning_rate=5e-4, batch_size=2, seed=0, micro_batch=2,
    )  # fmt: skip
    for name in ("invert", "sets", "drag", "decode", "report"):
        graph[name]["inputs"]["model"] = ["lora", 0]
    graph["save"] = node("DragAVideoSaveLora", lora=["lora", 1], filename_prefix="mine/bunny")
    run = server.run(graph)
    assert run.state == "success", run.error
    assert (server.base / "models/loras/mine/bunny_00001_.safetensors").is_file()
    graph["save"]["inputs"]["filename_prefix"] = "../../outside"
    outside = server.run(graph)
    assert outside.state == "error" and "no name inside loras" in outside.error
    assert not (server.base / "outside_00001_.safetensors").exists()


SOCKETS = {
    "model": ["model", 0],
    "clip": ["clip", 0],
    "source": ["clip", 2],
    "points": ["points", 0],
    "inversion": ["invert", 0],
    "point_sets": ["sets", 0],
    "offsets": ["drag", 0],
    "images": ["decode", 0],
}


def test_inputs_stay_as_they_are_and_outputs_carry_no_graph(server: Server) -> None:
    graph = tiny_graph()
    for name, socket in SOCKETS.items():
        graph[f"early {name}"] = node("TestProbe", value=socket)
        # The report comes last of all.
        graph[f"late {name}"] = node("TestProbe", value=socket, after=["report", 0])
    # Each value is looked at before the nodes that take it are run, in a queue of its own.
    upto = {"source": "clip", "offsets": "drag", "images": "decode", "inversion": "invert", "point_sets": "sets"}
    before = {}
    for name in SOCKETS:
        wanted = {f"early {name}"}
        while True:
            more = {link[0] for n in wanted for link in graph[n]["inputs"].values() if isinstance(link, list)} - wanted
            if not more:
                break
            wanted |= more
        assert upto.get(name, name) in wanted
        done = server.run({key: graph[key] for key in wanted})
        assert done.state == "success", done.error
        before[name] = json.loads(done.outputs(f"early {name}")["text"][0])
    done = server.run(graph)
    assert done.state == "success", done.error
    for name, told in before.items():
        assert json.loads(done.outputs(f"late {name}")["text"][0]) == told, f"{name} was changed by a node"
        assert not told["graph"] and not told["elsewhere"], f"{name}: {told}"


def test_two_clips_do_not_mix(server: Server) -> None:
    def pictures(limit: int) -> tuple[list[bytes], list[bytes]]:
        """(the edit, its input), as files, with nothing left of earlier runs."""
        server.post("/free", {"unload_models": True, "free_memory": True})
        graph = tiny_graph(limit=limit)
        graph["source"] = node("SaveImage", images=["clip", 2], filename_prefix="source")
        done = server.run(graph)
        assert done.state == "success", done.error
        return tuple(  # type: ignore[return-value]
            [(server.output / f["subfolder"] / f["filename"]).read_bytes() for f in done.outputs(name)["images"]]
            for name in ("images", "source")
        )

    first = pictures(2)
    second = pictures(3)
    assert pictures(2) == first
    assert pictures(3) == second


def test_ten_drags_do_not_grow_memory(server: Server) -> None:
    graph = tiny_graph()
    sizes = []
    for run in range(12):
        graph["drag"]["inputs"]["custom"] = json.dumps({"learning_rate": 0.01 + run / 1000})
        graph["drag"]["inputs"]["preset"] = "custom"
        assert server.run(graph).state == "success"
        sizes.append(server.memory())
    assert max(sizes[6:]) - min(sizes[2:6]) < 48 * 2**20, sizes


def test_cancelled_drags_give_their_memory_back(server: Server) -> None:
    graph = tiny_graph(iterations=500)
    sizes = []
    for run in range(8):
        graph["drag"]["inputs"] |= {"custom": json.dumps({"learning_rate": 0.02 + run / 1000}), "preset": "custom"}
        with server.events() as events:
            cancel_in_the_drag(server, graph, events)
        sizes.append(server.memory())
    assert max(sizes[4:]) - min(sizes[1:4]) < 48 * 2**20, sizes


def test_memory_that_runs_out_is_halved_with_the_model_in_place(server: Server) -> None:
    graph = tiny_graph()
    graph["memory"] = node("TestMemory", model=["model", 0], clip=["clip", 0])
    calls = json.loads(
        server.run({key: graph[key] for key in ("model", "clip", "memory")}).outputs("memory")["text"][0]
    )
    halved = [[4, "cpu"], [2, "cpu"], [1, "cpu"]]
    assert calls == [*halved, *halved, "other errors pass"]


def test_quick_start_on_the_bundled_model(server: Server) -> None:
    assert (BUNDLED_FOLDER / "model_index.json").is_file(), "the bundled model is missing"
    assert "creature" in names()
    graph = drag_graph(iterations=1, limit=2)
    run = server.run(graph)
    assert run.state == "success", run.error
    (video,) = run.outputs("video")["images"]
    stretch = read_video(server.output / video["subfolder"] / video["filename"], every=1, limit=10, start=0)
    assert len(stretch.frames) == 2
    report = json.loads(run.outputs("report")["text"][0])
    assert sum(report["distance_after_px"]) < sum(report["distance_before_px"])


def test_detail_can_be_switched_and_graphs_without_the_switch_go_on(server: Server) -> None:
    graph = drag_graph(iterations=0, limit=1)

    def edited(**detail: str) -> tuple[np.ndarray, set[str]]:
        inputs = graph["decode"]["inputs"]
        inputs.pop("detail", None)
        run = server.run(graph | {"decode": {**graph["decode"], "inputs": inputs | detail}})
        assert run.state == "success", run.error
        (image,) = run.outputs("images")["images"]
        return cv2.imread(str(server.output / image["subfolder"] / image["filename"])), set(graph) - run.cached

    before, _ = edited(detail="preset")
    off, done = edited(detail="off")
    assert done == {"decode", "report", "video", "images"}
    assert not np.array_equal(before, off) and np.array_equal(before, edited()[0])
