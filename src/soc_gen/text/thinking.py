"""The vocabulary of marks around a model's thoughts, and the removal of thoughts from a text.

The reply decoder, the JSON reader, the checks of a turn and cleaning all use it. A thought is never part of
the answer: marked thoughts are cut, and the answer is the text after them.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

SEAM = "\x1e"
"""Separator of the messages of a part, which are joined because a thought can span them."""

_THOUGHT_WORD = (
    r"(?:think(?:ing|s)?|thoughts?|reason(?:ing|s)?|rationale|reflections?|reflecting|scratch[ _-]?pad"
    r"|analysis|plan(?:ning)?|brainstorm(?:ing)?|monologue|introspection|contemplation|deliberation|musings?"
    r"|pondering|rumination|self[_-]?talk|step[_-]by[_-]step)"
)
_ASIDE = (
    r"(?:draft(?:ing)?|notes?|strateg(?:y|ies)|critique|context|goals?|intent(?:ion)?s?|mood|emotions?|ooc"
    r"|feelings?|states?|meta|metadata|assessment|evaluation|observations?|approach|outline|understanding"
    r"|hypothes[ei]s|verif(?:y|ication)|deliberate|(?:re)?consider|contemplate|ponder|rethink|check|assess"
    r"|evaluate|review|examine|decide|decision|strategi[sz]e|inference|deduction|impression|interpretation"
    r"|considerations?|steps?|internal|hidden|private|inner|mind)"
)
"""Names that people use too: such a tag marks a thought only if it is closed."""
TAG_NAMES = (
    r"(?:[a-z]{1,20}[_-]){1,3}"
    rf"(?:{_ASIDE}|{_THOUGHT_WORD}(?:[_-][a-z]{{1,20}}){{0,3}})|{_THOUGHT_WORD}(?:[_-][a-z]{{1,20}}){{1,3}}"
    rf"|(?:inner|internal|hidden|private|my|self|character){_THOUGHT_WORD}"
    r"|(?:inner|internal)[ _-]?(?:voice|dialog(?:ue)?|speech|world)|mind[ _-]?voice"
    r"|思考(?:过程)?|思维|内心(?:独白|想法)?|心理活动|想法|分析|推理|思索|心の声|생각|мысли|размышлени[ея]|gedanken"
    r"|考え|考察|推論|思案|독백|추론|рассуждени[ея]|анализ|düşünce(?:ler)?|pensier[oi]|ragionamento|racioc[ií]nio"
    r"|[üu]berlegung(?:en)?|nachdenken|tankar|myśli|تفكير|सोच"
    r"|pens[ée]es?|pensamientos?|pensamentos?|r[ée]flexion|razonamiento"
    r"|think(?:ing)?(?:[ _-]process)?|thoughts?(?:[ _-]process)?|reason(?:ing)?(?:[ _-]process)?|rationale"
    r"|reflect(?:ion)?|self[ _-]reflection|scratch[ _-]?pad|analysis|plan(?:ning)?|brainstorm(?:ing)?"
    r"|(?:inner|internal)[ _-](?:monologue|thoughts?|thinking|reasoning)|monologue|deliberation"
    rf"|chain[ _-]of[ _-]thoughts?|cot|{_THOUGHT_WORD}|{_ASIDE}"
)
"""Names of tags around thoughts, as a pattern: ``<scratchpad>``, ``</inner_monologue>``."""
_END = "<|end|>"
_SPECIAL = "<|>"  # placeholder for the name of any special token
_SURE = frozenset({"think", "thinking", "[THINK]", _SPECIAL})
"""Names that only a model writes; the others are words, and people write ``<thoughts>`` too."""

_SPECIAL_NAMES = r"think(?:ing)?|thoughts?|reason(?:ing)?|analysis|reflection|scratchpad|inner"
"""Names in special tokens: ``<|START_THINKING|>``, ``<|end_of_thought|>``, ``<|inner_prefix|>``."""
_SPECIAL_OPENS = rf"(?:(?:begin|start)[_▁](?:of[_▁])?)?(?:{_SPECIAL_NAMES})(?:[_▁](?:begin|start|prefix))?"
_SPECIAL_CLOSES = (
    rf"(?:/|(?:end|stop)[_▁](?:of[_▁])?)(?:{_SPECIAL_NAMES})|(?:{_SPECIAL_NAMES})[_▁](?:end|stop|suffix)"
)

_PAIRS = (
    ("<|channel>thought", "<channel|>"),  # Gemma 4
    ("<unused94>", "<unused95>"),  # MedGemma
)
"""Other marks: the opener and the closer of each."""

# Harmony (gpt-oss): the answer is in the channel "final", if there is one; other channels are thoughts.
_CHANNELS = re.compile(
    r"(?:<\|start\|>assistant)?(?:<\|channel\|>|\A(?=\w+<\|message\|>))"
    r"(?:final\s*+(?:<\|constrain\|>\s*+\w*+\s*+)?<\|message\|>"
    r"|(?:analysis|commentary)\b.*?(?:<\|end\|>|(?=<\|channel\|>final)|\Z))",
    re.DOTALL,
)

_HEADING = r"[\s#>*_]*"
_FINAL = r"final(?: (?:answer|response|reply|output|message|turn|version))?"
_PHRASES = (
    # Harmony whose tokens the server has dropped: "analysisWe need to …assistantfinalhey".
    (
        r"(?:assistant)?(?:analysis|commentary)"
        r"(?=(?-i:[A-Z\"'{])|\s*(?:\n|\Z)|\s+(?-i:We |The )|(?s:.*(?-i:assistantfinal)))",
        r"assistant\s*final|^[ \t]*final[ \t]*$",
    ),
    (r"here(?:['’]s| is) my thought process:", r"here(?:['’]s| is) my (?:final )?response:"),  # Granite
    (r"here are my reasoning steps:", r"\[BEGIN FINAL RESPONSE\]"),  # Apriel
    (
        r"(?:(?:thinking|thought|reasoning)(?: process)?|chain of thought|thoughts|analysis)[*_]*:",
        rf"\b{_FINAL}[*_]*:|^{_HEADING}(?:answer|response|reply|output)[*_]*:",
    ),
)
"""Thoughts without marks: the beginning of the text, and the words before the answer, if there is one."""
_SURE_TO_END = (True, True, True, False)
"""Whether these models always write those words before an answer."""
_ALOUD = tuple(
    (re.compile(f"{_HEADING}(?:{opening})", re.I), re.compile(rf"(?:{answer})[*_ \t]*", re.I | re.M))
    for opening, answer in _PHRASES
)
_OPENING = re.compile(f"{_HEADING}(?:{'|'.join(opening for opening, _ in _PHRASES)})", re.I)
_TALKS_OF_TASK = re.compile(
    r"\W*(?:(?:okay|ok|alright|hmm+|so|well|now|first|right|let['’]s see|wait)\b[,.…]*\s+)*"
    r"(?:the user(?:['’]s)? (?:wants|is|has|asks|asked|needs|provided|gave|said|says|request|prompt|message)"
    r"\b|(?:i|we) (?:need|have|should|must|want|am asked|are asked)(?: to)? (?:now )?(?:respond|reply|write"
    r"|generate|produce|output|craft|continue) (?:as|with|the|a|an|in|only|json|one|to the)\b"
    r"|let me (?:think about (?:this|the|how)|draft|craft|write (?:the|a)) )"
    r"|\s*thought\s*(?:\n|\Z)",  # Gemma, whose tokens the server has dropped
    re.IGNORECASE,
)

_OF_TASK = re.compile(
    rf"\A{_HEADING}(?:(?:thinking|thought|reasoning) process|here (?:is my thought process|are my reasoning))"
    r"|\b(?:personas?|role-?play(?:ing)?|json|prompt|in character)\b"
    r"|\b(?:respond|reply|write|answer|speak|talk|continue)(?:ing)? (?:as|in|with)\b"
    r"|\b(?:next|short|casual|brief|dry) (?:message|repl(?:y|ies)|response|turn)\b",
    re.IGNORECASE,
)
_TASK_WORDS = frozenset(
    rb"process reasoning persona personas role roleplay roleplaying playing json prompt character respond"
    rb" responding reply replying write writing answer answering speak speaking talk talking continue"
    rb" continuing message replies response turn".split()  # every match of _OF_TASK contains one of these
)

_ANSWER_OPENS = re.compile(
    r"\A.*(?:<\|START_RESPONSE\|>|<\|begin_of_solution\|>|\[BEGIN FINAL RESPONSE\]"
    r"|<\|begin\|>assistant<\|content\|>)",
    re.DOTALL,
)
_ANSWER_ENDS = re.compile(
    r"(?:<\|END_RESPONSE\|>|<\|end_of_solution\|>|\[END FINAL RESPONSE\]|<\|return\|>).*\Z", re.DOTALL
)
_ANSWER_TAG = re.compile(r"\s*</?(?:answer|response|output)>\s*", re.IGNORECASE)


def _either(side: int) -> str:
    return "|".join(re.escape(pair[side]) for pair in _PAIRS)


_MARK_SIGNS = "<[{◁＜⟨【"
_MAY_BE_MARK = re.compile(r"[<◁＜⟨]|[\[【]\s*+/?\s*+[^\W\d_]")  # a list of texts in JSON is none
_NEEDS_BOTH = re.compile(rf"\[.*|{_ASIDE}")
_INDENT = 40  # most spaces before a mark at the start of a message
_MARK = re.compile(
    rf"(?=[{re.escape(_MARK_SIGNS)}])(?:"
    rf"(?P<opens>◁(?:{_SPECIAL_NAMES})▷|(?i:<[|｜](?:{_SPECIAL_OPENS})[|｜]>)|{_either(0)})"
    rf"|(?P<closes>◁/(?:{_SPECIAL_NAMES})▷|(?i:<[|｜](?:{_SPECIAL_CLOSES})[|｜]>)|{_either(1)})"
    r"|(?P<ends><\|end\|>)"
    r"|(?i:[<◁＜⟨]\s*+(?P<slash>/?)\s*+(?:\w{1,20}:)?"
    rf"(?P<name>{TAG_NAMES})(?:\s++(?:[\w:-]++\s*=[^<>\n]{{0,200}}|hidden|private|internal))?\s*+[>▷＞⟩])"
    # Brackets that people write too.
    rf"|(?i:[\[【{{]\s*+(?P<bracket_slash>/?)\s*+(?P<bracketed>{TAG_NAMES})\s*+[\]】}}]))"
)


class _Mark(NamedTuple):
    """One mark in a text."""

    start: int
    end: int
    closes: bool
    name: str

    @classmethod
    def of(cls, match: re.Match[str]) -> _Mark:
        closes = any((match["slash"], match["bracket_slash"], match["closes"], match["ends"]))
        bracketed = match["bracketed"]
        if bracketed:  # in capitals it is Mistral's own mark
            name = f"[{bracketed if bracketed.isupper() else bracketed.lower()}]"
        else:
            name = (match["name"] or match["ends"] or _SPECIAL).lower()
        return cls(match.start(), match.end(), closes, name)

    @property
    def opens_special(self) -> bool:
        return self.name == _SPECIAL and not self.closes


def strip_thinking(reply: str) -> str:
    """Return a model's reply without its thoughts.

    Args:
        reply: Content of a completion, of any model family; JSON or plain text.

    Returns:
        The text unchanged if it has no known mark; "" if it has only thoughts. Thoughts without marks stay
        if no known phrase tells where the answer begins: see ``is_thinking_aloud``.
    """
    if "&lt;" in reply and has_mark(unescaped := reply.replace("&lt;", "<").replace("&gt;", ">")):
        reply = unescaped  # the server, or the model, has made HTML of the marks
    text = reply
    if _MAY_BE_MARK.search(reply):
        text = drop_channels(_join_answer(cut_spans(reply, find_thoughts(reply))))
        text = _ANSWER_ENDS.sub("", _ANSWER_OPENS.sub("", text))
        if text != reply:
            text = _ANSWER_TAG.sub("", text)
    return drop_thinking_aloud(text, is_reply=True)


def may_begin_aloud(messages: list[str]) -> bool:
    """Whether ``drop_thinking_aloud`` may change one of ``messages``: no misses, and fast."""
    return any(map(_OPENING.match, messages))


def has_mark(text: str) -> bool:
    """Whether ``text`` may contain a mark around thoughts: no misses, and fast."""
    return bool(_MARK.search(text))


def drop_thinking_aloud(text: str, *, is_reply: bool = False) -> str:
    """Return ``text`` without thoughts that are introduced by a phrase, if another phrase ends them.

    Args:
        text: A message, or all of a reply.
        is_reply: Whether it is all of a reply: then, if the second phrase always precedes an answer and is
            missing, there is no answer.
    """
    if not _OPENING.match(text):
        return text
    for (opening, answer), is_sure in zip(_ALOUD, _SURE_TO_END, strict=True):
        if opening.match(text):
            ends = [match.end() for match in answer.finditer(text)]
            if ends:
                return text[ends[-1] :].lstrip("\n")
            return "" if is_reply and is_sure else text
    return text


def is_thinking_aloud(text: str) -> bool:
    """Whether ``text`` begins like a model's unmarked thoughts about its task."""
    return bool(_TALKS_OF_TASK.match(text) or _OPENING.match(text))


def drop_channels(text: str) -> str:
    """Return ``text`` without the harmony channels that are not the answer, and without their tokens."""
    return _CHANNELS.sub("", text) if "<|channel|>" in text else text


def cut_spans(text: str, spans: list[tuple[int, int]]) -> list[str]:
    """Return ``text`` without ``spans``, which are in order and do not overlap."""
    starts = [0, *(end for _, end in spans)]
    ends = [*(start for start, _ in spans), len(text)]
    return [text[start:end] for start, end in zip(starts, ends, strict=True)]


def join_apart(pieces: list[str]) -> str:
    """Return ``pieces`` as one text, with a space where words would be joined otherwise."""
    text = ""
    for piece in pieces:
        if text.endswith(" ") and piece.startswith(" "):
            text = text[:-1]
        grown = text and piece and not (text[-1].isspace() or piece[0].isspace())
        text += f" {piece}" if grown else piece
    return text


def may_think_of_task(words: Collection[bytes]) -> bool:
    """Whether ``thinks_of_task`` of a text with ``words`` (as ``tokens`` gives them): no misses, and fast."""
    return not _TASK_WORDS.isdisjoint(words)


def thinks_of_task(text: str) -> bool:
    """Whether ``text`` is thinking about how to write the next message. Stricter than ``is_thinking_aloud``.

    People write "Thoughts: i liked it" and "the user is mad again", which do not count.
    """
    return is_thinking_aloud(text) and bool(_OF_TASK.search(text))


def _join_answer(pieces: list[str]) -> str:
    """Join the text around thoughts; a JSON object before a thought is a draft if another one follows."""
    text = pieces[0]
    for piece in pieces[1:]:
        is_draft = text.rstrip("` \n").endswith("}") and re.match(r"[\s`]*(?:json)?\s*\{", piece)
        text = piece if is_draft else text + piece
    return text


def find_thoughts(text: str) -> list[tuple[int, int]]:
    """Return start and end of marked thoughts in ``text``, in order and not nested.

    An unclosed thought extends to the end of its message (``SEAM`` or the end of the text); an unopened one
    starts at the end of the last thought or at the start of the message.
    """
    spans: list[tuple[int, int]] = []
    opened, done, looked = -1, 0, 0
    for start, end, closes in _marks(text):
        if closes:
            begin = opened if opened >= 0 else max(done, text.rfind(SEAM, done, start) + 1)
            spans.append((begin, done := end))
            opened = -1
            continue
        seam = text.find(SEAM, looked, start) if opened >= 0 else -1
        looked = start
        if seam >= 0:
            spans.append((opened, done := seam))
        if seam >= 0 or opened < 0:
            opened = start
    if opened >= 0:
        seam = text.find(SEAM, opened)
        spans.append((opened, seam if seam >= 0 else len(text)))
    return spans


def _marks(text: str) -> list[tuple[int, int, bool]]:
    """Return start, end, and whether it is a closer, of each valid mark.

    A tag whose name is a word is valid if the text has both its opener and its closer, or if a message begins
    with it; a lone closer of that kind, if the answer follows it without a space. In brackets, and if the
    word is an everyday one, only the first rule applies. ``<|end|>`` closes a thought of a special token
    (Solar Open).
    """
    marks = [_Mark.of(match) for match in _MARK.finditer(text)]
    opened, closed = ({mark.name for mark in marks if mark.closes is which} for which in (False, True))
    whole = _SURE | (opened & closed)
    counted: list[_Mark] = []
    for mark in marks:
        if mark.name == _END:
            counts = bool(counted) and counted[-1].opens_special
        elif mark.name in whole or _NEEDS_BOTH.fullmatch(mark.name):
            counts = mark.name in whole
        else:
            counts = _is_glued(text, mark.end) if mark.closes else _is_first(text, mark.start)
        if counts:
            counted.append(mark)
    return [(mark.start, mark.end, mark.closes) for mark in counted]


def _is_first(text: str, start: int) -> bool:
    """Whether there are only spaces between the beginning of the message and ``start``."""
    before = text[max(0, start - _INDENT) : start].rstrip(" \t\n")
    return before.endswith(SEAM) or (not before and start <= _INDENT)


def _is_glued(text: str, end: int) -> bool:
    """Whether the text continues directly after ``end``, or on a new line."""
    following = text[end : end + 1]
    return following == "\n" or not (following in {"", SEAM} or following.isspace())
