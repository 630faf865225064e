"""Assets that are not what their jobs say: the item fails, and the file is left alone."""

from __future__ import annotations

from pytest_comfygen.errors.place import ComfygenError

__all__ = [
    "AssetError",
    "CandidateMissing",
    "DestinationChanged",
    "ImageEdited",
    "ImageMissing",
    "ImageOrphan",
    "ImageStale",
    "ImageUnrecorded",
    "IndexStale",
    "InputMissing",
    "InputNotReady",
    "OwnedByAnother",
    "RecordDamaged",
    "SeedFixed",
    "WriteFailed",
]


class AssetError(ComfygenError):
    """The image in the repository is not what its job says."""

    code = "asset"


class ImageMissing(AssetError):
    """The image was never made, or is gone."""

    code = "missing"


class ImageOrphan(AssetError):
    """An image has a record of what made it, and no job makes it any more."""

    code = "orphan"


class ImageStale(AssetError):
    """The image was made from something else than the job says now."""

    code = "stale"


class ImageEdited(AssetError):
    """The image was changed by hand since it was made, so it is left alone."""

    code = "edited"


class ImageUnrecorded(AssetError):
    """A file without a record stands where the image belongs, so it is left alone."""

    code = "unrecorded"


class RecordDamaged(AssetError):
    """An image's record cannot be read, so nothing is known of what made the image."""

    code = "record-damaged"
    default_hint = "take the record from git, or record the image as it stands with --comfy-adopt"


class CandidateMissing(AssetError):
    """The candidate to be picked is not there, or was made of something else than the job says now."""

    code = "candidate-missing"


class DestinationChanged(AssetError):
    """The output is not what it was when its new picture was planned."""

    code = "destination-changed"


class OwnedByAnother(AssetError):
    """Another job's record owns the output."""

    code = "owned-by-another"


class SeedFixed(AssetError):
    """Another seed was asked for, and the job has a number."""

    code = "seed-fixed"


class WriteFailed(AssetError):
    """The image or its record could not be written; nothing was lost."""

    code = "write-failed"


class IndexStale(AssetError):
    """The index of a job file's images is missing, or does not say what images there are."""

    code = "index-stale"


class InputMissing(AssetError):
    """A picture that the image is made from is not in the repository."""

    code = "input-missing"


class InputNotReady(AssetError):
    """The item that the image is made from is not current: it failed, or was not asked for."""

    code = "input-not-ready"
