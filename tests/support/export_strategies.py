"""Chats and choices from which property tests of the export draw."""

from __future__ import annotations

from hypothesis import strategies as st

MESSAGES = st.lists(
    st.sampled_from(["hi", "", " ", "<image>a</image>", "<end/>", '<delay minutes="1"/>', "ok <3"]),
    max_size=3,
)
PARTS = st.lists(st.tuples(st.sampled_from([1, 2]), MESSAGES), min_size=1, max_size=8)
SIDES, TAGS = (
    st.sampled_from(["persona1", "persona2", "both"]),
    st.sampled_from(["keep", "strip", "verbalize"]),
)
