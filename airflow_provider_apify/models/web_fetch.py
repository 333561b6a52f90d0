"""What Web Fetch, Apify's Actor that fetches one page, says of a page. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_apify.models._fields import read_time

if TYPE_CHECKING:
    import pendulum

PageFormat = Literal["markdown", "html", "text", "links", "raw"]


@dataclass(frozen=True)
class FetchedPage:
    """A page as it was fetched. A format that was not asked for, or does not apply to the page, is ``None``.

    See https://apify.com/apify/web-fetch.

    :param url: that was asked for.
    :param loaded_url: where redirects led.
    :param http_status: the site's own; a page that says 404 is no error here.
    :param markdown: of the main article where the page reads as one, else of the page without its boilerplate; ``html``
        and ``text`` likewise.
    :param links: absolute URLs on the page, each once, in their order.
    :param body: what the site has sent (format ``"raw"``): text as it is, anything else in base64.
    :param metadata: by Web Fetch's names: title, description, author, languageCode, openGraph, jsonLd, headers, ...
    :param raw: the whole answer.
    """

    url: str
    loaded_url: str | None
    loaded_at: pendulum.DateTime | None
    http_status: int | None
    content_type: str | None
    title: str | None
    markdown: str | None = field(repr=False)
    html: str | None = field(repr=False)
    text: str | None = field(repr=False)
    links: list[str] | None = field(repr=False)
    body: str | None = field(repr=False)
    metadata: Mapping[str, Any] = field(repr=False, compare=False)
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> FetchedPage:
        """Read the answer of Web Fetch."""
        fetch, metadata = data.get("fetch") or {}, data.get("metadata") or {}
        return cls(
            url=data["url"],
            loaded_url=fetch.get("loadedUrl"),
            loaded_at=read_time(fetch.get("loadedTime")),
            http_status=fetch.get("httpStatusCode"),
            content_type=fetch.get("contentType"),
            title=metadata.get("title"),
            markdown=data.get("markdown"),
            html=data.get("html"),
            text=data.get("text"),
            links=data.get("links"),
            body=data.get("raw"),
            metadata=metadata,
            raw=data,
        )
