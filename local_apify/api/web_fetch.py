"""Web Fetch, Apify's Standby Actor that fetches one page: beside the API, with answers and errors of its own shape.

What is known of it are its page in Apify Store (https://apify.com/apify/web-fetch) and what Apify's own integrations
expect of it. That a wrong request is ``INVALID_INPUT`` is a guess. Its Markdown is a title and paragraphs, and its HTML
is the site's own.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from local_apify.actors.html_page import Page
from local_apify.api.bodies import JsonResponse
from local_apify.api.call import Call
from local_apify.api.endpoint import Endpoint
from local_apify.world.clock import iso, now

if TYPE_CHECKING:
    from starlette.responses import Response

WEB_FETCH = "/web-fetch"
"""Its path at the local Apify; Apify's own has a host for itself, and is asked for ``/``."""


@dataclass(frozen=True)
class _Loaded:
    """What a site has answered."""

    url: str
    status: int
    content_type: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_html(self) -> bool:
        return "html" in self.content_type

    @property
    def is_text(self) -> bool:
        return self.content_type.startswith("text/") or "json" in self.content_type or "xml" in self.content_type

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def page(self) -> Page:
        return Page(self.url, self.text)


def _markdown(loaded: _Loaded) -> str | None:
    if loaded.is_html:
        return "\n\n".join([f"# {loaded.page.title}", *loaded.page.texts])
    return loaded.text if loaded.is_text else None


def _text(loaded: _Loaded) -> str | None:
    return "\n".join(loaded.page.texts) if loaded.is_html else loaded.text if loaded.is_text else None


_FORMATS: Mapping[str, Callable[[_Loaded], Any]] = {
    "markdown": _markdown,
    "html": lambda loaded: loaded.text if loaded.is_html else None,
    "text": _text,
    "links": lambda loaded: list(loaded.page.links) if loaded.is_html else None,
    "raw": lambda loaded: loaded.text if loaded.is_text else base64.b64encode(loaded.body).decode(),
}


async def fetch_page(call: Call) -> Response:
    """Fetch a page."""
    wanted = await call.body.json_object()
    url, formats = wanted.get("url", str) or "", wanted.get("formats", list)
    headers = wanted.get("headers", dict) or {}
    if not _is_valid(url, formats or (), headers):
        return _invalid()
    try:
        loaded = await _load(url, headers)
    except ValueError:  # the url has a host or a port that cannot be, or a header has line breaks
        return _invalid()
    except TimeoutError:
        return _error(504, "FETCH_TIMEOUT", "The target website timed out.")
    except aiohttp.ClientError:
        return _error(502, "UPSTREAM_FETCH_ERROR", "The target URL could not be reached.")
    chosen = formats or (["markdown"] if loaded.is_text else ["raw"])
    contents = {name: _FORMATS[name](loaded) for name in chosen}
    if all(content is None for content in contents.values()):
        words = f"Cannot convert content type {loaded.content_type} to any of the requested formats."
        return _error(415, "UNSUPPORTED_CONTENT_TYPE", words)
    return JsonResponse({"url": url, "fetch": _fetch(loaded), "metadata": _metadata(loaded), **contents})


def _is_valid(url: str, formats: Iterable[Any], headers: Mapping[str, Any]) -> bool:
    is_web = url.lower().startswith(("http://", "https://"))
    return (
        is_web
        and all(each in tuple(_FORMATS) for each in formats)
        and all(isinstance(each, str) for each in headers.values())
    )


async def _load(url: str, headers: Mapping[str, str]) -> _Loaded:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        received = {name.lower(): value for name, value in answer.headers.items()}
        return _Loaded(str(answer.url), answer.status, answer.content_type, received, await answer.read())


def _fetch(loaded: _Loaded) -> dict[str, Any]:
    return {
        "loadedUrl": loaded.url,
        "loadedTime": iso(now()),
        "httpStatusCode": loaded.status,
        "contentLengthBytes": len(loaded.body),
        "contentType": loaded.headers.get("content-type"),
    }


def _metadata(loaded: _Loaded) -> dict[str, Any]:
    page = loaded.page if loaded.is_html else None
    return {
        "canonicalUrl": loaded.url,
        "title": page and page.title,
        "description": page and page.description,
        "author": None,
        "keywords": None,
        "languageCode": page and page.language,
        "openGraph": [],
        "jsonLd": None,
        "headers": dict(loaded.headers),
    }


def _invalid() -> Response:
    return _error(400, "INVALID_INPUT", "The input must have an http or https url, and formats that exist.")


def _error(status: int, code: str, words: str) -> Response:
    return JsonResponse({"code": code, "error": words}, status)


ENDPOINT = Endpoint("POST", f"{WEB_FETCH}/", fetch_page)
