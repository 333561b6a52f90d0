"""Logs: at once, and as they are written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from local_apify.world.runs import LOG_BYTES_KEPT, RunLog

if TYPE_CHECKING:
    from tests.local_apify.client import Client


def test_each_line_begins_with_its_time(client: Client) -> None:
    run = client.finish({"logLines": ["one", "two"]})
    lines = client.send("GET", f"/v2/actor-runs/{run['id']}/log").text.splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ", line) for line in lines)
    assert [line[25:] for line in lines][1:3] == ["one", "two"]


def test_the_log_of_an_open_run_needs_only_the_run_s_id(client: Client) -> None:
    run = client.finish({"logLines": ["one"]})
    assert client.error("GET", f"/v2/logs/{run['id']}", token=None) == (401, "token-not-provided")
    client.data("PUT", f"/v2/actor-runs/{run['id']}", json={"generalAccess": "ANYONE_WITH_ID_CAN_READ"})
    assert "one" in client.send("GET", f"/v2/logs/{run['id']}", token=None).text
    assert client.error("GET", "/v2/logs/nothing") == (404, "record-not-found")


def test_colours_are_only_in_the_raw_log(client: Client) -> None:
    run = client.finish({"logLines": ["\x1b[31mred\x1b[0m"]})
    path = f"/v2/actor-runs/{run['id']}/log"
    assert " red\n" in client.send("GET", path).text
    assert "\x1b[31mred\x1b[0m\n" in client.send("GET", path, params={"raw": 1}).text


def test_a_download_names_its_file(client: Client) -> None:
    run = client.finish()
    answer = client.send("GET", f"/v2/actor-runs/{run['id']}/log", params={"download": 1})
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")


def test_a_streamed_log_goes_on_until_the_run_ends(client: Client) -> None:
    run = client.start({"logLines": [f"step {number}" for number in range(5)], "durationSecs": 0.3})
    with client.send("GET", f"/v2/actor-runs/{run['id']}/log", params={"stream": 1}, stream=True) as answer:
        lines = [line for line in answer.iter_lines(chunk_size=1) if b"step" in line]
        assert [line.rpartition(b" ")[2] for line in lines] == [b"0", b"1", b"2", b"3", b"4"]
    assert client.data("GET", f"/v2/actor-runs/{run['id']}")["status"] == "SUCCEEDED"


def test_a_streamed_log_begins_before_the_run_ends(client: Client) -> None:
    run = client.start({"logLines": ["first", "last"], "durationSecs": 120})
    with client.send("GET", f"/v2/actor-runs/{run['id']}/log", params={"stream": 1}, stream=True) as answer:
        assert any(line.endswith(b"first") for line in answer.iter_lines(chunk_size=1))
        assert client.data("GET", f"/v2/actor-runs/{run['id']}")["status"] == "RUNNING"


def test_only_the_newest_10_mib_are_kept() -> None:
    log = RunLog()
    for number in range(12):
        log.write(f"{number} " + "x" * 1024 * 1024)
    text, end = log.read()
    assert len(text) <= LOG_BYTES_KEPT
    assert end == 12
    assert text[25:27] == b"3 "
    assert log.read(11)[0][25:28] == b"11 "


def test_a_long_log_is_followed_to_its_end() -> None:
    log, line, pieces = RunLog(), 0, []
    for number in range(50_000):
        log.write(str(number))
        piece, line = log.read(line)
        pieces.append(piece)
    assert (b"".join(pieces), line) == log.read()
