"""What `verify:` may want of how a picture looks, and of its likeness to others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from pytest_comfygen.language.schema.closed import Closed, key
from pytest_comfygen.language.schema.values import Flag, Path, SizeBytes, Wants, Word, _refuse as refuse

__all__ = ["LOOKS", "Alpha", "Brotherhood", "Colours", "FileBytes", "LooksKeys", "SimilarTo"]

MAX_COLOURS = 65_536
MAX_DISTANCE = 32
_YES = True
_COLOUR = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")

Share: TypeAlias = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), Wants("a number from 0 to 1")]


def _in_order(least: float | None, most: float | None) -> None:
    if least is None and most is None:
        raise refuse("out-of-range", "it says neither `min` nor `max`", "write one of them")
    if least is not None and most is not None and least > most:
        raise refuse("out-of-range", "its `min` is above its `max`", "exchange them")


class Shorter(Closed):
    """A mapping with short forms, which the JSON Schema lists beside it."""

    SHORT_FORMS: ClassVar[tuple[Mapping[str, Any], ...]]

    @classmethod
    def _opened(cls, value: object) -> object:
        """The mapping that a short form stands for; anything else as it is."""
        return value

    @model_validator(mode="before")
    @classmethod
    def _open(cls, value: object) -> object:
        return value if isinstance(value, (dict, cls)) else cls._opened(value)


class Alpha(Shorter):
    """Which share of the pixels is fully transparent; also `needed` or `forbidden`."""

    SHORT_FORMS = ({"enum": ["needed", "forbidden"]},)

    rule: Annotated[Literal["needed", "forbidden"], Wants("needed or forbidden")] | None = key(
        "needed: some pixel lets something through; forbidden: none does.", "needed"
    )
    min: Share | None = key("At least this share, from 0 to 1.", 0.2, default=0)
    max: Share | None = key("At most this share, from 0 to 1.", 0.8, default=1)

    @classmethod
    def _opened(cls, value: object) -> object:
        if isinstance(value, str):
            if value not in {"needed", "forbidden"}:
                raise refuse("out-of-range")
            return {"rule": value}
        return value

    @model_validator(mode="after")
    def _one_way(self) -> Alpha:
        if self.rule is None:
            _in_order(self.min, self.max)
        elif self.min is not None or self.max is not None:
            raise refuse("conflicting-keys", "it takes `rule`, or `min` and `max`", "remove one of them")
        return self


class FileBytes(Shorter):
    """How large the file is; also its largest size alone."""

    SHORT_FORMS = ({"type": "string"}, {"type": "integer"})

    min: SizeBytes | None = key("At least so many bytes.", "1 kB")
    max: SizeBytes | None = key("At most so many bytes.", "2 MB")

    @classmethod
    def _opened(cls, value: object) -> object:
        is_size = isinstance(value, (str, int)) and not isinstance(value, bool)
        return {"max": value} if is_size else value

    @model_validator(mode="after")
    def _check_order(self) -> FileBytes:
        _in_order(self.min, self.max)
        return self


def _colour(value: object) -> object:
    if isinstance(value, str) and (match := _COLOUR.fullmatch(value)):
        return tuple(int(digits, 16) for digits in match.groups())
    if isinstance(value, tuple):
        return value
    raise refuse("wrong-type")


Colour: TypeAlias = Annotated[
    tuple[int, int, int],
    BeforeValidator(_colour),
    WithJsonSchema({"type": "string", "pattern": f"^{_COLOUR.pattern}$"}),
    Wants('a colour such as "#1a1c2c", in quotes'),
]


class Colours(Shorter):
    """Which colours a picture has; also the list of those allowed, or how many alone."""

    SHORT_FORMS = ({"type": "array", "items": {"type": "string"}}, {"type": "integer"})

    max_colours: Annotated[int, Field(ge=1, le=MAX_COLOURS), Wants("an integer from 1 to 65 536")] | None = key(
        "At most so many different colours.", 16
    )
    colours: (
        Annotated[
            list[Colour],
            Field(min_length=1, max_length=MAX_COLOURS),
            AfterValidator(tuple),  # items that want the same share their checks, so these are hashed
            Wants("a list of at least one colour"),
        ]
        | None
    ) = key("No other colours than these.", ["#1a1c2c", "#f4f4f4"])

    @classmethod
    def _opened(cls, value: object) -> object:
        if isinstance(value, list):
            return {"colours": value}
        return {"max_colours": value} if isinstance(value, int) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _says_something(self) -> Colours:
        if self.max_colours is None and self.colours is None:
            raise refuse("out-of-range", "it says neither `max_colours` nor `colours`", "write one of them")
        return self


class SimilarTo(Shorter):
    """A baseline that the picture must be like; also its path alone."""

    SHORT_FORMS = ({"type": "string"},)

    file: Path | None = key("A png, jpg or webp file, relative to the job file.", "approved/dwarf.png")
    item: Word | None = key("Another item of this job file, whose image it is.", "kin_dwarf")
    distance: Annotated[int, Field(ge=0, le=256), Wants("an integer from 0 to 256")] | None = key(
        "In how many of 256 bits the perceptual hashes may differ.", 24, default=32
    )
    min_ssim: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False), Wants("a number from -1 to 1")] | None = key(
        "Least structural similarity; needs the extra `metrics`.", 0.7
    )

    @classmethod
    def _opened(cls, value: object) -> object:
        return {"file": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_of_two(self) -> SimilarTo:
        if (self.file is None) == (self.item is None):
            raise refuse("conflicting-keys", "it takes one of `file` and `item`", "write a path, or {item: NAME}")
        return self


class Brotherhood(Shorter):
    """How alike the items of one file are that have this key; also `true`."""

    SHORT_FORMS = ({"type": "boolean"},)

    agree: Flag | None = key("Whether the item is one of them.", _YES, default=True)
    brightness: Annotated[float, Field(ge=0, le=255, allow_inf_nan=False), Wants("a number from 0 to 255")] | None = (
        key("How far the mean brightness may lie from the median of all.", 40, default=64)
    )

    @classmethod
    def _opened(cls, value: object) -> object:
        return {"agree": value} if isinstance(value, bool) else value


def _duplicates(value: object) -> object:
    if value == "allow" or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_DISTANCE):
        return value
    raise refuse("out-of-range" if isinstance(value, (int, str)) and not isinstance(value, bool) else "wrong-type")


AlphaKey: TypeAlias = Annotated[Alpha, Wants("needed, forbidden, or a mapping of min and max")]
BytesKey: TypeAlias = Annotated[FileBytes, Wants("a size such as 2 MB, or a mapping of min and max")]
PaletteKey: TypeAlias = Annotated[Colours, Wants("a number of colours, a list of them, or a mapping")]
SimilarKey: TypeAlias = Annotated[SimilarTo, Wants("a path, or a mapping")]
SiblingsKey: TypeAlias = Annotated[Brotherhood, Wants("true, false, or a mapping")]
DuplicatesKey: TypeAlias = Annotated[
    int | str,
    BeforeValidator(_duplicates),
    WithJsonSchema({"anyOf": [{"enum": ["allow"]}, {"type": "integer", "minimum": 0, "maximum": MAX_DISTANCE}]}),
    Wants(f"allow, or an integer from 0 to {MAX_DISTANCE}"),
]
Retries: TypeAlias = Annotated[int, Field(ge=0, le=20), Wants("an integer from 0 to 20")]
ScorerName: TypeAlias = Annotated[
    str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,49}$"), Wants("a name of letters, digits, `_` and `-`")
]
MinScore: TypeAlias = Annotated[float, Field(allow_inf_nan=False), Wants("a number")]


class LooksKeys(Closed):
    """What an image must show beyond a decoded picture that is not blank."""

    alpha: AlphaKey | None = key("What is wanted of transparency.", "needed", {"min": 0.2, "max": 0.8})
    bytes: BytesKey | None = key("How large the file may be.", "2 MB", {"min": "1 kB", "max": "2 MB"})
    palette: PaletteKey | None = key("Which colours the image may have.", 16, ["#1a1c2c", "#f4f4f4"])
    duplicates: DuplicatesKey | None = key(
        "Images of the run with equal pixels are refused; `allow` permits them, and a number refuses also those whose "
        "perceptual hashes differ in so few of 256 bits.",
        "allow",
        4,
    )
    similar_to: SimilarKey | None = key("A baseline that the image must be like.", "approved/dwarf.png")
    siblings: SiblingsKey | None = key(
        "The items of this file that have this key agree in size, mode and brightness.", {"brightness": 40}
    )
    scorer: ScorerName | None = key("The external scorer that is asked, by its name in the settings.", "aesthetic")
    min_score: MinScore | None = key("The least score that will do.", 0.7)
    retries: Retries | None = key(
        "How many further seeds are tried when the image fails its checks; not for a seed that is written as a number.",
        3,
        default=0,
    )


LOOKS: tuple[type[Shorter], ...] = (Alpha, FileBytes, Colours, SimilarTo, Brotherhood)
