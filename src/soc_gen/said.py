"""A chat with what is asked of its text again and again, each worked out once."""

from __future__ import annotations

from functools import cached_property

from soc_gen.checks import MODEL_WORDS
from soc_gen.models import Chat
from soc_gen.tags import WELL_WRITTEN
from soc_gen.words import runs, tokens_of

_ASCII = bytes(range(128))
_FEWEST_RUNS = 60  # below which repetition says nothing


class Said:
    """What was said in a chat.

    Args:
        chat: The chat.
        shingle_words: Words of a shingle.
    """

    def __init__(self, chat: Chat, shingle_words: int) -> None:
        self.chat = chat
        self.shingle_words = shingle_words
        self.messages = [message for part in chat.chat_parts for message in part.messages]
        """All messages in order."""
        self.text = "\n".join(self.messages)
        """All messages, a line each."""
        self.data = self.text.encode("utf-8", "replace")
        """``text`` in UTF-8: looked through faster, emoji or not."""
        self.words = tokens_of(self.data)
        """All words."""

    @property
    def one_line_each(self) -> bool:
        """No message has a line break in it."""
        return self.text.count("\n") < max(1, len(self.messages))

    @cached_property
    def bare(self) -> bytes:
        """``data`` without tags that are written as they should be."""
        return WELL_WRITTEN.sub(b"", self.data) if b"<" in self.data else self.data

    @cached_property
    def rare(self) -> bytes:
        """``data`` without ASCII: short, or not ours to spare work on."""
        return b"" if self.data.isascii() else self.data.translate(None, _ASCII)

    @cached_property
    def shingles(self) -> list[bytes]:
        """Every run of ``shingle_words`` words: what near-duplicates are found by."""
        return runs(self.words, self.shingle_words)

    @cached_property
    def repetition(self) -> float:
        """Share of shingles that came before in the chat; 0 where there are too few to tell."""
        count = len(self.shingles)
        return 1 - len(set(self.shingles)) / count if count >= _FEWEST_RUNS else 0.0

    @cached_property
    def may_be_model(self) -> bool:
        """Whether a word is there without which nobody talks like an assistant."""
        return not MODEL_WORDS.isdisjoint(self.words)
