"""What one process does while it holds the lock: checkouts, environment, trial, record, in this order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pytest_comfygen.engine.git import Git
from pytest_comfygen.engine.install.checkout import Mover, hide_from_git
from pytest_comfygen.engine.install.console import Console
from pytest_comfygen.engine.install.flavour import Flavour, installed_torch
from pytest_comfygen.engine.install.look import adoptable_environment, look, pins_of
from pytest_comfygen.engine.install.packages import Packages
from pytest_comfygen.engine.install.places import Places, is_comfyui, version_of
from pytest_comfygen.engine.install.plan import check_space, plan
from pytest_comfygen.engine.install.record import InstallRecord, Pinned, asked_of, read_record, write_record
from pytest_comfygen.engine.install.trial import Trial
from pytest_comfygen.engine.install.wish import InstallState, InstallWish
from pytest_comfygen.engine.locks import Held
from pytest_comfygen.engine.programs import redacted
from pytest_comfygen.errors import CheckoutForeign
from pytest_comfygen.records import Event

__all__ = ["Transaction"]


@dataclass(frozen=True, slots=True)
class Transaction:
    """One installation, completion or move.

    :param record: what was installed before.
    :param environment: the caller's variables.
    """

    wish: InstallWish
    environment: Mapping[str, str]
    git: Git
    console: Console
    record: InstallRecord | None

    @classmethod
    def begin(
        cls, wish: InstallWish, environment: Mapping[str, str], notify: Callable[[Event], None], lock: Held
    ) -> Transaction:
        """A transaction with a fresh log.

        :raises GitMissing: there is no git.
        """
        places = Places(wish.directory.resolve())
        git = Git.find(environment)
        places.log.write_text("", encoding="utf-8")
        return cls(wish, environment, git, Console(places.log, notify, lock), read_record(places.record))

    @property
    def places(self) -> Places:
        """Where everything lies."""
        return Places(self.wish.directory.resolve())

    def run(self, state: InstallState, *, update: bool) -> None:
        """Bring what is there to what is asked for.

        :raises ComfygenError: as `ensure` says.
        """
        for reason in state.reasons:
            self.console.say(reason)
        if self.record is None and adoptable_environment(self.wish, self.places.directory):
            self._check_out(state, update=update)
            self.console.say("its environment is not ours: if requirements.txt changed, bring it up to date yourself")
        else:
            self._install(state, update=update)

    def _install(self, state: InstallState, *, update: bool) -> None:
        planned = plan(self.wish, state, self.environment)
        check_space(planned)
        if planned.steps:
            self.console.say(planned.described())
        pinned = self._check_out(state, update=update)
        now = look(self.wish, self.environment)
        if now.kind == "ready" and self.record:
            self._record(pinned, self.record.torch, self.record.installer, tried=pinned == self._recorded())
        else:
            installer = self._fill(planned.flavour)
            self._record(pinned, planned.flavour.name, installer, tried=False)

    def _check_out(self, state: InstallState, *, update: bool) -> dict[str, Pinned]:
        """All checkouts at their pins: ComfyUI's under no name, the custom nodes' under theirs."""
        mover = Mover(self.git, self.places, self.console)
        mover.clear_away_the_dead()
        if state.kind == "absent" and (line := hide_from_git(self.git, self.places.directory)):
            self.console.say(f"so that git does not show {self.wish.directory}: {line}")
        recorded = self._recorded()
        comfyui, *nodes = pins_of(self.wish)
        pinned = {"": mover.provide(comfyui, recorded.get(""), update=update)}
        if not is_comfyui(self.places.directory):
            raise CheckoutForeign(
                f"{redacted(self.wish.repo)} is not ComfyUI: it has no main.py and comfyui_version.py",
                hint=f"correct --comfy-repo, and remove {self.wish.directory}",
            )
        for pin in nodes:
            name = pin.directory.name
            pinned[name] = mover.provide(pin, recorded.get(name), update=update)
        return pinned

    def _recorded(self) -> dict[str, Pinned]:
        return {"": self.record.comfyui, **self.record.nodes} if self.record else {}

    def _fill(self, flavour: Flavour) -> str:
        """Make the environment what is asked for.

        :returns: what installed it.
        """
        packages = Packages(self.wish, self.places, self.console, self.git.caller)
        packages.make_environment()
        packages.install_torch(flavour)
        packages.install_requirements([pin.directory for pin in pins_of(self.wish)])
        return packages.installer()

    def _record(self, pinned: dict[str, Pinned], flavour: str, installer: str, *, tried: bool) -> None:
        """Try what was installed, and write down that all is done.

        :param tried: the same checkouts have been started in this environment before.
        """
        if not tried:
            trial = Trial(self.places, self.console, self.git)
            trial.start(tuple(node.name for node in self.wish.nodes))
        torch = installed_torch(self.places.environment)
        comfyui, nodes = pinned[""], {name: one for name, one in pinned.items() if name}
        record = InstallRecord(
            comfyui=comfyui,
            version=version_of(self.places.directory),
            torch=flavour,
            torch_version=torch.version if torch else "",
            installer=installer,
            asked=asked_of(self.wish, tuple(pin.directory for pin in pins_of(self.wish))),
            nodes=nodes,
        )
        write_record(self.places.record, record)
        self.console.say(f"ComfyUI {record.version} is ready, with torch {record.torch_version}")
