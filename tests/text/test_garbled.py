"""Characters that were lost, or escaped once too often."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc_gen.text.garbled import is_garbled, unescape_unicode


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        (r"at the caf\u00e9", "at the café"),
        (r"at the caf\\u00E9", "at the café"),
        (r"\ud83d\ude00 ok", "😀 ok"),
        (r"\ud83d\ude00\u200d\u2764", "😀\u200d❤"),
        (r"\u4f60\u597d", "你好"),
        (r"half \ud83d", r"half \ud83d"),
        (r"¯\_(ツ)_/¯ C:\users", r"¯\_(ツ)_/¯ C:\users"),
    ],
)
def test_a_character_that_was_escaped_twice_is_one_again(text: str, mended: str) -> None:
    """Half a pair is no character."""
    assert unescape_unicode(text) == mended


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\\")))
def test_any_text_comes_back(text: str) -> None:
    """Escaped as JSON does it, but for what it escapes with a letter."""
    escaped = "".join(f"\\u{ord(char):04x}" if 127 < ord(char) < 0x10000 else char for char in text)
    assert unescape_unicode(escaped) == text
    assert unescape_unicode(json.dumps([text])[2:-2]).isascii() == text.isascii()


@pytest.mark.parametrize(
    "text", ["caf\ufffd", r"half \ud83d", r"\U0001F600", r"caf\xe9", "<0xE2><0x80>", r"\u{1f600}"]
)
def test_a_lost_character_is_seen(text: str) -> None:
    assert is_garbled(text)


@pytest.mark.parametrize("text", ["café 😀", r"¯\_(ツ)_/¯", r"C:\users", "<0x", "\\o/", "<3 \\m/"])
def test_what_people_type_is_not_garbled(text: str) -> None:
    assert not is_garbled(text)
