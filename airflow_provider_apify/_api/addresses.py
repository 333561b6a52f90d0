"""Addresses that cannot be used, of a server or of a proxy on the way to it: told before anything is sent.

Such an address fails every request in the same way, and each HTTP library in its own: where it is set is what helps.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from airflow_provider_apify.exceptions import ApifyAddressError

_HTTP = ("http", "https")
_SOCKS = ("socks4", "socks4a", "socks5", "socks5h")
_HOST = re.compile(r"[\w.-]+|[0-9a-fA-F:.]+(%\w+)?")


def check_address(url: str, setting: str, *, example: str) -> None:
    """Check where requests are to be sent.

    :param setting: where it is written, for the error.
    :param example: what could be written there instead.
    :raises ApifyAddressError: nothing can be sent there.
    """
    if fault := _fault(url, _HTTP):
        raise ApifyAddressError(f"{setting} cannot be used: {fault}. Write it like {example}.")


def proxy_for(url: str, *, takes_socks: bool) -> str | None:
    """Return the proxy that the environment names for an address, as ``requests`` chooses it, with its scheme.

    :param takes_socks: whether the HTTP library that is to use it can speak SOCKS.
    :raises ApifyAddressError: it cannot be used; the error names the variable, and not its value, which may hold a
        password.
    """
    from requests.utils import get_environ_proxies, select_proxy  # noqa: PLC0415 - see the docstring of ``transports``

    found = select_proxy(url, get_environ_proxies(url))
    if not found:
        return None
    proxy = found if "://" in found else f"http://{found.removeprefix('//')}"
    if fault := _socks_fault(proxy, takes_socks=takes_socks) or _fault(proxy, (*_HTTP, *_SOCKS)):
        raise ApifyAddressError(
            f"{_setting_of(found, url)} cannot be used for {urlsplit(url).hostname}: {fault}. Write it like "
            "http://proxy.example.com:3128, or name the host in NO_PROXY to do without.",
        )
    return proxy


def certificates() -> Path | None:
    """Return the file or folder of certificates that the environment names, as ``requests`` reads it, else OpenSSL.

    :raises ApifyAddressError: it is not there.
    """
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        if found := os.environ.get(name):
            if not Path(found).exists():
                raise ApifyAddressError(
                    f"{name} of the environment names {found}, where there are no certificates. Give the path of a "
                    "file of certificates that this process can read, or unset it.",
                )
            return Path(found)
    return None


def _fault(url: str, schemes: Collection[str]) -> str | None:
    """Return what is wrong with an address; ``None`` where nothing is."""
    if not url.isprintable() or " " in url:
        return "it holds a space or a line break"
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - read to be checked
        (parts.hostname or "").encode("idna")
    except ValueError:
        return "its host or port cannot be read"
    if parts.scheme not in schemes:
        return f"it does not begin with {' or '.join(f'{scheme}://' for scheme in schemes)}"
    if not _HOST.fullmatch(parts.hostname or ""):
        return "it has no host, or one that cannot be read"
    return "it has a ? or #, which begin what belongs to a single request" if {"?", "#"} & set(url) else None


def _socks_fault(proxy: str, *, takes_socks: bool) -> str | None:
    if urlsplit(proxy).scheme not in _SOCKS:
        return None
    if not takes_socks:
        return "the triggerer speaks no SOCKS"
    return None if find_spec("socks") else "SOCKS needs the package PySocks (pip install 'requests[socks]')"


def _setting_of(proxy: str, url: str) -> str:
    """Return where a proxy is named: the variable for the scheme before the one for all, lower case before upper."""
    for wanted in (f"{urlsplit(url).scheme}_proxy", "all_proxy"):
        for name in sorted(os.environ, reverse=True):
            if name.lower() == wanted and os.environ[name] == proxy:
                return f"{name} of the environment"
    return "The proxy in the system's settings"
