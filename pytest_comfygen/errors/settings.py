"""Settings that cannot be used: a usage error, before anything runs."""

from __future__ import annotations

from pytest_comfygen.errors.place import ComfygenError

__all__ = [
    "SettingsConflict",
    "SettingsError",
]


class SettingsError(ComfygenError):
    """A setting cannot be used; the message names the option and where its value came from."""

    code = "bad-setting"


class SettingsConflict(SettingsError):
    """Two settings contradict each other."""

    code = "conflicting-settings"
