from __future__ import annotations

from airflow_provider_apify._files.loading.survey import survey


def test_a_survey_counts_and_tells_one_file_from_another() -> None:
    one, same, other = (survey(iter(items)) for items in ([b"{}", b'{"a":1}'], [b"{}", b'{"a":1}'], [b'{}{"a":1}']))
    assert one == same
    assert (one.items, other.items) == (2, 1)
    assert one.sha256 != other.sha256
