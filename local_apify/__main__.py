"""Serve the local Apify from the command line."""

from __future__ import annotations

import argparse
import importlib
import json
import shlex
import signal
import sys

from local_apify.server import DEFAULT_TOKEN, OTHER_TOKEN, LocalApify
from local_apify.world.actor import Actor


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    options = _parser().parse_args()
    endings = {signal.SIGINT, signal.SIGTERM}
    # Blocked before the server's thread starts, which inherits it, so that they are taken here and nowhere else.
    signal.pthread_sigmask(signal.SIG_BLOCK, endings)
    actors = [found for name in options.actors for found in _actors_in(name)]
    tokens = {"token": options.token, "other_token": options.other_token}
    apify = LocalApify(host=options.host, port=options.port, actors=actors, **tokens)
    try:
        apify.start()
    except OSError as error:
        sys.exit(
            f"local-apify cannot listen on {options.host}:{options.port}: {error.strerror}. Choose another --port."
        )
    try:
        print(announcement(apify), flush=True)  # noqa: T201 - what the caller waits for
        signal.sigwait(endings)
    finally:
        apify.stop()


def announcement(apify: LocalApify) -> str:
    """Return what whoever started the server needs: for people, then for a shell to copy."""
    connection = {
        "conn_type": "apify",
        "host": apify.base_url,
        "password": apify.token,
        "extra": {"console_url": apify.base_url},
    }
    variables = {
        "AIRFLOW_CONN_APIFY_DEFAULT": json.dumps(connection),
        "APIFY_TOKEN": apify.token,
        "APIFY_API_BASE_URL": apify.base_url,
        "APIFY_API_PUBLIC_BASE_URL": apify.base_url,
        "APIFY_CLIENT_BASE_URL": apify.base_url,
        "APIFY_CONSOLE_URL": apify.base_url,
    }
    exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    return "\n".join([f"base URL: {apify.base_url}", f"token: {apify.token}", "", *exports])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="local-apify", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="the port; 0 takes a free one (default: %(default)s)")
    parser.add_argument("--token", default=DEFAULT_TOKEN, help="of the user local (default: %(default)s)")
    parser.add_argument("--other-token", default=OTHER_TOKEN, help="of the user other (default: %(default)s)")
    parser.add_argument(
        "--actors", action="append", default=[], metavar="MODULE", help="a module with more Actors; can be repeated"
    )
    return parser


def _actors_in(module_name: str) -> list[Actor]:
    module = importlib.import_module(module_name)
    return [value for value in vars(module).values() if isinstance(value, Actor)]


if __name__ == "__main__":
    main()
