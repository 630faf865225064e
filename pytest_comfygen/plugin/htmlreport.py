"""The picture of each image in the report of pytest-html, when that plugin writes one.

Registered on xdist's workers too: what is added to a report travels with it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_comfygen.plugin.terminal import is_image

if TYPE_CHECKING:
    from pytest_comfygen.records import JobResult

__all__ = ["HtmlPictures", "show_pictures"]


def show_pictures(config: pytest.Config) -> None:
    """Have pictures shown, if pytest-html is there in the version that takes them."""
    image = getattr(getattr(config.pluginmanager.getplugin("html"), "extras", None), "image", None)
    if image is not None:
        config.pluginmanager.register(HtmlPictures(image), "comfygen-html")


class HtmlPictures:
    """Adds a small version of the new picture to an image's report, or of the one that stands there when it failed.

    :param image: makes what pytest-html calls an extra, of base64 text, name, media type and suffix.
    """

    def __init__(self, image: Callable[[str, str, str, str], dict[str, str | None]]) -> None:
        self._image = image
        self._path: Path | None = None

    def pytest_runtest_logstart(self) -> None:
        """Another item begins."""
        self._path = None

    def pytest_comfygen_finished(self, result: JobResult) -> None:
        """Keep where the picture is, which is elsewhere for a sketch."""
        self._path = result.path

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Add the picture."""
        report = yield
        if (report.when == "call" or report.failed) and is_image(report):
            before = getattr(report, "extras", [])
            report.extras = [*before, *self._pictures(item)]  # type: ignore[attr-defined]  # as pytest-html has it
        return report

    def _pictures(self, item: pytest.Item) -> list[dict[str, str | None]]:
        from pytest_comfygen.plugin.collect import ComfyItem  # noqa: PLC0415  # a run without images must not pay
        from pytest_comfygen.verify.preview import preview_of  # noqa: PLC0415  # as above

        path = self._path or (item.job.output if isinstance(item, ComfyItem) else None)
        try:
            preview = preview_of(path.read_bytes()) if path else None
        except OSError:  # there is none
            return []
        return [self._image(b64encode(preview.data).decode(), item.name, "image/webp", "webp")] if preview else []
