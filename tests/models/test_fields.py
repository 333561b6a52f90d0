from __future__ import annotations

from decimal import Decimal

import pytest

from airflow_provider_apify.models._fields import dollars, read_dollars


@pytest.mark.parametrize(
    ("amount", "words"), [(8.38e-7, "0.000000838 US dollars"), (2.5, "2.5 US dollars"), (None, "unknown")]
)
def test_an_amount_is_said_without_an_exponent(amount: float | None, words: str) -> None:
    assert dollars(read_dollars(amount)) == words


def test_an_amount_is_said_as_the_api_wrote_it() -> None:
    assert dollars(Decimal("1E+2")) == "100 US dollars"
