"""The server's three directories: where pictures are saved, how they are named, which of them may be read."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Refused(Exception):
    """A file may not be read or written.

    :param status: the HTTP status that says so.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Folders:
    """The directories `output`, `input` and `temp` below one root."""

    root: Path

    @classmethod
    def below(cls, root: Path) -> Folders:
        """The directories below `root`, made where they are absent."""
        folders = cls(Path(root).resolve())
        for kind in ("output", "input", "temp"):
            (folders.root / kind).mkdir(parents=True, exist_ok=True)
        return folders

    def inputs(self) -> list[str]:
        """The files that lie in input/ itself, which is what ComfyUI lists."""
        return sorted(file.name for file in (self.root / "input").iterdir() if file.is_file())

    def find_input(self, name: str) -> Path | None:
        """The file that a node loads by this name; None when there is none in these directories."""
        plain, kind = _annotated(name, "input")
        folder = self.root / kind
        file = (folder / plain).resolve()
        return file if file.is_relative_to(folder) and file.is_file() else None

    def of(self, kind: str) -> Path | None:
        """The directory of a file type as the API names it; None for an unknown type."""
        return self.root / kind if kind in {"output", "input", "temp"} else None


def find_file(folders: Folders, query: Mapping[str, str]) -> Path:
    """The file that a `/view` query names.

    :raises Refused: 400 for a bad name or type, 403 for a subfolder that leads out, 404 for no such file.
    """
    if "filename" not in query:
        raise Refused(404)
    name, kind = _annotated(query["filename"], query.get("type", "output"))
    if not name or name.startswith("/") or ".." in name:
        raise Refused(400)
    folder = folders.of(kind)
    if folder is None:
        raise Refused(400)
    # A path within the name is dropped: the folder has to come as `subfolder`. Source: ComfyUI server.py view_image.
    file = _inside(folder, query.get("subfolder", ""), otherwise=403) / Path(name).name
    if not file.is_file():
        raise Refused(404)
    return file


def store_upload(folder: Path, subfolder: str, name: str, content: bytes, *, overwrite: bool) -> str:
    """Keep an uploaded file, under a new name when another one has its name already.

    :returns: the name that it got.
    :raises Refused: 400 for a name or subfolder that leads out of `folder`.
    """
    target = _inside(folder, os.path.normpath(Path(subfolder, name)), otherwise=400)
    target.parent.mkdir(parents=True, exist_ok=True)
    stem, suffix = os.path.splitext(name)  # noqa: PTH122  # a name may hold folders, which `Path.stem` would drop
    count = 0
    while target.exists() and not overwrite and target.read_bytes() != content:
        count += 1
        name = f"{stem} ({count}){suffix}"
        target = folder / subfolder / name
    target.write_bytes(content)
    return name


@dataclass(frozen=True, slots=True)
class SavePlace:
    """Where the next pictures of a prefix go.

    :param counter: of the first of them, one above the highest that is there.
    """

    folder: Path
    subfolder: str
    name: str
    counter: int

    def file_name(self, index: int, suffix: str = ".png") -> str:
        """The name of picture `index` of the batch."""
        return f"{self.name.replace('%batch_num%', str(index))}_{self.counter + index:05}_{suffix}"


def save_place(folder: Path, prefix: str, size: tuple[int, int], now: Callable[[], time.struct_time]) -> SavePlace:
    """Where pictures of `size` (width, height) with this prefix go; the folder is made when it is absent.

    :raises Exception: the prefix leads out of `folder`.
    """
    path = os.path.normpath(_tokens_replaced(prefix, size, now()) if "%" in prefix else prefix)
    subfolder, name = os.path.split(path)  # pathlib would turn the prefix "" into a name of its own
    target = Path(os.path.normpath(folder / subfolder))
    if not target.is_relative_to(folder):
        raise Exception(  # noqa: TRY002  # the class is a part of the answer: ComfyUI raises a bare Exception here
            "**** ERROR: Saving image outside the output folder is not allowed."
            f"\n full_output_folder: {target}\n         output_dir: {folder}"
        )
    target.mkdir(parents=True, exist_ok=True)
    return SavePlace(target, subfolder, name, _next_counter(target, name))


def _next_counter(folder: Path, name: str) -> int:
    numbered = re.compile(re.escape(name) + r"_(\d+)(?:_|\Z)", re.ASCII)
    return max((int(match[1]) for file in folder.iterdir() if (match := numbered.match(file.name))), default=0) + 1


def _tokens_replaced(prefix: str, size: tuple[int, int], now: time.struct_time) -> str:
    tokens = {
        "width": str(size[0]),
        "height": str(size[1]),
        "year": str(now.tm_year),
        "month": f"{now.tm_mon:02}",
        "day": f"{now.tm_mday:02}",
        "hour": f"{now.tm_hour:02}",
        "minute": f"{now.tm_min:02}",
        "second": f"{now.tm_sec:02}",
    }
    for token, value in tokens.items():
        prefix = prefix.replace(f"%{token}%", value)
    return prefix


def _annotated(name: str, kind: str) -> tuple[str, str]:
    """The name and type of `picture.png [output]`, which says the type itself."""
    match = re.fullmatch(r"(.*).\[(output|input|temp)\]", name, re.DOTALL)
    return (match[1], match[2]) if match else (name, kind)


def _inside(folder: Path, subfolder: str, *, otherwise: int) -> Path:
    path = Path(os.path.normpath(folder / subfolder))
    if not path.is_relative_to(folder):
        raise Refused(otherwise)
    return path
