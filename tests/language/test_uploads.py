"""Inputs that take a file are known from what the server says of them, and doubt is left to the server."""

from __future__ import annotations

import pytest

from pytest_comfygen.language.uploads import absent_file, takes_files

UPLOAD = {"image_upload": True}


@pytest.mark.parametrize(
    ("value", "kind", "options", "is_absent"),
    [
        ("b.png", ["a.png"], UPLOAD, True),
        ("b.PNG", ["a.png"], UPLOAD, True),
        ("a.png", ["a.png"], UPLOAD, False),
        ("b.mp4", "COMBO", {"options": [], "video_upload": True}, True),
        ("b.wav", [], {"audio_upload": True}, True),
        # --- what a server does not list
        ("sub/b.png", ["a.png"], UPLOAD, False),
        ("sub\\b.png", ["a.png"], UPLOAD, False),
        ("b.png [output]", ["a.png"], UPLOAD, False),
        ("b.png[temp]", ["a.png"], UPLOAD, False),
        ("b.exr", ["a.png"], UPLOAD, False),
        ("b", ["a.png"], UPLOAD, False),
        # --- what takes no upload, or fills its list itself
        ("b.png", ["a.png"], {}, False),
        ("b.png", ["a.png"], {"image_upload": False}, False),
        ("b.png", "COMBO", {"image_upload": True, "remote": {"route": "/x"}}, False),
        ("b.png", "STRING", UPLOAD, False),
        (3, ["a.png"], UPLOAD, False),
    ],
)
def test_a_file_is_absent_when_the_server_would_list_it(
    value: object, kind: object, options: dict[str, object], *, is_absent: bool
) -> None:
    assert is_absent == absent_file(value, kind, options)


@pytest.mark.parametrize(
    ("kind", "takes"),
    [
        (["a.png"], True),
        ("COMBO", True),
        ("STRING", True),
        ("COMFY_DYNAMICCOMBO_V3", True),
        (None, True),
        ("IMAGE", False),
        ("INT", False),
    ],
)
def test_a_file_has_a_name_and_no_other_type(kind: object, *, takes: bool) -> None:
    assert takes == takes_files(kind)
