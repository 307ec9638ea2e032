"""What a reply is refused for, and that good work passes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc_gen.io.jsonl import read_jsonl
from soc_gen.io.resources import shipped
from soc_gen.models import Experience, Persona
from soc_gen.stages.experiences.rules import (
    RULES,
    Draft,
    DraftContext,
    DraftRejection,
    check_draft,
    example_text,
    read_json,
)

GOOD = {
    "situation": "The caretaker painted Maya's window shut on Tuesday, with her drying socks on the sill. "
    "Tim let him in with the spare key, against a promise. The bus company wants the socks back by Friday.",
    "topic": "Maya asks who had the key on Tuesday. Tim would rather talk about how bright the frame looks.",
}
EXAMPLE = "Sixty people have the card with the five minutes of toast on it. Dougal is already touched."


def _persona(name: str, traits: list[str], background: str) -> Persona:
    return Persona(
        name=name,
        username=None,
        age=31,
        traits=traits,
        background=background,
        chatting_style="",
        model="",
        id=name,
    )


BRIEF = DraftContext(
    (
        _persona(
            "Maya Ortiz", ["dry", "late for everything"], "Drives the 38 bus and keeps finches in a hallway."
        ),
        _persona("Tim Low", ["thin-skinned"], "Sells lamps."),
    ),
    (
        "upstairs and downstairs neighbours who share one cellar: Maya lives above Tim",
        "a rule one of them made and then broke first",
    ),
    (EXAMPLE,),
)


def read_draft(text: str, brief: DraftContext) -> Draft | DraftRejection:
    return check_draft(read_json(text), brief)


def _read(**changes: str) -> Draft | DraftRejection:
    return read_draft(json.dumps(GOOD | changes), BRIEF)


def test_a_good_reply_becomes_a_draft() -> None:
    """With even white space, and people called as the rest of the prompt calls them."""
    draft = read_draft(
        json.dumps(
            {"situation": " Maya Ortiz  wants\nher socks back from Tim Low now. ", "topic": GOOD["topic"]}
        ),
        BRIEF,
    )
    assert draft == Draft("Maya wants her socks back from Tim now.", GOOD["topic"])


def test_another_shape_is_read_and_counted() -> None:
    """As long as both texts are there."""
    text = json.dumps(GOOD)
    for shape in (
        text.replace('"}', '",}'),
        f"[{text}]",
        json.dumps({"experience": GOOD}),
        json.dumps(text),
        text.replace('"situation"', "situation"),
    ):
        draft = read_json(shape)
        assert draft
        assert (draft.situation, draft.topic, draft.repairs) == (*GOOD.values(), ("json",))
    plain = read_json(f"Sure!\n```json\n{text}\n```")
    assert plain
    assert plain.repairs == ()
    assert read_json(json.dumps({"situation": "x"})) is None
    assert read_json(json.dumps({"situation": "x", "topic": 3})) is None


def test_a_plan_and_a_draft_are_not_the_experience() -> None:
    """The last at the end is."""
    other = {"situation": "draft", "topic": "draft"}
    text = f'{{"plan": "short"}}\nFirst: {json.dumps(other)}\nToo dull.\nBetter: {json.dumps(GOOD)}'
    draft = read_json(text)
    assert draft
    assert draft.situation == GOOD["situation"]


def test_damage_is_mended_or_refused() -> None:
    """Else the rollout's prompts would have it."""
    mended = _read(topic=GOOD["topic"][:-1] + r" at the caf\u00e9.<|im_end|>")
    assert isinstance(mended, Draft)
    assert mended.topic == GOOD["topic"][:-1] + " at the café."
    refused = _read(topic=GOOD["topic"] + " At the caf\ufffd.")
    assert isinstance(refused, DraftRejection)
    assert refused.reason == "garbled"


@pytest.mark.parametrize(
    "text",
    ["", "Sure!", "[]", '{"situation": "x"}', '{"situation": 1, "topic": "y"}', '{"situation": "cut o'],
)
def test_no_object_with_two_texts_is_wrong_format(text: str) -> None:
    """An empty reply too."""
    assert read_draft(text, BRIEF) == DraftRejection("wrong_format", "no situation and topic in the reply")


def test_a_fence_or_prose_around_the_object_is_no_fault() -> None:
    """Models of every size do it."""
    assert isinstance(read_draft(f"Here:\n```json\n{json.dumps(GOOD)}\n```", BRIEF), Draft)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"situation": ""}, "empty"),
        ({"topic": "The keys."}, "empty"),
        ({"situation": f"Maya wants {'very ' * 60}much to know who had the key."}, "too_long"),
        ({"topic": f"Maya asks {'very ' * 60}nicely who had the key."}, "too_long"),
        ({"topic": "Maya asks about the key. Tim knows. He says nothing."}, "topic_sentences"),
        ({"topic": 'Maya writes, "Did you let him in on Tuesday?" and waits.'}, "quotes_messages"),
        ({"topic": "Maya writes “Did you let him in?” and waits."}, "quotes_messages"),
        ({"topic": "Maya asks 'did you let that man in' and waits."}, "quotes_messages"),
        ({"topic": "Hey Tim, who had the key on Tuesday morning?"}, "quotes_messages"),
        ({"topic": "Tim, do you know who had the key on Tuesday?"}, "quotes_messages"),
        ({"situation": "The nudge seems to be that Maya wants her socks back."}, "tells_the_task"),
        ({"topic": "The first person asks Maya who had the key."}, "tells_the_task"),
        ({"situation": "The caretaker painted the window shut, and somebody let him in."}, "names_nobody"),
        ({"situation": "On Tuesday the caretaker called, and Maya has just died of it."}, "one_is_dead"),
        ({"situation": "Maya and Tim catch up over the window and the socks."}, "no_reason"),
        ({"situation": "Maya and Tim are chatting about their hopes and the spring."}, "no_reason"),
        ({"situation": "Maya is a 31-year-old bus driver who wants her socks back."}, "retells_card"),
        ({"situation": "Maya, dry and late for everything, wants her socks back."}, "retells_card"),
        ({"situation": "Maya drives the 38 bus and keeps finches in a hallway at night."}, "retells_card"),
        (
            {"situation": "Sixty people have the card with the five minutes of toast on it, and Maya."},
            "copies_example",
        ),
        (
            {"situation": "Maya lives above Tim: upstairs and downstairs neighbours who share."},
            "copies_brief",
        ),
        ({"situation": "A rule one of them made and then broke first, says Maya."}, "copies_brief"),
    ],
)
def test_each_fault_is_refused_by_its_name(changes: dict[str, str], reason: str) -> None:
    """The detail is one line."""
    if reason == "copies_example":
        changes = changes | {"topic": EXAMPLE}
    refusal = _read(**changes)
    assert isinstance(refusal, DraftRejection)
    assert refusal.reason == reason
    assert refusal.detail
    assert "\n" not in refusal.detail


@pytest.mark.parametrize(
    "changes",
    [
        {"topic": "Maya asks Dr. Low's assistant at 5 p.m. sharp. Tim would rather be asked himself."},
        {"situation": "The song is 'Wish You Were Here Tonight', and Maya wants Tim's neighbours' names."},
        {"situation": 'Maya found the word "caretaker" in Tim\'s list of thieves, spelled his way.'},
        {"situation": "Tim shared Maya's parking space with the circus, and the elephant is due at noon."},
        {"topic": "Maya asks, in a way that is not quite an accusation, about the key; Tim brings up 1996."},
    ],
)
def test_what_only_looks_like_a_fault_passes(changes: dict[str, str]) -> None:
    """Titles, single words, abbreviations and apostrophes are no dialogue."""
    assert isinstance(_read(**changes), Draft)


@pytest.mark.parametrize("age", [13, 17, 18])
def test_romance_is_refused_where_one_of_the_two_is_under_18(age: int) -> None:
    """Whatever relationship the model was given; among adults it is a story like others."""
    young = BRIEF.personas[0].model_copy(update={"age": age})
    brief = DraftContext((young, BRIEF.personas[1]), BRIEF.given, BRIEF.examples)
    for words in (
        "has a crush on Tim",
        "wants a second date with Tim",
        "was kissed on Tuesday",
        "is flirting",
    ):
        draft = Draft(f"Maya {words}, and the whole stairwell has heard it.", GOOD["topic"])
        checked = check_draft(draft, brief)
        if age < 18:
            assert isinstance(checked, DraftRejection)
            assert checked.reason == "minor_in_romance"
        else:
            assert checked == draft
    plain = Draft(f"{GOOD['situation'][:200]} The date of the dance is a Friday.", GOOD["topic"])
    assert check_draft(plain, brief) == plain


def test_every_shipped_scenario_passes_every_rule() -> None:
    """The seeds are the measure: a rule that refuses one of them is wrong."""
    seeds = list(read_jsonl(shipped("seeds") / "experiences.jsonl", Experience))
    assert len(seeds) >= 24
    for seed in seeds:
        assert isinstance(seed, Experience)
        others = tuple(
            example_text(one) for one in seeds if isinstance(one, Experience) and one.id != seed.id
        )
        brief = DraftContext((seed.persona1, seed.persona2), (seed.relationship,), others)
        text = json.dumps({"situation": seed.situation, "topic": seed.topic})
        assert read_draft(text, brief) == Draft(seed.situation, seed.topic)


@given(st.text(), st.text())
def test_no_text_is_an_error(situation: str, topic: str) -> None:
    """Every rule answers for every text, long runs of one character included."""
    draft = Draft(situation * 3, topic)
    for rule in RULES:
        assert rule(draft, BRIEF) is None or isinstance(rule(draft, BRIEF), str)
    assert isinstance(
        read_draft(json.dumps({"situation": situation, "topic": topic}), BRIEF), Draft | DraftRejection
    )
