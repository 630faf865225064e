"""The fields of a node, in the order in which the page shows and saves them, and what stands in them.

A file holds only the values, by position. Which field each is for follows from the node's class: its inputs in their
order, those that are sockets left out, and the fields that the page adds by itself, such as the one that says whether
a seed is drawn anew after each run.
Source: ComfyUI_frontend, litegraphService, scripts/widgets and the core extensions.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

__all__ = ["Field", "Input", "chosen", "fields_of", "filled", "inputs_of", "values_in"]

_FIELD_TYPES = frozenset(
    {"INT", "FLOAT", "BOOLEAN", "STRING", "COMBO", "MARKDOWN", "TEXTAREA", "COLOR", "COLORS", "CURVE", "RANGE"}
    | {"IMAGEUPLOAD", "FILEUPLOAD", "AUDIOUPLOAD", "AUDIO_UI", "AUDIO_RECORD", "WEBCAM", "CHART", "GALLERIA"}
    | {"LOAD_3D", "LOAD_3D_ANIMATION", "PREVIEW_3D", "PREVIEW_3D_ANIMATION", "IMAGECOMPARE", "TREESELECT"}
    | {"MULTISELECT", "SELECTBUTTON", "BOUNDING_BOX", "BOUNDING_BOXES", "PAINTER", "COMPOSITOR", "VIDEO_EDIT"}
    | {"RESOLUTION_PREVIEW", "LIGHT_INFO_PREVIEW", "COMFY_DYNAMICCOMBO_V3"}
)
MAX_BRACES = 30  # one in the other; more than anybody writes

_UPLOADS = ("image_upload", "video_upload", "animated_image_upload")
_SEEDS = frozenset({"seed", "noise_seed"})
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n\r\u2028\u2029]*", re.DOTALL)
_ESCAPED = re.compile(r"\\([{}|])")


@dataclass(frozen=True, slots=True)
class Input:
    """An input as a class declares it.

    :param type: `COMBO` for a list of choices.
    """

    name: str
    type: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_field(self) -> bool:
        """Whether the page shows a field for it, rather than a socket alone."""
        kind = self.options.get("widgetType", self.type)
        return kind in _FIELD_TYPES and not self.options.get("forceInput")

    @property
    def is_controlled(self) -> bool:
        """Whether the page adds a field that says how the value changes after a run."""
        control = self.options.get("control_after_generate")
        return bool(control) if control is not None else self.type == "INT" and self.name in _SEEDS


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a node.

    :param value: what stands in it when nothing was saved.
    :param saved: whether its value is in the file.
    :param sent: whether ComfyUI is told of it.
    :param source: the input that it is for; None for what the page adds by itself.
    """

    name: str
    value: Any = None
    saved: bool = True
    sent: bool = True
    source: Input | None = None


def inputs_of(about: Mapping[str, Any]) -> list[Input]:
    """The inputs of a class in their order, required ones first.

    :param about: the class in a server's `/object_info`.
    """
    declared = about.get("input") or {}
    order = about.get("input_order") or {}
    found = []
    for category in ("required", "optional"):
        inputs = declared.get(category) or {}
        names = dict.fromkeys([name for name in order.get(category) or () if name in inputs])
        found += [_input(name, inputs[name]) for name in names | dict.fromkeys(inputs)]
    return found


def fields_of(kind: str, inputs: Sequence[Input]) -> Iterator[Field]:
    """The fields of a class, before any dynamic combo adds its own."""
    for one in inputs:
        if one.is_field:
            yield from _fields_for(one)
    if any(one.type == "COMBO" and any(one.options.get(key) is True for key in _UPLOADS) for one in inputs):
        yield Field("upload", "image", sent=False)
    if kind in {"LoadAudio", "SaveAudio", "PreviewAudio", "SaveAudioMP3", "SaveAudioOpus"}:
        yield Field("audioUI", "", saved=False)
    if any(one.options.get("audio_upload") is True for one in inputs):
        yield Field("upload", "", sent=False)
    if kind in {"SaveGLB", "Preview3D", "Preview3DAnimation"}:
        yield Field("image", "")
    if kind == "PreviewAny":
        yield Field("preview", "", saved=False)


def filled(kind: str, inputs: Sequence[Input], saved: Sequence[Any] | Mapping[str, Any]) -> list[Field]:
    """The fields of a node with what was saved in them; those of a dynamic combo's choice stand behind it."""
    values = deque(() if isinstance(saved, Mapping) else _without_sockets(kind, inputs, saved))
    named = saved if isinstance(saved, Mapping) else {}
    waiting = deque(fields_of(kind, inputs))
    found = []
    while waiting:
        one = waiting.popleft()
        if one.name in named:
            one = replace(one, value=named[one.name])
        elif one.saved and values:
            one = replace(one, value=values.popleft())
        found.append(one)
        if one.source is not None and one.source.type == "COMFY_DYNAMICCOMBO_V3":
            waiting.extendleft(reversed(list(_fields_of_choice(one.source, one.value))))
    return found


def values_in(fields: Iterable[Field]) -> dict[str, Any]:
    """What ComfyUI is told, by input."""
    return {one.name: _told(one) for one in fields if one.sent}


def _input(name: str, declaration: Sequence[Any]) -> Input:
    kind, options = declaration[0], declaration[1] if len(declaration) > 1 else {}
    options = options if isinstance(options, Mapping) else {}
    if isinstance(kind, list):
        return Input(name, "COMBO", {"options": kind, **options})
    return Input(name, str(kind), options)


def _fields_for(one: Input) -> Iterator[Field]:
    if one.type in {"LOAD_3D", "LOAD_3D_ANIMATION"}:
        buttons = (("upload 3d model", "upload3dmodel"), ("upload extra resources", "uploadExtraResources"))
        yield from (Field(*button) for button in (*buttons, ("clear", "clear")))
    yield Field(one.name, _default(one), source=one)
    if one.is_controlled:
        yield Field("control_after_generate", "randomize", sent=False)
        if one.type == "COMBO":
            yield Field("control_filter_list", "", sent=False)
    if one.type == "COMBO" and isinstance(one.options.get("remote"), Mapping):
        yield Field("Auto-refresh after generation", value=False, sent=False)
        if one.options["remote"].get("refresh_button"):
            yield Field("refresh", "refresh")


def _fields_of_choice(combo: Input, choice: object) -> Iterator[Field]:
    """The fields that a choice of a dynamic combo brings; their names begin with the combo's."""
    for option in combo.options.get("options") or ():
        if option.get("key") == choice:
            for one in inputs_of({"input": option.get("inputs") or {}}):
                inner = replace(one, name=f"{combo.name}.{one.name}")
                if inner.is_field:
                    yield from _fields_for(inner)


def _default(one: Input) -> Any:  # noqa: ANN401  # whatever the class says
    if "default" in one.options and (one.options["default"] or one.type != "COMBO"):
        return one.options["default"]
    choices = one.options.get("options")
    if one.type == "COMFY_DYNAMICCOMBO_V3":
        return choices[0].get("key") if choices else None
    if one.type == "COMBO":
        return choices[0] if choices else None
    return {"INT": 0, "FLOAT": 0, "BOOLEAN": False, "STRING": ""}.get(one.type)


def _without_sockets(kind: str, inputs: Sequence[Input], saved: Sequence[Any]) -> list[Any]:
    """The values without those of inputs that once were fields and now are sockets (page 1.16).

    The page tells by the number of values alone, so this does too.
    """
    names = {one.name for one in fields_of(kind, inputs)}
    once = [one for one in inputs if one.name in names or one.options.get("forceInput")]
    sockets = [mark for one in once for mark in ([one.options.get("forceInput"), False][: 1 + one.is_controlled])]
    if not any(sockets) or len(sockets) != len(saved):
        return list(saved)
    return [value for value, is_socket in zip(saved, sockets, strict=True) if not is_socket]


def _told(one: Field) -> Any:  # noqa: ANN401  # whatever the field holds
    value, source = one.value, one.source
    if isinstance(value, str) and source is not None and source.options.get("dynamicPrompts"):
        value = chosen(value)
    # A list of two would be taken for a link.
    return {"__value__": value} if isinstance(value, list) else value


def chosen(text: str) -> str:
    """A text without its comments, and with the first of the choices in each pair of braces.

    The page draws one of them at random; the same workflow has to give the same picture.
    """
    return _chosen(text, 0)


def _chosen(text: str, depth: int) -> str:
    if depth > MAX_BRACES:
        return text
    return _ESCAPED.sub(r"\1", _Choices(_COMMENT.sub("", text), depth).text())


class _Choices:
    """Reads a text with `{a|b}` in it."""

    def __init__(self, text: str, depth: int) -> None:
        self._text = text
        self._depth = depth
        self._at = 0

    def text(self) -> str:
        parts = []
        while (piece := self._piece()) is not None:
            parts.append(self._first_choice() if piece == "{" else piece)
        return "".join(parts)

    def _first_choice(self) -> str:
        choices, depth = [""], 0
        while (piece := self._piece()) is not None:
            if piece == "}" and not depth:
                break
            if piece == "|" and not depth:
                choices.append("")
                continue
            depth += (piece == "{") - (piece == "}")
            choices[-1] += piece
        return _chosen(choices[0], self._depth + 1)

    def _piece(self) -> str | None:
        """The next character, with the backslash before it if there is one."""
        piece = self._text[self._at : self._at + 1]
        if piece == "\\":
            piece = self._text[self._at : self._at + 2]
        self._at += len(piece)
        return piece or None
