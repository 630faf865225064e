"""The gallery of a run: one HTML file that holds all it shows, asks no network and runs no text but its own."""

from __future__ import annotations

from pytest_comfygen.outputs.gallery.file import is_ours, write_file
from pytest_comfygen.outputs.gallery.notes import endings_of, entries_of, line_of
from pytest_comfygen.outputs.gallery.page import page_of

__all__ = ["endings_of", "entries_of", "is_ours", "line_of", "page_of", "write_file"]
