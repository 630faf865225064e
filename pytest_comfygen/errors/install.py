"""What keeps ComfyUI from being installed: an item's setup ends, and what stood there before is left alone."""

from __future__ import annotations

from pytest_comfygen.errors.machine import MachineError

__all__ = [
    "CheckoutChanged",
    "CheckoutForeign",
    "EnvironmentBroken",
    "GitFailed",
    "GitMissing",
    "InstallFailed",
    "InstallMissing",
    "InstallSpace",
    "LockFailed",
    "RevisionUnknown",
]


class InstallMissing(MachineError):
    """ComfyUI is not installed as the settings say, and this run may not install it."""

    code = "install-missing"
    wants_server = True


class InstallFailed(MachineError):
    """A step of the installation failed; the end of its log is in the message."""

    code = "install-failed"


class InstallSpace(InstallFailed):
    """The disk has less room than the installation takes."""

    code = "install-space"


class EnvironmentBroken(InstallFailed):
    """ComfyUI does not start in the environment that was made for it."""

    code = "environment-broken"


class CheckoutChanged(MachineError):
    """The checkout holds somebody's changes, so it is not moved to another revision."""

    code = "checkout-changed"


class CheckoutForeign(MachineError):
    """What stands where ComfyUI belongs is something else, or cannot be moved to another revision."""

    code = "checkout-foreign"


class RevisionUnknown(MachineError):
    """The repository has no such revision."""

    code = "revision-unknown"


class GitMissing(MachineError):
    """There is no git."""

    code = "git-missing"
    default_hint = "install git, or put it on the PATH"


class GitFailed(MachineError):
    """A git command failed; what it said is in the message."""

    code = "git-failed"


class LockFailed(MachineError):
    """A lock that processes share cannot be taken."""

    code = "lock-failed"
