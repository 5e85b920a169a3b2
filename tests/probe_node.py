"""A custom node for the tests, copied into their ComfyUI: tells a hash of everything behind a socket, at two times."""

import dataclasses
import hashlib
import json
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


NODE_CLASS_MAPPINGS = {"TestProbe": ProbeNode}
