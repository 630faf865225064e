"""An input of a workflow may get a file of the repository, or what another item makes."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from tests.language.saved_workflows import link, node, saved
from tests.repository import Repository

GRAPH = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "nobody.png"}},
    "2": {"class_type": "LoadImageMask", "inputs": {"image": "nobody.png", "channel": "red"}},
    "3": {"class_type": "ImageBlur", "inputs": {"image": ["1", 0], "blur_radius": 2, "sigma": 1.0}},
    "4": {"class_type": "JoinImageWithAlpha", "inputs": {"image": ["3", 0], "alpha": ["2", 0]}},
    "5": {"class_type": "SaveImage", "inputs": {"images": ["4", 0], "filename_prefix": "x"}},
}
FILE = "jobs/kins.comfyjob.yaml"
JOB = """\
comfyjob: 1
output: {dir: ../assets}
defaults:
  workflow: soft.json
  set: {LoadImageMask.image: {file: mask.png}}
items:
  softer: {set: {LoadImage.image: {item: soft}, LoadImageMask.image: {item: soft}}}
  soft: {set: {LoadImage.image: {file: "${sketch}.png"}}, vars: {sketch: start}}
"""


@pytest.fixture
def pictures(repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository with an item whose workflow loads two files, and one whose workflow loads what that one makes."""
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    repository.write(FILE, JOB)
    repository.write("jobs/soft.json", json.dumps(GRAPH))
    Image.linear_gradient("L").resize((64, 48)).convert("RGB").save(repository.path / "jobs" / "start.png")
    mask = Image.new("L", (64, 48))
    mask.paste(255, (0, 0, 32, 48))
    mask.save(repository.path / "jobs" / "mask.png")
    return repository


@pytest.fixture
def loaded(pictures: Repository) -> Repository:
    """The same with all images made."""
    assert pictures.images_line(pictures.run("jobs")) == "images: 2 generated"
    return pictures


def test_the_files_are_what_the_workflow_loads(loaded: Repository) -> None:
    with Image.open(loaded.image("soft")) as picture:
        assert (picture.size, picture.mode) == ((64, 48), "RGBA")
        alpha = picture.getchannel("A")
        assert (alpha.getpixel((4, 40)), alpha.getpixel((60, 40))) == (0, 255)


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["alone", "xdist"])
def test_the_item_that_is_loaded_is_made_first(pictures: Repository, workers: list[str]) -> None:
    assert pictures.images_line(pictures.run("jobs", *workers)) == "images: 2 generated"
    assert pictures.images_line(pictures.run("jobs")) == "images: 2 current"


def test_everything_made_again_is_identical(loaded: Repository) -> None:
    assert loaded.images_line(loaded.run("jobs", "--comfy-update", "all")) == "images: 2 identical"


def test_a_record_holds_what_was_loaded(loaded: Repository) -> None:
    record = loaded.record("softer")

    pixels = loaded.record("soft")["pixels_sha256"]
    assert record["inputs"] == {"set.LoadImage.image": pixels, "set.LoadImageMask.image": pixels}
    assert not [key for key in record["workflow"] if key.startswith("set ")]


def test_another_file_makes_the_picture_and_what_comes_from_it_stale(loaded: Repository) -> None:
    Image.radial_gradient("L").resize((64, 48)).convert("RGB").save(loaded.path / "jobs" / "start.png")

    checked = loaded.run("jobs", "--comfy-check")

    checked.stdout.fnmatch_lines(["*soft.png is stale: the file of set.LoadImage.image changed (* → *)"])
    assert loaded.images_line(checked) == "images: 2 stale"
    assert loaded.images_line(loaded.run("jobs")) == "images: 2 generated"


def test_another_name_for_the_same_file_changes_nothing(loaded: Repository) -> None:
    (loaded.path / "jobs" / "start.png").rename(loaded.path / "jobs" / "begin.png")
    loaded.edit_job("sketch: start", "sketch: begin")

    assert loaded.images_line(loaded.run("jobs")) == "images: 2 current"


def test_a_file_that_is_not_there_is_told_at_its_place(pictures: Repository) -> None:
    (pictures.path / "jobs" / "start.png").rename(pictures.path / "jobs" / "stard.png")

    result = pictures.run(f"{FILE}::soft")

    result.stdout.fnmatch_lines(
        [f"[[]input-missing[]] {FILE}:8:33: jobs/start.png does not exist", "*did you mean stard.png?*"]
    )


def test_a_sketch_needs_no_file(pictures: Repository) -> None:
    (pictures.path / "jobs" / "start.png").unlink()

    assert pictures.images_line(pictures.run("jobs", "--comfy-sketch")) == "images: 2 generated"


def test_the_item_that_failed_is_named(pictures: Repository) -> None:
    pictures.edit_job("vars: {sketch: start}", "vars: {sketch: start}, size: 16x16")

    result = pictures.run("jobs")

    result.stdout.fnmatch_lines(
        [f"[[]input-not-ready[]] {FILE}:7:77: softer is made from soft, which this run did not make"]
    )


def test_rows_and_combinations_name_files(pictures: Repository) -> None:
    pictures.write(
        FILE,
        "comfyjob: 1\n"
        "output: {dir: ../assets}\n"
        "defaults: {workflow: soft.json, set: {LoadImageMask.image: {file: mask.png}}}\n"
        "from: [{file: kins.csv, name: 'k_${id}', set: {LoadImage.image: {file: '${picture}'}}}]\n"
        "matrix: {axes: {one: [start, mask]}, name: 'm_${one}', set: {LoadImage.image: {file: '${one}.png'}}}\n",
    )
    pictures.write("jobs/kins.csv", "id,picture\na,start.png\nb,mask.png\n")

    assert pictures.images_line(pictures.run("jobs")) == "images: 4 generated"
    assert pictures.record("k_a")["inputs"] == pictures.record("m_start")["inputs"]


def test_defaults_of_another_file_name_files_relative_to_the_job_file(pictures: Repository) -> None:
    pictures.write(
        "jobs/comfyjob.defaults.yaml", "comfyjob: 1\ndefaults: {set: {LoadImage.image: {file: start.png}}}\n"
    )
    pictures.edit_job("softer: {set: {LoadImage.image: {item: soft}, LoadImageMask.image: {item: soft}}}", "softer:")

    assert pictures.images_line(pictures.run("jobs")) == "images: 2 generated"
    assert pictures.record("softer")["inputs"] == pictures.record("soft")["inputs"]


def test_a_workflow_of_the_page_takes_files_too(pictures: Repository) -> None:
    page = saved(
        [
            node(1, "LoadImage", {}, ("nobody.png", "image"), "IMAGE"),
            node(2, "SaveImage", {"images": 1}, ("x",)),
        ],
        [link(1, 1, 0, 2, 0, "IMAGE")],
    )
    pictures.write("jobs/page.json", json.dumps(page))
    pictures.write(
        FILE,
        "comfyjob: 1\noutput: {dir: ../assets}\n"
        "items: {kin: {workflow: page.json, set: {LoadImage.image: {file: start.png}}}}\n",
    )

    assert pictures.images_line(pictures.run("jobs")) == "images: 1 generated"
    assert list(pictures.record("kin")["inputs"]) == ["set.LoadImage.image"]


def test_a_python_test_gives_a_file_beside_it(pictures: Repository) -> None:
    for name in ("start.png", "mask.png", "soft.json"):
        (pictures.path / "jobs" / name).rename(pictures.path / "tests" / name)
    pictures.write(
        "tests/test_soft.py",
        "def test_soft(comfy_generate):\n"
        "    files = {'LoadImage.image': {'file': 'start.png'}, 'LoadImageMask.image': {'file': 'mask.png'}}\n"
        "    comfy_generate(workflow='soft.json', set=files)\n",
    )

    pictures.run("tests/test_soft.py", "--comfy-update", "stale").assert_outcomes(passed=1)


# --- what the server would refuse -------------------------------------------------------------------------------------


def test_a_file_that_the_server_has_not_is_told_with_the_way_to_give_it(pictures: Repository) -> None:
    pictures.write(
        FILE, "comfyjob: 1\nitems: {kin: {workflow: soft.json, set: {LoadImageMask.image: {file: mask.png}}}}\n"
    )

    result = pictures.run("jobs")

    result.stdout.fnmatch_lines(
        [
            f"[[]value-refused[]] {FILE}:2:25: *LoadImage* names 'nobody.png', which the server does not have*",
            "*`set: {LoadImage.image: {file: PATH}}`*",
        ]
    )


def test_a_file_that_lies_in_a_folder_is_told_by_the_server(pictures: Repository) -> None:
    pictures.edit_job('{LoadImage.image: {file: "${sketch}.png"}}', "{LoadImage.image: no/body.png}")

    result = pictures.run(f"{FILE}::soft")

    result.stdout.fnmatch_lines(
        ["[[]graph-rejected[]]*image: *Invalid image file: no/body.png*", "*`set: {LoadImage.image: {file: PATH}}`*"]
    )


def test_an_input_that_takes_no_file_is_told(pictures: Repository) -> None:
    pictures.edit_job('LoadImage.image: {file: "${sketch}.png"}', "ImageBlur.image: {file: start.png}")

    result = pictures.run(f"{FILE}::soft")

    result.stdout.fnmatch_lines(
        [
            "[[]value-refused[]]*:8:33: *ImageBlur* takes no file, but a value of type IMAGE",
            "*such as `LoadImage.image`*",
        ]
    )


def test_a_sound_goes_to_the_server_as_it_is(pictures: Repository) -> None:
    """Whatever the file: the server says what it can load."""
    pictures.write("jobs/storm.wav", "RIFF")
    pictures.edit_job('"${sketch}.png"', "storm.wav")

    result = pictures.run(f"{FILE}::soft")

    result.stdout.fnmatch_lines(["[[]execution-failed[]]*LoadImage*"])


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ('"LoadImage.image": {"file": "start.exe"}', "[[]unknown-format[]] jobs/kins.json:2:*'start.exe'*"),
        ('"LoadImage.image": {"item": "k_c"}', "[[]unknown-item[]] jobs/kins.json:2:*'k_c'*"),
        ('"LoadPicture.image": {"file": "start.png"}', "[[]set-target[]] jobs/kins.json:2:*LoadPicture.image*"),
    ],
)
def test_a_row_that_names_a_wrong_file_is_told_in_its_own_file(pictures: Repository, entry: str, told: str) -> None:
    rows = '[{"id": "a", "set": {"LoadImage.image": {"file": "start.png"}}},\n {"id": "b", "set": {%s}}]\n'
    pictures.write("jobs/kins.json", rows % entry)
    pictures.write(
        FILE,
        "comfyjob: 1\n"
        "defaults: {workflow: soft.json, set: {LoadImageMask.image: {file: mask.png}}}\n"
        "from: [{file: kins.json, name: 'k_${id}', keys: [set]}]\n",
    )

    pictures.run("jobs", "--collect-only").stdout.fnmatch_lines([told])
