"""Splits a text with turns of a chat template, which a model wrote instead of a single reply.

A template writes the role before each turn (``<|im_start|>user``) and, most of them, a token after it
(``<|im_end|>``). A model can echo earlier turns, or invent later ones. Only the single turn of the assistant
is its reply; all other turns belong to the prompt or to the other person.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from itertools import groupby
from types import MappingProxyType
from typing import Literal, NamedTuple

from soc_gen.text.special_tokens import drop_tokens
from soc_gen.text.thinking import SEAM

Kind = Literal["reply", "prompt", "thought", "unnamed", "end"]
"""Kind of the text after a mark: the reply, another role, thinking, no named role, or after an end."""

_ROLES: dict[Kind, str] = {
    "reply": "assistant model ai bot chatbot gpt response reply output answer final ассистент 答",
    "prompt": "system developer user human prompter userprompt instruction instructions instruct input prompt"
    " question context tool tools function functions observation environment ipython пользователь 问",
    "thought": "analysis commentary",
}
_KINDS: dict[str, Kind] = {role: kind for kind, roles in _ROLES.items() for role in roles.split()}


class Family(NamedTuple):
    """How a family of templates marks its turns."""

    name: str
    turns: tuple[str, ...] = ()
    """Marks before a turn. ``ROLE`` is a known role; ``NAME`` any word, or none at the end."""
    marks: Mapping[str, Kind] = MappingProxyType({})
    """Tokens that name the role by themselves."""
    ends: tuple[str, ...] = ()
    """Marks after a turn."""
    alone: bool = True
    """False: marks count only if there are two kinds of them, since people write them too."""


FAMILIES = (
    Family(
        "ChatML: Qwen, Yi, Hermes, Phi 4",
        ("<|im_start|>NAME", "<im_start>NAME"),
        ends=("<|im_end|>", "<im_end>"),
    ),
    Family("Kimi", ("<|im_ROLE|>",)),
    Family(
        "Llama 2, Mistral",
        marks={
            "[INST]": "prompt",
            "[/INST]": "reply",
            "<<SYS>>": "prompt",
            "<</SYS>>": "prompt",
            "[SYSTEM_PROMPT]": "prompt",
            "[/SYSTEM_PROMPT]": "end",
            "[AVAILABLE_TOOLS]": "prompt",
            "[/AVAILABLE_TOOLS]": "end",
            "[TOOL_RESULTS]": "prompt",
            "[/TOOL_RESULTS]": "end",
        },
    ),
    Family(
        "Llama 3",
        ("<|start_header_id|>NAME<|end_header_id|>",),
        ends=("<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"),
    ),
    Family("Llama 4", ("<|header_start|>NAME<|header_end|>",), ends=("<|eot|>", "<|eom|>", "<|step|>")),
    Family("Gemma 1 to 3", ("<start_of_turn>NAME",), ends=("<end_of_turn>", "<eos>")),
    Family("Gemma 4", ("<|turn>NAME",), ends=("<turn|>",)),
    Family("Phi 3, Zephyr, GLM, Falcon 3, Tulu, Jamba", ("<|ROLE|>",), ends=("<|end|>", "<|endoftext|>")),
    Family("DeepSeek", ("<｜ROLE｜>",), ends=("<｜end▁of▁sentence｜>",)),
    Family("Hunyuan", ("<｜hy_ROLE｜>",), ends=("<｜hy_place▁holder▁no▁2｜>",)),
    Family("Hunyuan Large", marks={"<|extra_0|>": "reply", "<|extra_4|>": "end", "<|eos|>": "end"}),
    Family(
        "Command R, Aya",
        ("<|START_OF_TURN_TOKEN|><|ROLE_TOKEN|>", "<|ROLE_TOKEN|>"),
        ends=("<|END_OF_TURN_TOKEN|>",),
    ),
    Family("Granite", ("<|start_of_role|>NAME<|end_of_role|>",)),
    Family("harmony: gpt-oss", ("<|start|>assistant<|channel|>NAME", "<|channel|>NAME", "<|start|>NAME")),
    Family("EXAONE", ("[|ROLE|]",), ends=("[|endofturn|]",)),
    Family("Ling", ("<role>NAME</role>",), ends=("<|role_end|>",)),
    Family("MiniMax", ("]~b]NAME",), ends=("[e~[",)),
    Family("Seed", ("<seed:bos>NAME",), ends=("<seed:eos>",)),
    Family("Saiga, Monarch", ("<s>ROLE\n",)),
    Family("Megrez", ("<|role_start|>NAME<|role_end|>",), ends=("<|turn_end|>",)),
    Family("GigaChat", ends=("<|message_sep|>",)),
    Family("Solar", ("<|begin|>NAME<|content|>",)),
    Family("Step", ("<|BOT|>NAME",), ends=("<|EOT|>",)),
    Family("dots", ends=("<|endofuserprompt|>", "<|endofresponse|>", "<|endofsystem|>")),
    Family("InternLM", ends=("<eoh>", "<eoa>")),
    Family("Nemotron 4", ("<extra_id_0>ROLE\n", "<extra_id_1>ROLE\n")),
    Family("Nemotron Nano", ("<SPECIAL_10>ROLE\n", "<SPECIAL_11>ROLE\n")),
    Family("Baichuan", marks={"<reserved_106>": "prompt", "<reserved_107>": "reply"}, alone=False),
    Family("MiniCPM", marks={"<用户>": "prompt", "<AI>": "reply"}, alone=False),
    Family("OpenChat", ends=("<|end_of_turn|>",)),
    Family("SmolVLM", ends=("<end_of_utterance>",)),
    Family("ERNIE, Grok", ends=("<|end_of_sentence|>", "<|separator|>")),
)
"""Families whose marks are special tokens, which people do not write by hand."""

_LINE = rf"(?<![^\n{SEAM}])"
_LINE_ENDS = rf"(?=[\n{SEAM}]|\Z)"
_GLUED = r"(?<=[A-Za-z0-9.,;!?…)’”~\u00c0-\u052f\U0001f300-\U0001faff])"
_KNOWN = "|".join(sorted(_KINDS, key=len, reverse=True))
_IN_TOKENS = "system|user|human|prompter|assistant|chatbot|bot"
_TAGS = "system|user|human|assistant|model|ai|bot|response|answer|reply|output"


class Heading(NamedTuple):
    """How a family of templates marks its turns with words."""

    name: str
    first: str
    """First characters of the mark."""
    pattern: str
    """``(…)`` is the role."""
    end: str = ""
    """Pattern of the mark after a turn."""
    alone: bool = True
    """As in ``Family``."""


HEADINGS = (
    Heading(
        "Alpaca, Solar, Guanaco",
        "#",
        rf"(?i:(?<!\S)#{{2,4}} ?(response|assistant|instructions?|user|human|system) ?(?::|{_LINE_ENDS}))",
    ),
    Heading(
        "Alpaca, its other parts",
        "#",
        rf"(?i:{_LINE}#{{2,4}} ?(input|output|question|answer|context|reply|prompt) ?(?::|{_LINE_ENDS}))",
        alone=False,
    ),
    Heading("Vicuna, one more reply", "A", r"(?<!\S)(ASSISTANT):"),
    Heading("Vicuna, one more question", "U", r"(?<=[^:]\n)(USER):"),
    Heading("Vicuna", "UASHGB", r"(?<!\S)(USER|ASSISTANT|SYSTEM|HUMAN|GPT|BOT|AI):", alone=False),
    Heading("Granite 3B", "QA", rf"{_LINE}(Question|Answer):", alone=False),
    Heading("OpenChat", "G", r"GPT4 Correct (User|Assistant):"),
    Heading("GigaChat", "uasfd", r"(?<!\w)(user|assistant|system|functions?|developer)<\|role_sep\|>"),
    Heading("Phi 2", "IO", rf"{_LINE}(Instruct|Output):", alone=False),
    Heading("ChatGLM 2", "问答", r"(问|答)：", alone=False),
    Heading("Yandex", "ПА", r"(Пользователь|Ассистент):", alone=False),
    # When the server drops the tokens, the role remains: "behind the bikesassistant\n\nok see you".
    Heading("Llama 3 without tokens", "a", rf"{_GLUED}(assistant){_LINE_ENDS}"),
    Heading("Llama 3, the other's turn", "u", rf"{_GLUED}(?<!\bsuper)(?<!\bpower)(?<!\bend)(user)(?=\n\n)"),
    Heading("ChatML without tokens", "a", rf"{_LINE}(assistant)(?=\n)"),
    Heading("ChatML, the other's turn", "u", r"(?<=\S\n)(user)(?=\n)"),
    Heading("Gemma without tokens", "m", rf"(?<![^{SEAM}])(model)(?=\n)"),
    Heading(
        "any without tokens", "suamt", rf"{_LINE}(system|user|assistant|model|tool){_LINE_ENDS}", alone=False
    ),
    # Without its closer it is how somebody labels a line.
    Heading("roles as tags with colons", "<", rf"(?i:<({_TAGS})>:)", alone=False),
    Heading(
        "roles as attributes",
        "<",
        rf"""(?i:<(?:turn|message|msg|utterance)\s[^<>]{{0,40}}(?:role|from|speaker)=["']?({_KNOWN})\b[^<>]{{0,40}}>)""",
        r"(?i:</(?:turn|message|msg|utterance)>)",
    ),
    Heading("any other token before a role", "<|", rf"(?i:<\|\w{{2,30}}\|>\s*({_KNOWN})(?=:?[ \t]*[\n<]))"),
    Heading(
        "any other token with a role in it",
        "<|",
        rf"(?i:<\|(?!end|eo|/)[a-z]{{0,12}}_?({_IN_TOKENS})_?(?:start|begin|turn|message|token)?\|>)",
        rf"(?i:<\|(?:/|end|eo)[a-z_]{{0,12}}(?:{_IN_TOKENS})(?:_[a-z]{{1,12}})?\|>)",
    ),
    Heading("roles as tags", "<", rf"(?i:<({_TAGS})>)(?=[^<>]*</)", rf"(?i:</(?:{_TAGS})>)", alone=False),
)
"""Families whose marks are words."""

_ANY = rf"[^<>|\n{SEAM}]{{0,40}}"
# After the role: "assistant name=luna", Kimi's role names, a colon, empty lines.
_TAIL = (
    rf"(?:[ \t]+(?:name|to)[ =][^\s<>]+)?(?:{_ANY}(?:<\|constrain\|>\w+)?<\|(?:im_middle|im_sep|message)\|>)?"
    r":?[ \t\n]*"
)
# </s> followed by words on the same line is strikethrough, or the end of sarcasm.
_STRUCK = rf"(?i:</s>(?![ \t]+(?!(?:{_KNOWN})\b)\w))"


class Mark(NamedTuple):
    """Position of a turn mark, and the kind of text after it."""

    start: int
    end: int
    kind: Kind


Block = Mark
"""Position of the text of one turn, and its kind."""


def _turn(turn: str) -> str:
    """Return the pattern of a mark in ``Family.turns``."""
    before, placeholder, after = re.split("(ROLE|NAME)", turn)
    if placeholder == "ROLE":
        role = f"({_KNOWN})" + ("" if after else r"\b")
    elif after:
        role = f"({_ANY})"
    else:
        role = rf"([ \t\n]*(?:{_KNOWN})\b|[\w.-]{{1,40}}(?=[ \t]*(?:\n|<\|)))?"
    return f"(?i:{re.escape(before)}{role}{re.escape(after)}){_TAIL}"


class _Sign(NamedTuple):
    """One mark to look for."""

    first: str
    """Pattern of its first one or two characters, which is searched first."""
    pattern: str
    """Full pattern, with one group."""
    kind: Kind | None
    """Kind of the text after it; None when the role in the group decides."""
    alone: bool


def _signs() -> Iterator[_Sign]:
    yield _Sign("<[^|]", f"({_STRUCK})", "end", alone=True)
    for family in FAMILIES:
        for turn in family.turns:
            yield _Sign(_first(turn), _turn(turn), None, family.alone)
        for token, kind in family.marks.items():
            yield _Sign(_first(token), f"((?i:{re.escape(token)})){_TAIL}", kind, family.alone)
        for token in family.ends:
            yield _Sign(_first(token), f"((?i:{re.escape(token)}))", "end", family.alone)
    for heading in HEADINGS:
        first = _first(heading.first) if heading.first in {"<", "<|"} else f"[{re.escape(heading.first)}]"
        yield _Sign(first, heading.pattern + _TAIL, None, heading.alone)
        if heading.end:
            yield _Sign(first, f"({heading.end})", "end", heading.alone)


def _first(token: str) -> str:
    if token.startswith("<|"):
        return r"<\|"
    return "<[^|]" if token.startswith("<") else f"[{re.escape(token[0])}]"


# The search is fast because the possible first characters come before the full patterns. Marks that count
# alone come before those that need others.
_BY_FIRST = sorted(_signs(), key=lambda sign: (not sign.alone, sign.first))
_MARK = re.compile(
    "|".join(
        f"(?={first})(?:{'|'.join(sign.pattern for sign in signs)})"
        for first, signs in groupby(_BY_FIRST, key=lambda sign: sign.first)
    )
)
_SIGNS = frozenset("<[]#：")
_ROLE_LINES = frozenset({"system", "user", "assistant", "model", "tool"})
_COLON_WORDS = ("ASSISTANT", "USER", "GPT", "BOT", "Instruct", "Answer", "Ассистент")
_LINE_WORDS = ("assistant", "user", "model", "system")
_WORDS = re.compile(rf"(?:{'|'.join(_COLON_WORDS)}|Correct \w+):|(?:{'|'.join(_LINE_WORDS)})(?:\n|\Z)")


def may_hold_turns(signs: Collection[str], messages: list[str]) -> bool:
    """Whether ``messages`` may have a mark of a turn: no misses, and fast.

    Args:
        signs: The characters in them; everyday characters may be missing.
        messages: Messages of one or more parts.
    """
    if not _SIGNS.isdisjoint(signs) or not _ROLE_LINES.isdisjoint(messages):
        return True
    parted = [
        message for message in messages if ":" in message or "\n" in message or message[-9:] == "assistant"
    ]
    return any(_WORDS.search(message) for message in parted if may_have_word(message))


def may_have_word(message: str) -> bool:
    """Whether ``message`` may have a word that marks a turn: no misses, and faster than ``_WORDS``."""
    if "\n" in message or "Correct " in message or message.endswith(_LINE_WORDS):
        return True
    return any(piece.endswith(_COLON_WORDS) for piece in message.split(":"))


def find_marks(text: str) -> list[Mark]:
    """Return the marks of turns in ``text``, in order."""
    marks = [(match.start(), match.end(), *_said_by(match)) for match in _MARK.finditer(text)]
    several = len({kind for _, _, kind, _ in marks}) > 1
    return [Mark(start, end, kind) for start, end, kind, alone in marks if alone or several]


def _said_by(match: re.Match[str]) -> tuple[Kind, bool]:
    if not match.lastindex:
        return "unnamed", True
    sign = _BY_FIRST[match.lastindex - 1]
    role = match[match.lastindex].strip().lower()
    return sign.kind or (_KINDS.get(role, "prompt") if role else "unnamed"), sign.alone


def blocks(text: str) -> list[Block]:
    """Return the turns of ``text``: the texts before, between and after its marks, also empty ones.

    Messages are separated by ``SEAM``: after the end of a turn, the rest of the message belongs to no turn,
    and the next message has no named role.
    """
    turns: list[Block] = []
    kind: Kind = "unnamed"
    start = 0
    for mark in [*find_marks(text), Mark(len(text), len(text), "end")]:
        seam = text.find(SEAM, start, mark.start) if kind == "end" else -1
        if seam >= 0:
            turns.append(Block(start, seam, "end"))
            kind, start = "unnamed", seam
        turns.append(Block(start, mark.start, kind))
        kind, start = mark.kind, mark.end
    return turns


class UnclearTurnsError(Exception):
    """A text has turns of a template, but not exactly one of them is the reply."""


def keep_reply(messages: list[str]) -> list[str]:
    """Return ``messages`` with the assistant's turn only; unchanged if there are no turns.

    Args:
        messages: Messages of one part; a turn may span several.

    Raises:
        UnclearTurnsError: There is no turn of the assistant with text, or more than one.
    """
    text = SEAM.join(messages)
    turns = blocks(text) if may_hold_turns(text, messages) else []
    if len(turns) <= 1:
        return messages
    if not _has_one_reply(text, turns):
        raise UnclearTurnsError
    kept = [
        text[start:end] if kind in {"reply", "unnamed"} else SEAM * text.count(SEAM, start, end)
        for start, end, kind in turns
    ]
    return "".join(kept).split(SEAM)


def _has_one_reply(text: str, turns: list[Block]) -> bool:
    """Whether exactly one turn is the reply. The assistant's turns in successive messages are one."""
    replied_until = -1  # end of the last turn of the reply
    asked = False  # the last named turn was somebody else's
    has_named = False
    for start, end, kind in turns:
        if kind in {"prompt", "reply"}:
            asked, has_named = kind == "prompt", True
        if kind not in {"reply", "unnamed"} or not drop_tokens(text[start:end]).strip():
            continue
        if asked or (replied_until >= 0 and _is_apart(text, turns, replied_until, start)):
            return False
        replied_until = end
    return replied_until >= 0 or not has_named


def _is_apart(text: str, turns: list[Block], end: int, start: int) -> bool:
    """Whether a turn from ``start`` is separate from one that ended at ``end``."""
    between = any(turn.kind == "prompt" and end <= turn.start <= start for turn in turns)
    return between or SEAM not in text[end : start + 1]
