"""A small CLIP text side: a byte-complete BPE tokenizer, and a text model trained with the denoiser."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from .captions import VOCABULARY

WIDTH = 64
LENGTH = 77  # as CLIP, so that nothing that assumes it breaks
_START, _END = "<|startoftext|>", "<|endoftext|>"


def write_tokenizer(folder: Path, words: tuple[str, ...] = VOCABULARY) -> None:
    """vocab.json and merges.txt in CLIP's format: all 256 bytes, any text tokenises, and merged `words`."""
    folder.mkdir(parents=True, exist_ok=True)
    alphabet = _byte_alphabet()
    merges = learn_merges(words)
    tokens = [*alphabet, *(a + "</w>" for a in alphabet), *("".join(m) for m in merges), _START, _END]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    config = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": LENGTH,
        "bos_token": _START,
        "eos_token": _END,
        "pad_token": _END,
        "unk_token": _END,
        "do_lower_case": True,
        "add_prefix_space": False,
    }
    special = {name: config[name] for name in ("bos_token", "eos_token", "pad_token", "unk_token")}
    for name, value in (
        ("vocab.json", vocabulary),
        ("tokenizer_config.json", config),
        ("special_tokens_map.json", special),
    ):
        (folder / name).write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(m) for m in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def learn_merges(words: tuple[str, ...]) -> list[tuple[str, str]]:
    """Byte-pair merges in order, the commonest pair first, until every word is one token."""
    pieces = [[*word[:-1], word[-1] + "</w>"] for word in words]
    merges: list[tuple[str, str]] = []
    while True:
        pairs = Counter(pair for p in pieces for pair in pairwise(p))
        if not pairs:
            return merges
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))  # ties by spelling: the same everywhere
        merges.append(best)
        pieces = [_merge(p, best) for p in pieces]


def _merge(pieces: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    for piece in pieces:
        if merged and (merged[-1], piece) == pair:
            merged[-1] += piece
        else:
            merged.append(piece)
    return merged


def _byte_alphabet() -> list[str]:
    """GPT-2's and CLIP's printable stand-ins for the 256 bytes (CLIP simple_tokenizer.bytes_to_unicode)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))]


def load_tokenizer(folder: Path) -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(folder)


def build_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Random weights, hidden width 64, 2 layers, 4 heads."""
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        projection_dim=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=LENGTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config)


def tokenise(tokenizer: CLIPTokenizer, prompts: list[str]) -> Tensor:
    """int64 [N, 77], padded and cut as Stable Diffusion does."""
    return tokenizer(prompts, padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt").input_ids


def embed(text_encoder: CLIPTextModel, tokens: Tensor) -> Tensor:
    """[N, 77] -> [N, 77, 64]; a prompt that occurs several times (the empty one) is encoded once."""
    unique, where = torch.unique(tokens, dim=0, return_inverse=True)
    return text_encoder(unique).last_hidden_state[where]
