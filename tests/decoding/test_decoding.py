"""Decoding against a literal loop, cross-branch attention, smoothing, and compositing that keeps the rest as it was."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from dragavideo_core.decoding.decode import decode_drag
from dragavideo_core.decoding.smoothing import smooth_frames
from dragavideo_core.drag.offsets import LatentOffsets
from dragavideo_core.errors import DragAVideoError
from dragavideo_core.inversion.invert import Inversion, invert_latents
from dragavideo_core.inversion.reference import reference_chain
from dragavideo_core.media.clip import prepare_clip
from dragavideo_core.media.compositing import composite, feather
from dragavideo_core.model.attention import AttentionController, AttentionPolicy, with_attention
from dragavideo_core.model.drag_model import DragModel
from dragavideo_core.settings import DecodeSettings

from ..tiny import tiny_model

TOP, VISITS, STEPS = 7, (7, 6, 4, 2, 1, 0), (6, 4)
PLAIN = DecodeSettings(cross_branch=False, micro_batch=2)
CROSSED = replace(PLAIN, cross_branch=True, cross_branch_layer=5)


@pytest.fixture(scope="module")
def model() -> DragModel:
    return tiny_model(prediction_type="v_prediction")  # the harder kind: its noise depends on the latents' step


@pytest.fixture(scope="module")
def inversion(model: DragModel) -> Inversion:
    clean = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    return invert_latents(model, clean, TOP, micro_batch=3)


def make_offsets(scale: float, visits: tuple[int, ...] = VISITS, steps: tuple[int, ...] = STEPS) -> LatentOffsets:
    noise = torch.randn(len(steps), 3, 4, 8, 8, generator=torch.Generator().manual_seed(2))
    return LatentOffsets(steps, visits, True, scale * noise, torch.zeros(3, 1, 1))


def literal(model: DragModel, inversion: Inversion, offsets: LatentOffsets) -> Tensor:
    x = inversion.latents[offsets.visits[0]].clone()
    for step, below in pairwise(offsets.visits):
        for selected, delta in zip(offsets.steps, offsets.offsets):
            if selected == step:
                x = x + delta
        x = model.schedule.move(x, model.noise(x, step, inversion.embedding), step, below)
    return x.detach()


def test_no_offset_gives_the_reference_chain(model: DragModel, inversion: Inversion) -> None:
    chain = reference_chain(model, inversion, VISITS)
    for settings in (PLAIN, CROSSED):
        decoded = decode_drag(model, inversion, make_offsets(0), settings)
        torch.testing.assert_close(decoded.latents, chain[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(decoded.reconstruction, model.decode(chain[0]), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(decoded.edited, decoded.reconstruction, rtol=1e-4, atol=1e-4)


def test_offsets_add_up_as_in_the_literal_loop(model: DragModel, inversion: Inversion) -> None:
    offsets = make_offsets(0.3)
    expected = literal(model, inversion, offsets)
    assert not torch.allclose(expected, reference_chain(model, inversion, VISITS)[0], atol=0.05)
    for micro_batch in (1, 5):
        decoded = decode_drag(model, inversion, offsets, replace(PLAIN, micro_batch=micro_batch))
        torch.testing.assert_close(decoded.latents, expected, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(decoded.edited, model.decode(expected), rtol=1e-3, atol=1e-3)
    assert decoded.edited.dtype == torch.float32 and decoded.edited.shape == (3, 32, 32, 3)


def test_a_given_reference_and_reconstruction_save_work_and_change_nothing(
    model: DragModel, inversion: Inversion
) -> None:
    chain = reference_chain(model, inversion, VISITS)
    for settings in (PLAIN, CROSSED):
        fresh = decode_drag(model, inversion, make_offsets(0.3), settings)
        reused = decode_drag(
            model, inversion, make_offsets(0.3), settings, reference=chain, reconstruction=fresh.reconstruction
        )
        torch.testing.assert_close(reused.latents, fresh.latents, rtol=1e-4, atol=1e-4)
        assert reused.reconstruction is fresh.reconstruction


def test_crossed_branches_are_a_literal_pair_of_passes(model: DragModel, inversion: Inversion) -> None:
    """From `cross_branch_step` down both branches go in one batch, with the policy on; above it, alone."""
    offsets, start = make_offsets(0.3), 4
    control = AttentionController(frames=3, active=True)
    crossed = with_attention(model, AttentionPolicy("cross_branch", 5), control)
    source = x = inversion.latents[VISITS[0]]
    for step, below in pairwise(VISITS):
        x = x + sum((d for s, d in zip(offsets.steps, offsets.offsets) if s == step), torch.zeros(()))
        if step > start:
            eps = torch.cat([model.noise(latents, step, inversion.embedding) for latents in (source, x)])
        else:
            eps = crossed.noise(torch.cat([source, x]), step, inversion.embedding)
        eps = eps.detach()
        source, x = (model.schedule.move(b, e, step, below) for b, e in zip((source, x), eps.chunk(2)))
    decoded = decode_drag(model, inversion, offsets, replace(CROSSED, cross_branch_step=start))
    torch.testing.assert_close(decoded.latents, x, rtol=1e-4, atol=1e-4)
    plain = decode_drag(model, inversion, offsets, PLAIN)
    assert (decoded.latents - plain.latents).abs().max() > 1e-4, "crossing should have changed the edited branch"
    torch.testing.assert_close(decoded.reconstruction, plain.reconstruction, rtol=1e-4, atol=1e-4)
    never = decode_drag(model, inversion, offsets, replace(CROSSED, cross_branch_step=0))
    torch.testing.assert_close(never.latents, plain.latents, rtol=1e-5, atol=1e-5)


def test_decoding_leaves_model_and_inputs_alone(model: DragModel, inversion: Inversion) -> None:
    offsets, latents = make_offsets(0.3), inversion.latents.clone()
    before, noise = offsets.offsets.clone(), model.noise(latents[3], 3, inversion.embedding)
    decode_drag(model, inversion, offsets, replace(CROSSED, smoothing=True, smoothing_steps=(2, 1)))
    assert torch.equal(inversion.latents, latents) and torch.equal(offsets.offsets, before)
    assert torch.equal(model.noise(latents[3], 3, inversion.embedding), noise)


def test_progress_counts_to_its_total_and_shows_a_frame(model: DragModel, inversion: Inversion) -> None:
    seen: list[tuple[int, int]] = []
    shapes = set()

    def watch(stage, done, total, *, preview=None, **_) -> None:  # type: ignore[no-untyped-def]
        seen.append((done, total))
        if preview is not None and done == 5:
            shapes.add(tuple(preview().shape))

    decode_drag(model, inversion, make_offsets(0.1), CROSSED, watch)
    total = (len(VISITS) - 1) * 2 + 2 * 3
    assert seen == [(i + 1, total) for i in range(total)] and shapes == {(2, 32, 32, 3)}


def test_raising_from_progress_ends_it_at_once(model: DragModel, inversion: Inversion) -> None:
    calls = []

    def cancel(stage, done, total, **_) -> None:  # type: ignore[no-untyped-def]
        calls.append(done)
        if done == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        decode_drag(model, inversion, make_offsets(0.1), PLAIN, cancel)
    assert calls == [1, 2, 3]


def test_smoothing_changes_inner_frames_only(model: DragModel, inversion: Inversion) -> None:
    plain = decode_drag(model, inversion, make_offsets(0.3), PLAIN)
    smooth = decode_drag(model, inversion, make_offsets(0.3), replace(PLAIN, smoothing=True, smoothing_steps=(2, 1)))
    same = [torch.allclose(a, b, atol=1e-4) for a, b in zip(plain.latents, smooth.latents)]
    assert same == [True, False, True]
    torch.testing.assert_close(plain.reconstruction, smooth.reconstruction)


def test_smoother_takes_the_middle_of_the_neighbours() -> None:
    columns = torch.arange(64.0).expand(48, 64)
    frames = torch.stack([torch.sin((columns - 2 * i) / 6) / 2 + 0.5 for i in range(5)])[..., None].expand(
        -1, -1, -1, 3
    )
    broken = frames.clone()
    broken[1], broken[3] = 0, 1
    smooth, chosen = smooth_frames(broken, parity=1)
    assert chosen == [1, 3] and torch.equal(smooth[::2], frames[::2])
    assert (smooth - frames)[chosen, 8:-8, 8:-8].abs().mean() < 0.02  # an average of the neighbours is off by 0.03
    assert broken[1].max() == 0, "the input must stay"
    assert smooth_frames(frames, parity=0)[1] == [2]
    assert smooth_frames(frames[:2], parity=1)[1] == [] and smooth_frames(frames[:1], parity=0)[1] == []


def test_what_does_not_fit_is_named(model: DragModel, inversion: Inversion) -> None:
    short = replace(make_offsets(0.1), offsets=torch.zeros(2, 2, 4, 8, 8))
    with pytest.raises(DragAVideoError, match=r"\[2, 2, 4, 8, 8\]"):
        decode_drag(model, inversion, short, PLAIN)
    with pytest.raises(DragAVideoError, match="from step 8"):
        decode_drag(model, inversion, replace(make_offsets(0.1), visits=(8, *VISITS)), PLAIN)
    with pytest.raises(DragAVideoError, match="step 3"):
        decode_drag(model, inversion, make_offsets(0.1), replace(PLAIN, smoothing=True, smoothing_steps=(3,)))


# -- compositing --------------------------------------------------------------------------------------------------


def test_composite_keeps_source_pixels_bit_for_bit() -> None:
    source = torch.rand(2, 50, 70, 3, generator=torch.Generator().manual_seed(3))
    clip = prepare_clip(source, fps=8.0, size=40, every=1)
    edited = 1 - clip.frames
    masks = torch.zeros(2, 50, 70, dtype=torch.bool)
    masks[0, 15:35, 25:60] = True
    result = composite(clip, edited, masks, feather_px=2.0)
    assert result.shape == source.shape
    assert torch.equal(result[~masks], source[~masks]) and torch.equal(result[1], source[1])
    full = clip.geometry.frames_to_source(edited, clip.source)
    assert torch.equal(result[0, 24:26, 38:44], full[0, 24:26, 38:44])  # deep inside, the edit alone
    hard = composite(clip, edited, masks, feather_px=0.0)
    assert torch.equal(hard[masks], full[masks])
    with pytest.raises(DragAVideoError, match="masks have the shape"):
        composite(clip, edited, masks[:, 1:], 2.0)


def test_feather_rises_inside_the_mask_only() -> None:
    mask = torch.zeros(1, 20, 40, dtype=torch.bool)
    mask[0, :, 10:] = True
    row = feather(mask, 8.0)[0, 5]
    assert row[:10].max() == 0 and (row[10:19].diff() > 0).all()
    assert row[18:].eq(1).all(), "the picture's own edge is no border"
    assert feather(torch.ones(1, 9, 9, dtype=torch.bool), 4.0).min() == 1
    with pytest.raises(DragAVideoError, match="-1"):
        feather(mask, -1.0)
