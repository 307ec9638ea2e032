"""Parses, checks and normalizes the tags of a message.

A message is text and tags. ``<image>``, ``<gif>``, ``<video>`` and ``<audio>`` hold a description and
are closed; ``<delay minutes="5" hours="2" days="1"/>`` tells how long the writer waited; ``<end/>`` ends
the conversation. A tag starts its message. A caption may follow an image, a gif or a video;
``<audio>``, ``<delay/>`` and ``<end/>`` stand alone.

Models write these tags in many variants. The parser accepts every form with a clear meaning;
there is one form for output. Every function that returns messages is idempotent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, cast

TagName = Literal["image", "gif", "video", "audio", "delay", "end"]
MEDIA = frozenset({"image", "gif", "video", "audio"})
CAPTIONED = frozenset({"image", "gif", "video"})

_ALIASES = {"img": "image", "photo": "image", "picture": "image", "voice": "audio"}
MARK = re.compile(
    r"<(?P<slash>/?)(?P<name>image|img|photo|picture|gif|video|audio|voice|delay"
    # Not <end rant>, which people write, and not the key in "press <End> to jump".
    r"|end(?=\s*/\s*>|\s*>(?!\s*\w)|\s+[\w-]+\s*="
    r"|[\s:]\s*(?:of )?(?:the |this )?(?:conversation|chat|talk|dialogue|scene)\b))"
    r"(?=[\s/>:=])(?P<rest>[^<>]*)>",
    re.IGNORECASE,
)
"""One of our own tags, however it is written."""
UNKNOWN = re.compile(
    r"(?<!<)<+(?P<slash>/?)(?P<name>[a-zA-Z][\w-]{0,30}(?::\w{1,30})?)"
    r"(?P<attributes>(?:\s+[\w:-]+\s*=\s*(?:\"[^\"<>]*\"|'[^'<>]*'|[^\s\"'<>]+))*)\s*(?P<alone>/?)>+"
)
"""A tag of any name: ``<sigh>``, ``</b>``, ``<a href="…">``; not ``<3``, ``>_<`` or "a <b and c> d".

Includes brackets around it, so that ``<<a>>`` is removed in one pass.
"""
WELL_WRITTEN = re.compile(
    rb"</?(?:image|gif|video|audio)>|<end/>|<delay(?: (?:minutes|hours|days)=\"\d+\")+/>"
)
"""UTF-8 pattern of valid tags, which only the repair of tags has to check."""
_DESCRIPTION = re.compile(
    r"\b(?:desc(?:ription)?|alt|caption|content|text)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE
)
_ATTRIBUTE = re.compile(r"(?<![\w-])[\w-]+\s*=")
_TIME = re.compile(
    r"(?P<unit>second|sec|minute|min|hour|hr|day|week)s?\s*[=:]\s*[\"']?\s*(?P<value>\d{1,6}(?:\.\d{1,3})?)"
    r"|(?P<value2>\d{1,6}(?:\.\d{1,3})?)[\s-]*(?P<unit2>seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|[smhdw])\b"
    r"|(?P<bare>\d{1,6}(?:\.\d{1,3})?)",
    re.IGNORECASE,
)
_MINUTES = {"s": 1 / 60, "m": 1, "h": 60, "d": 1440, "w": 10080}
# Valid without parsing: most messages with tags are.
_SPLIT = re.compile(
    r"<end/>|<audio>[^<>\s]+(?: [^<>\s]+)*</audio>"
    r"|<(image|gif|video)>[^<>\s]+(?: [^<>\s]+)*</\1>(?: [^<>\s]+)*"
)
END = "<end/>"
"""The tag that ends a conversation: alone, or at the end of the last message."""
LONGEST_DELAY_DAYS = 3660
"""Ten years in minutes; a longer delay is a mistake."""


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag of a message."""

    name: TagName
    text: str = ""
    """Description or words of an image, gif, video or audio."""
    minutes: int = 0
    hours: int = 0
    days: int = 0

    @property
    def total_minutes(self) -> int:
        """The length of a delay, in minutes."""
        return self.minutes + 60 * self.hours + 1440 * self.days


Piece = str | Tag


def parse(message: str) -> list[Piece]:
    """Return the texts and tags of ``message`` in order; tags without a meaning are left out."""
    if "<" not in message:
        return _join_texts([message.strip()])
    return _Parser(message).pieces()


def problems(message: str) -> list[str]:
    """Return descriptions of problems with the tags of ``message``; unusual but clear forms are accepted."""
    if "<" not in message:
        return []
    parser = _Parser(message)
    parser.pieces()
    unknown = [f"unknown tag {match.group()}" for match in unknown_tags(message)]
    return parser.problems + unknown


def render(pieces: list[Piece]) -> str:
    """Return the message made of ``pieces``, one space between them."""
    return " ".join(_write(piece) for piece in pieces)


def split_tags(messages: list[str]) -> list[str]:
    """Return ``messages`` split so that tags start a message, and delay, audio and end are alone in one.

    Nothing else changes: a message without tags stays as it is, also when it is empty.
    """
    return [part for message in messages for part in _split(message)]


def may_split(message: str) -> bool:
    """Whether ``split_tags`` may change something; fast."""
    return "<" in message and not _SPLIT.fullmatch(message) and bool(MARK.search(message))


def unknown_tags(message: str) -> Iterator[re.Match[str]]:
    """Yield matches of tags other than soc_gen's."""
    return (match for match in UNKNOWN.finditer(message) if not MARK.search(match.group()))


def spoken_text(message: str) -> str:
    """Return the words in ``message``: text, captions and audio; not images, delays or ends."""
    if not MARK.search(message):
        return message
    texts = (
        p if isinstance(p, str) else p.text for p in parse(message) if isinstance(p, str) or p.name == "audio"
    )
    return " ".join(texts)


class _Parser:
    """Reads one message, left to right, in time linear in its length."""

    def __init__(self, message: str) -> None:
        self.message = message
        self.marks = list(MARK.finditer(message))
        self.names = [_ALIASES.get(m["name"].lower(), m["name"].lower()) for m in self.marks]
        self.problems: list[str] = []
        self.closed_by = self._match_brackets()
        self.last_closer = max((i for i in range(len(self.marks)) if self._closes(i)), default=-1)

    def pieces(self) -> list[Piece]:
        pieces: list[Piece] = []
        position, index = 0, 0
        while index < len(self.marks):
            pieces.append(self.message[position : self.marks[index].start()].strip())
            tags, index, position = self._read(index)
            pieces.extend(tags)
        pieces.append(self.message[position:].strip())
        return _join_texts(pieces)

    def _opens(self, index: int) -> bool:
        own = self.marks[index]
        return self.names[index] in MEDIA and not own["slash"] and not own["rest"].endswith("/")

    def _closes(self, index: int) -> bool:
        return self.names[index] in MEDIA and bool(self.marks[index]["slash"])

    def _match_brackets(self) -> dict[int, int]:
        """Pair openers with closers like brackets; a closer of another name closes too."""
        pairs: dict[int, int] = {}
        waiting: list[int] = []
        for index in range(len(self.marks)):
            if self._opens(index):
                waiting.append(index)
            elif self._closes(index) and waiting:
                pairs[waiting.pop()] = index
        return pairs

    def _read(self, index: int) -> tuple[list[Piece], int, int]:
        """Return the tags that start at mark ``index``, the index of the next mark, and the text position."""
        if self._opens(index):
            return self._read_media(index)
        own, name = self.marks[index], self.names[index]
        if name == "delay":
            return self._read_delay(index)
        if name == "end":
            return [Tag("end")], index + 1, own.end()
        if own["slash"]:
            self.problems.append(f"{own.group()} closes nothing")
            return [], index + 1, own.end()
        return self._media(index, _described(own["rest"])), index + 1, own.end()

    def _read_media(self, index: int) -> tuple[list[Piece], int, int]:
        own, name = self.marks[index], self.names[index]
        last = self.closed_by.get(index)
        if last is None:
            return self._read_unclosed(index)
        if last > index + 1:
            self.problems.append(f"a tag inside <{name}>")
        if self.names[last] != name:
            self.problems.append(f"<{name}> closed by {self.marks[last].group()}")
        body = MARK.sub(" ", self.message[own.end() : self.marks[last].start()])
        tags = self._media(index, body if body.strip() else _described(own["rest"]))
        if "end" in self.names[index:last]:
            tags.append(Tag("end"))
        return tags, last + 1, self.marks[last].end()

    def _read_unclosed(self, index: int) -> tuple[list[Piece], int, int]:
        """Read ``<image>…`` up to the next tag; a second ``<image>`` may be the closer."""
        own, name = self.marks[index], self.names[index]
        described = _described(own["rest"])
        if described:
            return self._media(index, described), index + 1, own.end()
        self.problems.append(f"<{name}> is not closed")
        after = index + 1
        stop = self.marks[after].start() if after < len(self.marks) else len(self.message)
        tags = self._media(index, self.message[own.end() : stop])
        if (
            after < len(self.marks)
            and self._opens(after)
            and self.names[after] == name
            and self.last_closer < after
        ):
            return tags, after + 1, self.marks[after].end()
        return tags, after, stop

    def _media(self, index: int, body: str) -> list[Piece]:
        name, text = self.names[index], " ".join(body.split())
        if not text:
            self.problems.append(f"<{name}> describes nothing")
            return []
        return [Tag(cast("TagName", name), text)]

    def _read_delay(self, index: int) -> tuple[list[Piece], int, int]:
        own = self.marks[index]
        if own["slash"]:
            return [], index + 1, own.end()
        after, times, position = index + 1, own["rest"], own.end()
        if after < len(self.marks) and self.names[after] == "delay" and self.marks[after]["slash"]:
            times += " " + self.message[position : self.marks[after].start()]
            after, position = after + 1, self.marks[after].end()
        delay = _delay(times)
        if delay is None:
            self.problems.append(f"{own.group()} says no time")
            return [], after, position
        return [delay], after, position


def _described(rest: str) -> str:
    """Return the description in ``<image desc="a cat"/>``, ``<image: a cat>`` or ``<image a cat>``."""
    named = _DESCRIPTION.search(rest)
    if named:
        return named[1] or named[2] or ""
    return "" if _ATTRIBUTE.search(rest) else rest.strip(" \t\n/:=")


def _delay(times: str) -> Tag | None:
    """Return the delay in ``times``; a number without a unit is minutes."""
    amounts_given = list(_TIME.finditer(times))
    with_unit = [match for match in amounts_given if not match["bare"]]
    amounts = dict.fromkeys("smhdw", 0.0)
    for match in with_unit or amounts_given[:1]:
        unit = (match["unit"] or match["unit2"] or "m")[0].lower()
        amounts[unit] += float(match["value"] or match["value2"] or match["bare"])
    total = sum(value * _MINUTES[unit] for unit, value in amounts.items())
    if not 0 < total <= LONGEST_DELAY_DAYS * 1440:
        return None
    if all(value.is_integer() for value in amounts.values()) and not amounts["s"]:
        days = int(amounts["d"] + 7 * amounts["w"])
        return Tag("delay", minutes=int(amounts["m"]), hours=int(amounts["h"]), days=days)
    minutes = max(1, round(total))
    return Tag("delay", minutes=minutes % 60, hours=minutes // 60 % 24, days=minutes // 1440)


def _join_texts(pieces: list[Piece]) -> list[Piece]:
    joined: list[Piece] = []
    for piece in pieces:
        if piece == "":
            continue
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] = f"{joined[-1]} {piece}"
        else:
            joined.append(piece)
    return joined


def _write(piece: Piece) -> str:
    if isinstance(piece, str):
        return piece
    if piece.name in MEDIA:
        return f"<{piece.name}>{piece.text}</{piece.name}>"
    units = (("minutes", piece.minutes), ("hours", piece.hours), ("days", piece.days))
    return "".join([f"<{piece.name}", *(f' {unit}="{value}"' for unit, value in units if value), "/>"])


def _split(message: str) -> list[str]:
    if not may_split(message):
        return [message]
    pieces = parse(message)
    while (written := render(pieces)) != message:  # removing a tag can join two halves of another
        message, pieces = written, parse(written)
    groups: list[list[Piece]] = []
    for piece in pieces:
        last = groups[-1][-1] if groups else None
        if isinstance(piece, str) and isinstance(last, Tag) and last.name in CAPTIONED:
            groups[-1].append(piece)
        else:
            groups.append([piece])
    return [render(group) for group in groups]


def settle(step: Callable[[str], str], text: str) -> str:
    """Apply ``step`` until nothing changes: removing a tag can join two halves of another."""
    while (changed := step(text)) != text:
        text = changed
    return text


def text_of(piece: str | Tag) -> str:
    """Return the text of a piece of a message: a tag's description, or the text itself."""
    return piece if isinstance(piece, str) else piece.text
