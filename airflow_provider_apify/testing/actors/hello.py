"""The smallest Actor."""

from __future__ import annotations

from airflow_provider_apify.testing.actor import ActorContext, actor


@actor("apify/hello-world", title="Hello World", memory_mbytes=256)
async def hello_world(context: ActorContext) -> None:
    """Say hello: one item in the dataset, and the same as OUTPUT."""
    message = context.input.get("message", "Hello World!") if isinstance(context.input, dict) else "Hello World!"
    context.log(message)
    greeting = {"message": message}
    await context.push_data(greeting)
    await context.set_value("OUTPUT", greeting)
