"""The programs and settings that everything else rests on."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_comfygen.engine.git import Git
from pytest_comfygen.engine.programs import ask, clean_environment
from pytest_comfygen.flows.doctor.codes import fine
from pytest_comfygen.records import MachineFinding
from pytest_comfygen.settings import OPTIONS, Settings

__all__ = ["settings_findings", "tool_findings"]

# What only a server that we start, or the install under it, takes notice of.
_OF_OUR_OWN = (
    *("keep_server", "gpus", "start_timeout", "repo", "revision", "torch", "torch_index", "constraints"),
    *("extra_requirements", "as_of", "custom_node", "models_dir", "download"),
)


def settings_findings(settings: Settings) -> Iterator[MachineFinding]:
    """What the settings say of themselves."""
    yield fine("settings", "settings", ", ".join(_set(settings).described()) or "all defaults")
    without_effect = [name for name in _OF_OUR_OWN if name in settings.sources] if settings.url else []
    if without_effect:
        told = ", ".join(f"{name} ({settings.sources[name]})" for name in without_effect)
        yield MachineFinding(
            code="setting-without-effect",
            severity="note",
            subject="settings",
            found=f"a running server is named, so these do nothing: {told}",
            wanted=f"leave them out, or url ({settings.sources['url']})",
        )
    if settings.ci:
        yield MachineFinding(
            code="ci",
            severity="note",
            subject="CI",
            found="it is set, so unless told otherwise a run makes no image and installs nothing",
            wanted="unset it, or set COMFYGEN_UPDATE and COMFYGEN_INSTALL",
        )


def _set(settings: Settings) -> Settings:
    """The settings without the word that asked for the doctor."""
    commands = {option.name for option in OPTIONS if option.is_command}
    return settings._replace(sources={name: one for name, one in settings.sources.items() if name not in commands})


def tool_findings(
    environment: Mapping[str, str], git: Git | None, *, python: Path, installs: bool
) -> Iterator[MachineFinding]:
    """Python, git and uv.

    :param python: the interpreter that makes ComfyUI's environment.
    :param installs: something has to be installed before images can be made.
    """
    uv = shutil.which("uv", path=environment.get("PATH"))
    yield _python(environment, python, has_uv=uv is not None, installs=installs)
    yield _git(environment, git, installs=installs)
    if uv:
        version = ask([uv, "--version"], clean_environment(environment), timeout_s=5).output.split()[1:2]
        yield fine("uv", "uv", " ".join(version) or uv)
    else:
        yield MachineFinding(
            code="uv-missing",
            severity="note",
            subject="uv",
            found="not on the PATH, so pip installs, which takes longer",
            wanted="uv on the PATH, see https://docs.astral.sh/uv/",
        )


def _python(environment: Mapping[str, str], python: Path, *, has_uv: bool, installs: bool) -> MachineFinding:
    modules = "venv" if has_uv else "venv, ensurepip"  # uv makes do without pip
    done = ask([str(python), "-I", "-B", "-c", f"import {modules}"], clean_environment(environment), timeout_s=10)
    version = f"{platform.python_version()} ({sys.platform})"
    if done.status == 0:
        return fine("python", "Python", version)
    return MachineFinding(
        code="venv-missing",
        severity="error" if installs else "warning",
        subject="Python",
        found=f"{version} cannot make environments: {(done.lines or ('it does not run',))[-1]}",
        wanted="its venv package (python3-venv on Debian and Ubuntu), or pytest run with another Python",
    )


def _git(environment: Mapping[str, str], git: Git | None, *, installs: bool) -> MachineFinding:
    if git:
        words = ask([git.executable, "--version"], clean_environment(environment), timeout_s=5).output.split()
        return fine("git", "git", " ".join(words[2:3]) or git.executable)
    return MachineFinding(
        code="git-missing",
        severity="error" if installs else "warning",
        subject="git",
        found="not on the PATH",
        wanted="git on the PATH; ComfyUI and custom nodes are cloned with it",
    )
