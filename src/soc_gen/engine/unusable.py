"""Stops a run whose replies are unusable: after how many conversations, with which error and advice."""

from __future__ import annotations

from soc_gen.display import excerpt
from soc_gen.errors import EndpointError
from soc_gen.llm.types import Reply
from soc_gen.text.thinking import is_thinking_aloud

MOST_GIVEN_UP = 20
"""Conversations in a row, given up because of their replies, after which the run stops to save money."""
THINKING_OFF = (
    "switch its thinking off with extra_body under [experiences.sampling] and [rollout.sampling]: "
    "{ chat_template_kwargs = { enable_thinking = false } }, or { reasoning_effort = "
    '"none" }, or what its documentation says'
)
_FIRST_WORDS = 80  # characters
_OTHERWISE = "Try soc check, another model, or another format (transcript, lines) for a small one"


class GivenUp:
    """The conversations given up since the last finished one.

    They are counted in the order in which they were opened: if most conversations fail at their first turn,
    many end while a good one, opened before them, is still running.
    """

    def __init__(self) -> None:
        self._counts: dict[int, bool] = {}

    def finished(self) -> None:
        """Record that a conversation was finished."""
        self._counts.clear()

    def add(self, place: int, *, counts: bool) -> int:
        """Record that a conversation was given up; return how many, opened directly in a row, were.

        Args:
            place: Its number in the order of opening, from 0.
            counts: Whether its replies were the reason. Otherwise it neither adds to the count nor ends it.
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
        number: Number of conversations.
        reply: The last reply of the last conversation.
    """
    what = (
        f"{number} conversations in a row were given up: no reply could be used. The last one {came(reply)}"
    )
    return EndpointError(what, hint=advice(reply))


def thinks(reply: Reply) -> bool:
    """Whether the reply consists of thoughts, with or without marks around them."""
    return reply.thought or is_thinking_aloud(reply.text)


def came(reply: Reply) -> str:
    """Describe the reply: how it begins, and whether it was cut off."""
    began = f'began "{excerpt(reply.text, _FIRST_WORDS)}"' if reply.text.strip() else "was empty"
    beside = " beside its thoughts" if reply.thought else ""
    cut = " and was cut at max_tokens" if reply.finish_reason == "length" else ""
    return f"{began}{beside}{cut}"


def advice(reply: Reply, otherwise: str = _OTHERWISE) -> str:
    """Return advice for replies such as this one.

    Args:
        reply: An unusable reply.
        otherwise: Advice for a reply that is neither thoughts nor cut off.
    """
    cut = reply.finish_reason == "length"
    if thinks(reply):
        return f"The model thinks before it answers: {THINKING_OFF}"
    if cut and not reply.text.strip():
        return f"Raise max_tokens; or if the model thinks, {THINKING_OFF}"
    return "Raise max_tokens (--max-tokens)" if cut else otherwise
