"""Convert JSON Lines with another tool: ``python convert.py TOOL FORMAT SOURCE TARGET`` prints its time and memory.

It runs in an environment that has nothing but the tools.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def duckdb(target_format: str, source: str, target: str) -> None:
    """Convert with DuckDB, which uses all cores."""
    options = "FORMAT parquet, COMPRESSION zstd" if target_format == "parquet" else "FORMAT csv, HEADER"
    lines = "SELECT * FROM read_json($source, format = 'newline_delimited')"
    import duckdb as tool  # noqa: PLC0415 - only one of the tools is imported

    tool.execute(f"COPY ({lines}) TO $target ({options})", {"source": source, "target": target})


def polars(target_format: str, source: str, target: str) -> None:
    """Convert with Polars, which uses all cores."""
    import polars as pl  # noqa: PLC0415 - only one of the tools is imported

    lines = pl.scan_ndjson(source)
    if target_format == "parquet":
        lines.sink_parquet(target, compression="zstd")
    else:
        lines.sink_csv(target)


TOOLS = {"duckdb": duckdb, "polars": polars}


def _status(name: str) -> float:
    """Return a size of this process's memory, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(dict(line.split(":", 1) for line in lines)[name].split()[0]) / 1024


def main() -> None:
    """Import the tool, then convert with a clock running."""
    tool, *arguments = sys.argv[1:]
    __import__(tool)
    idle, began, began_cpu = _status("VmRSS"), time.perf_counter(), time.process_time()
    TOOLS[tool](*arguments)
    figures = {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - began_cpu,
        "memory_growth_mb": _status("VmHWM") - idle,
        "bytes": Path(arguments[-1]).stat().st_size,
    }
    sys.stdout.write(json.dumps(figures))


if __name__ == "__main__":
    main()
