"""Rules for situations and topics; each is a small function that returns a fault or None.

A rejection costs one more request, and a missed fault stays in the dataset. Still, a rule that is not sure
returns None, so that no kind of story is excluded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

from soc_gen.llm.json_reply import find_answer, object_with
from soc_gen.models import Experience, Persona
from soc_gen.text.garbled import is_garbled, unescape_unicode
from soc_gen.text.names import short_names
from soc_gen.text.ngrams import word_ngrams
from soc_gen.text.safety import find_romance_with_minor
from soc_gen.text.templates import UnclearTurnsError, drop_template_tokens
from soc_gen.text.tokens import WORD

_KEYS = frozenset({"situation", "topic"})
MAX_SITUATION = 300
"""Characters."""
MAX_TOPIC = 300
"""Characters."""
_MAX_TOPIC_SENTENCES = 2
_FEWEST_WORDS = 6
_RUN = 4  # words in a row that are compared with what was given
_MAX_SHARED = 0.3  # share of such runs that may come from it
_QUOTED_WORDS = 4  # a shorter quotation is a name or a word, not a message

_SENTENCE_END = re.compile(
    r"(?<!\bDr)(?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bSt)[.!?…]+[\"'”’)]*\s+(?=[\"'“‘(]?[A-ZÀ-Þ0-9])"
)
_QUOTATION = re.compile(
    r"\"([^\"]+)\"|“([^”]+)”|«([^»]+)»|„([^“”]+)[“”]|(?<![\w.,!?])['‘](?=\w)([^'’\n]*(?:\w['’]\w[^'’\n]*)*)['’](?!\w)"
)
_GREETING = re.compile(
    r"(?:hey|hi|hello|hiya|yo|dear|good (?:morning|evening|afternoon))\b[^.?!]{0,40}[,!]", re.IGNORECASE
)
_SPEAKS = re.compile(
    r"\b(?:I'm|I’m|I've|I’ve|I'll|I’ll|I am|I have|I was|can you|could you|do you|did you|are you)\b"
)
_TASK = re.compile(
    r"\b(?:(?:the|a) nudge|small event|(?:first|second) person|persona [12]|true-to-life)\b", re.IGNORECASE
)
_DIES = r"(?:(?:has|had|is|was|just) )*(?:died|dead|passed away|been killed)\b"
_AGE = re.compile(r"\b\d{1,3}[- ]years?[- ]old\b", re.IGNORECASE)
_IDLE = re.compile(
    r"\b(?:catch(?:es|ing)? up|keep(?:s|ing)? in touch|get(?:s|ting)? to know each other"
    r"|bond(?:s|ed|ing)? over|chat(?:s|ting)? (?:about|regularly)|(?:common|mutual|shared) interests?"
    r"|communicat(?:e|es|ing) (?:about|over)|discuss(?:es|ing)? (?:their|the upcoming)"
    r"|shar(?:e|es|ing) (?:their|stories|experiences|thoughts))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Draft:
    """The situation and topic that the model proposes."""

    situation: str
    topic: str
    repairs: tuple[str, ...] = ()
    """Names of the repairs made while reading it; counted."""


@dataclass(frozen=True, slots=True)
class DraftContext:
    """The parts of the model's input that the rules compare with."""

    personas: tuple[Persona, Persona]
    given: tuple[str, ...]
    """The relationship and the trigger."""
    examples: tuple[str, ...]
    """Situation and topic of each example."""

    @property
    def names(self) -> tuple[str, str]:
        """Short names of the two."""
        return short_names(*self.personas)


@dataclass(frozen=True, slots=True)
class DraftRejection:
    """Why a reply cannot be used."""

    reason: str
    """Stable code: ``wrong_format`` or the name of a rule."""
    detail: str


def example_text(experience: Experience) -> str:
    """Return the texts of an example that must not be copied."""
    return f"{experience.situation} {experience.topic}"


def read_json(text: str) -> Draft | None:
    """Return the draft in a JSON reply, or None when there is none."""
    answer = find_answer(text, _texts)
    if answer is None:
        return None
    situation, topic = answer.value
    as_asked = isinstance(answer.source, dict) and answer.source.keys() >= _KEYS and not answer.repaired
    return Draft(situation, topic, () if as_asked else ("json",))


def _texts(value: object) -> tuple[str, str] | None:
    fields = object_with(value, _KEYS) or {}
    situation, topic = fields.get("situation"), fields.get("topic")
    return (situation, topic) if isinstance(situation, str) and isinstance(topic, str) else None


def check_draft(draft: Draft | None, brief: DraftContext) -> Draft | DraftRejection:
    """Return the repaired draft, or the first reason to reject it.

    White space is normalized, full names become short names, and template tokens and doubly escaped
    characters are repaired.
    """
    if draft is None:
        return DraftRejection("wrong_format", "no situation and topic in the reply")
    try:
        draft = replace(draft, situation=_tidy(draft.situation, brief), topic=_tidy(draft.topic, brief))
    except UnclearTurnsError:
        return DraftRejection("wrong_format", "turns of a chat template, and not exactly one is the reply")
    for rule in RULES:
        if detail := rule(draft, brief):
            return DraftRejection(rule.__name__, detail)
    return draft


def _tidy(text: str, brief: DraftContext) -> str:
    text = unescape_unicode(" ".join(drop_template_tokens([text])))
    for persona, name in zip(brief.personas, brief.names, strict=True):
        text = text.replace(persona.name, name)
    return " ".join(text.split())


def sentences(text: str) -> list[str]:
    """Return the sentences of ``text``; titles such as "Dr." do not end one."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    return [text[begin:end].strip() for begin, end in pairwise([0, *ends, len(text)])]


def empty(draft: Draft, _brief: DraftContext) -> str | None:
    """Reject a situation or topic with almost no words."""
    short = [text for text in (draft.situation, draft.topic) if len(_words(text)) < _FEWEST_WORDS]
    return f"{short[0]!r} says nothing" if short else None


def garbled(draft: Draft, _brief: DraftContext) -> str | None:
    """Reject a text with lost characters."""
    lost = [text for text in (draft.situation, draft.topic) if is_garbled(text)]
    return f"characters are lost in {lost[0]!r}" if lost else None


def too_long(draft: Draft, _brief: DraftContext) -> str | None:
    """Reject a situation or topic that is too long."""
    if len(draft.situation) > MAX_SITUATION:
        return f"situation of {len(draft.situation)} characters, over {MAX_SITUATION}"
    if len(draft.topic) > MAX_TOPIC:
        return f"topic of {len(draft.topic)} characters, over {MAX_TOPIC}"
    return None


def topic_sentences(draft: Draft, _brief: DraftContext) -> str | None:
    """Reject a topic of more than two sentences."""
    count = len(sentences(draft.topic))
    return (
        f"topic of {count} sentences, over {_MAX_TOPIC_SENTENCES}" if count > _MAX_TOPIC_SENTENCES else None
    )


def quotes_messages(draft: Draft, _brief: DraftContext) -> str | None:
    """Reject dialogue: in quotation marks, or a topic that is itself the message."""
    for match in _QUOTATION.finditer(f"{draft.situation} {draft.topic}"):
        words = _words(match[0])
        if len(words) >= _QUOTED_WORDS and not _is_title(words):
            return f"quotes {match[0]}"
    if _GREETING.match(draft.topic) or _SPEAKS.search(draft.topic):
        return "the topic is a message, not what it is about"
    return None


def tells_the_task(draft: Draft, _brief: DraftContext) -> str | None:
    """Reject a text about the instructions instead of the two people."""
    match = _TASK.search(f"{draft.situation} {draft.topic}")
    return f"speaks of the task: {match[0]}" if match else None


def names_nobody(draft: Draft, brief: DraftContext) -> str | None:
    """Reject a situation in which neither of the two is named."""
    text = draft.situation.casefold()
    if any(name.casefold() in text for name in brief.names):
        return None
    return f"names neither {brief.names[0]} nor {brief.names[1]}"


def one_is_dead(draft: Draft, brief: DraftContext) -> str | None:
    """Reject a situation in which one of the two has died."""
    names = "|".join(map(re.escape, brief.names))
    match = re.search(rf"\b(?:{names}) {_DIES}", draft.situation)
    return f"nobody writes to the dead: {match[0]}" if match else None


def minor_in_romance(draft: Draft, brief: DraftContext) -> str | None:
    """Reject romance and sex when one of the two is under 18."""
    romance = find_romance_with_minor(brief.personas, (draft.situation, draft.topic))
    return f"one of the two is under 18: {romance}" if romance else None


def no_reason(draft: Draft, _brief: DraftContext) -> str | None:
    """Reject a situation without a reason to write."""
    match = _IDLE.search(draft.situation)
    return f"no reason to write now, they {match[0]!r}" if match else None


def retells_card(draft: Draft, brief: DraftContext) -> str | None:
    """Reject a situation that introduces the two: by age, by a list of traits, by their background."""
    if match := _AGE.search(draft.situation):
        return f"introduces someone: {match[0]}"
    for persona in brief.personas:
        traits = [trait for trait in persona.traits if trait.casefold() in draft.situation.casefold()]
        if len(traits) > 1:
            return f"lists traits: {', '.join(traits)}"
    share = _shared(draft.situation, [persona.background for persona in brief.personas])
    return f"{share:.0%} of it is a background" if share > _MAX_SHARED else None


def copies_example(draft: Draft, brief: DraftContext) -> str | None:
    """Reject a text that repeats the words of an example."""
    share = _shared(f"{draft.situation} {draft.topic}", brief.examples)
    return f"{share:.0%} of it is an example's" if share > _MAX_SHARED else None


def copies_brief(draft: Draft, brief: DraftContext) -> str | None:
    """Reject a situation that only repeats the relationship or the trigger."""
    share = _shared(draft.situation, brief.given)
    return f"{share:.0%} of it is the relationship or the trigger" if share > _MAX_SHARED else None


Rule = Callable[[Draft, DraftContext], str | None]
RULES: tuple[Rule, ...] = (
    empty,
    garbled,
    too_long,
    topic_sentences,
    quotes_messages,
    tells_the_task,
    names_nobody,
    one_is_dead,
    minor_in_romance,
    no_reason,
    retells_card,
    copies_example,
    copies_brief,
)
"""In the order in which they run; the name of a rule is its reason code."""


def _words(text: str) -> list[str]:
    return WORD.findall(text)


def _is_title(words: list[str]) -> bool:
    """Whether the texts are in title case: short words in lower case, most words capitalized."""
    large = sum(word[0].isupper() for word in words)
    return 2 * large >= len(words) and all(word[0].isupper() for word in words if len(word) > 3)


def _runs(text: str) -> frozenset[tuple[str, ...]]:
    return word_ngrams([word.casefold() for word in _words(text)], _RUN)


def _shared(text: str, others: Iterable[str]) -> float:
    """Return the largest share (0 to 1) of word runs of ``text`` that one of ``others`` contains too."""
    runs = _runs(text)
    return max((len(runs & _runs(other)) / len(runs) for other in others if runs), default=0.0)
