"""Input schemas of the local Apify's Actors, judged by the validator that Apify's own platform and CLI use."""

from __future__ import annotations

from typing import Any

from local_apify import ActorContext, LocalApify, actor
from tests.javascript.conftest import Run

_VALIDATE = """
    const Ajv = require('ajv/dist/2019').default;
    const { validateInputSchema } = require('@apify/input_schema');
    const ajv = new Ajv({ strict: false, unicodeRegExp: false });
    const wrong = {}, seen = [];
    for (const { id, username, name } of (await client.actors().list()).items) {
        const { actorDefinition, readme } = await (await client.actor(id).defaultBuild()).get();
        const fullName = `${username}/${name}`;
        seen.push(fullName);
        if (!readme.startsWith('# ')) wrong[fullName] = 'no README';
        try {
            validateInputSchema(ajv, actorDefinition.input);
        } catch ({ message }) { wrong[fullName] = message; }
    }
    return { seen, wrong };
"""


@actor("tests/needs-fields", input_required=("first", "second"))
async def needs_fields(_context: ActorContext) -> None:
    """Need fields."""


def test_every_input_schema_is_one_of_apify_s(program: Run) -> None:
    with LocalApify(actors=[needs_fields]) as apify:
        said: dict[str, Any] = program(_VALIDATE, APIFY_API_BASE_URL=apify.base_url)
    assert {"apify/scenario", "tests/needs-fields"} <= set(said["seen"])
    assert said["wrong"] == {}
