"""Which address a model's URL means, and where a redirect may lead."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from urllib.parse import urljoin, urlsplit

from pytest_comfygen.engine.client.address import is_loopback, plain_target
from pytest_comfygen.engine.download.access import HUB, Access, origin_of
from pytest_comfygen.errors import AddressRefused

__all__ = ["Resolve", "file_address", "host_of", "is_of_hub", "next_hop", "repository_page", "resolve", "start_address"]

# Host name to the addresses that it stands for.
Resolve = Callable[[str], Iterable[str]]

_OUTSIDE = "is it a link that leads into your own network? Then write that address as the model's url"

# Source: huggingface_hub file_download.py, HUGGINGFACE_CO_URL_TEMPLATE; `blob` is the page about a file, `raw` its
# pointer where Git LFS has it.
_HUB_FILE = re.compile(r"/(?P<repository>(?:datasets/|spaces/)?[^/]+(?:/[^/]+)?)/(?:resolve|blob|raw)/(?P<file>.+)")


def start_address(url: str, access: Access) -> str:
    """The file that a model's URL means, at the mirror when there is one.

    :raises AddressRefused: the URL is unencrypted, or of another kind than https.
    """
    try:
        parts, _ = urlsplit(url), origin_of(url)  # a bad port shows only then
    except ValueError:
        raise AddressRefused("the model's url is no address", hint="give an https:// address") from None
    is_here = is_loopback(parts.hostname or "")
    if "@" in parts.netloc or parts.scheme not in ({"http", "https"} if is_here else {"https"}):
        raise AddressRefused(f"{plain_target(url)} is no address to download from", hint="give an https:// address")
    return file_address(url, access) if is_of_hub(url, access) else url


def file_address(url: str, access: Access) -> str:
    """The file that an address of Hugging Face is about, where `blob` and `raw` are about it only."""
    origin = next(each for each in (access.hub, HUB) if url.startswith(f"{each}/"))
    path = url.removeprefix(origin)
    found = _HUB_FILE.match(path)
    return access.hub + (f"/{found['repository']}/resolve/{found['file']}" if found else path)


def is_of_hub(url: str, access: Access) -> bool:
    """Whether `url` is one of Hugging Face or its mirror."""
    return url.startswith((f"{access.hub}/", f"{HUB}/"))


def repository_page(url: str, access: Access) -> str | None:
    """The page where people read and accept the licence of a model on Hugging Face."""
    found = _HUB_FILE.match(url.removeprefix(access.hub).removeprefix(HUB)) if is_of_hub(url, access) else None
    return f"{HUB}/{found['repository']}" if found else None


def host_of(url: str) -> str:
    """The host as people know it."""
    return urlsplit(url).hostname or "the host"


def resolve(host: str) -> list[str]:
    """The addresses of a host by its name; none when nobody knows it, which the connection will tell."""
    try:
        return [str(entry[4][0]) for entry in socket.getaddrinfo(host, None)]
    except (OSError, UnicodeError):
        return []


def next_hop(current: str, location: str, start: str, resolve: Resolve) -> str:
    """Where a redirect leads, if it may.

    A stranger's server must not make us fetch from this machine or its network; the address that the user wrote may.

    :param start: the address that the download began at.
    :param resolve: gives no address where a proxy will look the name up.
    :raises AddressRefused: it may not.
    """
    try:
        target = urljoin(current, location)
        parts, origin = urlsplit(target), origin_of(target)
    except ValueError:
        raise AddressRefused(f"{host_of(start)} redirects to an address that is none") from None
    host = parts.hostname or ""
    is_home = is_loopback(urlsplit(start).hostname or "")
    is_plain = parts.scheme == "http" and is_home and is_loopback(host)
    if not host or "@" in parts.netloc or not (parts.scheme == "https" or is_plain):
        raise AddressRefused(f"{host_of(start)} redirects to {plain_target(target)}, which is no https address")
    if not is_home and origin != origin_of(start) and _is_inside(host, resolve):
        message = f"{host_of(start)} redirects to {plain_target(target)}, which is not on the internet"
        raise AddressRefused(message, hint=_OUTSIDE)
    return target


def _is_inside(host: str, resolve: Resolve) -> bool:
    """Whether a host is this machine or in a private network, by its address or by its name."""
    try:
        addresses = [ipaddress.ip_address(host)]
    except ValueError:
        if is_loopback(host):
            return True
        addresses = [ipaddress.ip_address(each.partition("%")[0]) for each in resolve(host)]
    return any(not (getattr(address, "ipv4_mapped", None) or address).is_global for address in addresses)
