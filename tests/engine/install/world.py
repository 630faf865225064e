"""A small world to install from: a git repository that passes for ComfyUI, and indexes with tiny wheels."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from pytest_comfygen.engine.install import Install, InstallWish, ensure
from pytest_comfygen.records import Event

# Does what the real one does as far as an installation sees it: flags are read before anything heavy is imported.
MAIN = """
import sys
if "--help" in sys.argv:
    print("usage: main.py [-h] [--cpu] [--quick-test-for-ci] [--disable-all-custom-nodes]")
    print("  [--whitelist-custom-nodes NAME ...] [--user-directory DIR]")
    sys.exit(0)
import torch, eels
if "--whitelist-custom-nodes" in sys.argv:
    for name in sys.argv[sys.argv.index("--whitelist-custom-nodes") + 1:]:
        try:
            exec(open(f"custom_nodes/{name}/__init__.py").read())
        except Exception:
            print(f"   0.0 seconds (IMPORT FAILED): {sys.path[0]}/custom_nodes/{name}")
"""
REQUIREMENTS = "torch\ntorchvision\ntorchaudio  # for sounds\neels>=1\n"


def git(directory: Path, *arguments: str) -> str:
    """Run the test's own git, free of the desk's settings."""
    environment = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        **dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "t@t"),
        **dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), "2025-10-11T12:00:00Z"),
    }
    command = ["git", "-c", "init.defaultBranch=master", *arguments]
    return subprocess.run(
        command, cwd=directory, env=environment, check=True, capture_output=True, text=True
    ).stdout.strip()


def commit(repository: Path, files: Mapping[str, str], tag: str = "") -> str:
    """Commit files to a repository, which is made when it is not there."""
    if not (repository / ".git").exists():
        repository.mkdir(parents=True, exist_ok=True)
        git(repository, "init", "-q")
    for name, text in files.items():
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text(text, encoding="utf-8")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "--allow-empty", "-m", tag or "a commit")
    if tag:
        git(repository, "tag", tag)
    return git(repository, "rev-parse", "HEAD")


def release(repository: Path, version: str, **files: str) -> str:
    """Commit and tag a release of what passes for ComfyUI."""
    own = {
        "main.py": MAIN,
        "comfyui_version.py": f'__version__ = "{version}"\n',
        "requirements.txt": REQUIREMENTS,
        ".gitignore": "__pycache__/\ncustom_nodes/\nmodels/\n",
    }
    return commit(repository, own | {name.replace("__", "."): text for name, text in files.items()}, f"v{version}")


def add_wheel(index: Path, name: str, version: str, code: str = "", requires: tuple[str, ...] = ()) -> None:
    """Put a wheel with one package into a simple index made of files."""
    safe, folder = f"{name}-{version}", index / name
    folder.mkdir(parents=True, exist_ok=True)
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {one}\n" for one in requires)
    files = {
        f"{name}/__init__.py": code,
        f"{name}/version.py": f"__version__ = '{version}'\n",
        f"{safe}.dist-info/METADATA": metadata,
        f"{safe}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    names = [*files, f"{safe}.dist-info/RECORD"]
    files[names[-1]] = "".join(f"{one},,\n" for one in names)
    wheel = folder / f"{safe}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    write_page(folder)


def write_page(folder: Path) -> None:
    """The page of one package: a link to each of its wheels."""
    links = [
        f'<a href="{wheel.as_uri()}#sha256={sha256(wheel.read_bytes()).hexdigest()}">{wheel.name}</a><br>'
        for wheel in sorted(folder.glob("*.whl"))
    ]
    (folder / "index.html").write_text("<!DOCTYPE html><html><body>" + "\n".join(links) + "</body></html>")


# Does what uv would: makes packages lie in an environment. The wheels are taken from the index that is named.
UV = """
import os, re, shutil, sys, time, zipfile
from pathlib import Path
from urllib.parse import urlsplit
words = sys.argv[1:]
if words[0] == "--version":
    sys.exit(print("uv 9.9.9 (stand-in)"))
with open(os.environ["UV_CACHE_DIR"], "a") as log:
    print(*words, *sorted(os.environ), file=log)
verb, words = words[1], words[2:]
options, names = {}, []
while words:
    word = words.pop(0)
    if word.startswith("-"):
        options[word] = words.pop(0)
    else:
        names.append(word)
packages = next((Path(options["--python"]).parents[1] / "lib").glob("*/site-packages"))
index = Path(urlsplit(os.environ.get("UV_DEFAULT_INDEX", "")).path)
if "-r" in options:
    names += Path(options["-r"]).read_text().split()
for name in names:
    name = re.match(r"\\w+", name)[0]
    if verb == "uninstall":
        for path in packages.glob(name + "*"):
            shutil.rmtree(path)
        continue
    wheels = sorted((index / name).glob("*.whl"))
    if name == "torchaudio" or not wheels:
        sys.exit(f"  x No solution found\\n Because {name} was not found in the package registry")
    print("Installing", name, flush=True)
    zipfile.ZipFile(wheels[-1]).extractall(packages)
"""


@dataclass(frozen=True)
class World:
    """A repository, two indexes and a place to install to."""

    root: Path
    events: list[Event] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)

    @property
    def repository(self) -> Path:
        return self.root / "upstream"

    @property
    def directory(self) -> Path:
        return self.root / "home" / "tools" / "ComfyUI"

    @property
    def ours(self) -> Path:
        return self.root / "home" / "tools" / "ComfyUI.install"

    @property
    def torch_index(self) -> Path:
        return self.root / "torch-index"

    @property
    def index(self) -> Path:
        return self.root / "index"

    @property
    def environment(self) -> dict[str, str]:
        """The caller's variables: indexes of files, and what must not get through."""
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT", "TEMP") if name in os.environ}
        return inherited | {
            "PATH": f"{self.root / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": self.index.as_uri(),
            "PIP_NO_CACHE_DIR": "1",
            "UV_CACHE_DIR": str(self.root / "uv-cache"),
            "GIT_CONFIG_GLOBAL": os.devnull,
        }

    @property
    def wish(self) -> InstallWish:
        return InstallWish(
            directory=self.directory,
            repo=str(self.repository),
            torch="cpu",
            torch_index=self.torch_index.as_uri(),
            python=Path(sys.executable),
        )

    def build(self, **files: str) -> World:
        """Two releases, torch for the CPU, and one more library.

        :param files: of the repository, besides those that every release has or in their place.
        """
        release(self.repository, "0.3.9", **files)
        release(self.repository, "0.3.64", **files)
        commit(self.repository, {"notes.txt": "after the release\n"})
        for name in ("torch", "torchvision"):
            add_wheel(self.torch_index, name, "2.9.1+cpu")
        add_wheel(self.torch_index, "torchaudio", "2.8.0+cpu")
        add_wheel(self.index, "torch", "2.10.0")
        add_wheel(self.index, "eels", "1.0")
        return self

    def ensure(self, wish: InstallWish | None = None, **changes: object) -> Install:
        """Install as asked for."""
        options = {"may_install": True, "update": False, **changes}
        return ensure(
            wish or self.wish,
            self.environment,
            self.events.append,
            may_install=bool(options["may_install"]),
            update=bool(options["update"]),
            waiting=self.waits.append,
        )

    def with_(self, **changes: object) -> InstallWish:
        """The wish with other values."""
        return replace(self.wish, **changes)  # type: ignore[arg-type]  # names and values are the test's

    def add_uv(self) -> None:
        """Put a stand-in for uv on the PATH, which takes a moment where pip takes seconds."""
        program = self.root / "bin" / "uv"
        program.parent.mkdir()
        program.write_text(f"#!{sys.executable} -IS\n{UV}", encoding="utf-8")
        program.chmod(0o755)

    @property
    def uv_calls(self) -> list[str]:
        """The command lines that the stand-in for uv got, and the names of its variables."""
        return (self.root / "uv-cache").read_text(encoding="utf-8").splitlines()

    @property
    def said(self) -> list[str]:
        """What the user was told."""
        return [event.text for event in self.events if event.kind == "notice"]

    @property
    def log(self) -> str:
        return (self.ours / "install.log").read_text(encoding="utf-8")
