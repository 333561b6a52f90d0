from __future__ import annotations

import json

import pytest

from local_apify.world.webhook_templates import DEFAULT_PAYLOAD, render

VARIABLES = {"resource": {"id": 'a"b', "stats": {"n": 3}}, "eventType": "X"}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{"id": {{resource.id}}}', {"id": 'a"b'}),
        ('{"n": {{ resource.stats.n }}, "all": {{resource.stats}}}', {"n": 3, "all": {"n": 3}}),
        ('{"none": {{resource.no.such}}}', {"none": None}),
        ('{"kept": "{{eventType}}"}', {"kept": "{{eventType}}"}),
        ('{"quote": "\\"{{eventType}}"}', {"quote": '"{{eventType}}'}),
    ],
)
def test_variables_outside_strings_become_json(template: str, expected: object) -> None:
    assert json.loads(render(template, VARIABLES)) == expected


def test_variables_inside_strings_become_text_when_asked() -> None:
    rendered = render('{"say": "{{eventType}}: {{resource.id}}, {{resource.stats}}"}', VARIABLES, inside_strings=True)
    assert json.loads(rendered) == {"say": 'X: a"b, {"n": 3}'}


def test_the_default_payload_has_what_apify_documents() -> None:
    assert set(json.loads(render(DEFAULT_PAYLOAD, {}))) == {
        "userId",
        "createdAt",
        "eventType",
        "eventData",
        "resource",
    }
