"""A person makes twenty images, disturbs some, and asks: plan, check, run and gallery say exactly what is wrong."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from tests.engine.install.world import git
from tests.outputs.gallery.exhibits import data_of
from tests.repository import Repository

NAMES = [f"kin_{number:02}" for number in range(20)]
KINS = """\
comfyjob: 1
output: {dir: ../assets}
defaults: {checkpoint: tiny.safetensors, size: 64x64, steps: 2}
items:
"""


def items(prompts: dict[str, str]) -> str:
    return KINS + "".join(f"  {name}: {prompt}\n" for name, prompt in prompts.items())


def retouch(path: Path) -> None:
    with Image.open(path) as image:
        image.load()
        ImageDraw.Draw(image).rectangle((8, 8, 24, 24), fill="lime")
        image.save(path)


@pytest.fixture
def disturbed(repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Twenty images, made and committed; one edited, two with another prompt, one renamed, one deleted, one corrupt,
    one a Git LFS pointer.
    """
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    prompts = {name: f"portrait of {name}" for name in NAMES}
    repository.write("jobs/kins.comfyjob.yaml", items(prompts))
    repository.run("jobs").assert_outcomes(passed=20)
    git(repository.path, "init", "-q")
    git(repository.path, "add", "-A")
    git(repository.path, "commit", "-q", "-m", "kins")

    retouch(repository.image("kin_00"))
    prompts |= {"kin_01": "a moon elf", "kin_02": "a sun elf"}
    prompts = {("kin_renamed" if name == "kin_03" else name): prompt for name, prompt in prompts.items()}
    repository.image("kin_04").unlink()
    corrupt = repository.image("kin_05")
    corrupt.write_bytes(corrupt.read_bytes()[:150])
    oid = repository.record("kin_06")["file_sha256"]
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 1234\n"
    repository.image("kin_06").write_text(pointer, encoding="utf-8")
    repository.write("jobs/kins.comfyjob.yaml", items(prompts))
    return repository


def test_the_plan_says_what_would_be_made_and_why(disturbed: Repository) -> None:
    result = disturbed.run("jobs", "--comfy-plan")

    result.stdout.fnmatch_lines(
        [
            "plan: 5 of 20 images would be made, 1 would be refused, 14 current",
            "    [[]edited[]] jobs/kins.comfyjob.yaml:5:3: assets/kin_00.png was changed since it was made, *",
            "        hint: --comfy-adopt keeps it as it stands, *",
            "    jobs/kins.comfyjob.yaml::kin_01: prompt 'portrait of kin_01' → 'a moon elf'",
            "    jobs/kins.comfyjob.yaml::kin_02: prompt 'portrait of kin_02' → 'a sun elf'",
            "    jobs/kins.comfyjob.yaml::kin_renamed: the image is missing",
            "    jobs/kins.comfyjob.yaml::kin_04: the image is missing",
            "    jobs/kins.comfyjob.yaml::kin_05: the image is damaged: a png that stops after 150 bytes",
        ],
        consecutive=True,
    )


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "xdist"])
def test_the_check_tells_the_states_apart(disturbed: Repository, workers: tuple[str, ...]) -> None:
    result = disturbed.run("jobs", "--comfy-check", *workers)

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert disturbed.images_line(result) == "images: 14 current, 2 missing, 3 stale, 1 edited, 1 orphan"
    failed = Counter(line for line in result.outlines if line.startswith("FAILED"))
    told = {line.split(" ")[1].rpartition("/")[2]: line.split("[")[1].split("]")[0] for line in failed}
    assert told == {
        "kins.comfyjob.yaml::kin_00": "edited",
        "kins.comfyjob.yaml::kin_01": "stale",
        "kins.comfyjob.yaml::kin_02": "stale",
        "kins.comfyjob.yaml::kin_renamed": "missing",
        "kins.comfyjob.yaml::kin_04": "missing",
        "kins.comfyjob.yaml::kin_05": "stale",
        "kin_03.png::orphan": "orphan",
    }


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "xdist"])
def test_the_run_mends_what_is_its_own_to_mend(disturbed: Repository, workers: tuple[str, ...]) -> None:
    edited, pointer = disturbed.image("kin_00").read_bytes(), disturbed.image("kin_06").read_bytes()

    result = disturbed.run("jobs", *workers)

    assert disturbed.images_line(result) == "images: 5 generated, 14 current, 1 edited"
    assert disturbed.image("kin_00").read_bytes() == edited
    assert disturbed.image("kin_06").read_bytes() == pointer
    assert disturbed.image("kin_03").exists()
    assert "no job names assets/kin_03.png any more; to move what is left" in result.stdout.str()

    pruned, adopted = disturbed.run("--comfy-prune"), disturbed.run("-k", "kin_00", "--comfy-adopt")

    assert (disturbed.images_line(pruned), disturbed.images_line(adopted)) == ("images: 1 pruned", "images: 1 adopted")
    assert disturbed.images_line(disturbed.run("jobs", "--comfy-check")) == "images: 20 current"


def test_the_gallery_shows_them_side_by_side(disturbed: Repository) -> None:
    disturbed.run("jobs", "--comfy-gallery")

    page = data_of((disturbed.path / ".comfygen" / "gallery.html").read_text("utf-8"))
    shown = {one["name"]: (one["outcome"], [plate["role"] for plate in one["plates"]]) for one in page["items"]}
    assert {name: shown[name] for name in ("kin_00", "kin_01", "kin_renamed", "kin_04", "kin_05", "kin_06")} == {
        "kin_00": ("edited", ["head", "now"]),
        "kin_01": ("generated", ["head", "now"]),
        "kin_renamed": ("generated", ["now"]),
        "kin_04": ("generated", ["now"]),
        "kin_05": ("generated", ["before", "now"]),
        "kin_06": ("current", ["head", "now"]),
    }
    assert page["items"][0]["name"] in {"kin_00", "kin_01", "kin_02"}
