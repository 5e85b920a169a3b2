"""Texts that people and other programs write, decoded so that whatever is wrong with one is said in words."""

from __future__ import annotations

import ast
import json
import math
import numbers
import warnings
from collections.abc import Mapping
from typing import Any, TypeGuard

from .errors import DragAVideoError

LARGEST = 2**63 - 1
"""The largest whole number that is read."""
_DEEPEST = 32
_LONGEST = 64 * 2**20
_SHOWN = 60


def decoded(text: str, what: str, expected: str, *, literals: bool = True) -> Any:
    """The value of a JSON text; with `literals` also of a Python literal (single quotes, tuples).

    Args:
        what: names the text in a message, with a capital: "The instruction".
        expected: what should have been written, for the message.

    Raises:
        DragAVideoError: neither of both, nested too deeply, too long, or with a number of too many digits.
    """
    if len(text) > _LONGEST:
        raise DragAVideoError(f"{what} has {len(text)} characters; {expected}.")
    try:
        value = json.loads(text)
    except RecursionError:
        raise DragAVideoError(f"{what} is nested too deeply; {expected}.") from None
    except ValueError as error:  # JSONDecodeError, or a whole number of thousands of digits
        if not literals or not isinstance(error, json.JSONDecodeError):
            raise _refusal(text, what, expected, error) from None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Python remarks on odd numerals, where nobody reads it
                value = ast.literal_eval(text.strip())
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError, OverflowError):
            raise _refusal(text, what, expected, error) from None
    _check(value, what, expected, 0)
    return value


def shown(value: object) -> str:
    """A value for a message, cut where it is long; never raises."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except (RecursionError, ValueError):  # nested too deeply, or a whole number of thousands of digits
        text = f"a {type(value).__name__}"
    text = text.encode("utf-8", "replace").decode("utf-8")
    text = text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
    return f"'{text}'" if isinstance(value, str) else text


def is_number(value: object) -> TypeGuard[float]:
    """A number of Python or numpy that a float can hold, infinity and NaN included; truth values are none."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def is_finite(value: object) -> TypeGuard[float]:
    """A number that is neither infinite nor NaN."""
    return is_number(value) and math.isfinite(value)


def is_whole(value: object) -> TypeGuard[int]:
    """A finite number without a fraction, and not beyond `LARGEST`."""
    return is_finite(value) and float(value).is_integer() and abs(value) <= LARGEST


def _check(value: object, what: str, expected: str, depth: int) -> None:
    """Refuse what would stumble somewhere behind: depth, and whole numbers that no float or tensor holds."""
    if depth > _DEEPEST:
        raise DragAVideoError(f"{what} is nested too deeply; {expected}.")
    if isinstance(value, int) and abs(value) > LARGEST:
        raise DragAVideoError(f"{what} holds a whole number of {len(str(abs(value)))} digits; {expected}.")
    if isinstance(value, Mapping):
        for key, item in value.items():
            _check(key, what, expected, depth + 1)
            _check(item, what, expected, depth + 1)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            _check(item, what, expected, depth + 1)


def _refusal(text: str, what: str, expected: str, error: ValueError) -> DragAVideoError:
    reason = "a whole number of too many digits"
    if isinstance(error, json.JSONDecodeError):
        reason = f"{error.msg}, line {error.lineno}"
    return DragAVideoError(f"{what} is not JSON ({reason}): {shown(text.strip())}; {expected}.")
