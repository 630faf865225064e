"""The caller's environment, which holds tokens, in a wrapping that no traceback shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

__all__ = ["Environment"]


class Environment(Mapping[str, str]):
    """Environment variables that can be read and are never shown, also not among a frame's locals."""

    __slots__ = ("_variables",)

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def __getitem__(self, name: str) -> str:
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)

    def __repr__(self) -> str:
        return f"<environment of {len(self)} variables>"
