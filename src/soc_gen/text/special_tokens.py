"""Removes special tokens of models: unused ones, bytes, marks of spaces. Words stay separated."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"<[|｜][A-Za-z]{2}[^<>|｜\n]{0,38}[|｜]>"  # at least two letters: <|o_o|> is a face
    r"|<\|[a-z]{3,}(?:_[a-z]+)*>|<[a-z]{3,}(?:_[a-z]+)*\|>"  # Gemma 4: <|tool_call>, <tool_call|>
    r"|\[\|[A-Za-z]\w{1,30}\|\]"  # EXAONE
    r"|</?(?:s|bos|eos|pad|unk|sop|eop|eod|eoh|eoa|eom|bom|mask|sep|cls|tool_call|tool_response|role"
    r"|answer|response|output|start_of_turn|end_of_turn|end_of_utterance|[a-z]+:[be]os|BOS_TOKEN|EOS_TOKEN"
    r"|(?:start|end)_of_(?:image|audio|video|text)|image_soft_token|fim_(?:prefix|suffix|middle|pad)"
    r"|file_sep|repo_name|longcat_s|用户)>"
    # <extra_id_0>, <unused12>
    r"|<(?i:[a-z]{3,}(?:_[a-z]+)*_|reserved|unused|special|extra|spare|unk)\d{1,5}>"
    r"|<<?/?SYS>>?|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]"
    r"|\[(?:[gs]?MASK|UNK|PAD|CLS|SEP|BOS|EOS|EOT)\]|\]~!?b(?:\[\]~b)?\]|\[e~\["
    r"|(?<!\S)/no_?think(?!\S)"
    r"|<\|[A-Za-z_]{3,30}\|?\Z"  # cut off in the middle
)
_BYTES = re.compile(r"(?:<0x[0-9A-Fa-f]{2}>)+")
# SentencePiece's mark of a space. Next to other blocks it is a drawing, between two equal characters a face.
_PIECE = re.compile(r"(?<![▀-▟])▁+(?![▀-▟])")
_FACE = re.compile(r"(?<!\w)(\w)▁\1(?!\w)")
# Byte-level BPE's marks of a space and a line break; at the start of a word they are Maltese letters.
_BPE = re.compile(r"[a-z.,!?]Ġ\w")


SIGNS = frozenset("<[]#/▁Ġ")
"""Strings of which every token contains one."""


def drop_tokens(text: str) -> str:
    """Return ``text`` without special tokens; tokens of bytes and spaces are decoded."""
    text = _TOKEN.sub(_gap, text)
    if "<0x" in text:
        text = _BYTES.sub(_decoded, text)
    if "▁" in text and not _FACE.search(text):
        text = _PIECE.sub(" ", text)
    if "Ġ" in text and _BPE.search(text):
        text = text.replace("Ġ", " ").replace("Ċ", "\n")
    return text


def _decoded(match: re.Match[str]) -> str:
    return bytes.fromhex(match[0].replace("<0x", "").replace(">", "")).decode("utf-8", "ignore")


def _gap(match: re.Match[str]) -> str:
    """Return the replacement of a token: a space if words would be joined otherwise."""
    text, start, end = match.string, match.start(), match.end()
    return " " if text[max(0, start - 1) : start].isalnum() and text[end : end + 1].isalnum() else ""
