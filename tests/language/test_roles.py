from __future__ import annotations

import pytest

from pytest_comfygen.errors import BadPath, UnknownRole, WrongType
from pytest_comfygen.language.roles import ModelNames, declared_model, model_named
from pytest_comfygen.language.schema import ModelEntry
from pytest_comfygen.records import Model

BASE = Model("checkpoints", "xl/base.safetensors", role="base", sha256="ab" * 32)
UPSCALER = Model("upscale_models", "x4.pth", role="upscaler")
MODELS = {"base": BASE, "upscaler": UPSCALER}

NAMED = [
    ("base", BASE),
    ("xl/base.safetensors", BASE),
    ("./xl/base.safetensors", BASE),
    ("other.ckpt", Model("checkpoints", "other.ckpt")),
    ("OTHER.SAFETENSORS", Model("checkpoints", "OTHER.SAFETENSORS")),
]


@pytest.mark.parametrize(("text", "model"), NAMED)
def test_a_checkpoint_is_found_by_role_and_by_file(text: str, model: Model) -> None:
    assert model == model_named(text, MODELS, "checkpoints")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("bass", "did you mean `base`?"),
        ("x", "roles here: base, upscaler; or write a file name that ends in .safetensors"),
    ],
)
def test_an_unknown_role_is_refused_with_what_there_is(text: str, hint: str) -> None:
    with pytest.raises(UnknownRole) as caught:
        model_named(text, MODELS, "checkpoints")

    assert hint == caught.value.hint


def test_a_role_of_another_folder_is_no_checkpoint() -> None:
    with pytest.raises(WrongType, match="upscale_models/, not a checkpoint"):
        model_named("upscaler", MODELS, "checkpoints")


@pytest.mark.parametrize("text", ["../secret.ckpt", "/etc/x.ckpt", "a\\b.ckpt", "C:/x.ckpt"])
def test_a_checkpoint_stays_in_its_folder(text: str) -> None:
    with pytest.raises(BadPath):
        model_named(text, MODELS, "checkpoints")


def test_a_declared_model_keeps_what_is_said_of_it() -> None:
    entry = ModelEntry(file="checkpoints/xl/base.safetensors", sha256="AB" * 32)

    assert declared_model("base", entry) == BASE


@pytest.mark.parametrize("file", ["base.ckpt", "checkpoints/base", "checkpoints/base.png", "/checkpoints/a.ckpt"])
def test_a_declared_file_is_a_model_in_a_folder(file: str) -> None:
    with pytest.raises(BadPath):
        declared_model("base", ModelEntry(file=file))


LOOKED_FOR = [
    ("xl/base.safetensors", {"base"}),
    ("XL\\Base.safetensors", {"base"}),
    ("base.safetensors", {"base"}),
    ("x4.pth", {"upscaler"}),
    ("other/x4.pth", set()),
    ("x4", set()),
    ("a x4.pth", set()),
    ("", set()),
    (4, set()),
    (None, set()),
    (["x4.pth"], set()),
]


@pytest.mark.parametrize(("value", "roles"), LOOKED_FOR)
def test_a_workflow_names_a_model_in_full_or_by_the_last_part(value: object, roles: set[str]) -> None:
    assert roles == ModelNames(MODELS).roles_in([7, value])


def test_the_whole_name_of_one_file_is_no_last_part_of_another() -> None:
    models = {
        **MODELS,
        "small": Model("checkpoints", "base.safetensors"),
        "xl-vae": Model("vae", "xl/base.safetensors"),
    }
    names = ModelNames(models)

    assert names.roles_in(["base.safetensors"]) == {"small"}
    assert names.roles_in(["xl/base.safetensors"]) == {"base", "xl-vae"}


def test_composed_and_decomposed_letters_are_the_same() -> None:
    names = ModelNames({"cafe": Model("loras", "caf\u00e9.pt")})

    assert names.roles_in(["cafe\u0301.pt"]) == {"cafe"}


def test_models_come_in_the_order_of_the_file() -> None:
    assert ModelNames(MODELS).models_of(frozenset({"upscaler", "base"})) == (BASE, UPSCALER)
