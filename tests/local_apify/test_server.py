"""The server: in a thread, on the command line, under load, and how it stops."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
import requests

from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import Control, Exchange, LocalApify, Settings
from local_apify.api.call import Call
from local_apify.api.endpoint import Endpoint
from local_apify.api.operation import Operation, Site
from local_apify.world.account import User
from local_apify.world.commons import Blueprint
from tests.contract.openapi import contract
from tests.local_apify.client import SCENARIO, WAIT, Client, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.responses import Response
    from starlette.types import Message

MODULE = "local_apify"
ROOT = Path(__file__).parents[2]
OWN_ACTORS = """
from local_apify import actor

@actor("me/from-module")
async def from_module(context):
    await context.push_data({"from": "module"})
"""


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    (tmp_path / "own_actors.py").write_text(OWN_ACTORS)
    command = [sys.executable, "-m", MODULE, "--token", "tell_me", "--actors", "own_actors"]
    environment = {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:  # noqa: S603 - ours
        yield process
        process.kill()


def _announced(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    base_url: str = process.stdout.readline().strip().removeprefix("base URL: ")
    assert process.stdout.readline() == "token: tell_me\n"
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", base_url)
    return base_url


def test_the_command_prints_lines_for_a_shell_that_connect_airflow_and_apify_s_own_tools(
    process: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    base_url = _announced(process)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(6)]
    shell = ["sh", "-c", "".join(lines) + "env -0"]
    done = subprocess.run(shell, env={"PATH": os.defpath}, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    said = dict(variable.split("=", 1) for variable in done.stdout.split("\0") if "APIFY" in variable)
    assert said["APIFY_TOKEN"] == "tell_me"
    assert {said[f"APIFY_{name}BASE_URL"] for name in ("API_", "API_PUBLIC_", "CLIENT_")} == {base_url}
    monkeypatch.setenv("AIRFLOW_CONN_APIFY_DEFAULT", said["AIRFLOW_CONN_APIFY_DEFAULT"])
    assert ApifyHook().get_me()["username"] == "local"


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_until_a_signal_even_with_open_long_polls(
    process: subprocess.Popen[str], ending: signal.Signals
) -> None:
    base_url = _announced(process)
    headers = {"Authorization": "Bearer tell_me"}
    run = requests.post(base_url + SCENARIO, json={"durationSecs": 600}, headers=headers, timeout=10).json()["data"]

    async def signal_while_waiting() -> str:
        async with aiohttp.ClientSession(headers=headers) as session:
            wait = asyncio.create_task(_get_status(session, f"{base_url}/v2/actor-runs/{run['id']}?waitForFinish=60"))
            control = Control(base_url)
            await asyncio.to_thread(until, lambda: control.ledger().requests.get("GET /v2/actor-runs/{runId}"))
            process.send_signal(ending)
            return await wait

    assert asyncio.run(signal_while_waiting()) in {"RUNNING", "READY"}
    assert process.wait(timeout=30) == 0


async def _get_status(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(url) as answer:
        status: str = (await answer.json())["data"]["status"]
        return status


def test_the_command_runs_actors_of_a_module(process: subprocess.Popen[str]) -> None:
    headers = {"Authorization": "Bearer tell_me"}
    url = f"{_announced(process)}/v2/actors/me~from-module/run-sync-get-dataset-items"
    assert requests.post(url, headers=headers, timeout=10).json() == [{"from": "module"}]


def test_the_server_needs_neither_airflow_nor_the_rest_of_the_provider() -> None:
    code = (
        f"import sys, {MODULE}.__main__\n"
        "names = [name for name in sys.modules if name.partition('.')[0] in ('airflow', 'airflow_provider_apify')]\n"
        f"assert all(name.startswith('{MODULE}') for name in names if name != 'airflow_provider_apify'), names\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)  # noqa: S603 - our own interpreter


def test_a_taken_port_is_an_error() -> None:
    with LocalApify() as apify, pytest.raises(OSError, match="in use"):
        LocalApify(port=int(apify.base_url.rpartition(":")[2])).start()


def test_a_stopped_server_can_be_started_again_on_its_port() -> None:
    with LocalApify() as apify:
        port = int(apify.base_url.rpartition(":")[2])
        assert requests.get(f"{apify.base_url}/v2/store", timeout=10).ok
    with LocalApify(port=port) as again:
        assert requests.get(f"{again.base_url}/v2/store", timeout=10).ok
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_server_that_listens_everywhere_is_reached_on_loopback() -> None:
    with LocalApify(host="0.0.0.0", settings=Settings(ready_seconds=0)) as apify:  # noqa: S104 - that is tested
        assert apify.base_url.startswith("http://127.0.0.1:")
        assert apify.control.settings().ready_seconds == 0


def test_every_exchange_can_be_listened_to(client: Client) -> None:
    exchanges: list[Exchange] = []
    client.apify.on_exchange = exchanges.append
    client.finish({"items": 1})
    client.apify.control.add_fault("answer", path="/v2/users/me")
    client.send("GET", "/v2/users/me")
    client.apify.on_exchange = None
    client.send("GET", "/v2/users/me")
    start, me = exchanges
    assert (start.method, start.template, start.query) == ("POST", "/v2/actors/{actorId}/runs", "waitForFinish=60")
    assert (start.request_body, start.status, start.fault) == (b'{"items": 1}', 201, None)
    assert start.response_body is not None
    assert start.response_body.startswith(b'{"data":')
    assert (me.status, me.fault) == (500, "answer")


def test_only_the_beginning_of_long_bodies_is_kept_for_listeners(client: Client) -> None:
    run = client.finish({"items": 5000})
    exchanges: list[Exchange] = []
    client.apify.on_exchange = exchanges.append
    client.send("GET", f"/v2/datasets/{run['defaultDatasetId']}/items", headers={"Accept-Encoding": "identity"})
    assert exchanges[0].response_body is None


def test_a_thousand_long_polls_are_answered_when_their_runs_end(client: Client) -> None:
    async def wait_for_all() -> set[str]:
        connector = aiohttp.TCPConnector(limit=0)
        headers = {"Authorization": f"Bearer {client.apify.token}"}
        async with aiohttp.ClientSession(client.apify.base_url, connector=connector, headers=headers) as session:
            runs = await asyncio.gather(*[_start(session) for _ in range(50)])
            paths = [f"/v2/actor-runs/{run}?waitForFinish=60" for run in runs for _ in range(20)]
            waits = [asyncio.create_task(_get_status(session, path)) for path in paths]
            await asyncio.to_thread(until, lambda: _polls(client) == len(paths))
            await asyncio.gather(*[_abort(session, run) for run in runs])
            return set(await asyncio.gather(*waits))

    assert asyncio.run(wait_for_all()) == {"ABORTED"}


def _polls(client: Client) -> int:
    return client.apify.control.ledger(slim=True).requests.get("GET /v2/actor-runs/{runId}", 0)


async def _start(session: aiohttp.ClientSession) -> str:
    async with session.post(SCENARIO, json={"durationSecs": 600}) as answer:
        run_id: str = (await answer.json())["data"]["id"]
        return run_id


async def _abort(session: aiohttp.ClientSession, run_id: str) -> None:
    async with session.post(f"/v2/actor-runs/{run_id}/abort") as answer:
        answer.raise_for_status()


def test_a_download_of_two_hundred_thousand_items_is_complete(client: Client) -> None:
    run = client.data("POST", SCENARIO, json={"items": 200_000}, params=WAIT)
    path = f"/v2/datasets/{run['defaultDatasetId']}/items"
    lines = size = 0
    with client.send(
        "GET", path, params={"format": "jsonl"}, headers={"Accept-Encoding": "identity"}, stream=True
    ) as answer:
        for chunk in answer.iter_content(256 * 1024):
            lines += chunk.count(b"\n")
            size += len(chunk)
    assert (lines, size) == (200_000, 200_000 * 501)


def test_a_client_that_goes_away_leaves_the_server_well(client: Client) -> None:
    run = client.finish({"items": 100_000})
    path = f"/v2/datasets/{run['defaultDatasetId']}/items"
    with client.send("GET", path, stream=True) as answer:
        next(answer.iter_content(1024))
    until(lambda: client.send("GET", path, params={"limit": 1}).ok)


def test_an_offer_of_http_2_is_left_aside_in_silence(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    offer = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAoAAAAAIAAAAA"}
    assert client.send("GET", "/v2/users/me", headers=offer).ok
    assert caplog.text == ""


def test_a_mistake_of_the_server_is_answered_as_apify_would_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_call: Call) -> Response:
        raise RuntimeError("A mistake")

    site = Site(Blueprint(base_url="http://local", users=(User("me", "t"),), settings=Settings(), actors=(), tasks=()))
    operation = Operation(Endpoint("GET", "/broken", broken, is_public=True), site)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "GET", "path": "/broken", "headers": [], "query_string": b"", "path_params": {}}
    asyncio.run(operation(scope, receive, send))
    assert sent[0]["status"] == 500
    assert json.loads(sent[1]["body"])["error"]["type"] == "internal-server-error"
    assert "RuntimeError: A mistake" in caplog.text


def test_a_mistake_of_the_server_fails_the_test_it_happens_in() -> None:
    with pytest.raises(AssertionError, match="the document knows only"):
        contract().check_response("GET", "/v2/users/me", 500, {"content-type": "application/json"}, b"{}")


def test_a_port_that_is_taken_is_one_line_that_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", MODULE, "--port", str(port)]
        ended = subprocess.run(  # noqa: S603 - this Python
            command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
        )
    assert ended.returncode == 1
    assert ended.stderr == (
        f"local-apify cannot listen on 127.0.0.1:{port}: Address already in use. Choose another --port.\n"
    )
