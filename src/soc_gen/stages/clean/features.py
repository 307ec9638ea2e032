"""Features of a chat's text that several checks need, each computed once."""

from __future__ import annotations

import re
import string
from functools import cached_property

from soc_gen.models import Chat
from soc_gen.text.assistant_speak import is_assistant_speak, model_words
from soc_gen.text.label_names import APOSTROPHES
from soc_gen.text.label_search import label_pieces, may_name
from soc_gen.text.labelled_parts import Reader, chat_readers
from soc_gen.text.ngrams import ngrams
from soc_gen.text.normalize import contains_any
from soc_gen.text.repetition import OVER_AND_OVER
from soc_gen.text.speaker_labels import names_of
from soc_gen.text.tags import END, WELL_WRITTEN
from soc_gen.text.templates import may_hold_turns
from soc_gen.text.tokens import tokenize_bytes

_EVERYDAY = f"{string.ascii_letters}{string.digits} ,.?!'".encode()
_COMMON = bytes({10, *range(32, 127)})
_ENDS = b"!?., "
_LOWER = bytes(range(256)).lower()
_BARE_WORDS = 8  # more than a line has that is nothing but a name
_LETTERS = re.compile(
    rb"[\xc2-\xe1\xe3-\xee]|\xef[\xbb-\xbe]|\xe2\x80[\x8b-\x8f]"
)  # no emoji, no punctuation
_FEWEST_RUNS = 60  # below which repetition says nothing


class ChatFeatures:
    """Text features of a chat, each computed once, for repairs, rejections and deduplication.

    Args:
        chat: The chat.
        shingle_words: Number of words in a shingle.
    """

    def __init__(self, chat: Chat, shingle_words: int) -> None:
        self.chat = chat
        self.shingle_words = shingle_words
        self.senders = {part.sender for part in chat.chat_parts}
        """Ids of the senders."""
        self.messages = [message for part in chat.chat_parts for message in part.messages]
        """All messages in order."""
        self.stripped = list(map(str.strip, self.messages))
        """``messages`` without surrounding spaces."""
        self.data = b"\n".join([message.encode("utf-8", "replace") for message in self.messages])
        """All messages in UTF-8, one a line: bytes are searched faster than ``str``, emoji or not."""
        # Nearly every chat ends with it, and most have no other tag.
        body = self.data[: -len(END)] if self.messages[-1:] == [END] else self.data
        self.has_tags = b"<" in body
        """Whether there is a tag, or half of one, besides a final message ``<end/>``."""
        # The characters that repairs look for are rare: search the remaining text, not all of it.
        odd = (WELL_WRITTEN.sub(b"", body) if self.has_tags else body).translate(None, _EVERYDAY)
        self.odd = odd.decode()
        """``data`` without letters, digits, everyday punctuation and well-written tags."""
        self.marks = frozenset(self.odd)
        """The characters of ``odd``."""
        self.rare = odd.translate(None, _COMMON)
        """``data`` without line breaks and printable ASCII."""
        self.one_line_each = odd.count(b"\n") < max(1, len(self.messages))
        """Whether no message contains a line break."""
        self.words = tokenize_bytes(self.data, self.rare)
        """All words."""
        self.shingles = ngrams(self.words, shingle_words)
        """Every run of ``shingle_words`` words; near-duplicates are found by these."""

    @cached_property
    def text(self) -> str:
        """``data`` as text."""
        return self.data.decode()

    @cached_property
    def names_somebody(self) -> bool:
        """Whether the text may contain a speaker label."""
        persona1, persona2 = self.chat.experience.people
        if _LETTERS.search(self.rare) or not self.marks.isdisjoint(APOSTROPHES):
            return may_name(self.text, names_of(persona1) | names_of(persona2))
        # A label has a mark beside the name, or is alone on its line.
        lines = self.data.lower().split(b"\n")
        lines = [line for line in lines if line.count(b" ") < _BARE_WORDS or line.translate(None, _EVERYDAY)]
        data = b"\n".join(lines).replace(b"'", b"")
        return contains_any(label_pieces(names_of(persona1), names_of(persona2))[0], data)

    @cached_property
    def readers(self) -> dict[str, Reader]:
        """By sender, the reader of speaker labels."""
        return chat_readers(self.chat)

    @cached_property
    def repetition(self) -> float:
        """Share of shingles that occur earlier in the chat, 0 to 1; 0 when there are fewer than 60."""
        count = len(self.shingles)
        return 1 - len(set(self.shingles)) / count if count >= _FEWEST_RUNS else 0.0

    @cached_property
    def may_hold_turns(self) -> bool:
        """Whether the text may contain a turn mark of a chat template."""
        return may_hold_turns(self.marks, self.messages)

    @cached_property
    def repeats_itself(self) -> bool:
        """Whether so many lines are equal that one may be repeated over and over."""
        if _LETTERS.search(self.rare):
            return True
        lines = self.data.translate(_LOWER, _ENDS).split(b"\n")
        return len(lines) - len(set(lines)) >= OVER_AND_OVER - 1

    @cached_property
    def model_words(self) -> frozenset[bytes]:
        """Words without which nobody talks like an assistant."""
        return model_words(self.words)

    @cached_property
    def talks_like_a_model(self) -> bool:
        """Whether the text contains assistant-speak, which includes refusals and breaks of character."""
        return bool(self.model_words) and is_assistant_speak(self.text, self.model_words)
