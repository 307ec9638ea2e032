"""What the checks of a message accuse, and what they leave alone."""

from __future__ import annotations

import pytest

from soc_gen.prompts.loader import load_prompt, prompt_names
from soc_gen.text.assistant_speak import breaks_character, is_assistant_speak, is_refusal
from soc_gen.text.farewell import is_farewell
from soc_gen.text.labelled_parts import foreign_line, labels_itself
from soc_gen.text.prompt_leak import index_prompts, leaks_prompt
from soc_gen.text.repetition import is_near_duplicate
from soc_gen.text.speaker_labels import names_of
from tests.support.people import LUNA, MAX


@pytest.mark.parametrize(
    "text",
    [
        "As an AI language model, I don't have feelings.",
        "as an AI, i can't eat",
        "I'm just an AI assistant.",
        "I am a large language model trained by a lab",
        "I’m sorry, but I can’t assist with that.",
        "I cannot fulfill this request.",
        "How can I assist you today?",
        "Is there anything else I can help you with?",
        "Feel free to ask if you have any other questions!",
        "Sure! Here is the next message:",
        "that goes against my content policy",
        "I'm sorry, but I can't provide that information.",
        "I'm sorry, but I cannot engage in this conversation.",
        "Sorry, I can't continue with this roleplay.",
        "I can't create explicit content.",
        "I cannot generate that kind of content",
        "As an AI—I can't feel that",
        "as an AI… no",
        "“As an AI language model—”",
        "I'm an AI!",
    ],
)
def test_talking_like_an_assistant_is_told(text: str) -> None:
    assert is_assistant_speak(text)


@pytest.mark.parametrize(
    "text",
    [
        "as an AI researcher I get asked this a lot",
        "I'm an AI engineer",
        "i'm not an ai lol",
        "do you think I'm an AI?",
        "sorry but i can't make it tonight",
        "i'm sorry, but i can't help you move on saturday",
        "i can't help it",
        "how can i help with the party?",
        "sure! here's the recipe",
        "feel free to ask my sister",
        "i'm here to help if you want to talk",
        "let me know if you'd like a lift",
        "sorry for any confusion",
        "sorry, i can't help with that",
        "my training data is garbage again",
        "that's against our safety policy, sorry",
        "sorry, i can't continue with this anymore",
        "sorry, i can't provide childcare that weekend",
        "sorry, i can't engage in this drama again",
        "sorry i can't assist tomorrow, my back is dead",
        "i can't produce that many by friday",
        "i can't create this playlist without you",
        "who do you like best in this persona game?",
        "Sure! Here's the response i got: they're closed",
        "of course! here's the response from hr: no",
        "I'm an AI-curious accountant",
        "I'm a virtual assistant, i answer emails for dentists",
    ],
)
def test_people_who_sound_a_little_like_one_are_left_alone(text: str) -> None:
    assert not is_assistant_speak(text)


def test_breaking_character_and_refusing_are_told_apart() -> None:
    assert breaks_character("as an AI, i have no mother")
    assert not breaks_character("I cannot assist with that request.")
    assert is_refusal("I cannot assist with that request.")


@pytest.mark.parametrize(
    ("message", "earlier", "repeats"),
    [
        ("are you coming to the party tonight?", "you coming to the party tonight", True),
        ("The bus leaves at eight!!", "the bus leaves at eight", True),
        ("<image>a grey cat on a sill</image>", "<image>a grey cat on a sill</image>", True),
        ("ok", "ok", False),
        ("lol same here", "lol same here", False),
        ("the bus leaves at 8 from the station", "the bus leaves at 9 from the station", False),
        ("see you at the park", "see you at the station", False),
        ("i want to meet at six", "you want to meet at six", False),
        ("", "", False),
    ],
)
def test_a_near_repeat_has_nearly_all_words_in_nearly_the_same_order(
    message: str, earlier: str, repeats: bool
) -> None:
    assert is_near_duplicate(message, ["something else entirely came before", earlier]) is repeats


@pytest.mark.parametrize(
    "text",
    [
        "bye!", "ok bye", "goodnight", "gn", "night night", "see you tomorrow", "talk later",
        "take care <3", "ttyl", "alright gotta go, the bus is here", "see ya", "have a good one",
        "sleep well", "later!", "off to bed now", "thanks again, talk soon", "Ciao!", "ok night luna",
        "bye bye <image>waving hand</image>",
    ],
)  # fmt: skip
def test_a_goodbye_is_one(text: str) -> None:
    assert is_farewell(text)


@pytest.mark.parametrize(
    "text",
    [
        "she said bye and left", "are you going to say goodbye?", "i never said goodbye",
        "the night shift is killing me", "take care of the dog", "see you did it again",
        "gotta go to the store first and then the bank", "", "ok",
        "talk to him later about the money, he gets moody and then nothing gets done here",
        "the good night's rest did wonders for his mood and we even had breakfast",
    ],
)  # fmt: skip
def test_what_only_mentions_one_is_not(text: str) -> None:
    assert not is_farewell(text)


def test_speaking_for_the_other_is_a_line_with_their_label() -> None:
    luna, max_ = names_of(LUNA), names_of(MAX)
    assert foreign_line(["hm\nMax: i don't think so"], luna, max_) == "Max: i don't think so"
    assert not foreign_line(["hm, Max: no"], luna, max_)
    assert not foreign_line(["Luna: hi"], luna, max_)
    assert labels_itself(["so", "Luna: hi"], luna, max_) == "Luna: hi"


@pytest.mark.parametrize(
    ("text", "leaks"),
    [
        ("Now Luna's turn.", True),
        ("Now Luna Park’s turn", True),
        ("ok\n**Write Max's next turn.**", True),
        ("now it's your turn", False),
        ("Now Luna's turn. she rolled a six", False),
        ("write me when it's your turn", False),
    ],
)
def test_the_line_that_says_whose_turn_it_is_leaks_too(text: str, leaks: bool) -> None:
    """Against the prompts as they are."""
    grams = index_prompts(load_prompt(name).text for name in prompt_names())
    assert leaks_prompt(text, grams) is leaks
    assert not leaks or any(word in text.encode() for word in grams.order_words)


def test_a_leak_is_eight_words_in_a_row_of_the_prompt() -> None:
    grams = index_prompts(["Write short messages, as people do when they type with one thumb."])
    assert leaks_prompt("ok: write short messages as people do when they type...", grams)
    assert not leaks_prompt("people do write short messages when they type", grams)
    assert not leaks_prompt("anything", index_prompts([]))


@pytest.mark.parametrize(("count", "leaks"), [(7, False), (8, True), (9, True)])
def test_so_many_words_in_a_row_of_the_prompt_are_a_leak(count: int, leaks: bool) -> None:
    """Seven are said by chance."""
    prompt = "Write short messages, as people do when they type with one thumb."
    recited = " ".join(prompt.split()[:count])
    assert leaks_prompt(f"ok {recited} lol", index_prompts([prompt])) is leaks


@pytest.mark.parametrize(("length", "is_one"), [(299, True), (300, True), (301, False)])
def test_a_longer_text_is_no_goodbye(length: int, is_one: bool) -> None:
    """It tells something besides."""
    bye = ", talk soon"
    assert is_farewell("x" * (length - len(bye)) + bye) is is_one
