"""Seeds that a name, a prompt or a run's nonce decides, the same on every machine and for ever.

These functions are frozen: a change would repaint every picture whose seed they chose.
The range is 0..2**53-1, so that a seed is exact in JSON readers that keep numbers as doubles.
"""

from __future__ import annotations

import unicodedata
from hashlib import sha256

__all__ = ["seed_from_name", "seed_from_nonce", "seed_from_prompt"]


def seed_from_name(name: str) -> int:
    """The seed of `seed: from-name`; adding, removing or moving other items does not change it."""
    return _seed("name", _normal(name))


def seed_from_prompt(prompt: str, negative: str) -> int:
    """The seed of `seed: from-prompt`: equal texts give equal noise."""
    return _seed("prompt", prompt, negative)


def seed_from_nonce(nonce: str, name: str) -> int:
    """The seed of `seed: random`, from a nonce drawn once for the run and the item's name."""
    return _seed("nonce", nonce, _normal(name))


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _seed(domain: str, *texts: str) -> int:
    """The first 53 bits of a sha256; lengths keep ("ab", "c") and ("a", "bc") apart, the domain the three rules."""
    written = "".join([f"\n{len(text)}:{text}" for text in texts])
    digest = sha256(f"pytest-comfygen seed {domain}{written}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 11
