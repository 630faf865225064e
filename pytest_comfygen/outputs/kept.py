"""An image that lies aside on this machine, with its record beside it."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from pytest_comfygen.errors import RecordDamaged
from pytest_comfygen.outputs.recordfile import parse
from pytest_comfygen.records import KeptImage

__all__ = ["is_whole", "read_kept", "record_beside"]


def record_beside(image: Path) -> Path:
    """Where the record of an image that lies aside is."""
    return image.with_name(f"{image.name}.json")


def read_kept(image: Path) -> KeptImage | None:
    """The image and its record; None when one of them is not there or cannot be read."""
    try:
        record = parse(record_beside(image).read_text(encoding="utf-8"))
        return KeptImage(image.read_bytes(), record)
    except (OSError, ValueError, RecordDamaged):
        return None


def is_whole(kept: KeptImage) -> bool:
    """Whether the file still has the bytes that were written."""
    return sha256(kept.data).hexdigest() == kept.record.file_sha256
