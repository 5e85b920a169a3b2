"""What the registry, ComfyUI's start and its front end expect of the pack's files, without ComfyUI at hand."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("en", "zh")
NODE_FILES = sorted((ROOT / "nodes").glob("*.py"))


def definitions(language: str) -> dict[str, Any]:
    return json.loads((ROOT / "locales" / language / "nodeDefs.json").read_text(encoding="utf-8"))


def node_ids() -> set[str]:
    """Every node_id that is written in nodes/."""
    return {
        match for path in NODE_FILES for match in re.findall(r'node_id="([^"]+)"', path.read_text(encoding="utf-8"))
    }


def listed_extension() -> set[str]:
    """Names in the extension's list of nodes."""
    tree = ast.parse((ROOT / "nodes" / "extension.py").read_text(encoding="utf-8"))
    (listed,) = [n.value for n in ast.walk(tree) if isinstance(n, ast.Return) and isinstance(n.value, ast.List)]
    return {element.id for element in listed.elts if isinstance(element, ast.Name)}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib came with Python 3.11")
def test_registry_finds_what_it_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "comfyui" not in project["project"]["name"].lower()
    assert re.fullmatch(r"\d+\.\d+\.\d+", project["project"]["version"])
    assert (ROOT / project["project"]["license"]["file"]).is_file()
    assert project["project"]["urls"]["Repository"].startswith("https://")
    comfy = project["tool"]["comfy"]
    assert {"PublisherId", "DisplayName", "Icon", "requires-comfyui"} <= set(comfy)
    # WEB_DIRECTORY says it; both together register the folder twice.
    assert "web" not in comfy
    for name in ("install.py", "prestartup_script.py"):
        assert not (ROOT / name).exists()


def test_archive_leaves_out_what_only_developers_need() -> None:
    ignored = (ROOT / ".comfyignore").read_text(encoding="utf-8").split()
    assert {"tests/", "training/", "bench/", "dev.py"} <= set(ignored)
    shipped = ("nodes", "dragavideo_core", "web", "locales", "workflows", "LICENSE", "requirements.txt")
    assert not {name.rstrip("/") for name in ignored} & set(shipped)


def test_root_imports_nothing_until_comfyui_asks() -> None:
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    top = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert {getattr(node, "module", None) for node in top} == {"__future__", "typing"}
    assert "NODE_CLASS_MAPPINGS" not in (ROOT / "__init__.py").read_text(encoding="utf-8")


def _top_imports(path: Path) -> Iterator[tuple[str, int]]:
    """(module, level) of what runs when the file is imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.level


@pytest.mark.parametrize("path", NODE_FILES, ids=lambda path: path.name)
def test_nodes_import_relatively_and_late(path: Path) -> None:
    found = dict(_top_imports(path))
    # Of the core only what is light: no video, no networks.
    light = {"dragavideo_core.errors", "dragavideo_core", "dragavideo_core.instruction"}
    light |= {"dragavideo_core.files", "dragavideo_core.presets", "dragavideo_core.model"}
    core = {module for module, level in found.items() if level == 2}
    assert path.name == "checkpoint_weights.py" or core <= light, core - light
    absolute = {module.split(".")[0] for module, level in found.items() if level == 0}
    # `nodes` and `dragavideo_core` without dots are ComfyUI's own module and nothing at all.
    assert not absolute & {"nodes", "dragavideo_core", "diffusers", "transformers", "peft", "cv2", "av"}
    assert "sys.path" not in path.read_text(encoding="utf-8")
    if path.name not in ("host.py", "progress.py", "memory.py", "folders.py", "checkpoint_weights.py"):
        assert not {module for module in absolute if module in ("comfy", "folder_paths", "server", "execution")}


def test_every_node_is_listed_and_prefixed() -> None:
    ids = node_ids()
    assert all(name.startswith("DragAVideo") for name in ids)
    assert {"DragAVideo" + name for name in listed_extension()} == ids


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_node_and_socket(language: str) -> None:
    english, other = definitions("en"), definitions(language)
    assert set(other) == node_ids()
    for name, about in english.items():
        assert other[name]["display_name"] and other[name]["description"]
        for side in ("inputs", "outputs"):
            assert set(other[name][side]) == set(about[side]), f"{name}: {side}"
            assert all(value["name"] and value["tooltip"] for value in other[name][side].values()), name
    main = json.loads((ROOT / "locales" / language / "main.json").read_text(encoding="utf-8"))
    sockets = (ROOT / "nodes" / "sockets.py").read_text(encoding="utf-8")
    assert set(main["dataTypes"]) == set(re.findall(r'io\.Custom\("(DRAGAVIDEO_[A-Z_]+)"\)', sockets))


def test_every_node_has_a_help_page_that_names_its_sockets() -> None:
    for name, about in definitions("en").items():
        page = (ROOT / "web" / "docs" / f"{name}.md").read_text(encoding="utf-8")
        for socket in (*about["inputs"], *(value["name"] for value in about["outputs"].values())):
            assert f"| {socket} |" in page, f"{name}.md does not explain {socket}"
    assert {path.stem for path in (ROOT / "web" / "docs").glob("*.md")} == node_ids()
