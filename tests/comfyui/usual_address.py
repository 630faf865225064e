"""A plugin for runs in processes of their own: at ComfyUI's usual address is who the test says, or nobody.

Without it, a ComfyUI that runs on the desk would make the pictures of a test.
"""

from __future__ import annotations

import os

from pytest_comfygen.flows.premises import Premises

__all__ = ["NOBODY", "VARIABLE"]

VARIABLE = "COMFYUI_USUAL_URL"
NOBODY = "http://127.0.0.1:9"

defaults = Premises.__init__.__kwdefaults__ or {}
defaults["default_url"] = os.environ.get(VARIABLE, NOBODY)
