"""The attention processor against diffusers' own and against a literal version, and its policies."""

from __future__ import annotations

import pytest
import torch

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.model.attention import (
    MODES,
    AttentionController,
    AttentionPolicy,
    PolicyAttention,
    key_frames,
    self_attentions,
    with_attention,
)
from tests.tiny import tiny_model


@pytest.fixture(scope="module")
def model():
    return tiny_model(layers_per_block=2)


def noise(model, x):
    return model.noise(x, 35, model.embed_prompt("cat")).detach()


@pytest.fixture(scope="module")
def batch(model):
    return torch.randn(4, 4, 8, 8, generator=torch.Generator().manual_seed(0))


def test_layers_are_counted_in_running_order(model):
    layers = self_attentions(model.unet)
    assert len(layers) == 16
    ran = []
    hooks = [layer.register_forward_hook(lambda m, *_: ran.append(m)) for layer in layers]
    noise(model, torch.zeros(1, 4, 8, 8))
    for hook in hooks:
        hook.remove()
    assert all(a is b for a, b in zip(ran, layers)) and len(ran) == 16


@pytest.mark.parametrize("mode", MODES)
def test_inactive_policies_change_nothing(model, batch, mode):
    other = with_attention(model, AttentionPolicy(mode, 0), AttentionController(frames=2))
    torch.testing.assert_close(noise(other, batch), noise(model, batch))


def test_the_original_model_keeps_its_processors(model):
    with_attention(model, AttentionPolicy(first_layer=0), AttentionController())
    assert not any(isinstance(layer.processor, PolicyAttention) for layer in self_attentions(model.unet))


def test_cross_branch_leaves_the_source_and_joins_equal_branches(model, batch):
    controller = AttentionController(frames=2, active=True)
    other = with_attention(model, AttentionPolicy("cross_branch", 10), controller)
    plain, crossed = noise(model, batch), noise(other, batch)
    torch.testing.assert_close(crossed[:2], plain[:2])
    assert (crossed[2:] - plain[2:]).abs().max() > 1e-4
    twice = batch[:2].repeat(2, 1, 1, 1)
    torch.testing.assert_close(noise(other, twice), noise(model, twice))


@pytest.mark.parametrize("mode", MODES)
def test_processor_equals_a_literal_version(model, mode):
    layer = self_attentions(model.unet)[12]
    tokens = torch.randn(6, 5, layer.to_q.in_features, generator=torch.Generator().manual_seed(0))
    seen = key_frames(mode, 2, 3)
    expected = []
    for i, chosen in enumerate(seen):
        context = torch.cat([tokens[j] for j in chosen])
        q, k, v = layer.to_q(tokens[i]), layer.to_k(context), layer.to_v(context)
        width = q.shape[-1] // layer.heads
        heads = []
        for h in range(layer.heads):
            part = slice(h * width, (h + 1) * width)
            heads.append((q[:, part] @ k[:, part].T / width**0.5).softmax(-1) @ v[:, part])
        expected.append(layer.to_out[0](torch.cat(heads, -1)))
    processor = PolicyAttention(mode, AttentionController(frames=3, branches=2, active=True))
    torch.testing.assert_close(processor(layer, tokens), torch.stack(expected))


def test_which_frames_are_seen():
    assert key_frames("own", 2, 2) == [[0], [1], [2], [3]]
    assert key_frames("cross_branch", 2, 2) == [[0], [1], [0], [1]]
    assert key_frames("first_frame", 2, 2) == [[0], [0], [2], [2]]
    assert key_frames("sparse_causal", 1, 3) == [[0, 0], [0, 0], [0, 1]]
    assert key_frames("all_frames", 2, 2) == [[0, 1], [0, 1], [2, 3], [2, 3]]


def test_bad_policies_are_refused(model, batch):
    with pytest.raises(DragAVideoError, match="'other' is no attention mode"):
        with_attention(model, AttentionPolicy("other", 0), AttentionController())
    with pytest.raises(DragAVideoError, match="the model has 16; choose a first layer from 0 to 15"):
        with_attention(model, AttentionPolicy(first_layer=16), AttentionController())
    with pytest.raises(DragAVideoError, match="not 1"):
        key_frames("cross_branch", 1, 2)
    other = with_attention(model, AttentionPolicy(), AttentionController(frames=3, active=True))
    with pytest.raises(DragAVideoError, match="expects 2 x 3 frames in a batch, but got 4"):
        noise(other, batch)
