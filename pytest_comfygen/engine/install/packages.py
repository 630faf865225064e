"""The environment and what is installed in it: torch from one index first, then what the checkout asks for."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_comfygen.engine.install.console import Console
from pytest_comfygen.engine.install.explain import explain_installer, lacks_match
from pytest_comfygen.engine.install.flavour import Flavour, installed_torch, torch_index
from pytest_comfygen.engine.install.places import Places, python_in, site_packages
from pytest_comfygen.engine.install.wish import InstallWish
from pytest_comfygen.engine.programs import Done, ask, clean_environment
from pytest_comfygen.errors import InstallFailed

__all__ = ["Packages", "requirement_name"]

TORCH = ("torch", "torchvision", "torchaudio")

_TAIL = 15
_PIP_WITH_RAW_PROGRESS = (24, 1)
_PIP_WITH_DATES = (26, 0)

# uv does not read pip's variables; who set them for pip means them for uv as well.
_PIP_TO_UV = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_NO_INDEX": "UV_NO_INDEX",
    "PIP_CERT": "SSL_CERT_FILE",
}


@dataclass(frozen=True, slots=True)
class Packages:
    """The environment of one installation.

    :param wish: what is asked for.
    :param caller: the caller's environment variables.
    """

    wish: InstallWish
    places: Places
    console: Console
    caller: Mapping[str, str]

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return python_in(self.places.environment)

    @property
    def uv(self) -> str | None:
        """The uv on the caller's PATH."""
        return shutil.which("uv", path=self.caller.get("PATH"))

    def installer(self) -> str:
        """What installs, with its version."""
        if self.uv:
            return " ".join(ask([self.uv, "--version"], self._environment()).output.split()[:2])
        return f"pip {'.'.join(map(str, self._pip_version()))}"

    def make_environment(self) -> None:
        """There is an environment afterwards that works; one that an interrupted run left is completed.

        :raises InstallFailed: it could not be made.
        """
        probe = [str(self.python), "-I", *(["-c", "pass"] if self.uv else ["-m", "pip", "--version"])]
        if self.python.exists() and ask(probe, self._environment()).status == 0:
            self._drop_torn_packages()
            return
        shutil.rmtree(self.places.environment, ignore_errors=True)
        self.console.say(f"making an environment with {self.wish.python}")
        options = ["--without-pip"] if self.uv else []
        command = [str(self.wish.python), "-I", "-m", "venv", *options, str(self.places.environment)]
        done = self.console.run(command, self._environment(), self.places.ours)
        if done.status:
            raise self._failed("the environment was not made", done)
        if not self.uv and self._pip_version() < _PIP_WITH_DATES:
            # Better with: it counts bytes, and knows dates. As well without, so that a failure is none.
            self.console.run([*self._command("install"), "--upgrade", "pip"], self._environment(), self._cwd)

    def install_torch(self, flavour: Flavour) -> None:
        """The torch packages that the checkout asks for, from one index.

        torchaudio is left out where none fits this torch: of ComfyUI only the audio nodes need it, and one that was
        built for another torch keeps ComfyUI from starting.

        :raises InstallFailed: the installer failed.
        """
        wanted = self._torch_requirements()
        if not wanted:
            return
        audio = wanted.get("torchaudio") == "torchaudio" and len(wanted) > 1
        index = torch_index(self.wish, flavour.name)
        self._drop_other_torch(flavour)
        self.console.say(f"installing torch for {flavour.name} ({flavour.why}) from {index or 'the usual index'}")
        self.places.pins.unlink(missing_ok=True)
        done = self._install([spec for name, spec in wanted.items() if name != "torchaudio" or not audio], index=index)
        if done.status:
            raise self._failed("torch was not installed", done, for_torch=True)
        present = installed_torch(self.places.environment)
        if present and present.flavour != flavour.name:
            self.console.say(
                f"the index gave a torch that is built for {present.flavour}, and {flavour.name} was meant"
            )
        self._pin_torch()
        if audio:
            self._install_audio(index)

    def install_requirements(self, checkouts: Sequence[Path]) -> None:
        """What the checkouts and the settings ask for, leaving torch as it is.

        :param checkouts: ComfyUI's and those of the custom nodes.
        :raises InstallFailed: the installer failed.
        """
        files = [path for path in (checkout / "requirements.txt" for checkout in checkouts) if path.is_file()]
        self._write_requirements(files)
        self.console.say("installing the requirements")
        done = self._install(["-r", str(self.places.requirements), *self._extras()], as_of=self.wish.as_of)
        if done.status:
            raise self._failed("the requirements were not installed", done)

    # --- torch --------------------------------------------------------------------------------------------------------

    def _torch_requirements(self) -> dict[str, str]:
        """The torch packages by name: as the settings say, else as the checkout does."""
        lines = _lines(self.places.directory / "requirements.txt")
        named = {requirement_name(line): line for line in (*lines, *self.wish.extra_requirements)}
        return {name: named[name] for name in TORCH if name in named}

    def _drop_other_torch(self, flavour: Flavour) -> None:
        """Remove a torch of another build: to an installer it is the same version."""
        present = installed_torch(self.places.environment)
        if present and present.flavour != flavour.name and self.wish.torch_index != "default":
            self._uninstall(*TORCH)

    def _install_audio(self, index: str | None) -> None:
        torch = installed_torch(self.places.environment)
        release = ".".join(torch.version.split(".")[:2]) if torch else ""
        done = self._install([f"torchaudio=={release}.*"], index=index)
        if done.status and not lacks_match(done.lines):
            raise self._failed("torchaudio was not installed", done, for_torch=True)
        why = f"none fits torch {release}" if done.status else self._does_not_load("torchaudio")
        if not why:
            self._pin_torch()
            return
        if not done.status:
            self._uninstall("torchaudio")
        self.console.say(f"torchaudio is left out, because {why}: ComfyUI runs without its audio nodes")

    def _does_not_load(self, module: str) -> str | None:
        command = [str(self.python), "-I", "-c", f"import {module}"]
        done = ask(command, clean_environment(self.caller), timeout_s=120)
        return f"it does not load: {done.lines[-1]}" if done.status and done.lines else None

    def _pin_torch(self) -> None:
        packages = site_packages(self.places.environment)
        names = [path.name.removesuffix(".dist-info") for path in packages.glob("torch*.dist-info")] if packages else []
        pins = (name.rpartition("-") for name in sorted(names))
        lines = [f"{name}=={version}\n" for name, _, version in pins if name in TORCH]
        self.places.pins.write_text("".join(lines), encoding="utf-8")

    # --- requirements -------------------------------------------------------------------------------------------------

    def _write_requirements(self, files: Sequence[Path]) -> None:
        """All requirements in one file, so that they are resolved together; torch's packages are there already."""
        lines = [_anchored(line, file.parent) for file in files for line in _lines(file)]
        kept = [line for line in lines if requirement_name(line) not in TORCH]
        self.places.requirements.write_text("\n".join(kept) + "\n", encoding="utf-8")

    def _extras(self) -> list[str]:
        return [spec for spec in self.wish.extra_requirements if requirement_name(spec) not in TORCH]

    # --- the installer ------------------------------------------------------------------------------------------------

    def _install(self, arguments: list[str], *, index: str | None = None, as_of: str | None = None) -> Done:
        constraints = [path for path in (self.wish.constraints, self.places.pins) if path and path.is_file()]
        options = [word for path in constraints for word in ("-c", str(path))]
        options += self._bound(as_of) if as_of else []
        # Not on the command line: the address may hold a password, and everybody sees command lines.
        where = {"UV_DEFAULT_INDEX" if self.uv else "PIP_INDEX_URL": index} if index else {}
        command = [*self._command("install"), *options, *arguments]
        return self.console.run(command, {**self._environment(), **where}, self._cwd)

    def _uninstall(self, *names: str) -> None:
        options = [] if self.uv else ["--yes"]
        self.console.run([*self._command("uninstall"), *options, *names], self._environment(), self._cwd)

    def _command(self, verb: str) -> list[str]:
        if self.uv:
            # Other indexes may hold other versions of what torch's index holds too: the best version counts, as in pip.
            strategy = ["--index-strategy", "unsafe-best-match"] if verb == "install" else []
            return [self.uv, "pip", verb, "--python", str(self.python), *strategy]
        command = [str(self.python), "-I", "-m", "pip", verb, "--disable-pip-version-check", "--no-input"]
        if verb == "install":
            raw = self._pip_version() >= _PIP_WITH_RAW_PROGRESS
            command += ["--progress-bar", "raw" if raw else "off"]
        return command

    def _bound(self, day: str) -> list[str]:
        """Options that keep to what was published by the end of a day.

        :raises InstallFailed: this pip has no such option.
        """
        if self.uv:
            return ["--exclude-newer", day]
        if self._pip_version() < _PIP_WITH_DATES:
            raise InstallFailed(
                f"--comfy-as-of {day} needs uv or pip 26, and this environment has {self.installer()}",
                hint="put uv on the PATH (pip install uv), or hold packages with --comfy-constraints",
            )
        return ["--uploaded-prior-to", str(dt.date.fromisoformat(day) + dt.timedelta(days=1))]

    def _pip_version(self) -> tuple[int, ...]:
        packages = site_packages(self.places.environment)
        names = (path.name for path in packages.glob("pip-*.dist-info")) if packages else ()
        found = next((re.match(r"pip-([\d.]+)", name) for name in names), None)
        return tuple(int(part) for part in found[1].split(".") if part) if found else (0,)

    def _environment(self) -> dict[str, str]:
        """The caller's variables, but for tokens and what would turn an installer to another target."""
        clean = clean_environment(self.caller)
        if self.uv:
            clean |= {uv: clean[pip] for pip, uv in _PIP_TO_UV.items() if pip in clean and uv not in clean}
        return clean | {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}

    @property
    def _cwd(self) -> Path:
        """A directory in which no project is found whose settings uv would follow."""
        return Path(self.places.directory.anchor)

    def _drop_torn_packages(self) -> None:
        """Make an installer install again what a kill left half written: what lies there without its list of files."""
        packages = site_packages(self.places.environment)
        for path in packages.iterdir() if packages else ():
            torn = path.name.endswith(".dist-info") and not (path / "RECORD").is_file()
            if torn or path.name.startswith("~"):  # ~: what pip was about to replace
                shutil.rmtree(path, ignore_errors=True)

    def _failed(self, message: str, done: Done, *, for_torch: bool = False) -> InstallFailed:
        known = explain_installer(done.lines, for_torch=for_torch, as_of=self.wish.as_of)
        return InstallFailed(
            f"{message}: {known.cause}" if known else message,
            details=done.lines[-_TAIL:],
            hint=" | ".join(filter(None, (known.hint if known else None, f"the log: {self.places.log}"))),
        )


def requirement_name(line: str) -> str:
    """The normal form of the package's name in a requirement; nothing for options, addresses and comments."""
    found = re.match(r"\s*([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*(?=$|[\[<>=!~;@\s#])", line)
    return re.sub(r"[-_.]+", "-", found[1]).lower() if found else ""


def _lines(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8-sig", errors="replace") if path.is_file() else ""
    lines = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in text.splitlines())
    return [line for line in lines if line]


def _anchored(line: str, directory: Path) -> str:
    """A line that names a file beside its own, with the whole path: we write it to another directory."""
    found = re.match(r"(-r|-c|--requirement|--constraint)[\s=]+(?!\w+://)(.+)", line)
    return f"{found[1]} {directory / found[2]}" if found else line
