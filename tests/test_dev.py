"""dev.py: what it remembers of an install, and what it hands on. Nothing is installed here."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

import dev


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """A made `.venv` in a fresh folder, two small requirement files, and an `install` that only notes its arguments."""
    venv = tmp_path / ".venv"
    python = dev.python_of(venv)
    python.parent.mkdir(parents=True)
    python.touch()
    (venv / "pyvenv.cfg").touch()
    dev.stamp_of(venv, "made").touch()
    files = {}
    for name, text in (("run", "numpy\n"), ("tools", "ruff\n"), ("constraints", "torch==1\ntorchvision==2\n")):
        files[name] = tmp_path / f"{name}.txt"
        files[name].write_text(text, encoding="utf-8")
    monkeypatch.setattr(dev, "VENV", venv)
    monkeypatch.setattr(dev, "CONSTRAINTS", files["constraints"])
    monkeypatch.setattr(dev, "RUN_FILES", (files["run"], files["constraints"]))
    monkeypatch.setattr(dev, "TOOL_FILES", (files["tools"], files["constraints"]))
    noted: list[tuple[str, ...]] = []
    monkeypatch.setattr(dev, "install", lambda *arguments: noted.append(arguments))
    monkeypatch.setattr(dev, "torch_requirements", lambda: ["torch==1"])
    monkeypatch.setattr(dev, "repair_opencv", lambda: None)
    return noted


def test_second_set_up_installs_nothing(calls: list[tuple[str, ...]]) -> None:
    for _ in range(2):
        dev.set_up_run()
        dev.set_up_tools()
    assert [Path(call[1]).name for call in calls] == ["run.txt", "tools.txt"]
    assert calls[0][2:] == ("torch==1",)


def test_changed_requirements_install_only_their_own_set(calls: list[tuple[str, ...]]) -> None:
    dev.set_up_run()
    dev.set_up_tools()
    dev.TOOL_FILES[0].write_text("ruff\nmypy\n", encoding="utf-8")
    calls.clear()
    dev.set_up_run()
    dev.set_up_tools()
    assert [Path(call[1]).name for call in calls] == ["tools.txt"]


def test_changed_constraints_install_both_sets(calls: list[tuple[str, ...]]) -> None:
    dev.set_up_run()
    dev.set_up_tools()
    dev.CONSTRAINTS.write_text("torch==3\ntorchvision==4\n", encoding="utf-8")
    dev.set_up_run()
    dev.set_up_tools()
    assert len(calls) == 4


def test_failed_install_is_done_again(calls: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    dev.set_up_run()
    dev.RUN_FILES[0].write_text("numpy\nav\n", encoding="utf-8")

    def fail(*arguments: str) -> None:
        raise dev.SetupError("no index")

    with monkeypatch.context() as patch:
        patch.setattr(dev, "install", fail)
        with pytest.raises(dev.SetupError):
            dev.set_up_run()
    # Even with the file as it was: the broken install may have left half of the new set behind.
    dev.RUN_FILES[0].write_text("numpy\n", encoding="utf-8")
    dev.set_up_run()
    assert len(calls) == 2


def test_fingerprint_ignores_line_ends_and_tells_files_apart(tmp_path: Path) -> None:
    unix, windows, other = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    unix.write_bytes(b"numpy\nav\n")
    windows.write_bytes(b"numpy\r\nav\r\n")
    other.write_bytes(b"numpy\n")
    assert dev.fingerprint((unix,)) == dev.fingerprint((windows,))
    assert dev.fingerprint((unix,)) != dev.fingerprint((other,))
    assert dev.fingerprint((unix, other)) != dev.fingerprint((other, unix))


def test_venv_whose_python_is_gone_is_made_anew(calls: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []

    def note(command: list[str]) -> int:
        started.append(command)
        return 0

    monkeypatch.setattr(subprocess, "call", note)
    dev.make_venv()
    assert not started
    dev.python_of(dev.VENV).unlink()
    dev.make_venv()
    assert started[0][1:] == ["-m", "venv", "--clear", str(dev.VENV)]


@pytest.mark.parametrize("found", [True, False])
def test_cpu_build_of_torch_where_the_index_has_it(found: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev.sys, "platform", "linux")
    monkeypatch.setattr(dev, "has_nvidia", lambda: False)
    monkeypatch.setattr(dev, "pip", lambda *a, **k: subprocess.CompletedProcess(a, 0 if found else 1))
    names = dev.torch_requirements()
    assert [name.split("==")[0] for name in names] == ["torch", "torchvision"]
    assert all(name.endswith("+cpu") is found for name in names)
    monkeypatch.setattr(dev, "has_nvidia", lambda: True)
    assert not any("+cpu" in name for name in dev.torch_requirements())


def test_what_follows_the_dashes_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[list[str]] = []

    def command(rest: list[str]) -> int:
        """Note the rest."""
        handed.append(rest)
        return 7

    monkeypatch.setitem(dev.COMMANDS, "test", command)
    assert dev.main(["test", "--", "-k", "dift", "--", "x"]) == 7
    assert handed == [["-k", "dift", "--", "x"]]
    with pytest.raises(SystemExit):
        dev.main(["test", "-k", "dift"])


def test_first_failure_decides_and_pytest_still_runs_last(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, ...]] = []

    def start(*arguments: str) -> int:
        ran.append(arguments)
        return {"ruff": 3, "mypy": 4}.get(arguments[1], 0)

    monkeypatch.setattr(dev, "set_up_run", lambda: None)
    monkeypatch.setattr(dev, "set_up_tools", lambda: None)
    monkeypatch.setattr(dev, "set_up_comfyui", lambda: None)
    monkeypatch.setattr(dev, "set_up_chromium", lambda: "/usr/bin/chromium")
    monkeypatch.setattr(dev, "set_up_front_end", lambda: Path("front-end"))
    for name in ("DRAGAVIDEO_REQUIRE_COMFYUI", "DRAGAVIDEO_CHROMIUM", "DRAGAVIDEO_FRONT_END"):
        monkeypatch.setenv(name, "")  # so that what `test` puts there is taken back afterwards
    monkeypatch.setattr(dev, "start", start)
    assert dev.test(["-x"]) == 3
    assert ran[-1] == ("-m", "pytest", "-x")


def test_front_end_is_fetched_once_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    downloads = []

    def pip(*arguments: str) -> subprocess.CompletedProcess[str]:
        wheels = Path(arguments[arguments.index("--dest") + 1])
        wheels.mkdir(parents=True, exist_ok=True)
        name = dev.FRONT_END_WHEEL.replace("-", "_").replace("==", "-") + "-py3-none-any.whl"
        with zipfile.ZipFile(wheels / name, "w") as archive:
            archive.writestr("comfyui_frontend_package/static/index.html", "<html>")
            archive.writestr("comfyui_frontend_package/static/assets/a.js", "")
            archive.writestr("comfyui_frontend_package/__init__.py", "")
        downloads.append(arguments[-1])
        return subprocess.CompletedProcess(arguments, 0)

    monkeypatch.delenv("DRAGAVIDEO_FRONT_END", raising=False)
    monkeypatch.setattr(dev, "CACHE", tmp_path)
    monkeypatch.setattr(dev, "pip", pip)
    folders = [dev.set_up_front_end() for _ in range(2)]
    assert folders[0] == folders[1] and downloads == [dev.FRONT_END_WHEEL]
    assert sorted(path.name for path in folders[0].rglob("*.*")) == ["a.js", "index.html"]
    monkeypatch.setenv("DRAGAVIDEO_FRONT_END", str(tmp_path))
    with pytest.raises(dev.SetupError, match=r"index\.html"):
        dev.set_up_front_end()


@pytest.mark.parametrize("source", ["named", "path", "debian", "playwright", "none"])
def test_chromium_is_taken_from_where_it_is(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = tmp_path / "chromium"
    browser.touch()
    done: list[str] = []

    def call(command: list[str], **options: object) -> int:
        done.append(command[2])
        return 0

    def start(*arguments: str) -> int:
        done.append(arguments[1])
        return 0

    def here(name: str, action: str = "") -> str:
        return str(browser) if source == name and (not action or action in done) else ""

    monkeypatch.setenv("DRAGAVIDEO_CHROMIUM", here("named"))
    monkeypatch.setattr(dev, "chromium_on_path", lambda: here("path") or here("debian", "install"))
    monkeypatch.setattr(dev, "playwright_chromium", lambda: here("playwright", "playwright"))
    monkeypatch.setattr(dev.shutil, "which", lambda name: name)
    monkeypatch.setattr(dev.os, "geteuid", lambda: 0, raising=False)
    monkeypatch.setattr(dev.subprocess, "call", call)
    monkeypatch.setattr(dev, "start", start)
    if source == "none":
        with pytest.raises(dev.SetupError, match="DRAGAVIDEO_CHROMIUM"):
            dev.set_up_chromium()
    else:
        assert dev.set_up_chromium() == str(browser)
    steps = {"debian": ["update", "install"], "playwright": ["update", "install", "playwright"]}
    steps["none"] = steps["playwright"]
    assert done == steps.get(source, [])
    monkeypatch.setenv("DRAGAVIDEO_CHROMIUM", str(tmp_path / "gone"))
    with pytest.raises(dev.SetupError, match="no file"):
        dev.set_up_chromium()


def test_set_up_error_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(rest: list[str]) -> int:
        raise dev.SetupError("the disk is full.")

    monkeypatch.setitem(dev.COMMANDS, "demo", fail)
    assert dev.main(["demo"]) == 1
    assert capsys.readouterr().out == "Set-up failed: the disk is full.\n"


def test_bench_takes_its_options_without_dashes(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[str, ...]] = []
    monkeypatch.setattr(dev, "set_up_run", lambda: None)
    monkeypatch.setattr(dev, "start", lambda *arguments: started.append(arguments) or 5)
    assert dev.main(["bench", "quality", "--quick", "--rows", "ours"]) == 5
    assert dev.main(["bench", "--", "quality"]) == 5
    assert started == [("-m", "bench.quality", "--quick", "--rows", "ours"), ("-m", "bench.quality")]
    assert dev.main(["bench", "no-such"]) == 2
