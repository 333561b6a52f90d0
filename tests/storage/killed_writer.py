"""Begin to write a file, say so, and wait for the end: ``python killed_writer.py URL CONNECTION_ID BYTES FD``.

It says so through a pipe that nothing else writes to: storages log to standard output while their parts go up.
"""

from __future__ import annotations

import os
import sys

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_apify._files.sinks.whole_file import whole_file

if __name__ == "__main__":
    url, conn_id, size, said = sys.argv[1:]
    with whole_file(ObjectStoragePath(url, conn_id=conn_id or None)) as file:
        file.write(b"x" * int(size))
        os.write(int(said), b"written")
        sys.stdin.read()
