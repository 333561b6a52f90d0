"""The request to Web Fetch, Apify's Standby Actor that fetches one page, and its answer. No I/O.

Web Fetch has its own address, beside the API, takes the same token, and is described on its page in Apify Store:
https://apify.com/apify/web-fetch.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, get_args
from urllib.parse import urlsplit

from airflow_provider_apify._api.answers import Response, read_json
from airflow_provider_apify._api.request import Request
from airflow_provider_apify.models.web_fetch import PageFormat

# Web Fetch gives a page 2 minutes, and may have to be woken up first.
_ANSWER_SECONDS = 180.0


def fetch_page(url: str, formats: Collection[PageFormat] | None, headers: Mapping[str, str] | None) -> Request:
    """``POST`` to the root of Web Fetch's address. Sent twice, the page is fetched, and paid for, twice.

    :raises ValueError: the URL is not http or https, or there is no such format.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"url must be an http or https URL, not one that begins with {url[:20]!r}.")
    unknown = sorted(set(formats or ()) - set(get_args(PageFormat)))
    if isinstance(formats, str) or unknown:
        raise ValueError(f"formats must be a list of some of {', '.join(get_args(PageFormat))}, not {formats!r}.")
    body = {"url": url, "formats": formats and list(formats), "headers": headers and dict(headers)}
    given = {name: value for name, value in body.items() if value}
    # Without its parameters: they may hold a secret.
    label = f"Web Fetch of {parts.scheme}://{parts.hostname}{parts.path}"
    return Request(
        "POST",
        "/",
        body=json.dumps(given).encode(),
        retry_safe=False,
        timeout=_ANSWER_SECONDS,
        is_long=True,
        label=label,
        address_setting="web_fetch_url in the connection's extra",
    )


def page_of(response: Response) -> dict[str, Any] | None:
    """Return the answer's object; ``None`` where something that is not Web Fetch wrote the body."""
    try:
        page = read_json(response.body)
    except ValueError:
        return None
    return page if isinstance(page, dict) and "url" in page else None
