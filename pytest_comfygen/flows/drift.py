"""What has moved on since an image was made: told, and no reason to make it anew."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pytest_comfygen.flows.plan import ADOPTED
from pytest_comfygen.language.graph import recipe_number
from pytest_comfygen.records import ImageRecord, Job, Scalar

__all__ = ["Drift"]


class Drift:
    """Compares what made an image with what is on this machine.

    :param directory: where ComfyUI lives, if it is installed.
    """

    def __init__(self, directory: Path) -> None:
        self._installed: tuple[str, str | None] | None = None
        if directory.is_dir():
            from pytest_comfygen.engine.install import installed_comfyui  # noqa: PLC0415  # where none is, as in CI

            self._installed = installed_comfyui(directory)

    def of(self, job: Job, record: ImageRecord) -> str:
        """What is another today, in words; empty when nothing is, and for an image that somebody approved."""
        if job.status == "approved" or record.encoding == ADOPTED:
            return ""
        return "; ".join(filter(None, (self._of_comfyui(record.comfyui), _of_recipe(job, record))))

    def _of_comfyui(self, made: Mapping[str, Scalar]) -> str:
        version, commit = made.get("version"), made.get("commit")
        if self._installed is None or version is None or made.get("sketch"):
            return ""
        now_version, now_commit = self._installed
        is_same = version == now_version and (None in (commit, now_commit) or commit == now_commit)
        return "" if is_same else f"ComfyUI {_named(version, commit)} → {_named(now_version, now_commit)}"


def _of_recipe(job: Job, record: ImageRecord) -> str:
    now = recipe_number(job)
    return f"recipe {record.recipe} → {now} of {record.family}" if record.recipe != now else ""


def _named(version: Scalar, commit: Scalar) -> str:
    return f"{version} ({str(commit)[:8]})" if commit else str(version)
