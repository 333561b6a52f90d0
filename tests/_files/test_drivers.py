from __future__ import annotations

import pytest

from airflow_provider_apify._files.drivers import extras_of


@pytest.mark.parametrize(
    ("file", "extras"),
    [
        (("/a/b.jsonl",), set()),
        (("/a/{{ run_id }}.parquet",), {"parquet"}),
        (("S3://b/{{ run_id }}.jsonl.ZST",), {"s3", "zstd"}),
        (("{{ params.p }}", "parquet"), {"parquet"}),
        (("gs://b/a.json", None, "zstd"), {"gcs", "zstd"}),
        (("abfs://c/{key}",), {"azure"}),
        (("sftp:///a/b.log",), {"sftp"}),
        (("{{ params.p }}",), set()),
        ((None,), set()),
    ],
)
def test_a_file_needs_what_its_path_format_and_compression_say(file: tuple[str, ...], extras: set[str]) -> None:
    assert extras_of(*file) == extras
