from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_comfygen.engine.install import CustomNode, look
from pytest_comfygen.errors import (
    CheckoutChanged,
    CheckoutForeign,
    EnvironmentBroken,
    GitFailed,
    InstallFailed,
    InstallMissing,
    InstallSpace,
    RevisionUnknown,
)
from tests.engine.install.world import World, add_wheel, commit, git, release


def test_from_nothing_to_a_comfyui_that_starts_with_the_real_pip(tmp_path: Path) -> None:
    world = World(tmp_path / "world").build()
    install = world.ensure()
    assert (install.version, install.revision, install.torch) == ("0.3.64", "v0.3.64", "cpu")
    assert install.commit == git(world.repository, "rev-parse", "v0.3.64")
    assert install.python.is_relative_to(world.ours)
    assert world.said[-6:] == [
        f"making an environment with {sys.executable}",
        f"installing torch for cpu (--comfy-torch) from {world.torch_index.as_uri()}",
        "torchaudio is left out, because none fits torch 2.9: ComfyUI runs without its audio nodes",
        "installing the requirements",
        "trying to start ComfyUI",
        "ComfyUI 0.3.64 is ready, with torch 2.9.1+cpu",
    ]
    assert json.loads((world.ours / "record.json").read_text())["torch_version"] == "2.9.1+cpu"
    assert [event.text for event in world.events if event.kind == "progress"][-1] == "Successfully installed eels-1.0"


def test_the_second_time_nothing_happens(installed: World) -> None:
    (installed.root / "uv-cache").unlink()
    before = {path: path.stat().st_mtime_ns for path in installed.ours.rglob("*")}
    assert installed.ensure().revision == "v0.3.64"
    assert installed.events == []
    assert before == {path: path.stat().st_mtime_ns for path in installed.ours.rglob("*")}
    assert not (installed.root / "uv-cache").exists()


def test_git_shows_nothing_of_it(world: World) -> None:
    home = world.root / "home"
    commit(home, {"README.md": "a game\n"})
    world.ensure()
    assert git(home, "status", "--short", "--untracked-files=all") == ""
    assert git(world.directory, "status", "--short") == ""
    assert (home / "tools" / ".gitignore").read_text().splitlines()[1:] == ["/.gitignore", "/ComfyUI/"]


def test_people_s_own_ignore_files_are_left_to_them(world: World) -> None:
    home = world.root / "home"
    commit(home, {"tools/.gitignore": "*.pyc\n"})
    world.ensure()
    assert f"add the line /ComfyUI/ to {home / 'tools' / '.gitignore'}" in "\n".join(world.said)
    assert (home / "tools" / ".gitignore").read_text() == "*.pyc\n"


def test_outside_of_any_repository_no_ignore_file_is_written(world: World) -> None:
    world.ensure()
    assert not (world.directory.parent / ".gitignore").exists()


@pytest.mark.parametrize("revision", ["v0.3.9", "master", "commit"])
def test_a_pin_is_a_tag_a_branch_or_a_commit(world: World, revision: str) -> None:
    names = {"commit": git(world.repository, "rev-parse", "v0.3.9")}
    install = world.ensure(world.with_(revision=names.get(revision, revision)))
    expected = git(world.repository, "rev-parse", names.get(revision, revision))
    assert install.commit == expected
    assert look(world.with_(revision=names.get(revision, revision)), world.environment).kind == "ready"


def test_a_new_pin_moves_the_checkout_and_nothing_else_does(installed: World) -> None:
    release(installed.repository, "0.3.65")
    assert installed.ensure().revision == "v0.3.64"
    assert installed.ensure(installed.with_(revision="v0.3.9")).version == "0.3.9"
    state = look(installed.with_(revision="v0.3.65"), installed.environment)
    have = git(installed.repository, "rev-parse", "v0.3.9")[:8]
    assert (state.kind, state.reasons) == ("other-revision", (f"you have {have}, the pin is v0.3.65",))
    assert installed.ensure(installed.with_(revision="v0.3.65")).version == "0.3.65"


def test_update_moves_to_the_newest_release(installed: World) -> None:
    release(installed.repository, "0.3.65")
    assert installed.ensure(update=True).revision == "v0.3.65"
    assert any(text.startswith("moving ComfyUI from v0.3.64") for text in installed.said)
    installed.events.clear()
    assert installed.ensure(update=True).revision == "v0.3.65"
    assert [text for text in installed.said if "installing" in text or "trying" in text] == []


def test_update_moves_to_the_newest_commit_of_a_branch(installed: World) -> None:
    wish = installed.with_(revision="master")
    installed.ensure(wish)
    newest = commit(installed.repository, {"notes.txt": "more\n"})
    assert installed.ensure(wish).commit != newest
    assert installed.ensure(wish, update=True).commit == newest


def test_another_repository_is_another_pin(installed: World, tmp_path: Path) -> None:
    release(tmp_path / "fork", "0.9.0")
    wish = installed.with_(repo=str(tmp_path / "fork"))
    assert look(wish, installed.environment).kind == "other-revision"
    assert installed.ensure(wish).version == "0.9.0"


def test_a_checkout_with_local_changes_is_not_moved_and_the_files_are_named(installed: World) -> None:
    (installed.directory / "main.py").write_text("mine")
    with pytest.raises(
        CheckoutChanged, match=r"local changes, so it is not moved from v0\.3\.64 .* to v0\.3\.9"
    ) as refused:
        installed.ensure(installed.with_(revision="v0.3.9"))
    assert refused.value.details == ("main.py",)
    assert "stash, or pin what is there: --comfy-revision" in (refused.value.hint or "")
    assert (installed.directory / "main.py").read_text() == "mine"
    assert installed.ensure().version == "0.3.64"


def test_a_revision_that_is_nowhere_is_told_with_names_like_it(world: World) -> None:
    with pytest.raises(RevisionUnknown) as unknown:
        world.ensure(world.with_(revision="v0.3.46"))
    assert "v0.3.64" in (unknown.value.hint or "")
    assert not world.directory.exists()
    assert list(world.ours.glob("clone-*")) == []


def test_what_else_stands_there_is_left_alone(world: World) -> None:
    world.directory.mkdir(parents=True)
    (world.directory / "thesis.txt").write_text("precious")
    with pytest.raises(CheckoutForeign, match="something else than ComfyUI"):
        world.ensure()
    assert [path.name for path in world.directory.parent.iterdir()] == ["ComfyUI"]


def test_a_repository_that_is_not_comfyui_is_told(world: World, tmp_path: Path) -> None:
    commit(tmp_path / "other", {"readme": "hello"})
    with pytest.raises(CheckoutForeign, match="is not ComfyUI"):
        world.ensure(world.with_(repo=str(tmp_path / "other")))


def test_without_leave_to_install_it_is_told_what_is_missing(world: World) -> None:
    with pytest.raises(InstallMissing, match="does not exist") as missing:
        world.ensure(may_install=False)
    assert "--comfy-install auto" in (missing.value.hint or "")
    assert not world.directory.parent.exists()


def test_without_leave_to_install_what_is_there_is_used(installed: World) -> None:
    assert installed.ensure(may_install=False, update=True).version == "0.3.64"


def test_changed_requirements_are_installed_and_torch_stays(installed: World) -> None:
    add_wheel(installed.index, "otters", "2.0")
    wish = installed.with_(extra_requirements=("otters>=1",))
    state = look(wish, installed.environment)
    assert (state.kind, state.reasons) == ("outdated", ("extra requirements: none → otters>=1",))
    installed.ensure(wish)
    assert look(wish, installed.environment).kind == "ready"
    last = installed.uv_calls[-1]
    assert "otters>=1" in last
    assert f"-c {installed.ours / 'torch.txt'}" in last
    assert (installed.ours / "torch.txt").read_text() == "torch==2.9.1+cpu\ntorchvision==2.9.1+cpu\n"


def test_a_missing_module_is_named_with_the_line_to_add(world: World) -> None:
    release(world.repository, "0.3.65", main__py=(world.repository / "main.py").read_text() + "import otters\n")
    add_wheel(world.index, "otters", "2.0")
    with pytest.raises(
        EnvironmentBroken, match=r"ComfyUI 0\.3\.65 does not start .* the module otters is missing"
    ) as broken:
        world.ensure()
    assert (broken.value.hint or "").startswith("--comfy-extra-requirements otters | the log: ")
    assert look(world.wish, world.environment).kind == "incomplete"
    assert world.ensure(world.with_(extra_requirements=("otters",))).version == "0.3.65"


def test_another_torch_takes_the_place_of_the_first(installed: World) -> None:
    for name in ("torch", "torchvision"):
        add_wheel(installed.torch_index, name, "2.9.1+cu130")
    assert installed.ensure(installed.with_(torch="cu130")).torch == "cu130"
    assert "torch: cpu → cu130" in installed.said


def test_an_installer_that_fails_is_explained_with_the_end_of_its_log(world: World) -> None:
    (world.index / "eels" / "eels-1.0-py3-none-any.whl").unlink()
    with pytest.raises(InstallFailed, match="the requirements were not installed: no index has eels") as failed:
        world.ensure()
    assert "Because eels was not found" in "\n".join(failed.value.details)
    assert str(world.ours / "install.log") in (failed.value.hint or "")
    assert look(world.wish, world.environment).reasons == ("its environment was not made to the end",)


def test_a_repository_that_is_not_there_leaves_nothing_half_done(world: World) -> None:
    with pytest.raises(GitFailed):
        world.ensure(world.with_(repo=str(world.root / "nowhere")))
    assert not world.directory.exists()


def test_too_small_a_disk_is_told_before_anything_is_fetched(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _path: SimpleNamespace(free=10**9))
    with pytest.raises(InstallSpace, match=r"takes about 1\.8 GB .* and 1\.0 GB are free") as small:
        world.ensure()
    assert [line.partition(":")[0] for line in small.value.details] == ["checkout", "torch for cpu", "requirements"]
    assert not world.directory.exists()


def test_no_token_and_no_other_target_reaches_a_program(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = {"HF_TOKEN": "hf_planted", "CIVITAI_API_TOKEN": "planted", "PIP_TARGET": "/elsewhere", "PYTHONPATH": "/x"}
    misled = {**world.environment, **planted, "GIT_DIR": "/elsewhere/.git", "VIRTUAL_ENV": "/elsewhere"}
    monkeypatch.setattr(World, "environment", misled)
    world.ensure()
    assert [name for name in (*planted, "GIT_DIR", "VIRTUAL_ENV") if name in "\n".join(world.uv_calls)] == []
    assert "planted" not in "".join(path.read_text() for path in world.ours.glob("*.*") if path.is_file())


def test_a_password_in_an_index_s_address_is_not_shown(world: World) -> None:
    address = world.torch_index.as_uri().replace("file://", "file://me:hunter2@")
    world.ensure(world.with_(torch_index=address))
    told = "".join(event.text for event in world.events) + world.log + (world.ours / "record.json").read_text()
    told += "".join(world.uv_calls)
    assert "hunter2" not in told


def test_custom_nodes_are_cloned_pinned_and_get_their_requirements(world: World, tmp_path: Path) -> None:
    node = CustomNode(name="sparkle", repo=str(tmp_path / "sparkle"), revision="v1")
    at = commit(tmp_path / "sparkle", {"__init__.py": "import otters", "requirements.txt": "otters\n"}, "v1")
    add_wheel(world.index, "otters", "2.0")
    wish = world.with_(nodes=(node,))
    install = world.ensure(wish)
    assert install.nodes == (("sparkle", at),)
    assert not [text for text in world.said if "was not loaded" in text]
    newer = commit(tmp_path / "sparkle", {"__init__.py": "import nothing_of_the_kind"}, "v2")
    wish = world.with_(nodes=(CustomNode(name="sparkle", repo=node.repo, revision="v2"),))
    assert look(wish, world.environment).reasons == (f"custom node sparkle: you have {at[:8]}, the pin is v2",)
    assert world.ensure(wish).nodes == (("sparkle", newer),)
    assert f"sparkle was not loaded by ComfyUI; why is in {world.ours / 'install.log'}" in world.said


def test_the_log_holds_what_every_program_wrote(world: World) -> None:
    world.ensure()
    assert [
        one for one in ("clone", "checkout", "Installing eels", "--quick-test-for-ci") if one not in world.log
    ] == []
