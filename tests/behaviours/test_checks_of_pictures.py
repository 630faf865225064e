"""What `verify:` wants of a picture keeps one that lacks it from being published, and is held against those there."""

from __future__ import annotations

import json
import shutil
import sys

import pytest
from PIL import Image

from tests.repository import Repository

CHECKED = "steps: 2, verify: {%s}"


@pytest.fixture
def served(repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository with a server and one image to make."""
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    repository.edit_job("  kin_elf: {tags: [draft]}\n", "")
    return repository


def wanting(repository: Repository, verify: str) -> Repository:
    """The repository whose job wants this of its image."""
    path = repository.path / "jobs" / "kins.comfyjob.yaml"
    text = path.read_text(encoding="utf-8")
    before, _, after = text.partition("steps: 2")
    rest = after[after.index(", prompt:") :]
    path.write_text(f"{before}{CHECKED % verify}{rest}", encoding="utf-8")
    return repository


FAILING = [
    ("bytes: 10", "too-many-bytes", "at most 10"),
    ("bytes: {min: 1 MB}", "too-few-bytes", "at least 1000000"),
    ("palette: 2", "too-many-colours", "at most 2"),
    ('palette: ["#000000"]', "strange-colours", "only the 1 of the palette"),
    ("alpha: {max: 0}, bytes: 10", "too-many-bytes", "at most 10"),
]


@pytest.mark.parametrize(("verify", "code", "wanted"), FAILING)
def test_a_new_picture_that_fails_is_not_published(served: Repository, verify: str, code: str, wanted: str) -> None:
    result = wanting(served, verify).run("jobs")

    assert served.images_line(result) == "images: 1 failed"
    result.stdout.fnmatch_lines(
        [
            f"*[[]picture-refused[]] jobs/kins.comfyjob.yaml:5:3: the new picture of kin_dwarf failed: {code}",
            f"    {code} *{wanted}",
        ]
    )
    assert not served.image("kin_dwarf").exists()


@pytest.mark.parametrize(("verify", "code", "wanted"), FAILING)
def test_an_image_that_stands_there_is_stale_when_it_fails(
    served: Repository, verify: str, code: str, wanted: str
) -> None:
    served.run("jobs")

    result = wanting(served, verify).run("jobs", "--comfy-check")

    assert served.images_line(result) == "images: 1 stale"
    result.stdout.fnmatch_lines([f"*assets/kin_dwarf.png is stale: check {code}: found *, wanted {wanted}"])


@pytest.mark.parametrize(
    "verify", ["bytes: {min: 10, max: 1 MB}", "palette: {max_colours: 65536}", "alpha: forbidden", "alpha: {max: 0.5}"]
)
def test_what_passes_is_made_recorded_and_current(served: Repository, verify: str) -> None:
    lines = [served.images_line(wanting(served, verify).run("jobs")) for _ in range(2)]

    assert lines == ["images: 1 generated", "images: 1 current"]


def test_the_bytes_that_count_are_those_of_the_file(served: Repository) -> None:
    """ComfyUI's file holds the graph, which is not kept."""
    served.run("jobs")
    size = served.image("kin_dwarf").stat().st_size
    served.image("kin_dwarf").unlink()

    assert served.images_line(wanting(served, f"bytes: {size}").run("jobs")) == "images: 1 generated"


def test_a_picture_without_the_transparency_that_is_needed_is_refused(served: Repository) -> None:
    served.write(
        "jobs/noise.json",
        '{"1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 255}},'
        ' "2": {"class_type": "ImageAddNoise", "inputs": {"image": ["1", 0], "seed": 1, "strength": 0.5}},'
        ' "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "x"}}}',
    )
    served.write(
        "jobs/kins.comfyjob.yaml",
        "comfyjob: 1\noutput: {dir: ../assets}\n"
        "items: {kin_dwarf: {workflow: noise.json, verify: {alpha: {min: 0.2}}}}\n",
    )

    result = served.run("jobs")

    result.stdout.fnmatch_lines(["*transparency  0.0% fully transparent  at least 20.0% and at most 100.0%"])


# --- a baseline -------------------------------------------------------------------------------------------------------


@pytest.fixture
def approved(served: Repository) -> Repository:
    """Its image was approved, and a copy of it kept."""
    served.run("jobs")
    shutil.copy(served.image("kin_dwarf"), served.path / "jobs" / "kin_dwarf.png")
    return served


def test_an_image_like_its_baseline_passes(approved: Repository) -> None:
    wanting(approved, 'similar_to: {file: "${name}.png", min_ssim: 0.9}')
    approved.edit_job("portrait of", "a portrait of")
    approved.edit_job("similar_to: {file", "similar_to: {distance: 256, file")
    lax = approved.run("jobs", "--comfy-check")
    approved.edit_job("a portrait of", "portrait of")

    lines = [approved.images_line(approved.run("jobs")) for _ in range(2)]

    assert approved.images_line(lax) == "images: 1 stale"
    assert lines == ["images: 1 current", "images: 1 current"]


def test_an_image_unlike_its_baseline_is_refused_and_the_old_one_stays(approved: Repository) -> None:
    before = approved.image("kin_dwarf").read_bytes()
    wanting(approved, "similar_to: {file: kin_dwarf.png, distance: 0}").edit_job(
        "kin_dwarf: {}", "kin_dwarf: {seed: 5}"
    )

    result = approved.run("jobs")

    result.stdout.fnmatch_lines(["*failed: unlike-baseline", "*unlike-baseline * of 256 bits unlike kin_dwarf.png *"])
    assert approved.image("kin_dwarf").read_bytes() == before


def test_another_baseline_is_another_check(approved: Repository) -> None:
    wanting(approved, "similar_to: {file: kin_dwarf.png, distance: 20}").run("jobs")
    Image.effect_mandelbrot((64, 64), (-2, -1.5, 1, 1.5), 50).save(approved.path / "jobs" / "kin_dwarf.png")

    result = approved.run("jobs", "--comfy-check")

    result.stdout.fnmatch_lines(
        ["*is stale: check unlike-baseline: found * bits unlike kin_dwarf.png, wanted at most 20"]
    )


def test_a_baseline_that_is_not_there_is_told_at_its_place(served: Repository) -> None:
    result = wanting(served, "similar_to: kin_dwerf.png").run("jobs")

    result.stdout.fnmatch_lines(["*[[]input-missing[]] jobs/kins.comfyjob.yaml:3:*: jobs/kin_dwerf.png does not exist"])


def test_another_item_can_be_the_baseline_and_comes_first(served: Repository) -> None:
    served.write(
        "jobs/kins.comfyjob.yaml",
        """\
comfyjob: 1
output: {dir: ../assets}
defaults: {checkpoint: tiny.safetensors, size: 64x64, steps: 2, prompt: "portrait of ${name}"}
items:
  kin_dwarf_old: {verify: {similar_to: {item: kin_dwarf, distance: 256}}}
  kin_dwarf:
""",
    )

    result = served.run("jobs", "-v")

    assert served.images_line(result) == "images: 2 generated"
    result.stdout.fnmatch_lines(["*::kin_dwarf GENERATED*", "*::kin_dwarf_old GENERATED*"])
    assert served.images_line(served.run("jobs", "--comfy-check")) == "images: 2 current"


BASELINE = """\
comfyjob: 1
output: {dir: ../assets}
defaults: {checkpoint: tiny.safetensors, size: 64x64, steps: 2, prompt: "portrait of ${name}"}
items:
  kin_dwarf: {}
  kin_dwarf_old: {verify: {similar_to: {item: kin_dwarf, distance: 256}}}
"""


def test_a_plan_makes_the_baseline_first_and_refuses_nothing(served: Repository) -> None:
    served.write("jobs/kins.comfyjob.yaml", BASELINE)

    result = served.run("jobs", "--comfy-plan")

    result.stdout.no_fnmatch_line("*input-missing*")
    assert result.ret == 0


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["alone", "xdist"])
def test_a_baseline_that_failed_is_named_with_its_item(served: Repository, workers: list[str]) -> None:
    served.write("jobs/kins.comfyjob.yaml", BASELINE.replace("kin_dwarf: {}", "kin_dwarf: {sampler: no_such}"))

    result = served.run("jobs", *workers)

    result.stdout.fnmatch_lines(["*[[]input-not-ready[]] jobs/*:6:*: kin_dwarf_old is compared with kin_dwarf, which*"])
    assert served.images_line(result) == "images: 2 failed"


def test_an_image_whose_baseline_is_gone_is_made_again_after_it(served: Repository) -> None:
    served.write("jobs/kins.comfyjob.yaml", BASELINE)
    served.run("jobs")
    served.image("kin_dwarf").unlink()

    checked = served.run("jobs", "--comfy-check")

    checked.stdout.fnmatch_lines(["*kin_dwarf_old.png is stale: kin_dwarf, which it is made from, is not current"])
    assert served.images_line(served.run("jobs")).endswith("1 current")
    assert served.images_line(served.run("jobs", "--comfy-check")) == "images: 2 current"


def test_without_numpy_structure_is_told_to_need_it(approved: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    wanting(approved, "similar_to: {file: kin_dwarf.png, min_ssim: 0.5}")

    result = approved.run("jobs")

    result.stdout.fnmatch_lines(
        [
            "*[[]metrics-missing[]] jobs/kins.comfyjob.yaml:3:*: `min_ssim` needs numpy, which is not installed",
            "*hint: pip install 'pytest-comfygen[[]metrics[]]'",
        ]
    )


# --- further seeds ----------------------------------------------------------------------------------------------------

REFUSES_SOME = """
from pathlib import Path
from pytest_comfygen import Finding

SEEN = Path(__file__).with_name("seen.txt")

def pytest_comfygen_verify(job, path):
    seen = SEEN.read_text().count("x") if SEEN.exists() else 0
    SEEN.write_text("x" * (seen + 1))
    return [] if seen >= {refused} else [Finding("ugly", "error", f"picture {{seen}}", "a nice one", "try again")]
"""


def refusing(repository: Repository, number: int) -> Repository:
    """The repository with a check of its own that refuses so many pictures."""
    repository.write("jobs/conftest.py", REFUSES_SOME.format(refused=number))
    return repository


def test_the_next_seed_is_tried_recorded_and_kept(served: Repository) -> None:
    served.run("jobs")
    first = served.record("kin_dwarf")["seed"]
    served.image("kin_dwarf").unlink()
    (served.path / "assets/.comfyrecords/kin_dwarf.png.json").unlink()

    made = wanting(refusing(served, 2), "retries: 3").run("jobs")
    again = [served.images_line(served.run("jobs", *options)) for options in ([], ["--comfy-update", "all"])]

    assert served.images_line(made) == "images: 1 generated"
    assert served.record("kin_dwarf")["seed"] == first + 2
    assert again == ["images: 1 current", "images: 1 identical"]
    assert served.record("kin_dwarf")["seed"] == first + 2


def test_an_image_that_is_gone_comes_back_as_it_was(served: Repository) -> None:
    wanting(refusing(served, 1), "retries: 3").run("jobs")
    before = served.image("kin_dwarf").read_bytes()
    served.image("kin_dwarf").unlink()

    assert served.images_line(served.run("jobs")) == "images: 1 generated"
    assert served.image("kin_dwarf").read_bytes() == before


def test_a_changed_job_begins_with_its_first_seed(served: Repository) -> None:
    wanting(refusing(served, 1), "retries: 3").run("jobs")
    first = served.record("kin_dwarf")["seed"] - 1
    served.edit_job("portrait of", "a portrait of")

    result = served.run("jobs", "-v")

    result.stdout.fnmatch_lines(["*GENERATED (prompt *"])
    assert served.record("kin_dwarf")["seed"] == first


def test_when_all_seeds_fail_they_are_told(served: Repository) -> None:
    result = wanting(refusing(served, 9), "retries: 2").run("jobs")

    seeds = (served.path / "jobs" / "seen.txt").read_text(encoding="utf-8")
    assert (served.images_line(result), len(seeds)) == ("images: 1 failed", 3)
    result.stdout.fnmatch_lines(["*failed: ugly", "*so did 2 before it: seeds * to * were tried"])


@pytest.mark.parametrize(
    ("verify", "item", "pictures"),
    [("retries: 0", "{}", 1), ("retries: 3", "{seed: 5}", 1), ("retries: 3", "{seed: random}", 4)],
    ids=["none allowed", "a seed written as a number", "a random one"],
)
def test_whose_seed_may_change(served: Repository, verify: str, item: str, pictures: int) -> None:
    wanting(refusing(served, 9), verify).edit_job("kin_dwarf: {}", f"kin_dwarf: {item}")

    served.run("jobs")

    assert len((served.path / "jobs" / "seen.txt").read_text(encoding="utf-8")) == pictures


def test_fewer_retries_than_the_kept_seed_took_make_the_image_stale(served: Repository) -> None:
    wanting(refusing(served, 2), "retries: 3").run("jobs")

    result = wanting(served, "retries: 1").run("jobs", "--comfy-check")

    result.stdout.fnmatch_lines(["*is stale: seed * → *"])


# --- an external scorer -----------------------------------------------------------------------------------------------

SCORER = """\
import json, os, sys

asked = json.loads(sys.stdin.readline())
with open("asked.jsonl", "a") as file:
    file.write(json.dumps({**asked, "tokens": [name for name in os.environ if "TOKEN" in name]}) + "\\n")
print(json.dumps({"score": SCORE, "reason": "too dull"}))
"""


@pytest.fixture
def scored(served: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Its image is scored with 0.5."""
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    served.write("score.py", SCORER.replace("SCORE", "0.5"))
    ini = f"comfy_scorer =\n    other = false\n    aesthetic = {sys.executable} score.py\n"
    served.write("pytest.ini", (served.path / "pytest.ini").read_text(encoding="utf-8") + ini)
    return served


def asked(repository: Repository) -> list[dict[str, object]]:
    lines = (repository.path / "asked.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_a_picture_with_enough_score_is_published_and_not_scored_again(scored: Repository) -> None:
    wanting(scored, "scorer: aesthetic, min_score: 0.5")

    lines = [scored.images_line(scored.run("jobs", *check)) for check in ([], [], ["--comfy-check"])]

    assert lines == ["images: 1 generated", "images: 1 current", "images: 1 current"]
    (told,) = asked(scored)
    assert {key: told[key] for key in told if key != "image"} == {
        "format": "png",
        "job": "jobs/kins.comfyjob.yaml",
        "item": "kin_dwarf",
        "prompt": "portrait of kin_dwarf",
        "negative": "",
        "tags": ["portrait"],
        "tokens": [],
    }


def test_a_picture_with_too_little_is_refused(scored: Repository) -> None:
    result = wanting(scored, "scorer: aesthetic, min_score: 0.7").run("jobs")

    result.stdout.fnmatch_lines(["*failed: low-score", "*low-score  0.5 by aesthetic: too dull  at least 0.7"])
    assert not scored.image("kin_dwarf").exists()


@pytest.mark.parametrize(
    ("options", "outcome"),
    [(["--comfy-check"], "stale"), (["--comfy-adopt"], "failed"), ([], "failed")],
    ids=["check", "adopt", "run"],
)
def test_an_image_that_stands_there_is_scored_when_that_is_new(
    scored: Repository, options: list[str], outcome: str
) -> None:
    scored.run("jobs")

    result = wanting(scored, "scorer: aesthetic, min_score: 0.7").run("jobs", *options)

    assert scored.images_line(result) == f"images: 1 {outcome}"
    assert "low-score" in result.stdout.str()


def test_a_score_that_is_enough_is_written_down_for_the_next_run(scored: Repository) -> None:
    scored.run("jobs")
    wanting(scored, "scorer: aesthetic, min_score: 0.4")

    lines = [scored.images_line(scored.run("jobs")) for _ in range(3)]

    assert lines == ["images: 1 current"] * 3
    assert len(asked(scored)) == 1


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("false", "*[[]scorer-failed[]] *: the scorer ended with exit code 1"),
        ("no-such-program", "*[[]scorer-failed[]] *: the scorer cannot be run: no-such-program: *"),
        ("echo 0.5", "*[[]scorer-failed[]] *: the scorer answered with no finite number as `score`"),
        ("'unfinished", "*[[]scorer-failed[]] *: the command of the scorer 'mine' cannot be read: *"),
    ],
)
def test_a_scorer_that_does_not_work_is_no_verdict_on_the_picture(
    served: Repository, command: str, message: str
) -> None:
    result = wanting(served, "scorer: mine, min_score: 0.7, retries: 5").run("jobs", f"--comfy-scorer=mine={command}")

    result.stdout.fnmatch_lines([message])
    assert not (served.path / ".comfygen" / "rejected").exists()


def test_a_scorer_that_nobody_has_set_is_told_with_the_line_to_add(served: Repository) -> None:
    result = wanting(served, "scorer: mine, min_score: 0.7").run("jobs")

    result.stdout.fnmatch_lines(
        [
            "*[[]scorer-unknown[]] jobs/kins.comfyjob.yaml:3:*: the settings have no scorer 'mine'",
            "*hint: add to pytest's configuration: comfy_scorer = mine = COMMAND",
        ]
    )
