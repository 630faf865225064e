"""Names and paths that work as test ids and files on every system, and never lead out of the repository."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from pytest_comfygen.errors import BadName, BadPath, OutsideRepository, UnknownFormat
from pytest_comfygen.records import ImageFormat
from pytest_comfygen.settings import LOCAL

__all__ = [
    "check_input",
    "check_links",
    "check_name",
    "check_tag",
    "collision_key",
    "directory_in",
    "file_in",
    "format_of",
    "parts_of",
    "sibling_hint",
    "still_format_of",
]

MAX_NAME_CHARACTERS = 150
# Of the 255 that file systems allow: the rest is for the temporary file and the record that stand beside an image.
MAX_PART_BYTES = 200

# What workflows start from: pictures, sounds, videos, as far as ComfyUI's own nodes load them.
INPUT_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".gif", ".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a"}
    | {".mp4", ".webm", ".mov", ".mkv"}
)
_STILLS: dict[str, ImageFormat] = {"png": "png", "webp": "webp", "jpg": "jpeg", "jpeg": "jpeg"}
_FORMATS: dict[str, ImageFormat] = {
    **_STILLS,
    "gif": "gif",
    "mp4": "mp4",
    "webm": "webm",
    "flac": "flac",
    "mp3": "mp3",
    "opus": "opus",
    "wav": "wav",
}

_SIMPLE_NAME = re.compile(r"[A-Za-z0-9_@+=][A-Za-z0-9_\-.@+=]*")
_NAME_CATEGORIES = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd"})
_TAG = re.compile(r"[^\W\d_][\w.\-]*")

# Source: Microsoft, "Naming Files, Paths, and Namespaces": reserved with any suffix, superscript digits included.
_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])", re.IGNORECASE)
_DRIVE = re.compile(r"[A-Za-z]:")
_FORBIDDEN_CHARACTERS = frozenset('<>:"|?*\\')
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})
_PRIVATE_DIRECTORIES = frozenset({".git", LOCAL, ".comfyrecords"})

# Words of pytest's `-m` expressions, and marks that would change how pytest runs the item.
_TAGS_TAKEN = frozenset(
    {"and", "or", "not", "True", "False", "None"}
    | {"skip", "skipif", "xfail", "parametrize", "usefixtures", "filterwarnings", "tryfirst", "trylast"}
)


def check_name(name: str) -> None:
    """Refuse an item's name that cannot be a test id, a shell word and a file name everywhere.

    :raises JobFileError: bad-name.
    """
    if _SIMPLE_NAME.fullmatch(name):
        wrong = None
    elif not name:
        wrong = "is empty"
    elif name[0] in "-.":
        wrong = f"begins with {name[0]!r}"
    else:
        wrong = _wrong_character(name)
    wrong = wrong or _wrong_ending(name)
    if wrong:
        raise BadName(f"the name {name[:60]!r} {wrong}")


def check_tag(tag: str) -> None:
    """Refuse a tag that cannot be a pytest mark.

    :raises JobFileError: bad-name.
    """
    if not _TAG.fullmatch(tag):
        hint = "begin with a letter and go on with letters, digits, `_`, `-` or `.`"
        raise BadName(f"the tag {tag[:60]!r} cannot be a pytest mark", hint=hint)
    if tag in _TAGS_TAKEN:
        raise BadName(f"the tag {tag!r} has a meaning of its own to pytest", hint="use another word")


def format_of(file: str) -> ImageFormat:
    """The format that a file name's suffix asks for.

    :raises JobFileError: unknown-format.
    """
    return _format(file, _FORMATS)


def still_format_of(file: str) -> ImageFormat:
    """The format of a picture that stands still, which its file name's suffix asks for.

    :raises JobFileError: unknown-format.
    """
    return _format(file, _STILLS)


def _format(file: str, known: Mapping[str, ImageFormat]) -> ImageFormat:
    stem, _, suffix = file.rpartition(".")
    if not stem or suffix.lower() not in known:
        raise UnknownFormat(f"{file[-60:]!r} does not end like an image's name")
    return known[suffix.lower()]


def check_input(file: str) -> None:
    """Refuse a file that no workflow starts from: neither picture, sound nor video by its suffix.

    :raises JobFileError: unknown-format.
    """
    suffix = os.path.splitext(file)[1].lower()  # noqa: PTH122  # a text that is no path yet
    if suffix not in INPUT_SUFFIXES:
        hint = f"name a file that ends in one of {', '.join(sorted(INPUT_SUFFIXES))}"
        raise UnknownFormat(f"{file[-60:]!r} is no picture, sound or video by its name", hint=hint)


def parts_of(path: str, *, may_climb: bool = False) -> tuple[str, ...]:
    """The components of a relative path, each fit to exist on every system; `.` components are left out.

    :param may_climb: allow `..`.
    :raises JobFileError: bad-path.
    """
    if "\\" in path:
        raise BadPath(f"the path {path[:60]!r} holds a backslash", hint="write forward slashes")
    if path.startswith("/") or _DRIVE.match(path):
        raise BadPath(f"the path {path[:60]!r} is absolute", hint="write it relative to the job file")
    parts = tuple(part for part in path.removesuffix("/" if may_climb else "").split("/") if part != ".")
    for part in parts:
        if part == ".." and may_climb:
            continue
        if wrong := _wrong_part(part):
            raise BadPath(f"the path {path[:60]!r} {wrong}", hint="name the file or folder otherwise")
    return parts


def directory_in(root: Path, home: Path, parts: tuple[str, ...]) -> Path:
    """The directory that `parts` name from `home`, without `..`; it need not exist.

    :param root: the repository, absolute and resolved.
    :param home: absolute.
    :raises JobFileError: outside-repository (by itself or through a link), bad-path (Git's and our own directories).
    """
    directory = Path(os.path.normpath(home.joinpath(*parts)))
    _check_inside(root, directory)
    check_links(root, directory)
    return directory


def file_in(root: Path, home: Path, path: str) -> Path:
    """The file that a path written in a job file names from `home`; it need not exist.

    :param root: the repository, absolute and resolved.
    :raises JobFileError: bad-path, outside-repository.
    """
    *folders, name = parts_of(path, may_climb=True) or ("",)
    file = directory_in(root, home, tuple(folders)) / name
    check_links(root, file)
    return file


def sibling_hint(path: Path, start: str = "the file that names it") -> str:
    """What to say of a file that is missing: what lies beside it and is called alike.

    :param start: what its path is relative to.
    """
    try:
        names = sorted(one.name for one in path.parent.iterdir() if one.is_file())
    except OSError:
        names = []
    near = get_close_matches(path.name, names, n=1)
    return f"did you mean {near[0]}?" if near else f"the path is relative to {start}"


def check_links(root: Path, path: Path) -> None:
    """Refuse a path that symbolic links lead out of the repository, or into what is not the job file's to write.

    :raises JobFileError: outside-repository, bad-path.
    """
    try:
        resolved = path.resolve()
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError up to Python 3.12
        raise BadPath(f"{path.name} cannot be followed: {error}") from None
    if resolved != path:
        _check_inside(root, resolved, what="through a link, the path")


def collision_key(path: Path) -> str:
    """What two paths have in common when some system takes them for one file: case and composed letters."""
    text = str(path)
    return text.lower() if text.isascii() else unicodedata.normalize("NFC", text.casefold())


def _check_inside(root: Path, path: Path, what: str = "the path") -> None:
    if not path.is_relative_to(root):
        where_to = os.path.relpath(path, root).replace(os.sep, "/")
        hint = "keep output and workflows below the repository's top directory"
        raise OutsideRepository(f"{what} leads out of the repository, to {where_to[:100]}", hint=hint)
    for part in path.relative_to(root).parts:
        if part.casefold() in _PRIVATE_DIRECTORIES:
            raise BadPath(f"{what} leads into {part}, which is not for images", hint="choose another folder")


def _wrong_character(name: str) -> str | None:
    for character in name:
        if character not in "_-.@+=" and unicodedata.category(character) not in _NAME_CATEGORIES:
            return f"holds {_shown(character)}"
    return None


def _wrong_ending(name: str) -> str | None:
    if name.endswith("."):
        return "ends with a dot, which Windows drops"
    if len(name) > MAX_NAME_CHARACTERS:
        return f"is longer than {MAX_NAME_CHARACTERS} characters"
    return _reserved(name)


def _reserved(part: str) -> str | None:
    stem = part.partition(".")[0].rstrip(" ")
    return f"is {stem.upper()}, a device on Windows" if _RESERVED.fullmatch(stem) else None


def _wrong_part(part: str) -> str | None:
    """What keeps a path's component from existing on every system, in words that follow the path."""
    if not part:
        return "has an empty component"
    if part == "..":
        return "climbs with `..`"
    if part[-1] in ". ":
        return "has a component that ends with a dot or a space, which Windows drops"
    if not _SIMPLE_NAME.fullmatch(part) and (bad := next(filter(_is_unfit, part), None)):
        return f"holds {_shown(bad)}"
    if len(part.encode()) > MAX_PART_BYTES:
        return f"has a component of more than {MAX_PART_BYTES} bytes"
    return _reserved(part)


def _shown(character: str) -> str:
    return repr(character) if character.isprintable() else f"U+{ord(character):04X}"


def _is_unfit(character: str) -> bool:
    return character in _FORBIDDEN_CHARACTERS or (
        not character.isprintable() and unicodedata.category(character) in _INVISIBLE_CATEGORIES
    )
