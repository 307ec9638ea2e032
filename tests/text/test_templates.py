"""Of the turns of a chat template one is the reply, or it is unclear."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc_gen.text.special_tokens import drop_tokens
from soc_gen.text.templates import _WORDS, UnclearTurnsError, keep_reply, may_have_word

ASKED, SAID = "where is it?", "behind the bikes"
TEMPLATES = {
    "ChatML": ("<|im_start|>user\n{}<|im_end|>\n", "<|im_start|>assistant\n{}<|im_end|>"),
    "Phi 4": ("<|im_start|>user<|im_sep|>{}<|im_end|>", "<|im_start|>assistant<|im_sep|>{}<|im_end|>"),
    "Kimi": (
        "<|im_user|>user<|im_middle|>{}<|im_end|>",
        "<|im_assistant|>assistant<|im_middle|>{}<|im_end|>",
    ),
    "Llama 2": ("<s>[INST] <<SYS>>\nBe dry.\n<</SYS>>\n\n{} [/INST] ", "{}</s>"),
    "Mistral 7": ("<s>[SYSTEM_PROMPT]Be dry.[/SYSTEM_PROMPT][INST]{}[/INST]", "{}</s>"),
    "Llama 3": (
        "<|start_header_id|>user<|end_header_id|>\n\n{}<|eot_id|>",
        "<|start_header_id|>assistant<|end_header_id|>\n\n{}<|eot_id|>",
    ),
    "Llama 4": (
        "<|header_start|>user<|header_end|>\n\n{}<|eot|>",
        "<|header_start|>assistant<|header_end|>\n\n{}<|eot|>",
    ),
    "Gemma 3": ("<start_of_turn>user\n{}<end_of_turn>\n", "<start_of_turn>model\n{}<end_of_turn>"),
    "Gemma 4": ("<|turn>user\n{}<turn|>\n", "<|turn>model\n{}<turn|>"),
    "Phi 3": ("<|user|>\n{}<|end|>\n", "<|assistant|>\n{}<|end|>"),
    "GLM": ("[gMASK]<sop><|user|>\n{}", "<|assistant|>\n{}"),
    "DeepSeek": ("<｜User｜>{}", "<｜Assistant｜>{}<｜end▁of▁sentence｜>"),
    "Hunyuan": ("<｜hy_User｜>{}", "<｜hy_Assistant｜>{}<｜hy_place▁holder▁no▁2｜>"),
    "Command R": (
        "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>{}<|END_OF_TURN_TOKEN|>",
        "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>{}<|END_OF_TURN_TOKEN|>",
    ),
    "Granite": (
        "<|start_of_role|>user<|end_of_role|>{}<|end_of_text|>\n",
        "<|start_of_role|>assistant<|end_of_role|>{}<|end_of_text|>",
    ),
    "harmony": (
        "<|start|>user<|message|>{}<|end|>",
        "<|start|>assistant<|channel|>analysis<|message|>dry<|end|>"
        "<|start|>assistant<|channel|>final<|message|>{}<|return|>",
    ),
    "EXAONE": ("[|user|]{}\n", "[|assistant|]{}[|endofturn|]"),
    "Ling": ("<role>HUMAN</role>{}", "<role>ASSISTANT</role>{}"),
    "MiniMax": ("]~b]user\n{}[e~[\n", "]~b]ai\n{}[e~["),
    "Seed": ("<seed:bos>user\n{}<seed:eos>", "<seed:bos>assistant\n{}<seed:eos>"),
    "OpenChat": ("GPT4 Correct User: {}<|end_of_turn|>", "GPT4 Correct Assistant: {}<|end_of_turn|>"),
    "GigaChat": ("user<|role_sep|>{}<|message_sep|>", "assistant<|role_sep|>{}<|message_sep|>"),
    "dots": ("<|userprompt|>{}<|endofuserprompt|>", "<|response|>{}<|endofresponse|>"),
    "Alpaca": ("### Instruction:\n{}\n\n", "### Response:\n{}"),
    "Guanaco": ("### Human: {}\n", "### Assistant: {}"),
    "Vicuna": ("USER: {} ", "ASSISTANT: {}</s>"),
    "ChatML without tokens": ("user\n{}\n", "assistant\n{}"),
    "Llama 3 without tokens": ("user\n\n{}", "assistant\n\n{}"),
    "roles as tags": ("<user>{}</user>\n", "<assistant>{}</assistant>"),
    "roles as tags with colons": ("<human>: {}\n", "<bot>: {}"),
    "roles as attributes": ('<turn role="user">{}</turn>\n', '<turn role="assistant">{}</turn>'),
    "a token that nobody knows": (
        "<|turn_start|>user\n{}<|turn_end|>\n",
        "<|turn_start|>assistant\n{}<|turn_end|>",
    ),
    "roles in tokens": ("<|beginofuser|>{}<|endofuser|>", "<|beginofassistant|>{}<|endofassistant|>"),
}
PAIRS = pytest.mark.parametrize(("ask", "say"), TEMPLATES.values(), ids=TEMPLATES)


def kept(*messages: str) -> list[str] | None:
    """Return what is kept of ``messages``; None where it is unclear."""
    try:
        return [drop_tokens(message).strip() for message in keep_reply(list(messages))]
    except UnclearTurnsError:
        return None


@PAIRS
def test_the_reply_is_kept_and_the_prompt_is_not(ask: str, say: str) -> None:
    assert kept(ask.format(ASKED) + say.format(SAID)) == [SAID]


@PAIRS
def test_a_reply_that_is_missing_or_empty_or_not_alone_is_unclear(ask: str, say: str) -> None:
    once = ask.format(ASKED) + say.format(SAID)
    assert kept(ask.format(ASKED) + say.format("")) is None
    assert kept(f"{once}\n{once}") is None


@pytest.mark.parametrize(
    ("messages", "reply"),
    [
        (["<|im_start|>user", "where is it?<|im_end|>", "<|im_start|>assistant", SAID], ["", "", "", SAID]),
        (["hey<|im_end|>", "you there?<|im_end|>"], ["hey", "you there?"]),
        (["hey<|im_end|>", "<|im_start|>user", "yes"], ["hey", "", ""]),
        (["You are Luna.", "<|im_start|>user\nwhere?<|im_end|>", "<|im_start|>assistant\nhm"], None),
        ([f"{SAID}<｜User｜>ok thanks"], [SAID]),
        ([f"{SAID}user\n\nok thanks"], [SAID]),
        ([f"{SAID}\nUSER: ok thanks"], [SAID]),
        ([f"{SAID}\nuser\nok thanks"], [SAID]),
        ([f"Question: {ASKED}\n\nAnswer: {SAID}"], [SAID]),
        ([f"<im_start>assistant\n{SAID}<im_end>"], [SAID]),
        ([f"{SAID}<|im_en"], [SAID]),
        ([f"{SAID}assistant\n\nok see you"], None),
        (["<|im_start|>Max\nhey<|im_end|>"], None),
        (["<|im_start|>hey"], ["hey"]),
        (["i am a sales assistant"], ["i am a sales assistant"]),
        (["log in as <user>"], ["log in as <user>"]),
        (["my job?", "assistant"], ["my job?", "assistant"]),
        (["### Context\nnothing"], ["### Context\nnothing"]),
        (["ask the superuser\n\nhe knows"], ["ask the superuser\n\nhe knows"]),
        (["[user] is typing"], ["[user] is typing"]),
    ],
)
def test_turns_may_span_messages_and_words_that_people_write_are_no_marks(
    messages: list[str], reply: list[str] | None
) -> None:
    assert kept(*messages) == reply


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("<extra_id_0>behind", "behind"),
        ("<unused12>behind<|vision_start|>", "behind"),
        ("behind<|fim_pad|>the bikes", "behind the bikes"),
        ("behind<0x0A>the<0x20>bikes <0xF0><0x9F><0x98><0x80>", "behind\nthe bikes 😀"),
        ("▁behind▁the▁bikes", " behind the bikes"),
        ("ĠbehindĠtheĠbikesĊ", " behind the bikes\n"),
        ("ಠ▁ಠ ▁▂▃▅ Ġorġ <|o_o|>", "ಠ▁ಠ ▁▂▃▅ Ġorġ <|o_o|>"),
    ],
)
def test_tokens_go_and_words_do_not_grow_together(written: str, words: str) -> None:
    assert drop_tokens(written) == words


@given(
    st.lists(st.sampled_from(list(TEMPLATES.values())), max_size=3),
    st.lists(st.sampled_from(["<|im_end|>", "</s>", "\n", "hm", "<s>", "[/INST]"]), max_size=3),
)
def test_no_word_of_a_prompt_is_kept(templates: list[tuple[str, str]], between: list[str]) -> None:
    text = "".join(between).join(ask.format(ASKED) + say.format(SAID) for ask, say in templates)
    assert ASKED not in " ".join(kept(text) or [])


@given(
    st.lists(
        st.sampled_from([*"abc :\n", "USER", "BOT", "Correct ", "Ассистент", "user", "assistant", "model"]),
        max_size=8,
    ).map("".join)
)
def test_no_word_of_a_turn_is_missed(message: str) -> None:
    assert may_have_word(message) or not _WORDS.search(message)
