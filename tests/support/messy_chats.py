"""Messy messages from which property tests of cleaning draw."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.support.people import chat

FRAGMENTS = [
    *("<image>", "</image>", "<IMAGE >", "<gif>", "</gif>", "<video>", "</video>", "<audio>", "</audio>"),
    *("<image/>", "<image: a cat>", '<image desc="a dog"/>', "<delay/>", "<delay minutes=5>", "</delay>"),
    *("<delay>", "<delay 2 hours/>", "<end/>", "<end>", "</end>", "<sigh>", "<b>", "</b>", "<", ">", "/"),
    *("image>", "<3", " ", "\n", "a cat", "lol", "5 minutes", '"', "=", "<<", "delay", "end/>", "<e", "nd>"),
]
PROMPT = "Write short messages, as people do when they type with one thumb on a bus."
PIECES = [
    *FRAGMENTS,
    *(
        "Luna: ",
        "**Max:** ",
        "[maxo] ",
        "@moon_luna ",
        "User: ",
        '"',
        "“",
        "”",
        '{"messages": ["',
        '"]}',
        '", "',
    ),
    *(
        "```json\n",
        "```",
        "<think>",
        "</think>",
        "<|im_start|>user\n",
        "<|im_end|>",
        "</s>",
        "[INST]",
        "&lt;",
    ),
    *(
        "&amp;",
        "itâ€™s",
        "\u200b",
        "\u200d",
        "\x00",
        "\r\n",
        "\t",
        "(end of chat)",
        "Here is the next message: ",
    ),
    *(
        "Sure! ",
        PROMPT,
        "### Response:\n",
        " - ",
        "word",
        "🙂",
        "\ufeff",
        "Ã©",
        "[END]",
        "\\n",
        '\\"',
        "*",
        "---",
    ),
]
MESSAGES = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=5)), max_size=8).map("".join)
CHATS = st.lists(st.lists(MESSAGES, max_size=3), min_size=1, max_size=7).map(lambda parts: chat(*parts))
