"""The tokens that servers count, under the names that they give them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc_gen.llm.types import Usage
from soc_gen.llm.usage import count, parse_usage


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}, Usage(100, 0, 10)),
        ({"prompt_tokens": 100, "total_tokens": 110}, Usage(100, 0, 10)),
        ({"prompt_tokens": 100, "total_tokens": 100}, Usage(100, 0, 0)),
        ({"prompt_tokens": 100, "total_tokens": 99}, Usage(100, 0, 0)),
        ({"total_tokens": 110}, Usage()),
        ({"input_tokens": 100, "output_tokens": 10}, Usage(100, 0, 10)),
        ({"prompt_tokens": 9, "completion_tokens": 1, "prompt_cache_hit_tokens": 8}, Usage(9, 8, 1)),
        ({"prompt_tokens": 9, "completion_tokens": 1, "cached_tokens": 9}, Usage(9, 9, 1)),
        ({"prompt_tokens": 9, "completion_tokens": 1, "cached_tokens": 10}, Usage(9, 9, 1)),
        ({"prompt_tokens": 9, "input_tokens_details": {"cached_tokens": 4}}, Usage(9, 4, 0)),
        ({"prompt_tokens": 9, "completion_tokens": -1}, Usage()),
        ({"prompt_tokens": "9", "completion_tokens": 1}, Usage()),
        ({"prompt_tokens": 9.5, "completion_tokens": 1}, Usage()),
        ({"prompt_tokens": True, "completion_tokens": 1}, Usage()),
        ([9, 1], Usage()),
        (None, Usage()),
    ],
)
def test_counts_are_read_under_all_names_and_not_believed_by_halves(usage: object, expected: Usage) -> None:
    assert parse_usage(usage) == expected


@pytest.mark.parametrize(
    ("value", "tokens"), [(-1, None), (0, 0), (2**31 - 1, 2**31 - 1), (2**31, None), (False, None)]
)
def test_a_count_has_bounds(value: object, tokens: int | None) -> None:
    assert count(value) == tokens


COUNTS = st.none() | st.integers() | st.floats() | st.text(max_size=3) | st.booleans()
NAMES = ["prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "cached_tokens"]


@given(st.dictionaries(st.sampled_from(NAMES), COUNTS))
def test_no_usage_gives_a_negative_price(usage: dict[str, object]) -> None:
    found = parse_usage(usage)
    assert 0 <= found.cached <= found.prompt
    assert found.completion >= 0
