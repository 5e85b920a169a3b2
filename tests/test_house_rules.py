"""Rules that hold for every Python file here, read off its syntax tree: the registry's, ComfyUI's and our own."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
COMFY = {"comfy", "comfy_api", "comfy_execution", "comfy_extras", "folder_paths", "nodes", "server", "execution"}
# What an import is called where its package is called otherwise in requirements.txt.
PACKAGE_OF = {"cv2": "opencv-python", "PIL": "pillow", "segment_anything": "segment-anything"}
NOT_SHIPPED = ("training/", "bench/", "tests/")
OF_COMFYUI = {"torch", "torchvision"}


def python_files() -> list[Path]:
    """All .py files that git has or would take; every one outside dot folders where there is no git."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.py"]
    try:
        names = subprocess.run(command, capture_output=True, check=True).stdout.decode().split("\0")
        files = [ROOT / name for name in names if name]
    except (OSError, subprocess.CalledProcessError):
        files = [path for path in ROOT.rglob("*.py") if not path.relative_to(ROOT).parts[0].startswith(".")]
    return sorted(path for path in files if path.is_file())


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, module) of every absolute import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module


def broken_rules(tree: ast.AST, shipped: bool = True) -> Iterator[tuple[int, str]]:
    """(line, rule) of everything that is written nowhere; `shipped` files run inside ComfyUI and have a rule more."""
    for line, module in imports(tree):
        if module.split(".")[0] in {"pickle", "cPickle", "dill", "cloudpickle"}:
            yield line, f"import {module}: weights and values are kept as safetensors or JSON"
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        call = ast.unparse(node.func)
        first = node.args[0] if node.args else None
        if call in {"print", "eval", "exec"}:
            yield node.lineno, f"{call}("
        if call in {"torch.autocast", "torch.cuda.amp.autocast", "torch.amp.autocast"} and shipped:
            yield node.lineno, f"{call}(: the dtype is chosen once, when the model is loaded"
        if call == "torch.load" and not any(
            word.arg == "weights_only" and isinstance(word.value, ast.Constant) and word.value.value is True
            for word in node.keywords
        ):
            yield node.lineno, "torch.load( without weights_only=True runs code from the file"
        if isinstance(node.func, ast.Attribute) and node.func.attr == "cuda":
            yield node.lineno, ".cuda(: the device is the caller's choice"
        if (
            isinstance(node.func, ast.Attribute)
            and node.func.attr == "to"
            and isinstance(first, ast.Constant)
            and str(first.value).startswith("cuda")
        ):
            yield node.lineno, '.to("cuda": the device is the caller\'s choice'


@pytest.mark.parametrize("path", python_files(), ids=name_of)
def test_file_keeps_the_rules(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text, str(path))
    found = [
        f"{name_of(path)}:{line}: {rule}"
        for line, rule in broken_rules(tree, shipped=not name_of(path).startswith(NOT_SHIPPED))
    ]
    # The registry's scanner reads files as cp1252.
    for number, line in enumerate(text.splitlines(), 1):
        odd = {letter for letter in line if not _is_cp1252(letter)}
        if odd:
            found.append(f"{name_of(path)}:{number}: not in cp1252: {' '.join(sorted(map(ascii, odd)))}")
    assert not found, "\n".join(found)


def _is_cp1252(letter: str) -> bool:
    try:
        letter.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def test_core_stands_alone() -> None:
    """`dragavideo_core` never imports ComfyUI, its own name (relative imports only), or a room above it."""
    own = {"dragavideo_core", "training", "bench", "tests", "dev"}
    found = [
        f"{name_of(path)}:{line}: import {module}"
        for path in python_files()
        if name_of(path).startswith("dragavideo_core/")
        for line, module in imports(ast.parse(path.read_text(encoding="utf-8")))
        if module.split(".")[0] in COMFY | own
    ]
    assert not found, "\n".join(found)


def test_requirements_name_what_the_core_imports() -> None:
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    required = {re.split(r"[<>=!~;\[ ]", line)[0] for line in text.splitlines() if line and line[0] != "#"}
    imported = {
        module.split(".")[0]
        for path in python_files()
        if name_of(path).startswith("dragavideo_core/")
        for _, module in imports(ast.parse(path.read_text(encoding="utf-8")))
    }
    third_party = imported - sys.stdlib_module_names - OF_COMFYUI
    assert {PACKAGE_OF.get(name, name) for name in third_party} <= required
    assert not {name for name in required if name.startswith("torch")}, "ComfyUI brings torch; never name it"
    assert not any(mark in text for mark in ("==", "~=")), "other packs share the environment: no pins"


@pytest.mark.parametrize(
    "source",
    [
        "print('x')",
        "eval('1')",
        "exec('1')",
        "import pickle",
        "from pickle import load",
        "model.cuda()",
        "model.to('cuda')",
        "model.to('cuda:0')",
        "torch.load('x')",
        "torch.load('x', weights_only=False)",
        "with torch.autocast('cpu'): pass",
    ],
)
def test_the_rules_see_what_they_forbid(source: str) -> None:
    assert list(broken_rules(ast.parse(source)))


@pytest.mark.parametrize("source", ["model.eval()", "torch.load('x', weights_only=True)", "x.to(device)", "y.to(0)"])
def test_the_rules_leave_the_rest_alone(source: str) -> None:
    assert not list(broken_rules(ast.parse(source)))
