"""Custom nodes for the tests, copied into their ComfyUI.

TestProbe tells a hash of everything behind a socket, at two times; TestSdxl makes a MODEL of another family;
TestWords makes CONDITIONING without a text encoder; TestNoSound makes AUDIO that cannot be read; TestMemory lets memory
run out.
"""

import dataclasses
import hashlib
import json
import sys
from collections.abc import Mapping

import torch


class AnyType(str):
    def __ne__(self, other):
        return False


ANY = AnyType("*")


def digest(value, found):
    """Feed every tensor below `value` to the hash, and note what should not leave a node."""
    if isinstance(value, torch.Tensor):
        found["hash"].update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        found["graph"] |= value.requires_grad or value.grad_fn is not None
        found["elsewhere"] |= value.device.type != "cpu"
    elif isinstance(value, torch.nn.Module):
        for weight in value.state_dict().values():
            digest(weight, {**found, "hash": found["hash"]})
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            digest(getattr(value, field.name), found)
    elif isinstance(value, Mapping):
        for key in sorted(value, key=str):
            digest(value[key], found)
    elif isinstance(value, (list, tuple)):
        for item in value:
            digest(item, found)


class ProbeNode:
    """`after` only makes it wait."""

    CATEGORY = "tests"
    RETURN_TYPES = ()
    OUTPUT_NODE = True
    FUNCTION = "probe"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"value": (ANY,)}, "optional": {"after": (ANY,)}}

    def probe(self, value, after=None):
        found = {"hash": hashlib.sha256(), "graph": False, "elsewhere": False}
        digest(value, found)
        told = {"hash": found["hash"].hexdigest(), "graph": found["graph"], "elsewhere": found["elsewhere"]}
        return {"ui": {"text": [json.dumps(told)]}}


class SdxlNode:
    """The MODEL, CLIP and VAE of a Stable Diffusion XL whose network is tiny and untrained; CLIP and VAE are empty."""

    CATEGORY = "tests"
    RETURN_TYPES = ("MODEL", "CLIP", "VAE")
    FUNCTION = "make"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}

    def make(self):
        import comfy.model_patcher
        import comfy.supported_models

        own = comfy.supported_models.SDXL.unet_config
        size = {
            "image_size": 32, "in_channels": 4, "out_channels": 4, "model_channels": 32, "num_res_blocks": [1, 1],
            "channel_mult": [1, 1], "num_head_channels": 16, "transformer_depth_middle": 0, "legacy": False,
            "num_classes": "sequential", "use_spatial_transformer": True, "transformer_depth_output": [0] * 4,
        }  # fmt: skip
        config = comfy.supported_models.SDXL({**own, **size, "adm_in_channels": 64, "transformer_depth": [0] * 2})
        place = torch.device("cpu")
        return comfy.model_patcher.ModelPatcher(config.get_model({}, device=place), place, place), None, None


class WordsNode:
    """A CONDITIONING of random numbers, as of a text encoder of that width."""

    CATEGORY = "tests"
    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "make"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"width": ("INT", {"default": 4096})}}

    def make(self, width):
        return ([[torch.randn(1, 8, width, generator=torch.Generator().manual_seed(0)), {}]],)


class NoSound(Mapping):
    """What VideoHelperSuite's loader hands on for a silent file: it fails when it is read."""

    def __getitem__(self, key):
        raise RuntimeError("failed to extract audio")

    def __iter__(self):
        return iter(("waveform", "sample_rate"))

    def __len__(self):
        return 2


class NoSoundNode:
    """An AUDIO that cannot be read."""

    CATEGORY = "tests"
    RETURN_TYPES = ("AUDIO",)
    FUNCTION = "make"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}

    def make(self):
        return (NoSound(),)


class VideoInfoNode:
    """What VideoHelperSuite's Load Video tells of a video."""

    CATEGORY = "tests"
    RETURN_TYPES = ("VHS_VIDEOINFO",)
    FUNCTION = "make"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"rate": ("FLOAT", {})}}

    def make(self, rate):
        return ({"source_fps": 2 * rate, "loaded_fps": rate},)


class MemoryNode:
    """Has the pack's memory management evict to a place where weights are lost, and memory run out."""

    CATEGORY = "tests"
    RETURN_TYPES = ()
    OUTPUT_NODE = True
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"model": ("DRAGAVIDEO_MODEL",), "clip": ("DRAGAVIDEO_CLIP",)}}

    def run(self, model, clip):
        memory = sys.modules[type(model).__module__]
        place, nowhere = torch.device("cpu"), torch.device("meta")
        patcher = type(model.patcher)(model.patcher.model, load_device=place, offload_device=nowhere)
        watched = dataclasses.replace(model, patcher=patcher)
        calls = []

        def work(drag, micro_batch, words):
            calls.append((micro_batch, str(next(drag.unet.parameters()).device)))
            if micro_batch > 1:
                raise words
            return micro_batch

        for words in (torch.cuda.OutOfMemoryError("CUDA out of memory."), RuntimeError("MPS backend out of memory")):
            with memory.running(watched, clip, 2) as drag:
                memory.halving(watched, 4, lambda count, drag=drag, words=words: work(drag, count, words))
        with memory.running(watched, clip, 2):
            try:
                memory.halving(watched, 2, lambda count: 1 / 0)
            except ZeroDivisionError:
                calls.append("other errors pass")
        return {"ui": {"text": [json.dumps(calls)]}}


NODE_CLASS_MAPPINGS = {
    "TestMemory": MemoryNode,
    "TestProbe": ProbeNode,
    "TestSdxl": SdxlNode,
    "TestWords": WordsNode,
    "TestNoSound": NoSoundNode,
    "TestVideoInfo": VideoInfoNode,
}
