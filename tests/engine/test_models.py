from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from pytest_comfygen.engine.models import (
    ExtraPaths,
    ModelHashes,
    check_weights,
    download_target,
    find_model,
    match_name,
    model_places,
    near_models,
    near_names,
)
from pytest_comfygen.engine.models.meter import Meter
from pytest_comfygen.engine.models.places import directories_for
from pytest_comfygen.errors import ModelDamaged, PageInsteadOfModel, PickleRefused
from pytest_comfygen.records import Event, FoundModel, Model, ModelPlaces
from tests.engine.download.hub import weights

# --- places -----------------------------------------------------------------------------------------------------------


def places_of(path: Path, sections: Mapping[str, object] | None = None, **environment: str) -> ModelPlaces:
    return model_places(path, [ExtraPaths(path / "yaml", sections or {})], environment)


def file(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("folder", "names"),
    [
        ("checkpoints", ["checkpoints"]),
        ("clip", ["text_encoders", "clip"]),
        ("text_encoders", ["text_encoders", "clip"]),
        ("unet", ["unet", "diffusion_models"]),
        ("t2i_adapter", ["controlnet", "t2i_adapter"]),
        ("ipadapter", ["ipadapter"]),
    ],
)
def test_a_folder_has_comfyuis_directories_by_either_name(tmp_path: Path, folder: str, names: list[str]) -> None:
    found = directories_for(folder, places_of(tmp_path))
    assert [directory.relative_to(tmp_path / "models").as_posix() for directory in found] == names


def test_extra_paths_come_after_unless_they_are_the_default(tmp_path: Path) -> None:
    section = {
        "base_path": "/shared",
        "checkpoints": "ckpt\n  more/ckpt\n",
        "custom_nodes": "nodes",
        "loras": ["no text"],
    }
    own = tmp_path / "models" / "checkpoints"
    assert places_of(tmp_path, {"a": section, "none": None}).roots["checkpoints"] == (
        own,
        Path("/shared/ckpt"),
        Path("/shared/more/ckpt"),
    )
    first, *_ = places_of(tmp_path, {"a": section | {"is_default": True}}).roots["checkpoints"]
    assert first == Path("/shared/more/ckpt")  # as ComfyUI: each goes before all that were there


def test_extra_paths_start_at_their_file_and_know_home_and_variables(tmp_path: Path) -> None:
    sections = {
        "a": {"vae": "vae"},
        "b": {"base_path": "~/m", "vae": "vae"},
        "c": {"base_path": "$DISK/m", "clip": "te"},
        "d": {"base_path": "../up", "vae": "./v/"},
    }
    places = places_of(tmp_path, sections, HOME="/home/me", DISK="/disk")
    assert places.roots["vae"][1:] == (tmp_path / "yaml" / "vae", Path("/home/me/m/vae"), tmp_path / "up" / "v")
    assert places.roots["text_encoders"][-1] == Path("/disk/m/te")


@pytest.mark.parametrize(
    ("folder", "target"),
    [("checkpoints", "checkpoints"), ("unet", "unet"), ("diffusion_models", "diffusion_models"), ("clip", "clip")],
)
def test_a_download_goes_where_the_job_says(tmp_path: Path, folder: str, target: str) -> None:
    found = download_target(Model(folder, "sub/a.safetensors"), places_of(tmp_path))
    assert found == tmp_path / "models" / target / "sub" / "a.safetensors"


def test_a_download_goes_into_the_default_section(tmp_path: Path) -> None:
    section = {"base_path": "/shared", "is_default": True, "diffusion_models": "dm"}
    assert download_target(Model("unet", "a.sft"), places_of(tmp_path, {"a": section})) == Path("/shared/dm/a.sft")


# --- lookup -----------------------------------------------------------------------------------------------------------


def test_the_exact_name_wins_in_comfyuis_order(tmp_path: Path) -> None:
    wanted = Model("checkpoints", "a.safetensors")
    extra = file(tmp_path / "yaml" / "ckpt" / "a.safetensors")
    places = places_of(tmp_path, {"x": {"checkpoints": "ckpt"}})
    assert find_model(wanted, places) == FoundModel(wanted, extra, "a.safetensors", is_exact=True)
    own = file(tmp_path / "models" / "checkpoints" / "a.safetensors")
    assert find_model(wanted, places) == FoundModel(wanted, own, "a.safetensors", is_exact=True)


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        ("a.safetensors", "sdxl/a.safetensors"),
        ("sdxl/a.safetensors", "a.safetensors"),
        ("sdxl/a.safetensors", "models/sdxl/a.safetensors"),
        ("SDXL/A.safetensors", "sdxl/a.SafeTensors"),
        ("é.safetensors", "e\u0301.safetensors"),
    ],
)
def test_subfolders_case_and_unicodes_forms_do_not_count(tmp_path: Path, wanted: str, there: str) -> None:
    file(tmp_path / "models" / "loras" / there)
    found = find_model(Model("loras", wanted), places_of(tmp_path))
    assert found is not None
    assert (found.name, found.is_exact) == (there, False)


def test_two_files_that_are_equally_meant_are_none(tmp_path: Path) -> None:
    for name in ("one/a.sft", "two/a.sft"):
        file(tmp_path / "models" / "vae" / name)
    assert find_model(Model("vae", "a.sft"), places_of(tmp_path)) is None
    assert near_models(Model("vae", "a.sft"), places_of(tmp_path)) == ("vae/one/a.sft", "vae/two/a.sft")


def test_another_subfolders_file_is_another_file(tmp_path: Path) -> None:
    file(tmp_path / "models" / "vae" / "flux" / "diffusion_pytorch_model.safetensors")
    assert find_model(Model("vae", "sdxl/diffusion_pytorch_model.safetensors"), places_of(tmp_path)) is None


@pytest.mark.parametrize(
    ("wanted", "near"),
    [
        ("sd_xl_base.safetensors", ("checkpoints/sd_xl_base_1.0.safetensors",)),
        ("misplaced.safetensors", ("loras/misplaced.safetensors",)),
        ("nothing like it.ckpt", ()),
    ],
)
def test_did_you_mean(tmp_path: Path, wanted: str, near: tuple[str, ...]) -> None:
    for name in ("checkpoints/sd_xl_base_1.0.safetensors", "loras/misplaced.safetensors"):
        file(tmp_path / "models" / name)
    assert near_models(Model("checkpoints", wanted), places_of(tmp_path)) == near


def test_directories_that_link_in_circles_are_walked_once(tmp_path: Path) -> None:
    file(tmp_path / "models" / "vae" / "sub" / "a.sft")
    (tmp_path / "models" / "vae" / "sub" / "again").symlink_to(tmp_path / "models" / "vae", target_is_directory=True)
    (tmp_path / "models" / "vae" / "gone.sft").symlink_to("/nowhere/gone.sft")
    found = find_model(Model("vae", "a.sft"), places_of(tmp_path))
    assert found is not None
    assert found.name == "sub/a.sft"
    assert find_model(Model("vae", "gone.sft"), places_of(tmp_path)) is None


def test_a_servers_list_may_be_that_of_windows() -> None:
    names = ["sdxl\\Base.safetensors", "other.safetensors"]
    assert match_name("sdxl/base.safetensors", names) == "sdxl\\Base.safetensors"
    assert match_name("base.safetensors", names) == "sdxl\\Base.safetensors"
    assert near_names("bases.safetensors", ["base.safetensors"]) == ("base.safetensors",)


# --- hashes -----------------------------------------------------------------------------------------------------------


def aged(path: Path, seconds: int = 100) -> Path:
    """The file, as if written some time ago."""
    then = path.stat().st_mtime_ns - seconds * 10**9
    os.utime(path, ns=(then, then))
    return path


def test_a_model_is_hashed_once(tmp_path: Path) -> None:
    path, events = aged(file(tmp_path / "a.sft", b"weights")), list[Event]()
    cache = tmp_path / "cache" / "models.json"
    assert ModelHashes(cache, notify=events.append).sha256(path) == sha256(b"weights").hexdigest()
    assert [event.text for event in events] == ["hashing"]
    assert ModelHashes(cache, notify=events.append).sha256(path) == sha256(b"weights").hexdigest()
    assert len(events) == 1


def test_a_model_that_changed_is_hashed_again(tmp_path: Path) -> None:
    path, hashes = aged(file(tmp_path / "a.sft", b"one")), ModelHashes(tmp_path / "cache.json", notify=print)
    hashes.sha256(path)
    path.write_bytes(b"two")
    assert hashes.known(path) is None
    assert hashes.sha256(path) == sha256(b"two").hexdigest()


def test_what_was_written_just_now_is_not_remembered_unless_its_writer_says_so(tmp_path: Path) -> None:
    path, hashes = file(tmp_path / "a.sft", b"one"), ModelHashes(tmp_path / "cache.json", notify=print)
    hashes.sha256(path)
    assert hashes.known(path) is None
    hashes.remember(path, "known otherwise")
    assert hashes.known(path) == "known otherwise"


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"format": 1, "files": {"a": 3}}', b"\xff", b"[" * 10_000])
def test_a_damaged_cache_is_an_empty_one(tmp_path: Path, damage: bytes) -> None:
    path, cache = aged(file(tmp_path / "a.sft", b"one")), file(tmp_path / "cache.json", damage)
    ModelHashes(cache, notify=print).sha256(path)
    assert ModelHashes(cache, notify=print).known(path) == sha256(b"one").hexdigest()


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    path = aged(file(tmp_path / "a.sft", b"one"))
    file(tmp_path / "in the way")
    hashes = ModelHashes(tmp_path / "in the way" / "cache.json", notify=print)
    assert hashes.sha256(path) == sha256(b"one").hexdigest()


def test_several_processes_lose_no_entry_and_hash_each_file_once(tmp_path: Path) -> None:
    paths = [aged(file(tmp_path / f"{number}.sft", bytes([number]) * 10**6)) for number in range(6)]
    program = (
        "import sys; from pathlib import Path; from pytest_comfygen.engine.models import ModelHashes\n"
        "events = []; hashes = ModelHashes(Path(sys.argv[1]), notify=events.append)\n"
        "for path in sys.argv[2:]: hashes.sha256(Path(path))\n"
        "print(len({event.subject for event in events if event.text == 'hashing'}))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "cache.json"), *map(str, paths)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    hashed = [int(process.communicate(timeout=60)[0]) for process in running]
    assert sum(hashed) == len(paths)
    assert all(ModelHashes(tmp_path / "cache.json", notify=print).known(path) for path in paths)


# --- weights ----------------------------------------------------------------------------------------------------------


def safetensors(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(first: object, last: object) -> dict[str, object]:
    return {"t": {"dtype": "U8", "shape": [1], "data_offsets": [first, last]}}


def test_good_weights_are_good(tmp_path: Path) -> None:
    check_weights(file(tmp_path / "a.safetensors", weights(1000)), pickles_allowed=False)
    check_weights(file(tmp_path / "b.SFT", safetensors({})), pickles_allowed=False)
    check_weights(file(tmp_path / "c.gguf", b"GGUF and so on"), pickles_allowed=False)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "a.safetensors is empty"),
        (b"abc", "header cannot be that long"),
        (b"\xff" * 100, "header cannot be that long"),
        (struct.pack("<Q", 100_000_001) + b"{}", "header cannot be that long"),
        (struct.pack("<Q", 500) + b"{", "cut off in its header"),
        (safetensors(b"not json"), "header is not JSON"),
        (safetensors(b"[" * 5000), "header is not JSON"),
        (safetensors([1, 2]), "header is not JSON"),
        (safetensors({"t": 3}), "'t' is no tensor"),
        (safetensors(tensor(5, 4), b"x" * 9), "'t' is no tensor"),
        (safetensors(tensor(-1, 4), b"x" * 9), "'t' is no tensor"),
        (safetensors(tensor("0", 4), b"x" * 9), "'t' is no tensor"),
        (safetensors(tensor(0, 10), b"x" * 7), "cut off: 3 bytes are missing at its end"),
        (safetensors(tensor(0, 5), b"x" * 7), "has 2 bytes too many at its end"),
        (b"\x80\x02}q\x00.", "is a pickle under the name of a safetensors file"),
        (b"PK\x03\x04 and so on", "is a pickle under the name of a safetensors file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a Git LFS pointer"),
    ],
)
def test_what_is_wrong_with_a_safetensors_file_is_said(tmp_path: Path, content: bytes, what: str) -> None:
    with pytest.raises(ModelDamaged) as caught:
        check_weights(file(tmp_path / "a.safetensors", content), pickles_allowed=False)
    assert what in caught.value.message


@pytest.mark.parametrize(
    "page", [b"<!DOCTYPE html><p>", b"\xef\xbb\xbf\n<html lang=en>", b"<?xml version='1.0'?><Error>"]
)
def test_a_web_page_under_a_models_name_is_called_one(tmp_path: Path, page: bytes) -> None:
    for name in ("a.safetensors", "a.gguf"):
        with pytest.raises(PageInsteadOfModel):
            check_weights(file(tmp_path / name, page), pickles_allowed=False)


@pytest.mark.parametrize("suffix", [".ckpt", ".pt", ".pt2", ".pth", ".bin", ".pkl", ".CKPT"])
def test_a_pickle_is_refused_unless_allowed(tmp_path: Path, suffix: str) -> None:
    path = file(tmp_path / f"a{suffix}", b"\x80\x02}q\x00.")
    with pytest.raises(PickleRefused, match="can run any program when it is loaded"):
        check_weights(path, pickles_allowed=False)
    check_weights(path, pickles_allowed=True)


def test_an_allowed_pickle_may_not_be_torn(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", b"x" * 1000)
    check_weights(path, pickles_allowed=True)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ModelDamaged, match="cut off"):
        check_weights(path, pickles_allowed=True)


def test_a_part_is_judged_by_the_name_that_it_will_have(tmp_path: Path) -> None:
    path = file(tmp_path / "a.safetensors.part", b"<html>")
    with pytest.raises(PageInsteadOfModel, match=r"a\.safetensors is a web page"):
        check_weights(path, pickles_allowed=False, name="a.safetensors")


# --- progress ---------------------------------------------------------------------------------------------------------


def test_progress_is_told_a_few_times_a_second_with_the_rate() -> None:
    now, events = [0.0], list[Event]()
    meter = Meter("a.sft", "downloading", events.append, lambda: now[0])
    for step in range(101):
        now[0] = step / 100
        meter.at(step * 10**6, 100 * 10**6)
    assert [event.value for event in events] == [0, 25e6, 50e6, 75e6, 100e6]
    assert [round(event.per_s) for event in events] == [0, *[10**8] * 4]


def test_the_rate_is_that_of_the_last_seconds() -> None:
    now, events = [0.0], list[Event]()
    meter = Meter("a.sft", "downloading", events.append, lambda: now[0])
    for second in range(40):
        now[0] = float(second)
        meter.at(second * 100 if second < 20 else 2000 + (second - 20) * 10, None)
    assert round(events[-1].per_s) == 10
    now[0] += 1
    meter.at(0, None)  # it starts over
    assert events[-1].per_s == 0
