"""The smallest Actor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local_apify.world.context import ActorContext, actor

_DESCRIPTION = "Say hello: the quickest way to see a run, its dataset and its key-value store."
_SCHEMA: Mapping[str, Any] = {
    "title": "Hello World",
    "type": "object",
    "schemaVersion": 1,
    "properties": {
        "message": {
            "title": "Message",
            "type": "string",
            "description": "What to say.",
            "editor": "textfield",
            "default": "Hello World!",
        }
    },
}


@actor(
    "apify/hello-world",
    given_id="E2jjCZBezvAZnX8Rb",
    title="Hello World",
    memory_mbytes=256,
    input_schema=_SCHEMA,
    description=_DESCRIPTION,
)
async def hello_world(context: ActorContext) -> None:
    """Say hello: one item in the dataset, and the same as OUTPUT."""
    message = context.input.get("message", "Hello World!") if isinstance(context.input, dict) else "Hello World!"
    context.log(message)
    greeting = {"message": message}
    await context.push_data(greeting)
    await context.set_value("OUTPUT", greeting)
