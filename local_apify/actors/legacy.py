"""An Actor with the input and the items of the old Apify Crawler, as ``apify/legacy-phantomjs-crawler`` has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urldefrag

import aiohttp

from local_apify.actors.html_page import Page
from local_apify.world.clock import iso, now, stable_id
from local_apify.world.context import ActorContext, actor

_NO_LIMIT = 999_999_999


def _text(title: str, description: str) -> dict[str, Any]:
    return {"title": title, "type": "string", "description": description}


def _limit(title: str) -> dict[str, Any]:
    return {"title": title, "type": "integer", "description": "0 for no limit.", "minimum": 0}


def _sources(title: str, description: str) -> dict[str, Any]:
    texts = {"key": _text("Label", "A name for what comes of it."), "value": _text("Value", "What is meant.")}
    items = {"type": "object", "properties": texts, "required": ["value"]}
    return {"title": title, "type": "array", "description": description, "editor": "json", "items": items}


_SCHEMA: Mapping[str, Any] = {
    "title": "Legacy PhantomJS Crawler",
    "type": "object",
    "schemaVersion": 1,
    "properties": {
        "startUrls": _sources("Start URLs", "Where the crawl begins: URLs as value, labels as key."),
        "crawlPurls": _sources("Pseudo-URLs", "Which links are followed: pseudo-URLs as value, labels as key."),
        "clickableElementsSelector": {
            "title": "Clickable elements",
            "type": "string",
            "description": "Links are followed if there is one.",
            "editor": "textfield",
        },
        "maxCrawledPages": _limit("Max crawled pages"),
        "maxOutputPages": _limit("Max result records"),
        "maxCrawlDepth": _limit("Max crawling depth"),
    },
    "required": ["startUrls"],
}


@dataclass
class _Request:
    """A page on its way through the queue: what the old crawler called a Request object."""

    url: str
    type: str
    label: str | None
    depth: int = 0
    referrer_id: str | None = None
    requested_at: str = field(default_factory=lambda: iso(now()))

    @property
    def id(self) -> str:
        """The same for the same page in every crawl."""
        return stable_id(f"request {self.url}")

    def item(self, **outcome: Any) -> dict[str, Any]:
        """Return what is stored of it."""
        return {
            "id": self.id,
            "url": self.url,
            "loadedUrl": None,
            "requestedAt": self.requested_at,
            "responseStatus": None,
            "uniqueKey": self.url,
            "type": self.type,
            "method": "GET",
            "willLoad": True,
            "label": self.label,
            "referrerId": self.referrer_id,
            "depth": self.depth,
            "errorInfo": None,
            "pageFunctionResult": None,
            **outcome,
        }


class _Crawl:
    """A crawl, breadth first: the start URLs, then the links that a pseudo-URL matches."""

    def __init__(self, context: ActorContext) -> None:
        plan = context.input
        self._context, self._custom_data = context, plan.get("customData")
        self._purls = [(purl.get("key"), pattern_of(purl["value"])) for purl in plan.get("crawlPurls") or ()]
        self._follows_links = bool(plan.get("clickableElementsSelector"))
        self._max_pages = plan.get("maxCrawledPages") or _NO_LIMIT
        self._max_results = plan.get("maxOutputPages") or _NO_LIMIT
        self._max_depth = plan.get("maxCrawlDepth") or _NO_LIMIT
        self._queue = [_Request(start["value"], "StartUrl", start.get("key") or None) for start in plan["startUrls"]]
        self._seen = {request.url for request in self._queue}

    async def run(self) -> None:
        """Crawl until nothing is left, or a limit is reached, or the run is being aborted."""
        async with aiohttp.ClientSession() as session:
            for crawled, request in enumerate(self._queue):  # grows while pages are found
                room = min(self._max_pages - crawled, self._max_results - self._context.item_count)
                if room <= 0 or self._context.is_aborting:
                    break
                await self._context.push_data(await self._visit(session, request))
                await self._context.set_status_message(f"Pages crawled: {crawled + 1}")

    async def _visit(self, session: aiohttp.ClientSession, request: _Request) -> dict[str, Any]:
        try:
            async with session.get(request.url) as answer:
                answer.raise_for_status()
                page, status = Page(str(answer.url), await answer.text()), answer.status
                loaded_url = str(answer.url)
        except (aiohttp.ClientError, TimeoutError) as error:
            self._context.log(f"ERROR Page {request.url} could not be loaded: {error}")
            return request.item(errorInfo=f"Page could not be loaded: {error}")
        if self._follows_links and request.depth < self._max_depth:
            self._enqueue(page, request)
        result = {"title": page.title, "customData": self._custom_data}
        return request.item(loadedUrl=loaded_url, responseStatus=status, pageFunctionResult=result)

    def _enqueue(self, page: Page, referrer: _Request) -> None:
        for link in page.links:
            url = urldefrag(link).url
            matching = [key for key, pattern in self._purls if pattern.fullmatch(url)]
            if matching and url not in self._seen:
                self._seen.add(url)
                label = next(filter(None, matching), None)
                self._queue.append(_Request(url, "FoundLink", label, referrer.depth + 1, referrer.id))


def pattern_of(purl: str) -> re.Pattern[str]:
    """Read a pseudo-URL: a URL with regular expressions in brackets, such as ``https://example.com/[.*]``.

    Brackets inside of an expression belong to it, as far as they come in pairs.
    """
    expression, depth = "", 0
    for character in purl.strip():
        before = depth
        depth += (character == "[") - (character == "]" and depth > 0)
        if {before, depth} == {0, 1}:
            expression += "(" if depth else ")"
        else:
            expression += character if depth else re.escape(character)
    return re.compile(expression)


@actor(
    "apify/legacy-phantomjs-crawler",
    given_id="YPh5JENjSSR6vBf2E",
    title="Legacy PhantomJS Crawler",
    memory_mbytes=2048,
    timeout_secs=360_000,
    input_schema=_SCHEMA,
)
async def legacy_phantomjs_crawler(context: ActorContext) -> None:
    """Crawl ``startUrls`` and the links that match ``crawlPurls``; store an item of the old crawler's shape for each.

    Nothing here runs JavaScript: ``pageFunction`` is not executed, and every page has the same ``pageFunctionResult``,
    its ``title`` and the run's ``customData``. ``clickableElementsSelector`` only says whether links are followed, not
    which. ``maxCrawledPages``, ``maxOutputPages`` and ``maxCrawlDepth`` are kept; a page that cannot be loaded is not
    tried again, and becomes an item with ``errorInfo``.
    """
    await _Crawl(context).run()
