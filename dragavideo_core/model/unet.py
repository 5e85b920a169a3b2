"""Walking a UNet2DConditionModel block by block: features up to an up-block, and the rest of the way if wanted.

The drag differentiates features of one up-block with respect to the latents. Ending the forward there saves the
dearest part of network and graph (design decision 2), so this follows UNet2DConditionModel.forward in two halves.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import DragAVideoError


@dataclass(frozen=True)
class PartialForward:
    """A forward pass that stopped behind `up_blocks[block]`.

    Attributes:
        features: [M, F, fh, fw], output of the block, with its graph when grad is on.
        hidden: the same values without the graph.
        residuals: skip connections still to be used, without the graph.
        time_embedding: [M, E], without the graph.
        embedding: [M, L, D] prompt embedding.
        block: index into `up_blocks`.
        explicit_sizes: the latents are no multiple of the network's stride, so up-samplers are told their size.
    """

    features: Tensor
    hidden: Tensor
    residuals: tuple[Tensor, ...]
    time_embedding: Tensor
    embedding: Tensor
    block: int
    explicit_sizes: bool


def check_unet(unet: Any) -> None:
    """Refuse networks that need more input than latents, a timestep and a prompt.

    Raises:
        DragAVideoError: class, added or projected conditions; a centred input.
    """
    config = unet.config
    for key in (
        "class_embed_type",
        "num_class_embeds",
        "addition_embed_type",
        "encoder_hid_dim_type",
        "encoder_hid_dim",
    ):
        if config.get(key) is not None:
            raise DragAVideoError(
                f"The UNet asks for an extra condition ({key} = {config[key]}), as SDXL and unCLIP models do; "
                "use a Stable Diffusion 1.x model."
            )
    if config.get("center_input_sample"):
        raise DragAVideoError("The UNet centres its input (center_input_sample), so it is no latent diffusion model.")


def check_block(unet: Any, block: int) -> None:
    """Refuse an index that is no up-block.

    Raises:
        DragAVideoError: block outside 0 .. number of up-blocks - 1.
    """
    if not 0 <= block < len(unet.up_blocks):
        raise DragAVideoError(
            f"The UNet has no up-block {block}; choose a feature block from 0 to {len(unet.up_blocks) - 1}."
        )


def expand_embedding(embedding: Tensor, count: int, like: Tensor) -> Tensor:
    """A prompt embedding [1 | M, L, D] as [M, L, D], in the type and place of `like`."""
    return embedding.to(like).expand(count, -1, -1)


def partial_forward(
    unet: Any, latents: Tensor, timestep: int | Tensor, embedding: Tensor, block: int
) -> PartialForward:
    """Run the UNet up to and with `up_blocks[block]`.

    Args:
        unet: a UNet2DConditionModel that `check_unet` accepts.
        latents: [M, C, h, w] of the network's dtype, any h and w.
        timestep: 0-999, one for all or [M].
        embedding: [1 | M, L, D].
        block: index into `up_blocks`.

    Raises:
        DragAVideoError: no such block.
    """
    check_block(unet, block)
    embedding = expand_embedding(embedding, latents.shape[0], latents)
    emb = unet.time_embedding(unet.get_time_embed(sample=latents, timestep=timestep))
    if unet.time_embed_act is not None:
        emb = unet.time_embed_act(emb)

    hidden = unet.conv_in(latents)
    residuals: tuple[Tensor, ...] = (hidden,)
    for down in unet.down_blocks:
        hidden, new = down(hidden_states=hidden, temb=emb, **_prompt(down, embedding))
        residuals += tuple(new)
    if unet.mid_block is not None:
        hidden = unet.mid_block(hidden, emb, **_prompt(unet.mid_block, embedding))

    stride = 2**unet.num_upsamplers
    explicit = any(side % stride for side in latents.shape[-2:])
    for index in range(block + 1):
        hidden, residuals = _up(unet, index, hidden, residuals, emb, embedding, explicit)
    return PartialForward(
        features=hidden,
        hidden=hidden.detach(),
        residuals=tuple(r.detach() for r in residuals),
        time_embedding=emb.detach(),
        embedding=embedding,
        block=block,
        explicit_sizes=explicit,
    )


def finish(unet: Any, part: PartialForward) -> Tensor:
    """The network's raw output [M, C, h, w] from where `partial_forward` stopped; no gradient reaches the latents.

    Call it under `torch.no_grad()`.
    """
    hidden, residuals = part.hidden, part.residuals
    for index in range(part.block + 1, len(unet.up_blocks)):
        hidden, residuals = _up(
            unet, index, hidden, residuals, part.time_embedding, part.embedding, part.explicit_sizes
        )
    if unet.conv_norm_out:
        hidden = unet.conv_act(unet.conv_norm_out(hidden))
    output: Tensor = unet.conv_out(hidden)
    return output


def features(unet: Any, latents: Tensor, timestep: int | Tensor, embedding: Tensor, block: int) -> Tensor:
    """Output of `up_blocks[block]`, [M, F, fh, fw]; arguments as in `partial_forward`."""
    return partial_forward(unet, latents, timestep, embedding, block).features


def private_unet(unet: nn.Module) -> Any:
    """A new module tree that shares every weight and buffer with `unet`.

    Attention processors and adapters set on the copy leave the original alone; the memory cost is that of the
    Python objects.
    """
    memo: dict[int, Any] = {id(t): t for t in (*unet.parameters(), *unet.buffers())}
    with torch.no_grad():
        return copy.deepcopy(unet, memo)


def _prompt(module: Any, embedding: Tensor) -> dict[str, Tensor]:
    return {"encoder_hidden_states": embedding} if getattr(module, "has_cross_attention", False) else {}


def _up(
    unet: Any,
    index: int,
    hidden: Tensor,
    residuals: tuple[Tensor, ...],
    emb: Tensor,
    embedding: Tensor,
    explicit_sizes: bool,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """One up-block; gives its output and the skip connections left for the blocks after it."""
    up = unet.up_blocks[index]
    own, rest = residuals[-len(up.resnets) :], residuals[: -len(up.resnets)]
    size = tuple(rest[-1].shape[2:]) if explicit_sizes and index < len(unet.up_blocks) - 1 else None
    hidden = up(
        hidden_states=hidden,
        temb=emb,
        res_hidden_states_tuple=own,
        upsample_size=size,
        **_prompt(up, embedding),
    )
    return hidden, rest
