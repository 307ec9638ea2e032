"""The records: what is written of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from soc_gen.models import Chat, ChatPart
from tests.support.people import TALK, chat

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(TEXT), TEXT)
def test_a_line_has_what_the_model_has_as_pydantic_would_write_it(messages: list[str], model: str) -> None:
    """Control characters, emoji and quotation marks too; and it is read as what it was."""
    part = ChatPart(sender="p-luna", messages=messages)
    written = chat(*TALK).model_copy(update={"chat_parts": [part], "model": model})
    assert written.to_json() == written.model_dump_json().encode()
    assert Chat.model_validate_json(written.to_json()) == written
