"""One run is one `Session`, kept in pytest's stash; on an xdist worker it is the controller's, sent over."""

from __future__ import annotations

import gc
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_comfygen.flows.repository import find_root, state_directories
from pytest_comfygen.plugin.asked import Asked, decide
from pytest_comfygen.plugin.options import read_settings
from pytest_comfygen.settings import LOCAL, Settings

if TYPE_CHECKING:
    from pytest_comfygen.errors import JobFileError
    from pytest_comfygen.outputs.remade import Remade
    from pytest_comfygen.plugin.progress import Progress
    from pytest_comfygen.plugin.work import Work

__all__ = [
    "REMADE",
    "LeftAlone",
    "Session",
    "close_session",
    "comfy_dirs",
    "open_session",
    "remade",
    "repository_of",
    "session_of",
    "start_of",
]

_KEY = pytest.StashKey["Session"]()
_LUGGAGE = "comfygen"
_TOLD = "told"
REMADE = "remade"  # the local directory that says what a `--comfy-update all` has made so far


class Site:
    """Where a run is.

    :ivar root: the repository, which `tools/ComfyUI` and `.comfygen/` belong to.
    :ivar comfy_dirs: where ComfyUI and what we put beside it live, by all their names.
    """

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self.root = repository_of(config)
        self.comfy_dirs = comfy_dirs(config, self.root, settings)


class LeftAlone:
    """What was there and not asked for.

    :ivar files: job files that were not opened, relative to pytest's root directory.
    :ivar items: ids of images that were collected and not run, because Python tests are selected too.
    """

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.items: set[str] = set()


class Session:
    """What one process of a run knows: the settings, what was asked for, and what has happened so far.

    :param nonce: drawn once a run; the root of every `seed: random`.
    :param job_file: the one that stands for the arguments, when prompts were typed.
    """

    def __init__(  # noqa: PLR0913  # what is sent to workers, and where they are
        self,
        settings: Settings,
        asked: Asked,
        nonce: str,
        config: pytest.Config,
        *,
        site: Site,
        job_file: str | None = None,
    ) -> None:
        self.settings = settings
        self.asked = asked
        self.nonce = nonce
        self._job_file = job_file
        self.root = site.root
        self.comfy_dirs = site.comfy_dirs
        self._config = config
        self._progress: Progress | None = None
        self._worker = _worker_of(config)
        self.left_alone = LeftAlone()
        self.unusable: dict[pytest.Collector, JobFileError] = {}  # told only if no Python test was meant
        self.registered_tags: set[str] = {"comfygen"}
        self.selected_ids: frozenset[str] | None = None  # of the jobs, gathered when the first item asks
        self.orphans: list[str] = []  # images that no job names, in a run that does not fail for them
        self.has_frozen = False  # Python looks past what was alive when the images were collected
        self.told: dict[str, str] = {}  # the first item that each error was told for
        self._work: Work | None = None

    @property
    def work(self) -> Work:
        """The part that needs the rooms below, loaded when the first job file is opened."""
        if self._work is None:
            from pytest_comfygen.plugin.work import Work  # noqa: PLC0415  # a run without job files must not pay

            self._work = Work(self.settings, self.nonce, self.root, self._worker, self.progress.tell)
        return self._work

    @property
    def progress(self) -> Progress:
        """Tells what happens on the way, loaded when something does."""
        if self._progress is None:
            from pytest_comfygen.plugin.progress import Progress  # noqa: PLC0415  # as Work

            self._progress = Progress(self._config, self.nonce, lambda: self.work.local_directory(_TOLD))
        return self._progress

    @property
    def asks_for_install(self) -> bool:
        """Whether ComfyUI shall be brought to what the settings say even when no image has to be made."""
        return self.settings.was_typed("install") and self.settings.install != "never"

    def finish(self) -> None:
        """Write what is written when all images are made."""
        if self._work is not None:
            self._work.finish()
        if self._worker is None and self.can_be_resumed:
            self._remade.end()

    @property
    def can_be_resumed(self) -> bool:
        """Whether this run was to make all images anew, and did not get to its end."""
        return self.settings.update == "all" and not self.settings.plan and not self._remade.is_empty

    @property
    def _remade(self) -> Remade:
        return remade(self.root, self.nonce)

    def close(self) -> None:
        """Let go of what the run held open."""
        if self._work is not None:
            self._work.close()
        self._forget_notes()
        if self._progress is not None:
            self._progress.close()

    def thaw(self) -> None:
        """Let Python look for garbage among everything again: a process may have many runs."""
        if self.has_frozen:
            gc.unfreeze()
            self.has_frozen = False

    def _forget_notes(self) -> None:
        """Remove what the workers of this run noted for each other."""
        if self._worker is not None:
            return
        local = self.root / LOCAL
        with suppress(OSError):
            (local / "pictures" / self.nonce).unlink()
        notes = local / "chains" / self.nonce
        if notes.is_dir():
            import shutil  # noqa: PLC0415  # a run without chains must not pay

            shutil.rmtree(notes, ignore_errors=True)

    def catch_up(self) -> None:
        """Show what workers have told up to now."""
        if self._progress is not None:
            self._progress.catch_up()

    def note_failed(self, item: pytest.Item) -> None:
        """An image failed: what is made from it need not wait."""
        if self._work is not None and (job := getattr(item, "job", None)) is not None:
            self._work.note_failed(job)

    def send(self, luggage: dict[str, Any]) -> None:
        """Give an xdist worker what it has to know, and listen to what it tells.

        :param luggage: the worker's `workerinput`.
        """
        luggage[_LUGGAGE] = self.packed()
        self.progress.listen(self.root / LOCAL / _TOLD)

    def packed(self) -> dict[str, Any]:
        """As built-ins, for the way to an xdist worker."""
        return {
            "settings": self.settings._asdict(),
            "asked": vars(self.asked),
            "nonce": self.nonce,
            "job_file": self._job_file,
            "dist": self._config.getoption("dist", "no"),
            "is_followed": self._progress is not None and self._progress.live is not None,
        }


def open_session(config: pytest.Config) -> Session:
    """Begin the run in this process and keep it in `config.stash`.

    :raises pytest.UsageError: a setting cannot be used.
    """
    luggage = getattr(config, "workerinput", {}).get(_LUGGAGE)
    session = _unpacked(luggage, config) if luggage else _fresh(config)
    if config.args_source is config.ArgsSource.TESTPATHS and not session.asked.nothing:
        from pytest_comfygen.plugin.jobfiles import add_job_files  # noqa: PLC0415  # most runs leave job files alone

        add_job_files(config, session.asked, session.comfy_dirs)
    config.stash[_KEY] = session
    config.add_cleanup(session.thaw)  # comes before pytest's own search for garbage is arranged, so it is done after it
    return session


def repository_of(config: pytest.Config) -> Path:
    """The repository of this run, which `tools/ComfyUI` and `.comfygen/` belong to.

    It is looked for from what was asked for, because pytest's root directory can be elsewhere: before pytest knows our
    options, it takes the value of `--comfy-repo ../ComfyUI` for tests.
    """
    return find_root(start_of(config), config.rootpath)


def start_of(config: pytest.Config) -> Path:
    """The directory of the first argument, else the one that pytest was started in."""
    here = config.invocation_params.dir
    given = config.args if config.args_source is config.ArgsSource.ARGS else ()
    paths = (Path(os.path.normpath(here / one.partition("::")[0])) for one in given)
    first = next((path for path in paths if path.exists()), here)
    return first if first.is_dir() else first.parent


def comfy_dirs(config: pytest.Config, root: Path, settings: Settings) -> tuple[Path, ...]:
    """Where ComfyUI and what we put beside it live, by all their names: files in there are not the user's tests.

    A link may lead to ComfyUI, or to the whole repository; pytest keeps the paths that were typed.

    :param root: the repository.
    """
    directory = root / settings.dir
    real, seen_from = directory.resolve(), config.rootpath.resolve()
    found = (directory, real, real.with_name(f"{real.name}.install"))
    seen = (config.rootpath / one.relative_to(seen_from) for one in found if one.is_relative_to(seen_from))
    return tuple(dict.fromkeys((*found, *seen)))


def session_of(config: pytest.Config) -> Session:
    """The run's session."""
    return config.stash[_KEY]


def close_session(config: pytest.Config) -> None:
    """End the run in this process, also one that a wrong setting kept from beginning."""
    session = config.stash.get(_KEY, None)
    if session is None:
        return
    session.close()
    if config.pluginmanager.has_plugin("dsession") and (states := state_directories(session.root)):
        from pytest_comfygen.flows.provision import end_unused  # noqa: PLC0415  # most runs have no server to end

        end_unused(states)


def take_job_file(config: pytest.Config, job_file: str) -> None:
    """Put a job file in the place of pytest's arguments."""
    config.args[:] = [job_file]
    config.args_source = config.ArgsSource.ARGS


def _fresh(config: pytest.Config) -> Session:
    settings = read_settings(config)
    site = Site(config, settings)
    if settings.sources:
        from pytest_comfygen.plugin.mistaken import refuse_mistaken  # noqa: PLC0415  # a run without any must not pay

        refuse_mistaken(config, site.root, settings)
    nonce = os.urandom(8).hex()
    job_file: str | None = None
    if settings.prompt or settings.save_job:
        from pytest_comfygen.plugin.quick import write_prompts  # noqa: PLC0415  # nearly no run has any

        job_file = write_prompts(config, settings, site.root, nonce)
        take_job_file(config, job_file)
    asked = decide(config, site.comfy_dirs)
    return Session(settings, asked, nonce, config, site=site, job_file=job_file)


def remade(root: Path, run: str) -> Remade:
    """The runs that make all their images anew and have not come to their end."""
    from pytest_comfygen.outputs.remade import Remade  # noqa: PLC0415  # few runs make all images anew

    return Remade(root / LOCAL / REMADE, run)


def _unpacked(luggage: dict[str, Any], config: pytest.Config) -> Session:
    settings = Settings(**_from_wire(luggage["settings"]))
    site = Site(config, settings)
    if luggage["job_file"]:
        take_job_file(config, luggage["job_file"])  # xdist gives a worker what was typed
    session = Session(settings, Asked(**_from_wire(luggage["asked"])), luggage["nonce"], config, site=site)
    if luggage["is_followed"]:
        session.progress.is_followed = True
    return session


def _worker_of(config: pytest.Config) -> tuple[int, int, str] | None:
    """The number of this process among xdist's workers, how many they are, and its `--dist`; None alone."""
    luggage = getattr(config, "workerinput", None)
    if luggage is None:
        return None
    digits = "".join(filter(str.isdecimal, luggage.get("workerid", "")))
    return (int(digits), luggage.get("workercount", 1), luggage[_LUGGAGE]["dist"]) if digits else None


def _from_wire(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The wire turns the tuples inside into lists."""
    return {name: tuple(one) if isinstance(one, list) else one for name, one in fields.items()}
