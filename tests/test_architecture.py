"""ARCHITECTURE.md is true: its rooms are the core's, and nobody imports against its order or in a circle."""

from __future__ import annotations

import ast
import importlib
import re
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "dragavideo_core"
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
ROOMS = re.findall(r"^\| `(\w+)/` \|", TEXT, re.MULTILINE)
COMMON = {"checked", "errors", "files", "presets", "progress", "settings", "storage", "texts"}
ABOVE_ALL = {"pipeline", "command_line", "stopping", "__main__"}
LONGEST = 300
FILES = sorted(CORE.rglob("*.py"))


def module_of(path: Path) -> str:
    """Dotted name inside the core, a package by its own name: "media.clip", "media", "pipeline"."""
    parts = path.relative_to(CORE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def imports(path: Path, *, only_running: bool = False) -> set[str]:
    """Modules of the core that a file imports; `only_running` leaves out what is for the type checker alone."""
    package = list(path.relative_to(CORE).parts[:-1])
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if only_running and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            skipped.update(ast.walk(node))
    found = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not node.level or node in skipped:
            continue
        base = package[: len(package) - (node.level - 1)]
        origin = ".".join([*base, *([node.module] if node.module else [])])
        for alias in node.names:
            inner = f"{origin}.{alias.name}" if origin else alias.name
            found.add(inner if inner in MODULES else origin)
    return found


def rank(module: str) -> int:
    """Place in the order: common files, the rooms as the table has them, then what uses everything."""
    room = module.partition(".")[0]
    if room in COMMON or not room:
        return 0
    return len(ROOMS) + 1 if room in ABOVE_ALL else ROOMS.index(room) + 1


def test_the_table_names_every_room_and_the_root_holds_only_what_it_says() -> None:
    folders = {path.name for path in CORE.iterdir() if path.is_dir() and list(path.glob("*.py"))}
    assert set(ROOMS) == folders
    assert len(ROOMS) == len(set(ROOMS))
    assert {path.stem for path in CORE.glob("*.py")} == COMMON | ABOVE_ALL | {"__init__"}
    for name in (*COMMON, *(ABOVE_ALL)):
        assert f"`{name}.py`" in TEXT


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(CORE).as_posix())
def test_imports_run_one_way_and_files_are_short(path: Path) -> None:
    own = module_of(path)
    upward = sorted(other for other in imports(path) if rank(other) > rank(own))
    assert not upward, f"{own} imports {', '.join(upward)}, which lies above it; see ARCHITECTURE.md"
    length = len(path.read_text(encoding="utf-8").splitlines())
    assert length <= LONGEST, f"{own} has {length} lines; it would read better as two files"


def test_no_import_runs_in_a_circle() -> None:
    graph = {name: imports(path, only_running=True) - {name} for name, path in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("path", sorted((ROOT / "nodes").glob("*.py")), ids=lambda path: path.name)
def test_nodes_find_what_they_take_of_the_core(path: Path) -> None:
    """The type checker does not see it: ComfyUI loads `nodes` as part of a package that has no name of its own."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 2 and (node.module or "").startswith("dragavideo_core"):
            source = importlib.import_module(node.module or "")
            for alias in node.names:
                with suppress(ModuleNotFoundError):  # a name of the module, not a module
                    modules[alias.asname or alias.name] = importlib.import_module(f"{node.module}.{alias.name}")
                assert alias.name in modules or alias.asname in modules or hasattr(source, alias.name), alias.name
    for scope in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
        imports_here = [node for node in ast.walk(scope) if isinstance(node, ast.ImportFrom)]
        bound = {alias.asname or alias.name for node in imports_here for alias in node.names}
        for node in ast.walk(scope):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in bound:
                taken = modules.get(node.value.id)
                assert taken is None or hasattr(taken, node.attr), f"{node.value.id}.{node.attr}"


def test_tests_mirror_the_rooms() -> None:
    for room in ROOMS:
        assert list((ROOT / "tests" / room).glob("test_*.py")), f"tests/{room} has no tests"


def test_equations_are_where_the_table_says() -> None:
    rows = re.findall(r"^\| Eq\. [^|]*\| `([\w/]+\.py)`(?:, `(\w+)`)? \|", TEXT, re.MULTILINE)
    assert len(rows) >= 6
    for file, name in rows:
        source = (CORE / file).read_text(encoding="utf-8")
        assert "Eq." in source
        assert not name or f"def {name}(" in source
