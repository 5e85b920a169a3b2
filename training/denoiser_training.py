"""Trains the denoiser and the text encoder together on cached latents, against the clock."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor
from transformers import CLIPTokenizer

from .data import held_out_images, read_shard
from .denoiser import build_schedule, build_unet, denoising_loss, stratified_timesteps
from .export import load_codec
from .pca import load_pca, to_float
from .sampling import decode, sample_latents, write_sheet
from .starting import start_denoiser
from .text import build_text_encoder, embed, load_tokenizer, tokenise, write_tokenizer
from .weights import MovingAverage, learning_rate, load_training, save_training, trainable

BATCH = 16
PEAK_RATE = 1.2e-3
DROPPED_CAPTIONS = 0.4  # most drags use the empty prompt
_log = logging.getLogger(__name__)


@dataclass
class Progress:
    """What a resumed run needs to know; `seconds` counts training time over all runs."""

    iteration: int = 0
    samples: int = 0
    seconds: float = 0.0
    minutes_planned: float = 0.0
    loss: float = 0.0
    held_out_loss: float = 0.0


class LatentPool:
    """The shards written so far, growing while the renderer works. Latents stay fp16 in memory."""

    def __init__(self, cache: Path, tokenizer: CLIPTokenizer) -> None:
        self._cache, self._tokenizer = cache, tokenizer
        self._shards: list[tuple[Tensor, Tensor]] = []
        self._empty = tokenise(tokenizer, [""])
        self.grow()

    def grow(self) -> None:
        """Takes in shards that have appeared since."""
        while (shard := read_shard(self._cache, len(self._shards))) is not None:
            latents, captions = shard
            self._shards.append((latents, tokenise(self._tokenizer, captions).short()))

    def __len__(self) -> int:
        return sum(len(latents) for latents, _ in self._shards)

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Latents float [count, 8, 32, 32] and tokens [count, 77], two in five of them of the empty prompt."""
        picks = torch.randint(len(self), (count,), generator=generator).tolist()
        size = len(self._shards[0][0])  # every shard is as long
        latents = torch.stack([self._shards[i // size][0][i % size] for i in picks]).float()
        tokens = torch.stack([self._shards[i // size][1][i % size] for i in picks]).long()
        dropped = torch.rand(count, generator=generator) < DROPPED_CAPTIONS
        return latents, torch.where(dropped[:, None], self._empty, tokens)


class DenoiserTraining:
    """The nets, their optimiser and average, and the state of one run in the folder `work`."""

    def __init__(self, work: Path, minutes: float, rate: float = 1.0) -> None:
        self.work, self.progress, self.rate = work, Progress(minutes_planned=minutes), rate
        write_tokenizer(work / "tokenizer")
        self.tokenizer = load_tokenizer(work / "tokenizer")
        self.pool = LatentPool(work / "cache", self.tokenizer)
        torch.manual_seed(0)
        self.unet = build_unet().to(memory_format=torch.channels_last)
        # Plain matrix products: measured a quarter faster than the fused attention on one core.
        self.unet.set_attn_processor(AttnProcessor())
        self.text = build_text_encoder(self.tokenizer)
        self.schedule = build_schedule()
        modules = {"unet": self.unet, "text": self.text}
        self.optimizer = torch.optim.AdamW(
            trainable(modules).values(), lr=PEAK_RATE, betas=(0.9, 0.99), weight_decay=1e-2, fused=True
        )
        self.ema = MovingAverage(modules, decay=0.9995)
        self.generator = torch.Generator().manual_seed(1)

    @property
    def checkpoint(self) -> Path:
        return self.work / "denoiser.safetensors"

    def resume(self) -> None:
        """Goes on from the newest checkpoint; the planned time may have changed since."""
        minutes = self.progress.minutes_planned
        self.progress = Progress(**load_training(self.checkpoint, self.ema, self.optimizer))
        self.progress.minutes_planned = minutes
        self.generator.manual_seed(1 + self.progress.iteration)

    def iterate(self) -> float:
        """One batch; gives back its loss."""
        share = self.progress.seconds / (60 * self.progress.minutes_planned)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.rate * PEAK_RATE, share)
        latents, tokens = self.pool.draw(BATCH, self.generator)
        timesteps = stratified_timesteps(BATCH, self.generator)
        noise = torch.randn(latents.shape, generator=self.generator)
        with torch.autocast("cpu", torch.bfloat16):
            text = embed(self.text, tokens)
            loss = denoising_loss(self.unet, self.schedule, latents, timesteps, text, noise)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.ema.live.values(), 1.0, foreach=True)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.progress.iteration += 1
        self.progress.samples += BATCH
        self.ema.update(self.progress.iteration)
        return float(loss.detach())

    @torch.no_grad()
    def held_out_loss(self, latents: Tensor) -> float:
        """The averaged weights' loss on fixed latents [N, 8, 32, 32], noise and timesteps, empty prompt."""
        generator = torch.Generator().manual_seed(2)
        losses = []
        for batch in latents.split(BATCH):
            noise = torch.randn(batch.shape, generator=generator)
            timesteps = stratified_timesteps(len(batch), generator)
            with torch.autocast("cpu", torch.bfloat16):
                text = embed(self.text, tokenise(self.tokenizer, [""] * len(batch)))
                losses.append(denoising_loss(self.unet, self.schedule, batch, timesteps, text, noise))
        return float(torch.stack(losses).mean())

    @torch.no_grad()
    def write_samples(self) -> None:
        """A sheet of 16 free samples: two rows of the empty prompt's."""
        text = embed(self.text, tokenise(self.tokenizer, [""] * 16))
        latents = sample_latents(self.unet, build_schedule(), text)
        name = f"samples-{self.progress.seconds / 60:03.0f}min.png"
        write_sheet(decode(load_codec(self.work), latents), self.work / "samples" / name)


def train_denoiser(
    work: Path,
    minutes: float,
    resume: bool = False,
    checkpoint_minutes: float = 5.0,
    on_checkpoint: Callable[[], None] | None = None,
    start: Path | None = None,
    rate: float = 1.0,
) -> None:
    """Trains for `minutes` of wall-clock time in all; now and then a checkpoint and samples.

    Args:
        start: exported model whose weights to begin from.
        rate: times the usual learning rate.
    """
    run = DenoiserTraining(work, minutes, rate)
    if resume and run.checkpoint.exists():
        run.resume()
    elif start is not None:
        start_denoiser(run.ema, run.tokenizer, start)
    held_out = load_pca(work / "pca.safetensors").encode(to_float(held_out_images(128)))
    _log.info("%.2f M weights; %s", sum(p.numel() for p in run.ema.live.values()) / 1e6, run.progress)
    last_save = run.progress.seconds
    while run.progress.seconds < 60 * minutes:
        started = time.monotonic()
        run.progress.loss = sum(run.iterate() for _ in range(50)) / 50
        run.pool.grow()
        seconds = time.monotonic() - started
        run.progress.seconds += seconds
        _log.info(
            "%.1f min: loss %.4f, %.1f samples/s, %d images",
            run.progress.seconds / 60,
            run.progress.loss,
            50 * BATCH / seconds,
            len(run.pool),
        )
        done = run.progress.seconds >= 60 * minutes
        if done or run.progress.seconds - last_save >= 60 * checkpoint_minutes:
            started, last_save = time.monotonic(), run.progress.seconds
            _checkpoint(run, held_out)
            if on_checkpoint is not None:
                on_checkpoint()
            if not done:  # looking back is part of the time asked for
                run.progress.seconds += time.monotonic() - started


def _checkpoint(run: DenoiserTraining, held_out: Tensor) -> None:
    run.ema.swap()
    run.progress.held_out_loss = run.held_out_loss(held_out)
    run.write_samples()
    run.ema.swap()
    save_training(run.checkpoint, run.ema, run.optimizer, asdict(run.progress))
    _log.info("checkpoint: held-out loss %.4f, %d samples", run.progress.held_out_loss, run.progress.samples)
