"""The frozen vocabulary that all rooms share: what is asked for, what was made, what was found.

A *job* is written in a job file and made concrete; an *item* is pytest's; a *graph* is what ComfyUI runs;
a *record* says what made an image; a *finding* is one verdict; a *model* is a weights file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_comfygen.families import from_families

if TYPE_CHECKING:
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
    from pytest_comfygen.records.wanted import (
        Bounds,
        Duplicates,
        Likeness,
        Palette,
        Scoring,
        Siblings,
        Transparency,
    )
    from pytest_comfygen.records.words import (
        OUTCOMES,
        PARTS,
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
    "OUTCOMES",
    "PARTS",
    "PLAYING",
    "SOUND",
    "STREAMED",
    "VIDEO",
    "Bounds",
    "CheckpointRecipe",
    "Checks",
    "Control",
    "Diagnosis",
    "DiskSpace",
    "DownloadPlan",
    "Downloaded",
    "Duplicates",
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
    "Likeness",
    "Lora",
    "MachineFinding",
    "MediaStatistics",
    "Model",
    "ModelPlaces",
    "ObjectInfo",
    "Outcome",
    "Palette",
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
    "Scoring",
    "Seed",
    "SeedRule",
    "ServerInfo",
    "ServerWish",
    "SetValue",
    "Severity",
    "Siblings",
    "Size",
    "Span",
    "Status",
    "Timing",
    "Transparency",
    "Transparent",
    "Upscale",
    "Verified",
    "WorkflowRecipe",
    "relative",
]

# In the order in which a run needs them: collecting knows what is asked for, and not what becomes of it.
_FAMILIES = (
    "words",
    "recipe",
    "media",
    "wanted",
    "job",
    "environment",
    "server",
    "image",
    "run",
    "model",
    "runplan",
    "diagnosis",
)

# A data class takes half a millisecond to make, so each is loaded when it is first asked for.
__getattr__ = from_families(__name__, _FAMILIES)
