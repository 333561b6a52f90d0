"""Apify's MCP server, which lets agents run Actors as tools: over its standard input and output."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from local_apify import LocalApify
from tools.environment import clean_environment
from tools.server_programs import JavaScript

if TYPE_CHECKING:
    from tests.local_apify.client import Client

Ask = Callable[[str, dict[str, Any]], dict[str, Any]]


@pytest.fixture
def ask(packages: JavaScript, local_apify: LocalApify) -> Iterator[Ask]:
    """Return what asks an MCP server that has two Actors as tools, and returns its answer."""
    server = packages.modules / "@apify" / "actors-mcp-server" / "dist" / "stdio.js"
    options = ["--telemetry-enabled=false", "--tools=actors,apify/hello-world,apify/website-content-crawler"]
    with subprocess.Popen(  # noqa: S603 - our own command
        [packages.node, str(server), *options],
        env=clean_environment(
            APIFY_TOKEN=local_apify.token, APIFY_API_BASE_URL=local_apify.base_url, TELEMETRY_ENABLED="false"
        ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield _asking(process)
        finally:
            process.kill()


def _asking(process: subprocess.Popen[str]) -> Ask:
    assert process.stdin is not None
    assert process.stdout is not None
    send, answers = process.stdin, process.stdout
    number = iter(range(1, 100))

    def tell(message: dict[str, Any]) -> None:
        send.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        send.flush()

    def ask(method: str, params: dict[str, Any]) -> dict[str, Any]:
        asked = next(number)
        tell({"id": asked, "method": method, "params": params})
        for line in answers:
            answer = json.loads(line)
            if answer.get("id") == asked:
                assert "result" in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
        raise AssertionError("The MCP server has ended.")

    about = {"name": "tests", "version": "1"}
    ask("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": about})
    tell({"method": "notifications/initialized"})
    return ask


def test_actors_are_tools_with_their_input_as_arguments(ask: Ask) -> None:
    tools = {tool["name"]: tool for tool in ask("tools/list", {})["tools"]}
    assert "message" in json.dumps(tools["apify--hello-world"]["inputSchema"])
    assert "startUrls" in json.dumps(tools["apify--website-content-crawler"]["inputSchema"])


def test_a_tool_runs_its_actor_and_tells_what_came_of_it(ask: Ask, client: Client) -> None:
    answer = ask("tools/call", {"name": "apify--hello-world", "arguments": {"message": "from an agent"}})
    assert not answer.get("isError"), answer
    run = answer["structuredContent"]
    assert (run["actorName"], run["status"]) == ("apify/hello-world", "SUCCEEDED")
    assert client.send("GET", f"/v2/actor-runs/{run['runId']}/dataset/items").json() == [{"message": "from an agent"}]


def test_the_store_is_searched_and_an_actor_described(ask: Ask) -> None:
    found = ask("tools/call", {"name": "search-actors", "arguments": {"keywords": "extract text website", "limit": 5}})
    assert "apify/website-content-crawler" in json.dumps(found)
    about = ask("tools/call", {"name": "fetch-actor-details", "arguments": {"actor": "apify/website-content-crawler"}})
    assert "RAG pipelines" in json.dumps(about)
