"""Long answers: dataset items and logs, in blocks, with small memory."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from itertools import chain
from typing import Any

from starlette.responses import Response, StreamingResponse

from local_apify.api.call import Call
from local_apify.api.query import Query
from local_apify.items.formats import BOM, FORMATS, Format
from local_apify.items.page import NO_LIMIT, Page
from local_apify.items.shaping import Shape
from local_apify.items.style import Style
from local_apify.items.tables import columns_of
from local_apify.world.builds import Build
from local_apify.world.codings import IDENTITY, packed, preferred
from local_apify.world.datasets import Dataset
from local_apify.world.errors import ApiError, invalid
from local_apify.world.runs import Run

_ANSI = re.compile(rb"\x1b\[[0-9;]*m")
_SIMPLIFIED_FIELDS = ("url", "pageFunctionResult", "errorInfo")
_XML_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)


async def items_response(call: Call, dataset: Dataset, status: int = 200) -> Response:
    """Answer with a page of a dataset, in the format and shape that the query asks for.

    :raises ApiError: a parameter is wrong, or a table would have no columns.
    """
    query = call.query
    name = query.text("format") or "json"
    if name not in FORMATS:
        raise invalid(f'Parameter "format" must be one of {", ".join(FORMATS)}, not "{name}"')
    view = _view(query, dataset)
    page = _page(call, dataset, view)
    body = _body(FORMATS[name], page, query)
    headers = _page_headers(call, page)
    if query.flag("attachment"):
        headers["Content-Disposition"] = f'attachment; filename="dataset_{dataset.id}.{name}"'
    if call.request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=FORMATS[name].content_type)
    if FORMATS[name].is_table:
        await _demand_columns(page)
    dataset.counts["read"] += len(page)
    call.world.items_delivered[dataset.id] += len(page)
    return _stream(call, body, FORMATS[name].content_type, headers, status)


async def _demand_columns(page: Page) -> None:
    async for _ in _shared(columns_of(page)):
        continue
    if not page.columns:
        raise ApiError(400, "no-columns-in-exported-dataset", "The exported dataset has no columns.")


def _view(query: Query, dataset: Dataset) -> Mapping[str, Any]:
    """Return what the view that is asked for does, in the words of the dataset schema.

    The documents do not say what counts where the query says something else than the view: here the query does.
    """
    name = query.text("view")
    if name is None:
        return {}
    views = (dataset.schema or {}).get("views", {})
    if name not in views:
        raise ApiError(404, "requested-dataset-view-does-not-exist", "The dataset has no view of this name.")
    transformation: Mapping[str, Any] = views[name].get("transformation", {})
    return transformation


def _page(call: Call, dataset: Dataset, view: Mapping[str, Any]) -> Page:
    asked = call.query.integer("limit")
    limits = (view.get("limit") if asked is None else asked or None, call.world.settings.max_items_per_request)
    return Page(
        dataset,
        size=dataset.counted(call.world.settings.items_lag_seconds),
        offset=call.query.integer("offset") or 0,
        limit=min((limit for limit in limits if limit is not None), default=NO_LIMIT),
        newest_first=call.query.flag("desc", default=view.get("desc", False)),
        shape=_shape(call.query, view),
    )


def _page_headers(call: Call, page: Page) -> dict[str, str]:
    total = page.dataset.counted(call.world.settings.item_count_lag_seconds)
    return {
        "X-Apify-Pagination-Total": str(total),
        "X-Apify-Pagination-Offset": str(page.offset),
        "X-Apify-Pagination-Limit": str(page.limit),
        "X-Apify-Pagination-Count": str(len(page)),
        "X-Apify-Pagination-Desc": str(page.newest_first).lower(),
    }


def _shape(query: Query, view: Mapping[str, Any]) -> Shape:
    simplified, clean = query.flag("simplified"), query.flag("clean")
    fields, output_fields = query.words("fields"), query.words("outputFields")
    if output_fields and len(output_fields) != len(fields):
        raise invalid('Parameter "outputFields" must have as many names as "fields"')

    def words(name: str) -> tuple[str, ...]:
        return query.words(name) or tuple(view.get(name, ()))

    return Shape(
        fields=_SIMPLIFIED_FIELDS if simplified else fields,
        output_fields=output_fields,
        omit=words("omit"),
        unwind=("pageFunctionResult",) if simplified else words("unwind"),
        flatten=words("flatten"),
        view_fields=() if fields else tuple(view.get("fields", ())),
        skip_hidden=query.flag("skipHidden", default=clean),
        skip_empty=query.flag("skipEmpty", default=clean),
        skip_failed_pages=query.flag("skipFailedPages"),
    )


def _style(query: Query, dataset: Dataset) -> Style:
    delimiter = query.text("delimiter") or ","
    root, row = query.text("xmlRoot") or "items", query.text("xmlRow") or "item"
    if len(delimiter) != 1:
        raise invalid('Parameter "delimiter" must be one character')
    if not (_XML_NAME.fullmatch(root) and _XML_NAME.fullmatch(row)):
        raise invalid('Parameters "xmlRoot" and "xmlRow" must be names of XML elements')
    return Style(
        delimiter=delimiter,
        header_row=not query.flag("skipHeaderRow"),
        xml_root=root,
        xml_row=row,
        feed_title=query.text("feedTitle") or f"Dataset {dataset.name or dataset.id}",
        feed_description=query.text("feedDescription") or f'Items in dataset with id "{dataset.id}".',
    )


def _body(known: Format, page: Page, query: Query) -> Iterator[bytes]:
    with_bom = query.flag("bom", default=bool(known.has_bom)) and known.has_bom is not None
    return chain([BOM] if with_bom else [], known.write(page, _style(query, page.dataset)))


def _stream(call: Call, body: Iterator[bytes], content_type: str, headers: dict[str, str], status: int) -> Response:
    headers["Vary"] = "Accept-Encoding"
    coding = preferred(call.request.headers.get("accept-encoding", ""))
    if coding != IDENTITY:
        headers["Content-Encoding"] = coding
    return StreamingResponse(_shared(packed(body, coding)), status, headers, content_type)


async def _shared(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Let other requests have their turn between the pieces."""
    for piece in pieces:
        if piece:
            yield piece
        await asyncio.sleep(0)


def log_response(call: Call, job: Run | Build) -> Response:
    """Answer with the log of a run or a build: what there is of it, or all of it until the job ends."""
    raw = call.query.flag("raw")
    headers = {}
    if call.query.flag("download"):
        headers["Content-Disposition"] = f'attachment; filename="log_{job.id}.txt"'
    content_type = "text/plain; charset=utf-8"
    if call.query.flag("stream"):
        return StreamingResponse(_followed(call, job, raw=raw), 200, headers, content_type)
    text, _ = job.log.read()
    return Response(text if raw else _ANSI.sub(b"", text), 200, headers, content_type)


async def _followed(call: Call, job: Run | Build, *, raw: bool) -> AsyncIterator[bytes]:
    line = 0
    while True:
        is_over = job.is_terminal
        change = job.log.pulse.event
        text, line = job.log.read(line)
        if text:
            yield text if raw else _ANSI.sub(b"", text)
        if is_over or not await call.world.clock.wait(change):
            return
