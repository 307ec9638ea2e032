"""The families of chat templates: how each marks its turns. Add a family here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from soc_gen.text.thinking import SEAM

Kind = Literal["reply", "prompt", "thought", "unnamed", "end"]
"""Kind of the text after a mark: the reply, another role, thinking, no named role, or after an end."""

_ROLES: dict[Kind, str] = {
    "reply": "assistant model ai bot chatbot gpt response reply output answer final ассистент 答",
    "prompt": "system developer user human prompter userprompt instruction instructions instruct input prompt"
    " question context tool tools function functions observation environment ipython пользователь 问",
    "thought": "analysis commentary",
}
KINDS: dict[str, Kind] = {role: kind for kind, roles in _ROLES.items() for role in roles.split()}


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
KNOWN = "|".join(sorted(KINDS, key=len, reverse=True))
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
        rf"""(?i:<(?:turn|message|msg|utterance)\s[^<>]{{0,40}}(?:role|from|speaker)=["']?({KNOWN})\b[^<>]{{0,40}}>)""",
        r"(?i:</(?:turn|message|msg|utterance)>)",
    ),
    Heading("any other token before a role", "<|", rf"(?i:<\|\w{{2,30}}\|>\s*({KNOWN})(?=:?[ \t]*[\n<]))"),
    Heading(
        "any other token with a role in it",
        "<|",
        rf"(?i:<\|(?!end|eo|/)[a-z]{{0,12}}_?({_IN_TOKENS})_?(?:start|begin|turn|message|token)?\|>)",
        rf"(?i:<\|(?:/|end|eo)[a-z_]{{0,12}}(?:{_IN_TOKENS})(?:_[a-z]{{1,12}})?\|>)",
    ),
    Heading("roles as tags", "<", rf"(?i:<({_TAGS})>)(?=[^<>]*</)", rf"(?i:</(?:{_TAGS})>)", alone=False),
)
"""Families whose marks are words."""
