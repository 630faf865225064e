from __future__ import annotations

import pytest

from pytest_comfygen.engine.client.address import is_loopback, normal_url, plain_target
from pytest_comfygen.errors import SettingsError


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("http://127.0.0.1:8188", "http://127.0.0.1:8188"),
        (" http://127.0.0.1:8188/ ", "http://127.0.0.1:8188"),
        ("HTTPS://Gpu-Box.Example/", "https://gpu-box.example"),
        ("http://gpu:8188/Comfy/", "http://gpu:8188/Comfy"),
        ("http://[::1]:8188", "http://[::1]:8188"),
        ("http://0.0.0.0:8188", "http://0.0.0.0:8188"),
    ],
)
def test_an_address_has_one_spelling(written: str, expected: str) -> None:
    assert expected == normal_url(written)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "127.0.0.1:8188",
        "localhost",
        "ftp://host",
        "http://",
        "http://host:port",
        "http://host:99999",
        "http://[::1",
    ],
)
def test_what_is_no_address_is_refused_with_an_example(written: str) -> None:
    with pytest.raises(SettingsError) as caught:
        normal_url(written)
    assert caught.value.hint == "write it like http://127.0.0.1:8188"


@pytest.mark.parametrize("written", ["http://me:hunter2@host", "http://host/?token=hunter2", "http://host/#hunter2"])
def test_credentials_in_an_address_are_refused_and_not_repeated(written: str) -> None:
    with pytest.raises(SettingsError) as caught:
        normal_url(written)
    assert "hunter2" not in str(caught.value)
    assert caught.value.hint == "put credentials into COMFYGEN_AUTH"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("comfy.localhost", True),
        ("0.0.0.0", True),  # noqa: S104  # an address to connect to, nothing is bound
        ("192.168.0.7", False),
        ("gpu-box", False),
        ("localhost.example", False),
    ],
)
def test_loopback_is_this_machine(host: str, *, expected: bool) -> None:
    assert expected == is_loopback(host)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://me:hunter2@login.example/a?token=b#c", "https://login.example/a"),
        ("/login?next=x", "/login"),
        ("", "nowhere"),
        ("?token=hunter2", "nowhere"),
        ("http://[broken", "an address that is none"),
    ],
)
def test_a_redirects_target_is_shown_without_what_is_secret(location: str, expected: str) -> None:
    assert expected == plain_target(location)
