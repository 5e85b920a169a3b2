"""A real ComfyUI with this pack in it, and a client for its API. Set up by `python dev.py test`."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACK = "drag-a-video"
REQUIRED = "DRAGAVIDEO_REQUIRE_COMFYUI"
"""Set by dev.py: without ComfyUI the tests fail rather than being skipped."""
_TEXT = 3
"""ComfyUI's number for a binary message that holds a progress text."""
Graph = dict[str, dict[str, Any]]


def comfyui_folder() -> Path:
    """Where ComfyUI lies: COMFYUI_DIR, or where dev.py has put it."""
    return Path(os.environ.get("COMFYUI_DIR") or ROOT / ".cache" / "comfyui")


def need_comfyui() -> Path:
    """The folder; without it the tests are skipped, or fail where dev.py runs them."""
    folder = comfyui_folder()
    if (folder / "main.py").is_file():
        return folder
    reason = f"no ComfyUI in {folder}: run `python dev.py test`, or name one in COMFYUI_DIR"
    if os.environ.get(REQUIRED):
        pytest.fail(reason)
    pytest.skip(reason)


def other_packs() -> list[Path]:
    """Folders of other node packs to try this one with, from DRAGAVIDEO_OTHER_PACKS."""
    return [Path(name) for name in os.environ.get("DRAGAVIDEO_OTHER_PACKS", "").split(os.pathsep) if name]


@dataclass
class Server:
    """A running ComfyUI and what it does."""

    address: str
    base: Path
    log: Path
    process: subprocess.Popen[bytes]
    client: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def output(self) -> Path:
        return self.base / "output"

    def get(self, path: str) -> Any:
        """JSON of a GET request."""
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=60) as reply:
            return json.load(reply)

    def post(self, path: str, value: Any) -> Any:
        """JSON reply of a POST request; also that of a refusal."""
        body = json.dumps(value).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"http://{self.address}{path}", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                text = reply.read()
        except urllib.error.HTTPError as error:
            text = error.read()
        return json.loads(text) if text else None

    def queue(self, graph: Graph) -> str:
        """Queue a graph in API form and give its id."""
        reply = self.post("/prompt", {"prompt": graph, "client_id": self.client})
        # ComfyUI queues what is left when it has dropped outputs that it found invalid.
        assert "prompt_id" in reply and not reply.get("node_errors"), reply
        return str(reply["prompt_id"])

    def wait(self, prompt: str, seconds: float = 600) -> Run:
        """Wait for a queued graph to end, in whatever way."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            history = self.get(f"/history/{prompt}")
            if prompt in history:
                return Run(history[prompt])
            assert self.process.poll() is None, f"ComfyUI ended; see {self.log}"
            time.sleep(0.2)
        raise TimeoutError(f"the graph did not end in {seconds} s; see {self.log}")

    def run(self, graph: Graph, seconds: float = 600) -> Run:
        """Queue and wait."""
        return self.wait(self.queue(graph), seconds)

    def memory(self) -> int:
        """Bytes that the server's process holds (Linux)."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024
        return 0

    @contextmanager
    def events(self) -> Iterator[Events]:
        """Everything that the server tells over its WebSocket while the block runs."""
        events = Events(f"http://{self.address}/ws?clientId={self.client}")
        try:
            yield events
        finally:
            events.close()


@dataclass(frozen=True)
class Run:
    """How a queued graph went, from ComfyUI's history."""

    history: dict[str, Any]

    @property
    def state(self) -> str:
        """success, error or interrupted."""
        names = [name for name, _ in self.history["status"]["messages"]]
        return next((n.removeprefix("execution_") for n in reversed(names) if n.startswith("execution_")), "unknown")

    @property
    def cached(self) -> set[str]:
        """Ids of the nodes that were not run."""
        return {
            str(node)
            for name, value in self.history["status"]["messages"]
            if name == "execution_cached"
            for node in value["nodes"]
        }

    @property
    def error(self) -> str:
        """The message that the person sees on the node, "" where there is none."""
        for name, value in self.history["status"]["messages"]:
            if name == "execution_error":
                return f"{value['node_type']}: {value['exception_message']}"
        return ""

    @property
    def error_class(self) -> str:
        """What stands before that message, "" where there is none."""
        for name, value in self.history["status"]["messages"]:
            if name == "execution_error":
                return str(value["exception_type"])
        return ""

    def outputs(self, node: str) -> dict[str, Any]:
        return self.history["outputs"].get(node, {})


class Events:
    """Listens on the WebSocket in a thread of its own."""

    def __init__(self, address: str) -> None:
        self.messages: list[dict[str, Any]] = []
        self.pictures = 0
        self._news = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(address,), daemon=True)
        self._thread.start()
        assert self._ready.wait(30), "no WebSocket"

    def wait_for(self, wanted: Any, seconds: float = 300) -> dict[str, Any]:
        """The first message for which `wanted(message)` holds."""
        end, seen = time.monotonic() + seconds, 0
        with self._news:
            while True:
                for message in self.messages[seen:]:
                    if wanted(message):
                        return message
                seen = len(self.messages)
                left = end - time.monotonic()
                assert left > 0, f"it did not come in {seconds} s; last were {self.messages[-3:]}"
                self._news.wait(left)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(10)

    def _run(self, address: str) -> None:
        self._task = self._loop.create_task(self._listen(address))
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        finally:
            self._loop.close()

    def _binary(self, data: bytes) -> None:
        (kind,) = struct.unpack_from(">I", data)
        if kind != _TEXT:
            self.pictures += 1
            return
        (length,) = struct.unpack_from(">I", data, 4)
        text = {"node": data[8 : 8 + length].decode(), "text": data[8 + length :].decode()}
        self.messages.append({"type": "progress_text", "data": text})

    async def _listen(self, address: str) -> None:
        import aiohttp

        async with aiohttp.ClientSession() as session, session.ws_connect(address, max_msg_size=0) as channel:
            self._ready.set()
            async for message in channel:
                with self._news:
                    if message.type == aiohttp.WSMsgType.TEXT:
                        self.messages.append(json.loads(message.data))
                    elif message.type == aiohttp.WSMsgType.BINARY:
                        self._binary(message.data)
                    self._news.notify_all()


@contextmanager
def comfyui(
    base: Path, *, pack: bool = True, others: Sequence[Path] = (), options: Sequence[str] = (), seconds: float = 180
) -> Iterator[Server]:
    """Start ComfyUI with its data in `base`, the pack and others linked into custom_nodes; end it after the block."""
    folder = need_comfyui()
    for name in ("custom_nodes", "models/checkpoints", "models/loras", "models/sams", "input", "output", "user"):
        (base / name).mkdir(parents=True, exist_ok=True)
    for place, source in {**({PACK: ROOT} if pack else {}), **{other.name: other for other in others}}.items():
        link_pack(base / "custom_nodes" / place, source)
    port = _free_port()
    log = base / "server.log"
    command = [
        sys.executable, "main.py", "--cpu", "--port", str(port), "--base-directory", str(base),
        "--disable-api-nodes", "--database-url", "sqlite:///:memory:", "--preview-method", "auto", *options,
    ]  # fmt: skip
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONUTF8": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, env=environment)
        server = Server(f"127.0.0.1:{port}", base, log, process)
        try:
            _wait_until_up(server, seconds)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def link_pack(place: Path, source: Path) -> None:
    """A folder as a custom node: a link, or where links are not allowed (Windows) a copy."""
    try:
        place.symlink_to(source.resolve(), target_is_directory=True)
    except OSError:
        shutil.copytree(source, place, ignore=shutil.ignore_patterns(".*", "output"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_up(server: Server, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server.process.poll() is not None:
            break
        try:
            server.get("/system_stats")
            return
        except OSError:
            time.sleep(0.2)
    lines = server.log.read_text(encoding="utf-8", errors="replace").splitlines()
    pytest.fail("ComfyUI did not start:\n" + "\n".join(lines[-30:]))
