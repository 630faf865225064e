"""Weights files that cannot be had or used: an item's setup ends, and the run goes on with what needs other models."""

from __future__ import annotations

from pytest_comfygen.errors.machine import MachineError

__all__ = [
    "AddressRefused",
    "DiskTooSmall",
    "DownloadFailed",
    "HashMismatch",
    "HashUnknown",
    "LicenceNotAccepted",
    "ModelDamaged",
    "ModelNotFound",
    "Offline",
    "PageInsteadOfModel",
    "PickleRefused",
    "TokenMissing",
    "TokenRefused",
    "UrlUnknown",
]


class TokenMissing(MachineError):
    """The host gives the model to those who log in, and there is no token for it."""

    code = "token-missing"


class TokenRefused(MachineError):
    """The host does not take the token, or the token may not do this."""

    code = "token-refused"


class LicenceNotAccepted(MachineError):
    """The token's account has not accepted the model's licence."""

    code = "licence-not-accepted"


class ModelNotFound(MachineError):
    """The host has no such file."""

    code = "model-not-found"


class DiskTooSmall(MachineError):
    """The model does not fit on the disk."""

    code = "disk-too-small"


class Offline(MachineError):
    """The environment says that nothing may be downloaded."""

    code = "offline"
    default_hint = "unset HF_HUB_OFFLINE"


class DownloadFailed(MachineError):
    """The model did not come through, and nobody refused it."""

    code = "download-failed"
    default_hint = "run the same command again: what has arrived is kept"


class AddressRefused(MachineError):
    """A download leads where it must not: unencrypted, to a local file, or into a private network."""

    code = "address-refused"


class PageInsteadOfModel(MachineError):
    """A web page came, or lies, where weights should be."""

    code = "page-instead-of-model"


class HashMismatch(MachineError):
    """A model's file is not the one whose sha256 is declared."""

    code = "hash-mismatch"


class HashUnknown(MachineError):
    """Nothing says which bytes are the right ones, so none are downloaded."""

    code = "hash-unknown"


class UrlUnknown(MachineError):
    """Nothing says where the model can be had."""

    code = "url-unknown"


class PickleRefused(MachineError):
    """The model's file is a pickle, which can run any program when it is loaded."""

    code = "pickle-refused"


class ModelDamaged(MachineError):
    """The model's file is torn, or is none."""

    code = "model-damaged"
