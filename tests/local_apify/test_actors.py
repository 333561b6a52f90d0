"""The Actors: the built-in ones, and a user's own."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from local_apify import ActorContext, LocalApify, RunEnd, Settings, actor, expected_crawl, scenario_item, shop_pages
from local_apify.actors.legacy import pattern_of
from tests.local_apify.client import WAIT, Client, until

if TYPE_CHECKING:
    from collections.abc import Iterator

CRAWLER = "/v2/actors/apify~website-content-crawler/runs"
OLD_CRAWLER = "/v2/acts/apify~legacy-phantomjs-crawler/runs"


def _items(client: Client, run: dict[str, Any]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client.send("GET", f"/v2/datasets/{run['defaultDatasetId']}/items").json()
    return items


def _crawl(client: Client, path: str = "/shop/", **options: Any) -> dict[str, Any]:
    body = {"startUrls": [{"url": client.apify.base_url + path}], **options}
    run: dict[str, Any] = client.data("POST", CRAWLER, json=body, params=WAIT)
    return run


def test_hello_world_stores_one_item_and_its_output(client: Client) -> None:
    run = client.data("POST", "/v2/actors/apify~hello-world/runs", json={"message": "Ahoj"}, params=WAIT)
    assert _items(client, run) == [{"message": "Ahoj"}]
    assert client.send("GET", f"/v2/actor-runs/{run['id']}/key-value-store/records/OUTPUT").json() == {
        "message": "Ahoj"
    }


def test_the_crawler_finds_the_whole_shop_in_order(client: Client) -> None:
    run = _crawl(client)
    assert (run["status"], run["statusMessage"]) == ("SUCCEEDED", "Crawled 201/201 pages, 0 failed requests")
    assert _items(client, run) == expected_crawl(client.apify.base_url)


@pytest.mark.parametrize(
    ("options", "pages"), [({"maxCrawlDepth": 0}, 1), ({"maxCrawlDepth": 1}, 9), ({"maxCrawlPages": 30}, 30)]
)
def test_the_crawler_keeps_within_depth_and_pages(client: Client, options: dict[str, Any], pages: int) -> None:
    items = _items(client, _crawl(client, **options))
    assert len(items) == pages
    assert items == expected_crawl(client.apify.base_url, max_pages=pages)


def test_the_crawler_reports_pages_that_fail(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.add_fault("answer", path="/shop/categories/garden", status=503)
    run = _crawl(client, maxCrawlDepth=1)
    assert run["statusMessage"] == "Crawled 8/9 pages, 1 failed requests"
    assert "categories/garden failed" in client.send("GET", f"/v2/actor-runs/{run['id']}/log").text


def test_the_crawler_does_not_start_without_start_urls(client: Client) -> None:
    answer = client.send("POST", CRAWLER, json={})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "Input is not valid: Field input.startUrls is required"


def test_the_saved_daily_crawl_takes_twenty_pages_of_the_shop(client: Client) -> None:
    run = client.data("POST", "/v2/actor-tasks/local~daily-crawl/runs", params=WAIT)
    assert _items(client, run) == expected_crawl(client.apify.base_url, max_pages=20)


def _crawl_as_before(client: Client, **options: Any) -> dict[str, Any]:
    shop = client.apify.base_url + "/shop/"
    body = {
        "startUrls": [{"key": "START", "value": shop}],
        "crawlPurls": [{"key": "CATEGORY", "value": shop + "categories/[.*]"}, {"value": shop + "[products/.*-[12]]"}],
        "clickableElementsSelector": "a",
        "customData": {"n": 1},
        **options,
    }
    run: dict[str, Any] = client.data("POST", OLD_CRAWLER, json=body, params=WAIT)
    return run


def test_the_old_crawler_follows_the_links_that_its_pseudo_urls_match(client: Client) -> None:
    items = _items(client, _crawl_as_before(client))
    pages = [page for page in shop_pages() if page.depth < 2 or page.path[-2:] in ("-1", "-2")]
    assert [item["url"] for item in items] == [client.apify.base_url + page.path for page in pages]
    assert [item["pageFunctionResult"]["title"] for item in items] == [page.title for page in pages]
    assert [item["label"] for item in items[:2] + items[-1:]] == ["START", "CATEGORY", None]
    assert [item["type"] for item in items[:2]] == ["StartUrl", "FoundLink"]
    assert items[1]["referrerId"] == items[0]["id"]
    assert items[-1]["depth"] == 2
    assert items[0]["pageFunctionResult"]["customData"] == {"n": 1}


@pytest.mark.parametrize(
    ("options", "pages"),
    [
        ({"crawlPurls": []}, 1),
        ({"clickableElementsSelector": ""}, 1),
        ({"maxCrawlDepth": 1}, 9),
        ({"maxCrawledPages": 4}, 4),
        ({"maxOutputPages": 3}, 3),
    ],
)
def test_the_old_crawler_keeps_its_limits(client: Client, options: dict[str, Any], pages: int) -> None:
    assert len(_items(client, _crawl_as_before(client, **options))) == pages


def test_the_results_of_the_old_crawler_can_be_had_simplified_and_without_failed_pages(
    client: Client, local_apify: LocalApify
) -> None:
    local_apify.control.add_fault("answer", path="/shop/categories/garden", status=503)
    run = _crawl_as_before(client, maxCrawlDepth=1, customData="mine")
    path = f"/v2/datasets/{run['defaultDatasetId']}/items"
    failed = _items(client, run)[2]
    simplified = client.send("GET", path, params={"simplified": "1", "offset": "1", "limit": "2"}).json()
    good = client.send("GET", path, params={"simplified": "1", "skipFailedPages": "1", "offset": "1", "limit": "2"})

    shop = client.apify.base_url + "/shop/categories/"
    kitchen = {"url": f"{shop}kitchen", "errorInfo": None, "title": "Kitchen | The Corner Shop", "customData": "mine"}
    assert (failed["url"], failed["pageFunctionResult"]) == (f"{shop}garden", None)
    assert "503" in failed["errorInfo"]
    assert simplified == [kitchen, {key: failed[key] for key in ("url", "pageFunctionResult", "errorInfo")}]
    assert good.json() == [kitchen]


@pytest.mark.parametrize(
    ("purl", "url", "matches"),
    [
        ("https://a.io/[.*]", "https://a.io/x/y", True),
        ("https://a.io/[.*]", "https://a-io/x", False),
        ("https://a.io/[(b|c)]/[[0-9]+]", "https://a.io/c/12", True),
        ("https://a.io/[b|c]/d", "https://a.io/b/d", True),
        ("https://a.io/[[0-9]+]", "https://a.io/", False),
        (" https://a.io/x]y ", "https://a.io/x]y", True),
    ],
)
def test_a_pseudo_url_is_a_url_with_expressions_in_brackets(*, purl: str, url: str, matches: bool) -> None:
    assert bool(pattern_of(purl).fullmatch(url)) is matches


def test_the_shop_is_the_same_every_time_and_has_no_dead_links(client: Client) -> None:
    pages = shop_pages()
    assert [page.html for page in pages] == [page.html for page in shop_pages()]
    paths = {page.path for page in pages}
    assert {link for page in pages for link in page.links} == paths
    assert client.send("GET", pages[-1].path, token=None).content == pages[-1].html
    assert client.send("GET", "/shop/nothing").status_code == 404
    assert all(urlsplit(path).path == path for path in paths)


def test_a_scenario_says_charges_logs_and_stores_what_its_input_says(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.settings(cost_settles_seconds=0)
    run = client.finish(
        {
            "items": 2,
            "itemBytes": 250,
            "firstItem": 5,
            "logLines": 3,
            "records": {"NOTE": [1]},
            "statusMessages": ["Working"],
            "exitMessage": "All done",
            "chargedEvents": {"page": 2},
        }
    )
    assert _items(client, run) == [scenario_item(5, 250), scenario_item(6, 250)]
    assert (run["statusMessage"], run["chargedEventCounts"]) == ("All done", {"page": 2})
    assert client.send("GET", f"/v2/actor-runs/{run['id']}/log").text.count("Line ") == 3


def test_status_messages_follow_each_other_in_time(client: Client) -> None:
    slow = client.start({"statusMessages": ["first", "second"], "durationSecs": 1200})
    until(lambda: client.data("GET", f"/v2/actor-runs/{slow['id']}")["statusMessage"] == "first")
    assert client.finish({"statusMessages": ["first", "second"]})["statusMessage"] == "second"


VIEWS = {"actorSpecification": 1, "views": {"overview": {"title": "Overview"}}}


@actor("me/own", title="My own", memory_mbytes=512, event_prices={"greeting": 0.5}, dataset_schema=VIEWS)
async def own(context: ActorContext) -> None:
    """Greet."""
    await context.push_data([{"greeting": context.input["word"]}])
    await context.set_value("IDS", [context.run_id, context.dataset_id, context.store_id])
    await context.set_value("NOTE.txt", "noted", "text/plain")
    await context.charge("greeting")
    await context.set_status_message("Greeted", is_terminal=True)


@actor("me/broken")
async def broken(context: ActorContext) -> None:
    context.log(context.input.decode())
    raise RuntimeError("The site is down")


@actor("me/early")
async def early(_context: ActorContext) -> None:
    raise RunEnd("TIMED-OUT", "Not today")


@pytest.fixture(scope="module")
def mine() -> Iterator[Client]:
    with LocalApify(actors=[own, broken, early]) as apify:
        client = Client(apify)
        with client.session:
            yield client


def test_a_user_can_add_actors(mine: Client) -> None:
    run = mine.data("POST", "/v2/actors/me~own/runs", json={"word": "Hi"}, params=WAIT)
    assert (run["status"], run["statusMessage"], run["options"]["memoryMbytes"]) == ("SUCCEEDED", "Greeted", 512)
    assert _items(mine, run) == [{"greeting": "Hi"}]
    note = mine.send("GET", f"/v2/actor-runs/{run['id']}/key-value-store/records/NOTE.txt")
    assert (note.text, note.headers["Content-Type"]) == ("noted", "text/plain")
    ids = mine.send("GET", f"/v2/actor-runs/{run['id']}/key-value-store/records/IDS").json()
    assert ids == [run["id"], run["defaultDatasetId"], run["defaultKeyValueStoreId"]]
    assert run["pricingInfo"]["pricingModel"] == "PAY_PER_EVENT"


def test_the_build_of_an_actor_says_what_is_known_of_it(mine: Client) -> None:
    definition = mine.data("GET", "/v2/actors/me~own/builds/default")["actorDefinition"]
    assert definition.pop("input")["title"] == "Input of My own"
    assert definition == {
        "actorSpecification": 1,
        "name": "own",
        "title": "My own",
        "description": "Greet.",
        "version": "0.1",
        "readme": "# My own\n\nGreet.\n",
        "storages": {"dataset": VIEWS},
    }
    assert "storages" not in mine.data("GET", "/v2/actors/me~early/builds/default")["actorDefinition"]


def test_an_actor_that_raises_fails_its_run_with_its_own_words(mine: Client) -> None:
    run = mine.data(
        "POST", "/v2/actors/me~broken/runs", data=b"raw", headers={"Content-Type": "text/plain"}, params=WAIT
    )
    assert (run["status"], run["exitCode"], run["statusMessage"]) == ("FAILED", 1, "The site is down")
    log = mine.send("GET", f"/v2/actor-runs/{run['id']}/log").text
    assert " raw\n" in log
    assert "RuntimeError: The site is down" in log


def test_an_actor_can_end_its_run_as_it_likes(mine: Client) -> None:
    run = mine.data("POST", "/v2/actors/me~early/runs", params=WAIT)
    assert (run["status"], run["statusMessage"]) == ("TIMED-OUT", "Not today")


def test_an_ending_that_does_not_exist_fails_the_run(client: Client) -> None:
    run = client.finish({"endAs": "EXPLODED"})
    assert run["status"] == "FAILED"
    assert "not as 'EXPLODED'" in run["statusMessage"]


def test_an_actor_without_a_user_in_its_name_is_refused() -> None:
    with pytest.raises(ValueError, match="username/actor-name"):
        actor("nameless")


def test_an_actor_sees_how_many_items_are_paid_for() -> None:
    @actor("me/counts")
    async def counts(context: ActorContext) -> None:
        await context.push_data({"paid": context.max_items})

    with LocalApify(actors=[counts]) as apify, Client(apify).session:
        client = Client(apify)
        runs = "/v2/actors/me~counts/runs"
        given = [client.data("POST", runs, params={**WAIT, **more}) for more in ({}, {"maxItems": 7})]
        assert [_items(client, run) for run in given] == [[{"paid": None}], [{"paid": 7}]]


def test_a_run_whose_time_is_over_while_it_tidies_up_ends_once() -> None:
    @actor("me/stubborn")
    async def stubborn(_context: ActorContext) -> None:
        await asyncio.Event().wait()

    with LocalApify(actors=[stubborn], settings=Settings(graceful_abort_seconds=60)) as apify, Client(apify).session:
        client = Client(apify)
        hook = {"eventTypes": ["ACTOR.RUN.ABORTED", "ACTOR.RUN.TIMED_OUT"], "requestUrl": "http://127.0.0.1:9/"}
        webhooks = base64.b64encode(json.dumps([hook]).encode()).decode()
        run = client.data("POST", "/v2/actors/me~stubborn/runs", params={"timeout": 1, "webhooks": webhooks})
        client.until_running(run["id"])
        client.data("POST", f"/v2/actor-runs/{run['id']}/abort", params={"gracefully": 1})
        assert client.wait(run["id"])["status"] == "ABORTED"
        dispatches = client.data("GET", "/v2/webhook-dispatches")["items"]
        assert [dispatch["eventType"] for dispatch in dispatches] == ["ACTOR.RUN.ABORTED"]
