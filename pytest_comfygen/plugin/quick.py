"""`--comfy-prompt`: the run has one job file, made of what was typed, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_comfygen.errors import ComfygenError, SettingsError
from pytest_comfygen.flows.quick import write_quick_job
from pytest_comfygen.outputs.store import Store
from pytest_comfygen.plugin.options import usage_error
from pytest_comfygen.records import Environment
from pytest_comfygen.settings import Settings

__all__ = ["write_prompts"]


def write_prompts(config: pytest.Config, settings: Settings, root: Path, nonce: str) -> str:
    """The job file of the typed prompts, which takes the place of pytest's arguments.

    :raises pytest.UsageError: a prompt, key or file cannot be used, or there are paths besides.
    """
    if not settings.prompt:
        raise usage_error(SettingsError("--comfy-save-job goes with --comfy-prompt"))
    if config.args_source is config.ArgsSource.ARGS:
        paths = " ".join(config.args)
        raise usage_error(SettingsError(f"--comfy-prompt takes no paths, and there are some: {paths}"))
    store = Store(root)
    try:
        job_file = write_quick_job(settings, root, store.local_directory("prompts"), nonce, Environment(os.environ))
    except ComfygenError as error:
        raise usage_error(error) from None
    finally:
        store.close()
    return str(job_file)
