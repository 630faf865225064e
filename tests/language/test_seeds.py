"""Seeds are frozen for ever: a golden value that changes is a repainted asset."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from pytest_comfygen.language.seeds import seed_from_name, seed_from_nonce, seed_from_prompt

GOLDEN_NAMES = [
    ("kin_dwarf", 7597718871183126),
    ("kin_elf", 5028021887655606),
    ("", 8136452260392896),
    ("café", 6336788061205295),
]
GOLDEN_PROMPTS = [
    (("a stout dwarf", ""), 7918786606536851),
    (("a stout dwarf", "text, watermark"), 5194493766905566),
    (("", ""), 669321159247654),
]
GOLDEN_NONCES = [(("2f1c", "kin_dwarf"), 7140961042058003), (("2f1d", "kin_dwarf"), 976070788030689)]


@pytest.mark.parametrize(("name", "seed"), GOLDEN_NAMES, ids=[str(seed) for _, seed in GOLDEN_NAMES])
def test_seeds_from_names_never_change(name: str, seed: int) -> None:
    assert seed == seed_from_name(name)


@pytest.mark.parametrize(("texts", "seed"), GOLDEN_PROMPTS)
def test_seeds_from_prompts_never_change(texts: tuple[str, str], seed: int) -> None:
    assert seed == seed_from_prompt(*texts)


@pytest.mark.parametrize(("texts", "seed"), GOLDEN_NONCES)
def test_seeds_from_nonces_never_change(texts: tuple[str, str], seed: int) -> None:
    assert seed == seed_from_nonce(*texts)


def test_a_name_is_the_same_composed_and_decomposed() -> None:
    assert seed_from_name("caf\u00e9") == seed_from_name("cafe\u0301")
    assert seed_from_nonce("n", "caf\u00e9") == seed_from_nonce("n", "cafe\u0301")


def test_the_rules_are_kept_apart() -> None:
    assert (
        len({seed_from_name("a"), seed_from_prompt("a", ""), seed_from_nonce("a", ""), seed_from_nonce("", "a")}) == 4
    )


def test_texts_are_kept_apart() -> None:
    assert seed_from_prompt("ab", "c") != seed_from_prompt("a", "bc")
    assert seed_from_prompt("a\n1:b", "") != seed_from_prompt("a", "b\n0:")


@given(st.text())
def test_seeds_are_exact_as_doubles(name: str) -> None:
    seed = seed_from_name(name)

    assert 0 <= seed < 2**53
    assert seed == int(float(seed))
