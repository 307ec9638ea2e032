"""JSON arrays and values over several lines, read one value after the other."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soc_gen.errors import UsageError
from soc_gen.io import json_values
from soc_gen.io.json_values import is_spread, split_values

INNER = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.sampled_from('ab"\\[]{},: \n\u00e9\u2028'), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.lists(
    st.dictionaries(st.text(max_size=3), INNER, min_size=1, max_size=3), min_size=1, max_size=4
)


def split(text: bytes) -> list[object]:
    found = split_values(io.BytesIO(text), 1 << 20, "x.json")
    return [json.loads(value.data) if value.whole else value.data for value in found]


@settings(deadline=None)
@given(OBJECTS, st.sampled_from([None, 0, 1, 4]), st.booleans(), st.integers(6, 20))
def test_an_array_comes_apart_into_its_items(
    objects: list[object], indent: int | None, ascii_only: bool, step: int
) -> None:
    """Whatever strings hold, however it is laid out, wherever the file is cut into pieces."""
    text = json.dumps(objects, indent=indent, ensure_ascii=ascii_only).encode()
    assert is_spread(text)
    before, json_values._STEP = json_values._STEP, step
    try:
        assert split(b"\xef\xbb\xbf \n" + text + b"\n") == objects
        loose = "\n".join(json.dumps(one, indent=2) for one in objects)
        assert split(loose.encode()) == objects
    finally:
        json_values._STEP = before


@given(OBJECTS)
def test_lines_are_lines(objects: list[object]) -> None:
    """JSON Lines are never taken for values over several lines, whole or with a torn first line."""
    lines = [json.dumps(one).encode() for one in objects]
    assert not is_spread(b"\n".join(lines))
    assert not is_spread(b"\n".join([lines[0][:-1], *lines]))


@pytest.mark.parametrize(
    "text",
    ["", " ", "{", "[", "[]", "[1, 2]", "[null]\n{}", '{"a": 1}', '[{"a": 1}]\n{"b": 2}', "hello", '"x"'],
)
def test_what_is_no_array_of_records_is_read_by_lines(text: str) -> None:
    """So that every line of it is told as what it is."""
    assert not is_spread(text.encode())


def test_values_have_the_line_they_begin_on() -> None:
    """Blank lines and the brackets of the array count."""
    text = b'\n[\n{"a":\n1},\n\n{"b": 2}\n,{"c": 3}]\n'
    found = [value.line for value in split_values(io.BytesIO(text), 100, "x")]
    assert found == [3, 6, 7]


def test_the_end_of_a_cut_file_is_told_as_cut() -> None:
    """In an array and outside."""
    for text in (b'[{"a": 1}, {"b', b'{"a": 1}\n{"b'):
        assert split(text) == [{"a": 1}, b'{"b']


def test_a_value_that_is_too_long_is_one_line() -> None:
    """Before it is held whole."""
    text = b'[{"a": "' + b"x" * (2 << 20) + b'"}]'
    with pytest.raises(UsageError, match=r"^x:1: holds a JSON value of over 1 MiB"):
        list(split_values(io.BytesIO(text), 1 << 20, "x"))
