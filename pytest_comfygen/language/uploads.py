"""Inputs of nodes that take a file: which they are, and whether the server has the file that one names.

Source: ComfyUI nodes.py LoadImage, comfy_extras/nodes_audio.py, nodes_video.py, and folder_paths.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

__all__ = ["absent_file", "takes_files"]

# Files that ComfyUI lists when it has them; of others, only the server itself knows.
_LISTED = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".wav", ".mp3", ".mp4", ".webm", ".mov"})
_ELSEWHERE = re.compile(r"[/\\]| ?\[(?:input|output|temp)\]$")


def takes_files(kind: object) -> bool:
    """Whether an input of this type may get a file's name: a list, a text, or a type that nobody knows."""
    return not isinstance(kind, str) or kind in {"COMBO", "STRING", "*"} or kind.startswith("COMFY_")


def absent_file(value: object, kind: object, options: Mapping[str, Any]) -> bool:
    """Whether an input names a file that the server would list if it had it.

    What lies in a folder, or elsewhere than among the inputs, is never listed.

    :param kind: the declared type, or the choices.
    """
    listed = kind if isinstance(kind, list) else options.get("options") if kind == "COMBO" else None
    is_upload = any(key.endswith("_upload") and options[key] is not False for key in options)
    if not isinstance(listed, list) or not is_upload or "remote" in options or not isinstance(value, str):
        return False
    is_listed_type = PurePosixPath(value).suffix.lower() in _LISTED
    return is_listed_type and not _ELSEWHERE.search(value) and value not in listed
