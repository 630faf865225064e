"""What the environment says about downloads: tokens, each for its own hosts, proxies, certificates, a mirror.

A token is kept from everything that is shown: it is a `Hidden`, whose repr says nothing, in an object that shows only
what may be known. It is handed to requests as the header of one host and of no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from requests import PreparedRequest
from requests.auth import AuthBase

from pytest_comfygen.engine.client.address import is_loopback
from pytest_comfygen.errors import SettingsError

__all__ = ["HUB", "Access", "Hidden", "origin_of"]

HUB = "https://huggingface.co"
_CIVITAI = ("https://civitai.com", "https://civitai.red")

# Source: huggingface_hub constants.py: HF_TOKEN and the older name it still reads.
_HUB_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_CIVITAI_TOKENS = ("CIVITAI_API_TOKEN",)
_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
_TRUE = frozenset({"1", "on", "yes", "true"})
_WINDOW = 8


class Hidden(str):
    """A text that no traceback, log or assertion shows."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class _Authorization(AuthBase):
    """A token as the header of one request; requests asks for it when all else is prepared."""

    def __init__(self, token: Hidden) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = Hidden(f"Bearer {self._token}")
        return request


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How this machine reaches the hosts that have models.

    :param hub: Hugging Face, or the mirror in its place; no slash at the end.
    :param certificates: a file of trusted certificates, True for those that requests brings.
    :param no_proxy: hosts that no proxy stands before, as `NO_PROXY` writes them.
    :param tokens: origin, such as `https://huggingface.co`, to token.
    :param proxies: scheme to the proxy's address, which may hold a password.
    """

    hub: str
    is_offline: bool
    certificates: str | bool
    no_proxy: str
    tokens: Mapping[str, Hidden] = field(repr=False)
    proxies: Mapping[str, Hidden] = field(repr=False)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """What `environment` says.

        :raises SettingsError: a token, address or file in it that cannot be used; a token is not repeated.
        """
        hub = _hub(environment)
        tokens = {
            **_for_each((HUB, origin_of(hub)), _token(environment, _HUB_TOKENS)),
            **_for_each(_CIVITAI, _token(environment, _CIVITAI_TOKENS)),
        }
        return cls(
            hub=hub,
            is_offline=environment.get("HF_HUB_OFFLINE", "").lower() in _TRUE,
            certificates=_certificates(environment),
            no_proxy=_first(environment, ("no_proxy", "NO_PROXY")),
            tokens=tokens,
            proxies={scheme: Hidden(proxy) for scheme in ("http", "https") if (proxy := _proxy(environment, scheme))},
        )

    def has_token_for(self, url: str) -> bool:
        """Whether a request to `url` would carry a token."""
        return origin_of(url) in self.tokens

    def authorization_for(self, url: str) -> AuthBase | None:
        """What proves who we are to the host of `url`: its own token over https, and nothing to any other."""
        token = self.tokens.get(origin_of(url))
        return _Authorization(token) if token else None

    def proxies_for(self, url: str) -> dict[str, str]:
        """The proxy before the host of `url`, as requests wants it; none before this machine."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        proxy = self.proxies.get(parts.scheme)
        if proxy is None or is_loopback(host) or _is_excepted(host, self.no_proxy):
            return {}
        return {parts.scheme: proxy}

    def censored(self, text: str) -> str:
        """`text`, unless it holds a part of a token: hosts may repeat what they were sent."""
        is_told = any(
            token[start : start + _WINDOW] in text
            for token in self.tokens.values()
            for start in range(max(len(token) - _WINDOW, 0) + 1)
        )
        return "(words that repeat the token)" if is_told else text


def origin_of(url: str) -> str:
    """Scheme, host and, unless it is the usual one, port."""
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + ("" if parts.port in (None, usual) else f":{parts.port}")


def _hub(environment: Mapping[str, str]) -> str:
    written = environment.get("HF_ENDPOINT", "").strip().rstrip("/") or HUB
    hint = "HF_ENDPOINT is the address of a mirror of Hugging Face, such as https://hub.example.org"
    try:
        parts = urlsplit(written)
        is_fit = bool(parts.hostname) and "@" not in parts.netloc and not (parts.query or parts.fragment)
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
        origin_of(written)  # a bad port shows only then
    except ValueError:
        is_fit = is_safe = False
    if not (is_fit and is_safe):
        raise SettingsError("the environment's HF_ENDPOINT is no https address", hint=hint)
    return written


def _certificates(environment: Mapping[str, str]) -> str | bool:
    written = _first(environment, _CERTIFICATES)
    if written and not Path(written).exists():
        hint = f"look at {', '.join(_CERTIFICATES)}"
        raise SettingsError(f"{written}, the file of trusted certificates, does not exist", hint=hint)
    return written or True


def _token(environment: Mapping[str, str], names: tuple[str, ...]) -> Hidden:
    token = Hidden(_first(environment, names).strip())
    if not (token.isascii() and token.isprintable()) or " " in token:
        message = f"the environment's {names[0]} holds characters that no token has"
        raise SettingsError(message, hint="is there a line break or a quote in it?")
    return token


def _for_each(origins: tuple[str, ...], token: Hidden) -> dict[str, Hidden]:
    """The token for those origins that can be trusted to be who they say."""
    return {origin: token for origin in origins if token and origin.startswith("https://")}


def _proxy(environment: Mapping[str, str], scheme: str) -> str:
    names = (f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY")
    return _first(environment, names)


def _is_excepted(host: str, no_proxy: str) -> bool:
    """Whether `NO_PROXY` names the host, or a domain that it belongs to."""
    names = {name.strip().lstrip(".").lower() for name in no_proxy.split(",")} - {""}
    return "*" in names or any(host == name or host.endswith(f".{name}") for name in names)


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((value for name in names if (value := environment.get(name))), "")
