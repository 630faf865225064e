"""Pictures made from Python tests, for the fixture `comfy_generate`."""

from __future__ import annotations

import itertools
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pluggy import HookRelay

from pytest_comfygen.engine.client import ComfyClient
from pytest_comfygen.errors import ComfygenError, Where
from pytest_comfygen.flows.plan import seed_for
from pytest_comfygen.language.expand import make_job
from pytest_comfygen.plugin.desk import Desk
from pytest_comfygen.plugin.session import Session, session_of
from pytest_comfygen.records import JobResult, relative
from pytest_comfygen.settings import shell_word

__all__ = ["PictureMaker"]


@dataclass(slots=True)
class PictureMaker:
    """Makes pictures for one Python test, into its own temporary directory.

    :param file: the test's file; a `workflow` is relative to it.
    :param root: the repository of that file.
    """

    session: Session
    desk: Desk
    client: ComfyClient
    hooks: HookRelay
    directory: Path
    file: Path
    root: Path
    made: set[str] = field(default_factory=set)

    @classmethod
    def for_test(cls, request: pytest.FixtureRequest, directory: Path) -> PictureMaker:
        """A maker for the test behind `request`; skips it when this run does not ask for images."""
        session = session_of(request.config)
        settings = session.settings
        if not session.asked.everything or settings.makes_nothing:
            command = f"pytest {shell_word(request.node.nodeid)} --comfy-update stale"
            pytest.skip(f"images are not asked for in this run; to make them: {command}")
        client: ComfyClient = request.getfixturevalue("comfy_client")
        desk = session.work.desk(request.getfixturevalue("comfy_settings"))
        file: Path = request.path.resolve()
        return cls(session, desk, client, request.node.ihook, directory, file, session.work.root_of(file))

    def __call__(self, prompt: str | None = None, *, name: str | None = None, **keys: object) -> JobResult:
        """Make one picture.

        :param prompt: as the key `prompt` of a job file's item.
        :param name: the picture's name, which also gives its seed; `picture`, `picture-2`, … when left out.
        :param keys: the other keys of an item: `checkpoint`, `size`, `steps`, `seed`, `workflow`, `set`, …
        :returns: the result; `.path` is the picture, in the test's `tmp_path`.
        :raises JobFileError: a key or value is wrong.
        :raises JobError: ComfyUI did not make it, or it failed its checks.
        """
        try:
            return self._make(name or self._next_name(), keys if prompt is None else {"prompt": prompt, **keys})
        except ComfygenError as error:
            raise error.at(self._caller()) from None

    def _make(self, name: str, values: Mapping[str, object]) -> JobResult:
        job = make_job(values, name=name, root=self.root, file=self.file)
        self.made.add(name)
        servers = self.desk.servers
        meeting = servers.meet(self.client)
        seed = seed_for(job, None, self.session.nonce)
        target = self.directory / job.output.name
        return servers.draw(job, seed, meeting, self.hooks, lambda data: _write(target, data))

    def _caller(self) -> Where:
        """The line of the test that asked for the picture."""
        stack = traceback.walk_stack(None)
        lines = (line for frame, line in stack if Path(frame.f_code.co_filename) == self.file)
        return Where(relative(self.file, self.root), next(lines, 0))

    def _next_name(self) -> str:
        names = ("picture" if number == 1 else f"picture-{number}" for number in itertools.count(1))
        return next(name for name in names if name not in self.made)


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
