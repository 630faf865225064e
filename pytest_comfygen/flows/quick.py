"""Quick pictures: what was typed becomes a job file, and from there on everything is as with any other."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from pytest_comfygen.engine.models import checkpoints_in
from pytest_comfygen.errors import JobFileError, SettingsError
from pytest_comfygen.flows.wishes import local_model_places
from pytest_comfygen.language.expand import load_job_file
from pytest_comfygen.language.load import parse
from pytest_comfygen.language.seeds import seed_from_nonce
from pytest_comfygen.settings import Settings

__all__ = ["quick_document", "read_keys", "write_quick_job"]

_LONGEST_NAME = 40
_MOST_SHOWN = 5
_MOST_SEEDS = 2**64
_WITH_NAMES_INSIDE = frozenset(("vars", "verify", "set"))


def write_quick_job(
    settings: Settings, root: Path, directory: Path, nonce: str, environment: Mapping[str, str]
) -> Path:
    """Write the job file of what was typed, and the one to keep when that was asked for.

    :param root: the repository, below which the pictures go.
    :param directory: of this machine's own, for the job file; those of earlier runs are removed.
    :param nonce: drawn once a run; the root of every seed that was not given.
    :returns: the job file.
    :raises SettingsError: a key or a value is wrong, or the file to keep would replace another one.
    """
    output = root / settings.output
    document = quick_document(settings, output, nonce)
    keys = document["defaults"]
    if "workflow" not in keys and "checkpoint" not in keys:
        keys["checkpoint"] = _only_checkpoint(settings, root, environment)
    for old in directory.glob("*.comfyjob.json"):
        old.unlink()
    path = directory / f"{nonce}.comfyjob.json"
    path.write_text(json.dumps(_placed(document, output, path), indent=1), encoding="utf-8")
    try:
        load_job_file(path, root)
    except JobFileError as error:
        raise SettingsError(f"--comfy-prompt: {error.message}", hint=error.hint, details=error.details) from None
    if settings.save_job:
        _keep(root / settings.save_job, document, output, settings.save_job)
    _hide(output)
    return path


def quick_document(settings: Settings, output: Path, nonce: str) -> dict[str, Any]:
    """The job document of what was typed; every seed is written out.

    :param output: where the pictures go; names that are taken there are not used again.
    :raises SettingsError: a value cannot be read.
    """
    keys = read_keys(settings.set)
    seed = keys.pop("seed", None)
    numbers = _Numbers(output)
    items: dict[str, Any] = {}
    for prompt in settings.prompt:
        text = prompt if "vars" in keys else prompt.replace("$", "$$")
        for index in range(settings.count):
            name = numbers.name_for(prompt)
            items[name] = {"prompt": text, "seed": _seed(seed, index, nonce, name)}
    return {"defaults": keys, "items": items}


def read_keys(written: tuple[str, ...]) -> dict[str, Any]:
    """The keys of `--comfy-set`; each value is read as in a job file.

    :raises SettingsError: a value cannot be read.
    """
    keys: dict[str, Any] = {}
    for one in written:
        name, _, text = (part.strip() for part in one.partition("="))
        outer, _, inner = name.partition(".")
        value = _value(one, text)
        if inner and outer in _WITH_NAMES_INSIDE:
            keys.setdefault(outer, {})[inner] = value
        else:
            keys[name] = value
    return keys


class _Numbers:
    """Gives names that no picture has: `a-stout-dwarf-001`, `a-stout-dwarf-002` …"""

    def __init__(self, output: Path) -> None:
        self._taken = {path.stem for path in output.iterdir()} if output.is_dir() else set()
        self._counters: dict[str, Iterator[int]] = {}

    def name_for(self, prompt: str) -> str:
        """The next free name for a picture of this prompt."""
        words = re.sub(r"[\W_]+", "-", prompt.casefold()).strip("-")[:_LONGEST_NAME].strip("-") or "picture"
        numbers = self._counters.setdefault(words, count(1))
        return next(name for number in numbers if (name := f"{words}-{number:03}") not in self._taken)


def _seed(given: object, index: int, nonce: str, name: str) -> object:
    """The seed of one picture: a given number is counted up, so that several pictures differ."""
    if isinstance(given, int) and not isinstance(given, bool):
        return (given + index) % _MOST_SEEDS
    return seed_from_nonce(nonce, name) if given in (None, "random") else given


def _value(written: str, text: str) -> object:
    try:
        root: Mapping[str, object] = parse(f"value: {text}", "--comfy-set").root  # type: ignore[assignment]  # so written
        return root["value"]
    except JobFileError as error:
        raise SettingsError(f"--comfy-set {written}: {error.message}", hint=error.hint) from None


def _only_checkpoint(settings: Settings, root: Path, environment: Mapping[str, str]) -> str:
    """The checkpoint of this machine, if there is no choice.

    :raises SettingsError: there are none or several, or another machine's are meant.
    """
    if settings.sketch:
        return "sketch.safetensors"
    here = () if settings.url else checkpoints_in(local_model_places(settings, root, environment))
    if len(here) == 1:
        return here[0]
    found = f"this machine has {', '.join(here[:_MOST_SHOWN])}" if here else "none is known on this machine"
    raise SettingsError(
        f"--comfy-prompt: which checkpoint? {found}",
        hint=f"add --comfy-set checkpoint={here[0] if here else 'NAME.safetensors'}, or set it in pytest's ini: "
        "comfy_set = checkpoint=…",
    )


def _placed(document: Mapping[str, Any], output: Path, path: Path) -> dict[str, Any]:
    """The whole document of a job file at `path`."""
    directory = Path(os.path.relpath(output, path.parent)).as_posix()
    return {"comfyjob": 1, "output": {"dir": directory}, **document}


def _keep(path: Path, document: Mapping[str, Any], output: Path, shown: str) -> None:
    """Write the job file that was asked for; it is a person's from then on, so none is ever replaced."""
    if not path.name.endswith((".comfyjob.yaml", ".comfyjob.yml", ".comfyjob.json")):
        hint = "pytest finds job files by their name"
        raise SettingsError(f"--comfy-save-job: {shown} must end in .comfyjob.yaml or .comfyjob.json", hint=hint)
    whole = _placed(document, output, path)
    text = json.dumps(whole, indent=2, ensure_ascii=False) if path.suffix == ".json" else "\n".join(_lines(whole))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(f"{text}\n")
    except FileExistsError:
        raise SettingsError(
            f"--comfy-save-job: {shown} exists, so it is left alone", hint="name another file"
        ) from None
    except OSError as error:
        raise SettingsError(f"--comfy-save-job: {shown} cannot be written: {error.strerror or error}") from None


def _lines(whole: Mapping[str, Any]) -> Iterator[str]:
    """The document as people write it: two levels of YAML, with values as JSON, which is YAML too."""
    for key, value in whole.items():
        if isinstance(value, dict) and value:
            yield f"{key}:"
            yield from (f"  {inner}: {json.dumps(one, ensure_ascii=False)}" for inner, one in value.items())
        elif value != {}:
            yield f"{key}: {json.dumps(value, ensure_ascii=False)}"


def _hide(output: Path) -> None:
    """Keep quick pictures out of git, in a directory that we make for them."""
    if not output.exists():
        output.mkdir(parents=True)
        (output / ".gitignore").write_text("*\n", encoding="utf-8")
