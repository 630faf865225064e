"""This plugin beside others that many use, with one version of pytest after the other, each in a fresh environment."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
VERSIONS = ("8.4", "9.0", "9.1", "newest")
ALONE = ("tests/behaviours/test_living_with_other_plugins.py", "tests/plugin/test_live_line.py")
BESIDE = ("tests/behaviours/test_beside_other_plugins.py",)
BESIDES = ("hypothesis", "jsonschema", "numpy", "pyyaml")  # what the tests themselves import


def main() -> int:
    """Try each version, and say which work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("versions", nargs="*", default=VERSIONS, help="of pytest, such as 9.0 or `newest`")
    is_well = True
    for version in parser.parse_args().versions:
        for line in tried(version):
            print(f"pytest {version:<7} {line}", flush=True)
            is_well = is_well and " passed" in line and " failed" not in line and " error" not in line
    return 0 if is_well else 1


def tried(version: str) -> Iterator[str]:
    """What came of it: without other plugins, then with them."""
    with tempfile.TemporaryDirectory(prefix="comfygen-compatibility-") as name:
        directory = Path(name)
        venv.create(directory / "venv", with_pip=True)
        python = str(directory / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python")
        for extra, tests in (("sketch", ALONE), ("compatibility", BESIDE)):
            wanted = "pytest" if version == "newest" else f"pytest=={version}.*"
            installing = output(
                [python, "-m", "pip", "install", "--quiet", f"{ROOT}[{extra}]", wanted, *BESIDES], directory
            )
            if installing.returncode:
                yield f"cannot be installed: {installing.stderr.strip().splitlines()[-1]}"
                return
            yield f"{version_of(python, directory)} {extra}: {ran(python, directory, tests, alone=tests == ALONE)}"


def ran(python: str, directory: Path, tests: Sequence[str], *, alone: bool) -> str:
    """The last line of a run of tests."""
    command = [python, "-m", "pytest", "-q", "-n2", "-p", "no:cacheprovider", f"--basetemp={directory}/tests", *tests]
    # The other plugins would take part in the run of the tests itself, so that loads none but those that it needs.
    only = {} if alone else {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "-p xdist -p comfygen"}
    found = output(command, ROOT, os.environ | only)
    lines = (
        found.stdout.strip() or found.stderr.strip() or f"nothing was written, exit code {found.returncode}"
    ).splitlines()
    print("\n".join(line for line in lines if line.startswith(("FAILED", "ERROR"))), end="", file=sys.stderr)
    return lines[-1]


def version_of(python: str, directory: Path) -> str:
    """The pytest that is really there."""
    return output([python, "-c", "import pytest; print(pytest.__version__)"], directory).stdout.strip()


def output(
    command: Sequence[str], directory: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """What a command wrote."""
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
