"""Stage two: make a chat from an experience, turn by turn.

Pure apart from the ``LLM``: the same experience, seed and replies give the same requests and the same chat.
It does not depend on retries, journals or other conversations.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from soc_gen.errors import ConversationError
from soc_gen.llm.types import CHARACTERS_PER_TOKEN, LLM, Reply, Request
from soc_gen.models import Chat, ChatPart, Experience, content_id
from soc_gen.prompts.loader import load_prompt
from soc_gen.seeding import child_seed
from soc_gen.stages.rollout.config import RolloutConfig
from soc_gen.stages.rollout.formats import json_turns, transcript
from soc_gen.stages.rollout.formats.base import Format, InvalidTurnError, Prompt, Turn
from soc_gen.stages.rollout.turn_checks import REMEMBERED, TurnContext, check_turn, says_goodbye, word_runs
from soc_gen.text import end_tags
from soc_gen.text.repetition import words
from soc_gen.text.speaker_labels import names_of
from soc_gen.text.tags import END

FORMATS: dict[str, Format] = {"json": json_turns, "transcript": transcript}


@dataclass(frozen=True)
class Rules:
    """Settings of a conversation."""

    config: RolloutConfig
    random_seed: int
    model: str
    attempts: int
    """Most replies to request for one turn; grows with each run that gave up the chat."""
    note: Callable[[str, str], None] = lambda _kind, _name: None
    """Called with ``("reroll", check)`` and ``("repair", name)``."""


def chat_id(experience: Experience, model: str, random_seed: int) -> str:
    """Return the id of the chat made from ``experience``."""
    return content_id("chat", experience.id, model, random_seed)


async def roll_out(experience: Experience, llm: LLM, rules: Rules) -> Chat:
    """Return the finished chat of ``experience``.

    Raises:
        ConversationError: No reply for a turn was usable, or the endpoint refused the conversation.
    """
    play = _Play(experience, llm, rules)
    while len(play.turns) < rules.config.max_turns and not play.ended:
        try:
            tokens = await play.take_turn()
        except ConversationError as verdict:
            if not play.may_wind_down(verdict):
                raise
            rules.note("repair", "wound_down")
            break
        if tokens >= rules.config.max_chat_tokens:
            break
    return Chat(
        chat_id=play.id,
        experience=experience,
        chat_parts=_parts(experience, play.turns, ended=play.ended),
        model=rules.model,
    )


class _Play:
    """A conversation in progress."""

    def __init__(self, experience: Experience, llm: LLM, rules: Rules) -> None:
        self.experience = experience
        self.id = chat_id(experience, rules.model, rules.random_seed)
        self.turns: list[Turn] = []
        self.ended = False
        self._llm = llm
        self._rules = rules
        self._format = FORMATS[rules.config.format]
        bounds = rules.config.min_turns, rules.config.max_turns
        self._closing_turn = self._format.closing_turn(self.id, *bounds)
        self._hint = ""
        self._goodbye = False  # said by the turn before
        self._names = tuple(names_of(person) for person in experience.people)
        self._said: deque[list[str]] = deque(maxlen=REMEMBERED)
        self._given = word_runs(f"{experience.situation} {experience.topic}")

    def may_wind_down(self, verdict: ConversationError) -> bool:
        """Whether a chat that is too long for the server may end here, which is a setting."""
        wished = self._rules.config.on_context_length == "wind_down"
        return wished and verdict.reason == "context_length" and len(self.turns) > 1

    async def take_turn(self) -> int:
        """Request replies until one is usable; return the number of tokens of the conversation."""
        trouble = InvalidTurnError("empty")
        for attempt in range(self._rules.attempts):
            prompt = self._format.render(self.experience, self.turns, len(self.turns) % 2, self._hint)
            request = self._request(prompt, attempt)
            reply = await self._llm.complete(request)
            try:
                turn = self._accept(reply, closes=prompt.closes)
            except InvalidTurnError as bad:
                trouble = bad
                self._rules.note("reroll", bad.name)
                continue
            self.turns.append(turn)
            self._said.extend(words(message) for message in turn.messages)
            return _size(reply, request)
        detail = f"turn {len(self.turns)} after {self._rules.attempts} replies: {trouble}"
        raise ConversationError("bad_turn", detail)

    def _request(self, prompt: Prompt, attempt: int) -> Request:
        number = len(self.turns)
        return Request(
            conversation=self.id,
            turn=number,
            attempt=attempt,
            messages=prompt.messages,
            sampling=self._rules.config.sampling,
            seed=child_seed(self._rules.random_seed, self.id, number, attempt),
            schema=prompt.schema,
            stop=prompt.stop,
            continue_final=prompt.continue_final,
            speaker=self.experience.people[number % 2].id,
        )

    def _accept(self, reply: Reply, *, closes: bool) -> Turn:
        """Return the turn in ``reply``, repaired where this does not change what it says.

        Raises:
            InvalidTurnError: The reply is unusable; another one has to be requested.
        """
        speaker = len(self.turns) % 2
        early = len(self.turns) < self._rules.config.min_turns
        parsed = self._format.parse(reply, self.experience, speaker)
        for repair in parsed.repairs:
            self._rules.note("repair", repair)
        messages, history_text = list(parsed.messages), parsed.history_text
        ended = parsed.ended or closes or end_tags.has_end(messages)
        if ended and early:
            messages, history_text = end_tags.take_out_end(messages), None
            if not messages:
                raise InvalidTurnError("ended_early")
            self._rules.note("repair", "early_end")
        check_turn(messages, self._context(speaker))
        goodbye = says_goodbye(messages)
        if goodbye and self._goodbye and not ended:
            if early:
                raise InvalidTurnError("goodbye_loop")
            # The chat is over; one more reply would only confirm it.
            messages, history_text, ended = [*messages, END], None, True
            self._rules.note("repair", "goodbye_closed")
        turn = Turn(
            speaker, tuple(messages), history_text or self._format.render_history(messages), self._hint
        )
        self.ended = ended and not early
        self._goodbye = goodbye
        self._hint = self._next_hint(goodbye or ended)
        return turn

    def _context(self, speaker: int) -> TurnContext:
        before = self.turns[-1].messages if self.turns else ()
        own, other = self._names[speaker], self._names[1 - speaker]
        return TurnContext(own, other, self._said, before, self._given)

    def _next_hint(self, closing: bool) -> str:
        """Return the hint for the next turn, or ""."""
        taken = len(self.turns) + 1
        if taken == self._closing_turn:
            return load_prompt("rollout_hint_wind_down").text
        if closing and taken < self._rules.config.min_turns:
            return load_prompt("rollout_hint_not_yet").text
        return ""


def _size(reply: Reply, request: Request) -> int:
    """Return the tokens of the conversation so far, estimated if the server does not count them."""
    if reply.usage.prompt:
        return reply.usage.total
    return int(sum(len(message["content"]) for message in request.messages) / CHARACTERS_PER_TOKEN)


def _parts(experience: Experience, turns: list[Turn], *, ended: bool) -> list[ChatPart]:
    """Return the turns as chat parts; an end tag without words is moved to the turn before it."""
    kept = list(turns)
    if ended:
        last = [message for message in kept[-1].messages if message != END]
        if not last and len(kept) > 1:
            kept.pop()
            last = list(kept[-1].messages)
        if not end_tags.has_end(last):
            last.append(END)
        kept[-1] = replace(kept[-1], messages=tuple(last))
    people = experience.people
    return [ChatPart(sender=people[turn.speaker].id, messages=list(turn.messages)) for turn in kept]
