"""Actors and runs, as Apify's client for JavaScript uses them."""

from __future__ import annotations

from typing import Any

from tests.javascript.conftest import Run


def test_an_actor_may_have_capitals_in_its_name_and_no_versions(program: Run) -> None:
    said = program("""
        const { id } = await client.actors().create({ name: 'My-Actor' });
        const { items } = await client.actor('local/My-Actor').versions().list();
        const { name } = await client.actor(id).get();
        await client.actor(id).delete();
        return { name, versions: items.length };
    """)
    assert said == {"name": "My-Actor", "versions": 0}


def test_an_actor_s_statistics_are_whole_and_its_owner_exists(program: Run) -> None:
    said: dict[str, Any] = program("""
        await client.actor('apify/hello-world').call();
        const { stats, userId } = await client.actor('apify/hello-world').get();
        const [byName, byId] = [await client.user('apify').get(), await client.user(userId).get()];
        return { stats, same: byName.id === byId.id, id: byName.id, userId, username: byId.username };
    """)
    assert said["stats"].keys() >= {"totalBuilds", "totalRuns", "totalUsers", "totalMetamorphs", "lastRunStartedAt"}
    assert (said["stats"]["totalBuilds"], said["stats"]["totalRuns"]) == (1, 1)
    assert (said["same"], said["id"], said["username"]) == (True, said["userId"], "apify")


def test_a_build_takes_a_moment_in_which_it_can_be_aborted(program: Run) -> None:
    said = program("""
        const sourceFiles = [{ name: 'main.js', format: 'TEXT', content: '' }];
        const versions = [{ versionNumber: '0.1', sourceType: 'SOURCE_FILES', buildTag: 'latest', sourceFiles }];
        const { id } = await client.actors().create({ name: 'slow-build', versions });
        const build = await client.actor(id).build('0.1');
        await client.build(build.id).abort();
        return (await client.build(build.id).waitForFinish()).status;
    """)
    assert said == "ABORTED"


def test_a_run_that_has_ended_can_still_say_something_else(program: Run) -> None:
    said = program("""
        const run = await client.actor('apify/hello-world').call();
        await client.run(run.id).update({ statusMessage: 'Checked', isStatusMessageTerminal: true });
        const refusal = await client.run(run.id).metamorph('apify/hello-world').catch(({ message }) => message);
        return [(await client.run(run.id).get()).statusMessage, refusal.includes('already finished')];
    """)
    assert said == ["Checked", True]


def test_an_ad_hoc_webhook_can_be_added_to_a_run_that_is_going(program: Run) -> None:
    said = program("""
        const run = await client.actor('apify/scenario').start({ durationSecs: 30 });
        const webhook = await client.webhooks().create({
            isAdHoc: true,
            eventTypes: ['ACTOR.RUN.ABORTED'],
            requestUrl: `${baseUrl}/shop/`,
            condition: { actorRunId: run.id },
        });
        await client.run(run.id).abort();
        await client.run(run.id).waitForFinish();
        return [webhook.isAdHoc, (await client.webhook(webhook.id).dispatches().list()).total];
    """)
    assert said == [True, 1]


def test_urls_for_others_begin_as_the_client_reaches_the_server(program: Run) -> None:
    said = program("""
        const address = baseUrl.replace('127.0.0.1', 'localhost');
        const local = new ApifyClient({ token: process.env.APIFY_TOKEN, baseUrl: address });
        const dataset = await local.datasets().getOrCreate();
        const store = await local.keyValueStores().getOrCreate();
        return [dataset.itemsPublicUrl, store.keysPublicUrl].map((url) => new URL(url).hostname);
    """)
    assert said == ["localhost", "localhost"]


def test_the_store_is_searched_by_words(program: Run) -> None:
    said = program("""
        const names = async (search) => (await client.store().list({ search })).items.map(({ name }) => name);
        return [await names('crawler text websites'), await names('no-such-thing text')];
    """)
    assert said == [["website-content-crawler"], []]
