"""Long answers: dataset items and logs, in blocks, with small memory."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Iterator

from starlette.responses import Response, StreamingResponse

from airflow_provider_apify.testing.api.call import Call
from airflow_provider_apify.testing.api.query import Query
from airflow_provider_apify.testing.datasets import Dataset
from airflow_provider_apify.testing.encoders import BOM, FORMATS, Style, blocks
from airflow_provider_apify.testing.errors import ApiError, invalid
from airflow_provider_apify.testing.items import NO_LIMIT, Page, Shape
from airflow_provider_apify.testing.runs import Run

_ANSI = re.compile(rb"\x1b\[[0-9;]*m")
_GZIP_WINDOW = 31  # zlib's largest window with a gzip header
_SIMPLIFIED_FIELDS = ("url", "pageFunctionResult", "errorInfo")
_XML_NAME = re.compile(r"[A-Za-z_][\w.-]*")


def items_response(call: Call, dataset: Dataset, status: int = 200) -> Response:
    """Answer with a page of a dataset, in the format and shape that the query asks for.

    :raises ApiError: a parameter is wrong.
    """
    query, settings = call.query, call.world.settings
    name = query.text("format") or "json"
    if name not in FORMATS:
        raise invalid(f'Parameter "format" must be one of {", ".join(FORMATS)} here, not "{name}"')
    shape, style = _shape(query), _style(query, dataset)
    offset = query.integer("offset") or 0
    asked = query.integer("limit")
    limit = min(NO_LIMIT if asked is None else asked, settings.max_items_per_request or NO_LIMIT)
    desc = query.flag("desc")
    page = Page.of(dataset, offset=offset, limit=limit, newest_first=desc)
    headers = {
        "X-Apify-Pagination-Total": str(dataset.counted(settings.item_count_lag_seconds)),
        "X-Apify-Pagination-Offset": str(offset),
        "X-Apify-Pagination-Limit": str(limit),
        "X-Apify-Pagination-Count": str(len(page)),
        "X-Apify-Pagination-Desc": str(desc).lower(),
    }
    if query.flag("attachment"):
        headers["Content-Disposition"] = f'attachment; filename="dataset_{dataset.id}.{name}"'
    body = _encoded(page, name, shape, style, with_bom=query.flag("bom", default=FORMATS[name].has_bom))
    if call.request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=FORMATS[name].content_type)
    dataset.read_count += len(page)
    call.world.items_delivered[dataset.id] += len(page)
    return _stream(call, body, FORMATS[name].content_type, headers, status)


def _shape(query: Query) -> Shape:
    simplified, clean = query.flag("simplified"), query.flag("clean")
    fields, output_fields = query.words("fields"), query.words("outputFields")
    if query.text("view"):
        raise ApiError(404, "requested-dataset-view-does-not-exist", "The dataset has no view of this name.")
    if output_fields and len(output_fields) != len(fields):
        raise invalid('Parameter "outputFields" must have as many names as "fields"')
    return Shape(
        fields=_SIMPLIFIED_FIELDS if simplified else fields,
        output_fields=output_fields,
        omit=query.words("omit"),
        unwind=("pageFunctionResult",) if simplified else query.words("unwind"),
        flatten=query.words("flatten"),
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


def _encoded(page: Page, name: str, shape: Shape, style: Style, *, with_bom: bool) -> Iterator[bytes]:
    """Return the body: the stored lines as they are where that is the same."""
    if with_bom:
        yield BOM
    known = FORMATS[name]
    if known.write_lines is not None and shape.is_plain_for(page.dataset):
        yield from known.write_lines(page.lines())
    else:
        yield from known.write(lambda: shape.apply(page.items()), style)


def _stream(call: Call, body: Iterator[bytes], content_type: str, headers: dict[str, str], status: int) -> Response:
    pieces = blocks(body)
    headers["Vary"] = "Accept-Encoding"
    if "gzip" in call.request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        pieces = _gzipped(pieces)
    return StreamingResponse(_shared(pieces), status, headers, content_type)


def _gzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(level=1, wbits=_GZIP_WINDOW)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


async def _shared(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Let other requests have their turn between the blocks."""
    for piece in pieces:
        if piece:
            yield piece
        await asyncio.sleep(0)


def log_response(call: Call, run: Run) -> Response:
    """Answer with a run's log: what there is of it, or all of it until the run ends."""
    raw = call.query.flag("raw")
    headers = {}
    if call.query.flag("download"):
        headers["Content-Disposition"] = f'attachment; filename="log_{run.id}.txt"'
    content_type = "text/plain; charset=utf-8"
    if call.query.flag("stream"):
        return StreamingResponse(_followed(call, run, raw=raw), 200, headers, content_type)
    text, _ = run.log.read()
    return Response(text if raw else _ANSI.sub(b"", text), 200, headers, content_type)


async def _followed(call: Call, run: Run, *, raw: bool) -> AsyncIterator[bytes]:
    line = 0
    while True:
        is_over = run.is_terminal
        change = run.log.pulse.event
        text, line = run.log.read(line)
        if text:
            yield text if raw else _ANSI.sub(b"", text)
        if is_over or not await call.world.clock.wait(change):
            return
