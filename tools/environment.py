"""Build the environment of child processes from scratch, so that nothing of the caller's Airflow leaks in."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

KEPT = (
    "CI",
    "DOCKER_CONFIG",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "HOME",
    "LANG",
    "LC_ALL",
    "NODE_EXTRA_CA_CERTS",
    "PATH",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
)
KEPT_ENDINGS = ("_PROXY", "_proxy", "_CA_BUNDLE")
LOOPBACK = "127.0.0.1,localhost"


def clean_environment(**extra: str) -> dict[str, str]:
    """Keep what a program needs of this machine (paths, language, proxies, certificates) and nothing else.

    A shell that points ``AIRFLOW_HOME`` or ``AIRFLOW__*`` at a real installation must not redirect the demo to it.

    :param extra: variables to add.
    """
    kept = {name: value for name, value in os.environ.items() if name in KEPT or name.endswith(KEPT_ENDINGS)}
    if any(name.lower().endswith("_proxy") for name in kept):
        for name in ("NO_PROXY", "no_proxy"):
            kept[name] = ",".join(filter(None, [kept.get(name), LOOPBACK]))
    kept["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    return kept | {"PYTHONUNBUFFERED": "1"} | extra


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
