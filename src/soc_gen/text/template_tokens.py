"""Tokens of chat templates, and their removal from a text."""

from __future__ import annotations

import re

from soc_gen.text.thinking import TAG_NAMES, drop_channels

_ROLE = r"(?:system|user|assistant|model|human)"
TURN_TOKEN = (
    r"<[|｜](?:im_(?:start|end|sep)|eo[tm](?:_id)?|start|end|return|message|(?:start|end)_header_id|"
    r"(?:begin|start|end)[_▁]?of[_▁]?(?:text|turn|sentence|message)(?:_token)?"
    rf"|(?:{_ROLE}|chatbot)(?:_token)?)[|｜]>"
    r"|<(?:start_of_turn|end_of_turn|[be]os|/?s)>|\[/?INST\]"
)
"""Pattern of tokens between turns, ignoring case."""
_TURN_END = re.compile(
    r"(?:<\|(?:im_end|eot_id|end|endoftext|end_of_text|eom_id|end_of_turn|END_OF_TURN_TOKEN|eot|return)\|>"
    r"|<end_of_turn>|<eos>"
    # The other side's turn begins.
    r"|(?!\A)(?:(?:<\|im_start\|>|<start_of_turn>|<\|start\|>|<\|start_header_id\|>)\s*(?:user|human|system)\b"
    r"|<[|｜](?i:user|human)(?:_TOKEN)?[|｜]>|\[INST\])"
    # Followed by words on the same line it is strikethrough, or the end of sarcasm.
    rf"|</s>(?![ \t]+(?!(?i:{_ROLE})\b)\w)"
    r"|<｜end▁of▁sentence｜>|\[/INST\]\s*(?=\[INST\])).*",
    re.DOTALL,
)
_TEMPLATE = re.compile(
    rf"<\|start_header_id\|>\s*{_ROLE}?\s*<\|end_header_id\|>\s*"
    rf"|(?:<\|im_start\|>|<start_of_turn>|<\|start\|>)(?:\s*{_ROLE}\b:?)?\s*"
    r"|<[|｜][A-Za-z]{2}[^<>|｜\n]{0,38}[|｜]>"  # at least two letters: <|o_o|> is a face
    rf"|<(?:{TAG_NAMES})\s*/>|</?(?:s|bos|eos|pad|unk|tool_call|tool_response|answer|response|output)>|<<?/?SYS>>?|\[/?INST\]|\[gMASK\]"
    r"|(?m:^#{2,4} ?(?:Response|Assistant|Output|Reply|Answer|Human|User):?[ \t]*$\n?)"
    r"|(?<!\S)/no_?think(?!\S)"
)

_HINT = re.compile(r"[<\[#/]")


def drop_template_tokens(text: str) -> str:
    """Return ``text`` without template tokens and without the text after the end of a turn."""
    if not _HINT.search(text):
        return text
    return _TEMPLATE.sub("", _TURN_END.sub("", drop_channels(text)))
