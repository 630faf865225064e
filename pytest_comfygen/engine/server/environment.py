"""What of our environment a server gets: not our tokens, and not what would make it another Python or another git."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["server_environment", "without_secrets"]

# A node that somebody else wrote can read all of the server's environment.
_SECRET = re.compile(r"(.*_)?(TOKEN|AUTH)|.*(SECRET|PASSWORD).*|CIVITAI_.*|COMFYGEN_.*", re.IGNORECASE)
_ANOTHER_WORLD = re.compile(
    r"PYTHON(PATH|HOME|STARTUP|WARNINGS|SAFEPATH|OPTIMIZE|DEVMODE)|VIRTUAL_ENV|CONDA_PREFIX|__PYVENV_LAUNCHER__"
    r"|COVERAGE_.*|COV_CORE_.*|PYTEST_.*"
    r"|GIT_(DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|COMMON_DIR|PREFIX|NAMESPACE|CONFIG.*)"
)


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` without our settings and without tokens: such names as HF_TOKEN, DB_PASSWORD, CLIENT_SECRET."""
    return {name: value for name, value in environment.items() if not _SECRET.fullmatch(name)}


def server_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` for a server with a Python of its own.

    Besides secrets, what points a Python, a git or a coverage measurement somewhere else is left out. What leads to the
    network (proxies, certificates) and to devices stays.
    """
    kept = {name: value for name, value in without_secrets(environment).items() if not _ANOTHER_WORLD.fullmatch(name)}
    return kept | {"PYTHONUNBUFFERED": "1"}  # or the log of a server that dies is empty
