"""What Apify's own people ship for JavaScript, on the local Apify: programs in Node.js that end with a value."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local_apify import LocalApify
from tests.local_apify.client import Client
from tools.environment import clean_environment
from tools.server_programs import JavaScript, javascript

_SECONDS = 120
_PROGRAM = """
const {{ ApifyClient }} = require('apify-client');
const baseUrl = process.env.APIFY_API_BASE_URL;
const client = new ApifyClient({{ token: process.env.APIFY_TOKEN, baseUrl, publicBaseUrl: baseUrl }});
(async () => {{
{body}
}})().then(
  (value) => {{
    require('fs').writeFileSync(process.env.RESULT_FILE, JSON.stringify(value ?? null));
    process.exit(0); // the SDK has timers that go on
  }},
  (error) => {{ console.error(error); process.exit(1); }},
);
"""
Run = Callable[..., Any]


@pytest.fixture(scope="session")
def packages() -> JavaScript:
    """Return Node.js with Apify's packages; the first test that wants them gets them."""
    return javascript("javascript")


@pytest.fixture
def client(local_apify: LocalApify) -> Iterator[Client]:
    """Return a bare client of the same local Apify."""
    client = Client(local_apify)
    with client.session:
        yield client


@pytest.fixture
def program(packages: JavaScript, local_apify: LocalApify, tmp_path: Path) -> Run:
    """Return what runs a program to its end, and returns what it returns.

    The program has ``client``, an ``ApifyClient`` as users make it, and the environment that Apify's own tools read.
    """

    def run(body: str, **environment: str) -> Any:
        result = tmp_path / "result.json"
        done = subprocess.run(  # noqa: S603 - our own program
            [packages.node, "-e", _PROGRAM.format(body=body)],
            cwd=tmp_path,
            env=clean_environment(
                **{
                    "NODE_PATH": str(packages.modules),
                    "APIFY_TOKEN": local_apify.token,
                    "APIFY_API_BASE_URL": local_apify.base_url,
                    "APIFY_CLIENT_BASE_URL": local_apify.base_url,
                    "RESULT_FILE": str(result),
                    **environment,
                }
            ),
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
        assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
        return json.loads(result.read_text(encoding="utf-8"))

    return run
