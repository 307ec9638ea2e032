"""JSON is found in prose, and read where it is nearly JSON; what was cut off is not made whole."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc_gen.text.loose_json import find_json, read_json

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def values(text: str) -> list[Any]:
    return [found.value for found in find_json(text)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": ["b",],}', {"a": ["b"]}),
        ('{,"a": "b",,}', {"a": "b"}),
        ('{"a": ["b" "c"]}', {"a": ["b", "c"]}),
        ('{"a": "b"\n"c": "d"}', {"a": "b", "c": "d"}),
        ('{"a": "b"; "c": "d"}', {"a": "b", "c": "d"}),
        ("{'a': ['b']}", {"a": ["b"]}),
        ("{'a': ['don't, he said', 'b']}", {"a": ["don't, he said", "b"]}),
        ("{'a': 'it\\'s \"so\"'}", {"a": 'it\'s "so"'}),
        ('{"a": "he said "no" to me"}', {"a": 'he said "no" to me'}),
        ("{a: 'b', c_1: 2}", {"a": "b", "c_1": 2}),
        ("{“a”: “b’s”}", {"a": "b’s"}),
        ("{‘a’: ‘don’t’}", {"a": "don’t"}),
        ('{"a": "b" // so\n}', {"a": "b"}),
        ('{"a": /* so */ "b"}', {"a": "b"}),
        ('{"a": "http://b"}', {"a": "http://b"}),
        ('{"a": [True, False, None, null]}', {"a": [True, False, None, None]}),
        ('{"a": ["b"]]}', {"a": ["b"]}),
        ('{"a": "¯\\_(ツ)_/¯"}', {"a": "¯\\_(ツ)_/¯"}),
        ('{"a": "b\\u00e9\\n"}', {"a": "bé\n"}),
        ('{"a": "b",\\n "c": -1.5e3}', {"a": "b", "c": -1500.0}),
        ("['b', 'c']", ["b", "c"]),
    ],
)
def test_what_is_nearly_json_is_read(text: str, value: object) -> None:
    """And known to be no JSON, unless it is."""
    (found,) = find_json(f"so: {text} done")
    assert found.value == value
    assert text == f"so: {text} done"[found.start : found.end]
    try:
        json.loads(text)
    except ValueError:
        assert found.repaired
    else:
        assert not found.repaired


@pytest.mark.parametrize(
    "text", ["{shrug}", "[laughs]", "{a b}", "{}}{", "a [link](url)", "{a: b}", '["a" = b]', "[hey, you]"]
)
def test_words_in_brackets_are_no_json(text: str) -> None:
    """But for an empty object."""
    assert values(text) in ([], [{}])


@pytest.mark.parametrize(
    "text", ['{"a": "b', '{"a": ["b"', "{'a': ['b", '{"a": "b",', "{a: 'b'", "{“a”: “b”"]
)
def test_an_object_that_is_cut_off_has_no_value(text: str) -> None:
    """Nothing of it is made up."""
    (found,) = find_json(f"so: {text}")
    assert found.value is None
    assert found.end == len(f"so: {text}")


def test_a_bracket_that_is_never_closed_hides_nothing() -> None:
    """It is prose."""
    assert values('["so", {"a": "b"} {"c": "d"}') == [{"a": "b"}, {"c": "d"}]
    assert values("[so {'a': 'b'}") == [{"a": "b"}]


def test_what_is_whole_within_a_broken_one_is_not_taken() -> None:
    """It would be a part of what was meant."""
    assert values('{"a": [{"b": "c"} oops]}') == []
    assert values('{"a": [{"b": "c"}}') == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (' {"a": "b"}\n', {"a": "b"}),
        ('\ufeff{"a": "b"}', {"a": "b"}),
        ('```json\n{"a": "b"}\n```', {"a": "b"}),
        ('"{\\"a\\": \\"b \\\\\\"c\\\\\\"\\"}"', {"a": 'b "c"'}),
        ('{\\"a\\": \\"b\\"}', {"a": "b"}),
        ('["a"]', ["a"]),
    ],
)
def test_all_of_a_text_is_read(text: str, value: object) -> None:
    """In a fence and in a string too."""
    found = read_json(text)
    assert found
    assert found.value == value


@pytest.mark.parametrize(
    "text",
    ["", "a", '"a"', "1", 'so {"a": 1}', '{"a": 1} so', '{"a": 1}{"a": 2}', '{"a": "\\ud83d"}', "[" * 5000],
)
def test_what_is_more_or_less_than_one_value_is_not_read(text: str) -> None:
    """Nor is half a surrogate pair, which no file can hold."""
    assert read_json(text) is None


@given(st.lists(VALUES, max_size=3) | st.dictionaries(st.text(), VALUES, max_size=3))
def test_json_is_read_as_it_is(value: object) -> None:
    """Nothing is repaired in it."""
    (found,) = find_json(f"so {json.dumps(value)} done")
    assert (found.value, found.repaired) == (value, False)


PLAIN = st.text(st.characters(exclude_characters="\"'“”‘’\\", exclude_categories=["Cs", "Cc"]), max_size=8)


@given(st.dictionaries(st.from_regex(r"\A[a-z]\w{0,5}\Z"), st.lists(PLAIN, max_size=3), max_size=3))
def test_another_spelling_means_the_same(value: dict[str, list[str]]) -> None:
    """Keys without quotation marks, single ones around texts, commas behind everything."""
    lists = {key: "".join(f"'{text}'," for text in texts) for key, texts in value.items()}
    found = read_json("{" + "".join(f"{key}: [{texts}]," for key, texts in lists.items()) + "}")
    assert found
    assert found.value == value


@given(st.text(alphabet="{}[]\"'“”:,\\/*ua0é \n") | st.text())
def test_no_text_is_an_error(text: str) -> None:
    """What is found is in order, and in the text."""
    bounds = [place for found in find_json(text) for place in (found.start, found.end)]
    assert bounds == sorted(bounds)
    assert all(0 <= place <= len(text) for place in bounds)
    read_json(text)


@pytest.mark.parametrize(
    "piece",
    ["{", '{"', '["', "['", '["x" ', "{'a':'", '{"a":', "/*", "{/*", "[“", "[‘’ ", "{a:", "[[1]", '"]'],
)
def test_hostile_text_takes_linear_time(piece: str) -> None:
    """Small models fall into such loops."""
    with suppress(RecursionError):
        list(find_json(piece * 10_000))
    assert read_json(piece * 10_000) is None
