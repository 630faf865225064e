from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_comfygen.engine.install import CustomNode, InstallWish, look
from pytest_comfygen.engine.install.places import python_in
from pytest_comfygen.errors import CheckoutForeign, SettingsError
from tests.engine.install.world import World, add_wheel, git, release


def tree(directory: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in sorted(directory.rglob("*"))}


def make_their_environment(directory: Path) -> None:
    """An environment with a torch in it, as somebody would have made it by hand."""
    (directory / "bin").mkdir(parents=True)
    python_in(directory).symlink_to(sys.executable)
    torch = directory / "lib" / "python3.11" / "site-packages" / "torch"
    torch.mkdir(parents=True)
    (torch / "version.py").write_text("__version__ = '2.9.1+cu130'\ncuda: Optional[str] = '13.0'\n")


@pytest.fixture
def theirs(world: World) -> World:
    """A world with a checkout and an environment that the user made."""
    git(world.root, "clone", "-q", str(world.repository), str(world.directory))
    git(world.directory, "checkout", "-q", "v0.3.9")
    make_their_environment(world.directory / ".venv")
    return world


def plain(world: World) -> InstallWish:
    """A wish that asks nothing of the environment."""
    return InstallWish(directory=world.directory, repo=str(world.repository), python=Path(sys.executable))


def test_looking_writes_nothing_and_needs_no_network(installed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", None)
    shutil.rmtree(installed.repository)
    before = tree(installed.root)
    assert look(installed.wish, installed.environment).kind == "ready"
    assert tree(installed.root) == before


def test_looking_takes_less_than_fifty_milliseconds(installed: World) -> None:
    def once() -> float:
        start = time.perf_counter()
        look(installed.wish, installed.environment)
        return time.perf_counter() - start

    assert min(once() for _ in range(5)) < 0.05


def test_an_empty_directory_is_as_good_as_none(world: World) -> None:
    world.directory.mkdir(parents=True)
    assert look(world.wish, world.environment).kind == "absent"


def test_a_checkout_with_its_own_environment_is_adopted_as_it_is(theirs: World) -> None:
    before = tree(theirs.directory.parent)
    install = theirs.ensure(plain(theirs))
    assert (install.adopted, install.revision, install.torch) == (True, "v0.3.9", "cu130")
    assert install.python == python_in(theirs.directory / ".venv")
    assert tree(theirs.directory.parent) == before


def test_an_adopted_checkout_says_when_it_is_not_the_pin_and_moves_then(theirs: World) -> None:
    wish = replace(plain(theirs), revision="v0.3.64")
    have = git(theirs.directory, "rev-parse", "HEAD")[:8]
    assert look(wish, theirs.environment).reasons == (f"you have {have}, the pin is v0.3.64",)
    install = theirs.ensure(wish)
    assert (install.adopted, install.version) == (True, "0.3.64")
    assert git(theirs.directory, "rev-parse", "master") == git(theirs.repository, "rev-parse", "master")
    assert any("bring it up to date yourself" in text for text in theirs.said)


def test_whoever_asks_something_of_the_environment_gets_an_own_one(theirs: World) -> None:
    before = tree(theirs.directory / ".venv")
    install = theirs.ensure()
    assert (install.adopted, install.torch, install.revision) == (False, "cpu", "v0.3.9")
    assert install.python.is_relative_to(theirs.ours)
    assert tree(theirs.directory / ".venv") == before


def test_a_copy_that_is_no_git_checkout_is_taken_at_its_version(theirs: World) -> None:
    shutil.rmtree(theirs.directory / ".git")
    assert theirs.ensure(plain(theirs)).revision == "0.3.9"
    assert theirs.ensure(replace(plain(theirs), revision="v0.3.9")).commit is None
    with pytest.raises(CheckoutForeign, match=r"is version 0\.3\.9 and no git checkout"):
        theirs.ensure(replace(plain(theirs), revision="v0.3.64"))


def test_without_git_the_record_is_believed(installed: World, tmp_path: Path) -> None:
    installed.ensure(installed.with_(revision="v0.3.9"))
    blind = {**installed.environment, "PATH": str(tmp_path)}
    assert look(installed.with_(revision="v0.3.9"), blind).kind == "ready"
    assert look(installed.with_(revision="v0.3.64"), blind).reasons == ("you have 0.3.9, the pin is v0.3.64",)


def test_requirements_that_changed_by_hand_are_noticed(installed: World) -> None:
    release(installed.repository, "0.3.65", requirements__txt="torch\ntorchvision\neels\notters\n")
    git(installed.directory, "fetch", "-q", "--tags", str(installed.repository))
    git(installed.directory, "checkout", "-q", "v0.3.65")
    state = look(installed.wish, installed.environment)
    assert (state.kind, state.reasons) == ("outdated", ("the requirements changed",))
    add_wheel(installed.index, "otters", "1.0")
    assert installed.ensure().revision == "v0.3.65"


def test_what_was_asked_of_the_packages_is_compared(installed: World, tmp_path: Path) -> None:
    (tmp_path / "constraints.txt").write_text("eels<3\n")
    asked = installed.with_(
        constraints=tmp_path / "constraints.txt", as_of="2025-10-11", torch_index="default", torch="cu130"
    )
    reasons = look(asked, installed.environment).reasons
    assert [reason.partition(":")[0] for reason in reasons] == ["torch index", "constraints", "as of", "torch"]
    assert reasons[2:] == ("as of: none → 2025-10-11", "torch: cpu → cu130")
    assert look(installed.with_(torch="auto"), installed.environment).kind == "ready"


def test_a_custom_node_that_is_not_there_is_named(installed: World) -> None:
    node = CustomNode(name="sparkle", repo="https://host/sparkle", revision="v1")
    state = look(installed.with_(nodes=(node,)), installed.environment)
    assert state.reasons == ("custom node sparkle is not there",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"torch": "cuda"}, "--comfy-torch: 'cuda' is none of auto, cpu"),
        ({"torch": "cu130; rm"}, "--comfy-torch"),
        ({"as_of": "yesterday"}, "--comfy-as-of: 'yesterday' is no date"),
        ({"revision": "--force"}, "--comfy-revision"),
        ({"repo": "ext::sh"}, "--comfy-repo"),
        ({"extra_requirements": ("--index-url=http://evil",)}, "would be taken for an option"),
        ({"torch_index": "-e ."}, "would be taken for an option"),
        ({"constraints": Path("nowhere.txt")}, "--comfy-constraints: nowhere.txt is no file"),
        ({"nodes": (CustomNode(name="../x", repo="r", revision="v1"),)}, "the name is no name of a directory"),
    ],
)
def test_wishes_that_cannot_be_used_are_refused(world: World, changes: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        look(world.with_(**changes), os.environ)
    assert message in str(refused.value)
