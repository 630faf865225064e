"""A workflow that somebody already has is used as it is: from the page, from an export, or out of a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.language.saved_workflows import link, node, saved
from tests.repository import Repository

JOB = """\
comfyjob: 1
output: {dir: ../assets}
defaults:
  workflow: %s
  verify: {allow_blank: true}
  set: {EmptyImage.width: "${side}"}
items:
  small: {vars: {side: 16}}
  large: {vars: {side: 48}}
"""


def page(*, seed: int = 5, pos: int = 0, color: int = 255) -> dict[str, Any]:
    """Noise on a colour, as the page saves it; the height comes from a primitive."""
    return saved(
        [
            node(1, "EmptyImage", {"height": 1}, (8, 8, 1, color), "IMAGE", pos=[pos, pos]),
            node(2, "PrimitiveNode", {}, (24, "fixed"), "INT"),
            node(3, "ImageAddNoise", {"image": 2}, (seed, "randomize", 0.5), "IMAGE"),
            node(4, "SaveImage", {"images": 3}, ("noise",)),
            node(5, "Note", {}, ("how it is drawn",)),
        ],
        [link(1, 2, 0, 1, 0, "INT"), link(2, 1, 0, 3, 0, "IMAGE"), link(3, 3, 0, 4, 0, "IMAGE")],
    )


@pytest.fixture
def workflows(repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository with a job file for a workflow of the page."""
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    (repository.path / "jobs" / "kins.comfyjob.yaml").unlink()
    repository.write("jobs/noise.comfyjob.yaml", JOB % "noise.json")
    repository.write("jobs/noise.json", json.dumps(page()))
    return repository


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_a_workflow_as_the_page_saves_it_makes_the_images(workflows: Repository) -> None:
    result = workflows.run("jobs")

    assert workflows.images_line(result) == "images: 2 generated"
    assert [size_of(workflows.image(name)) for name in ("small", "large")] == [(16, 24), (48, 24)]


def test_moving_nodes_makes_nothing_stale_and_a_changed_value_does(workflows: Repository) -> None:
    workflows.run("jobs")
    workflows.write("jobs/noise.json", json.dumps(page(pos=99), indent=1))
    moved = workflows.run("jobs", "--comfy-check")
    workflows.write("jobs/noise.json", json.dumps(page(color=7)))
    changed = workflows.run("jobs", "--comfy-check")

    assert workflows.images_line(moved) == "images: 2 current"
    assert workflows.images_line(changed) == "images: 2 stale"
    changed.stdout.fnmatch_lines(["*is stale: the workflow file changed (*"])


def test_a_seed_that_the_page_drew_anew_makes_nothing_stale_when_set_gives_it(workflows: Repository) -> None:
    job = JOB.replace('{EmptyImage.width: "${side}"}', '{EmptyImage.width: "${side}", ImageAddNoise.seed: "${seed}"}')
    workflows.write("jobs/noise.comfyjob.yaml", job % "noise.json")
    workflows.run("jobs")
    workflows.write("jobs/noise.json", json.dumps(page(seed=77)))

    assert workflows.images_line(workflows.run("jobs", "--comfy-check")) == "images: 2 current"


def test_an_input_that_a_class_does_not_have_is_told_before_the_first_picture(workflows: Repository) -> None:
    workflows.write("jobs/noise.comfyjob.yaml", (JOB % "noise.json").replace("EmptyImage.width", "EmptyImage.widht"))

    result = workflows.run("jobs")

    assert workflows.images_line(result) == "images: 2 failed"
    result.stdout.fnmatch_lines(
        ["*[[]set-target[]] jobs/noise.comfyjob.yaml:6:27: node 1 (EmptyImage) has no input 'widht'"]
    )
    result.stdout.fnmatch_lines(["*hint: did you mean `EmptyImage.width`?"])


def test_a_picture_that_comfyui_made_is_a_workflow(workflows: Repository) -> None:
    info = PngInfo()
    info.add_text("workflow", json.dumps(page()))
    Image.new("RGB", (8, 8)).save(workflows.path / "jobs" / "old.png", pnginfo=info)
    workflows.write("jobs/noise.comfyjob.yaml", JOB % "old.png")

    result = workflows.run("jobs")

    assert workflows.images_line(result) == "images: 2 generated"
    assert workflows.images_line(workflows.run("jobs", "--comfy-check")) == "images: 2 current"


def test_a_picture_that_we_made_is_a_workflow_when_its_metadata_are_kept(workflows: Repository) -> None:
    job = (JOB % "noise.json").replace("{dir: ../assets}", "{dir: ../assets, metadata: true}")
    workflows.write("jobs/noise.comfyjob.yaml", job)
    workflows.run("jobs")
    again = "comfyjob: 1\noutput: {dir: ../again}\nitems:\n  small: {workflow: ../assets/small.png}\n"
    workflows.write("jobs/again.comfyjob.yaml", again)

    result = workflows.run("jobs/again.comfyjob.yaml")

    assert workflows.images_line(result) == "images: 1 generated"
    with Image.open(workflows.image("small")) as first, Image.open(workflows.path / "again" / "small.png") as second:
        assert first.tobytes() == second.tobytes()


TWO = saved(
    [
        node(1, "EmptyImage", {}, (16, 24, 1, 255), "IMAGE"),
        node(2, "EmptyImage", {}, (40, 24, 1, 255), "IMAGE"),
        node(3, "SaveImage", {"images": 1}, ("a",), title="First"),
        node(4, "SaveImage", {"images": 2}, ("b",)),
    ],
    [link(1, 1, 0, 3, 0, "IMAGE"), link(2, 2, 0, 4, 0, "IMAGE")],
)
CHOICE = """\
comfyjob: 1
output: {dir: ../assets}
defaults: {workflow: two.json, verify: {allow_blank: true}}
items:
  left: {output_node: First}
  right: {output_node: SaveImage#2}
"""


def test_the_output_node_says_which_picture_is_meant(workflows: Repository) -> None:
    workflows.write("jobs/noise.comfyjob.yaml", CHOICE)
    workflows.write("jobs/two.json", json.dumps(TWO))

    result = workflows.run("jobs")

    assert workflows.images_line(result) == "images: 2 generated"
    assert [size_of(workflows.image(name)) for name in ("left", "right")] == [(16, 24), (40, 24)]


def test_another_output_node_makes_the_image_stale(workflows: Repository) -> None:
    workflows.write("jobs/noise.comfyjob.yaml", CHOICE)
    workflows.write("jobs/two.json", json.dumps(TWO))
    workflows.run("jobs")
    workflows.write("jobs/noise.comfyjob.yaml", CHOICE.replace("SaveImage#2", "First"))

    result = workflows.run("jobs", "--comfy-check")

    assert workflows.images_line(result) == "images: 1 current, 1 stale"
    result.stdout.fnmatch_lines(["*assets/right.png is stale: output_node '4' → '3'"])


def test_several_pictures_and_no_choice_are_told_before_the_first_one(workflows: Repository) -> None:
    workflows.write("jobs/noise.comfyjob.yaml", CHOICE.replace("{output_node: First}", ""))
    workflows.write("jobs/two.json", json.dumps(TWO))

    result = workflows.run("jobs")

    assert workflows.images_line(result) == "images: 1 generated, 1 failed"
    result.stdout.fnmatch_lines(
        [
            "*[[]several-outputs[]] jobs/noise.comfyjob.yaml:3:22: the workflow has 2 nodes that save a picture*",
            "*hint: say which one is meant: `output_node:` with one of `3`, `4`",
        ]
    )


def test_a_python_test_makes_a_picture_from_a_workflow_of_the_page(workflows: Repository) -> None:
    workflows.write("tests/noise.json", json.dumps(page()))
    workflows.write(
        "tests/test_noise.py",
        "from PIL import Image\n"
        "def test_noise(comfy_generate):\n"
        "    made = comfy_generate(workflow='noise.json', set={'EmptyImage.width': 40}, verify={'allow_blank': True})\n"
        "    with Image.open(made.path) as image:\n"
        "        assert image.size == (40, 24)\n",
    )

    workflows.run("tests/test_noise.py", "--comfy-update", "stale").assert_outcomes(passed=1)


def test_workers_share_a_workflow_of_the_page(workflows: Repository) -> None:
    assert workflows.images_line(workflows.run("jobs", "-n2")) == "images: 2 generated"
