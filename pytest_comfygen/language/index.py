"""Where a job file wants the list of its images."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path

from pytest_comfygen.errors import BadPath, JobFileError, Where
from pytest_comfygen.language import naming
from pytest_comfygen.language.load import Document
from pytest_comfygen.language.schema import Output
from pytest_comfygen.records import Index

__all__ = ["index_of"]


def index_of(output: Output, document: Document, root: Path, home: Path) -> Index | None:
    """The place of `output.index`: in the folder of the images, or above the first one that differs between them.

    :raises JobFileError: bad-path, outside-repository.
    """
    if output.index is None:
        return None
    where = document.where(("output", "index")) or Where(document.file)
    folder = "/".join(takewhile(lambda part: "$" not in part, output.dir.split("/")))
    try:
        if not output.index.endswith(".json") or output.index.endswith(".comfyjob.json") or "$" in output.index:
            hint = "write a name as `kins.json`"
            raise BadPath(f"the index is one .json file, and {output.index[-60:]!r} names none", hint=hint)
        return Index(naming.file_in(root, home, f"{folder or '.'}/{output.index}"), root, where)
    except JobFileError as error:
        raise error.at(where) from None
