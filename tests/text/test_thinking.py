"""What models think is told from what they say, by the marks of each family."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc_gen.text.thinking import find_thoughts, is_thinking_aloud, strip_thinking

WRAPPED = [
    "<think>{}</think>",
    "<think>\n{}\n</think>\n\n",
    "<Thinking>{}</Thinking>",
    "< think >{}</ think >",
    "<seed:think>{}</seed:think>",
    "<think type='long'>{}</think>",
    *(
        f"<{name}>{{}}</{name}>"
        for name in (
            "thought",
            "thoughts",
            "reasoning",
            "reflection",
            "scratchpad",
            "scratch_pad",
            "analysis",
            "plan",
            "planning",
            "inner_monologue",
            "inner monologue",
            "internal_thought",
            "internal-monologue",
            "thought_process",
            "chain_of_thought",
            "rationale",
        )
    ),
    "[THINK]{}[/THINK]",
    "◁think▷{}◁/think▷",
    "<|START_THINKING|>{}<|END_THINKING|>",
    "<|START_THINKING|>{}<|END_THINKING|><|START_RESPONSE|>",
    "<|channel>thought\n{}<channel|>",
    "<|begin_of_thought|>{}<|end_of_thought|>\n\n<|begin_of_solution|>",
    "<|thought_start|>{}<|thought_end|>",
    "<unused94>thought\n{}<unused95>",
    "<|inner_prefix|>{}<|inner_suffix|>",
    "<longcat_think>{}</longcat_think>",
    "<|think|>{}<|end|><|begin|>assistant<|content|>",
    "<|think|>{}<|/think|>",
    "<|thinking|>{}<|end_thinking|>",
    "<|begin_of_reasoning|>{}<|end_of_reasoning|>",
    "<｜begin▁of▁thinking｜>{}<｜end▁of▁thinking｜>",
    "<reasoning_process>{}</reasoning_process>",
    "<thinking>{}</thinking>",
    "[THINKING]{}[/THINKING]",
    "[REASONING]{}[/REASONING]",
    "<|channel|>analysis<|message|>{}<|end|><|start|>assistant<|channel|>final <|constrain|>text<|message|>",
    "analysis<|message|>{}<|end|><|start|>assistant<|channel|>final<|message|>",
    "commentary{}assistantfinal",
    "analysis{}assistantcommentaryassistantfinal",
    "analysis we need to be dry {} assistantfinal",
    "<|channel|>analysis<|message|>{}<|end|><|start|>assistant<|channel|>final<|message|>",
    "<|channel|>analysis<|message|>{}<|channel|>final<|message|>",
    "analysis{}assistantfinal",
    "Here is my thought process: {}\nHere is my response: ",
    "Here's my thought process:\n{}\nHere's my response:\n",
    "Here are my reasoning steps:\n{}\n[BEGIN FINAL RESPONSE]\n",
    "Thinking Process:\n\n1. {}\n\nFinal: ",
    "Thinking Process: {} Final: ",
    "**Thinking Process:** {}\n**Final Answer:** ",
    "{}</think>",
    "{}[/THINK]",
    "{}◁/think▷",
    "{}</scratchpad>",
]


@pytest.mark.parametrize("wrapped", WRAPPED)
@pytest.mark.parametrize("thought", ["She is angry, be dry.", "She is angry.\n\nSo be dry: say hi"])
def test_a_thought_in_the_marks_of_any_family_is_cut(wrapped: str, thought: str) -> None:
    """What follows it is the answer."""
    assert strip_thinking(wrapped.replace("{}", thought) + "behind the bikes").strip() == "behind the bikes"


@pytest.mark.parametrize(
    "opener",
    [
        "<think>",
        "[THINK]",
        "◁think▷",
        "<scratchpad>",
        "<|channel>thought\n",
        "<longcat_think>",
        "<unused94>thought\n",
        "<|think|>",
        "<|inner_prefix|>",
        "<|channel|>analysis<|message|>",
        "analysis",
        "Here is my thought process: ",
        "Here are my reasoning steps:\n",
    ],
)
def test_a_thought_that_never_ends_leaves_nothing(opener: str) -> None:
    """All tokens went into it."""
    assert not strip_thinking(f"{opener}She is angry, be")


@pytest.mark.parametrize(
    "said",
    [
        "hey",
        "I think so",
        "i have <thoughts> about it",
        "that was my <plan> B",
        "[think] hm",
        "[THINKING] hm",
        "[ANALYSIS] he is late",
        "so<|end|> of it",
        "i think <3",
        "sorry for the long text </thoughts>",
        "sorry </thoughts> anyway",
        '{"messages": ["ask about <plan>", "ok"]}',
        "the final: tomorrow at 8",
    ],
)
def test_people_s_words_stay(said: str) -> None:
    """Words in brackets are marks only where a model would put them."""
    assert strip_thinking(said) == said


def test_answers_keep_what_stands_before_a_thought() -> None:
    """Half a sentence was said before the model thought."""
    assert strip_thinking("hey <think>never closed") == "hey "


@pytest.mark.parametrize(
    "mark", ["<|END_RESPONSE|>", "<|end_of_solution|>", "[END FINAL RESPONSE]", "<|return|>"]
)
def test_what_follows_the_end_of_the_answer_is_cut(mark: str) -> None:
    """The model went on after it."""
    assert strip_thinking(f"<think>hm</think>hey{mark} more") == "hey"


@pytest.mark.parametrize(
    "text",
    [
        "Okay, the user wants a short reply.",
        "The user's message is angry",
        "We need to respond as Luna.",
        "I should reply with one message",
        "Alright, let me think about how Luna would",
        "Thinking Process:",
        "**Thinking Process:**",
        "analysisWe need to reply",
        "thought\nbe dry",
    ],
)
def test_thinking_aloud_is_noticed(text: str) -> None:
    """With no marks, only how it begins tells."""
    assert is_thinking_aloud(text)


@pytest.mark.parametrize(
    "text",
    [
        "okay, the bus is late",
        "we need to talk",
        "i need to finish my essay first",
        "let me think",
        "thoughtful of you",
        "analysis is due friday",
        "the users complain again",
        "I should reply to my mum",
        '{"messages": ["hey"]}',
    ],
)
def test_what_people_say_is_not_thinking_aloud(text: str) -> None:
    """Each is near a phrase of models, and is none."""
    assert not is_thinking_aloud(text)


MARKS = ["<think>", "</think>", "<plan>", "</plan>", "[THINK]", "<|think|>", "<|end|>", "\x1e", "hey", " "]


@given(st.lists(st.sampled_from(MARKS)))
def test_thoughts_are_in_order_and_do_not_overlap(pieces: list[str]) -> None:
    """And none is outside of the text."""
    text = "".join(pieces)
    ends = [position for span in find_thoughts(text) for position in span]
    assert ends == sorted(ends)
    assert all(0 <= position <= len(text) for position in ends)


@pytest.mark.parametrize(
    "piece",
    [
        *("<think>", "</think>", "<plan>", "</plan>", "<|think|>", "<|end|>", "<", "< ", "<|", "[THINKING]"),
        *("analysis", "analysis<|message|>", "<|channel|>", "final:", "ok, ", "a_"),
    ],
)
def test_hostile_text_takes_linear_time(piece: str) -> None:
    """Small models fall into such loops."""
    strip_thinking(piece * 20_000)
    is_thinking_aloud(piece * 20_000)
