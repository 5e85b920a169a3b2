"""Keeps the values of finished stages on disk, so that no run loses work that is done.

A value is any of the core's dataclasses; it is stored as one .safetensors file with the rest of its fields as JSON in
the header. A stored value is only given back for the very key (inputs and settings) it was made from.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from .errors import DragAVideoError
from .files import atomic_path

_T = TypeVar("_T")
_SUMMED_AT_ONCE = 2**22
_log = logging.getLogger(__name__)
_FORMAT = 3
"""One more whenever a kept value gets another field: stages of before are then done again."""


@dataclass(frozen=True)
class StageStore:
    """A folder of finished stages; without a folder nothing is kept and nothing found."""

    folder: Path | None = None

    def recall(self, stage: str, key: str, kind: type[_T]) -> _T | None:
        """The kept value of a stage, or None where there is none for this key (or it cannot be read)."""
        return load_value(self.folder / f"{stage}.safetensors", key, kind) if self.folder else None

    def keep(self, stage: str, key: str, value: Any) -> None:
        """Keep a stage's value in place of the one before. Where that fails (a full disk), a warning says so: what is
        lost is a later run's time, and no reason to lose this one's work."""
        if self.folder:
            try:
                save_value(self.folder / f"{stage}.safetensors", key, value)
            except DragAVideoError as error:
                _log.warning("The stage '%s' is not kept, a later run has to do it again: %s", stage, error)

    def once(self, stage: str, key: str, kind: type[_T], make: Callable[[], _T]) -> _T:
        """The kept value, or else the made one, which is then kept."""
        found = self.recall(stage, key, kind)
        if found is None:
            found = make()
            self.keep(stage, key, found)
        return found


def save_value(path: Path, key: str, value: Any) -> None:
    """Write a dataclass of tensors, plain values and dataclasses; all or nothing.

    Raises:
        DragAVideoError: the folder cannot be written, or the disk is full.
    """
    tensors: dict[str, Tensor] = {}
    plain = _flatten(value, "", tensors)
    header = {"format": str(_FORMAT), "key": key, "value": json.dumps(plain), "sum": fingerprint(tensors)}
    with atomic_path(path) as temporary:
        try:
            save_file(tensors, temporary, metadata=header)
        except SafetensorError as error:
            raise DragAVideoError(f"Writing '{path.name}' failed ({error}); check the free space.") from None


def load_value(path: Path, key: str, kind: type[_T]) -> _T | None:
    """Read what `save_value` wrote; None where the file is missing, broken, of another version or another key, or where
    its tensors are not those that were written."""
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            if header.get("format") != str(_FORMAT) or header.get("key") != key:
                return None
            # Copies: the file stays mapped as long as one of its own tensors lives, and Windows replaces no such file.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        if header.get("sum") != fingerprint(tensors):
            _log.warning("The kept stage '%s' is damaged and is done again.", path.name)
            return None
        return _restore(kind, json.loads(header["value"]), "", tensors)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RecursionError, AttributeError):
        return None


def fingerprint(*parts: Any) -> str:
    """A hash of tensors, dataclasses and plain values: equal inputs, equal text.

    Fields with metadata {"derived": True} follow from the others and are left out.
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        _digest(part, digest)
    return digest.hexdigest()


def weights_fingerprint(module: torch.nn.Module) -> str:
    """A hash of a network's weights that reads only the beginning and the sum of the bits of each."""
    return fingerprint(
        *(
            (name, tuple(w.shape), w.detach().reshape(-1)[:64].float().cpu(), _sum_of_bits(w.detach()))
            for name, w in module.state_dict().items()
        )
    )


def _sum_of_bits(weights: Tensor) -> int:
    """The elements' bits added as integers: unlike a sum of floats it is the same for any number of threads."""
    whole = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[weights.element_size()]
    parts = weights.view(whole).reshape(-1).split(_SUMMED_AT_ONCE)  # each becomes int64 on its way
    return sum(int(part.sum()) for part in parts)


def _digest(part: Any, digest: Any) -> None:
    if isinstance(part, Tensor):
        digest.update(f"{part.dtype}{tuple(part.shape)}".encode())
        digest.update(part.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    elif is_dataclass(part) and not isinstance(part, type):
        for field in fields(part):
            if not field.metadata.get("derived"):
                _digest((field.name, getattr(part, field.name)), digest)
    elif isinstance(part, Mapping):
        for name, value in sorted(part.items()):
            _digest((name, value), digest)
    elif isinstance(part, (tuple, list)):
        for value in part:
            _digest(value, digest)
    else:
        digest.update(repr(part).encode())
    digest.update(b"\0")


def _flatten(value: Any, prefix: str, tensors: dict[str, Tensor]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for field in fields(value):
        item, name = getattr(value, field.name), prefix + field.name
        if isinstance(item, Tensor):
            tensors[name] = item.detach().cpu().contiguous()
        elif is_dataclass(item) and not isinstance(item, type):
            plain[field.name] = _flatten(item, f"{name}/", tensors)
        elif isinstance(item, Mapping) and any(isinstance(v, Tensor) for v in item.values()):
            plain[field.name] = sorted(item)
            tensors.update({f"{name}/{key}": tensor.detach().cpu().contiguous() for key, tensor in item.items()})
        else:
            plain[field.name] = item
    return plain


def _restore(kind: type[_T], plain: Mapping[str, Any], prefix: str, tensors: Mapping[str, Tensor]) -> _T:
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for field in fields(kind):  # type: ignore[arg-type]
        name, hint = prefix + field.name, hints[field.name]
        if name in tensors:
            values[field.name] = tensors[name]
        elif is_dataclass(hint) and isinstance(hint, type):
            values[field.name] = _restore(hint, plain[field.name], f"{name}/", tensors)
        elif any(key.startswith(f"{name}/") for key in tensors):
            values[field.name] = {key: tensors[f"{name}/{key}"] for key in plain[field.name]}
        else:
            values[field.name] = _tuples(plain[field.name])
    return kind(**values)


def _tuples(value: Any) -> Any:
    """JSON knows only lists; the core's values hold only tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
