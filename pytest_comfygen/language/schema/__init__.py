"""The job language as models: what may be written, within which limits, and how a mistake is explained.

The models are the only description of the language: they validate job files, and the JSON Schema that editors use is
printed from them (`python -m pytest_comfygen.language`). Types are strict: `steps: "30"` is a text, not a number.
"""

from __future__ import annotations

from pydantic import ValidationError

from pytest_comfygen.errors import EmptyFile, LanguageVersion, WrongType
from pytest_comfygen.language.load import Document, Table
from pytest_comfygen.language.problems import first_of
from pytest_comfygen.language.schema.mistakes import mistakes, shown
from pytest_comfygen.language.schema.models import Item, JobDocument, Keys, ModelEntry, Output, Server, Verify

__all__ = ["Item", "JobDocument", "Keys", "ModelEntry", "Output", "Server", "Verify", "validate"]


def validate(document: Document) -> JobDocument:
    """The document as models.

    :raises JobFileError: the first mistake by place, the others in `also`.
    """
    _check_head(document)
    try:
        return JobDocument.model_validate(document.root)
    except ValidationError as error:
        raise first_of(mistakes(error, document)) from None


def _check_head(document: Document) -> None:
    """What makes every other message pointless: nothing there, no mapping, another version, no items."""
    root = document.root
    if root is None:
        raise EmptyFile("the file holds no job", where=document.where(()))
    if not isinstance(root, Table):
        raise WrongType(f"a job file must be a mapping, not {shown(root)}", where=document.where(()))
    version = root.get("comfyjob", 1)
    if type(version) is not int:  # to pydantic's Literal, true and 1.0 are as good as 1
        raise WrongType(f"comfyjob must be 1, not {shown(version)}", where=document.where(["comfyjob"]))
    if version != 1:
        raise LanguageVersion(f"the job language has no version {version} here", where=document.where(["comfyjob"]))
    if "items" in root and not root["items"] and not isinstance(root["items"], (str, bool, int, float)):
        raise EmptyFile("the file holds no item", where=document.where(["items"]), hint="add an image under `items:`")
