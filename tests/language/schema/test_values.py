from __future__ import annotations

import pytest

from pytest_comfygen.errors import JobFileError
from pytest_comfygen.language.load import document_of
from pytest_comfygen.language.schema import ItemsDocument, validate

SIZES = [(7, 7), ("12 B", 12), ("6.94 GB", 6_940_000_000), ("335 MiB", 351_272_960), ("1.5kB", 1500), ("2 TiB", 2**41)]
URLS = [
    ("http://127.0.0.1:8188", ("http://127.0.0.1:8188",)),
    ("http://localhost:8188/", ("http://localhost:8188",)),
    (["http://[::1]:1", "https://127.0.0.1:2"], ("http://[::1]:1", "https://127.0.0.1:2")),
]


def parsed(**keys: object) -> ItemsDocument:
    return validate(document_of({"comfyjob": 1, "items": {"kin": None}, **keys}, "a.yaml"))


@pytest.mark.parametrize(("written", "size_bytes"), SIZES)
def test_file_sizes_are_decimal_or_binary(written: object, size_bytes: int) -> None:
    models = parsed(models={"base": {"file": "checkpoints/a.ckpt", "size": written}}).models

    assert models is not None
    assert size_bytes == models["base"].size


@pytest.mark.parametrize(("written", "urls"), URLS)
def test_server_addresses_are_made_alike(written: object, urls: tuple[str, ...]) -> None:
    server = parsed(server={"url": written}).server

    assert server is not None
    assert urls == server.url


def test_checksums_are_lower_case() -> None:
    models = parsed(models={"base": {"file": "checkpoints/a.ckpt", "sha256": "AB" * 32}}).models

    assert models is not None
    assert models["base"].sha256 == "ab" * 32


@pytest.mark.parametrize(
    "node",
    [
        "https://github.com/someone/nodes@v1.2",
        "https://example.org:8443/nodes.git@main",
        "git@github.com:someone/nodes@0123abc",
        "ssh://git@github.com:22/someone/nodes@v1",
        "../nodes@v1",
    ],
)
def test_a_custom_node_is_an_address_and_a_revision(node: str) -> None:
    server = parsed(server={"custom_nodes": [node]}).server

    assert server is not None
    assert server.custom_nodes == [node]


@pytest.mark.parametrize(
    ("node", "code"),
    [
        ("https://github.com/someone/nodes", "wrong-type"),
        ("https://github.com/someone/nodes@", "wrong-type"),
        ("@v1", "wrong-type"),
        ("https://x/nodes@a/b", "wrong-type"),
        ("https://x/nodes@v1..v2", "wrong-type"),
        ("https://x/no\ndes@v1", "wrong-type"),
        ("--upload-pack=x@v1", "wrong-type"),
        ("ext::sh -c x@v1", "wrong-type"),
        ("https://token@x/nodes@v1", "secret"),
        ("ssh://me:pw@x/nodes", "secret"),
    ],
)
def test_another_custom_node_is_refused(node: str, code: str) -> None:
    with pytest.raises(JobFileError) as caught:
        parsed(server={"custom_nodes": [node]})

    assert caught.value.code == code
    assert (node in caught.value.message) == (code != "secret" and "\n" not in node)


@pytest.mark.parametrize("seed", [0, 2**64 - 1, "from-name", "from-prompt", "random"])
def test_seeds_are_rules_or_integers_of_64_bits(seed: object) -> None:
    items = parsed(items={"kin": {"seed": seed}}).items

    assert items is not None
    assert seed == items["kin"]["seed"]


@pytest.mark.parametrize("section", ["server", "models", "output", "defaults"])
def test_a_section_may_be_empty(section: str) -> None:
    assert getattr(parsed(**{section: None}), section) is None
