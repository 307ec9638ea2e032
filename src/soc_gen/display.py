"""What people see: text made fit for a terminal, and a conversation as bubbles. Text is never trusted."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rich.console import RenderableType

_WIDTH = 60  # columns of a bubble, at most
_PAGE = 100  # columns of a conversation, at most
_COLOURS = ("cyan", "magenta")
_BACKGROUNDS = ("#e8eef7", "#f5e8f3")
# What a terminal obeys instead of showing it: C0, DEL and C1 (so every escape sequence), the line separators
# and bidi controls of Unicode; and surrogates, which cannot be written. Line breaks and tabs are text.
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def visible(text: str) -> str:
    r"""Return ``text`` with control characters written as escapes, such as ``\x1b`` and ``\u202e``.

    What is visible already stays as it is, so a second call changes nothing.
    """
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


class Bubble(NamedTuple):
    """One message of one side."""

    side: int
    """0 for persona1, on the left; 1 for persona2, on the right."""
    name: str
    text: str


class Transcript(NamedTuple):
    """What is shown of a conversation."""

    title: str
    """Who talks, and how they know each other."""
    situation: str
    bubbles: list[Bubble]
    ended: bool
    """The conversation closes with ``<end/>``."""


def to_html(transcript: Transcript) -> str:
    """Return ``transcript`` as an HTML fragment without scripts; every text is escaped."""
    head = (
        f"<b>{html.escape(transcript.title)}</b>"
        f'<div style="opacity:.7;margin:.2em 0 .8em">{html.escape(transcript.situation)}</div>'
    )
    end = '<div style="opacity:.6;text-align:center">end</div>' if transcript.ended else ""
    body = "".join(_html_groups(transcript.bubbles))
    return f'<div style="max-width:40em;font-family:sans-serif">{head}{body}{end}</div>'


def _html_groups(bubbles: Iterable[Bubble]) -> Iterator[str]:
    before = None
    for bubble in bubbles:
        align = "right" if bubble.side else "left"
        if bubble.side != before:
            name = html.escape(bubble.name)
            yield f'<div style="text-align:{align};font-size:.8em;opacity:.7">{name}</div>'
        before = bubble.side
        style = (
            f"display:inline-block;max-width:75%;padding:.4em .7em;border-radius:1em;margin:.1em 0;"
            f"color:#111;background:{_BACKGROUNDS[bubble.side]};text-align:left;white-space:pre-wrap"
        )
        text = html.escape(bubble.text)
        yield f'<div dir="auto" style="text-align:{align}"><span style="{style}">{text}</span></div>'


def to_rich(transcript: Transcript, *, width: int, terminal: bool) -> Iterator[RenderableType]:
    """Yield what rich prints: panels left and right on a terminal, ``Name: text`` lines elsewhere.

    Args:
        transcript: The conversation.
        width: Columns of the console.
        terminal: Whether a terminal shows it; a pipe or a file gets plain lines.
    """
    from rich.text import Text  # noqa: PLC0415 - wanted only where something is shown

    yield Text(visible(transcript.title), style="bold")
    yield Text(visible(transcript.situation), style="dim")
    yield Text()
    for bubble in transcript.bubbles:
        bubble = bubble._replace(name=visible(bubble.name), text=visible(bubble.text))  # noqa: PLW2901
        yield _panel(bubble, width) if terminal else Text(f"{bubble.name}: {bubble.text}")
    if transcript.ended:
        yield Text("(end)", style="dim")
    yield Text()


def _panel(bubble: Bubble, width: int) -> RenderableType:
    from rich.align import Align  # noqa: PLC0415
    from rich.panel import Panel  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    panel = Panel(
        Text(bubble.text, overflow="fold"),
        title=Text(bubble.name),
        title_align="left",
        border_style=_COLOURS[bubble.side],
        width=min(max(len(bubble.text), len(bubble.name) + 2) + 4, _WIDTH),
    )
    return Align(panel, "right" if bubble.side else "left", width=min(width, _PAGE))


def excerpt(text: str, most: int = 200) -> str:
    """Return the first ``most`` characters of ``text`` on one line, with control characters as escapes."""
    line = visible(" ".join(text.split()))
    return line if len(line) <= most else f"{line[:most].rstrip()}…"
