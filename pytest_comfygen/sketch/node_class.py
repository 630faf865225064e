"""A kind of node, as the catalogue lists it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_comfygen.sketch import actions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# (type or choices,) or (type or choices, limits), as ComfyUI's INPUT_TYPES write it.
Input: TypeAlias = "tuple[str | list[str]] | tuple[str | list[str], Mapping[str, Any]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeClass:
    """A kind of node.

    :param modern: it is written in ComfyUI's newer style, which shows in small ways in `/object_info`.
    :param checks: for inputs that the class looks at itself, what is wrong with a value; None when nothing is.
    :param experimental: `/object_info` calls it so.
    :param steps: how many sampling steps a run takes, from the node's inputs.
    :param reports_steps: each step is told to the client.
    """

    name: str
    run: actions.Action
    inputs: Mapping[str, Input]
    optional: Mapping[str, Input] = field(default_factory=dict)
    outputs: Sequence[str] = ()
    output_names: Sequence[str] | None = None
    display_name: str | None
    category: str
    module: str = "nodes"
    output_node: bool = False
    modern: bool = False
    checks: Mapping[str, Callable[[Any], str | None]] = field(default_factory=dict)
    experimental: bool = False
    steps: Callable[[Mapping[str, Any]], int] = field(default=lambda _: 0)
    reports_steps: bool = False

    @property
    def known(self) -> Mapping[str, Input]:
        """The inputs that clients may give."""
        return {**self.inputs, **self.optional}

    @property
    def hidden(self) -> Mapping[str, str]:
        """The inputs that the server fills in itself: all our output nodes save files with their prompt."""
        return {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"} if self.output_node else {}

    def describe(self) -> dict[str, Any]:
        """The class's entry in `/object_info`."""
        parts: dict[str, Mapping[str, Any]] = {"required": self.inputs}
        if self.optional:
            parts["optional"] = self.optional
        if self.hidden:
            parts["hidden"] = {name: [kind] for name, kind in self.hidden.items()} if self.modern else self.hidden
        about = {
            "input": parts,
            "input_order": {part: list(inputs) for part, inputs in parts.items()},
            "output": self.outputs,
            "output_is_list": [False] * len(self.outputs),
            "output_name": self.output_names or self.outputs,
            "name": self.name,
            "display_name": self.display_name,
            "description": "",
            "python_module": self.module,
            "category": self.category,
            "output_node": self.output_node,
        }
        newer = {
            "output_tooltips": [None] * len(self.outputs),
            "deprecated": False,
            "experimental": self.experimental,
            "api_node": False,
        }
        return {**about, **newer} if self.modern else about
