"""Apify's client for JavaScript, which packs each body of 1 KiB and more with Brotli."""

from __future__ import annotations

from typing import Any

import pytest

from tests.javascript.conftest import Run


def test_long_bodies_arrive_whatever_they_are_sent_to(program: Run) -> None:
    said = program("""
        const long = 'žluť'.repeat(1000);
        const { id } = await client.datasets().getOrCreate();
        await client.dataset(id).pushItems([{ long }, { long }]);
        const { items } = await client.dataset(id).listItems();
        const store = client.keyValueStore((await client.keyValueStores().getOrCreate()).id);
        await store.setRecord({ key: 'LONG', value: { long } });
        const record = await store.getRecord('LONG');
        const run = await client.actor('apify/hello-world').call({ message: long });
        const greeting = (await client.dataset(run.defaultDatasetId).listItems()).items[0];
        const queue = client.requestQueue((await client.requestQueues().getOrCreate()).id);
        const page = (i) => ({ url: `https://e.com/${i}`, uniqueKey: `${i}`, userData: { long } });
        const pages = [...Array(60)].map((_, i) => page(i));
        const { processedRequests, unprocessedRequests } = await queue.batchAddRequests(pages);
        return {
            items: items.map((item) => item.long === long),
            record: record.value.long === long,
            greeting: greeting.message === long,
            added: [processedRequests.length, unprocessedRequests.length],
        };
    """)
    assert said == {"items": [True, True], "record": True, "greeting": True, "added": [60, 0]}


def test_a_record_comes_back_packed_to_who_can_unpack_it_and_plain_to_who_cannot(program: Run) -> None:
    said = program("""
        const store = client.keyValueStore((await client.keyValueStores().getOrCreate()).id);
        await store.setRecord({ key: 'LONG', value: 'x'.repeat(5000), contentType: 'text/plain' });
        const { items: [key] } = await store.listKeys();
        const seen = {};
        for (const coding of ['br', 'gzip', 'identity']) {
            const answer = await fetch(key.recordPublicUrl, { headers: { 'Accept-Encoding': coding } });
            seen[coding] = [answer.headers.get('content-encoding'), (await answer.text()).length];
        }
        return { size: key.size < 1000, seen };
    """)
    assert said == {"size": True, "seen": {"br": ["br", 5000], "gzip": [None, 5000], "identity": [None, 5000]}}


@pytest.mark.parametrize("coding", ["br", "gzip", "deflate"])
def test_items_come_packed_as_the_client_asks(program: Run, coding: str) -> None:
    said = program(f"""
        const run = await client.actor('apify/scenario').call({{ items: 500 }});
        const address = `${{baseUrl}}/v2/datasets/${{run.defaultDatasetId}}/items?token=${{process.env.APIFY_TOKEN}}`;
        const answer = await fetch(address, {{ headers: {{ 'Accept-Encoding': '{coding}' }} }});
        return [answer.headers.get('content-encoding'), (await answer.json()).length];
    """)
    assert said == [coding, 500]


def test_signed_urls_open_what_they_were_made_for_whatever_the_storage_is_called(program: Run) -> None:
    said = program("""
        const opened = [];
        for (let i = 0; i < 12; i++) {
            const { id } = await client.datasets().getOrCreate();
            await client.dataset(id).pushItems([{ i }]);
            const store = await client.keyValueStores().getOrCreate();
            await client.keyValueStore(store.id).setRecord({ key: 'A', value: i });
            for (const url of [
                await client.dataset(id).createItemsPublicUrl(),
                await client.dataset(id).createItemsPublicUrl({ expiresInSecs: 600 }),
                await client.keyValueStore(store.id).createKeysPublicUrl(),
                await client.keyValueStore(store.id).getRecordPublicUrl('A'),
            ]) opened.push((await fetch(url)).status);
        }
        return opened;
    """)
    assert said == [200] * 48


def test_a_signed_url_that_has_expired_opens_nothing(program: Run) -> None:
    said: dict[str, Any] = program("""
        const { id } = await client.datasets().getOrCreate();
        const answer = await fetch(await client.dataset(id).createItemsPublicUrl({ expiresInSecs: -600 }));
        return { status: answer.status, type: (await answer.json()).error.type };
    """)
    assert said["status"] in {401, 403}
