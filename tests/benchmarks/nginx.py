"""nginx in the place of Apify: one dataset as files, so that nothing but the client is measured."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.items import line
from tools.environment import clean_environment, free_port
from tools.lab import ApifyServer, Component
from tools.lab.component import stop_together
from tools.server_programs import nginx

if TYPE_CHECKING:
    from _csv import Writer as CsvWriter

PAGE_ITEMS = 1_000
_CONFIGURATION = """\
{user}daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 64; }}
http {{
  access_log off;
  sendfile on;
  client_body_temp_path {folder}/temp;
  proxy_temp_path {folder}/temp;
  fastcgi_temp_path {folder}/temp;
  uwsgi_temp_path {folder}/temp;
  scgi_temp_path {folder}/temp;
  map_hash_max_size 65536;
  map_hash_bucket_size 128;
  map "$arg_format:$arg_offset:$arg_limit" $items {{
    default 0;
    "jsonl::" {items};
    "jsonl:0:{page}" {page};
    "jsonl:{page}:" {rest};
    "csv:0:" {items};
{pages}
  }}
  server {{
    listen 127.0.0.1:{port};
    root {folder}/data;
    location = /v2/datasets/dataset {{ default_type application/json; return 200 '{dataset}'; }}
    location = /v2/datasets/dataset/items {{
      default_type application/json;
      add_header X-Apify-Pagination-Count $items;
      add_header X-Apify-Pagination-Total {items};
      add_header X-Apify-Pagination-Offset "${{arg_offset}}";
      add_header X-Apify-Pagination-Limit {items};
      add_header X-Apify-Pagination-Desc false;
      try_files "/$arg_format-$arg_offset-$arg_limit" "/$arg_format-empty" =404;
    }}
  }}
}}
"""


@contextlib.contextmanager
def file_server(folder: Path, items: int, item_bytes: int, *also: str) -> Iterator[tuple[ApifyServer, Path]]:
    """Serve a dataset of so many items, by the requests of the clients that are measured; yield its file of lines, too.

    These are: everything as JSON Lines; its first thousand, and what follows them; pages of a thousand as JSON; and
    everything as CSV.

    :param folder: a new one, which is removed in the end.
    :param also: ``"json"`` and ``"csv"`` where these are asked for.
    """
    folder.mkdir()
    try:
        yield from _serve(folder, items, item_bytes, also)
    finally:
        shutil.rmtree(folder)


def _serve(folder: Path, items: int, item_bytes: int, also: Collection[str]) -> Iterator[tuple[ApifyServer, Path]]:
    write_data(folder / "data", items, item_bytes, also)
    (folder / "temp").mkdir()
    port = free_port()
    dataset = json.dumps({"data": {"id": "dataset", "itemCount": items}})
    configuration = folder / "nginx.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            # As root, nginx would otherwise read the files as somebody who may not.
            user="user root;\n" if os.geteuid() == 0 else "",
            folder=folder,
            items=items,
            rest=items - PAGE_ITEMS,
            pages="\n".join(f'    ":{start}:{PAGE_ITEMS}" {PAGE_ITEMS};' for start in range(0, items, PAGE_ITEMS)),
            page=PAGE_ITEMS,
            port=port,
            dataset=dataset,
        ),
    )
    command = [str(nginx()), "-p", str(folder), "-c", str(configuration)]
    log = folder / "nginx.log"
    component = Component("nginx", command, environment=clean_environment(), folder=folder, log=log)
    try:
        yield ApifyServer(f"http://127.0.0.1:{port}", "nobody-asks"), folder / "data" / "jsonl--"
    finally:
        stop_together([component])


def write_data(folder: Path, items: int, item_bytes: int, also: Collection[str]) -> None:
    """Write the files, named by format, offset and limit."""
    folder.mkdir()
    names = ("--", f"-0-{PAGE_ITEMS}", f"-{PAGE_ITEMS}-")
    with contextlib.ExitStack() as stack:
        table = csv.writer(stack.enter_context((folder / "csv-0-").open("w", newline="")), lineterminator="\r\n")
        whole, first, rest = (stack.enter_context((folder / f"jsonl{name}").open("wb")) for name in names)
        for start in range(0, items, PAGE_ITEMS):
            lines = [line(index, item_bytes) for index in range(start, min(items, start + PAGE_ITEMS))]
            page = b"".join(line + b"\n" for line in lines)
            whole.write(page)
            (rest if start else first).write(page)
            if "json" in also:
                _write_json(folder, start, lines)
            if "csv" in also:
                _write_rows(table, lines, has_header=not start)
    (folder / "jsonl-empty").touch()
    (folder / "-empty").write_bytes(b"[]")


def _write_rows(table: CsvWriter, lines: Sequence[bytes], *, has_header: bool) -> None:
    items = [json.loads(each) for each in lines]
    if has_header:
        table.writerow(items[0])
    table.writerows(
        ["true" if each is True else "false" if each is False else each for each in item.values()] for item in items
    )


def _write_json(folder: Path, start: int, lines: Sequence[bytes]) -> None:
    page = folder / f"-{start}-{PAGE_ITEMS}"
    page.write_bytes(b"[" + b",".join(lines) + b"]")
    if not start:
        (folder / f"--{PAGE_ITEMS}").hardlink_to(page)
