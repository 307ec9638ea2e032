"""When replies cannot be used: after how many conversations a run stops, what it says, what to try."""

from __future__ import annotations

from soc_gen.display import excerpt
from soc_gen.errors import EndpointError
from soc_gen.llm.types import Reply
from soc_gen.text.thinking import is_thinking_aloud

MOST_GIVEN_UP = 20
"""Conversations in a row, given up on their replies alone, after which going on is money for nothing."""
THINKING_OFF = (
    "switch its thinking off with extra_body under [experiences.sampling] and [rollout.sampling]: "
    "{ chat_template_kwargs = { enable_thinking = false } }, or { reasoning_effort = "
    '"none" }, or what its documentation says'
)
_FIRST_WORDS = 80  # characters
_OTHERWISE = "Try soc check, another model, or another format (transcript, lines) for a small one"


class GivenUp:
    """The conversations that were given up since the last one that was finished.

    A row is counted in the order in which they were opened: where most conversations are given up at their
    first turn, many of them end while a good one, opened before them, is still on its way.
    """

    def __init__(self) -> None:
        self._counts: dict[int, bool] = {}

    def finished(self) -> None:
        """Note that a conversation was finished."""
        self._counts.clear()

    def add(self, place: int, *, counts: bool) -> int:
        """Note that a conversation was given up; return how many were, one opened after the other.

        Args:
            place: The how-manieth it was to be opened.
            counts: Its replies were the reason. Else it is passed over: it neither adds to the row nor
                interrupts it.
        """
        self._counts[place] = counts
        return counts and self._from(place, 1) + self._from(place - 1, -1)

    def _from(self, place: int, step: int) -> int:
        number = 0
        while place in self._counts and number < MOST_GIVEN_UP:
            number += self._counts[place]
            place += step
        return number


def unusable_error(number: int, reply: Reply) -> EndpointError:
    """Return the error for ``number`` conversations given up in a row.

    Args:
        number: How many they were.
        reply: The last one of the last of them.
    """
    what = (
        f"{number} conversations in a row were given up: no reply could be used. The last one {came(reply)}"
    )
    return EndpointError(what, hint=advice(reply))


def thinks(reply: Reply) -> bool:
    """Is it the reply of a model that thinks before it answers, with or without marks around its thoughts?"""
    return reply.thought or is_thinking_aloud(reply.text)


def came(reply: Reply) -> str:
    """Return what came, in words: how the reply begins, and whether it was cut."""
    began = f'began "{excerpt(reply.text, _FIRST_WORDS)}"' if reply.text.strip() else "was empty"
    beside = " beside its thoughts" if reply.thought else ""
    cut = " and was cut at max_tokens" if reply.finish_reason == "length" else ""
    return f"{began}{beside}{cut}"


def advice(reply: Reply, otherwise: str = _OTHERWISE) -> str:
    """Return what to try where replies such as this one cannot be used.

    Args:
        reply: One of them.
        otherwise: What is returned where the reply is neither thought nor cut.
    """
    cut = reply.finish_reason == "length"
    if thinks(reply):
        return f"The model thinks before it answers: {THINKING_OFF}"
    if cut and not reply.text.strip():
        return f"Raise max_tokens; or if the model thinks, {THINKING_OFF}"
    return "Raise max_tokens (--max-tokens)" if cut else otherwise
