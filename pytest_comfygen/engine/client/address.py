"""Addresses of servers: one spelling for each, and nothing secret in any that is shown."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

from pytest_comfygen.errors import SettingsError

__all__ = ["is_loopback", "normal_url", "origin_of", "plain_target"]

LIKE_THIS = "write it like http://127.0.0.1:8188"


def normal_url(url: str) -> str:
    """A server's address: http or https, a host, perhaps a port and a path; no slash at the end.

    :raises SettingsError: for anything else; credentials in it are not repeated.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port  # looked at, because a bad one shows only then
    except ValueError:
        raise SettingsError("the server's address is not a URL", hint=LIKE_THIS) from None
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        message = "the server's address holds more than http://host:port/path"
        raise SettingsError(message, hint="put credentials into COMFYGEN_AUTH")
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise SettingsError(f"{url!r} is not a server's address", hint=LIKE_THIS)
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def origin_of(url: str) -> str:
    """Scheme, host and port of a server's address, as credentials are bound to.

    :raises SettingsError: as `normal_url`.
    """
    parts = urlsplit(normal_url(url))
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{parts.hostname}:{port}"


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine, which no proxy may stand before; `0.0.0.0` leads here too."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def plain_target(location: str) -> str:
    """Where a redirect leads, without credentials and query."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return "an address that is none"
    plain = SplitResult(parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "").geturl()
    return plain if plain.isprintable() and plain else "nowhere"
