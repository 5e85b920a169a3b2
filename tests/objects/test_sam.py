"""SAM's path with a small random SAM, and wrong files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.objects.sam import _recognise, sam_segmenter, segmenter_of_sam


def picture(size: tuple[int, int] = (96, 80)) -> tuple[Tensor, Tensor]:
    """A noisy blue frame with a red disc and a red square apart from it; and the disc's mask."""
    width, height = size
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    disc = (x - 40) ** 2 + (y - 40) ** 2 <= 15**2
    square = (x > 72) & (x < 84) & (y > 8) & (y < 20)
    noise = torch.rand(height, width, 3, generator=torch.Generator().manual_seed(0)) * 0.06
    colour = torch.where((disc | square)[..., None], torch.tensor([0.8, 0.2, 0.2]), torch.tensor([0.3, 0.5, 0.8]))
    return (colour + noise).clamp(0, 1), disc


def small_sam() -> Any:
    """Sam with a tiny random image encoder: 64 px input, 8 x 8 embedding."""
    pytest.importorskip("torchvision")
    from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Sam(
            ImageEncoderViT(
                img_size=64, patch_size=8, embed_dim=16, depth=2, num_heads=2, out_chans=16, use_rel_pos=True
            ),
            PromptEncoder(embed_dim=16, image_embedding_size=(8, 8), input_image_size=(64, 64), mask_in_chans=4),
            MaskDecoder(
                transformer_dim=16,
                transformer=TwoWayTransformer(depth=1, embedding_dim=16, num_heads=2, mlp_dim=16),
                num_multimask_outputs=3,
                iou_head_depth=1,
                iou_head_hidden_dim=16,
            ),
        )


def test_sam_gives_a_mask_of_the_frame_and_unites_clicks() -> None:
    sam = small_sam()
    frame, _ = picture()
    segment = segmenter_of_sam(sam)
    first, second = torch.tensor([[50.0, 40.0]]), torch.tensor([[78.0, 14.0]])
    masks = [segment(frame, clicks) for clicks in (first, second, torch.cat([first, second]))]
    assert all(mask.dtype == torch.bool and mask.shape == frame.shape[:2] for mask in masks)
    assert torch.equal(masks[2], masks[0] | masks[1])
    # the answer that SAM itself scores best is the one taken
    from segment_anything import SamPredictor

    predictor = SamPredictor(sam)
    predictor.set_image((frame * 255).round().to(torch.uint8).numpy())
    answers, scores, _ = predictor.predict(first.numpy(), torch.ones(1).numpy(), multimask_output=True)
    assert torch.equal(masks[0], torch.from_numpy(answers[scores.argmax()]))


def test_sam_files_are_recognised_by_their_weights(tmp_path: Path) -> None:
    for width, depth, name in ((768, 12, "vit_b"), (1024, 24, "vit_l"), (1280, 32, "vit_h")):
        state = {f"image_encoder.blocks.{i}.norm1.weight": torch.zeros(1) for i in range(depth)}
        state["image_encoder.patch_embed.proj.weight"] = torch.zeros(width, 3, 1, 1)
        state["mask_decoder.iou_token.weight"] = torch.zeros(1)
        assert _recognise(state, tmp_path / "sam.pth") == name


def test_wrong_sam_files_are_refused_by_name(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    with pytest.raises(DragAVideoError, match=r"no SAM file .*missing\.pth"):
        sam_segmenter(tmp_path / "missing.pth")
    other = tmp_path / "unet.safetensors"
    save_file({"conv_in.weight": torch.zeros(2)}, other)
    with pytest.raises(DragAVideoError, match=r"unet\.safetensors' is not a SAM checkpoint.*vit_b, vit_l or vit_h"):
        sam_segmenter(other)
    for suffix, save in ((".safetensors", save_file), (".pth", torch.save)):
        cut = tmp_path / f"cut{suffix}"
        save({"image_encoder.patch_embed.proj.weight": torch.zeros(64, 64)}, cut)
        cut.write_bytes(cut.read_bytes()[:1000])
        with pytest.raises(DragAVideoError, match=rf"cut\{suffix}' cannot be read.*truncated"):
            sam_segmenter(cut)
    code = tmp_path / "code.pth"
    torch.save({"run": Path("x")}, code)  # an object, not a tensor: must not be unpickled
    with pytest.raises(DragAVideoError, match="cannot be read"):
        sam_segmenter(code)
    odd = tmp_path / "odd.pth"
    torch.save(
        {"image_encoder.patch_embed.proj.weight": torch.zeros(100, 3, 1, 1), "mask_decoder.x": torch.zeros(1)}, odd
    )
    with pytest.raises(DragAVideoError, match=r"odd\.pth' has an image encoder of width 100 and 0 blocks"):
        sam_segmenter(odd)


def test_a_sam_file_with_missing_weights_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("torchvision")
    state = {f"image_encoder.blocks.{i}.norm1.weight": torch.zeros(768) for i in range(12)}
    state["image_encoder.patch_embed.proj.weight"] = torch.zeros(768, 3, 16, 16)
    state["mask_decoder.iou_token.weight"] = torch.zeros(1, 256)
    torch.save(state, tmp_path / "half.pth")
    with pytest.raises(DragAVideoError, match=r"half\.pth' looks like SAM vit_b but \d+ weights are missing"):
        sam_segmenter(tmp_path / "half.pth")


def test_missing_torchvision_is_said_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "segment_anything", None)
    with pytest.raises(DragAVideoError, match=r"torchvision.*colours and motion"):
        segmenter_of_sam(torch.nn.Identity())
