"""Crawlee and the SDK for JavaScript, with the local Apify as their cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.javascript.conftest import Run

if TYPE_CHECKING:
    from tests.local_apify.client import Client


def test_a_crawler_works_through_a_queue_of_the_local_apify_and_stores_what_it_finds(
    program: Run, client: Client
) -> None:
    said = program("""
        const { Actor } = require('apify');
        const { BasicCrawler } = require('@crawlee/basic');
        await Actor.init();
        const queue = await Actor.openRequestQueue('crawl', { forceCloud: true });
        const dataset = await Actor.openDataset('pages', { forceCloud: true });
        let failures = 0;
        const crawler = new BasicCrawler({
            requestQueue: queue,
            maxConcurrency: 4,
            async requestHandler({ request, crawler }) {
                const html = await (await fetch(request.url)).text();
                if (request.userData.depth === 0 && failures++ === 0) throw new Error('Try again');
                const links = [...html.matchAll(/href="([^"]+)"/g)].map(([, path]) => new URL(path, baseUrl).href);
                await dataset.pushData({ url: request.url, links: links.length });
                if (request.userData.depth < 1) {
                    const next = { depth: request.userData.depth + 1 };
                    await crawler.addRequests(links.map((url) => ({ url, userData: next })));
                }
            },
        });
        await crawler.run([{ url: `${baseUrl}/shop/`, userData: { depth: 0 } }]);
        return { finished: crawler.stats.state.requestsFinished, retried: crawler.stats.state.requestsRetries };
    """)
    assert said == {"finished": 9, "retried": 1}
    items = client.send("GET", "/v2/datasets/local~pages/items").json()
    assert len({item["url"] for item in items}) == 9
    counts = client.data("GET", "/v2/request-queues/local~crawl")
    assert (counts["handledRequestCount"], counts["pendingRequestCount"]) == (9, 0)


def test_a_request_has_nothing_but_what_was_set(program: Run) -> None:
    said: dict[str, Any] = program("""
        const { id } = await client.requestQueues().getOrCreate();
        const queue = client.requestQueue(id);
        const { requestId } = await queue.addRequest({ url: 'https://e.com', uniqueKey: 'a', payload: null });
        return await queue.getRequest(requestId);
    """)
    assert said.keys() == {"id", "url", "uniqueKey", "method", "retryCount"}


def test_a_request_that_is_put_back_is_worked_on_again(program: Run) -> None:
    said = program("""
        const queue = client.requestQueue((await client.requestQueues().getOrCreate()).id);
        const { requestId } = await queue.addRequest({ url: 'https://e.com', uniqueKey: 'a' });
        await queue.addRequest({ url: 'https://e.com/2', uniqueKey: 'b' });
        const request = await queue.getRequest(requestId);
        await queue.updateRequest({ ...request, handledAt: new Date().toISOString() });
        const left = (await queue.listHead()).items.map(({ uniqueKey }) => uniqueKey);
        await queue.updateRequest({ ...request, retryCount: 1 });
        const again = (await queue.listHead()).items.map(({ uniqueKey }) => uniqueKey);
        await queue.updateRequest(request, { forefront: true });
        return [left, again, (await queue.listHead()).items.map(({ uniqueKey }) => uniqueKey)];
    """)
    assert said == [["b"], ["b", "a"], ["a", "b"]]


def test_a_lock_belongs_to_the_client_key_that_took_it(program: Run) -> None:
    said = program("""
        const { id } = await client.requestQueues().getOrCreate();
        const [mine, other] = ['me', 'other'].map((clientKey) => client.requestQueue(id, { clientKey }));
        await mine.batchAddRequests(['a', 'b'].map((key) => ({ url: `https://e.com/${key}`, uniqueKey: key })));
        const { items: [locked] } = await mine.listAndLockHead({ limit: 1, lockSecs: 60 });
        const refused = [];
        for (const attempt of [
            () => other.prolongRequestLock(locked.id, { lockSecs: 60 }),
            () => other.deleteRequestLock(locked.id),
        ]) refused.push(await attempt().then(() => null, ({ type }) => type));
        const { lockExpiresAt } = await mine.prolongRequestLock(locked.id, { lockSecs: 600 });
        await mine.updateRequest(locked);
        const stillMine = (await other.listHead()).items.length;
        await mine.deleteRequestLock(locked.id, { forefront: true });
        const free = (await other.listHead()).items.map(({ uniqueKey }) => uniqueKey);
        return { refused, longer: new Date(lockExpiresAt) > new Date(locked.lockExpiresAt), stillMine, free };
    """)
    refused = ["request-handled-or-locked"] * 2
    assert said == {"refused": refused, "longer": True, "stillMine": 1, "free": ["a", "b"]}
