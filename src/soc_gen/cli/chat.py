"""One conversation, printed as a chat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soc_gen.cli.console import out

if TYPE_CHECKING:
    from soc_gen.models import Chat


def show_chat(chat: Chat) -> None:
    """Print ``chat``: bubbles left and right on a terminal, ``Name: text`` lines in a pipe."""
    from soc_gen.display import to_rich
    from soc_gen.text.names import short_names

    transcript = chat.transcript(short_names(*chat.experience.people))
    for line in to_rich(transcript, width=out.width, terminal=out.is_terminal):
        # Soft wrapping is right for plain lines, but would cut off the text of a bubble.
        out.print(line, soft_wrap=not out.is_terminal)
