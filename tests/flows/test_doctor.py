"""The doctor tells each of its codes, of something real that is wrong; nothing is started and nothing is changed."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest

from pytest_comfygen.engine.install import Places
from pytest_comfygen.engine.locks import held
from pytest_comfygen.engine.models import ModelHashes
from pytest_comfygen.errors import SettingsConflict
from pytest_comfygen.flows.doctor import CODES, diagnose_without_settings
from pytest_comfygen.flows.doctor.codes import AS_IT_SHOULD_BE
from tests.documentation import FILM
from tests.engine.download.hub import HUB_FILE, digest
from tests.engine.install.world import World, commit, git
from tests.flows.clinic import CLOSED, CONTENT, Clinic, clinic_in

TOKEN = "hf_PlantedTokenThatNobodyMaySee0123456789"
MODEL = "checkpoints/model.safetensors"


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    with clinic_in(tmp_path) as made:
        yield made


@dataclass(frozen=True)
class Case:
    """Something planted, and how it is told.

    :param plant: plants it; gives the options of the examination.
    :param severity: as told.
    :param word: stands in what was found, wanted or mends it.
    """

    plant: Callable[[Clinic, pytest.FixtureRequest], dict[str, object] | None]
    severity: str
    word: str


CASES: dict[str, Case] = {}


def tells(code: str, severity: str, word: str) -> Callable[[Callable[..., dict[str, object] | None]], None]:
    """Register a function that plants what the doctor tells by `code`."""

    def register(plant: Callable[..., dict[str, object] | None]) -> None:
        assert code not in CASES
        CASES[code] = Case(plant, severity, word)

    return register


@pytest.mark.parametrize("code", sorted(CODES - {"conflicting-settings"}))
def test_the_doctor_tells(code: str, clinic: Clinic, request: pytest.FixtureRequest) -> None:
    case = CASES[code]
    options = case.plant(clinic, request) or {}

    told = clinic.told(code, **options)

    assert told, clinic.problems(**options)
    assert told[0].severity == case.severity
    assert case.word in f"{told[0].subject} {told[0].found} {told[0].wanted} {told[0].command}"


def test_every_case_is_of_a_code_that_there_is() -> None:
    assert set(CASES) == CODES - {"conflicting-settings"}


def test_settings_that_contradict_each_other_are_a_finding(clinic: Clinic) -> None:
    with pytest.raises(SettingsConflict) as caught:
        clinic.visit(check=True, sketch=True)

    first, *others = diagnose_without_settings(caught.value, clinic.environment).findings

    assert (first.code, first.severity) == ("conflicting-settings", "error")
    assert [finding.subject for finding in others] == ["Python", "git", "uv"]


# --- settings and tools -----------------------------------------------------------------------------------------------


@tells("settings", "ok", "timeout=7.0 (command line --comfy-timeout)")
def _(_clinic: Clinic, _request: object) -> dict[str, object]:
    return {"timeout": 7}


@tells("setting-without-effect", "note", "gpus (command line --comfy-gpus)")
def _(_clinic: Clinic, request: pytest.FixtureRequest) -> dict[str, object]:
    return {"url": [request.getfixturevalue("sketch_url")], "gpus": "all"}


@tells("ci", "note", "makes no image")
def _(clinic: Clinic, _request: object) -> None:
    clinic.environment["CI"] = "true"


@tells("bad-setting", "error", "HF_ENDPOINT")
def _(clinic: Clinic, _request: object) -> None:
    clinic.environment["HF_ENDPOINT"] = "ftp://x"


@tells("python", "ok", "3.")
def _(_clinic: Clinic, _request: object) -> None:
    """The one that runs."""


@tells("venv-missing", "error", "No module named 'ensurepip'")
def _(clinic: Clinic, request: pytest.FixtureRequest) -> None:
    python = clinic.program("python3", "echo \"ModuleNotFoundError: No module named 'ensurepip'\" >&2; exit 1")
    request.getfixturevalue("monkeypatch").setattr(sys, "executable", str(python))


@tells("git", "ok", "2.")
def _(_clinic: Clinic, _request: object) -> None:
    """The one of this machine."""


@tells("git-missing", "error", "not on the PATH")
def _(clinic: Clinic, _request: object) -> None:
    (clinic.bin / "git").unlink()


@tells("uv", "ok", "9.9.9")
def _(clinic: Clinic, _request: object) -> None:
    clinic.program("uv", "echo uv 9.9.9")


@tells("uv-missing", "note", "pip")
def _(_clinic: Clinic, _request: object) -> None:
    """There is none on the clinic's PATH."""


@tells("disk", "ok", "still to come")
def _(_clinic: Clinic, _request: object) -> None:
    """All of ComfyUI is still to come."""


@tells("install-space", "error", "more, or another disk")
def _(clinic: Clinic, _request: object) -> None:
    clinic.free = lambda _: 1_000_000


@tells("disk-too-small", "error", "--comfy-models-dir")
def _(clinic: Clinic, _request: object) -> None:
    clinic.ask_hub(more=", size: 90000 TB")


# --- ComfyUI ----------------------------------------------------------------------------------------------------------


@tells("install-missing", "error", "pytest jobs --comfy-update=stale --comfy-install=auto")
def _(_clinic: Clinic, _request: object) -> None:
    """Nothing is installed."""


@tells("checkout-foreign", "error", "something else than ComfyUI")
def _(clinic: Clinic, _request: object) -> None:
    clinic.write("tools/ComfyUI/novel.txt", "once upon a time")


@tells("install-incomplete", "error", "its environment")
def _(clinic: Clinic, _request: object) -> None:
    clinic.install()
    (clinic.comfyui / ".venv/bin/python").unlink()


@tells("checkout", "ok", "0.3.64 in tools/ComfyUI (v0.3.64, commit ")
def _(clinic: Clinic, _request: object) -> None:
    clinic.install()


@tells("revision-differs", "error", "the pin is v0.3.70")
def _(clinic: Clinic, _request: object) -> dict[str, object]:
    clinic.install()
    return {"revision": "v0.3.70"}


@tells("checkout-changed", "error", "main.py")
def _(clinic: Clinic, _request: object) -> dict[str, object]:
    clinic.install()
    clinic.write("tools/ComfyUI/main.py", "print('mine')")
    return {"revision": "v0.3.70"}


@tells("git-failed", "error", "git cannot tell what was changed")
def _(clinic: Clinic, _request: object) -> None:
    clinic.write("tools/ComfyUI/main.py")
    clinic.write("tools/ComfyUI/comfyui_version.py")
    clinic.write("tools/ComfyUI/.git", "gitdir: /nowhere/at/all")


@tells("environment", "ok", "tools/ComfyUI/.venv; it is somebody else's")
def _(clinic: Clinic, _request: object) -> None:
    clinic.install()


@tells("requirements-changed", "error", "extra requirements: none → eels<2")
def _(clinic: Clinic, request: pytest.FixtureRequest) -> dict[str, object]:
    world: World = request.getfixturevalue("ready")
    clinic.root = world.root / "home"
    return settings_of(world) | {"extra_requirements": ["eels<2"]}


@tells("torch", "ok", "2.9.1+cpu, built for cpu (no GPU found)")
def _(clinic: Clinic, _request: object) -> None:
    clinic.install()


@tells("torch-unfit", "warning", "a build for cu130 (NVIDIA driver 580.65.06)")
def _(clinic: Clinic, _request: object) -> None:
    clinic.install()
    clinic.program("nvidia-smi", "echo 580.65.06, 8.9")


def declare_node(clinic: Clinic) -> tuple[Path, dict[str, object]]:
    """A custom node with a release, and the options that declare it."""
    clinic.install()
    nodes = clinic.root.parent / "eel-nodes"
    commit(nodes, {"__init__.py": ""}, "v1")
    return nodes, {"custom_node": [f"{nodes}@v1"]}


@tells("custom-node", "ok", "at v1")
def _(clinic: Clinic, _request: object) -> dict[str, object]:
    nodes, options = declare_node(clinic)
    git(clinic.root, "clone", "-q", str(nodes), str(clinic.comfyui / "custom_nodes/eel-nodes"))
    return options


@tells("custom-node-differs", "error", "the pin is v1")
def _(clinic: Clinic, _request: object) -> dict[str, object]:
    nodes, options = declare_node(clinic)
    commit(nodes, {"__init__.py": "new"}, "v2")
    git(clinic.root, "clone", "-q", str(nodes), str(clinic.comfyui / "custom_nodes/eel-nodes"))
    return options


@tells("custom-node-missing", "error", "--comfy-custom-node")
def _(clinic: Clinic, _request: object) -> dict[str, object]:
    return declare_node(clinic)[1]


@tells("custom-node-failed", "warning", ".comfygen/server/any/server.log")
def _(clinic: Clinic, _request: object) -> None:
    clinic.install()
    clinic.write("tools/ComfyUI/custom_nodes/eel-nodes/__init__.py", "import eels")
    clinic.write(".comfygen/server/any/server.log", "   0.0 seconds (IMPORT FAILED): /x/custom_nodes/eel-nodes\n")


# --- servers ----------------------------------------------------------------------------------------------------------


@tells("server", "ok", "ComfyUI 0.3.64")
def _(_clinic: Clinic, request: pytest.FixtureRequest) -> dict[str, object]:
    return {"url": [request.getfixturevalue("sketch_url")]}


@tells("foreign-server", "note", "left alone")
def _(clinic: Clinic, request: pytest.FixtureRequest) -> None:
    clinic.install()
    clinic.default_url = request.getfixturevalue("sketch_url")


@tells("no-server", "error", "install is never (environment COMFYGEN_INSTALL)")
def _(clinic: Clinic, _request: object) -> None:
    clinic.environment["COMFYGEN_INSTALL"] = "never"


@tells("server-unreachable", "error", "start ComfyUI there")
def _(_clinic: Clinic, _request: object) -> dict[str, object]:
    return {"url": [CLOSED]}


def answering(clinic: Clinic, answer: Callable[..., None]) -> dict[str, object]:
    clinic.hub.on(f"{clinic.hub.url}/system_stats", answer)
    return {"url": [clinic.hub.url]}


@tells("not-comfyui", "error", "--comfy-url")
def _(clinic: Clinic, _request: object) -> dict[str, object]:
    return answering(clinic, clinic.hub.status(404))


@tells("server-failed", "error", "500")
def _(clinic: Clinic, _request: object) -> dict[str, object]:
    return answering(clinic, clinic.hub.status(500))


@tells("bad-response", "error", "broken")
def _(clinic: Clinic, _request: object) -> dict[str, object]:
    return answering(clinic, clinic.hub.status(200, "{", Content_Type="application/json"))


@tells("server-too-slow", "error", "in time")
def _(clinic: Clinic, _request: object) -> dict[str, object]:
    clinic.answer_s = 0.3
    return answering(clinic, clinic.hub.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", hold=True))


@tells("server-dead", "note", "pytest --comfy-stop")
def _(clinic: Clinic, _request: object) -> None:
    clinic.note_server(runs=False)


@tells("server-unsupervised", "warning", "pytest --comfy-stop")
def _(clinic: Clinic, _request: object) -> None:
    clinic.note_server(runs=True)


@tells("server-silent", "note", "starting or busy")
def _(clinic: Clinic, _request: object) -> None:
    clinic.note_server(runs=True, supervised=True)


# --- leftovers --------------------------------------------------------------------------------------------------------


@tells("leftovers", "ok", "nothing is left")
def _(_clinic: Clinic, _request: object) -> None:
    """A repository in which nothing ever ran."""


@tells("install-running", "warning", f"process {os.getpid()}")
def _(clinic: Clinic, request: pytest.FixtureRequest) -> None:
    stack = ExitStack()
    stack.enter_context(held(Places(clinic.comfyui).lock, "installs ComfyUI", lambda _: None))
    request.addfinalizer(stack.close)


@tells("lock-left", "note", "takes over")
def _(clinic: Clinic, _request: object) -> None:
    dead = clinic.dead()
    note = {"owner": [dead.pid, dead.started_ms], "doing": "installs ComfyUI", "worker": None}
    clinic.write("tools/ComfyUI.install/lock.json", json.dumps(note))


@tells("clone-left", "note", "the next installation removes it")
def _(clinic: Clinic, _request: object) -> None:
    Places(clinic.comfyui).partial(clinic.comfyui, clinic.dead()).mkdir(parents=True)


@tells("download-left", "note", "700 bytes of model.safetensors have come")
def _(clinic: Clinic, _request: object) -> None:
    clinic.keep(CONTENT[:700], f"model.safetensors.{digest(CONTENT)[:12]}.part")


# --- models -----------------------------------------------------------------------------------------------------------


@tells("model", "ok", "sha256 as declared")
def _(clinic: Clinic, _request: object) -> None:
    clinic.ask_for(sha256=digest(CONTENT))
    hash_it(clinic, clinic.keep())


def hash_it(clinic: Clinic, model: Path) -> None:
    """An earlier run has found out the sha256 of the file."""
    old = time.time() - 60  # what was written just now is not remembered
    os.utime(model, (old, old))
    ModelHashes(clinic.root / ".comfygen/cache/models.json", notify=lambda _: None).sha256(model)
    clinic.write(".comfygen/.gitignore", "*\n")


@tells("hash-mismatch", "error", digest(CONTENT))
def _(clinic: Clinic, _request: object) -> None:
    clinic.ask_for(sha256="f" * 64)
    hash_it(clinic, clinic.keep())


@tells("size-mismatch", "warning", "6.9 GB")
def _(clinic: Clinic, _request: object) -> None:
    clinic.ask_for("size: 6.94 GB")
    clinic.keep()


@tells("model-damaged", "error", "cut off")
def _(clinic: Clinic, _request: object) -> None:
    clinic.ask_for()
    clinic.keep(CONTENT[:-1])


@tells("page-instead-of-model", "error", "a web page")
def _(clinic: Clinic, _request: object) -> None:
    clinic.ask_for()
    clinic.keep(b"<!doctype html><title>Log in</title>")


@tells("pickle-refused", "error", "--comfy-allow-pickles")
def _(clinic: Clinic, _request: object) -> None:
    clinic.ask_for(name="model.ckpt")
    clinic.keep(name="model.ckpt")


@tells("model-missing", "error", "pytest jobs --comfy-update=stale --comfy-download")
def _(clinic: Clinic, _request: object) -> None:
    clinic.ask_hub()


@tells("licence", "note", "https://example.org/licence")
def _(clinic: Clinic, _request: object) -> None:
    clinic.ask_hub(more=", license: 'https://example.org/licence'")


@tells("url-unknown", "error", "did you mean checkpoints/models.safetensors?")
def _(clinic: Clinic, _request: object) -> None:
    clinic.ask_for()
    clinic.keep(name="models.safetensors")


@tells("offline", "warning", "unset HF_HUB_OFFLINE")
def _(clinic: Clinic, _request: object) -> None:
    clinic.ask_hub()
    clinic.environment["HF_HUB_OFFLINE"] = "1"


def refusing(clinic: Clinic, status: int, code: str = "", *, token: str = "") -> None:
    clinic.ask_hub()
    clinic.hub.on(HUB_FILE, clinic.hub.status(status, X_Error_Code=code))
    if token:
        clinic.environment["HF_TOKEN"] = token


@tells("token-missing", "error", "set HF_TOKEN")
def _(clinic: Clinic, _request: object) -> None:
    refusing(clinic, 401, "GatedRepo")


@tells("token-refused", "error", "is it complete, not revoked")
def _(clinic: Clinic, _request: object) -> None:
    refusing(clinic, 401, token=TOKEN)


@tells("licence-not-accepted", "error", "https://huggingface.co/owner/repo")
def _(clinic: Clinic, _request: object) -> None:
    refusing(clinic, 403, "GatedRepo", token=TOKEN)


@tells("model-not-found", "error", "no such file")
def _(clinic: Clinic, _request: object) -> None:
    refusing(clinic, 404, "EntryNotFound")


@tells("address-refused", "error", "no https address")
def _(clinic: Clinic, _request: object) -> None:
    clinic.ask_hub()
    clinic.hub.on(HUB_FILE, clinic.hub.redirect("http://store.example.org/model"))


@tells("download-failed", "warning", "huggingface.co")
def _(clinic: Clinic, _request: object) -> None:
    clinic.ask_hub()
    clinic.hub.on(HUB_FILE, clinic.hub.reset())


@tells("token", "ok", "HF_TOKEN set, for huggingface.co")
def _(clinic: Clinic, _request: object) -> None:
    clinic.ask_hub()
    clinic.environment["HF_TOKEN"] = TOKEN


# --- the repository ---------------------------------------------------------------------------------------------------


@tells("job-files", "ok", "1 file, 2 images")
def _(clinic: Clinic, _request: object) -> None:
    clinic.ask_for()


@tells("no-job-files", "note", "there are none")
def _(_clinic: Clinic, _request: object) -> None:
    """There are none."""


@tells("item-unknown", "error", "it has no item kin_orc")
def _(clinic: Clinic, _request: object) -> None:
    clinic.selection = {clinic.ask_for(): frozenset({"kin_orc", "kin_elf"})}


@tells("outputs", "ok", "assets, .comfygen can be written")
def _(clinic: Clinic, _request: object) -> None:
    clinic.ask_for()


@tells("write-failed", "error", "assets stands there and is no directory")
def _(clinic: Clinic, _request: object) -> None:
    clinic.ask_for()
    clinic.write("assets", "a file")


@tells("ignored", "ok", "tools/ComfyUI stays out of it")
def _(clinic: Clinic, _request: object) -> None:
    clinic.install()


@tells("not-ignored", "warning", "/tools/ComfyUI/")
def _(clinic: Clinic, _request: object) -> None:
    clinic.install()
    (clinic.root / "tools/.gitignore").unlink()


def keep_in_lfs(clinic: Clinic) -> None:
    clinic.ask_for()
    clinic.write(".gitattributes", "*.png filter=lfs diff=lfs merge=lfs -text\n")


@tells("lfs", "ok", "keeps the images")
def _(clinic: Clinic, _request: object) -> None:
    keep_in_lfs(clinic)
    clinic.program("git-lfs", "echo git-lfs/3.5.1")


@tells("lfs-missing", "warning", "https://git-lfs.com")
def _(clinic: Clinic, _request: object) -> None:
    keep_in_lfs(clinic)


@tells("lfs-pointer", "warning", "git lfs pull")
def _(clinic: Clinic, _request: object) -> None:
    keep_in_lfs(clinic)
    clinic.write("assets/kin_elf.png", f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n")


def keep_a_video(clinic: Clinic) -> None:
    clinic.write("jobs/film.api.json", FILM)
    item = "items: {film: {workflow: film.api.json}}"
    clinic.write("jobs/film.comfyjob.yaml", f'comfyjob: 1\noutput: {{file: "${{name}}.mp4"}}\n{item}\n')


@tells("media", "ok", version("av"))
def _(clinic: Clinic, _request: object) -> None:
    keep_a_video(clinic)


@tells("media-missing", "error", "pip install 'pytest-comfygen[media]'")
def _(clinic: Clinic, request: pytest.FixtureRequest) -> None:
    keep_a_video(clinic)
    monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    monkeypatch.setitem(sys.modules, "av", None)


# --- beyond single codes ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def ready(tmp_path_factory: pytest.TempPathFactory) -> World:
    """ComfyUI installed by ourselves in a repository, from indexes of files. Nobody may change it."""
    world = World(tmp_path_factory.mktemp("ready") / "world").build()
    world.add_uv()
    (world.root / "home").mkdir()
    git(world.root / "home", "init", "-q")
    world.ensure()
    return world


def settings_of(world: World) -> dict[str, object]:
    """The options that the world was installed by."""
    return {"repo": str(world.repository), "torch": "cpu", "torch_index": world.torch_index.as_uri()}


def test_a_ready_machine_is_ready(clinic: Clinic, ready: World) -> None:
    clinic.root = ready.root / "home"
    clinic.program("uv", "echo uv 9.9.9")

    diagnosis = clinic.examine(**settings_of(ready))

    assert clinic.problems(**settings_of(ready)) == ["no-job-files"]
    assert diagnosis.is_ready
    assert {finding.code for finding in diagnosis.findings} >= {"checkout", "environment", "torch", "server", "ignored"}


def test_every_finding_of_a_machine_in_order_has_a_code_that_says_so(clinic: Clinic) -> None:
    clinic.install()
    clinic.ask_for()
    clinic.keep()

    found = clinic.examine().findings

    assert {finding.code for finding in found if finding.severity == "ok"} <= AS_IT_SHOULD_BE
    assert clinic.problems() == ["uv-missing"]


def test_the_examination_changes_nothing(clinic: Clinic) -> None:
    clinic.install()
    clinic.ask_for()
    clinic.keep()
    clinic.note_server(runs=False)
    before = snapshot(clinic.root)

    clinic.examine(custom_node=["https://example.org/eels@v1"])

    assert snapshot(clinic.root) == before


def snapshot(directory: Path) -> dict[str, tuple[int, int]]:
    """Every file and directory with its time and size."""
    paths = (directory, *directory.rglob("*"))
    return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_size) for path in paths}


def test_an_empty_repository_stays_empty(clinic: Clinic) -> None:
    before = snapshot(clinic.root)

    clinic.examine()

    assert snapshot(clinic.root) == before


def test_a_job_file_that_cannot_be_used_is_told_with_its_own_code_and_place(clinic: Clinic) -> None:
    clinic.ask_for()
    clinic.write("jobs/wrong.comfyjob.yaml", "comfyjob: 1\nitem: {}\n")

    (found,) = clinic.told("unknown-key")

    assert (found.severity, found.subject) == ("error", "jobs/wrong.comfyjob.yaml")
    assert found.found.startswith("jobs/wrong.comfyjob.yaml:2:1: ")


def test_models_and_outputs_of_the_other_files_are_looked_at_nevertheless(clinic: Clinic) -> None:
    clinic.install()
    clinic.ask_for()
    clinic.write("jobs/wrong.comfyjob.yaml", "comfyjob: 1\nitem: {}\n")

    assert [finding.subject for finding in clinic.told("url-unknown")] == [MODEL]


def test_a_model_that_nobody_has_is_told_with_where_to_put_it(clinic: Clinic) -> None:
    clinic.install()
    clinic.ask_for()
    directory = clinic.comfyui / "models" / "checkpoints"
    directory.mkdir(parents=True)

    (found,) = clinic.told("url-unknown")

    ways = f"put it into {directory}, or give its url and sha256 under `models:` and run with --comfy-download"
    assert ways == found.wanted
    assert found.found.endswith("jobs/kins.comfyjob.yaml::kin_dwarf needs it and 1 more")


def test_another_file_than_declared_is_told_with_the_place_of_the_key_that_names_it(clinic: Clinic) -> None:
    path = clinic.ask_for()
    lora = f"  brush: {{file: loras/brush.safetensors, sha256: {'f' * 64}}}\n"
    path.write_text(path.read_text().replace("models:\n", f"models:\n{lora}").replace("{}", "{loras: [brush]}"))
    hash_it(clinic, clinic.write("tools/ComfyUI/models/loras/brush.safetensors", CONTENT))

    (found,) = clinic.told("hash-mismatch")

    assert found.wanted.endswith("or correct jobs/kins.comfyjob.yaml:8:23")


def test_a_named_item_needs_its_own_model_only(clinic: Clinic) -> None:
    path = clinic.ask_for()
    path.write_text(path.read_text().replace("kin_elf: {}", "kin_elf: {checkpoint: elf.safetensors}"))
    clinic.selection = {path: frozenset({"kin_elf"})}

    assert [finding.subject for finding in clinic.told("url-unknown")] == ["checkpoints/elf.safetensors"]


def test_with_a_named_server_neither_install_nor_models_keep_a_machine_from_being_ready(
    clinic: Clinic, sketch_url: str
) -> None:
    clinic.ask_hub()

    diagnosis = clinic.examine(url=[sketch_url])

    severities = {finding.code: finding.severity for finding in diagnosis.findings}
    assert (severities["install-missing"], severities["model-missing"]) == ("note", "note")
    assert diagnosis.is_ready
    assert clinic.hub.requests == []


def test_what_runs_at_the_usual_address_is_used_where_nothing_is_installed(clinic: Clinic, sketch_url: str) -> None:
    clinic.default_url = sketch_url

    clinic.ask_hub()

    (server,) = clinic.told("server")

    assert "is used; revision unknown" in server.found
    assert [finding for finding in clinic.examine().findings if finding.severity == "error"] == []
    assert clinic.hub.requests == []  # it has models of its own


def test_of_several_named_servers_one_is_enough(clinic: Clinic, sketch_url: str) -> None:
    diagnosis = clinic.examine(url=[CLOSED, sketch_url])

    assert [finding.severity for finding in diagnosis.findings if finding.code == "server-unreachable"] == ["warning"]
    assert diagnosis.is_ready


def test_hosts_are_asked_for_models_that_are_missing_only(clinic: Clinic) -> None:
    clinic.ask_hub()
    clinic.keep()

    clinic.examine()

    assert clinic.hub.requests == []


def test_a_host_that_does_not_answer_is_asked_once_and_told_once(clinic: Clinic) -> None:
    path = clinic.ask_hub()
    other = HUB_FILE.replace("model.", "other.")
    more = f"  more: {{file: checkpoints/other.safetensors, url: '{other}'}}\ndefaults"
    text = path.read_text().replace("defaults", more, 1).replace("kin_elf: {}", "kin_elf: {checkpoint: more}")
    path.write_text(text)
    clinic.hub.on(HUB_FILE, clinic.hub.reset())

    found = [(finding.code, finding.subject) for finding in clinic.examine().findings if "download" in finding.code]

    assert found == [("download-failed", "huggingface.co")]
    assert (len(clinic.hub.seen(HUB_FILE)), clinic.hub.seen(other)) == (1, [])


def test_a_host_that_goes_silent_is_not_waited_for(clinic: Clinic) -> None:
    clinic.ask_hub()
    clinic.hub.on(HUB_FILE, clinic.hub.raw(hold=True))
    clinic.answer_s = 0.3

    (found,) = clinic.told("download-failed")

    assert found.found == "huggingface.co does not answer within 0.3 s"


def test_no_token_is_told(clinic: Clinic) -> None:
    refusing(clinic, 401, token=TOKEN)

    told = repr(clinic.examine()) + repr(clinic.visit())

    assert TOKEN[:12] not in told


def test_a_download_under_way_is_no_leftover(clinic: Clinic) -> None:
    target = clinic.keep(CONTENT[:700], f"model.safetensors.{digest(CONTENT)[:12]}.part").with_name("model.safetensors")

    with held(target.with_name("model.safetensors.lock"), "downloads model.safetensors", lambda _: None):
        assert clinic.told("download-left") == []


def test_changes_in_a_checkout_at_its_pin_are_a_warning(clinic: Clinic) -> None:
    clinic.install()
    clinic.write("tools/ComfyUI/main.py", "print('mine')")

    (found,) = clinic.told("checkout-changed")

    assert found.severity == "warning"


def test_a_checkout_without_git_that_would_have_to_move_cannot(clinic: Clinic) -> None:
    clinic.write("tools/ComfyUI/main.py")
    clinic.write("tools/ComfyUI/comfyui_version.py", '__version__ = "0.3.9"')

    (found,) = clinic.told("checkout-foreign", revision="v0.3.64")

    assert "no git checkout" in found.found


def test_an_own_environment_with_the_wrong_torch_gets_the_command(clinic: Clinic, ready: World) -> None:
    clinic.root = ready.root / "home"
    clinic.program("nvidia-smi", "echo 580.65.06, 8.9")

    (found,) = clinic.told("torch-unfit", **(settings_of(ready) | {"torch": "auto"}))

    assert "--comfy-torch=cu130" in found.command


@pytest.mark.parametrize(
    ("built", "fits"), [("cu126", True), ("cu130", True), ("cu132", False), ("xpu", False), ("cpu", False)]
)
def test_a_cuda_build_may_be_older_than_the_driver_and_not_newer(clinic: Clinic, built: str, *, fits: bool) -> None:
    clinic.install()
    version = next(clinic.comfyui.glob(".venv/lib/*/site-packages/torch/version.py"))
    version.write_text(f"__version__ = '2.9.1+{built}'\n")
    clinic.program("nvidia-smi", "echo 580.65.06, 8.9")

    assert (clinic.told("torch-unfit") == []) == fits


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_may_not_be_written_to_is_told(clinic: Clinic) -> None:
    clinic.ask_for()
    (clinic.root / "assets").mkdir(mode=0o555)

    assert [finding.found for finding in clinic.told("write-failed")] == ["you may not write there"]


def test_examining_a_machine_in_order_is_quick(clinic: Clinic) -> None:
    clinic.install()
    clinic.ask_for()
    clinic.keep()
    begun = time.monotonic()

    clinic.examine()

    assert time.monotonic() - begun < 3
