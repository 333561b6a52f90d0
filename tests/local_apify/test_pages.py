"""The pages of the local Apify, as a browser gets them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from local_apify import LocalApify
    from tests.local_apify.client import Client

HOSTILE = '<script>alert("1")</script>'
LINK = re.compile(r'href="(/[^"]+)"')


def _page(client: Client, path: str) -> str:
    answer = client.send("GET", path, token=None)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    return answer.text


def test_everything_that_happened_is_on_the_page_and_every_link_opens(client: Client) -> None:
    run = client.finish({"items": 3, "records": {"OUTPUT": {"a": 1}}, "exitMessage": "All is well"})
    client.data(
        "POST", f"/v2/request-queues/{run['defaultRequestQueueId']}/requests", json={"url": "u", "uniqueKey": "u"}
    )
    client.apify.control.add_fault("cut-body", path="/v2/users/me")
    overview = _page(client, "/")
    for text in (run["id"], "apify/scenario", "SUCCEEDED", "All is well", "POST /v2/actors/{actorId}/runs", "cut-body"):
        assert text in overview
    links = set(LINK.findall(overview))
    assert len(links) == 4
    pages = "".join(_page(client, link) for link in links)
    assert "Product 2" in pages
    assert "OUTPUT" in pages
    assert "ACTOR: Starting build" in pages


def test_the_page_says_what_each_run_has_cost_and_all_of_them(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.settings(cost_settles_seconds=0)
    runs = [client.finish({"chargedEvents": {"page": count}}) for count in (2, 3)]
    overview = _page(client, "/")
    assert "<tr><td>Runs ever started</td><td>2</td></tr>" in overview
    for cost in ("$0.0200", "$0.0300", "$0.0500"):
        assert cost in overview
    assert "$0.0300" in _page(client, f"/actors/runs/{runs[1]['id']}")


def test_the_paths_are_those_of_console(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.settings(console_url=local_apify.base_url)
    run = client.finish({"items": 1})
    dataset = client.data("GET", f"/v2/datasets/{run['defaultDatasetId']}")
    assert "Product 0" in _page(client, dataset["consoleUrl"].removeprefix(local_apify.base_url))
    assert run["id"] in _page(client, f"/actors/runs/{run['id']}")


def test_links_of_tasks_lead_to_the_pages_where_the_environment_says_so(local_apify: LocalApify) -> None:
    program = "from airflow_provider_apify.models.runs import run_url; print(run_url('abc'))"
    environment = {**os.environ, "APIFY_CONSOLE_URL": f"{local_apify.base_url}/"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert done.stdout.splitlines()[-1] == f"{local_apify.base_url}/actors/runs/abc"


def test_what_users_have_written_is_text_and_no_markup(client: Client) -> None:
    run = client.finish({"records": {"A": HOSTILE}, "exitMessage": HOSTILE, "logLines": [HOSTILE]})
    client.send("POST", f"/v2/datasets/{run['defaultDatasetId']}/items", json=[{"a": HOSTILE}])
    queue = f"/v2/request-queues/{run['defaultRequestQueueId']}/requests"
    client.data("POST", queue, json={"url": HOSTILE, "uniqueKey": "u"})
    client.apify.control.add_fault("cut-body", path=HOSTILE)
    overview = _page(client, "/")
    for page in (overview, *(_page(client, link) for link in LINK.findall(overview))):
        assert "<script" not in page
        assert "script" in page or "alert" not in page


def test_no_page_shows_a_token(client: Client, local_apify: LocalApify) -> None:
    said = f"{local_apify.token} {local_apify.other_token}"
    run = client.finish({"records": {"A": said}, "exitMessage": said, "logLines": [said]})
    overview = _page(client, "/")
    for page in (overview, *(_page(client, link) for link in LINK.findall(overview))):
        assert local_apify.token not in page
        assert local_apify.other_token not in page
    assert run["id"] in overview


@pytest.mark.parametrize("path", ["/actors/runs/x", "/storage/datasets/x", "/storage/key-value/%3Cb%3E"])
def test_what_does_not_exist_is_said_on_a_page(client: Client, path: str) -> None:
    answer = client.send("GET", path, token=None)
    assert (answer.status_code, "There is no" in answer.text, "<b>" in answer.text) == (404, True, False)
