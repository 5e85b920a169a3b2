"""What a stage made comes back exactly, and only for the inputs it was made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from dragavideo_core.drag.offsets import LatentOffsets
from dragavideo_core.inversion.invert import Inversion, invert_latents
from dragavideo_core.storage import StageStore, fingerprint, load_value, save_value, weights_fingerprint

from .tiny import tiny_model


@dataclass(frozen=True)
class Inner:
    values: Tensor
    label: str = "x"


@dataclass(frozen=True)
class Outer:
    inner: Inner
    numbers: tuple[int, ...]
    maps: dict[str, Tensor] = field(default_factory=dict)
    empty: dict[str, Tensor] = field(default_factory=dict)


def test_values_come_back_equal(tmp_path: Path) -> None:
    value = Outer(Inner(torch.randn(2, 3), "name"), (3, 1), {"b/c": torch.ones(1), "a": torch.zeros(2)})
    save_value(tmp_path / "v.safetensors", "key", value)
    found = load_value(tmp_path / "v.safetensors", "key", Outer)
    assert found is not None and found.numbers == (3, 1) and found.inner.label == "name" and found.empty == {}
    assert torch.equal(found.inner.values, value.inner.values)
    assert {k: v.tolist() for k, v in found.maps.items()} == {"b/c": [1.0], "a": [0.0, 0.0]}


def test_another_key_or_a_broken_file_gives_nothing(tmp_path: Path) -> None:
    path = tmp_path / "v.safetensors"
    assert load_value(path, "key", Inner) is None
    save_value(path, "key", Inner(torch.ones(1)))
    assert load_value(path, "other", Inner) is None
    path.write_bytes(path.read_bytes()[:40])
    assert load_value(path, "key", Inner) is None


def test_real_stages_survive(tmp_path: Path) -> None:
    model = tiny_model()
    inversion = invert_latents(model, torch.randn(1, 4, 8, 8), steps=2)
    save_value(tmp_path / "i.safetensors", "k", inversion)
    found = load_value(tmp_path / "i.safetensors", "k", Inversion)
    assert found is not None and torch.equal(found.latents, inversion.latents) and found.prompt == inversion.prompt
    assert found.schedule.timestep(2) == inversion.schedule.timestep(2)
    assert torch.equal(found.schedule.alphas_cumprod, inversion.schedule.alphas_cumprod)
    offsets = LatentOffsets((2, 1), (2, 1, 0), True, torch.ones(1), torch.ones(1), losses=(1.0, 0.5))
    save_value(tmp_path / "o.safetensors", "k", offsets)
    again = load_value(tmp_path / "o.safetensors", "k", LatentOffsets)
    assert again is not None and again.losses == (1.0, 0.5) and again.visits == (2, 1, 0) and again.state == {}


def test_a_stage_is_made_once(tmp_path: Path) -> None:
    made: list[int] = []

    def make() -> Inner:
        made.append(1)
        return Inner(torch.ones(1))

    for store in (StageStore(tmp_path), StageStore(tmp_path)):
        store.once("stage", "key", Inner, make)
    assert len(made) == 1
    StageStore().once("stage", "key", Inner, make)
    assert len(made) == 2


def test_fingerprints_tell_inputs_apart() -> None:
    ones = torch.ones(3)
    assert fingerprint(ones, (1, "a")) == fingerprint(torch.ones(3), (1, "a"))
    assert fingerprint(ones, (1, "a")) != fingerprint(ones, (1, "b"))
    assert fingerprint(ones) != fingerprint(ones.double()) != fingerprint(ones.reshape(3, 1))
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    first, same, other = tiny_model(), tiny_model(), tiny_model(seed=1)
    assert weights_fingerprint(first.unet) == weights_fingerprint(same.unet) != weights_fingerprint(other.unet)


def test_weights_have_one_fingerprint_for_any_number_of_threads_and_layout() -> None:
    generator = torch.Generator().manual_seed(0)
    net = torch.nn.Conv2d(192, 192, 5)
    with torch.no_grad():
        net.weight.copy_(torch.randn(net.weight.shape, generator=generator))
    threads = torch.get_num_threads()
    try:
        found = []
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            found.append(weights_fingerprint(net))
    finally:
        torch.set_num_threads(threads)
    kept = weights_fingerprint(net.to(memory_format=torch.channels_last))
    assert {*found, kept} == {found[0]}
    with torch.no_grad():
        net.weight[100, 3, 2, 2] += 1e-3
    assert weights_fingerprint(net) != kept
    assert weights_fingerprint(net.half()) != kept
