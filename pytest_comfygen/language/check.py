"""A graph against what a server says of its nodes, before anything is submitted.

Only what a server would refuse is refused, and only where its description leaves no doubt: unknown types, inputs that
it does not declare, and lists that it fills itself (uploads, remote lists) are left to the server.
Source: ComfyUI execution.py, `validate_prompt` and `validate_inputs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pytest_comfygen.errors import (
    GraphRejected,
    JobError,
    ModelMissing,
    NodeMissing,
    SeveralOutputs,
    ValueRefused,
    Where,
)
from pytest_comfygen.language.drawing import key_of
from pytest_comfygen.language.node_packs import pack_of
from pytest_comfygen.language.roles import is_model_file
from pytest_comfygen.language.uploads import absent_file, takes_files
from pytest_comfygen.language.workflow import unique_name
from pytest_comfygen.records import (
    CheckpointRecipe,
    Graph,
    InputImage,
    Job,
    Model,
    ObjectInfo,
    SetValue,
    WorkflowRecipe,
)

__all__ = ["check_graph"]

# The nodes of ComfyUI itself that each leave a file. Source: ComfyUI 0.3.64, nodes.py and comfy_extras.
_SAVERS = frozenset({"SaveImage", "SaveAnimatedPNG", "SaveAnimatedWEBP", "SaveVideo", "SaveWEBM"}) | {
    "SaveAudio",
    "SaveAudioMP3",
    "SaveAudioOpus",
}
MAX_CHOICES = 12

_NUMBERS: Mapping[str, Callable[[Any], int | float]] = {"INT": int, "FLOAT": float}
_REPAIR = "mend the workflow in ComfyUI and export it again"
_OPEN_ENDED = frozenset({"remote", "multiselect"})
_GIVES = "say which output is meant, `output: 0`, and what it is, `gives: image`, `mask` or `background`"
_GIVE = {
    "33": "give its inputs: `preprocessor: {node: …, inputs: {…}}`",
    "70": "give its inputs, `transparent: {node: …, inputs: {…}}`, and with `takes:` the name of that for the picture",
    **dict.fromkeys(("9", "71", "72"), _GIVES),
}
_REPORT = "this ComfyUI is older or newer than the built-in graph knows: try another revision"
_CONFUSED = [["IMAGE", "MASK"], ["MASK", "IMAGE"]]  # other types may be lists, or stand for several
_MODEL_INPUTS = frozenset({"ckpt_name", "lora_name", "vae_name", "unet_name", "control_net_name", "clip_name"})


def check_graph(job: Job, graph: Graph, object_info: ObjectInfo, *, models_open: bool = False) -> tuple[JobError, ...]:
    """What a server would refuse of a job's graph, each at the place of the key that caused it.

    :param object_info: the server's answer to `/object_info`.
    :param models_open: take every model name for known.
    :returns: empty when the graph is fine.
    """
    check = _Check(job, graph, object_info, models_open=models_open)
    return tuple(check.errors())


class _Check:
    """One graph, its job and its server, for the questions below."""

    __slots__ = ("_entries", "_graph", "_info", "_job", "_models_open")

    def __init__(self, job: Job, graph: Graph, object_info: ObjectInfo, *, models_open: bool) -> None:
        self._job = job
        self._graph = graph
        self._info = object_info
        self._models_open = models_open
        sets = job.recipe.sets if isinstance(job.recipe, WorkflowRecipe) else ()
        self._entries: Mapping[tuple[str, str], SetValue] = {(entry.node, entry.input): entry for entry in sets}

    def errors(self) -> Iterator[JobError]:
        for node, body in self._graph.items():
            if body["class_type"] not in self._info:
                yield self._node_missing(node, body["class_type"])
        outputs = [node for node, body in self._graph.items() if self._about(node).get("output_node")]
        if not outputs and all(body["class_type"] in self._info for body in self._graph.values()):
            hint = "add a SaveImage node to the workflow"
            yield GraphRejected("the graph has no node that saves a picture", where=self._place(), hint=hint)
        yield from self._several_savers(outputs)
        for node in self._reachable(outputs):
            yield from self._node_errors(node)

    def _several_savers(self, outputs: Sequence[str]) -> Iterator[JobError]:
        """Nodes that each save a picture, told before any of them is made."""
        recipe = self._job.recipe
        savers = [node for node in outputs if self._graph[node]["class_type"] in _SAVERS]
        if isinstance(recipe, WorkflowRecipe) and recipe.output_node is None and len(savers) > 1:
            names = ", ".join(f"`{node}`" for node in savers[:MAX_CHOICES])
            yield SeveralOutputs(
                f"the workflow has {len(savers)} nodes that save a picture, and an item stands for one",
                where=self._place(),
                hint=f"say which one is meant: `output_node:` with one of {names}",
            )

    def _about(self, node: str) -> Mapping[str, Any]:
        return self._info.get(self._graph[node]["class_type"], {})

    def _reachable(self, outputs: Sequence[str]) -> Iterator[str]:
        """The nodes that ComfyUI validates: those on which an output depends."""
        waiting = list(outputs)
        seen = set(waiting)
        while waiting:
            node = waiting.pop()
            yield node
            for value in self._graph[node]["inputs"].values():
                if _is_link(value) and value[0] in self._graph and value[0] not in seen:
                    seen.add(value[0])
                    waiting.append(value[0])

    def _node_errors(self, node: str) -> Iterator[JobError]:
        inputs = self._graph[node]["inputs"]
        declared = self._about(node).get("input")
        if not isinstance(declared, Mapping):
            return
        for category in ("required", "optional"):
            for name, declaration in (declared.get(category) or {}).items():
                if name not in inputs:
                    if category == "required" and not _is_dynamic(declaration):
                        yield self._rejected(node, name, "is required and has no value")
                elif isinstance(inputs[name], list):
                    if wrong := self._wrong_link(inputs[name], declaration):
                        yield self._rejected(node, name, wrong)
                elif error := self._value_error(node, name, inputs[name], declaration):
                    yield error

    def _wrong_link(self, link: Sequence[Any], declaration: object) -> str | None:
        if not _is_link(link):
            return "is a list, which ComfyUI takes for a link and cannot read as one"
        source, slot = link
        if source not in self._graph:
            return f"is linked to node {source}, which is not in the graph"
        slots = self._about(source).get("output")
        if isinstance(slots, list) and not 0 <= slot < len(slots):
            return f"is linked to output {slot} of node {source}, which has {len(slots)}"
        given, wanted = slots[slot] if isinstance(slots, list) else "", _declared(declaration)[0]
        if [given, wanted] in _CONFUSED:
            return f"takes the type {wanted}, and output {slot} of node {source} has the type {given}"
        return None

    def _value_error(self, node: str, name: str, value: object, declaration: object) -> JobError | None:
        kind, options = _declared(declaration)
        entry = self._entries.get((node, name))
        if entry and isinstance(entry.value, InputImage):
            return None if takes_files(kind) else self._no_loader(node, name, kind)
        if isinstance(value, Mapping):
            value = value.get("__value__", value)
        if isinstance(self._job.recipe, WorkflowRecipe) and absent_file(value, kind, options):
            return self._absent(node, name, value)
        choices = _choices(kind, options)
        if choices is not None:
            return None if value in choices else self._not_a_choice(node, name, value, choices)
        if isinstance(kind, str) and kind in _NUMBERS and (wanted := _wrong_number(value, kind, options)):
            return self._refused(node, name, value, f"it wants {wanted}")
        return None

    def _no_loader(self, node: str, name: str, kind: object) -> ValueRefused:
        hint = "name the input of the node that loads it, such as `LoadImage.image`"
        told = f"{self._named(node, name)} takes no file, but a value of type {kind}"
        return ValueRefused(told, where=self._place(node, name), hint=hint)

    def _absent(self, node: str, name: str, value: object) -> ValueRefused:
        entry = self._entries.get((node, name))
        target = entry.target if entry else f"{unique_name(self._graph, node)}.{name}"
        return ValueRefused(
            f"{self._named(node, name)} names {str(value)[:60]!r}, which the server does not have among its inputs",
            where=self._place(node, name),
            hint=f"give it a file of the repository: `set: {{{target}: {{file: PATH}}}}`",
        )

    def _not_a_choice(self, node: str, name: str, value: object, choices: Sequence[object]) -> JobError | None:
        if name in _MODEL_INPUTS or (isinstance(value, str) and is_model_file(value)):
            return None if self._models_open else self._model_missing(node, name, str(value), choices)
        names = [str(choice) for choice in choices]
        near = get_close_matches(str(value), names, n=1)
        more = f" and {len(names) - MAX_CHOICES} more" if len(names) > MAX_CHOICES else ""
        accepted = f"it accepts {', '.join(names[:MAX_CHOICES]) or 'nothing'}{more}"
        return self._refused(node, name, value, f"did you mean `{near[0]}`?" if near else accepted)

    def _node_missing(self, node: str, kind: str) -> NodeMissing:
        near = get_close_matches(kind, self._info, n=1)
        hint = pack_of(kind) or "install the custom node that brings it, or update ComfyUI"
        return NodeMissing(
            f"the server has no node class {kind!r} (node {node})",
            where=self._place(node if self._key(node, "") else ""),
            hint=f"did you mean {near[0]}? Else {hint}" if near else hint,
        )

    def _model_missing(self, node: str, name: str, value: str, choices: Sequence[object]) -> ModelMissing:
        folder = "checkpoints" if name == "ckpt_name" else "models"
        return ModelMissing(
            f"the server has no {value!r} among its {folder}",
            where=self._place(node, name),
            hint=_model_hint(value, [str(choice) for choice in choices], self._declared_model(node, name)),
        )

    def _declared_model(self, node: str, name: str) -> Model | None:
        recipe, key = self._job.recipe, self._key(node, name)
        return recipe.models.get(key) if isinstance(recipe, CheckpointRecipe) and key else None

    def _refused(self, node: str, name: str, value: object, hint: str) -> ValueRefused:
        message = f"{self._named(node, name)} does not accept {str(value)[:60]!r}"
        return ValueRefused(message, where=self._place(node, name), hint=hint)

    def _rejected(self, node: str, name: str, wrong: str) -> GraphRejected:
        hint = _REPAIR if isinstance(self._job.recipe, WorkflowRecipe) else _GIVE.get(node, _REPORT)
        return GraphRejected(f"{self._named(node, name)} {wrong}", where=self._place(node, name), hint=hint)

    def _named(self, node: str, name: str) -> str:
        """The input, by its key in the job file where it has one."""
        kind = self._graph[node]["class_type"]
        key = self._key(node, name)
        return f"`{key}` ({name} of {kind})" if key else f"`{name}` of node {node} ({kind})"

    def _key(self, node: str, name: str) -> str | None:
        """The key of the language behind an input of the built-in graph."""
        return key_of(node, name) if node and isinstance(self._job.recipe, CheckpointRecipe) else None

    def _place(self, node: str = "", name: str = "") -> Where:
        recipe = self._job.recipe
        if isinstance(recipe, CheckpointRecipe):
            return self._job.place(self._key(node, name) or "")
        entry = self._entries.get((node, name))
        return entry.where if entry else self._job.place("workflow")


def _is_link(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int)  # noqa: PLR2004  # node and slot


def _declared(declaration: object) -> tuple[object, Mapping[str, Any]]:
    """A declaration's type and options; both of ComfyUI's forms are lists with the type first."""
    if not isinstance(declaration, (list, tuple)) or not declaration:
        return None, {}
    options = declaration[1] if len(declaration) > 1 else {}
    return declaration[0], options if isinstance(options, Mapping) else {}


def _choices(kind: object, options: Mapping[str, Any]) -> Sequence[object] | None:
    """The values of a combo: `[["a", "b"], {…}]`, or `["COMBO", {"options": ["a", "b"]}]`; None when not known."""
    choices = kind if isinstance(kind, list) else options.get("options") if kind == "COMBO" else None
    if not isinstance(choices, list):
        return None
    open_ended = any(options[key] is not False and (key in _OPEN_ENDED or key.endswith("_upload")) for key in options)
    return None if open_ended else choices


def _is_dynamic(declaration: object) -> bool:
    """Whether an input stands for others that have names of their own, such as `images.image0`."""
    kind, _ = _declared(declaration)
    return isinstance(kind, str) and kind.startswith("COMFY_")


def _wrong_number(value: object, kind: str, options: Mapping[str, Any]) -> str | None:
    """What a number should be, when it is not. Numeric texts are fine to ComfyUI."""
    try:
        number = _NUMBERS[kind](value)
    except (TypeError, ValueError, OverflowError):
        return "an integer" if kind == "INT" else "a number"
    least, most = options.get("min"), options.get("max")
    if isinstance(least, (int, float)) and number < least:
        return f"at least {least}"
    if isinstance(most, (int, float)) and number > most:
        return f"at most {most}"
    return None


def _model_hint(value: str, listed: Sequence[str], declared: Model | None) -> str:
    """How the server writes the name, what is like it, or where the file can be had."""
    alike = next((name for name in listed if _folded(name) == _folded(value)), None)
    if alike:
        return f"the server lists it as {alike}"
    if declared and declared.url:
        size = f" ({declared.size_bytes / 1e9:.2f} GB)" if declared.size_bytes else ""
        return f"download {declared.url}{size} into ComfyUI's models/{declared.folder}/"
    near = get_close_matches(value, listed, n=3)
    if near:
        return f"did you mean {' or '.join(near)}?"
    more = f" and {len(listed) - MAX_CHOICES} more" if len(listed) > MAX_CHOICES else ""
    return f"the server lists {', '.join(listed[:MAX_CHOICES]) or 'none'}{more}"


def _folded(name: str) -> str:
    return name.replace("\\", "/").casefold()
