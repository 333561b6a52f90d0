"""Begin to write a file, say so, and wait for the end: ``python killed_writer.py URL CONNECTION_ID BYTES``."""

from __future__ import annotations

import sys
from contextlib import suppress

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_apify.export.target import whole_file

if __name__ == "__main__":
    url, conn_id, size = sys.argv[1:]
    with whole_file(ObjectStoragePath(url, conn_id=conn_id or None)) as file:
        file.write(b"x" * int(size))
        with suppress(BrokenPipeError):
            print("written", flush=True)  # noqa: T201 - what the test waits for
        sys.stdin.read()
