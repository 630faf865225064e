"""A kill -9 at every line of the publishing code leaves the old image or the new one, and the next run is green."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

import pytest_comfygen
from pytest_comfygen.outputs.recordfile import dump, record_path
from pytest_comfygen.outputs.store import Store
from pytest_comfygen.records import Fingerprint, ImageRecord, ImageStatistics, Size, Verified

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="nothing kills like SIGKILL there"),
]

OLD, NEW = b"the old image", b"the new image"


@pytest.fixture(autouse=True)
def _patient_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel has, a kill cannot take: only a power cut could, and waiting for the disk is most of the time."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # noqa: ARG005  # the signature is os.fsync's


# For each line that it reads, forks and dies there just before the line with number `fatal` of the watched modules.
# Forked, so that interpreter and modules are loaded once. Says how each ended; who lives notes how many lines it had.
PROGRAM = """
import json, os, signal, sys
os.fsync = lambda handle: None
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from pytest_comfygen.outputs import atomic, pending, recordfile, store

watched = {atomic.__file__, pending.__file__, store.__file__}

def act(root, action, fatal):
    output = root / "assets" / "dwarf.png"
    record = recordfile.parse((root / "new.json").read_text())
    data = (root / "new.png").read_bytes()
    ours = store.Store(root)
    seen = ours.look(output)
    lines = 0

    def trace(frame, event, argument):
        nonlocal lines
        if frame.f_code.co_filename not in watched:
            return None
        if event == "line":
            lines += 1
            if lines == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    if action == "heal":
        ours.heal(output)
    else:
        ours.publish(ours.stage(output, data), record, seen)
    sys.settrace(None)
    (root.parent / "lines").write_text(str(lines))

for line in sys.stdin:
    root, action, fatal = json.loads(line)
    child = os.fork()
    if not child:
        try:
            act(Path(root), action, fatal)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def record_of(data: bytes) -> ImageRecord:
    return ImageRecord(
        job="jobs/kins.comfyjob.yaml",
        item="dwarf",
        fingerprint=Fingerprint(prompt={"prompt": "a dwarf", "negative": ""}, params={"seed": 7}),
        seed=7,
        family="sd15",
        recipe=1,
        graph_sha256=None,
        comfyui={"version": "0.3.64"},
        file_sha256=sha256(data).hexdigest(),
        pixels_sha256=sha256(b"pixels of " + data).hexdigest(),
        source_sha256=None,
        encoding="png",
        verified=Verified(
            "33" * 32,
            ImageStatistics(
                size=Size(64, 64), mode="RGB", stddev=9.5, extrema=((0, 9),) * 3, dhash="44" * 32, transparency=None
            ),
        ),
    )


RECORDS = {OLD: record_of(OLD), NEW: record_of(NEW), None: None}


def repository(root: Path, standing: bytes | None) -> Path:
    """A repository with the image that stands there, if any, and what the child shall publish."""
    output = root / "assets" / "dwarf.png"
    root.mkdir()
    (root / "new.png").write_bytes(NEW)
    (root / "new.json").write_text(dump(RECORDS[NEW] or record_of(NEW)), encoding="utf-8")
    if standing is not None:
        record_path(output).parent.mkdir(parents=True)
        record_path(output).write_text(dump(record_of(standing)), encoding="utf-8")
        output.write_bytes(standing)
    return output


def put(output: Path, data: bytes) -> None:
    store = Store(output.parents[1])
    store.publish(store.stage(output, data), record_of(data), store.look(output))


class Killer:
    """The program that acts and dies.

    :param process: reads what to do, and writes how it ended.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def act(self, root: Path, action: str, fatal: int) -> int:
        """Do it in a process of its own, which dies at that line; its exit status."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([str(root), action, fatal]) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@pytest.fixture
def killer() -> Iterator[Killer]:
    """The program, for one test."""
    package = Path(pytest_comfygen.__file__).parents[1]
    command = [sys.executable, "-S", "-E", "-c", PROGRAM, str(package)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Killer(process)
        process.communicate()


def standing(output: Path) -> bytes | None:
    return output.read_bytes() if output.exists() else None


def leftovers(root: Path) -> Iterator[str]:
    expected = {"new.png", "new.json", "dwarf.png", "dwarf.png.json", ".gitignore", "hashes.json"}
    return (path.name for path in root.rglob("*") if path.is_file() and path.name not in expected)


def check(output: Path, allowed: tuple[bytes | None, ...]) -> None:
    """The invariants after a kill, after healing, and after the next run."""
    root = output.parents[1]
    image, record = standing(output), Store(root).record(output)
    assert image in allowed
    assert record in [RECORDS[one] for one in allowed]
    Store(root).heal(output)
    assert standing(output) == image
    assert Store(root).record(output) == RECORDS[image]
    assert list(leftovers(root)) == []
    put(output, NEW)
    assert (standing(output), Store(root).record(output)) == (NEW, RECORDS[NEW])
    assert list(leftovers(root)) == []


def kill_everywhere(
    killer: Killer, tmp_path: Path, action: str, prepare: Callable[[Path], Path], allowed: tuple[bytes | None, ...]
) -> int:
    """Kill at line 1, 2, … of `action`, each time in a repository of its own; how many lines there were."""
    prepare(tmp_path / "whole")
    assert killer.act(tmp_path / "whole", action, 0) == 0
    lines = int((tmp_path / "lines").read_text(encoding="ascii"))
    codes = []
    for fatal in range(1, lines + 2):
        output = prepare(tmp_path / str(fatal))
        codes.append(killer.act(tmp_path / str(fatal), action, fatal))
        check(output, allowed)
    assert codes == [-signal.SIGKILL] * lines + [0]
    return lines


@pytest.mark.parametrize("before", [OLD, None], ids=["over an old image", "where nothing stood"])
def test_a_kill_at_any_line_of_publishing_leaves_the_old_image_or_the_new_one(
    killer: Killer, tmp_path: Path, before: bytes | None
) -> None:
    lines = kill_everywhere(killer, tmp_path, "publish", lambda root: repository(root, before), (before, NEW))
    assert lines > 60


def half_published(root: Path) -> Path:
    """The new image stands there, its record does not yet, and whose note says so is dead."""
    output = repository(root, OLD)
    store = Store(root)
    staged = store.stage(output, NEW)
    staged.note.intend(dump(record_of(NEW)))
    staged.path.replace(output)
    dead = staged.note.path.with_name(staged.note.path.name.replace(f".{os.getpid()}-", ".4194305-"))
    staged.note.path.rename(dead)
    return output


def test_a_kill_at_any_line_of_healing_leaves_something_to_heal(killer: Killer, tmp_path: Path) -> None:
    lines = kill_everywhere(killer, tmp_path, "heal", half_published, (OLD, NEW))
    assert lines > 20
