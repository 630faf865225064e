"""The gallery shows what a real ComfyUI made before and now.

Opt-in by COMFYGEN_TEST_URL; see README.md beside this file. Needs Chromium and git, too.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
import requests
from PIL import Image, ImageChops

import pytest_comfygen.plugin.gallery  # noqa: F401  # once: pytester would load it again for each run
from tests.browser import CHROMIUM, Tab, open_tab
from tests.engine.install.world import git
from tests.repository import Repository

URL = os.environ.get("COMFYGEN_TEST_URL", "")

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not URL, reason="needs a real ComfyUI: set COMFYGEN_TEST_URL"),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on the PATH"),
]

PIXELS = """
(async number => {
    const image = document.querySelectorAll('figure img')[number];
    await image.decode();
    const [width, height] = [image.naturalWidth, image.naturalHeight];
    const canvas = Object.assign(document.createElement('canvas'), {width, height});
    canvas.getContext('2d').drawImage(image, 0, 0);
    return canvas.toDataURL('image/png');
})"""


@pytest.fixture
def committed(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """The repository with its two images made by the server and committed."""
    names = requests.get(f"{URL}/models/checkpoints", timeout=10).json()
    if not names:
        pytest.skip("the server has no checkpoint")
    monkeypatch.setenv("COMFYGEN_URL", URL)
    repository.edit_job("tiny.safetensors", names[0])
    assert repository.images_line(repository.run("jobs")) == "images: 2 generated"
    git(repository.path, "init", "-q")
    git(repository.path, "add", "-A")
    git(repository.path, "commit", "-q", "-m", "kins")
    return repository


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Tab]:
    with open_tab(tmp_path / "chromium") as tab:
        tab.dress(width=1200, height=800)
        yield tab


def pixels(tab: Tab, number: int) -> Image.Image:
    """The picture in a frame, as the browser decodes it."""
    url = tab.evaluate(f"{PIXELS}({number})")
    return Image.open(BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB")


def differ(one: Image.Image, other: Image.Image) -> bool:
    return ImageChops.difference(one, other).getbbox() is not None


def test_old_and_new_hang_side_by_side_in_the_browser(committed: Repository, browser: Tab) -> None:
    with Image.open(committed.image("kin_elf")) as before:
        old = before.convert("RGB")
    committed.edit_job("kin_elf: {", 'kin_elf: {prompt: "a moon elf", ')

    result = committed.run("jobs", "--comfy-gallery=out/gallery.html")

    assert committed.images_line(result) == "images: 1 generated, 1 current"
    browser.go((committed.path / "out" / "gallery.html").as_uri())
    names = browser.evaluate("[...document.querySelectorAll('.card .name')].map(one => one.textContent)")
    assert names == ["kin_elf", "kin_dwarf"]
    browser.evaluate("document.querySelector('.card[title=kin_elf]').click()")
    captions = browser.evaluate("[...document.querySelectorAll('figcaption strong')].map(one => one.textContent)")
    assert [caption.partition(" ")[0] for caption in captions] == ["committed", "now"]
    with Image.open(committed.image("kin_elf")) as now:
        new = now.convert("RGB")
    assert differ(old, new)
    assert not differ(pixels(browser, 0), old)
    assert not differ(pixels(browser, 1), new)
    assert "prompt 'portrait of kin_elf' → 'a moon elf'" in browser.evaluate(
        "document.querySelector('#facts').innerText"
    )
    assert browser.complaints == []
