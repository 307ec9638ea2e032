"""What a chatting style says is read as rules, and messages are held to them."""

from __future__ import annotations

import pytest

from soc_gen.metrics.cards import PLAIN, Cards
from soc_gen.metrics.style import rules_of
from soc_gen.metrics.talk import talk_of
from tests.support.people import LUNA, TALK, chat


@pytest.mark.parametrize(
    ("style", "rules"),
    [
        ("all lowercase, no full stops, lots of emoji", ["all lowercase", "no full stops", "emoji"]),
        ("Types in small letters only.", ["all lowercase"]),
        ("Lower case; never uses periods", ["all lowercase", "no full stops"]),
        ("ALL CAPS, always", ["all capitals"]),
        ("Never ends a message with a full stop.", ["no full stops"]),
        ("No commas and no question marks", ["no commas", "no question marks"]),
        ("doesn't use emoji", ["no emoji"]),
        ("Writes one word at a time.", ["one word at a time"]),
        ("Never more than five words.", ["at most 5 words"]),
        ("Only writes in French.", ["in French"]),
        # What is so in one case, or is quoted, is no rule.
        ("all lowercase except names", []),
        ("No capitals, except for names.", []),
        ("When tired, no capitals.", []),
        ("Lowercase for feelings", []),
        ("lowercase i", []),
        ('Says "no emoji please" a lot.', []),
        ("Rarely uses emoji", []),
        ("", []),
    ],
)
def test_a_style_gives_its_rules(style: str, rules: list[str]) -> None:
    """In the order in which they are said."""
    assert [rule.name for rule in rules_of(style)] == rules


@pytest.mark.parametrize(
    ("style", "text", "kept"),
    [
        ("all lowercase", "ok, 3 then ña", True),
        ("all lowercase", "ok, I see", False),
        ("no full stops", "well...", True),
        ("no full stops", "well.", False),
        ("lots of emoji", "good 🙂", True),
        ("lots of emoji", "good :)", False),
        ("one word at a time", "no!", True),
        ("one word at a time", "no way", False),
        ("never more than 3 words", "one two three", True),
        ("never more than 3 words", "one two three four", False),
        ("always in Greek", "Θα σου πω αύριο, τώρα δουλεύω ακόμα", True),
        ("always in Japanese", "Θα σου πω αύριο, τώρα δουλεύω ακόμα", False),
        ("always in Greek", "ok", None),
    ],
)
def test_a_message_keeps_a_rule_or_not(style: str, text: str, kept: bool | None) -> None:
    """At and beyond the bound; a language is told of a message that is long enough."""
    (rule,) = rules_of(style)
    assert rule.keeps(text) is kept


def test_the_share_kept_is_counted_by_rule_and_the_voices_by_trait() -> None:
    """Luna and Max both write "short, no capitals"; one of seven messages of theirs breaks it."""
    talk = [list(part) for part in TALK]
    talk[1] = ["Yes, it's on the shelf"]
    one = chat(*talk)
    cards = Cards()
    for _ in range(30):
        cards.add(one, talk_of(one))
    tally = cards.rules["all lowercase"]
    assert (tally.hits, tally.total) == (180, 210)
    assert set(cards.told_apart()) == {f"trait: {LUNA.traits[0]}", "style: all lowercase"}
    assert PLAIN not in cards.groups
