"""Job files that cannot be used: such a file is not collected, the others are."""

from __future__ import annotations

from pytest_comfygen.errors.place import ComfygenError

__all__ = [
    "AliasRecursive",
    "BadName",
    "BadPath",
    "BadTemplate",
    "DuplicateKey",
    "DuplicateName",
    "EmptyFile",
    "FileMissing",
    "FileUnreadable",
    "IncludeCycle",
    "IndexForeign",
    "ItemCycle",
    "JobFileError",
    "KeyConflict",
    "LanguageVersion",
    "MergeKey",
    "MissingKey",
    "NotLoopback",
    "NotUtf8",
    "NotYet",
    "OutOfRange",
    "OutputCollision",
    "OutputNode",
    "OutsideRepository",
    "PromptCut",
    "PromptMissing",
    "SecretFound",
    "SetTarget",
    "SeveralDocuments",
    "SourceInvalid",
    "SourceUnasked",
    "SyntaxInvalid",
    "TabFound",
    "TagRefused",
    "TooDeep",
    "TooLarge",
    "UnknownFormat",
    "UnknownItem",
    "UnknownKey",
    "UnknownRole",
    "UnknownSource",
    "UnknownVariable",
    "WorkflowInvalid",
    "WorkflowMissing",
    "WrongType",
]


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
    default_hint = "rename one of the items, or give one file another `output`"


class IndexForeign(JobFileError):
    """Something else than an index of images stands where a job file wants its own."""

    code = "index-foreign"
    default_hint = "move it away, or give `output.index` another name"


class UnknownFormat(JobFileError):
    """An output file's suffix names no format that can be written, or none that the item can have."""

    code = "unknown-format"
    default_hint = "end the file name in .png, .webp or .jpg"


class UnknownRole(JobFileError):
    """`checkpoint:` names neither a role of `models:` nor a model file."""

    code = "unknown-role"


class WorkflowMissing(JobFileError):
    """The workflow file of an item does not exist."""

    code = "workflow-missing"


class WorkflowInvalid(JobFileError):
    """A file is not a ComfyUI workflow, and no picture that holds one."""

    code = "workflow-invalid"


class SetTarget(JobFileError):
    """A key of `set:` matches no input of the workflow, or more than one node."""

    code = "set-target"


class OutputNode(JobFileError):
    """`output_node:` names no node of the workflow, or more than one."""

    code = "output-node"


class NotLoopback(JobFileError):
    """A job file may only name servers on this machine."""

    code = "not-loopback"
    default_hint = "give other hosts by --comfy-url, COMFYGEN_URL or the ini option comfy_url"


class SecretFound(JobFileError):
    """A value looks like an access token; tokens belong into the environment."""

    code = "secret"
    default_hint = "remove the token from the file, revoke it, and set HF_TOKEN or CIVITAI_API_TOKEN instead"


class UnknownItem(JobFileError):
    """A picture is to be made from an item that the job file does not have."""

    code = "unknown-item"


class ItemCycle(JobFileError):
    """An item is made from itself, directly or by way of others."""

    code = "item-cycle"
    default_hint = "begin with an item, or a picture in the repository, that needs none of the others"


class DuplicateName(JobFileError):
    """Two items have one name."""

    code = "duplicate-name"
    default_hint = "rename one of them: a name is the test's id"


class FileMissing(JobFileError):
    """A file or folder that the job file names does not exist."""

    code = "file-missing"


class IncludeCycle(JobFileError):
    """Files of defaults include each other in a circle."""

    code = "include-cycle"
    default_hint = "remove one of the includes"


class SourceInvalid(JobFileError):
    """A source's rows cannot be used as they stand."""

    code = "source-invalid"


class UnknownSource(JobFileError):
    """No `conftest.py` and no plugin has rows for the source of that name."""

    code = "unknown-source"


class SourceUnasked(JobFileError):
    """Rows come from a `conftest.py` or plugin, and whoever reads the file here does not ask those."""

    code = "source-unasked"
