"""`pytest --comfy-prompt "a dwarf"`: a quick picture without a job file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.repository import Repository


@pytest.fixture
def quick(repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository whose quick pictures are small and come from a running server."""
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    monkeypatch.setenv("COMFYGEN_SET", "checkpoint=tiny.safetensors size=64x64 steps=2")
    return repository


def pictures(repository: Repository) -> list[str]:
    return sorted(path.name for path in (repository.path / "comfygen-out").glob("*.png"))


def records(repository: Repository) -> list[dict[str, object]]:
    paths = sorted((repository.path / "comfygen-out" / ".comfyrecords").glob("*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def test_a_prompt_is_all_it_takes(quick: Repository) -> None:
    result = quick.run("--comfy-prompt", "a stout dwarf, oil")

    result.assert_outcomes(passed=1)
    assert pictures(quick) == ["a-stout-dwarf-oil-001.png"]
    assert "    comfygen-out/a-stout-dwarf-oil-001.png" in result.outlines
    with Image.open(quick.path / "comfygen-out" / "a-stout-dwarf-oil-001.png") as image:
        assert image.size == (64, 64)


def test_neither_job_files_nor_python_tests_run_besides(quick: Repository) -> None:
    result = quick.run("--comfy-prompt", "x", "-v")

    result.assert_outcomes(passed=1)
    assert not quick.image("kin_dwarf").exists()


def test_a_second_picture_never_takes_the_place_of_the_first(quick: Repository) -> None:
    quick.run("--comfy-prompt", "a dwarf")
    first = (quick.path / "comfygen-out" / "a-dwarf-001.png").read_bytes()
    quick.run("--comfy-prompt", "a dwarf")

    assert pictures(quick) == ["a-dwarf-001.png", "a-dwarf-002.png"]
    assert (quick.path / "comfygen-out" / "a-dwarf-001.png").read_bytes() == first


def test_several_prompts_and_a_count_give_as_many_pictures_with_seeds_of_their_own(quick: Repository) -> None:
    result = quick.run("--comfy-prompt", "a dwarf", "--comfy-prompt", "an elf", "--comfy-count", "2")

    result.assert_outcomes(passed=4)
    assert pictures(quick) == ["a-dwarf-001.png", "a-dwarf-002.png", "an-elf-001.png", "an-elf-002.png"]
    assert len({record["seed"] for record in records(quick)}) == 4


def test_a_given_seed_is_counted_up(quick: Repository) -> None:
    args = [word for key in ("checkpoint=t.safetensors", "size=64x64", "seed=7") for word in ("--comfy-set", key)]
    quick.run("--comfy-prompt", "a dwarf", "--comfy-count", "3", *args)

    assert [record["seed"] for record in records(quick)] == [7, 8, 9]


def test_any_key_can_be_set(quick: Repository) -> None:
    keys = ("size=128x64", "steps=3", "negative=text, watermark", "vars.who=a dwarf", "verify.min_stddev=2")
    args = [word for key in ("checkpoint=t.safetensors", *keys) for word in ("--comfy-set", key)]
    quick.run("--comfy-prompt", "portrait of ${who}", *args).assert_outcomes(passed=1)

    (record,) = records(quick)
    assert (record["prompt"], record["negative"]) == ("portrait of a dwarf", "text, watermark")
    assert record["size"] == "128x64"


def test_a_prompt_without_variables_is_taken_as_it_is(quick: Repository) -> None:
    quick.run("--comfy-prompt", "a chest with $100 and ${gold}").assert_outcomes(passed=1)

    assert records(quick)[0]["prompt"] == "a chest with $100 and ${gold}"


def test_a_typed_prompt_counts_in_ci_too(quick: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "1")

    quick.run("--comfy-prompt", "a dwarf").assert_outcomes(passed=1)


def test_the_pictures_stay_out_of_git(quick: Repository) -> None:
    quick.run("--comfy-prompt", "a dwarf")

    assert (quick.path / "comfygen-out" / ".gitignore").read_text() == "*\n"


def test_a_directory_that_is_there_keeps_its_ignores(quick: Repository) -> None:
    (quick.path / "ideas").mkdir()
    quick.run("--comfy-prompt", "a dwarf", "--comfy-output=ideas").assert_outcomes(passed=1)

    assert sorted(path.name for path in (quick.path / "ideas").iterdir()) == [".comfyrecords", "a-dwarf-001.png"]


def test_workers_make_quick_pictures_too(quick: Repository) -> None:
    result = quick.run("--comfy-prompt", "a dwarf", "--comfy-count", "3", "-n2")

    result.assert_outcomes(passed=3)
    assert len(pictures(quick)) == 3


@pytest.mark.parametrize("name", ["jobs/dwarf.comfyjob.yaml", "jobs/dwarf.comfyjob.json"])
def test_a_saved_job_file_gives_the_same_picture(quick: Repository, name: str) -> None:
    quick.run("--comfy-prompt", 'a "dwarf", #1: bold', "--comfy-save-job", name)
    (made,) = records(quick)
    (quick.path / "comfygen-out" / "a-dwarf-1-bold-001.png").unlink()
    result = quick.run(name)

    result.assert_outcomes(passed=1)
    (again,) = records(quick)
    assert {**again, "job": ""} == {**made, "job": ""}


def test_a_saved_job_file_finds_its_picture_current(quick: Repository) -> None:
    quick.run("--comfy-prompt", "a dwarf", "--comfy-save-job", "jobs/dwarf.comfyjob.yaml")

    assert "images: 1 current" in quick.run("jobs/dwarf.comfyjob.yaml").outlines


def test_a_job_file_that_is_there_is_never_replaced(quick: Repository) -> None:
    before = (quick.path / "jobs/kins.comfyjob.yaml").read_text()
    result = quick.run("--comfy-prompt", "x", "--comfy-save-job=jobs/kins.comfyjob.yaml")

    assert (result.ret, (quick.path / "jobs/kins.comfyjob.yaml").read_text()) == (4, before)
    result.stderr.fnmatch_lines(["*jobs/kins.comfyjob.yaml exists, so it is left alone*", "hint: name another file"])


def test_the_only_checkpoint_of_this_machine_is_taken(quick: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMFYGEN_SET")
    monkeypatch.delenv("COMFYGEN_URL")
    shared = quick.path / "shared" / "checkpoints"
    shared.mkdir(parents=True)
    (shared / "only.safetensors").touch()
    quick.run("--comfy-prompt", "x", "--comfy-models-dir=shared", "--co")
    (job_file,) = (quick.path / ".comfygen" / "prompts").iterdir()
    assert json.loads(job_file.read_text())["defaults"] == {"checkpoint": "only.safetensors"}

    (shared / "other.safetensors").touch()
    result = quick.run("--comfy-prompt", "x", "--comfy-models-dir=shared")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*which checkpoint? this machine has only.safetensors, other.safetensors"])


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["jobs"], "--comfy-prompt takes no paths, and there are some: jobs"),
        (["--comfy-set", "stepz=3"], "'stepz'"),
        (["--comfy-set", "steps=many"], "steps"),
        (["--comfy-set", "size=[1"], "--comfy-set size=[[]1: "),
        (["--comfy-set", "size"], "'size' cannot be used"),
        (["--comfy-check"], "--comfy-check makes no picture, and command line --comfy-prompt asks for one"),
        (["--comfy-count", "0"], "'0' is not a number from 1 to 10000"),
        (["--comfy-output=../elsewhere"], "repository"),
        (["--comfy-save-job", "dwarf.yaml"], "dwarf.yaml must end in .comfyjob.yaml or .comfyjob.json"),
    ],
)
def test_what_cannot_be_done_ends_the_run_before_it_begins(quick: Repository, args: list[str], told: str) -> None:
    result = quick.run("--comfy-prompt", "a dwarf", *args)

    assert result.ret == 4
    result.stderr.fnmatch_lines([f"*{told}*"])
    assert pictures(quick) == []


def test_saving_without_a_prompt_is_an_error(quick: Repository) -> None:
    result = quick.run("jobs", "--comfy-save-job", "x.comfyjob.yaml")

    assert result.ret == 4
    result.stderr.fnmatch_lines(["*--comfy-save-job goes with --comfy-prompt*"])


def test_a_sketch_of_a_prompt_needs_nothing(repository: Repository) -> None:
    repository.run("--comfy-prompt", "a dwarf", "--comfy-sketch").assert_outcomes(passed=1)

    assert list(Path(repository.path / ".comfygen" / "sketch").rglob("*.png")) != []
