"""One attention processor, driven by a policy: whose keys and values a frame's queries look at (design decision 4).

Decoding sends batches [source frames..., edited frames...] through the UNet. MasaCtrl's cross-branch attention is one
policy; first-frame (Text2Video-Zero), sparse-causal (Tune-A-Video) and all-frame (ControlVideo) attention are others.
LoRA works inside, because the processor calls the layer's own projections.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from ..errors import DragAVideoError
from .drag_model import DragModel
from .unet import private_unet

Mode = Literal["own", "cross_branch", "first_frame", "sparse_causal", "all_frames"]
MODES: tuple[Mode, ...] = get_args(Mode)


@dataclass(frozen=True)
class AttentionPolicy:
    """Where keys and values come from.

    Attributes:
        mode: "own": the query's own frame. "cross_branch": edited queries see the source branch's same frame, source
            queries their own. "first_frame", "sparse_causal" (first and previous), "all_frames": those of the query's
            own branch, counted within the batch.
        first_layer: first self-attention that follows the policy, counted in running order over the whole UNet
            (SD1.5: 0-5 down, 6 mid, 7-15 up; MasaCtrl starts at 10).
    """

    mode: Mode = "cross_branch"
    first_layer: int = 10


@dataclass
class AttentionController:
    """What the running batch is; the caller owns and changes it between network calls.

    Attributes:
        frames: frames per branch in the batch, so that the batch has branches * frames entries, branch by branch.
        branches: 2 for [source, edited], 1 for a single branch.
        active: False is plain attention, whatever the policy.
    """

    frames: int = 1
    branches: int = 2
    active: bool = False


def key_frames(mode: Mode, branches: int, frames: int) -> list[list[int]]:
    """For each entry of the batch, the entries whose keys and values it sees, in order.

    Raises:
        DragAVideoError: an unknown mode, or cross_branch without two branches.
    """
    if mode not in MODES:
        raise DragAVideoError(f"'{mode}' is no attention mode; choose one of {', '.join(MODES)}.")
    if mode == "cross_branch" and branches != 2:
        raise DragAVideoError(f"Cross-branch attention needs a source and an edited branch, not {branches}.")
    seen: list[list[int]] = []
    for branch in range(branches):
        base = branch * frames
        for frame in range(frames):
            chosen = {
                "own": [base + frame],
                "cross_branch": [frame],
                "first_frame": [base],
                "sparse_causal": [base, base + max(frame - 1, 0)],
                "all_frames": list(range(base, base + frames)),
            }[mode]
            seen.append(chosen)
    return seen


class PolicyAttention:
    """A diffusers attention processor for self-attention over tokens [B, L, C] that follows a policy."""

    def __init__(self, mode: Mode, controller: AttentionController) -> None:
        self.mode: Mode = mode
        self.controller = controller

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """Tokens [B, L, C] to tokens [B, L, C]; B must be branches * frames while the controller is active."""
        query, key, value = (
            rearrange(project(hidden_states), "m l (h d) -> m h l d", h=attn.heads)
            for project in (attn.to_q, attn.to_k, attn.to_v)
        )
        out = self._attend(query, key, value)
        out = rearrange(out, "m h l d -> m l (h d)").to(hidden_states.dtype)
        for layer in attn.to_out:  # projection, then dropout
            out = layer(out)
        return out

    def _attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        control = self.controller
        if not control.active or self.mode == "own":
            return F.scaled_dot_product_attention(query, key, value)
        if len(query) != control.branches * control.frames:
            raise DragAVideoError(
                f"The attention controller expects {control.branches} x {control.frames} frames in a batch, "
                f"but got {len(query)}."
            )
        seen = key_frames(self.mode, control.branches, control.frames)
        if all(len(chosen) == 1 for chosen in seen):
            index = torch.tensor([chosen[0] for chosen in seen], device=query.device)
            return F.scaled_dot_product_attention(query, key[index], value[index])
        # Entry by entry: the concatenated keys of a whole batch would grow with the square of the clip.
        return torch.cat(
            [
                F.scaled_dot_product_attention(query[i : i + 1], _joined(key, chosen), _joined(value, chosen))
                for i, chosen in enumerate(seen)
            ]
        )


def _joined(tokens: Tensor, chosen: list[int]) -> Tensor:
    """[B, heads, L, d] -> [1, heads, len(chosen) * L, d]."""
    return torch.cat([tokens[i] for i in chosen], dim=1)[None]


def self_attentions(unet: Any) -> list[Any]:
    """The UNet's self-attention layers in running order: down, mid, up (module order has mid last)."""
    blocks = [*unet.down_blocks, *([unet.mid_block] if unet.mid_block is not None else []), *unet.up_blocks]
    return [
        transformer.attn1
        for block in blocks
        for attention in getattr(block, "attentions", None) or ()
        for transformer in attention.transformer_blocks
    ]


def install(unet: Any, policy: AttentionPolicy, controller: AttentionController) -> int:
    """Make `unet` (a private one, see `private_unet`) follow the policy; gives the number of layers that now do.

    Raises:
        DragAVideoError: an unknown mode, or a first layer that the UNet does not have.
    """
    if policy.mode not in MODES:
        raise DragAVideoError(f"'{policy.mode}' is no attention mode; choose one of {', '.join(MODES)}.")
    layers = self_attentions(unet)
    if not 0 <= policy.first_layer < len(layers):
        raise DragAVideoError(
            f"Self-attention {policy.first_layer} does not exist: the model has {len(layers)}; "
            f"choose a first layer from 0 to {len(layers) - 1}."
        )
    for layer in layers[policy.first_layer :]:
        layer.set_processor(PolicyAttention(policy.mode, controller))
    return len(layers) - policy.first_layer


def with_attention(model: DragModel, policy: AttentionPolicy, controller: AttentionController) -> DragModel:
    """`model` with a private UNet that follows the policy; the model passed in stays as it was."""
    unet = private_unet(model.unet)
    install(unet, policy, controller)
    return replace(model, unet=unet)
