"""What the README promises of this repository's own job files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def collected(*args: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *args],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return [line for line in done.stdout.splitlines() if "::" in line]


def test_one_image_is_selected_by_its_name_at_the_root() -> None:
    assert collected("-k", "kin_" + "dwarf", "--assert=plain") == ["jobs/kins.comfyjob.yaml::kin_" + "dwarf"]


def test_the_committed_images_are_what_their_jobs_say() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "jobs", "--comfy-check", "-q", "-p", "no:cacheprovider"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "images: 3 current, 5 planned" in done.stdout
