"""The record of an installation, written when all of it is done; without it, it is done again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path

from pytest_comfygen.engine.install.wish import InstallWish
from pytest_comfygen.engine.programs import redacted

__all__ = ["Asked", "InstallRecord", "Pinned", "asked_of", "read_record", "write_record"]

_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """A checkout as it was put in place."""

    repo: str
    revision: str | None
    commit: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the packages of an environment were chosen by; when it differs, they are chosen again.

    :param requirements: sha256 over the requirements of the checkout and of the custom nodes.
    :param constraints: sha256 of the constraints file.
    """

    requirements: str
    torch_index: str | None
    constraints: str | None
    extra_requirements: tuple[str, ...]
    as_of: str | None

    def differences(self, now: Asked) -> tuple[str, ...]:
        """What changed, one sentence each."""
        changed = {name: (getattr(self, name), getattr(now, name)) for name in Asked.__slots__}
        return tuple(_difference(name, *values) for name, values in changed.items() if values[0] != values[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallRecord:
    """What was installed.

    :param torch: how torch was wanted: `cpu`, `cu130` …; what `auto` came to.
    :param installer: as `uv 0.9.5`.
    """

    comfyui: Pinned
    version: str
    torch: str
    torch_version: str
    installer: str
    asked: Asked
    nodes: Mapping[str, Pinned] = field(default_factory=dict)


def asked_of(wish: InstallWish, checkouts: tuple[Path, ...]) -> Asked:
    """What the packages would be chosen by now.

    :param checkouts: ComfyUI's and those of the custom nodes.
    """
    files = [path for path in (checkout / "requirements.txt" for checkout in checkouts) if path.is_file()]
    return Asked(
        requirements=sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest(),
        torch_index=redacted(wish.torch_index) if wish.torch_index else None,
        constraints=sha256(wish.constraints.read_bytes()).hexdigest() if wish.constraints else None,
        extra_requirements=tuple(map(redacted, wish.extra_requirements)),
        as_of=wish.as_of,
    )


def write_record(path: Path, record: InstallRecord) -> None:
    """Put the record in its place, at once or not at all."""
    temp = path.with_name(f"{path.name}.{os.getpid()}")
    with temp.open("wb") as file:
        file.write(json.dumps({"format": _FORMAT, **asdict(record)}, indent=2).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    temp.replace(path)


def read_record(path: Path) -> InstallRecord | None:
    """The record; None when there is none, or none that we understand, which means the same: do it again."""
    try:
        fields = json.loads(path.read_bytes())
        if fields.pop("format") != _FORMAT:
            return None
        asked = {**fields["asked"], "extra_requirements": tuple(fields["asked"]["extra_requirements"])}
        nodes = {name: Pinned(**node) for name, node in fields["nodes"].items()}
        known = {"comfyui": Pinned(**fields["comfyui"]), "asked": Asked(**asked), "nodes": nodes}
        return InstallRecord(**{**fields, **known})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _difference(name: str, old: object, new: object) -> str:
    if name in ("requirements", "constraints") and old and new:
        return f"the {name} changed"
    return f"{name.replace('_', ' ')}: {_shown(old)} → {_shown(new)}"


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return "none" if value is None else str(value)[:60]
