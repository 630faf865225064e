"""Jobs and pictures that failed: the item fails, and the old image stays."""

from __future__ import annotations

from pytest_comfygen.errors.place import ComfygenError

__all__ = [
    "ExecutionFailed",
    "GraphRejected",
    "Interrupted",
    "JobError",
    "JobLost",
    "JobSilent",
    "ModelMissing",
    "NoOutput",
    "NodeMissing",
    "OutOfMemory",
    "PictureRefused",
    "ServerKilled",
    "SeveralOutputs",
    "TransferIncomplete",
    "ValueRefused",
]


class JobError(ComfygenError):
    """ComfyUI did not make what the job asks for."""

    code = "job"


class GraphRejected(JobError):
    """ComfyUI refused the graph, or a part of it, before running it."""

    code = "graph-rejected"


class NodeMissing(JobError):
    """The server has no node of a class that the graph uses."""

    code = "node-missing"


class ModelMissing(JobError):
    """The server does not list the model that the job names."""

    code = "model-missing"


class ValueRefused(JobError):
    """A value is not among those that the server's node accepts."""

    code = "value-refused"


class ExecutionFailed(JobError):
    """A node raised an exception while it ran."""

    code = "execution-failed"


class OutOfMemory(ExecutionFailed):
    """The job needs more memory than the device has."""

    code = "out-of-memory"
    default_hint = "make the picture smaller, or start ComfyUI with --lowvram"


class Interrupted(JobError):
    """Somebody else interrupted the job."""

    code = "interrupted"


class NoOutput(JobError):
    """ComfyUI reports success and names no picture."""

    code = "no-output"


class SeveralOutputs(JobError):
    """The job made more than the one picture that an item stands for."""

    code = "several-outputs"


class JobLost(JobError):
    """The server no longer knows the job: neither queued, running nor in its history."""

    code = "job-lost"


class JobSilent(JobError):
    """The job showed no sign of progress for as long as is allowed."""

    code = "job-silent"


class ServerKilled(JobError):
    """A server that we started died, or went silent, twice while it made this picture."""

    code = "server-killed"


class TransferIncomplete(JobError):
    """The picture could not be fetched whole."""

    code = "transfer-incomplete"


class PictureRefused(JobError):
    """The picture failed its checks; the old file stays and the new one is kept aside."""

    code = "picture-refused"
