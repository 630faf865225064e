"""No two images show the same, and siblings agree: before one is published, and in every check."""

from __future__ import annotations

import json
from typing import Any

import pytest
from PIL import Image

from pytest_comfygen.flows.plan import Plan, make_plan
from pytest_comfygen.records import Job
from tests.repository import Repository

TWINS = """\
comfyjob: 1
output: {dir: ../assets}
defaults: {checkpoint: tiny.safetensors, size: 64x64, steps: 2, prompt: a dwarf, seed: 7}
items:
  kin_dwarf: {}
  kin_elf: {}
"""

WORKERS = pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["alone", "xdist"])


@pytest.fixture
def served(repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository with a server."""
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    return repository


def job(repository: Repository, text: str) -> Repository:
    """The repository with this job file."""
    repository.write("jobs/kins.comfyjob.yaml", text)
    return repository


def allowed(text: str) -> str:
    return text.replace("seed: 7", "seed: 7, verify: {duplicates: allow}")


@pytest.fixture
def twins(served: Repository) -> Repository:
    """Two equal images that were made when that was allowed."""
    job(served, allowed(TWINS))
    assert served.images_line(served.run("jobs")) == "images: 2 generated"
    return job(served, TWINS)


# --- a new picture ----------------------------------------------------------------------------------------------------


@WORKERS
def test_of_two_equal_pictures_exactly_one_is_published(served: Repository, workers: list[str]) -> None:
    result = job(served, TWINS).run("jobs", *workers)

    assert served.images_line(result) == "images: 1 generated, 1 failed"
    assert [served.image(name).exists() for name in ("kin_dwarf", "kin_elf")].count(True) == 1
    assert list((served.path / ".comfygen" / "pictures").glob("*") if workers else ()) == []


def test_the_other_picture_is_named_with_a_way_out(served: Repository) -> None:
    result = job(served, TWINS).run("jobs")

    result.stdout.fnmatch_lines(
        [
            "*[[]picture-refused[]] jobs/kins.comfyjob.yaml:6:3: the new picture of kin_elf failed: duplicate",
            "*duplicate  the same pixels as assets/kin_dwarf.png (jobs/*::kin_dwarf)  a picture of its own",
            "*kept aside: .comfygen/rejected/assets/kin_elf.png",
            "*hint: change prompt or seed; `verify: {duplicates: allow}` for one of them when it is meant",
        ]
    )
    assert not served.image("kin_elf").exists()


def test_an_item_that_this_run_leaves_out_counts_too(served: Repository) -> None:
    job(served, TWINS).run("jobs", "-k", "kin_dwarf")

    assert served.images_line(served.run("jobs", "-k", "kin_elf")) == "images: 1 failed"


def test_two_items_may_exchange_their_pictures(served: Repository) -> None:
    job(served, TWINS.replace("kin_elf: {}", "kin_elf: {seed: 8}")).run("jobs")
    before = [served.image(name).read_bytes() for name in ("kin_dwarf", "kin_elf")]

    result = job(served, TWINS.replace("kin_dwarf: {}", "kin_dwarf: {seed: 8}")).run("jobs")

    assert served.images_line(result) == "images: 2 generated"
    assert [served.image(name).read_bytes() for name in ("kin_elf", "kin_dwarf")] == before


def test_a_renamed_item_may_show_what_the_old_one_did(served: Repository) -> None:
    job(served, TWINS).run("jobs", "-k", "kin_dwarf")

    result = job(served, TWINS.replace("kin_dwarf", "kin_gnome").replace("  kin_elf: {}\n", "")).run("jobs")

    assert served.images_line(result) == "images: 1 generated"


def test_sketches_are_placeholders_and_may_be_equal(served: Repository) -> None:
    result = job(served, TWINS.replace("seed: 7", "seed: 7, verify: {palette: 2, bytes: 10, siblings: true}")).run(
        "jobs", "--comfy-sketch"
    )

    assert served.images_line(result) == "images: 2 generated"


def test_a_picture_that_was_refused_is_no_reason_to_refuse_another(served: Repository) -> None:
    too_large = TWINS.replace("kin_dwarf: {}", "kin_dwarf: {verify: {bytes: 10}}")

    assert served.images_line(job(served, too_large).run("jobs")) == "images: 1 generated, 1 failed"


def test_a_picture_that_a_check_of_ones_own_refuses_does_not_count_either(served: Repository) -> None:
    served.write(
        "jobs/conftest.py",
        "from pytest_comfygen import Finding\n"
        "def pytest_comfygen_verify(job, path):\n"
        "    return [Finding('ugly', 'error', 'this', 'that')] if job.name == 'kin_dwarf' else []\n",
    )

    result = job(served, TWINS).run("jobs")

    assert served.images_line(result) == "images: 1 generated, 1 failed"
    result.stdout.fnmatch_lines(["*the new picture of kin_dwarf failed: ugly"])


def test_the_old_picture_counts_again_when_the_new_one_is_refused(served: Repository) -> None:
    job(served, TWINS.replace("kin_elf: {}", "kin_elf: {seed: 8}")).run("jobs")
    served.write(
        "jobs/conftest.py",
        "from pytest_comfygen import Finding\n"
        "def pytest_comfygen_verify(job, path):\n"
        "    return [Finding('ugly', 'error', 'this', 'that')] if job.name == 'kin_dwarf' else []\n",
    )
    three = "kin_dwarf: {prompt: another}\n  kin_elf: {seed: 8}\n  kin_orc: {seed: 7}"
    job(served, TWINS.replace("kin_dwarf: {}\n  kin_elf: {}", three)).run("jobs")
    assert served.image("kin_orc").exists()  # the old dwarf was to be made anew, so it did not count

    result = job(served, TWINS.replace("kin_elf: {}", "kin_elf: {seed: 8}\n  kin_orc: {}")).run("jobs")

    assert served.images_line(result) == "images: 1 current, 2 failed"


# --- images that stand there ------------------------------------------------------------------------------------------


@WORKERS
@pytest.mark.parametrize("check", [["--comfy-check"], []], ids=["check", "run"])
def test_equal_images_are_both_told_whatever_their_order(
    twins: Repository, workers: list[str], check: list[str]
) -> None:
    result = twins.run("jobs", *check, *workers)

    assert twins.images_line(result) == "images: 2 failed"
    result.stdout.fnmatch_lines_random(
        [
            "*[[]duplicate[]] *:5:3: assets/kin_dwarf.png shows the same pixels as assets/kin_elf.png (*::kin_elf)",
            "*[[]duplicate[]] *:6:3: assets/kin_elf.png shows the same pixels as assets/kin_dwarf.png (*::kin_dwarf)",
        ]
    )


@WORKERS
def test_one_of_them_may_say_that_it_is_meant(twins: Repository, workers: list[str]) -> None:
    job(twins, TWINS.replace("kin_elf: {}", "kin_elf: {verify: {duplicates: allow}}"))

    assert twins.images_line(twins.run("jobs", "--comfy-check", *workers)) == "images: 2 current"


def test_an_image_that_is_stale_is_no_duplicate_of_others(twins: Repository) -> None:
    job(twins, TWINS.replace("kin_elf: {}", "kin_elf: {seed: 8}"))

    assert twins.images_line(twins.run("jobs", "--comfy-check")) == "images: 1 current, 1 stale"


def test_an_image_in_another_job_file_counts_when_that_is_opened(served: Repository) -> None:
    job(served, TWINS.replace("  kin_elf: {}\n", "")).run("jobs")
    other = TWINS.replace("  kin_dwarf: {}\n", "")
    served.write("jobs/more.comfyjob.yaml", other)
    assert served.images_line(served.run("jobs/more.comfyjob.yaml")) == "images: 1 generated"

    alone = served.run("jobs/more.comfyjob.yaml", "--comfy-check")
    together = served.run("jobs", "--comfy-check")

    assert [served.images_line(one) for one in (alone, together)] == ["images: 1 current", "images: 2 failed"]


def test_another_encoding_of_the_same_pixels_is_a_duplicate(twins: Repository) -> None:
    with Image.open(twins.image("kin_elf")) as picture:
        picture.save(twins.image("kin_elf"), compress_level=1)

    result = twins.run("jobs", "--comfy-check")

    assert twins.images_line(result) == "images: 2 failed"


# --- near ones --------------------------------------------------------------------------------------------------------


def brightened(repository: Repository, name: str, by: int) -> None:
    """An image that a person made a little brighter, and adopted."""
    with Image.open(repository.image("kin_dwarf")) as picture:
        picture.point(lambda value: min(255, value + by)).save(repository.image(name))


@WORKERS
def test_a_picture_that_nearly_shows_the_same_is_told_when_that_is_asked_for(
    twins: Repository, workers: list[str]
) -> None:
    brightened(twins, "kin_elf", 3)
    assert twins.images_line(twins.run("jobs", "-k", "kin_elf", "--comfy-adopt")) == "images: 1 adopted"

    lax = twins.run("jobs", "--comfy-check", *workers)
    job(twins, TWINS.replace("seed: 7", "seed: 7, verify: {duplicates: 8}"))
    strict = twins.run("jobs", "--comfy-check", *workers)

    assert [twins.images_line(one) for one in (lax, strict)] == ["images: 2 current", "images: 2 failed"]
    strict.stdout.fnmatch_lines(["*assets/kin_elf.png shows * of 256 bits unlike assets/kin_dwarf.png (jobs*"])


# --- siblings ---------------------------------------------------------------------------------------------------------

SIBLINGS = """\
comfyjob: 1
output: {dir: ../assets}
defaults: {checkpoint: tiny.safetensors, size: 64x64, steps: 2, prompt: "portrait of ${name}", verify: {siblings: true}}
items:
  kin_a: {}
  kin_b: {}
  kin_c: {}
  kin_d: {}
"""


def paint(repository: Repository, name: str, grey: int, size: int = 64) -> None:
    """Put a drawing of this brightness in the place of an image."""
    picture = Image.linear_gradient("L").resize((size, size)).point(lambda value: grey + value % 8).convert("RGB")
    picture.putpixel((0, 0), (ord(name[-1]), 0, 0))
    picture.save(repository.image(name))


@pytest.fixture
def siblings(served: Repository) -> Repository:
    """Four images that were drawn by hand."""
    job(served, SIBLINGS).run("jobs")
    for name, grey in (("kin_a", 100), ("kin_b", 110), ("kin_c", 120), ("kin_d", 240)):
        paint(served, name, grey)
    assert served.images_line(adopted(served)) == "images: 4 adopted"
    return served


def adopted(repository: Repository) -> pytest.RunResult:
    lax = SIBLINGS.replace("siblings: true", "min_stddev: 1")
    job(repository, lax)
    result = repository.run("jobs", "--comfy-adopt")
    job(repository, SIBLINGS)
    return result


@WORKERS
def test_a_sibling_that_stands_out_is_named(siblings: Repository, workers: list[str]) -> None:
    result = siblings.run("jobs", "--comfy-check", *workers)

    assert siblings.images_line(result) == "images: 3 current, 1 failed"
    result.stdout.fnmatch_lines(
        [
            "*[[]unlike-siblings[]] jobs/kins.comfyjob.yaml:8:3: assets/kin_d.png stands out among its siblings: *",
            "*unlike-siblings *mean brightness 24?, and the median of 4 siblings is 11?  at most 64 away",
            "*`verify: {siblings: {brightness: …}}` allows for more",
        ]
    )


def test_siblings_may_be_allowed_to_differ_more(siblings: Repository) -> None:
    job(siblings, SIBLINGS.replace("siblings: true", "siblings: {brightness: 200}"))

    assert siblings.images_line(siblings.run("jobs", "--comfy-check")) == "images: 4 current"


def test_an_item_can_be_taken_out_of_its_siblings(siblings: Repository) -> None:
    job(siblings, SIBLINGS.replace("kin_d: {}", "kin_d: {verify: {siblings: false}}"))

    assert siblings.images_line(siblings.run("jobs", "--comfy-check")) == "images: 4 current"


def test_a_new_picture_that_stands_out_is_not_published(siblings: Repository) -> None:
    job(siblings, SIBLINGS.replace("kin_d: {}", "kin_d: {size: 128x128}"))
    siblings.image("kin_d").unlink()

    result = siblings.run("jobs")

    assert siblings.images_line(result) == "images: 3 current, 1 failed"
    result.stdout.fnmatch_lines(["*unlike-siblings*size 128x128*size 64x64, as 3 of 4*"])
    assert not siblings.image("kin_d").exists()


def test_records_of_earlier_versions_are_measured_once_and_then_written(siblings: Repository) -> None:
    records = siblings.path / "assets" / ".comfyrecords"
    for path in records.iterdir():
        fields = json.loads(path.read_text(encoding="utf-8"))
        del fields["verified"]["brightness"]
        path.write_text(json.dumps(fields), encoding="utf-8")
    job(siblings, SIBLINGS.replace("siblings: true", "siblings: {brightness: 200}"))

    result = siblings.run("jobs")

    assert siblings.images_line(result) == "images: 4 current"
    assert siblings.record("kin_c")["verified"]["brightness"] == pytest.approx(124, abs=3)
    job(siblings, SIBLINGS)
    assert siblings.images_line(siblings.run("jobs", "--comfy-check")) == "images: 3 current, 1 failed"


def test_many_equal_images_are_planned_once_each_however_many_there_are(
    served: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = TWINS + "".join(f"  kin_{number}: {{}}\n" for number in range(6))
    job(served, allowed(many)).run("jobs")
    planned: list[str] = []

    def noted(job: Job, *given: Any, **more: Any) -> Plan:
        planned.append(job.name)
        return make_plan(job, *given, **more)

    monkeypatch.setattr("pytest_comfygen.flows.plan.make_plan", noted)
    result = job(served, many).run("jobs", "--comfy-check")

    assert served.images_line(result) == "images: 8 failed"
    assert len(planned) <= 2 * 8
