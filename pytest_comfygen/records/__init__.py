"""The frozen vocabulary that all rooms share: what is asked for, what was made, what was found.

A *job* is written in a job file and made concrete; an *item* is pytest's; a *graph* is what ComfyUI runs;
a *record* says what made an image; a *finding* is one verdict; a *model* is a weights file.
"""

from __future__ import annotations

from pytest_comfygen.records.diagnosis import (
    Diagnosis,
    MachineFinding,
    Severity,
)
from pytest_comfygen.records.environment import Environment
from pytest_comfygen.records.image import (
    Finding,
    Fingerprint,
    ImageRecord,
    ImageStatistics,
    Inspection,
    KeptImage,
    Reason,
    Verified,
)
from pytest_comfygen.records.job import (
    Checks,
    Index,
    Job,
    JobFile,
    Seed,
    ServerWish,
    relative,
)
from pytest_comfygen.records.media import (
    PLAYING,
    SOUND,
    STREAMED,
    VIDEO,
    MediaStatistics,
    Span,
)
from pytest_comfygen.records.model import (
    DiskSpace,
    Downloaded,
    DownloadPlan,
    FoundModel,
    ModelPlaces,
    PlannedDownload,
)
from pytest_comfygen.records.recipe import (
    CheckpointRecipe,
    Control,
    Hires,
    InputImage,
    Lora,
    Model,
    Refiner,
    SetValue,
    Size,
    Transparent,
    Upscale,
    WorkflowRecipe,
)
from pytest_comfygen.records.run import (
    Event,
    JobResult,
)
from pytest_comfygen.records.runplan import (
    PlannedAction,
    PlannedImage,
    PlannedModel,
    RunPlan,
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
    "PLAYING",
    "SOUND",
    "STREAMED",
    "VIDEO",
    "CheckpointRecipe",
    "Checks",
    "Control",
    "Diagnosis",
    "DiskSpace",
    "DownloadPlan",
    "Downloaded",
    "Environment",
    "Event",
    "Execution",
    "Finding",
    "Fingerprint",
    "FoundModel",
    "Graph",
    "Hires",
    "History",
    "ImageFormat",
    "ImageRecord",
    "ImageStatistics",
    "Index",
    "InputImage",
    "Inspection",
    "Job",
    "JobFile",
    "JobResult",
    "KeptImage",
    "Lora",
    "MachineFinding",
    "MediaStatistics",
    "Model",
    "ModelPlaces",
    "ObjectInfo",
    "Outcome",
    "Part",
    "PlannedAction",
    "PlannedDownload",
    "PlannedImage",
    "PlannedModel",
    "Reason",
    "Refiner",
    "RemoteImage",
    "RunPlan",
    "Scalar",
    "Seed",
    "SeedRule",
    "ServerInfo",
    "ServerWish",
    "SetValue",
    "Severity",
    "Size",
    "Span",
    "Status",
    "Timing",
    "Transparent",
    "Upscale",
    "Verified",
    "WorkflowRecipe",
    "relative",
]
