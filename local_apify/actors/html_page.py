"""What crawlers read of a page."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin

_NO_TEXT = frozenset({"script", "style", "noscript", "template", "title"})


class Page(HTMLParser):
    """Title, description, text and links of a page, in the order they stand there.

    :param url: where it was found, for relative links.
    """

    def __init__(self, url: str, html: str) -> None:
        super().__init__()
        self._url = url
        self._open: list[str] = []
        self.title = ""
        self.description: str | None = None
        self.language: str | None = None
        self.texts: list[str] = []
        self.links: dict[str, None] = {}
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a link, or what the page says of itself."""
        values = dict(attrs)
        if tag in _NO_TEXT:
            self._open.append(tag)
        if tag == "html":
            self.language = values.get("lang")
        if tag == "meta" and values.get("name") == "description":
            self.description = values.get("content")
        if tag == "a" and (href := values.get("href")):
            self.links[urldefrag(urljoin(self._url, href)).url] = None

    def handle_endtag(self, tag: str) -> None:
        """Close what holds no text."""
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        """Keep what can be read."""
        text = " ".join(data.split())
        if self._open and self._open[-1] == "title":
            self.title += text
        elif text and not self._open:
            self.texts.append(text)
