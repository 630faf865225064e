from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from pytest_comfygen.engine.git import Checkout, Git, checked_address, checked_revision, failed
from pytest_comfygen.engine.programs import Done, ask
from pytest_comfygen.errors import CheckoutChanged, GitFailed, GitMissing, SettingsError
from tests.engine.install.world import commit, git

PLAIN = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull}


def run(command: Sequence[str], environment: Mapping[str, str], cwd: Path) -> Done:
    return ask(command, environment, cwd=cwd)


@pytest.fixture
def upstream(tmp_path: Path) -> Path:
    """A repository with three tags and two branches."""
    repository = tmp_path / "upstream"
    commit(repository, {"a": "1"}, "v0.3.9")
    commit(repository, {"a": "2"}, "v0.3.64")
    commit(repository, {"a": "3"}, "v0.4.0-rc1")
    git(repository, "branch", "side", "v0.3.9")
    return repository


@pytest.fixture
def clone(upstream: Path, tmp_path: Path) -> Checkout:
    found = Git.find(PLAIN)
    found.clone(str(upstream), tmp_path / "clone", run)
    checkout = Checkout(found, tmp_path / "clone")
    checkout.check_out(git(upstream, "rev-parse", "v0.3.9"), run)
    return checkout


def test_a_revision_is_a_commit_a_tag_or_a_branch(clone: Checkout, upstream: Path) -> None:
    old = git(upstream, "rev-parse", "v0.3.9")
    for revision in (old, old[:7], "v0.3.9", "side"):
        assert clone.commits(revision) == (old,), revision
    for revision in ("nowhere", "0000000"):
        assert clone.commits(revision) == (), revision


def test_the_newest_release_is_told_by_its_numbers_and_is_no_candidate(clone: Checkout, upstream: Path) -> None:
    assert clone.commits(None) == (git(upstream, "rev-parse", "v0.3.64"),)


def test_without_releases_the_default_branch_counts(tmp_path: Path) -> None:
    commit(tmp_path / "upstream", {"a": "1"}, "nightly")
    head = commit(tmp_path / "upstream", {"a": "2"})
    found = Git.find(PLAIN)
    found.clone(str(tmp_path / "upstream"), tmp_path / "clone", run)
    checkout = Checkout(found, tmp_path / "clone")
    assert checkout.commits(None) == (head,)
    newer = commit(tmp_path / "upstream", {"a": "3"})
    checkout.fetch(str(tmp_path / "upstream"), None, run)
    assert checkout.commits(None, fetched=True) == (newer,)


def test_fetching_leaves_the_checkout_s_own_branches_and_tags_alone(clone: Checkout, upstream: Path) -> None:
    before = git(clone.directory, "for-each-ref", "refs/heads", "refs/tags", "refs/remotes")
    git(upstream, "tag", "--force", "v0.3.9", "v0.3.64")
    commit(upstream, {"a": "4"}, "v0.5.0")
    clone.fetch(str(upstream), None, run)
    assert git(clone.directory, "for-each-ref", "refs/heads", "refs/tags", "refs/remotes") == before
    assert clone.commits(None) == (git(upstream, "rev-parse", "v0.5.0"),)
    assert clone.commits("v0.3.9")[0] == git(upstream, "rev-parse", "v0.3.64")


def test_a_commit_that_no_branch_leads_to_is_fetched_by_itself(clone: Checkout, upstream: Path) -> None:
    git(upstream, "checkout", "-q", "--detach")
    lonely = commit(upstream, {"a": "lonely"})
    git(upstream, "checkout", "-q", "master")
    git(upstream, "config", "uploadpack.allowAnySHA1InWant", "true")
    clone.fetch(str(upstream), lonely, run)
    assert clone.commits(lonely) == (lonely,)


def test_local_changes_are_named(clone: Checkout) -> None:
    assert clone.changes() == ()
    (clone.directory / "a").write_text("mine")
    (clone.directory / "untracked").write_text("mine")
    assert clone.changes() == ("a",)


def test_untracked_files_in_the_way_stop_a_checkout_before_it_begins(clone: Checkout, upstream: Path) -> None:
    newest = commit(upstream, {"b": "theirs"})
    (clone.directory / "b").write_text("mine")
    clone.fetch(str(upstream), None, run)
    with pytest.raises(CheckoutChanged) as refused:
        clone.check_out(newest, run)
    assert refused.value.details == ("b",)
    assert ((clone.directory / "b").read_text(), clone.changes()) == ("mine", ())


def test_a_revision_that_is_nowhere_is_answered_with_names_like_it(clone: Checkout) -> None:
    assert clone.unknown("v0.3.65", "u").hint == "did you mean v0.3.64 or v0.3.9? Set --comfy-revision"
    assert clone.unknown("qqq", "https://me:pw@host/x").message == "https://host/x has no commit, tag or branch 'qqq'"


def test_looking_does_not_find_the_repository_around(tmp_path: Path) -> None:
    commit(tmp_path, {"a": "1"})
    (tmp_path / "tools" / "ComfyUI").mkdir(parents=True)
    assert Checkout(Git.find(PLAIN), tmp_path / "tools" / "ComfyUI").head() is None


def test_variables_that_name_another_repository_are_scrubbed(clone: Checkout, upstream: Path) -> None:
    local = git(upstream, "rev-parse", "--local-env-vars").split()
    assert "GIT_DIR" in local
    misled = PLAIN | dict.fromkeys(local, str(upstream / ".git")) | {"HF_TOKEN": "secret"}
    found = Git.find(misled)
    assert set(found.environment) & {*local, "HF_TOKEN"} == set()
    assert Checkout(found, clone.directory).head() == clone.head()


def test_what_leads_to_a_proxy_or_certificate_stays() -> None:
    kept = {"https_proxy": "p", "GIT_SSL_CAINFO": "c", "GIT_ASKPASS": "a", "GIT_SSH_COMMAND": "s"}
    assert kept.items() <= Git.find(PLAIN | kept).environment.items()


@pytest.mark.skipif(os.name == "nt", reason="hooks are shell scripts")
def test_no_program_that_a_repository_names_is_run(clone: Checkout, upstream: Path, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho x >> {trace}\n")
    program.chmod(0o755)
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        (clone.directory / ".git" / "hooks" / hook).write_text(program.read_text())
        (clone.directory / ".git" / "hooks" / hook).chmod(0o755)
    git(clone.directory, "config", "core.fsmonitor", str(program))
    clone.changes()
    clone.check_out(git(upstream, "rev-parse", "v0.3.64"), run)
    clone.fetch(str(upstream), None, run)
    assert not trace.exists()


@pytest.mark.parametrize(
    "address",
    ["", "--upload-pack=touch x", "-x", "ext::sh -c touch% x", "fd::17", "a::b", "https://me:pw@host/x", "a\nb"],
)
def test_addresses_that_are_options_commands_or_secrets_are_refused(address: str) -> None:
    with pytest.raises(SettingsError) as refused:
        checked_address(address)
    assert "pw" not in str(refused.value)


@pytest.mark.parametrize(
    "address",
    ["https://host/x.git", "git@host:x/y.git", "ssh://git@host:22/x", "/a b/c", "file:///a", "https://me@host/x"],
)
def test_addresses_are_taken(address: str) -> None:
    assert checked_address(address) == address


@pytest.mark.parametrize("revision", ["--force", "-f", "HEAD~1", "a..b", "a b", "@{u}", ":/fix", "", "x^0", "a\n"])
def test_revisions_that_are_options_or_expressions_are_refused(revision: str) -> None:
    with pytest.raises(SettingsError):
        checked_revision(revision)


def test_a_command_transport_behind_an_alias_is_refused_by_git(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(f'[url "ext::{sys.executable} -c pass "]\n\tinsteadOf = https://host/\n')
    with pytest.raises(GitFailed) as refused:
        Git.find(PLAIN | {"GIT_CONFIG_GLOBAL": str(config)}).clone("https://host/x", tmp_path / "clone", run)
    assert refused.value.hint == "only http, https, ssh, git and local repositories are cloned"


def test_a_repository_that_is_not_there_is_told_with_the_option(tmp_path: Path) -> None:
    with pytest.raises(GitFailed, match="nowhere was not cloned") as refused:
        Git.find(PLAIN).clone(str(tmp_path / "nowhere"), tmp_path / "clone", run)
    assert refused.value.hint == "correct --comfy-repo, or check that you may read it"
    assert "does not exist" in "\n".join(refused.value.details)


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("fatal: unable to access 'https://h/': Could not resolve host: h", "is there a network?"),
        ("fatal: could not read Username for 'https://h': terminal prompts disabled", "git may not ask for a password"),
        ("Host key verification failed.", "connect to that host once"),
        (
            "fatal: detected dubious ownership in repository at '/x'",
            "another user owns it; if you trust it: git config",
        ),
        ("error: file write error: No space left on device", "the disk is full"),
        ("fatal: Unable to create '/x/.git/index.lock': File exists.", "another git runs in there"),
        ("SSL certificate problem: unable to get local issuer certificate", "name your certificate"),
    ],
)
def test_what_git_says_is_explained(said: str, hint: str) -> None:
    error = failed("it failed", Done(128, f"Receiving objects:  45% (9/20)\n{said}\n"))
    assert (error.details, (error.hint or "")[: len(hint)]) == ((said,), hint)


def test_no_git_is_told(tmp_path: Path) -> None:
    with pytest.raises(GitMissing) as missing:
        Git.find({"PATH": str(tmp_path)})
    assert missing.value.hint == "install git, or put it on the PATH"
