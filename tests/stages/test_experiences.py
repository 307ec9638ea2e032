"""Planning is a pure draw; making one experience asks until a reply can be used."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from soc_gen.errors import ConversationError
from soc_gen.io.jsonl import read_jsonl
from soc_gen.io.resources import shipped
from soc_gen.llm.types import Reply
from soc_gen.models import Experience, Persona
from soc_gen.stages.experiences.components import Components, load_components
from soc_gen.stages.experiences.config import ExperiencesConfig
from soc_gen.stages.experiences.prompting import (
    SCHEMA,
    ExperienceJob,
    beginnings,
    json_messages,
    lines_messages,
)
from soc_gen.stages.experiences.stage import make_experience, plan_experiences
from tests.support.scripted_llm import Answer, ScriptedLLM

GOOD = {
    "situation": "The caretaker painted Ada's window shut on Tuesday. Bo gave him the key, for a promise.",
    "topic": "Ada asks who had the key. Bo would rather talk about how bright the frame looks.",
}
NARROW = Components.model_validate(
    {
        "platforms": [{"text": "Discord"}],
        "communities": [{"text": "a choir"}],
        "fandoms": [{"text": "Formula 1"}],
        "gaming": [{"text": "a co-op farm"}],
        "relationships": [
            {"text": "dating on {platform}", "kind": "online", "romantic": True, "weight": 50},
            {
                "text": "persona 1 is the parent of persona 2",
                "kind": "offline",
                "older": 1,
                "min_age_gap": 18,
            },
            {"text": "neighbours", "kind": "offline"},
        ],
        "triggers": [
            {"text": "a toothbrush left behind", "romantic": True, "weight": 50},
            {"text": "a lost key"},
        ],
    }
)


def person(name: str, age: int) -> Persona:
    return Persona(
        name=name,
        username="user_secret",
        age=age,
        traits=["dry", "late"],
        background=f"{name} repairs clocks.",
        chatting_style="Short.",
        model="model_secret",
        id=f"id_secret_{name}",
    )


def plan(
    personas: list[Persona], count: int, seed: int = 1, parts: Components = NARROW
) -> list[ExperienceJob]:
    return list(plan_experiences(personas, parts, ExperiencesConfig(count=count), seed))


def make(answers: Sequence[Answer], **options: Any) -> tuple[Experience | ConversationError, ScriptedLLM]:
    llm = ScriptedLLM(answers)
    (job,) = plan([person("Ada", 40), person("Bo", 40)], 1)
    try:
        return asyncio.run(make_experience(job, [], llm, ExperiencesConfig(), **options)), llm
    except ConversationError as verdict:
        return verdict, llm


def test_the_same_seed_plans_the_same_jobs_and_a_longer_plan_begins_with_a_shorter() -> None:
    """So a bigger count keeps what was made; another seed plans others."""
    people = [person(f"P{age}", age) for age in range(20, 50)]
    assert plan(people, 60)[:25] == plan(people, 25)
    assert plan(people, 25, seed=2) != plan(people, 25)


def test_ids_are_unique_even_when_every_pair_has_been_used() -> None:
    """Three people make three pairs; the fourth job begins a second pass."""
    jobs = plan([person("Ada", 40), person("Bo", 40), person("Cy", 40)], 30)
    assert len({job.id for job in jobs}) == 30
    for first, second, third in zip(jobs[::3], jobs[1::3], jobs[2::3], strict=True):
        pairs = {frozenset((job.persona1.id, job.persona2.id)) for job in (first, second, third)}
        assert len(pairs) == 3


def test_romance_never_involves_anyone_under_18() -> None:
    """Where romance has fifty times the weight of anything else, among people of 14 to 21."""
    people = [person(f"P{age}{twin}", age) for age in range(14, 22) for twin in "ab"]
    jobs = plan(people, 1000)
    romantic = [job for job in jobs if "dating" in job.relationship or "toothbrush" in job.trigger]
    assert len(romantic) > 100
    assert min(min(job.persona1.age, job.persona2.age) for job in romantic) == 18


def test_a_parent_is_the_older_one_and_stands_first() -> None:
    """The text says persona 1, by name; romantic triggers keep away."""
    jobs = plan([person("Ada", 40), person("Bo", 15)], 40)
    parents = [job for job in jobs if "parent" in job.relationship]
    assert len(parents) > 5
    for job in parents:
        assert job.persona1.name == "Ada"
        assert job.relationship == "Ada is the parent of Bo"
        assert job.trigger == "a lost key"


def test_who_writes_first_is_a_coin_flip() -> None:
    """Among neighbours; within 3.3 standard deviations."""
    jobs = plan([person("Ada", 15), person("Bo", 15)], 400)
    first = Counter(job.persona1.name for job in jobs)
    assert abs(first["Ada"] - 200) < 33


def test_shipped_components_leave_no_slot_and_no_placeholder() -> None:
    """Over 500 jobs of the shipped bank, everything is filled in."""
    bank = [
        one for one in read_jsonl(shipped("seeds") / "personas.jsonl", Persona) if isinstance(one, Persona)
    ]
    jobs = plan(bank, 500, parts=load_components())
    for job in jobs:
        assert not {"{", "}"} & set(job.relationship + job.trigger)
        assert "persona 1" not in job.relationship.casefold()
        assert job.persona1.id != job.persona2.id
    assert len({job.relationship for job in jobs}) > 150
    assert len({job.trigger for job in jobs}) > 80


def test_a_good_reply_becomes_the_experience() -> None:
    """The job's id, personas and relationship; the model's situation and topic."""
    (job,) = plan([person("Ada", 40), person("Bo", 40)], 1)
    made, llm = make([json.dumps(GOOD)])
    assert made == Experience(
        persona1=job.persona1, persona2=job.persona2, relationship=job.relationship, id=job.id, **GOOD
    )
    (request,) = llm.requests
    assert (request.conversation, request.turn, request.attempt, request.schema) == (job.id, 0, 0, SCHEMA)
    assert request.messages == json_messages(job, [])


def test_a_refused_reply_is_asked_for_again_with_another_seed() -> None:
    """The prompt stays, so the server's cache serves it; the reasons are told."""
    told: list[tuple[str, str]] = []
    made, llm = make(
        [
            "no JSON",
            Reply('{"situation": "cut', "length"),
            json.dumps(GOOD | {"topic": "Keys."}),
            json.dumps(GOOD),
        ],
        note=lambda kind, name: told.append((kind, name)),
    )
    assert isinstance(made, Experience)
    assert told == [("reroll", "wrong_format"), ("reroll", "wrong_format"), ("reroll", "empty")]
    assert [request.attempt for request in llm.requests] == [0, 1, 2, 3]
    assert len({request.seed for request in llm.requests}) == 4
    assert all(one.messages == two.messages for one, two in pairwise(llm.requests))


@pytest.mark.parametrize("reason", ["length", "MAX_TOKENS", "content_filter"])
def test_a_reply_that_was_cut_is_refused_whatever_has_come(reason: str) -> None:
    """Its object may be whole and its texts not."""
    _, llm = make([Reply(json.dumps(GOOD), reason), Reply(json.dumps(GOOD), "end_turn")])
    assert [request.attempt for request in llm.requests] == [0, 1]


def test_what_was_put_right_in_a_reply_is_told() -> None:
    """Once, for the reply that is taken."""
    told: list[tuple[str, str]] = []
    bad = GOOD | {"topic": "Keys."}
    make([f"[{json.dumps(bad)}]", f"[{json.dumps(GOOD)}]"], note=lambda *what: told.append(what))
    assert told == [("reroll", "empty"), ("repair", "json")]


@pytest.mark.parametrize(("options", "asked"), [({}, 4), ({"attempts": 8}, 8)])
def test_what_stays_bad_is_a_failure_that_counts_its_reasons(options: dict[str, Any], asked: int) -> None:
    """After ``max_attempts`` replies, or as many as the caller grants."""
    failed, llm = make(["no JSON"] * (asked - 1) + [json.dumps(GOOD | {"topic": "Keys."})], **options)
    assert isinstance(failed, ConversationError)
    assert failed.reason == "bad_experience"
    assert failed.detail == (
        f"{asked} replies refused (wrong_format {asked - 1}, empty 1); the last: 'Keys.' says nothing"
    )
    assert len(llm.requests) == asked


def test_a_verdict_of_the_endpoint_is_passed_on() -> None:
    """It is not asked again."""
    failed, llm = make([ConversationError("context_length", "too long")])
    assert isinstance(failed, ConversationError)
    assert failed.reason == "context_length"
    assert len(llm.requests) == 1


def _example(letter: str) -> Experience:
    return Experience(
        persona1=person("Cy", 30),
        persona2=person("Di", 31),
        relationship=f"relationship {letter}",
        situation=f"situation {letter}",
        topic=f"topic {letter}",
        id=letter,
    )


@pytest.mark.parametrize("form", ["json", "lines"])
def test_the_prompt_is_the_golden_one(form: str) -> None:
    """Personas without username, model and id; examples that it must be unlike; the nudge last.

    Delete the golden file and run the test twice to accept a change.
    """
    (job,) = plan([person("Ada", 40), person("Bo", 40)], 1)
    examples = [_example("A"), _example("B")]
    messages = json_messages(job, examples) if form == "json" else lines_messages(job)
    text = "".join(f"# {message['role']}\n\n{message['content']}\n\n" for message in messages)
    golden = Path(__file__).parent / f"golden_experience_{form}.md"
    assert "secret" not in text
    if not golden.exists():
        golden.write_text(text, "utf-8")
        pytest.fail(f"{golden.name} was written; look at it")
    assert text == golden.read_text("utf-8")


def test_the_system_text_is_the_same_for_every_job_and_without_examples_there_is_no_gap() -> None:
    """Servers keep the shared beginning in their cache."""
    one, two = (plan([person("Ada", 40), person("Bo", 40)], 1, seed=seed)[0] for seed in (1, 2))
    assert json_messages(one, [])[0] == json_messages(two, [_example("A")])[0]
    assert not json_messages(one, [])[-1]["content"].startswith("\n")


LINES = [
    "found the window painted shut, socks and all.",
    "has promised not to say who had the key.",
    "it was open on Monday.",
]


def _lines(*answers: Answer) -> tuple[Experience | ConversationError, ScriptedLLM]:
    llm = ScriptedLLM(answers)
    (job,) = plan([person("Ada", 40), person("Bo", 40)], 1)
    config = ExperiencesConfig(format="lines", max_attempts=2)
    try:
        return asyncio.run(make_experience(job, [_example("A")], llm, config)), llm
    except ConversationError as verdict:
        return verdict, llm


def test_lines_are_continued_one_after_the_other() -> None:
    """What happened is the situation; what the one wants, and why not, is the topic."""
    made, _ = _lines(*LINES)
    (job,) = plan([person("Ada", 40), person("Bo", 40)], 1)
    when, wish, but = beginnings(job)
    assert isinstance(made, Experience)
    assert made.situation == f"{when} {LINES[0]}"
    assert made.topic == f"{wish} {LINES[1]} {but} {LINES[2]}"


def test_the_prompt_of_lines_only_grows() -> None:
    """Each request begins with all of the one before it and the words that came."""
    _, llm = _lines(*LINES)
    texts = ["".join(message["content"] for message in request.messages) for request in llm.requests]
    assert [(request.turn, request.attempt) for request in llm.requests] == [(0, 0), (1, 0), (2, 0)]
    for before, words, after in zip(texts, LINES, texts[1:], strict=False):
        assert after.startswith(f"{before} {words}\n")
    assert all(request.continue_final and request.stop == ("\n",) for request in llm.requests)
    assert not any("secret" in text or "situation A" in text for text in texts)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "  \n",
        "<|im_end|>",
        Reply("an endless line", "length"),
        Reply("an endless line", "insufficient_system_resource"),
        "Okay, the user wants an event.",
    ],
)
def test_a_line_that_is_empty_does_not_end_or_is_a_thought_is_refused(bad: Answer) -> None:
    """The next attempt begins again with the first line and other seeds."""
    made, llm = _lines(LINES[0], bad, *LINES)
    assert isinstance(made, Experience)
    turns = [(request.turn, request.attempt) for request in llm.requests]
    assert turns == [(0, 0), (1, 0), (0, 1), (1, 1), (2, 1)]
    assert len({request.seed for request in llm.requests}) == 5


def test_a_line_that_runs_on_keeps_its_first_sentence() -> None:
    """What was cut off or came after it is dropped, also from the prompt of the next line."""
    made, llm = _lines(
        "saw a key in the door. He ran.", Reply("say why it was there. And th", "length"), LINES[2]
    )
    (job,) = plan([person("Ada", 40), person("Bo", 40)], 1)
    when, wish, but = beginnings(job)
    assert isinstance(made, Experience)
    assert made.situation == f"{when} saw a key in the door."
    assert made.topic == f"{wish} say why it was there. {but} {LINES[2]}"
    assert "He ran" not in llm.requests[-1].messages[-1]["content"]


def test_lines_that_copy_an_example_are_refused() -> None:
    """The examples are there to go on from."""
    copied = "was the one who whistles, when the bread is in the oven, and is ashamed of it."
    made, _ = _lines(copied, *LINES[1:], copied, *LINES[1:])
    assert isinstance(made, ConversationError)
    assert "copies_example" in made.detail


def test_a_line_may_go_on_with_a_possessive() -> None:
    """No space comes between a name and what belongs to it."""
    made, _ = _lines(LINES[0], "'s key was there.", LINES[2])
    (job,) = plan([person("Ada", 40), person("Bo", 40)], 1)
    assert isinstance(made, Experience)
    assert f"{beginnings(job)[1]}'s key was there." in made.topic
