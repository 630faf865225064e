"""What hosts, wires and disks can do wrong while a model is fetched, against a scripted hub.

Everything runs over TLS under the hosts' real names, and a token goes along: after every fault, no part of it is found
in what was told or written.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_comfygen.errors import (
    AddressRefused,
    DiskTooSmall,
    DownloadFailed,
    HashMismatch,
    HashUnknown,
    LicenceNotAccepted,
    ModelDamaged,
    ModelNotFound,
    Offline,
    PageInsteadOfModel,
    PickleRefused,
    TokenMissing,
    TokenRefused,
    UrlUnknown,
)
from tests.engine.download.desk import CONTENT, TOKEN, Desk, model
from tests.engine.download.hub import HUB_FILE, Hub, Request, digest, weights
from tests.wire import Wire, response

STORE = "https://store.example.net/signed"
OTHER = "https://other.example.com/model.safetensors"
CIVITAI = "https://civitai.com/api/download/models/7"
HALF = len(CONTENT) // 2


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub(files=dict.fromkeys((HUB_FILE, STORE, OTHER, CIVITAI), CONTENT))
    yield hub
    hub.close()


@pytest.fixture
def desk(tmp_path: Path, hub: Hub) -> Iterator[Desk]:
    desk = Desk(tmp_path, hub)
    yield desk
    desk.assert_nothing_is_told()


def have(desk: Desk, size: int, etag: str = f'"{digest(CONTENT)[:32]}"', content: bytes = CONTENT) -> None:
    """An earlier download left `size` bytes."""
    desk.part.parent.mkdir(parents=True)
    desk.part.write_bytes(content[:size])
    note = {"url": HUB_FILE, "etag": etag, "size": len(CONTENT)}
    desk.part.with_name(f"{desk.part.name}.json").write_text(json.dumps(note))


def assert_arrived(desk: Desk) -> None:
    assert desk.target.read_bytes() == CONTENT
    assert desk.lying == []


# --- nothing is wrong -------------------------------------------------------------------------------------------------


def test_a_model_arrives_whole_and_leaves_nothing_beside_it(desk: Desk) -> None:
    done = desk.fetch()
    assert_arrived(desk)
    assert (done.sha256, done.size_bytes, done.received_bytes) == (digest(CONTENT), len(CONTENT), len(CONTENT))
    assert done.is_verified
    assert desk.hashes().known(desk.target) == digest(CONTENT)


def test_progress_ends_with_all_bytes(desk: Desk) -> None:
    desk.fetch()
    last = [event for event in desk.events if event.text == "downloading"][-1]
    assert (last.value, last.maximum, last.subject) == (len(CONTENT), len(CONTENT), "model.safetensors")


def test_a_model_that_is_there_is_not_asked_for(desk: Desk, hub: Hub) -> None:
    desk.fetch()
    assert desk.fetch().received_bytes == 0
    assert len(hub.requests) == 1


# --- five refusals ----------------------------------------------------------------------------------------------------


def test_a_gated_model_without_a_token(desk: Desk, hub: Hub) -> None:
    del desk.environment["HF_TOKEN"]
    hub.on(HUB_FILE, hub.status(401, X_Error_Code="GatedRepo", X_Error_Message="Access to model is restricted."))
    error = desk.refused(TokenMissing)
    assert error.message == "huggingface.co gives model.safetensors only to those who log in"
    assert error.details == ("Access to model is restricted.",)
    assert error.hint == (
        "accept the licence at https://huggingface.co/owner/repo, and set HF_TOKEN to a token of yours"
    )
    assert len(hub.requests) == 1


def test_a_token_that_is_not_valid(desk: Desk, hub: Hub) -> None:
    hub.on(HUB_FILE, hub.status(401, json.dumps({"error": "Invalid credentials in Authorization header"})))
    error = desk.refused(TokenRefused)
    assert error.message == "huggingface.co does not give model.safetensors to the token in HF_TOKEN"
    assert error.details == ("Invalid credentials in Authorization header",)


def test_a_licence_that_is_not_accepted(desk: Desk, hub: Hub) -> None:
    hub.on(HUB_FILE, hub.status(403, X_Error_Code="GatedRepo", X_Error_Message="You are not in the authorized list"))
    error = desk.refused(LicenceNotAccepted)
    assert error.hint == "log in and accept it at https://huggingface.co/owner/repo, then run the same command again"


@pytest.mark.parametrize(
    ("status", "code", "what"),
    [
        (404, "EntryNotFound", "no such file"),
        (404, "RevisionNotFound", "no such revision"),
        (404, "RepoNotFound", "no such repository"),
        (404, "", "no such file"),
        (410, "", "no such file"),
    ],
)
def test_what_is_not_there(desk: Desk, hub: Hub, status: int, code: str, what: str) -> None:
    hub.on(HUB_FILE, hub.status(status, X_Error_Code=code))
    assert desk.refused(ModelNotFound).message == f"huggingface.co does not have model.safetensors: {what}"


def test_without_a_token_a_missing_repository_may_be_a_private_one(desk: Desk, hub: Hub) -> None:
    del desk.environment["HF_TOKEN"]
    hub.on(HUB_FILE, hub.status(401, X_Error_Code="RepoNotFound"))
    error = desk.refused(ModelNotFound)
    assert error.hint == "is the model's url right? If the repository is private, set HF_TOKEN"


def test_a_disk_too_small_for_the_declared_size_is_known_before_anybody_is_asked(desk: Desk, hub: Hub) -> None:
    desk.free_bytes = 10**9
    error = desk.refused(DiskTooSmall, model(size_bytes=6_940_000_000))
    assert error.message == f"model.safetensors needs 6.9 GB in {desk.target.parent}, and 1.0 GB are free"
    assert hub.requests == []


def test_a_disk_too_small_for_the_size_that_the_host_tells(desk: Desk, hub: Hub) -> None:
    desk.free_bytes = 1000
    desk.refused(DiskTooSmall)
    assert len(hub.requests) == 1


def test_what_has_come_needs_no_room_again(desk: Desk) -> None:
    have(desk, HALF)
    desk.free_bytes = len(CONTENT) - HALF
    desk.fetch()
    assert_arrived(desk)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no disk that is always full")
def test_a_disk_that_is_full_on_the_way(desk: Desk) -> None:
    desk.target.parent.mkdir(parents=True)
    desk.part.symlink_to("/dev/full")
    error = desk.refused(DiskTooSmall)
    assert error.message == "the disk takes no more of model.safetensors: No space left on device"


# --- Civitai and plain hosts ------------------------------------------------------------------------------------------


def test_civitai_without_a_key(desk: Desk, hub: Hub) -> None:
    del desk.environment["CIVITAI_API_TOKEN"]
    hub.on(CIVITAI, hub.status(401, json.dumps({"error": "Unauthorized", "message": "The creator wants a login"})))
    error = desk.refused(TokenMissing, model(url=f"{CIVITAI}?type=Model"))
    assert error.details == ("The creator wants a login",)
    assert error.hint == "set CIVITAI_API_TOKEN to an API key of your account at civitai.com"


def test_civitai_with_a_key_that_is_refused(desk: Desk, hub: Hub) -> None:
    hub.on(CIVITAI, hub.status(401))
    assert "CIVITAI_API_TOKEN" in desk.refused(TokenRefused, model(url=CIVITAI)).message


def test_civitais_login_page(desk: Desk, hub: Hub) -> None:
    del desk.environment["CIVITAI_API_TOKEN"]
    hub.on(CIVITAI, hub.redirect("/login?returnUrl=x"))
    hub.on("https://civitai.com/login", hub.page())
    error = desk.refused(PageInsteadOfModel, model(url=CIVITAI))
    assert error.message == "civitai.com sends a web page instead of model.safetensors"
    assert (error.hint or "").startswith("set CIVITAI_API_TOKEN")


def test_a_host_that_we_have_no_login_for(desk: Desk, hub: Hub) -> None:
    hub.on(OTHER, hub.status(401))
    error = desk.refused(TokenMissing, model(url=OTHER))
    assert error.hint == "download it by hand into checkpoints/: there is no setting for a login at other.example.com"


# --- interrupted and continued ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_download_that_breaks_off_goes_on_where_it_was(desk: Desk, hub: Hub, reset: bool) -> None:  # noqa: FBT001  # a parameter
    hub.on(HUB_FILE, hub.cut(200_000, reset=reset), hub.well)
    desk.fetch()
    assert_arrived(desk)
    first, second = hub.seen(HUB_FILE)
    assert "range" not in first.headers
    assert int(second.headers["range"].removeprefix("bytes=").rstrip("-")) >= 64 * 1024
    assert second.headers["if-range"] == f'"{digest(CONTENT)[:32]}"'


def test_an_earlier_run_is_continued(desk: Desk, hub: Hub) -> None:
    have(desk, HALF)
    assert desk.fetch().received_bytes == len(CONTENT) - HALF
    assert_arrived(desk)
    assert hub.asked() == [f"bytes={HALF}-"]


def test_a_file_that_was_changed_meanwhile_starts_over(desk: Desk, hub: Hub) -> None:
    have(desk, HALF, etag='"of-another-file"', content=weights(seed=2))
    assert desk.fetch().received_bytes == len(CONTENT)
    assert_arrived(desk)
    assert len(hub.requests) == 1


def test_a_host_that_knows_no_ranges_starts_over(desk: Desk, hub: Hub) -> None:
    have(desk, HALF, content=weights(seed=2))
    hub.on(HUB_FILE, lambda _, wire: wire.send(response(200, CONTENT, {})))
    desk.fetch()
    assert_arrived(desk)


@pytest.mark.parametrize("said", [f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}", "bytes 5-9/10", "", "nonsense"])
def test_a_part_that_was_not_asked_for_starts_over_once(desk: Desk, hub: Hub, said: str) -> None:
    have(desk, HALF)
    hub.on(HUB_FILE, hub.status(206, CONTENT[HALF:], Content_Range=said), hub.well)
    desk.fetch()
    assert_arrived(desk)
    assert hub.asked() == [f"bytes={HALF}-", None]


def test_parts_that_were_not_asked_for_end_it(desk: Desk, hub: Hub) -> None:
    have(desk, HALF)
    hub.on(HUB_FILE, hub.status(206, CONTENT[HALF:], Content_Range="bytes 1-2/3"))
    assert desk.refused(DownloadFailed).message == "huggingface.co sends a part where all was asked for"


def test_nothing_missing_is_found_out_by_the_hash(desk: Desk, hub: Hub) -> None:
    have(desk, len(CONTENT))
    assert desk.fetch().received_bytes == 0
    assert_arrived(desk)
    assert len(hub.requests) == 1


def test_a_part_that_is_too_long_is_dropped(desk: Desk, hub: Hub) -> None:
    have(desk, len(CONTENT) + 9, content=CONTENT + b"123456789")
    desk.fetch()
    assert_arrived(desk)
    assert hub.asked() == [f"bytes={len(CONTENT) + 9}-", None]


def test_without_a_sha256_a_part_that_is_too_long_is_dropped_by_its_size(desk: Desk, hub: Hub) -> None:
    hub.on(HUB_FILE, hub.cut(200_000), hub.status(404))
    desk.refused(ModelNotFound, model(sha256=None), unverified=True)
    (part,) = desk.target.parent.glob("*.part")
    part.write_bytes(CONTENT + b"too much")
    hub.on(HUB_FILE, hub.well)
    assert desk.fetch(model(sha256=None), unverified=True).sha256 == digest(CONTENT)


def test_a_torn_note_is_no_reason_to_fail(desk: Desk, hub: Hub) -> None:
    have(desk, HALF)
    desk.part.with_name(f"{desk.part.name}.json").write_bytes(b'{"url": "htt')
    desk.fetch()
    assert_arrived(desk)
    assert "if-range" not in hub.requests[0].headers  # the hash will tell


def test_without_a_sha256_a_part_needs_a_validator(desk: Desk, hub: Hub) -> None:
    hub.on(HUB_FILE, hub.file(CONTENT, cut=200_000, ETag='W/"weak"'), hub.file(CONTENT, ETag='W/"weak"'))
    desk.fetch(model(sha256=None), unverified=True)
    assert_arrived(desk)
    assert hub.asked() == [None, None]


def test_a_date_is_a_validator_too(desk: Desk, hub: Hub) -> None:
    date = "Sat, 21 Nov 2026 07:28:00 GMT"
    hub.on(HUB_FILE, hub.file(CONTENT, cut=HALF, ETag="", Last_Modified=date), hub.file(CONTENT, Last_Modified=date))
    desk.fetch(model(sha256=None), unverified=True)
    assert hub.requests[1].headers["if-range"] == date
    assert hub.asked()[1] is not None


# --- wrong bytes ------------------------------------------------------------------------------------------------------


def test_wrong_bytes_are_fetched_once_more(desk: Desk, hub: Hub) -> None:
    hub.on(HUB_FILE, hub.file(weights(seed=2)), hub.well)
    desk.fetch()
    assert_arrived(desk)
    assert hub.asked() == [None, None]


def test_wrong_bytes_twice_are_an_error_with_both_hashes(desk: Desk, hub: Hub) -> None:
    other = weights(seed=2)
    hub.files[HUB_FILE] = other
    error = desk.refused(HashMismatch)
    assert error.details == (f"expected: {digest(CONTENT)}", f"found:    {digest(other)}")
    assert len(hub.requests) == 2
    assert desk.lying == []


def test_a_part_that_went_bad_on_the_disk_starts_over(desk: Desk, hub: Hub) -> None:
    have(desk, HALF, content=bytes(HALF))
    desk.fetch()
    assert_arrived(desk)
    assert hub.asked() == [f"bytes={HALF}-", None]


def test_a_declared_sha256_that_the_hub_contradicts_is_told_before_a_byte_is_written(desk: Desk, hub: Hub) -> None:
    linked = digest(b"another file")
    hub.on(HUB_FILE, hub.redirect(STORE, X_Linked_Etag=f'"{linked}"', X_Linked_Size="9"))
    error = desk.refused(HashMismatch)
    assert error.details == (f"declared: {digest(CONTENT)}", f"huggingface.co: {linked}")
    assert desk.lying == []


def test_a_file_that_is_there_and_another_one_is_left_alone(desk: Desk, hub: Hub) -> None:
    desk.target.parent.mkdir(parents=True)
    desk.target.write_bytes(b"somebody's own")
    with pytest.raises(HashMismatch, match="is another file than the one that is declared, so it is left alone"):
        desk.fetch()
    assert desk.target.read_bytes() == b"somebody's own"
    assert hub.requests == []


def test_a_directory_under_the_models_name_is_left_alone(desk: Desk, hub: Hub) -> None:
    desk.target.mkdir(parents=True)
    with pytest.raises(ModelDamaged, match="is in the way and cannot be read"):
        desk.fetch()
    assert hub.requests == []


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/octet-stream"])
def test_a_login_page_instead_of_weights(desk: Desk, hub: Hub, kind: str) -> None:
    hub.on(HUB_FILE, hub.page(kind))
    error = desk.refused(PageInsteadOfModel)
    assert error.message == "huggingface.co sends a web page instead of model.safetensors"
    assert desk.lying == []


def test_a_compressed_body_is_not_written(desk: Desk, hub: Hub) -> None:
    have(desk, HALF, etag='"other"')
    hub.on(HUB_FILE, hub.status(200, b"\x1f\x8b", Content_Encoding="gzip"))
    desk.refused(DownloadFailed)
    assert desk.part.stat().st_size == HALF


def test_an_endless_body_of_no_length_ends_by_the_declared_size(desk: Desk, hub: Hub) -> None:
    endless = [b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 65536] * 40]
    hub.on(HUB_FILE, hub.raw(*endless, hold=True))
    assert desk.refused(DownloadFailed, model(size_bytes=100_000)).message == "huggingface.co sends more than the file"


def test_a_body_of_no_length_that_breaks_off_is_found_by_the_hash(desk: Desk, hub: Hub) -> None:
    hub.on(HUB_FILE, hub.raw(b"HTTP/1.1 200 OK\r\n\r\n", CONTENT[:HALF]), hub.well)
    desk.fetch()
    assert_arrived(desk)


def test_chunks_that_break_off_are_continued(desk: Desk, hub: Hub) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    hub.on(HUB_FILE, hub.raw(head, b"%x\r\n%s\r\n" % (100_000, CONTENT[:100_000])), hub.well)
    desk.fetch()
    assert_arrived(desk)


def test_without_a_sha256_torn_weights_are_found_by_their_header(desk: Desk, hub: Hub) -> None:
    hub.on(HUB_FILE, hub.raw(b"HTTP/1.1 200 OK\r\n\r\n", CONTENT[:HALF]))
    error = desk.refused(ModelDamaged, model(sha256=None), unverified=True)
    assert error.message.startswith("model.safetensors is cut off: ")
    assert desk.lying == []


# --- redirects and tokens ---------------------------------------------------------------------------------------------


def test_a_token_goes_to_its_own_host_and_not_to_the_store(desk: Desk, hub: Hub) -> None:
    hub.on(HUB_FILE, hub.redirect(f"{STORE}?X-Amz-Signature=abc"))
    desk.fetch()
    assert_arrived(desk)
    assert [request.headers.get("authorization") for request in hub.requests] == [f"Bearer {TOKEN}", None]
    assert "cookie" not in hub.requests[1].headers


def test_a_token_does_not_go_to_the_host_that_a_job_names(desk: Desk, hub: Hub) -> None:
    hub.on(OTHER, hub.redirect(CIVITAI, 307))
    desk.fetch(model(url=OTHER))
    assert [(r.url, (r.headers.get("authorization") or "")[:11]) for r in hub.requests] == [
        (OTHER, ""),
        (CIVITAI, "Bearer c1v1"),
    ]


def test_cookies_are_not_kept(desk: Desk, hub: Hub) -> None:
    hub.on(HUB_FILE, hub.status(503, Set_Cookie="session=1; Path=/"), hub.well)
    desk.fetch()
    assert "cookie" not in hub.requests[1].headers


@pytest.mark.parametrize(
    "target",
    [
        "http://store.example.net/signed",
        "file:///etc/passwd",
        "ftp://store.example.net/signed",
        "https://127.0.0.1/",
        "http://127.0.0.1:8188/free",
        "https://localhost/",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.7/",
        "https://[::1]/",
        "https://[::ffff:192.168.1.1]/",
        "https://user:secret@store.example.net/signed",
        "https://[broken",
        "",
    ],
)
def test_redirects_to_where_they_must_not_lead(desk: Desk, hub: Hub, target: str) -> None:
    hub.on(HUB_FILE, hub.status(302, Location=target))
    error = desk.refused(AddressRefused)
    assert "secret" not in error.message
    assert {request.url for request in hub.requests} == {HUB_FILE}


def test_redirects_without_end(desk: Desk, hub: Hub) -> None:
    hub.on(HUB_FILE, hub.redirect(HUB_FILE))
    assert desk.refused(AddressRefused).message == "huggingface.co redirects more than 5 times"
    assert len(hub.requests) == 6


def test_a_signed_link_that_is_over_is_asked_for_again(desk: Desk, hub: Hub) -> None:
    hub.on(HUB_FILE, hub.redirect(f"{STORE}?signature=1"), hub.redirect(f"{STORE}?signature=2"))
    hub.on(STORE, hub.cut(HALF, url=STORE), hub.status(403, "<Error><Code>AccessDenied</Code></Error>"), hub.well)
    desk.fetch()
    assert_arrived(desk)
    assert [request.query for request in hub.seen(STORE)] == ["signature=1", "signature=2", "signature=2"]


def test_a_store_that_always_refuses_ends_it(desk: Desk, hub: Hub) -> None:
    hub.on(HUB_FILE, hub.redirect(STORE))
    hub.on(STORE, hub.status(403))
    assert desk.refused(DownloadFailed).message == "store.example.net answers 403: Scripted"
    assert len(hub.seen(STORE)) == 5


def test_a_host_that_repeats_the_token_is_not_quoted(desk: Desk, hub: Hub) -> None:
    hub.on(HUB_FILE, hub.status(401, f"bad token {TOKEN[:12]}…", ETag=TOKEN))
    assert desk.refused(TokenRefused).details == ("(words that repeat the token)",)


def test_a_netrc_is_not_asked(desk: Desk, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine other.example.com login me password planted\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    desk.fetch(model(url=OTHER))
    assert "authorization" not in hub.requests[0].headers


def test_a_mirror_gets_the_requests_and_the_token(desk: Desk, hub: Hub) -> None:
    desk.environment["HF_ENDPOINT"] = "https://mirror.example.org/"
    hub.files["https://mirror.example.org/owner/repo/resolve/main/model.safetensors"] = CONTENT
    desk.fetch(model(url="https://huggingface.co/owner/repo/blob/main/model.safetensors"))
    assert [r.headers["authorization"] for r in hub.requests] == [f"Bearer {TOKEN}"]


@pytest.mark.parametrize("after", [0, 200_000], ids=["head", "body"])
def test_ctrl_c_in_the_middle_of_requests_frames_shows_no_token(desk: Desk, hub: Hub, after: int) -> None:
    def interrupt(_: Request, wire: Wire) -> None:
        wire.send(response(200, CONTENT, {})[:after])
        time.sleep(0.1)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        wire.wait(5)

    hub.on(HUB_FILE, interrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        desk.fetch()
    assert any("urllib3" in str(entry.path) for entry in caught.traceback)
    desk.assert_nothing_is_told(caught.value)


def test_a_bug_in_the_middle_of_a_download_shows_no_token(desk: Desk) -> None:
    desk.notify = lambda _: 1 / 0
    with pytest.raises(ZeroDivisionError) as caught:
        desk.fetch()
    desk.assert_nothing_is_told(caught.value)


# --- slow, silent and failing hosts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_host_that_cannot_now_is_asked_again(desk: Desk, hub: Hub, status: int) -> None:
    hub.on(HUB_FILE, hub.status(status), hub.well)
    desk.fetch()
    assert_arrived(desk)


def test_a_host_that_cannot_at_all_is_given_up(desk: Desk, hub: Hub) -> None:
    hub.on(HUB_FILE, hub.status(503, "<h1>down for maintenance</h1>"))
    error = desk.refused(DownloadFailed)
    assert error.message == "huggingface.co answers 503: down for maintenance"
    assert len(hub.requests) == 5


def test_a_host_that_asks_to_wait_for_a_day_is_not_obeyed(desk: Desk, hub: Hub) -> None:
    hub.on(HUB_FILE, hub.status(429, Retry_After="86400"), hub.well)
    desk.fetch()
    assert max(desk.slept_s) == 7.0


def test_a_host_that_resets_every_connection(desk: Desk, hub: Hub) -> None:
    hub.on(HUB_FILE, hub.reset())
    assert desk.refused(DownloadFailed).message == "huggingface.co broke off"


def test_progress_is_patience(desk: Desk, hub: Hub) -> None:
    desk.patience = replace(desk.patience, tries=2)
    long = hub.files[HUB_FILE] = weights(600_000)
    hub.on(HUB_FILE, *[hub.cut(70_000)] * 8, hub.well)
    assert desk.fetch(model(long)).sha256 == digest(long)


def test_the_same_half_again_and_again_is_no_progress(desk: Desk, hub: Hub) -> None:
    def half(_: Request, wire: Wire) -> None:
        wire.send(response(200, CONTENT, {})[:HALF])
        wire.close()

    hub.on(HUB_FILE, half)
    desk.refused(DownloadFailed)
    assert len(hub.requests) == 1 + 5


@pytest.mark.parametrize("after", [0, 200_000])
def test_silence_is_not_waited_for(desk: Desk, hub: Hub, after: int) -> None:
    desk.patience = replace(desk.patience, silence_s=0.3)
    hub.on(HUB_FILE, hub.cut(after, hold=True), hub.well)
    desk.fetch()
    assert_arrived(desk)


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 300104\r\n\r\n"], ids=["head", "body"])
def test_a_byte_now_and_then_is_silence(desk: Desk, hub: Hub, start: bytes) -> None:
    desk.patience = replace(desk.patience, silence_s=0.3, tries=1)
    hub.on(HUB_FILE, hub.raw(start, *(b"H" for _ in range(500)), pause_s=0.02))
    started = time.monotonic()
    assert desk.refused(DownloadFailed).message == "huggingface.co went silent"
    assert time.monotonic() - started < 3


def test_the_whole_download_has_an_end(desk: Desk, hub: Hub) -> None:
    desk.patience = replace(desk.patience, total_s=0.0)
    assert "time allowed" in desk.refused(DownloadFailed).message
    assert len(hub.requests) == 1


def test_a_certificate_that_nobody_trusts(desk: Desk, hub: Hub) -> None:
    del desk.environment["REQUESTS_CA_BUNDLE"]
    error = desk.refused(DownloadFailed)
    assert error.message == "no trusted TLS connection to huggingface.co"
    assert "REQUESTS_CA_BUNDLE" in (error.hint or "")
    assert hub.requests == []


def test_a_proxy_that_is_not_there(desk: Desk) -> None:
    desk.environment["HTTPS_PROXY"] = "http://me:planted-password@127.0.0.1:9"
    error = desk.refused(DownloadFailed)
    assert error.message == "the proxy before huggingface.co does not answer as one"
    assert "planted" not in repr(error.__dict__) + repr(desk.events)


def test_loopback_has_no_proxy(desk: Desk, hub: Hub) -> None:
    desk.environment["HTTP_PROXY"] = "http://127.0.0.1:9"
    hub.files[f"{hub.url}/model.safetensors"] = CONTENT
    desk.fetch(model(url=f"{hub.url}/model.safetensors"))
    assert_arrived(desk)
    assert "authorization" not in hub.requests[0].headers


def test_nobody_listens(desk: Desk) -> None:
    error = desk.refused(DownloadFailed, model(url="http://127.0.0.1:9/model.safetensors"))
    assert error.message == "127.0.0.1:9 refuses the connection"


# --- what is not even asked for ---------------------------------------------------------------------------------------


def test_offline_means_no_request(desk: Desk, hub: Hub) -> None:
    desk.environment["HF_HUB_OFFLINE"] = "1"
    assert desk.refused(Offline).hint == "unset HF_HUB_OFFLINE"
    assert hub.requests == []


def test_a_model_without_sha256_needs_a_word(desk: Desk, hub: Hub) -> None:
    assert "--comfy-download=unverified" in (desk.refused(HashUnknown, model(sha256=None)).hint or "")
    assert hub.requests == []


def test_an_unverified_model_tells_the_hash_to_paste(desk: Desk) -> None:
    done = desk.fetch(model(sha256=None), unverified=True)
    assert (done.sha256, done.is_verified) == (digest(CONTENT), False)


def test_an_unverified_model_is_compared_with_the_hash_that_its_host_tells(desk: Desk, hub: Hub) -> None:
    hub.on(HUB_FILE, hub.redirect(STORE, X_Linked_Etag=f'"{digest(CONTENT)}"'))
    hub.on(STORE, hub.file(weights(seed=2)))
    desk.refused(HashMismatch, model(sha256=None), unverified=True)


def test_a_model_without_url(desk: Desk) -> None:
    desk.refused(UrlUnknown, model(url=None))


def test_a_pickle_is_not_fetched(desk: Desk, hub: Hub) -> None:
    desk.refused(PickleRefused, model(name="model.ckpt"))
    assert hub.requests == []


@pytest.mark.parametrize(
    "url", ["http://other.example.com/a", "file:///etc/passwd", "https://me:pw@other.example.com/a"]
)
def test_an_address_that_is_not_fetched_from(desk: Desk, hub: Hub, url: str) -> None:
    desk.refused(AddressRefused, model(url=url))
    assert hub.requests == []


def test_a_directory_that_is_a_file(desk: Desk) -> None:
    (desk.path / "models").write_text("in the way")
    desk.refused(DownloadFailed)


def test_what_is_kept_of_an_older_declaration_goes_when_the_new_one_is_there(desk: Desk) -> None:
    desk.target.parent.mkdir(parents=True)
    for name in ("model.safetensors.0123456789ab.part", "model.safetensors.0123456789ab.part.json"):
        desk.target.with_name(name).write_bytes(b"old")
    desk.target.with_name("other.safetensors.0123456789ab.part").write_bytes(b"another model's")
    desk.fetch()
    assert desk.lying == ["other.safetensors.0123456789ab.part"]


# --- processes --------------------------------------------------------------------------------------------------------

# Downloads in a process of its own; with a number, kills itself at that line of the downloading code.
PROGRAM = """\
import json, os, signal, sys, time
from pathlib import Path
from pytest_comfygen.engine.download import Access, Patience, Surroundings, download
from pytest_comfygen.engine.models import ModelHashes
from pytest_comfygen.records import Model

wish = json.loads(sys.argv[1])
seen = 0

def trace(frame, event, _):
    global seen
    if not frame.f_code.co_filename.replace(os.sep, '/').endswith(wish['files']):
        return None
    if event == 'line':
        seen += 1
        if seen == wish['line']:
            os.kill(os.getpid(), signal.SIGKILL)
    return trace

events = []
around = Surroundings(notify=events.append, patience=Patience(pause_s=0.01, silence_s=10))
target = Path(wish['target'])
model = Model('checkpoints', target.name, sha256=wish['sha256'], url=wish['url'])
if wish['line'] is not None:
    sys.settrace(trace)
done = download(model, target, access=Access.of(os.environ), around=around,
                hashes=ModelHashes(Path(wish['cache']), notify=events.append))
sys.settrace(None)
print(json.dumps([done.sha256, done.received_bytes, seen, [event.text for event in events]]))
"""
WRITERS = ("download/__init__.py", "download/part.py", "download/transfer.py", "engine/locks.py", "models/hashes.py")


def start(desk: Desk, line: int | None = None, files: tuple[str, ...] = WRITERS) -> subprocess.Popen[str]:
    wish = {
        "target": str(desk.target),
        "cache": str(desk.path / "cache" / "models.json"),
        "sha256": digest(CONTENT),
        "url": HUB_FILE,
        "line": line,
        "files": files,
    }
    program = PROGRAM.replace(".endswith(wish['files'])", ".endswith(tuple(wish['files']))")
    return subprocess.Popen(
        [sys.executable, "-c", program, json.dumps(wish)],
        env=os.environ | desk.environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> list[object]:
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    found: list[object] = json.loads(said)
    return found


def test_killed_anywhere_the_next_run_completes_it(desk: Desk) -> None:
    """At lines spread over all the code that writes, one download after the other on what the last one left."""
    _, _, lines, _ = finish(start(desk, line=0))
    assert isinstance(lines, int)
    for line in range(1, lines, max(lines // 8, 1)):
        desk.target.unlink(missing_ok=True)
        killed = start(desk, line)
        killed.communicate(timeout=60)
        assert killed.returncode == -signal.SIGKILL
        assert not desk.target.exists() or desk.target.read_bytes() == CONTENT
        desk.fetch()
        assert_arrived(desk)


def test_killed_in_the_middle_of_the_wire_the_next_run_goes_on(desk: Desk, hub: Hub) -> None:
    hub.on(HUB_FILE, hub.cut(200_000, hold=True), hub.well)
    process = start(desk)
    deadline = time.monotonic() + 30
    while not (desk.part.exists() and desk.part.stat().st_size > 100_000) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.communicate(timeout=30)
    assert desk.fetch().received_bytes < 200_000
    assert_arrived(desk)
    assert hub.asked()[1] is not None


def test_of_two_processes_one_transfers_and_the_other_says_whom_it_waits_for(desk: Desk, hub: Hub) -> None:
    gate = threading.Event()

    def slowly(request: Request, wire: Wire) -> None:
        gate.wait(30)
        hub.well(request, wire)

    hub.on(HUB_FILE, slowly)
    first = start(desk)
    deadline = time.monotonic() + 30
    while not hub.requests and time.monotonic() < deadline:
        time.sleep(0.01)
    threading.Timer(1.6, gate.set).start()
    done = desk.fetch()
    assert finish(first)[:2] == [digest(CONTENT), len(CONTENT)]
    assert (done.sha256, done.received_bytes) == (digest(CONTENT), 0)
    assert len(hub.requests) == 1
    assert [e.text for e in desk.events if e.kind == "notice"] == [
        f"waiting for process {first.pid}, which downloads model.safetensors"
    ]
    assert_arrived(desk)


def test_a_file_larger_than_the_file_system_takes(desk: Desk) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", LIMITED, str(desk.path)],
        env=os.environ | desk.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    said, _ = process.communicate(timeout=60)
    assert said == "disk-too-small the disk takes no more of model.safetensors: File too large\n"
    assert desk.part.stat().st_size == 100_000
    desk.fetch()
    assert_arrived(desk)


LIMITED = f"""\
import os, resource, sys
from pathlib import Path
from pytest_comfygen.engine.download import Access, Surroundings, download
from pytest_comfygen.engine.models import ModelHashes
from pytest_comfygen.errors import DiskTooSmall
from pytest_comfygen.records import Model

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
root = Path(sys.argv[1])
model = Model('checkpoints', 'model.safetensors', sha256={digest(CONTENT)!r}, url={HUB_FILE!r})
quiet = lambda event: None
try:
    download(model, root / 'models' / 'checkpoints' / model.name, access=Access.of(os.environ),
             around=Surroundings(notify=quiet), hashes=ModelHashes(root / 'cache.json', notify=quiet))
except DiskTooSmall as error:
    print(error.code, error.message)
"""


# --- several processes that want what cannot be had -------------------------------------------------------------------


def test_content_that_is_no_use_is_not_transferred_again_for_those_who_waited(desk: Desk, hub: Hub) -> None:
    desk.failures, desk.asked_at = desk.path, time.time() - 1
    first = desk.refused(HashMismatch, model(weights(seed=2)))
    requests = len(hub.requests)
    second = desk.refused(HashMismatch, model(weights(seed=2)))

    assert (str(second), second.details, second.hint) == (str(first), first.details, first.hint)
    assert len(hub.requests) == requests


def test_who_asks_after_a_failure_tries_again(desk: Desk, hub: Hub) -> None:
    desk.failures = desk.path
    desk.refused(HashMismatch, model(weights(seed=2)))
    requests = len(hub.requests)
    desk.asked_at = time.time() + 1
    desk.refused(HashMismatch, model(weights(seed=2)))

    assert len(hub.requests) > requests
