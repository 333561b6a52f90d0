"""Pages to look at in a browser: runs, storages, the ledger and the faults, at the paths that Apify Console has.

They need no token and show none: the server is for tests, on loopback.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from local_apify.world.clock import iso
from local_apify.world.datasets import Dataset
from local_apify.world.queues import RequestQueue
from local_apify.world.runs import Run
from local_apify.world.stores import KeyValueStore, Record

if TYPE_CHECKING:
    from starlette.requests import Request

    from local_apify.api.operation import Site
    from local_apify.world.realm import Realm

MOST_ROWS = 100
_MOST_CHARACTERS = 2000
_RUN, _DATASET, _STORE, _QUEUE = (
    "/actors/runs",
    "/storage/datasets",
    "/storage/key-value",
    "/storage/request-queues",
)
_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'", "Cache-Control": "no-store"}
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; width: 100%; margin-bottom: 2rem }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #ddd; vertical-align: top }
pre { background: #f5f5f5; padding: 1rem; overflow: auto; white-space: pre-wrap }
"""


class Pages:
    """The handlers of the pages."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/", self.overview),
            Route(f"{_RUN}/{{id}}", self.run),
            Route(f"{_DATASET}/{{id}}", self.dataset),
            Route(f"{_STORE}/{{id}}", self.store),
            Route(f"{_QUEUE}/{{id}}", self.queue),
        ]

    async def overview(self, _request: Request) -> Response:
        """Show everything, in short."""
        realm = self._site.realm
        runs = [run for world in realm.worlds for run in world.runs.values()]
        return _page(realm, "Local Apify", _runs(realm, runs) + _storages(realm) + _ledger(realm) + _faults(realm))

    async def run(self, request: Request) -> Response:
        """Show a run with its log."""
        realm, identifier = self._site.realm, request.path_params["id"]
        run = next((world.runs[identifier] for world in realm.worlds if identifier in world.runs), None)
        if run is None:
            return _missing(realm, "run", identifier)
        text, _ = run.log.read()
        return _page(
            realm, f"Run {run.id}", _facts(_about(realm, run)) + _heading("Log") + _preformatted(text.decode())
        )

    async def dataset(self, request: Request) -> Response:
        """Show the first items of a dataset."""
        realm, identifier = self._site.realm, request.path_params["id"]
        dataset = next((each.datasets[identifier] for each in realm.worlds if identifier in each.datasets), None)
        if dataset is None:
            return _missing(realm, "dataset", identifier)
        lines = dataset.lines(range(min(len(dataset), MOST_ROWS)))
        items = _preformatted(b"\n".join(lines).decode(errors="replace"))
        return _page(realm, f"Dataset {dataset.name or dataset.id}", _facts({"Items": len(dataset)}) + items)

    async def store(self, request: Request) -> Response:
        """Show the records of a key-value store."""
        realm, identifier = self._site.realm, request.path_params["id"]
        store = next((each.stores[identifier] for each in realm.worlds if identifier in each.stores), None)
        if store is None:
            return _missing(realm, "key-value store", identifier)
        rows = [[key, record.content_type, _shown(record)] for key, record in sorted(store.records.items())]
        table = _table(["Key", "Type", "Value"], rows)
        return _page(realm, f"Key-value store {store.name or store.id}", table)

    async def queue(self, request: Request) -> Response:
        """Show the requests of a request queue."""
        realm, identifier = self._site.realm, request.path_params["id"]
        queue = next((each.queues[identifier] for each in realm.worlds if identifier in each.queues), None)
        if queue is None:
            return _missing(realm, "request queue", identifier)
        shown = queue.all_after(None)[:MOST_ROWS]
        rows = [[each.fields["url"], each.fields["method"], each.fields.get("handledAt", "")] for each in shown]
        table = _table(["URL", "Method", "Handled at"], rows)
        return _page(realm, f"Request queue {queue.name or queue.id}", table)


class _Markup(str):
    """HTML that needs no escaping any more."""

    __slots__ = ()


def _page(realm: Realm, title: str, body: str, status: int = 200) -> Response:
    shown = escape(title)
    head = f'<meta charset="utf-8"><title>{shown}</title><style>{_STYLE}</style>'
    top = f'<p><a href="/">Local Apify</a></p><h1>{shown}</h1>'
    html = f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>{top}{body}</body></html>'
    return HTMLResponse(_without_tokens(realm, html).encode(errors="replace"), status, _HEADERS)


def _without_tokens(realm: Realm, html: str) -> str:
    """Leave out tokens, which Actors and tests may have stored or logged."""
    tokens = [world.user.token for world in realm.worlds]
    tokens += [run.token for world in realm.worlds for run in world.runs.values() if "apify_run_" in html]
    for token in tokens:
        html = html.replace(escape(token), "***")
    return html


def _missing(realm: Realm, what: str, identifier: str) -> Response:
    return _page(realm, f"There is no {what} {identifier}", "", 404)


def _runs(realm: Realm, runs: Iterable[Run]) -> str:
    newest = sorted(runs, key=lambda run: run.created_at, reverse=True)[:MOST_ROWS]
    rows = [
        [
            _link(_RUN, run.id),
            run.actor.name,
            run.owner.username,
            run.status,
            iso(run.started_at),
            _cost(realm, [run]),
            run.status_message or "",
        ]
        for run in newest
    ]
    total = _facts({"Runs ever started": len(realm.started), "Cost of all": _cost(realm, realm.started)})
    return _heading("Runs") + total + _table(["Run", "Actor", "User", "Status", "Started", "Cost", "Message"], rows)


def _cost(realm: Realm, runs: Iterable[Run]) -> str:
    return f"${sum(run.cost_usd(realm.settings.cost_settles_seconds) for run in runs):.4f}"


def _about(realm: Realm, run: Run) -> dict[str, Any]:
    return {
        "Actor": run.actor.name,
        "User": run.owner.username,
        "Status": run.status,
        "Message": run.status_message or "",
        "Started": iso(run.started_at),
        "Finished": iso(run.finished_at) if run.finished_at else "",
        "Cost": _cost(realm, [run]),
        "Started by": run.caller.user_agent or run.caller.origin,
        "Dataset": _link(_DATASET, run.dataset.id),
        "Key-value store": _link(_STORE, run.store.id),
        "Request queue": _link(_QUEUE, run.queue.id),
    }


def _storages(realm: Realm) -> str:
    worlds = realm.worlds
    datasets = [_row(_DATASET, each, len(each)) for world in worlds for each in world.datasets.values()]
    stores = [_row(_STORE, each, len(each.records)) for world in worlds for each in world.stores.values()]
    queues = [_row(_QUEUE, each, len(each)) for world in worlds for each in world.queues.values()]
    return (
        _heading("Datasets")
        + _table(["Dataset", "Name", "Items"], datasets[-MOST_ROWS:])
        + _heading("Key-value stores")
        + _table(["Store", "Name", "Records"], stores[-MOST_ROWS:])
        + _heading("Request queues")
        + _table(["Queue", "Name", "Requests"], queues[-MOST_ROWS:])
    )


def _row(path: str, storage: Dataset | KeyValueStore | RequestQueue, size: int) -> list[Any]:
    return [_link(path, storage.id), storage.name or "", size]


def _ledger(realm: Realm) -> str:
    counts = sorted(realm.requests.items(), key=lambda each: -each[1])
    return _heading("Requests") + _table(["Operation", "Count"], counts)


def _faults(realm: Realm) -> str:
    rules = realm.faults.to_json()
    names = ("action", "method", "path", "times", "happened")
    return _heading("Faults") + _table(
        [name.capitalize() for name in names], [[rule[n] for n in names] for rule in rules]
    )


def _shown(record: Record) -> str:
    text = record.value[:_MOST_CHARACTERS].decode(errors="replace")
    is_text = any(kind in record.content_type for kind in ("json", "text", "xml"))
    return text if is_text else f"{len(record.value)} bytes"


def _heading(text: str) -> str:
    return f"<h2>{escape(text)}</h2>"


def _link(path: str, identifier: str) -> _Markup:
    return _Markup(f'<a href="{path}/{escape(identifier)}">{escape(identifier)}</a>')


def _facts(facts: dict[str, Any]) -> str:
    return _table([], list(facts.items()))


def _preformatted(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"


def _table(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(value)}</td>' for value in row)}</tr>\n" for row in rows)
    return f"<table><tr>{head}</tr>\n{body}</table>" if names else f"<table>{body}</table>"


def _cell(value: Any) -> str:
    return value if isinstance(value, _Markup) else escape(str(value))
