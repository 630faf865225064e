from __future__ import annotations

import pytest
from requests import Request

from pytest_comfygen.engine.download.access import Access, Hidden
from pytest_comfygen.errors import SettingsError
from tests.engine.download.desk import CIVITAI_TOKEN, TOKEN

TOKENS = {"HF_TOKEN": TOKEN, "CIVITAI_API_TOKEN": CIVITAI_TOKEN}


def sent(url: str, environment: dict[str, str]) -> str | None:
    """The Authorization header of a request to `url`."""
    request = Request("GET", url, auth=Access.of(environment).authorization_for(url)).prepare()
    return request.headers.get("Authorization")


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("https://huggingface.co/a", TOKEN),
        ("https://huggingface.co:443/a", TOKEN),
        ("https://HuggingFace.co/a", TOKEN),
        ("https://civitai.com/a", CIVITAI_TOKEN),
        ("https://civitai.red/a", CIVITAI_TOKEN),
    ],
)
def test_a_token_goes_to_its_own_hosts(url: str, token: str) -> None:
    assert sent(url, TOKENS) == f"Bearer {token}"


@pytest.mark.parametrize(
    "url",
    [
        "http://huggingface.co/a",
        "https://huggingface.co:8443/a",
        "https://cdn-lfs.huggingface.co/a",
        "https://huggingface.co.evil.example/a",
        "https://huggingface.co@evil.example/a",
        "https://evilhuggingface.co/a",
        "https://image.civitai.com/a",
        "http://127.0.0.1:8000/a",
    ],
)
def test_a_token_goes_to_no_other_host(url: str) -> None:
    assert sent(url, TOKENS) is None


def test_a_mirror_gets_the_token_over_https_only() -> None:
    assert sent("https://mirror.example.org/a", TOKENS | {"HF_ENDPOINT": "https://mirror.example.org"}) is not None
    assert sent("http://127.0.0.1:8000/a", TOKENS | {"HF_ENDPOINT": "http://127.0.0.1:8000"}) is None


def test_the_older_name_of_the_token_still_counts() -> None:
    assert sent("https://huggingface.co/a", {"HUGGING_FACE_HUB_TOKEN": TOKEN}) == f"Bearer {TOKEN}"
    assert sent("https://huggingface.co/a", {"HF_TOKEN": f" {TOKEN}\n"}) == f"Bearer {TOKEN}"
    assert sent("https://huggingface.co/a", {"HF_TOKEN": ""}) is None


@pytest.mark.parametrize("token", ["hf_two words", "hf_line\nbreak", "hf_ünicode"])
def test_a_token_that_no_header_can_hold_is_named_and_not_repeated(token: str) -> None:
    with pytest.raises(SettingsError, match="HF_TOKEN holds characters") as caught:
        Access.of({"HF_TOKEN": token})
    assert token not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["mirror", "http://mirror.example.org", "https://me:pw@mirror", "https://m:99999999/"]
)
def test_a_mirror_needs_an_https_address(address: str) -> None:
    with pytest.raises(SettingsError, match="HF_ENDPOINT"):
        Access.of({"HF_ENDPOINT": address})


def test_certificates_that_are_not_there_are_a_mistake_in_the_environment() -> None:
    with pytest.raises(SettingsError, match=r"/nowhere/ca\.pem, the file of trusted certificates, does not exist"):
        Access.of({"REQUESTS_CA_BUNDLE": "/nowhere/ca.pem"})


def test_nothing_secret_is_shown() -> None:
    access = Access.of(TOKENS | {"HTTPS_PROXY": "http://me:planted-password@proxy:3128"})
    url = "https://huggingface.co/a"
    request = Request("GET", url, auth=access.authorization_for(url)).prepare()
    shown = repr([access, vars(request), access.proxies_for(url), access.tokens, access.authorization_for(url)])
    assert "Planted" not in shown
    assert "planted" not in shown
    assert repr(Hidden("planted")) == "'***'"


@pytest.mark.parametrize(
    ("url", "no_proxy", "is_used"),
    [
        ("https://huggingface.co/a", "", True),
        ("https://huggingface.co/a", "co.example, .corp.example", True),
        ("https://models.corp.example/a", "localhost,.corp.example", False),
        ("https://corp.example/a", "corp.example", False),
        ("https://notcorp.example/a", "corp.example", True),
        ("https://huggingface.co/a", "*", False),
        ("https://127.0.0.1/a", "", False),
        ("https://localhost/a", "", False),
    ],
)
def test_proxies_stand_before_the_hosts_that_nobody_excepts(url: str, no_proxy: str, is_used: bool) -> None:  # noqa: FBT001  # a parameter
    access = Access.of({"https_proxy": "http://proxy:3128", "no_proxy": no_proxy})
    assert bool(access.proxies_for(url)) == is_used


def test_a_proxy_for_everything_is_the_last_choice() -> None:
    access = Access.of({"ALL_PROXY": "http://all:1", "HTTPS_PROXY": "http://upper:1", "https_proxy": "http://lower:1"})
    assert access.proxies_for("https://huggingface.co/a") == {"https": "http://lower:1"}
    assert access.proxies_for("http://example.com/a") == {"http": "http://all:1"}


@pytest.mark.parametrize("value", ["1", "ON", "yes", "True"])
def test_offline_is_said_as_hugging_face_does(value: str) -> None:
    assert Access.of({"HF_HUB_OFFLINE": value}).is_offline
    assert not Access.of({"HF_HUB_OFFLINE": "0"}).is_offline


def test_words_that_hold_a_piece_of_a_token_are_not_passed_on() -> None:
    access = Access.of(TOKENS)
    assert access.censored("a long explanation") == "a long explanation"
    assert access.censored(f"…{TOKEN[10:18]}…") == "(words that repeat the token)"
    assert Access.of({"HF_TOKEN": "tiny"}).censored("a tiny model") == "(words that repeat the token)"
