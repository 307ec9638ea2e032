"""The one form of all conversations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc_gen.mix.convert import UnfitError, fit, from_speakers, read_messages
from soc_gen.mix.records import Message

ROLES = st.sampled_from(["system", "user", "assistant"])
MESSAGES = st.lists(
    st.builds(lambda role, content: Message(role=role, content=content), ROLES, st.text(max_size=4)),
    max_size=8,
)


@given(MESSAGES)
def test_what_fits_alternates_and_ends_with_the_assistant(messages: list[Message]) -> None:
    try:
        made = fit(messages)
    except UnfitError:
        return
    roles = [message["role"] for message in made]
    talk = roles[1:] if roles[0] == "system" else roles
    assert talk == ["user", "assistant"] * (len(talk) // 2)
    assert talk
    assert all(message["content"].strip() for message in made)
    assert fit(made) == made


@pytest.mark.parametrize(
    ("roles", "reason"),
    [
        ("", "no_reply"),
        ("u", "no_reply"),
        ("s", "no_reply"),
        ("au", "starts_with_assistant"),
        ("usa", "late_system"),
    ],
)
def test_what_cannot_be_made_to_fit_has_a_reason(roles: str, reason: str) -> None:
    names = {"u": "user", "a": "assistant", "s": "system"}
    with pytest.raises(UnfitError) as caught:
        fit([Message(role=names[letter], content="x") for letter in roles])
    assert caught.value.reason == reason


def test_neighbours_are_joined_and_what_the_user_says_last_is_left_out() -> None:
    said = [("user", "a"), ("user", "b"), ("assistant", "c"), ("user", "d")]
    made = fit(Message(role=role, content=content) for role, content in said)
    assert [message["content"] for message in made] == ["a\nb", "c"]


@pytest.mark.parametrize(
    "turns", ["text", [1], [{"role": "wizard", "content": "x"}], [{"role": "user"}], None]
)
def test_turns_of_another_form_are_unfit(turns: object) -> None:
    with pytest.raises(UnfitError):
        read_messages(turns)


def test_what_the_assistant_says_first_is_told_in_the_system_message() -> None:
    made = fit(from_speakers([("b", "hello"), ("a", "hi"), ("b", "well?")], "b"))
    assert [message["role"] for message in made] == ["system", "user", "assistant"]
    assert "hello" in made[0]["content"]
