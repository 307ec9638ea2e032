"""What counts as a duplicate, which of two stays, and what is forgotten."""

from __future__ import annotations

import random

import pytest

from soc_gen.stages.clean.dedup import DuplicateIndex, Fingerprint, bands_for, fingerprint, minhash
from soc_gen.stages.clean.features import ChatFeatures
from soc_gen.text.ngrams import ngrams
from soc_gen.text.tokens import tokenize
from tests.support.people import TALK, chat

RNG = random.Random(5)
VOCABULARY = [f"w{number}" for number in range(3000)]


def words(count: int = 300) -> list[str]:
    return RNG.choices(VOCABULARY, k=count)


def changed(tokens: list[str], places: int) -> list[str]:
    copy = list(tokens)
    for place in RNG.sample(range(len(copy)), places):
        copy[place] = "changed" + RNG.choice(VOCABULARY)
    return copy


def of(tokens: list[str], number: int) -> Fingerprint:
    text = " ".join(tokens).encode().split()
    return Fingerprint(number, hash(tuple(tokens)), number, len(tokens), minhash(ngrams(text, 3)))


def search(*, longest: bool = True, same_experience: bool = False) -> DuplicateIndex:
    return DuplicateIndex(0.8, keep_longest=longest, same_experience=same_experience)


def test_the_words_of_a_text_are_lower_case_without_punctuation() -> None:
    assert tokenize("Hey, LUNA! don’t (go) 😂") == [b"hey", b"luna", b"dont", b"go", "😂".encode()]
    assert tokenize("好的！明天见 ok☺️") == [*(c.encode() for c in "好的明天见"), "ok☺️".encode()]
    assert ngrams([b"a", b"b", b"c", b"d"], 3) == [b"a b c", b"b c d"]
    assert ngrams([b"a"], 3) == [b"a"]
    assert ngrams([], 3) == []


def test_a_near_copy_repeats_the_first_when_it_is_not_longer() -> None:
    tokens = words()
    seen = search()
    assert seen.add(of(tokens, 0)).number == 0
    match = seen.add(of(changed(tokens, 4), 1))
    assert (match.kind, match.original) == ("near_duplicate", 0)
    assert seen.add(of(words(), 2)).number == 1


def test_a_longer_near_copy_replaces_those_it_repeats() -> None:
    tokens = words()
    seen = search()
    seen.add(of(tokens, 0))
    match = seen.add(of([*tokens, "one", "more"], 1))
    assert match.number == 1
    assert match.replaced == (0,)
    again = seen.add(of(tokens[:-1], 2))
    assert (again.kind, again.original) == ("near_duplicate", 1)


def test_the_first_stays_when_asked_to_and_what_is_fixed_always_does() -> None:
    tokens = words()
    seen = search(longest=False)
    seen.add(of(tokens, 0))
    assert seen.add(of([*tokens, "one", "more"], 1)).original == 0
    index = search()
    index.add(of(tokens, 0))
    index.freeze_reference()
    assert index.add(of([*tokens, "one", "more"], 1)).original == 0


def test_exact_duplicates_are_told_by_id_text_and_experience() -> None:
    seen = search()
    first = fingerprint(ChatFeatures(chat(*TALK, chat_id="a", experience_id="x"), 3))
    seen.add(first)
    other = [[message + " entirely different now" for message in part] for part in TALK[:2]]

    def kind(chat_id: str, experience: str, talk: list[list[str]]) -> str | None:
        return seen.add(
            fingerprint(ChatFeatures(chat(*talk, chat_id=chat_id, experience_id=experience), 3))
        ).kind

    assert kind("a", "y", other) == "duplicate_id"
    assert kind("b", "y", [[m.upper() + "!" for m in part] for part in TALK]) == "duplicate_text"
    assert kind("b", "x", other) == "same_experience"


def test_a_forgotten_chat_may_come_again() -> None:
    tokens = words()
    seen = search()
    old = of(tokens, 0)
    seen.add(old)
    seen.add(of([*tokens, "one", "more"], 1))
    seen.remove(0, old)
    assert seen.add(of(words(), 0)).number == 2


def test_chats_without_words_are_not_alike() -> None:
    seen = search()
    for number, mark in enumerate(("...", "!!!", "?!")):
        found = fingerprint(ChatFeatures(chat([mark], [mark], chat_id=mark, experience_id=mark), 3))
        assert seen.add(found).number == number


@pytest.mark.parametrize(("places", "found"), [(0, 40), (2, 40), (5, 39)])
def test_near_copies_are_found_as_often_as_promised(places: int, found: int) -> None:
    """Two changed words of 300 leave a similarity of about .96, five about .9."""
    hits = 0
    for number in range(40):
        tokens = words()
        seen = search(longest=False)
        seen.add(of(tokens, number))
        hits += seen.add(of(changed(tokens, places), number + 1000)).kind is not None
    assert hits >= found


def test_unrelated_chats_are_never_alike() -> None:
    seen = search()
    assert [seen.add(of(words(), number)).number for number in range(200)] == list(range(200))


def test_lower_thresholds_take_more_bands() -> None:
    assert [bands_for(threshold) for threshold in (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)] == [
        64,
        32,
        32,
        16,
        16,
        8,
        8,
    ]
