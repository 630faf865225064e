"""The frozen vocabulary that all rooms share: what is asked for, what was made, what was found.

A *job* is written in a job file and made concrete; an *item* is pytest's; a *graph* is what ComfyUI runs;
a *record* says what made an image; a *finding* is one verdict; a *model* is a weights file.
"""

from __future__ import annotations

from pytest_comfygen.records.image import (
    Finding,
    Fingerprint,
    ImageRecord,
    ImageStatistics,
    Inspection,
    Reason,
    Verified,
)
from pytest_comfygen.records.job import (
    CheckpointRecipe,
    Checks,
    Job,
    JobFile,
    Model,
    Seed,
    ServerWish,
    SetValue,
    Size,
    WorkflowRecipe,
    relative,
)
from pytest_comfygen.records.run import (
    Event,
    JobResult,
)
from pytest_comfygen.records.server import (
    Execution,
    RemoteImage,
    ServerInfo,
    Timing,
)
from pytest_comfygen.records.words import (
    Graph,
    History,
    ImageFormat,
    ObjectInfo,
    Outcome,
    Part,
    Scalar,
    SeedRule,
    Status,
)

__all__ = [
    "CheckpointRecipe",
    "Checks",
    "Event",
    "Execution",
    "Finding",
    "Fingerprint",
    "Graph",
    "History",
    "ImageFormat",
    "ImageRecord",
    "ImageStatistics",
    "Inspection",
    "Job",
    "JobFile",
    "JobResult",
    "Model",
    "ObjectInfo",
    "Outcome",
    "Part",
    "Reason",
    "RemoteImage",
    "Scalar",
    "Seed",
    "SeedRule",
    "ServerInfo",
    "ServerWish",
    "SetValue",
    "Size",
    "Status",
    "Timing",
    "Verified",
    "WorkflowRecipe",
    "relative",
]
