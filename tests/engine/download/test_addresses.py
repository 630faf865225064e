from __future__ import annotations

import pytest

from pytest_comfygen.engine.download.access import Access
from pytest_comfygen.engine.download.addresses import next_hop, repository_page, start_address
from pytest_comfygen.errors import AddressRefused

PLAIN = Access.of({})
MIRROR = Access.of({"HF_ENDPOINT": "https://mirror.example.org/hf/"})
START = "https://huggingface.co/o/r/resolve/main/a.safetensors"


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://huggingface.co/o/r/blob/main/sub/a.sft", "https://huggingface.co/o/r/resolve/main/sub/a.sft"),
        ("https://huggingface.co/o/r/raw/main/a.sft", "https://huggingface.co/o/r/resolve/main/a.sft"),
        ("https://huggingface.co/gpt2/blob/main/a.sft", "https://huggingface.co/gpt2/resolve/main/a.sft"),
        ("https://huggingface.co/datasets/o/r/blob/v1/a", "https://huggingface.co/datasets/o/r/resolve/v1/a"),
        ("https://huggingface.co/o/r/resolve/main/blob/a", "https://huggingface.co/o/r/resolve/main/blob/a"),
        ("https://huggingface.co/o/r/blob/main/a?download=true", START.replace("a.safetensors", "a?download=true")),
        ("https://other.example.com/o/r/blob/main/a", "https://other.example.com/o/r/blob/main/a"),
        ("http://127.0.0.1:8000/a", "http://127.0.0.1:8000/a"),
    ],
)
def test_the_page_about_a_file_becomes_the_file(url: str, wanted: str) -> None:
    assert start_address(url, PLAIN) == wanted


def test_a_mirror_stands_for_hugging_face_and_for_nobody_else() -> None:
    assert start_address(START, MIRROR) == "https://mirror.example.org/hf/o/r/resolve/main/a.safetensors"
    assert start_address("https://civitai.com/api/download/models/1", MIRROR).startswith("https://civitai.com/")
    assert start_address("https://huggingface.co.evil.example/o/r/blob/main/a", MIRROR).endswith("/blob/main/a")


@pytest.mark.parametrize(
    "url",
    ["http://huggingface.co/a", "ftp://x/a", "a", "https://me:pw@huggingface.co/a", "https://[x", "https://x:99999/"],
)
def test_other_addresses_are_refused_without_their_password(url: str) -> None:
    with pytest.raises(AddressRefused) as caught:
        start_address(url, PLAIN)
    assert "pw" not in caught.value.message


def test_the_licence_is_read_on_the_repositorys_page_also_behind_a_mirror() -> None:
    assert repository_page(START, PLAIN) == "https://huggingface.co/o/r"
    assert repository_page("https://mirror.example.org/hf/o/r/resolve/main/a", MIRROR) == "https://huggingface.co/o/r"
    assert repository_page("https://civitai.com/api/download/models/1", PLAIN) is None


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/api/resolve-cache/a", "https://huggingface.co/api/resolve-cache/a"),
        ("https://cas-bridge.example.net/a?X=1", "https://cas-bridge.example.net/a?X=1"),
        ("//other.example.com/a", "https://other.example.com/a"),
    ],
)
def test_a_redirect_may_lead_to_the_internet(location: str, target: str) -> None:
    assert (
        next_hop(START, location, START, lambda _: ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
        == target
    )


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "192.168.0.9", "169.254.169.254", "::1", "fd00::1", "fe80::1%eth0"]
)
def test_a_name_for_an_inner_address_is_no_way_in(address: str) -> None:
    with pytest.raises(AddressRefused, match="not on the internet"):
        next_hop(START, "https://innocent.example.com/a", START, lambda _: ["93.184.215.14", address])


def test_the_inner_host_that_the_user_wrote_may_redirect_to_itself() -> None:
    start = "https://models.corp.example/a"
    assert next_hop(start, "/b", start, lambda _: ["10.0.0.1"]) == "https://models.corp.example/b"


def test_loopback_may_lead_to_loopback() -> None:
    start = "http://127.0.0.1:8000/a"
    assert next_hop(start, "http://127.0.0.1:9000/b", start, lambda _: []) == "http://127.0.0.1:9000/b"
    with pytest.raises(AddressRefused, match="no https address"):
        next_hop(start, "http://10.0.0.1/b", start, lambda _: [])
