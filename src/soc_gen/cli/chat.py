"""One conversation, printed as a chat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soc_gen.cli.console import out

if TYPE_CHECKING:
    from soc_gen.models import Chat

_WIDTH = 60
_COLOURS = ("cyan", "magenta")


def show_chat(chat: Chat) -> None:
    """Print ``chat``: bubbles left and right on a terminal, ``Name: text`` lines in a pipe."""
    from soc_gen.text.names import short_names
    from soc_gen.text.tags import END

    people = chat.experience.people
    names = short_names(*people)
    out.print(f"{names[0]} and {names[1]}: {chat.experience.relationship}", style="bold", markup=False)
    out.print(chat.experience.situation, style="dim", markup=False)
    out.print()
    for part in chat.chat_parts:
        side = 0 if part.sender == people[0].id else 1
        for message in part.messages:
            if message == END:
                out.print("(end)", style="dim", markup=False)
            else:
                _bubble(names[side], message, side)
    out.print()


def _bubble(name: str, message: str, side: int) -> None:
    if not out.is_terminal:
        out.print(f"{name}: {message}", markup=False)
        return
    from rich.align import Align
    from rich.panel import Panel
    from rich.text import Text

    text = Text(message, overflow="fold")
    width = min(max(len(message), len(name) + 2) + 4, _WIDTH)
    panel = Panel(text, title=name, title_align="left", border_style=_COLOURS[side], width=width)
    # Soft wrapping, which is right for all else that is printed, would cut the text at the panel's edge.
    out.print(Align(panel, "right" if side else "left", width=min(out.width, 100)), soft_wrap=False)
