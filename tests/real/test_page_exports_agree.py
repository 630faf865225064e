"""Workflows that ComfyUI distributes: our graph of each, and the one that ComfyUI's own page exports, have to be equal.

    COMFYGEN_TEST_URL=http://127.0.0.1:8188 COMFYGEN_TEST_WORKFLOWS=…/comfyui_workflow_templates/templates \
        pytest tests/real/test_page_exports_agree.py

It needs Chromium; `COMFYGEN_TEST_CHROMIUM` names its program. Without `COMFYGEN_TEST_WORKFLOWS`, only the small
workflows of the default tests are compared. Titles are left out, since ComfyUI ignores them; and so are fields whose
choices the page fetches by itself, since it replaces what was saved in them sooner or later.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from pytest_comfygen.language.workflow import to_api_graph
from pytest_comfygen.language.workflow.page.document import VIRTUAL
from tests.language.saved_workflows import AGREED
from tests.real.page import Page, open_page

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REAL = os.environ.get("COMFYGEN_TEST_URL", "").rstrip("/")
CHROMIUM = os.environ.get("COMFYGEN_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
TEMPLATES = os.environ.get("COMFYGEN_TEST_WORKFLOWS", "")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not REAL, reason="set COMFYGEN_TEST_URL to a running ComfyUI"),
    pytest.mark.skipif(not CHROMIUM, reason="Chromium is not there; COMFYGEN_TEST_CHROMIUM names it"),
]


def templates() -> dict[str, Path]:
    """The workflow files of a directory, by name."""
    files = sorted(Path(TEMPLATES).glob("**/*.json")) if TEMPLATES else []
    return {file.name: file for file in files if not file.name.startswith("index.")}


@pytest.fixture(scope="module")
def object_info() -> dict[str, Any]:
    """What the server says of its classes."""
    told: dict[str, Any] = requests.get(f"{REAL}/object_info", timeout=60).json()
    return told


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """ComfyUI's page, from that server."""
    with open_page(str(CHROMIUM), f"{REAL}/", tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


def plain(graph: Mapping[str, Any], object_info: Mapping[str, Any]) -> dict[str, Any]:
    """A graph without titles and without what the page fetches, and with all numbers as JavaScript has them."""
    found = json.loads(json.dumps(graph), parse_int=float)
    for body in found.values():
        del body["_meta"]
        for name in fetched(object_info[body["class_type"]]):
            body["inputs"].pop(name, None)
    return dict(found)


def fetched(about: Mapping[str, Any]) -> list[str]:
    """The inputs of a class whose choices are at another address."""
    inputs = {**about["input"].get("required", {}), **about["input"].get("optional", {})}
    return [
        name for name, spec in inputs.items() if len(spec) > 1 and isinstance(spec[1], dict) and "remote" in spec[1]
    ]


def classes_in(workflow: Mapping[str, Any]) -> set[str]:
    """The classes of a workflow's nodes, those in subgraphs among them."""
    inner = workflow.get("definitions", {}).get("subgraphs", [])
    kinds = {node["type"] for graph in (workflow, *inner) for node in graph["nodes"]}
    return kinds - VIRTUAL - {graph["id"] for graph in inner}


@pytest.mark.parametrize("name", AGREED)
def test_a_small_workflow_is_exported_by_the_page_as_our_tests_say(
    name: str, page: Page, object_info: dict[str, Any]
) -> None:
    workflow, graph = AGREED[name]
    titled = {number: {**body, "_meta": {}} for number, body in graph.items()}

    assert plain(titled, object_info) == plain(page.export(workflow), object_info)


@pytest.mark.parametrize("name", templates())
def test_a_template_gives_the_graph_that_the_page_exports(name: str, page: Page, object_info: dict[str, Any]) -> None:
    workflow = json.loads(templates()[name].read_text(encoding="utf-8"))
    if not isinstance(workflow, dict) or not isinstance(workflow.get("nodes"), list):
        pytest.skip("no workflow")
    if missing := classes_in(workflow) - object_info.keys():
        pytest.skip(f"the server has no {', '.join(sorted(missing))}")

    assert plain(page.export(workflow), object_info) == plain(to_api_graph(workflow, object_info), object_info)
