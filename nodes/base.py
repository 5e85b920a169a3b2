"""What all nodes of the pack have in common: what they refuse, and what they say of a run on themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Literal

from comfy_api.latest import io

from ..dragavideo_core.errors import DragAVideoError

SAID_KEY = "dragavideo_said"
Level = Literal["plain", "good", "warning", "bad"]


class PackNode(io.ComfyNode):
    """A node whose refusals reach the person under a plain name: ComfyUI puts an error's class before its sentence."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        own = cls.__dict__.get("execute")
        # ComfyUI derives a class anew for every run, with the same function in it.
        if own is not None and not hasattr(own.__func__, "__wrapped__"):
            cls.execute = classmethod(_said_plainly(own.__func__))


def _said_plainly(execute: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(execute)
    def run(*values: Any, **named: Any) -> Any:
        try:
            return execute(*values, **named)
        except DragAVideoError as error:
            raise ValueError(str(error)) from error

    return run


def said(*lines: str, level: Level = "plain") -> dict[str, Any]:
    """Lines for the page to show on the node: {"dragavideo_said": [{"level", "lines"}]}."""
    return {SAID_KEY: [{"level": level, "lines": list(lines)}]}


def refused(check: Callable[[], object]) -> str | bool:
    """For `validate_inputs`: True, or what `check` refuses, in words."""
    try:
        check()
    except DragAVideoError as error:
        return str(error)
    return True


def counted(number: int, one: str, many: str | None = None) -> str:
    """ "1 frame", "3 frames"."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def listed(values: Sequence[object]) -> str:
    """ "42, 41, 35"."""
    return ", ".join(map(str, values))
