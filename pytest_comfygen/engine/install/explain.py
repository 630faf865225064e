"""What the words of an installer or of a ComfyUI that does not start mean, and which setting helps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Explained", "explain_installer", "explain_start", "failed_nodes", "lacks_match"]

_SETTINGS = "--comfy-extra-requirements, --comfy-constraints or --comfy-as-of"

_NO_MATCH = (
    r"No matching distribution found for ([^\s,;]+)"
    r"|Because ([\w.-]+) was not found"
    r"|Because there (?:is|are) no versions? of ([^\s,]+)"
    r"|Because only \S+ (?:is|are) available and you require ([^\s,]+)"
)
_NETWORK = (
    r"Name or service not known|name resolution|Failed to establish a new connection|Connection (?:refused|reset)"
    r"|NewConnectionError|ConnectTimeout|ReadTimeout|timed out|ProxyError|dns error|error sending request"
    r"|Network is unreachable|Could not connect"
)
_NOT_BUILT = (
    r"Failed (?:to build|building wheel for) ['`]?(?P<name>[\w.-]+)|metadata-generation-failed"
    r"|subprocess-exited-with-error"
)
_CONFLICT = r"ResolutionImpossible|conflicting dependencies|No solution found when resolving"

# Pattern, what it means, what helps; `{0}` is what the pattern's first found group holds. The first that fits counts.
_INSTALLER = (
    (
        r"No space left on device|os error 28|Errno 28",
        "the disk is full",
        "free some space, or put ComfyUI elsewhere with --comfy-dir; `pip cache purge` empties pip's cache",
    ),
    (
        r"ensurepip is not available|No module named '?(?:ensurepip|venv)",
        "this Python cannot make environments",
        "install its venv package (python3-venv on Debian and Ubuntu), or put uv on the PATH",
    ),
    (
        r"externally-managed-environment",
        "this Python belongs to the system (PEP 668)",
        "put uv on the PATH, or run pytest with another Python",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|invalid peer certificate|UnknownIssuer",
        "the index's certificate is not trusted",
        "name your certificate with PIP_CERT, SSL_CERT_FILE or REQUESTS_CA_BUNDLE",
    ),
    (
        _NETWORK,
        "the index was not reached",
        "is there a network? A proxy is taken from https_proxy, another index from PIP_INDEX_URL or UV_DEFAULT_INDEX",
    ),
    (
        r"does not provide upload-time metadata",
        "the index does not say when its packages were published, so --comfy-as-of cannot be kept",
        "name an index that does, or hold the packages with --comfy-constraints instead",
    ),
    (
        r"DO NOT MATCH THE HASHES|Hash mismatch",
        "a package arrived damaged",
        "run again; if it stays so, empty the cache with `pip cache purge` or `uv cache clean`",
    ),
    (
        _NOT_BUILT,
        "{0} has no wheel for this Python and could not be built",
        "run pytest with another Python, or hold the package at a version that has a wheel: --comfy-constraints",
    ),
    (
        r"Permission denied",
        "a directory is not writable",
        "look at the path above, or put ComfyUI elsewhere with --comfy-dir",
    ),
)

# Where a module's name is not that of the package that brings it.
_PACKAGES = {"yaml": "pyyaml", "PIL": "pillow", "cv2": "opencv-python-headless", "sklearn": "scikit-learn"}


@dataclass(frozen=True, slots=True)
class Explained:
    """A cause and what helps."""

    cause: str
    hint: str | None


def explain_installer(lines: Sequence[str], *, for_torch: bool, as_of: str | None = None) -> Explained | None:
    """What an installer's last lines mean; None when they are not known.

    :param for_torch: the step took torch from its own index.
    :param as_of: the bound that was set, which may be the cause.
    """
    text = "\n".join(lines)
    for pattern, cause, hint in _INSTALLER:
        if found := re.search(pattern, text, re.IGNORECASE):
            return Explained(cause.format(_group(found) or "a package"), hint)
    if re.search(_CONFLICT, text) and not re.search(_NO_MATCH, text):
        return Explained("the requirements contradict each other", f"change what you set with {_SETTINGS}")
    if found := re.search(_NO_MATCH, text):
        return Explained(*_no_match(_group(found) or "a package", for_torch=for_torch, as_of=as_of))
    return None


def lacks_match(lines: Sequence[str]) -> bool:
    """Whether an installer says that there is no such version, or none that fits the others."""
    text = "\n".join(lines)
    return bool(re.search(f"{_NO_MATCH}|{_CONFLICT}", text))


def explain_start(lines: Sequence[str], packages: Path | None, day: str | None) -> Explained | None:
    """Why ComfyUI's program ended with an exception, and the line to add to the settings.

    :param lines: what it wrote.
    :param packages: where the packages of its environment lie.
    :param day: the day of its commit, for the bound that would have avoided it.
    """
    text = "\n".join(lines)
    missing = re.findall(r"^ModuleNotFoundError: No module named '(\w+)", text, re.MULTILINE)
    if missing:
        package = _PACKAGES.get(missing[-1], missing[-1])
        return Explained(
            f"the module {missing[-1]} is missing: a library that brought it along no longer does",
            f"--comfy-extra-requirements {package}",
        )
    bound = f"--comfy-as-of {day}" if day else "--comfy-as-of with the day of this ComfyUI's release"
    if re.search(r"operator torch\w+::\w+ does not exist|lib(cudart|torch|c10)\S*: cannot open|undefined symbol", text):
        return Explained(
            "torch and a package that was built for another torch do not fit together",
            "take all of them from one index (--comfy-torch, --comfy-torch-index)",
        )
    if named := _named_library(text):
        version = _installed_version(named, packages)
        older = [f'--comfy-extra-requirements "{named}<{version.partition(".")[0]}"'] if version else []
        return Explained(f"{named} {version}".strip() + " does not fit this ComfyUI", " or ".join([*older, bound]))
    return Explained("a library does not fit this ComfyUI", bound) if "site-packages" in text else None


def failed_nodes(lines: Sequence[str]) -> tuple[str, ...]:
    """The custom nodes and built-in extras that ComfyUI's log calls failed.

    Source: ComfyUI's nodes.py, `seconds (IMPORT FAILED): <path>` and `IMPORT FAILED: <file>`.
    """
    found = (re.search(r"\(?IMPORT FAILED\)?: .*?([^/\\\s]+)\s*$", line) for line in lines)
    return tuple(dict.fromkeys(name[1] for name in found if name))


def _no_match(what: str, *, for_torch: bool, as_of: str | None) -> tuple[str, str]:
    if for_torch:
        hint = "choose another build (--comfy-torch), another index (--comfy-torch-index), or another Python"
        return f"the index has no {what} for this Python and system", hint
    bound = f"; --comfy-as-of {as_of} may leave too little" if as_of else ""
    return f"no index has {what} for this Python and system", f"change what you set with {_SETTINGS}{bound}"


def _named_library(text: str) -> str | None:
    """The library that an import error says lacks something; ComfyUI's own modules are none."""
    patterns = (
        r"^ImportError: cannot import name '\w+' from (?:partially initialized module )?'(\w+)",
        r"^AttributeError: (?:partially initialized )?module '(\w+)",
    )
    found = [name for pattern in patterns for name in re.findall(pattern, text, re.MULTILINE)]
    return next((name for name in reversed(found) if not re.match(r"comfy|nodes$|app$|server$", name)), None)


def _installed_version(package: str, packages: Path | None) -> str:
    pattern = re.compile(rf"{re.escape(package)}-([\w.+!]+)\.dist-info", re.IGNORECASE)
    found = (pattern.fullmatch(path.name) for path in packages.glob("*.dist-info")) if packages else ()
    return next((name[1] for name in found if name), "")


def _group(found: re.Match[str]) -> str | None:
    return next((group for group in found.groups() if group), None)
