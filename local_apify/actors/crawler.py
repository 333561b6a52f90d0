"""An Actor that crawls web sites, with the input and the items of Website Content Crawler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from local_apify.actors.html_page import Page
from local_apify.world.context import ActorContext, actor

_DEFAULT_DEPTH = 20
_DEFAULT_PAGES = 10_000
_URL: Mapping[str, Any] = {"title": "URL", "type": "string", "description": "The address of a page."}
_SCHEMA: Mapping[str, Any] = {
    "title": "Website Content Crawler",
    "type": "object",
    "schemaVersion": 1,
    "properties": {
        "startUrls": {
            "title": "Start URLs",
            "type": "array",
            "description": "Where the crawl begins; it stays on the hosts of these pages.",
            "editor": "requestListSources",
            "items": {"type": "object", "properties": {"url": _URL}, "required": ["url"]},
        },
        "maxCrawlDepth": {
            "title": "Max crawl depth",
            "type": "integer",
            "description": "How many links away from the start URLs pages are crawled.",
            "minimum": 0,
            "default": _DEFAULT_DEPTH,
        },
        "maxCrawlPages": {
            "title": "Max pages",
            "type": "integer",
            "description": "How many pages are crawled at most.",
            "minimum": 0,
            "default": _DEFAULT_PAGES,
        },
    },
    "required": ["startUrls"],
}


@dataclass(frozen=True)
class _Link:
    url: str
    depth: int


class _Crawl:
    """A crawl, breadth first, links in the order of the page, on the hosts of the start URLs."""

    def __init__(self, context: ActorContext) -> None:
        plan = context.input
        self._context = context
        self._max_depth = plan.get("maxCrawlDepth", _DEFAULT_DEPTH)
        self._max_pages = plan.get("maxCrawlPages", _DEFAULT_PAGES)
        self._queue = [_Link(start["url"], 0) for start in plan["startUrls"]]
        self._seen = {link.url for link in self._queue}
        self._hosts = {urlsplit(link.url).netloc for link in self._queue}
        self._crawled = 0
        self._failed = 0

    async def run(self) -> None:
        """Crawl until nothing is left, or the limit is reached, or the run is being aborted."""
        async with aiohttp.ClientSession() as session:
            for link in self._queue:  # grows while pages are found
                if self._crawled >= self._max_pages or self._context.is_aborting:
                    break
                await self._visit(session, link)
                await self._report()

    async def _visit(self, session: aiohttp.ClientSession, link: _Link) -> None:
        try:
            async with session.get(link.url) as answer:
                answer.raise_for_status()
                html = await answer.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            self._failed += 1
            self._context.log(f"ERROR Request {link.url} failed: {error}")
            return
        page = Page(str(answer.url), html)
        self._crawled += 1
        await self._context.push_data(_item(link, str(answer.url), answer.status, page))
        if link.depth < self._max_depth:
            self._enqueue(page, link.depth + 1)

    def _enqueue(self, page: Page, depth: int) -> None:
        for url in page.links:
            if url not in self._seen and urlsplit(url).netloc in self._hosts:
                self._seen.add(url)
                self._queue.append(_Link(url, depth))

    async def _report(self) -> None:
        found = min(len(self._queue), self._max_pages)
        message = f"Crawled {self._crawled}/{found} pages, {self._failed} failed requests"
        self._context.log(f"INFO  {message}")
        await self._context.set_status_message(message)


def _item(link: _Link, loaded_url: str, status: int, page: Page) -> dict[str, Any]:
    return {
        "url": link.url,
        "crawl": {"loadedUrl": loaded_url, "depth": link.depth, "httpStatusCode": status},
        "metadata": {"title": page.title, "description": page.description, "languageCode": page.language},
        "text": "\n".join(page.texts),
        "links": list(page.links),
    }


@actor(
    "apify/website-content-crawler",
    given_id="aYG0l9s7dbB7j3gbS",
    title="Website Content Crawler",
    memory_mbytes=4096,
    timeout_secs=360_000,
    description=(
        "Crawl websites and extract their text to feed AI models, LLM applications, vector databases or RAG pipelines. "
        "Pages are fetched over HTTP; links are followed on the sites of the start URLs."
    ),
    input_schema=_SCHEMA,
)
async def website_content_crawler(context: ActorContext) -> None:
    """Crawl the web sites of ``startUrls``, up to ``maxCrawlDepth`` links away and ``maxCrawlPages`` pages in all."""
    crawl = _Crawl(context)
    await crawl.run()
