"""How many labels are found, and how many words are taken for one, over ``label_table``."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soc_gen.models import Chat, Persona
from soc_gen.stages.clean.config import CleanConfig
from soc_gen.stages.clean.decide import clean_chats
from soc_gen.stages.clean.features import ChatFeatures
from soc_gen.text.labelled_parts import Reading, foreign_line, read_part
from soc_gen.text.speaker_labels import callers, names_of
from tests.support.people import LUNA, MAX, TALK, chat

from .label_table import MARKED, NAMES, ROLES, SAID, STAY

Pair = tuple[str, str]


def _called(person: Persona, name: str, username: str | None) -> Persona:
    return person.model_copy(update={"name": name, "username": username})


def _read(writer: Persona, text: str) -> Reading:
    return read_part([text], callers(names_of(writer), names_of(MAX)))


def _cleaned(talk: Chat, writer: Persona = LUNA, reader: Persona = MAX) -> Chat | str:
    people = {"persona1": writer, "persona2": reader}
    talk = talk.model_copy(update={"experience": talk.experience.model_copy(update=people)})
    (made,) = clean_chats([talk], CleanConfig())
    return made if isinstance(made, Chat) else made.reason


def _with_part(*messages: str) -> Chat:
    return chat(*TALK[:2], list(messages), *TALK[3:])


@pytest.mark.parametrize(("name", "username", "labels"), NAMES, ids=[row[0] for row in NAMES])
def test_every_label_of_a_name_is_found(name: str, username: str | None, labels: list[str]) -> None:
    writer = _called(LUNA, name, username)
    wrong = [
        text
        for label, form, said in itertools.product(labels, MARKED, SAID)
        if _read(writer, text := form.format(label) + said).messages != [said]
    ]
    assert not wrong, f"{len(wrong)}: {wrong[:5]}"


def test_every_label_of_a_role_is_found() -> None:
    assert [said for role in ROLES for said in SAID if _read(LUNA, role + said).messages != [said]] == []


@pytest.mark.parametrize(("name", "username", "labels"), NAMES, ids=[row[0] for row in NAMES])
def test_a_chat_with_a_label_is_looked_at_closer(name: str, username: str | None, labels: list[str]) -> None:
    """The fast look never misses what the slow one finds; also a name alone on its line."""
    writer = _called(LUNA, name, username)
    texts = [form.format(label) + SAID[0] for label, form in itertools.product(labels, MARKED)]
    texts += [f"{label}\n{SAID[0]}" for label in labels]
    missed = []
    for text in texts:
        talk = _with_part(text)
        experience = talk.experience.model_copy(update={"persona1": writer})
        features = ChatFeatures(talk.model_copy(update={"experience": experience}), 3)
        if not features.names_somebody:
            missed.append(text)
    assert missed == []


def test_words_that_look_like_labels_stay() -> None:
    """Of what is taken for a label nothing is a word: precision is 1 over the table."""
    wrong = [
        text for name, username, text in STAY if _read(_called(LUNA, name, username), text).messages != [text]
    ]
    wrong += [text for name, username, text in STAY if _read(_called(LUNA, name, username), text).foreign]
    assert wrong == []


def test_a_sample_of_the_table_goes_through_all_of_cleaning() -> None:
    rng = random.Random(12)
    for name, username, labels in NAMES:
        said = rng.choice(SAID)
        made = _cleaned(
            _with_part(rng.choice(MARKED).format(rng.choice(labels)) + said), _called(LUNA, name, username)
        )
        assert isinstance(made, Chat)
        assert made.chat_parts[2].messages == [said]
    for name, username, text in STAY:
        made = _cleaned(_with_part(text), _called(LUNA, name, username))
        assert isinstance(made, Chat), text
        assert made.chat_parts[2].messages == [text]


PAIRS: list[tuple[Pair, Pair, list[Pair]]] = [
    (
        ("Luna Park", "moon_luna"),
        ("Max Okoro", "maxo"),
        [
            ("Luna", "Max"),
            ("moon_luna", "maxo"),
            ("Luna Park", "Max Okoro"),
            ("@moon_luna", "@maxo"),
            ("Luna 🌙", "Max 🚌"),
            ("Persona 1", "Persona 2"),
            ("Speaker A", "Speaker B"),
            ("User", "Assistant"),
        ],
    ),
    (("Will Harris", ""), ("Grace Lee", ""), [("Will", "Grace"), ("will", "grace")]),
    (("Seán O'Brien", ""), ("Zoë Müller", ""), [("Sean", "Zoe"), ("Seán O’Brien", "Zoë Mueller")]),
    (
        ("Sam Ruiz", "sam1"),
        ("Sam Oduya", "sam2"),
        [("sam1", "sam2"), ("Sam Ruiz", "Sam Oduya"), ("Sam R.", "Sam O.")],
    ),
    (("김민수", ""), ("박서연", ""), [("민수", "서연")]),
    (("李明", ""), ("王芳", ""), [("李明", "王芳")]),
]
LINES = [
    "{}: ",
    "**{}:** ",
    "**{}**: ",
    "[{}] ",
    "<{}> ",
    "{} - ",
    "{} — ",
    "【{}】",
    "- {}: ",
    "{} (10:42): ",
    "[10:42] {}: ",
    "[12/05/24, 10:42:13] {}: ",
    "10:42 <{}> ",
    "{} — Today at 10:42 PM\n",
    "**{}**\n",
    "{}:\n",
    "{}\n",
    "*{}*: ",
    "{} | ",
    "1. {}: ",
    "_{}_: ",
    "{}：",
    "**{}** ",
]
ONE_LINE = [
    "{a}: {x} {b}: {y}",
    "{a}: {x} / {b}: {y}",
    "**{a}:** {x} **{b}:** {y}",
    "[{a}] {x} [{b}] {y}",
    "<{a}> {x} <{b}> {y}",
    "{a} - {x} {b} - {y}",
    "[10:42] {a}: {x} [10:43] {b}: {y}",
    "{x} {b}: {y} {a}: {x}",
]
EXCHANGES = [
    ("is it still there?", "yes, behind the bikes"),
    ("i need the ladder back", "saturday works, before ten"),
    ("还在吗？", "在自行车后面"),
]


def _exchanges() -> list[tuple[Pair, Pair, list[str]]]:
    found: list[tuple[Pair, Pair, list[str]]] = []
    for one, two, called in PAIRS:
        for (a, b), (x, y) in itertools.product(called, EXCHANGES):
            for form in LINES:
                first, second = form.format(a) + x, form.format(b) + y
                turned = form.format(b) + x + "\n" + form.format(a) + y
                parts = [[first, second], [f"{first}\n{second}"], [f"{first}\n\n{second}"], [turned]]
                found += [(one, two, part) for part in [*parts, ["so", f"ok\n{first}\n{second}"]]]
            found += [(one, two, [form.format(a=a, b=b, x=x, y=y)]) for form in ONE_LINE]
    return found


@pytest.mark.parametrize("number", range(len(PAIRS)), ids=[one[0] for one, _, _ in PAIRS])
def test_a_part_with_lines_of_both_is_found_however_it_is_labelled(number: int) -> None:
    """By message, by line or in one line; rollouts ask again, cleaning rejects a sample of them."""
    rng = random.Random(number)
    for one, two, messages in _exchanges():
        if one != PAIRS[number][0]:
            continue
        writer, reader = _called(LUNA, one[0], one[1] or None), _called(MAX, two[0], two[1] or None)
        assert foreign_line(messages, names_of(writer), names_of(reader)), messages
        if rng.random() < 0.1:
            assert _cleaned(_with_part(*messages), writer, reader) == "speaks_for_other", messages


@pytest.mark.parametrize("name", ["Will Harris", "Grace Lee", "Rose Day", "Mark Lee"])
def test_a_word_is_a_label_where_labels_are_in_use(name: str) -> None:
    """Once in three parts it is a word; in two of three the chat is labelled."""
    word, writer = name.split(maxsplit=1)[0], _called(LUNA, name, None)
    for labelled, expected in ((1, 0), (2, 2), (3, 3)):
        parts = [list(part) for part in TALK]
        for place in range(0, 2 * labelled, 2):
            parts[place] = [f"{word}: {message}" for message in parts[place][:1]]
        made = _cleaned(chat(*parts), writer)
        assert isinstance(made, Chat)
        taken = sum(made.chat_parts[place].messages != parts[place] for place in (0, 2, 4))
        assert taken == expected


def test_who_speaks_first_may_be_speaker_one() -> None:
    """Numbers follow the experience, unless the whole chat has them the other way round."""
    assert _cleaned(_with_part("Speaker 2: it is still there")) == "speaks_for_other"
    turned = [[f"Speaker {2 - place % 2}: {part[0]}"] for place, part in enumerate(TALK)]
    made = _cleaned(chat(*turned))
    assert isinstance(made, Chat)
    assert [part.messages for part in made.chat_parts] == [part[:1] for part in TALK]


FORMS = [form for form in MARKED if not form.startswith("1.")]
WORDS = st.lists(
    st.sampled_from(
        [
            "the",
            "ladder",
            "is",
            "still",
            "there,",
            "i",
            "think.",
            "we",
            "need",
            "it?",
            "ok:",
            "saturday",
            "-",
            "max",
        ]
    ),
    max_size=6,
)


@st.composite
def labelled_lines(draw: st.DrawFn) -> tuple[int, str]:
    """Draw who is named, and a line: a marked label, a word that is theirs alone, and what people type."""
    who = draw(st.integers(0, 1))
    label = draw(st.sampled_from([("Luna", "luna park", "moon_luna"), ("Max", "MAX OKORO", "maxo")][who]))
    said = " ".join([("kettle", "trombone")[who], "is what i said", *draw(WORDS)])
    return who, draw(st.sampled_from(FORMS)).format(label) + said


noise = st.one_of(
    st.text(max_size=12), st.sampled_from(["hm", "", "so:", "<sigh>", '"', "Anna: maybe", "😂", "\n"])
)
messages_of = st.lists(st.one_of(labelled_lines().map(lambda pair: pair[1]), noise), min_size=1, max_size=4)


@settings(max_examples=400)
@given(
    st.lists(
        st.one_of(messages_of, messages_of.map(lambda lines: ["\n".join(lines)])), min_size=2, max_size=5
    )
)
def test_no_word_of_a_labelled_line_ends_up_under_the_other(parts: list[list[str]]) -> None:
    """Whatever else a chat holds."""
    (made,) = clean_chats([chat(*parts)], CleanConfig())
    if not isinstance(made, Chat):
        return
    for part in made.chat_parts:
        theirs = "trombone" if part.sender == LUNA.id else "kettle"
        assert theirs not in " ".join(part.messages), part
