"""Segment Anything as a segmenter: its weights are read, told apart and checked here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import DragAVideoError
from .value import Segmenter

_SAM_SIZES = {(768, 12): "vit_b", (1024, 24): "vit_l", (1280, 32): "vit_h"}
"""(width, depth) of the image encoder -> name of the model in segment_anything's registry."""
_SAM_EXPECTED = (
    "a Segment Anything (SAM 1) checkpoint vit_b, vit_l or vit_h was expected, e.g. sam_vit_b_01ec64.pth; "
    "without one, leave the SAM file empty and colours and motion serve"
)


def sam_segmenter(path: str | Path, device: torch.device | str = "cpu") -> Segmenter:
    """SAM from a weights file: vit_b, vit_l or vit_h, told apart by the shapes in the file.

    Args:
        path: `.safetensors`, or `.pth`/`.pt` read with `weights_only=True` (no code in it can run).
        device: where SAM runs.

    Raises:
        DragAVideoError: no such file, not a SAM checkpoint, truncated, or torchvision/segment_anything missing.
    """
    path = Path(path)
    state = _read_state(path)
    name = _recognise(state, path)
    sam = _segment_anything().sam_model_registry[name]()
    missing, unexpected = set(sam.state_dict()) - set(state), set(state) - set(sam.state_dict())
    wrong = [key for key, value in sam.state_dict().items() if key in state and state[key].shape != value.shape]
    if missing or unexpected or wrong:
        example = sorted(missing or unexpected or wrong)[0]
        raise DragAVideoError(
            f"'{path.name}' looks like SAM {name} but {len(missing)} weights are missing, {len(unexpected)} are "
            f"unknown and {len(wrong)} have another shape (e.g. {example}); {_SAM_EXPECTED}."
        )
    sam.load_state_dict(state)
    return segmenter_of_sam(sam, device)


def segmenter_of_sam(sam: nn.Module, device: torch.device | str = "cpu") -> Segmenter:
    """The segmenter of a loaded `segment_anything.modeling.Sam` of any size.

    Every click is a prompt of its own (one positive point), and of SAM's three answers to it the one that SAM itself
    scores best is taken; the mask is the union over clicks.
    """
    predictor = _segment_anything().SamPredictor(sam.to(device).eval())

    def segment(frame: Tensor, clicks: Tensor) -> Tensor:
        _check_clicks(frame, clicks)
        predictor.set_image(_to_uint8(frame))
        union = np.zeros(tuple(frame.shape[:2]), bool)
        for click in clicks.detach().cpu().double().numpy():
            masks, scores, _ = predictor.predict(click[None], np.ones(1, np.int64), multimask_output=True)
            union |= masks[int(np.argmax(scores))].astype(bool)
        predictor.reset_image()
        return torch.from_numpy(union)

    return segment


def _read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file; never runs code that a file may carry."""
    if not path.is_file():
        raise DragAVideoError(f"There is no SAM file '{path}'; {_SAM_EXPECTED}.")
    try:
        if path.suffix.lower() == ".safetensors":
            from safetensors.torch import load_file

            state: Any = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # both readers raise many kinds, all of them mean: not a whole weights file
        reason = str(error).strip().partition("\n")[0].partition(". ")[0] or type(error).__name__
        raise DragAVideoError(
            f"'{path.name}' cannot be read as model weights ({reason}); "
            f"it may be truncated: download it again. {_SAM_EXPECTED[0].upper()}{_SAM_EXPECTED[1:]}."
        ) from None
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise DragAVideoError(f"'{path.name}' holds no plain table of weights; {_SAM_EXPECTED}.")
    return dict(state)


def _recognise(state: Mapping[str, Tensor], path: Path) -> str:
    """vit_b, vit_l or vit_h, from the width and depth of the image encoder."""
    patch = state.get("image_encoder.patch_embed.proj.weight")
    if patch is None or not any(key.startswith("mask_decoder.") for key in state):
        raise DragAVideoError(
            f"'{path.name}' is not a SAM checkpoint (it has no image encoder or no mask decoder); {_SAM_EXPECTED}."
        )
    depth = len({key.split(".")[2] for key in state if key.startswith("image_encoder.blocks.")})
    width = patch.shape[0]
    if (width, depth) not in _SAM_SIZES:
        raise DragAVideoError(
            f"'{path.name}' has an image encoder of width {width} and {depth} blocks, which is no released SAM; "
            f"{_SAM_EXPECTED}."
        )
    return _SAM_SIZES[width, depth]


def _segment_anything() -> Any:
    """The package, imported late; a message a person can act on where it or torchvision is missing."""
    try:
        import segment_anything
    except (ImportError, RuntimeError) as error:  # a torchvision of another torch raises RuntimeError
        raise DragAVideoError(
            f"SAM needs the packages segment-anything and torchvision, which cannot be imported here ({error}); "
            "install both, or leave the SAM file empty and colours and motion serve."
        ) from None
    return segment_anything


def _check_clicks(frame: Tensor, clicks: Tensor) -> None:
    """Refuse clicks [M, 2] (px) that are none, or beside the frame [H, W, 3]; raises DragAVideoError."""
    height, width = frame.shape[:2]
    if clicks.ndim != 2 or clicks.shape[0] == 0:
        raise DragAVideoError(f"At least one click [M, 2] was expected, not shape {tuple(clicks.shape)}.")
    limits = clicks.new_tensor([width, height]) - 0.5
    if not bool(((clicks >= -0.5) & (clicks <= limits)).all()):
        raise DragAVideoError(
            f"A click lies outside the {width}x{height} frame: {clicks.tolist()}; click on the object."
        )


def _to_uint8(frame: Tensor) -> np.ndarray:
    """A frame [H, W, 3] float 0-1 as uint8 0-255."""
    return (frame.detach().cpu().float().clamp(0, 1) * 255).round().to(torch.uint8).contiguous().numpy()
