"""A demonstration shop: 201 linked pages, the same bytes every time."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import urljoin

ROOT = "/shop/"
CATEGORIES = ("Kitchen", "Garden", "Workshop", "Books", "Music", "Outdoor", "Office", "Toys")
PRODUCTS_PER_CATEGORY = 24
_MATERIALS = ("oak", "steel", "linen", "copper", "glass", "wool")
_KINDS = ("box", "lamp", "stool", "set", "holder", "basket", "clock", "tray")


@dataclass(frozen=True)
class ShopPage:
    """A page of the shop.

    :param path: from the root of the server, such as ``/shop/products/kitchen-1``.
    :param depth: how many links it is away from the shop's front page.
    :param texts: the pieces of visible text, in order.
    :param links: paths, in order, without repetitions.
    """

    path: str
    depth: int
    title: str
    description: str
    texts: tuple[str, ...]
    links: tuple[str, ...]
    html: bytes


def _page(path: str, depth: int, title: str, description: str, body: list[tuple[str, str, str | None]]) -> ShopPage:
    """Build a page of (tag, text, link) lines."""
    parts = []
    for tag, text, link in body:
        inside = escape(text, quote=False)
        parts.append(f"<{tag}>{inside}</{tag}>" if link is None else f'<{tag}><a href="{link}">{inside}</a></{tag}>')
    lines = "\n".join(parts)
    html = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n"
        f'<meta name="description" content="{escape(description)}">\n'
        f"</head>\n<body>\n{lines}\n</body>\n</html>\n"
    )
    texts = tuple(text for _, text, _ in body)
    links = tuple(dict.fromkeys(link for _, _, link in body if link is not None))
    return ShopPage(path, depth, title, description, texts, links, html.encode())


def _front() -> ShopPage:
    rows: list[tuple[str, str, str | None]] = [("h1", "The Corner Shop", None), ("p", "All things, one shelf.", None)]
    rows += [("li", name, f"{ROOT}categories/{name.lower()}") for name in CATEGORIES]
    return _page(ROOT, 0, "The Corner Shop", "Everything for the house & the garden", rows)


def _category(name: str) -> ShopPage:
    rows: list[tuple[str, str, str | None]] = [("nav", "The Corner Shop", ROOT), ("h1", name, None)]
    rows += [
        ("li", _product_name(name, number), _product_path(name, number))
        for number in range(1, PRODUCTS_PER_CATEGORY + 1)
    ]
    return _page(f"{ROOT}categories/{name.lower()}", 1, f"{name} | The Corner Shop", f"All of {name}", rows)


def _product_path(category: str, number: int) -> str:
    return f"{ROOT}products/{category.lower()}-{number}"


def _product_name(category: str, number: int) -> str:
    material = _MATERIALS[number % len(_MATERIALS)].capitalize()
    return f"{material} {_KINDS[number % len(_KINDS)]} no. {number} ({category})"


def _product(category: str, number: int) -> ShopPage:
    name = _product_name(category, number)
    place = CATEGORIES.index(category) * PRODUCTS_PER_CATEGORY + number
    neighbour = number % PRODUCTS_PER_CATEGORY + 1
    stock = place * 7 % 23
    rows: list[tuple[str, str, str | None]] = [
        ("nav", "The Corner Shop", ROOT),
        ("nav", category, f"{ROOT}categories/{category.lower()}"),
        ("h1", name, None),
        ("p", f"Price: €{place * 37 % 200 + 5}.{place * 13 % 100:02d}", None),
        ("p", f"A {name.lower()}: made to last, & easy to mend — “as good as new”.", None),
        ("p", f"In stock: {stock}" if stock else "Sold out", None),
        ("p", f"See also: {_product_name(category, neighbour)}", _product_path(category, neighbour)),
    ]
    return _page(_product_path(category, number), 2, f"{name} | The Corner Shop", f"Buy {name}", rows)


def shop_pages() -> list[ShopPage]:
    """Return all pages in the order of a crawl from the front page, breadth first."""
    products = [_product(name, number) for name in CATEGORIES for number in range(1, PRODUCTS_PER_CATEGORY + 1)]
    return [_front(), *map(_category, CATEGORIES), *products]


def expected_crawl(base_url: str, *, max_depth: int = 20, max_pages: int | None = None) -> list[dict[str, Any]]:
    """Return the items that ``apify/website-content-crawler`` stores for the shop, made from the shop's own data.

    :param base_url: where the server is reached, such as ``http://127.0.0.1:8010``.
    """
    pages = [page for page in shop_pages() if page.depth <= max_depth][:max_pages]
    return [_expected_item(base_url, page) for page in pages]


def _expected_item(base_url: str, page: ShopPage) -> dict[str, Any]:
    url = urljoin(base_url, page.path)
    return {
        "url": url,
        "crawl": {"loadedUrl": url, "depth": page.depth, "httpStatusCode": 200},
        "metadata": {"title": page.title, "description": page.description, "languageCode": "en"},
        "text": "\n".join(page.texts),
        "links": [urljoin(base_url, link) for link in page.links],
    }
