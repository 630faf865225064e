"""Small programs that start as ComfyUI does, well or badly, so that starting and stopping is tested with processes."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from pytest_comfygen.engine.server import PORT, Means, OwnedServer, ServerCommand, identity_of, recorded
from pytest_comfygen.engine.supervise.stopping import is_running, wait_until

# Serves /system_stats as ComfyUI does. It notes when it lived, for those who ask whether two ran at once.
WELL = """
import http.server, json, os, signal, sys, time
port = int(sys.argv[sys.argv.index("--port") + 1])

def note(word):
    with open("lives.txt", "a") as file:
        file.write(f"{word} {os.getpid()} {time.monotonic()}\\n")

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        system = {"comfyui_version": "0.3.64", "argv": sys.argv}
        body = json.dumps({"system": system, "devices": []}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

def end(*_):
    note("end")
    os._exit(0)

signal.signal(signal.SIGTERM, end)
server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
note("start")
print("To see the GUI go to", port, flush=True)
"""
SERVE = "server.serve_forever()\n"

QUICK = Means(grace_s=0.1, patience_s=1.0, pause_s=0.05)


class Programs:
    """Makes commands of programs that a test writes, and sees to it that none of their processes is left."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.state = directory / "state"

    def command(self, program: str = WELL + SERVE, *arguments: str, name: str = "main.py") -> ServerCommand:
        path, text = self.directory / name, textwrap.dedent(program)
        if not path.exists() or path.read_text(encoding="utf-8") != text:  # another process may be reading it
            path.write_text(text, encoding="utf-8")
        argv = (sys.executable, name, "--port", PORT, *arguments)
        return ServerCommand(
            argv=argv, cwd=self.directory, environment=dict(os.environ), identity=identity_of([*argv, program])
        )

    def processes(self) -> list[psutil.Process]:
        """All that run in the test's directory: servers, and supervisors of its state."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def wait_until_gone(self, limit_s: float = 10.0) -> bool:
        return wait_until(lambda: not self.processes(), limit_s)

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return is_running(process) and Path(process.cwd()).is_relative_to(self.directory)
        except psutil.Error:
            return False

    def lives(self) -> list[tuple[str, int, float]]:
        """When servers started and ended: word, process, second."""
        lines = (self.directory / "lives.txt").read_text(encoding="utf-8").splitlines()
        return [(word, int(pid), float(at)) for word, pid, at in map(str.split, lines)]

    def server(self) -> OwnedServer:
        server = recorded(self.state)
        assert server is not None
        return server


@contextmanager
def programs_in(directory: Path) -> Iterator[Programs]:
    """Programs of one test; what a failed test leaves running is killed."""
    made = Programs(directory.resolve())
    try:
        yield made
    finally:
        for process in made.processes():
            with suppress(psutil.Error):
                process.kill()
