"""Why a host does not give a model, and what mends it.

Hugging Face answers 401 both for a model that wants a login and for one that does not exist, and tells them apart by
`X-Error-Code`. Source: huggingface_hub utils/_http.py, hf_raise_for_status.
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from types import MappingProxyType

from pytest_comfygen.engine.client.transport import first_line
from pytest_comfygen.engine.download.access import Access
from pytest_comfygen.engine.download.addresses import host_of, is_of_hub, repository_page
from pytest_comfygen.engine.download.patience import Setback
from pytest_comfygen.engine.download.wire import Reply
from pytest_comfygen.errors import (
    ComfygenError,
    DownloadFailed,
    LicenceNotAccepted,
    ModelNotFound,
    PageInsteadOfModel,
    TokenMissing,
    TokenRefused,
)
from pytest_comfygen.records import Model

__all__ = ["page_instead", "refusal"]

_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_ABSENT = MappingProxyType(
    {"RepoNotFound": "no such repository", "RevisionNotFound": "no such revision", "EntryNotFound": "no such file"}
)
_CIVITAI = frozenset({"civitai.com", "civitai.red"})


def refusal(reply: Reply, model: Model, access: Access) -> Setback:
    """What an answer means that is not the file."""
    said = _said(reply, access)
    if reply.status in _LATER or reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        error = DownloadFailed(f"{host_of(reply.url)} answers {reply.status}: {said}")
        return Setback(error, again=True, asked_s=_asked_s(reply))
    if not (reply.is_from_start or is_of_hub(reply.url, access) or host_of(reply.url) in _CIVITAI):
        # The link that the model's own host signed for its store is over: it will sign another.
        return Setback(DownloadFailed(f"{host_of(reply.url)} answers {reply.status}: {said}"), again=True)
    return Setback(_refused(reply, model, access, said))


def page_instead(reply: Reply, model: Model, access: Access) -> PageInsteadOfModel:
    """The error for a web page in place of the file."""
    host = host_of(reply.start)
    hint = "open the model's url in a browser to see what it says"
    if host in _CIVITAI:
        login = "" if access.has_token_for(reply.start) else f"set CIVITAI_API_TOKEN to an API key of {host}, and "
        hint = f"{login}use the address of the download button: https://{host}/api/download/models/…"
    return PageInsteadOfModel(f"{host} sends a web page instead of {model.name}", hint=hint)


def _refused(reply: Reply, model: Model, access: Access, said: str) -> ComfygenError:
    """What the model's own host refuses for good."""
    code = reply.headers.get("X-Error-Code", "")
    has_token = access.has_token_for(reply.url)
    if reply.status in _GONE or (code in _ABSENT and not has_token):
        return _not_found(reply, model, access, code)
    if reply.status == HTTPStatus.FORBIDDEN and code == "GatedRepo" and has_token:
        return _licence(reply, model, access, said)
    if reply.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return _token_refused(reply, model, access, said) if has_token else _token_missing(reply, model, access, said)
    return DownloadFailed(f"{host_of(reply.url)} answers {reply.status}: {said}", hint="is the model's url right?")


def _not_found(reply: Reply, model: Model, access: Access, code: str) -> ModelNotFound:
    what = _ABSENT.get(code, "no such file")
    hint = "is the model's url right?"
    if is_of_hub(reply.url, access) and not access.has_token_for(reply.url):
        hint += " If the repository is private, set HF_TOKEN"
    return ModelNotFound(f"{host_of(reply.url)} does not have {model.name}: {what}", hint=hint)


def _token_missing(reply: Reply, model: Model, access: Access, said: str) -> TokenMissing:
    host, page = host_of(reply.url), repository_page(reply.start, access)
    hint = f"download it by hand into {model.folder}/: there is no setting for a login at {host}"
    if page or is_of_hub(reply.url, access):
        hint = f"accept the licence at {model.license or page or host}, and set HF_TOKEN to a token of yours"
    elif host in _CIVITAI:
        hint = f"set CIVITAI_API_TOKEN to an API key of your account at {host}"
    return TokenMissing(f"{host} gives {model.name} only to those who log in", details=(said,), hint=hint)


def _token_refused(reply: Reply, model: Model, access: Access, said: str) -> TokenRefused:
    name = "HF_TOKEN" if is_of_hub(reply.url, access) else "CIVITAI_API_TOKEN"
    message = f"{host_of(reply.url)} does not give {model.name} to the token in {name}"
    hint = f"is it complete, not revoked, and may it read this model? Set {name} to another, or unset it"
    return TokenRefused(message, details=(said,), hint=hint)


def _licence(reply: Reply, model: Model, access: Access, said: str) -> LicenceNotAccepted:
    page = repository_page(reply.start, access) or model.license or host_of(reply.start)
    message = f"the licence of {model.name} is not accepted by the account of HF_TOKEN"
    hint = f"log in and accept it at {page}, then run the same command again"
    return LicenceNotAccepted(message, details=(said,), hint=hint)


def _said(reply: Reply, access: Access) -> str:
    """What the host says about it, one line, for a message."""
    text = reply.headers.get("X-Error-Message") or _words(reply.beginning()) or reply.response.reason or ""
    return access.censored(first_line(text.encode(), 200)) or "no reason given"


def _words(body: bytes) -> str:
    """The message in a JSON document or the first line of a text or page."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    match document:
        case {"message": str(text)} | {"error": str(text)}:
            return text
    return first_line(body)


def _asked_s(reply: Reply) -> float:
    """How long the host asks to wait; the other form of `Retry-After`, a date, is not heeded."""
    value = reply.headers.get("Retry-After", "").strip()
    return float(value) if re.fullmatch(r"[0-9]{1,9}", value) else 0.0
