"""The weights files on this machine: where ComfyUI looks for them, which is meant, and whether one can be used."""

from __future__ import annotations

from pytest_comfygen.engine.models.hashes import ModelHashes
from pytest_comfygen.engine.models.lookup import checkpoints_in, find_model, match_name, near_models, near_names
from pytest_comfygen.engine.models.places import ExtraPaths, download_target, model_places
from pytest_comfygen.engine.models.weights import check_weights

__all__ = [
    "ExtraPaths",
    "ModelHashes",
    "check_weights",
    "checkpoints_in",
    "download_target",
    "find_model",
    "match_name",
    "model_places",
    "near_models",
    "near_names",
]
