"""What users of the official client do with Actors of their own, their versions and builds, and with the store."""

from __future__ import annotations

import json
from typing import Any

import pytest
from apify_client.errors import ApifyApiError

from tests.official.conftest import gathered

SCHEMA = {"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"]}
FILES = [
    {"name": ".actor/actor.json", "format": "TEXT", "content": '{"actorSpecification": 1, "input": "./schema.json"}'},
    {"name": ".actor/schema.json", "format": "TEXT", "content": json.dumps(SCHEMA)},
    {"name": "README.md", "format": "TEXT", "content": "# Mine"},
]
VERSION = {"version_number": "0.1", "source_type": "SOURCE_FILES", "build_tag": "latest", "source_files": FILES}


async def own_actor(official: Any, **settings: Any) -> Any:
    """Create an Actor that has one version, and return a client of it."""
    made = await official.actors().create(name="mine", versions=[VERSION], **settings)
    return official.actor(made.id)


async def test_an_actor_is_created_changed_listed_and_deleted(official: Any) -> None:
    actor = await own_actor(official, title="Mine", description="My own", default_run_memory_mbytes=512)
    made = await actor.get()
    assert (made.name, made.title, made.default_run_options.memory_mbytes) == ("mine", "Mine", 512)
    assert (await actor.update(title="Yours", categories=["AI"], is_deprecated=True)).title == "Yours"
    assert (await actor.update(name="yours")).name == "yours"
    assert (await official.actor("local/yours").get()).id == made.id
    assert [each.name for each in (await official.actors().list(my=True)).items] == ["yours"]
    assert "yours" in [each.name for each in await gathered(official.actors().iterate(desc=True))]
    await actor.delete()
    assert await actor.get() is None


async def test_a_name_belongs_to_one_actor_and_an_actor_to_its_owner(official: Any) -> None:
    await own_actor(official)
    with pytest.raises(ApifyApiError, match="another Actor"):
        await own_actor(official)
    with pytest.raises(ApifyApiError, match="Insufficient permissions for the Actor"):
        await official.actor("apify/hello-world").update(title="Mine")


async def test_versions_are_created_changed_listed_and_deleted(official: Any) -> None:
    actor = await own_actor(official)
    made = await actor.versions().create(
        version_number="0.2", source_type="GIT_REPO", git_repo_url="https://e.com/x", build_tag="beta"
    )
    assert (made.version_number, made.build_tag) == ("0.2", "beta")
    version = actor.version("0.2")
    assert (await version.update(build_tag="canary", apply_env_vars_to_build=True)).git_repo_url == "https://e.com/x"
    assert (await version.get()).build_tag == "canary"
    assert [each.version_number for each in (await actor.versions().list()).items] == ["0.1", "0.2"]
    assert len(await gathered(actor.versions().iterate())) == 2
    await version.delete()
    assert await version.get() is None
    with pytest.raises(ApifyApiError, match="one version at least"):
        await actor.version("0.1").delete()


async def test_environment_variables_keep_their_secrets(official: Any) -> None:
    version = (await own_actor(official)).version("0.1")
    await version.env_vars().create(name="OPEN", value="1")
    await version.env_vars().create(name="SECRET", value="s3cret", is_secret=True)
    listed = (await version.env_vars().list()).items
    assert [(each.name, each.value) for each in listed] == [("OPEN", "1"), ("SECRET", None)]
    assert len(await gathered(version.env_vars().iterate())) == 2
    assert (await version.env_var("OPEN").update(name="OPEN", value="2")).value == "2"
    assert (await version.env_var("OPEN").get()).value == "2"
    await version.env_var("OPEN").delete()
    assert await version.env_var("OPEN").get() is None
    with pytest.raises(ApifyApiError, match="already"):
        await version.env_vars().create(name="SECRET", value="other")


async def test_a_build_reads_what_the_actor_says_of_itself(official: Any) -> None:
    actor = await own_actor(official)
    with pytest.raises(ApifyApiError, match="Has the Actor been built"):
        await actor.start()
    started = await actor.build(version_number="0.1")
    build = official.build(started.id)
    assert (await build.wait_for_finish()).status == "SUCCEEDED"
    finished = await build.get()
    assert (finished.build_number, finished.actor_definition.input) == ("0.1.1", SCHEMA)
    assert "Building version 0.1" in await build.log().get()
    assert (await (await _default_build(actor)).get()).id == started.id
    definition = await build.get_open_api_definition()
    assert definition["components"]["schemas"]["inputSchema"] == SCHEMA
    assert [each.id for each in (await actor.builds().list()).items] == [started.id]
    assert started.id in [each.id for each in await gathered(official.builds().iterate(desc=True))]
    assert await actor.validate_input({"url": "u"})
    with pytest.raises(ApifyApiError, match="url is required"):
        await actor.validate_input({})


async def test_a_build_knows_the_whole_definition_of_its_actor(official: Any) -> None:
    said = {
        "actorSpecification": 1,
        "name": "mine",
        "title": "Mine",
        "description": "My own",
        "version": "0.1",
        "dockerfile": "./Dockerfile",
        "dockerContextDir": "..",
        "readme": "./ABOUT.md",
        "changelog": "../CHANGES.md",
        "storages": {"dataset": "./dataset.json"},
        "defaultMemoryMbytes": 1024,
        "minMemoryMbytes": 512,
        "maxMemoryMbytes": 2048,
    }
    views = {"actorSpecification": 1, "views": {"overview": {"title": "Overview"}}}
    texts = {
        ".actor/actor.json": json.dumps(said),
        ".actor/ABOUT.md": "# Mine",
        "CHANGES.md": "## 0.1",
        ".actor/dataset.json": json.dumps(views),
    }
    files = [{"name": name, "format": "TEXT", "content": text} for name, text in texts.items()]
    found = await _definition_of(official, "mine", files)
    assert found == {**said, "readme": "# Mine", "changelog": "## 0.1", "storages": {"dataset": views}}
    storages = {"dataset": views}
    files[0] |= {"content": json.dumps({"storages": storages})}
    assert await _definition_of(official, "yours", files) == {"storages": storages}


async def _definition_of(official: Any, name: str, files: list[dict[str, str]]) -> Any:
    """Build an Actor of some files, and return what the build says of its definition."""
    made = await official.actors().create(name=name, versions=[{**VERSION, "source_files": files}])
    build = await official.actor(made.id).build(version_number="0.1", wait_for_finish=60)
    return build.model_dump(by_alias=True, exclude_unset=True)["actorDefinition"]


async def _default_build(actor: Any) -> Any:
    found = actor.default_build(wait_for_finish=1)
    return await found if hasattr(found, "__await__") else found


async def test_builds_are_tagged_aborted_and_deleted(official: Any) -> None:
    actor = await own_actor(official)
    first = await actor.build(version_number="0.1", wait_for_finish=60)
    second = await actor.build(version_number="0.1", tag="beta", use_cache=True, wait_for_finish=60)
    assert (first.build_number, second.build_number) == ("0.1.1", "0.1.2")
    tagged = (await actor.update(tagged_builds={"latest": {"buildId": second.id}})).tagged_builds
    assert {tag: info.build_number for tag, info in tagged.items()} == {"latest": "0.1.2", "beta": "0.1.2"}
    await official.build(first.id).delete()
    assert await official.build(first.id).get() is None
    with pytest.raises(ApifyApiError, match="default build"):
        await official.build(second.id).delete()
    third = await actor.build(version_number="0.1", beta_packages=True)
    assert (await official.build(third.id).abort()).status == "ABORTED"


async def test_what_is_only_source_code_is_built_but_not_run(official: Any) -> None:
    actor = await own_actor(official)
    await actor.build(version_number="0.1", wait_for_finish=60)
    run = await actor.call(run_input={"url": "u"}, logger=None)
    assert run.status == "FAILED"
    assert "LocalApify(actors=[...])" in run.status_message


async def test_a_build_of_what_is_not_here_fails_and_says_so(official: Any) -> None:
    actor = await own_actor(official)
    await actor.versions().create(version_number="0.2", source_type="TARBALL", tarball_url="https://e.com/x.tar")
    broken = {"name": ".actor/actor.json", "format": "TEXT", "content": "{"}
    await actor.versions().create(version_number="0.3", source_type="SOURCE_FILES", source_files=[broken])
    unknown = {**broken, "content": '{"storages": {"dataset": "./dataset.json"}}'}
    await actor.versions().create(version_number="0.4", source_type="SOURCE_FILES", source_files=[unknown])
    for number, reason in (
        ("0.2", "fetches no TARBALL"),
        ("0.3", "ERROR: Expecting property name"),
        ("0.4", "ERROR: There is no file .actor/dataset.json"),
    ):
        build = await actor.build(version_number=number, wait_for_finish=60)
        assert build.status == "FAILED"
        assert reason in await official.log(build.id).get()


async def test_the_store_is_searched(official: Any) -> None:
    found = (await official.store().list(search="website-content", limit=5)).items
    assert [each.name for each in found] == ["website-content-crawler"]
    assert len(await gathered(official.store().iterate(username="apify"))) > 1
