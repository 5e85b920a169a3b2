"""A full-size Stable Diffusion 1.5 (random weights) through ComfyUI's own loaders: minutes and gigabytes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from dragavideo_core.media.pictures import read_pictures
from dragavideo_core.media.video_io import read_video
from tests.comfyui import Run, Server, comfyui, need_comfyui
from tests.graphs import Graph, api_form, drag_graph, load, node, workflow_file
from tests.ldm import write_sd15_checkpoint

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    need_comfyui()
    base = tmp_path_factory.mktemp("comfyui")
    folder = base / "models" / "checkpoints"
    folder.mkdir(parents=True)
    write_sd15_checkpoint(folder / "sd15.safetensors")
    with comfyui(base) as running:
        yield running


def small(graph: Graph) -> Graph:
    """The settings that let a full-size network drag on a CPU."""
    graph["clip"]["inputs"].update(size=64, limit=1)
    graph["invert"]["inputs"]["steps"] = 3
    graph["drag"]["inputs"].update(preset="custom", custom='{"steps": [3], "warm_start": "puppet"}', iterations=1)
    del graph["report"]
    return graph


def from_checkpoint(lora: str = "") -> Graph:
    """The drag with its model taken from Load Checkpoint, and from Load LoRA where one is named."""
    graph = small(drag_graph(example="bunny"))
    source = "loader"
    graph["loader"] = node("CheckpointLoaderSimple", ckpt_name="sd15.safetensors")
    if lora:
        source = "patched"
        graph["patched"] = node(
            "LoraLoader", model=["loader", 0], clip=["loader", 1], lora_name=lora, strength_model=1.0, strength_clip=1.0
        )
    graph["model"] = node(
        "DragAVideoModelFromCheckpoint", sd_model=[source, 0], sd_clip=[source, 1], sd_vae=["loader", 2], dtype="fp32"
    )
    return graph


def frames(server: Server, run: Run) -> torch.Tensor:
    assert run.state == "success", run.error
    files = run.outputs("images")["images"]
    return read_pictures([server.output / f["subfolder"] / f["filename"] for f in files])


def test_model_from_checkpoint_is_the_file_with_its_lora(server: Server) -> None:
    plain = small(drag_graph(model="sd15.safetensors", example="bunny"))
    plain["model"]["inputs"]["dtype"] = "fp32"
    plain["decode"]["inputs"]["composite"] = "off"
    from_file = frames(server, server.run(plain))
    wired = from_checkpoint()
    wired["decode"]["inputs"]["composite"] = "off"
    assert (frames(server, server.run(wired)) - from_file).abs().max() <= 2 / 255

    plain["lora"] = node(
        "DragAVideoLoraTuning", model=["model", 0], clip=["clip", 0], prompt="", iterations=3, rank=4,
        learning_rate=0.05, batch_size=1, seed=0, micro_batch=1,
    )  # fmt: skip
    for name in ("invert", "sets", "drag", "decode"):
        plain[name]["inputs"]["model"] = ["lora", 0]
    plain["save"] = node("DragAVideoSaveLora", lora=["lora", 1], filename_prefix="tuned")
    tuned = frames(server, server.run(plain))
    assert (tuned - from_file).abs().mean() > 1 / 255
    loaded = from_checkpoint("tuned_00001_.safetensors")
    loaded["decode"]["inputs"]["composite"] = "off"
    assert (frames(server, server.run(loaded)) - tuned).abs().mean() < 1 / 255


def test_what_was_set_on_model_and_clip_is_honoured_or_refused(server: Server) -> None:
    """ModelSamplingDiscrete and CLIP Set Last Layer, which a model's outputs carry along unseen."""

    def edited(sampling: str = "", zero_snr: bool = False, last: int = 0) -> Graph:
        graph = from_checkpoint()
        graph["decode"]["inputs"]["composite"] = "off"
        if sampling:
            graph["sampled"] = node("ModelSamplingDiscrete", model=["loader", 0], sampling=sampling, zsnr=zero_snr)
            graph["model"]["inputs"]["sd_model"] = ["sampled", 0]
        if last:
            graph["cut"] = node("CLIPSetLastLayer", clip=["loader", 1], stop_at_clip_layer=last)
            graph["model"]["inputs"]["sd_clip"] = ["cut", 0]
        return graph

    plain = frames(server, server.run(edited()))
    same = frames(server, server.run(edited(sampling="eps", last=-1)))
    assert (same - plain).abs().max() <= 1 / 255
    for other in (edited(sampling="v_prediction"), edited(sampling="eps", zero_snr=True), edited(last=-12)):
        assert (frames(server, server.run(other)) - plain).abs().max() > 1 / 255
    refused = server.run(edited(sampling="lcm"))
    assert "cannot be inverted" in refused.error and "ModelSamplingDiscrete" in refused.error


def test_full_graph_ends_in_a_video(server: Server) -> None:
    """The shipped workflow, wired as it is, with settings that a CPU can bear."""
    graph = api_form(load(workflow_file(2)))
    low: dict[str, dict[str, object]] = {
        "CheckpointLoaderSimple": {"ckpt_name": "sd15.safetensors"},
        "DragAVideoExampleClip": {"size": 64, "limit": 2},
        "DragAVideoLoraTuning": {"iterations": 1, "rank": 4, "batch_size": 1, "micro_batch": 1},
        "DragAVideoDDIMInversion": {"steps": 3},
        "DragAVideoLatentOffsetOptimizer": {
            "preset": "custom", "custom": '{"steps": [3], "warm_start": "puppet"}', "iterations": 1,
        },
    }  # fmt: skip
    names = {about["class_type"]: name for name, about in graph.items()}
    for kind, values in low.items():
        inputs = graph[names[kind]]["inputs"]
        assert set(values) <= set(inputs)
        inputs.update(values)
    done = server.run(graph, 900)
    assert done.state == "success", done.error
    (video,) = done.outputs(names["SaveVideo"])["images"]
    stretch = read_video(server.output / video["subfolder"] / video["filename"], every=1, limit=10, start=0)
    assert len(stretch.frames) == 2
    assert list((server.base / "models" / "loras" / "drag-a-video").glob("lora_*.safetensors"))
    assert done.outputs(names["DragAVideoDragReport"])["text"]
