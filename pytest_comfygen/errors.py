"""Every way this plugin says no: one base, one code per class, one place.

The five families decide how pytest shows an error: settings end the run (usage error), a job file ends its own
collection, the machine and its server end an item's setup, a job or its picture fails the item, and an asset's state
fails the check. Everything that is not a `ComfygenError` is a bug of ours and shows its traceback.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a file, as editors and terminals link it.

    :param file: path as shown to the user, with forward slashes.
    :param line: 1-based; 0 when the place is the whole file.
    :param column: 1-based; 0 when the place is the whole line.
    """

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        parts = [self.file, *(str(number) for number in (self.line, self.column) if number)]
        return ":".join(parts)


class ComfygenError(Exception):
    """The base of all errors we mean.

    :param message: what is wrong, with the offending value in it; one sentence, no full stop needed.
    :param where: the place in the user's file, when there is one.
    :param hint: the next thing to do or to type; a class may carry a default.
    :param details: further lines that belong to the message: a table of findings, the end of a log.
    :param also: further errors of the same kind found in the same pass, so that a user mends them in one go.
    """

    code: ClassVar[str] = "comfygen"
    wants_server: ClassVar[bool] = False
    default_hint: ClassVar[str | None] = None

    def __init__(
        self,
        message: str,
        *,
        where: Where | None = None,
        hint: str | None = None,
        details: tuple[str, ...] = (),
        also: tuple[ComfygenError, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint if hint is not None else self.default_hint
        self.details = details
        self.also = also

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.message}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.where, self.hint, self.details, self.also)

    def at(self, where: Where | None) -> Self:
        """The same error with a place, unless it already has one."""
        if self.where or not where:
            return self
        return type(self)(self.message, where=where, hint=self.hint, details=self.details, also=self.also)


def _rebuild(
    kind: type[ComfygenError],
    message: str,
    where: Where | None,
    hint: str | None,
    details: tuple[str, ...],
    also: tuple[ComfygenError, ...],
) -> ComfygenError:
    return kind(message, where=where, hint=hint, details=details, also=also)


# --- settings: a usage error, before anything runs ---------------------------------------------------------------


class SettingsError(ComfygenError):
    """A setting cannot be used; the message names the option and where its value came from."""

    code = "bad-setting"


class SettingsConflict(SettingsError):
    """Two settings contradict each other."""

    code = "conflicting-settings"


# --- job files: the file is not collected, the others are ----------------------------------------------------------


class JobFileError(ComfygenError):
    """A job file cannot be used as it stands."""

    code = "job-file"


class FileUnreadable(JobFileError):
    """The job file cannot be opened or read."""

    code = "unreadable"


class NotUtf8(JobFileError):
    """The file is not UTF-8 text."""

    code = "not-utf8"
    default_hint = "save the file as UTF-8"


class SyntaxInvalid(JobFileError):
    """The text is neither YAML 1.2 nor JSON."""

    code = "syntax"


class TabFound(JobFileError):
    """A tab stands where YAML wants spaces."""

    code = "tab"
    default_hint = "indent with spaces"


class DuplicateKey(JobFileError):
    """A key stands twice in one mapping."""

    code = "duplicate-key"
    default_hint = "remove one of them: YAML would silently keep the last"


class TooDeep(JobFileError):
    """The document is nested deeper than any job file needs."""

    code = "too-deep"


class TooLarge(JobFileError):
    """The document, or what its aliases expand to, is larger than the limit."""

    code = "too-large"


class AliasRecursive(JobFileError):
    """An alias refers to a node that holds the alias itself."""

    code = "recursive-alias"


class MergeKey(JobFileError):
    """The YAML 1.1 merge key `<<` is not part of YAML 1.2."""

    code = "merge-key"
    default_hint = "put shared keys under `defaults:`"


class TagRefused(JobFileError):
    """A YAML tag asks for a type or an object; job files are plain data."""

    code = "yaml-tag"
    default_hint = "remove the tag"


class SeveralDocuments(JobFileError):
    """The file holds more than one YAML document."""

    code = "several-documents"
    default_hint = "split the file at `---`"


class EmptyFile(JobFileError):
    """The file holds no job language at all, or no item."""

    code = "empty-file"
    default_hint = "start with `comfyjob: 1` and an `items:` mapping"


class LanguageVersion(JobFileError):
    """`comfyjob:` names a version of the language that this plugin does not know."""

    code = "language-version"
    default_hint = "write `comfyjob: 1`, or upgrade pytest-comfygen"


class UnknownKey(JobFileError):
    """A key that the language does not have."""

    code = "unknown-key"


class NotYet(JobFileError):
    """A key that the language has and this version of the plugin does not act on yet."""

    code = "not-yet"
    default_hint = "remove the key, or upgrade pytest-comfygen"


class MissingKey(JobFileError):
    """A required key is absent."""

    code = "missing-key"


class WrongType(JobFileError):
    """A value is of another type than its key wants."""

    code = "wrong-type"


class OutOfRange(JobFileError):
    """A number, size or choice lies outside what its key allows."""

    code = "out-of-range"


class KeyConflict(JobFileError):
    """Two keys of one item exclude each other."""

    code = "conflicting-keys"


class PromptMissing(JobFileError):
    """An item that needs a prompt has none."""

    code = "no-prompt"
    default_hint = "give the item a `prompt:`, or put one under `defaults:`"


class PromptCut(JobFileError):
    """YAML took the end of a prompt for a comment because of ` #`."""

    code = "prompt-cut"
    default_hint = "put the prompt in quotes"


class UnknownVariable(JobFileError):
    """A text uses `${name}` and nothing defines the name."""

    code = "unknown-variable"


class BadTemplate(JobFileError):
    """A `$` that starts neither `${name}` nor `$$`."""

    code = "bad-template"
    default_hint = "write `$$` for a dollar sign"


class BadName(JobFileError):
    """An item's name cannot be a test id and a file name everywhere."""

    code = "bad-name"
    default_hint = "use letters, digits and _ - . @ + ="


class BadPath(JobFileError):
    """A path that is absolute, climbs out, or cannot exist on every system."""

    code = "bad-path"


class OutsideRepository(JobFileError):
    """A path leads outside the repository, by itself or through a link."""

    code = "outside-repository"


class OutputCollision(JobFileError):
    """Two items would write the same file."""

    code = "output-collision"
    default_hint = "give one of them another `name` or `output.file`"


class UnknownFormat(JobFileError):
    """An output file's suffix names no image format that can be written."""

    code = "unknown-format"
    default_hint = "end the file name in .png, .webp or .jpg"


class UnknownRole(JobFileError):
    """`checkpoint:` names neither a role of `models:` nor a model file."""

    code = "unknown-role"


class WorkflowMissing(JobFileError):
    """The workflow file of an item does not exist."""

    code = "workflow-missing"


class WorkflowInvalid(JobFileError):
    """A file is not a ComfyUI workflow in API format."""

    code = "workflow-invalid"


class SetTarget(JobFileError):
    """A key of `set:` matches no input of the workflow, or more than one node."""

    code = "set-target"


class NotLoopback(JobFileError):
    """A job file may only name servers on this machine."""

    code = "not-loopback"
    default_hint = "give other hosts by --comfy-url, COMFYGEN_URL or the ini option comfy_url"


class SecretFound(JobFileError):
    """A value looks like an access token; tokens belong into the environment."""

    code = "secret"
    default_hint = "remove the token from the file, revoke it, and set HF_TOKEN or CIVITAI_API_TOKEN instead"


# --- machine: an item's setup ends, with no verdict on its picture --------------------------------------------------


class MachineError(ComfygenError):
    """Something this run needs on this machine is not there or does not work."""

    code = "machine"


class InstallMissing(MachineError):
    """There is no ComfyUI where one is expected."""

    code = "no-install"


class NoServer(MachineError):
    """No ComfyUI server answers and none may be started."""

    code = "no-server"
    wants_server = True


class ServerUnreachable(MachineError):
    """The server refuses or resets connections."""

    code = "server-unreachable"
    wants_server = True


class NotComfyUI(MachineError):
    """Something else than ComfyUI answers at the address."""

    code = "not-comfyui"
    wants_server = True


class ServerTooSlow(MachineError):
    """A request was not answered in full before its deadline."""

    code = "server-too-slow"
    wants_server = True


class ServerFailed(MachineError):
    """The server answers with an error of its own (HTTP 5xx or 4xx out of the protocol)."""

    code = "server-failed"


class BadResponse(MachineError):
    """The server's answer is not of the documented shape."""

    code = "bad-response"


class ServerStartFailed(MachineError):
    """A server that we start did not come up; the end of its log is in the message."""

    code = "server-start-failed"
    wants_server = True


class SketchMissing(MachineError):
    """The stand-in's packages are not installed."""

    code = "sketch-missing"
    default_hint = "pip install 'pytest-comfygen[sketch]'"


# --- jobs and pictures: the item fails ------------------------------------------------------------------------------


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


class TransferIncomplete(JobError):
    """The picture could not be fetched whole."""

    code = "transfer-incomplete"


class PictureRefused(JobError):
    """The picture failed its checks; the old file stays and the new one is kept aside."""

    code = "picture-refused"


# --- assets: what stands in the repository is not what the job says -------------------------------------------------


class AssetError(ComfygenError):
    """The image in the repository is not what its job says."""

    code = "asset"


class ImageMissing(AssetError):
    """The image was never made, or is gone."""

    code = "missing"


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


class DestinationChanged(AssetError):
    """The output is not what it was when its new picture was planned."""

    code = "destination-changed"


class OwnedByAnother(AssetError):
    """Another job's record owns the output."""

    code = "owned-by-another"


class WriteFailed(AssetError):
    """The image or its record could not be written; nothing was lost."""

    code = "write-failed"
