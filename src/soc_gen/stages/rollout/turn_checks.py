"""Checks of a turn; a turn that fails one is requested again. Each check has a name that is counted.

The tests of single texts are in ``soc_gen.text``, which cleaning uses too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from soc_gen.stages.rollout.formats.base import InvalidTurnError
from soc_gen.text import tags
from soc_gen.text.assistant_speak import is_assistant_speak, is_refusal
from soc_gen.text.farewell import is_farewell
from soc_gen.text.garbled import is_garbled
from soc_gen.text.labelled_parts import foreign_line, labels_itself
from soc_gen.text.ngrams import word_ngrams
from soc_gen.text.repetition import is_repeat, is_said_over
from soc_gen.text.repetition import words as words_of
from soc_gen.text.thinking import is_thinking_aloud

_RUN = 3  # words in a row that are compared with the situation and topic
_FEWEST_RUNS = 4  # runs of three words; shorter messages are not checked
_MOST_RETOLD = 0.6
_STAGE_DIRECTION = re.compile(
    r"\b([\w'’-]+) (?:(?:then|just|quickly|slowly) )?"
    r"(?:nods|smiles|laughs|sighs|types|replies|shrugs|grins|blushes)\b"
)
_ASKED = r"(?:is|was|has|had|will|would|does|did|can)"
_OF = r"(?:by|with|from|about|asked|told|ask|tell) "
_DOES = rf"(?:['’]s| (?:{_ASKED}|wants|needs|knows|thinks|said|says|told|never|can't))\b"
_FILLER = re.compile(
    r"(?:\W*\b(?:hi|hey|hello|sure|thanks?(?: you)?(?: so much| a lot| again)?|no (?:problem|worries)|great"
    r"|sounds (?:good|great|like a plan)|perfect|of course|(?:you're|you are) welcome|absolutely|bye|goodbye"
    r"|that's (?:great|fine|perfect|understandable)|i understand|i'm sorry|take care"
    r"|(?:have a )?(?:good|great|nice) day|(?:see|talk to) you (?:later|soon|then))\b"
    r"(?:,? [\w'-]+(?=\W*$))?)+\W*"
)

REMEMBERED = 24
"""Number of earlier messages that are searched for repeats."""
Runs = frozenset[tuple[str, ...]]
"""Runs of three words."""


@dataclass(frozen=True, slots=True)
class TurnContext:
    """The context of a turn: who writes, and the messages before it."""

    own_names: frozenset[str]
    """Names of the writer, from ``speaker_labels.names_of``."""
    other_names: frozenset[str]
    """Names of the other person."""
    earlier: Collection[Sequence[str]]
    """The words of the last messages of both, from ``words_of``."""
    before: Sequence[str] = ()
    """The messages of the turn before."""
    given: Runs = frozenset()
    """Word runs of the situation and topic, from ``word_runs``."""


def _repeats(messages: Sequence[str], context: TurnContext) -> str:
    earlier = list(context.earlier)
    for message in messages:
        words = words_of(message)
        if is_repeat(words, earlier) or is_said_over(words, earlier):
            return message
        earlier.append(words)
    return ""


def retells(message: str, given: Runs) -> bool:
    """Whether most of ``message`` is copied from the text with the word runs ``given``."""
    runs = word_runs(message)
    return len(runs) >= _FEWEST_RUNS and len(runs & given) > _MOST_RETOLD * len(runs)


def word_runs(text: str) -> Runs:
    """Return every run of three words in ``text``."""
    return word_ngrams(words_of(text), _RUN)


def _filler_again(messages: Sequence[str], context: TurnContext) -> str:
    return messages[0] if context.before and all(map(filler, [*messages, *context.before])) else ""


def filler(message: str) -> bool:
    """Whether ``message`` is only politeness: greetings, thanks, "no problem", "sounds good"."""
    return bool(_FILLER.fullmatch(message.lower().replace("’", "'")))


def _narrates(messages: Sequence[str], context: TurnContext) -> str:
    names = context.own_names | context.other_names
    return _first(lambda message: narrates(message, names), messages)


def narrates(message: str, names: Collection[str]) -> bool:
    """Whether ``message`` narrates what one of the two does: "Maya nods and smiles"."""
    plain = message.casefold()
    return any(match[1] in names for match in _STAGE_DIRECTION.finditer(plain))


def _wrong_person(messages: Sequence[str], context: TurnContext) -> str:
    return _first(lambda message: wrong_person(message, context.own_names, context.other_names), messages)


def wrong_person(message: str, own_names: frozenset[str], other_names: frozenset[str]) -> bool:
    """Whether the writer mixes up the two: writes to Nour about "Nour's", or begins with their own name.

    A writer's own name elsewhere, for fun or in a signature, is accepted.
    """
    plain = message.casefold()
    for name in (*own_names, *other_names):
        if name in plain:
            return bool(_confusion(own_names, other_names).search(plain))
    return False


@lru_cache(maxsize=4096)
def _confusion(own_names: frozenset[str], other_names: frozenset[str]) -> re.Pattern[str]:
    own, other = ("|".join(map(re.escape, sorted(names))) or "(?!)" for names in (own_names, other_names))
    return re.compile(
        rf"(?<!\w)(?:{other}){_DOES}|\b{_ASKED} (?:{other}) \w|\b{_OF}(?:{other})\b|\A(?:{own})[,.!?] "
    )


def _first(test: Callable[[str], bool], messages: Sequence[str]) -> str:
    return next((message for message in messages if test(message)), "")


CHECKS: dict[str, Callable[[Sequence[str], TurnContext], str]] = {
    "thinking": lambda messages, _: _first(is_thinking_aloud, messages),
    "garbled": lambda messages, _: _first(is_garbled, messages),
    "speaks_for_other": lambda messages, context: foreign_line(
        messages, context.own_names, context.other_names
    ),
    "own_label": lambda messages, context: labels_itself(messages, context.own_names, context.other_names),
    "refusal": lambda messages, _: _first(is_refusal, messages),
    "assistant_speak": lambda messages, _: _first(is_assistant_speak, messages),
    "bad_tag": lambda messages, _: _first(lambda message: bool(tags.problems(message)), messages),
    "repeat": _repeats,
    "retells": lambda messages, context: _first(lambda message: retells(message, context.given), messages),
    "filler": _filler_again,
    "narrates": _narrates,
    "wrong_person": _wrong_person,
}
"""Name of each check, and its function, which returns the message that fails it, or ""."""


def check_turn(messages: Sequence[str], context: TurnContext) -> None:
    """Run every check.

    Raises:
        InvalidTurnError: A check failed; has the name of the first one.
    """
    for name, check in CHECKS.items():
        detail = check(messages, context)
        if detail:
            raise InvalidTurnError(name, detail[:80])


def says_goodbye(messages: Sequence[str]) -> bool:
    """Whether a turn ends with a farewell."""
    spoken = [message for message in messages if tags.spoken_text(message).strip()]
    return bool(spoken) and is_farewell(spoken[-1])
