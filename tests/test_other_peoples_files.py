"""Personas, experiences and chats as other programs and people keep them: taken as they are."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from soc_gen.errors import UsageError
from soc_gen.io.datasets import read_source
from soc_gen.io.jsonl import BadLine
from soc_gen.log import log
from soc_gen.models import Chat, Experience, Persona
from soc_gen.stages.experiences.personas import check_bank
from tests.support.people import TALK, chat

PERSONAS = sorted((Path(__file__).parent / "cases/personas").iterdir())


def read(path: Path, kind: Any = Persona) -> list[Any]:
    return list(read_source(str(path), kind))


@pytest.mark.parametrize("path", PERSONAS, ids=lambda path: path.name)
def test_a_bank_in_any_of_these_forms_is_the_same_bank(path: Path) -> None:
    """Separators, lists as text, ages with decimals, arrays: the two people and their ids are the same."""
    one, two = read(path)
    assert isinstance(one, Persona)
    assert (one.name, one.username, one.age) == ("Ines Mota", "ines_m", 34)
    assert (one.traits, one.background) == (["dry", "never on time"], "Tunes organs; hates flutes.")
    assert (two.username, two.age, two.traits) == (None, 52, ["patient"])
    assert one.id == read(PERSONAS[0])[0].id


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        ("['it''s', 'b']".replace("''", "\\'"), ["it's", "b"]),
        ('["say \\"hi\\"", \'x\']', ['say "hi"', "x"]),
        ("['a' 'b, c'\n 'd']", ["a", "b, c", "d"]),
        ("('calm',)", ["calm"]),
        ("{calm,dry}", ["calm", "dry"]),
        ("[calm, dry]", ["calm", "dry"]),
        ("[]", []),
        ("", []),
        ("calm", ["calm"]),
        ("calm, dry; kind", ["calm, dry", "kind"]),
        (None, []),
        (["a", "b"], ["a", "b"]),
    ],
)
def test_traits_as_text(tmp_path: Path, traits: object, expected: list[str]) -> None:
    """As Python, JSON, numpy and PostgreSQL print a list, or separated by one kind of mark."""
    path = tmp_path / "p.jsonl"
    row: dict[str, object] = {
        "name": "Bo",
        "age": 40,
        "traits": traits,
        "background": "x",
        "chatting_style": "y",
    }
    path.write_text(json.dumps(row))
    assert read(path)[0].traits == expected


@pytest.mark.parametrize(("given", "expected"), [(7, "7"), (0, "0"), ("7", "7"), (7.5, "7.5")])
def test_an_id_may_be_a_number(tmp_path: Path, given: object, expected: str) -> None:
    """It is text from then on; 0 is one too."""
    path = tmp_path / "p.jsonl"
    row: dict[str, object] = {"name": "Bo", "age": 40, "traits": [], "background": "x"}
    row |= {"chatting_style": "y", "id": given}
    path.write_text(json.dumps(row))
    assert read(path)[0].id == expected


@pytest.mark.parametrize("age", ["", "old", "nan", "inf", None, "0.9", "121.0"])
def test_what_is_no_age_is_a_bad_row(tmp_path: Path, age: str | None) -> None:
    """Named by its field, never guessed."""
    path = tmp_path / "p.jsonl"
    row: dict[str, object] = {
        "name": "Bo",
        "age": age,
        "traits": [],
        "background": "x",
        "chatting_style": "y",
    }
    path.write_text(json.dumps(row))
    [bad] = read(path)
    assert isinstance(bad, BadLine)
    assert bad.why.startswith("age: ")


def bank(tmp_path: Path, good: int, bad: int) -> tuple[Path, list[str]]:
    row = {"age": 40, "traits": [], "background": "x", "chatting_style": "y"}
    lines = [json.dumps(row | {"name": f"P{number}"}) for number in range(good)]
    lines[1:1] = [json.dumps(row | {"name": f"B{number}", "age": 900}) for number in range(bad)]
    path = tmp_path / "bank.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path, lines


class _Told(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def check(path: Path) -> tuple[list[Persona], list[str]]:
    told = _Told()
    log.addHandler(told)
    try:
        return check_bank(read(path), str(path)), told.lines
    finally:
        log.removeHandler(told)


@pytest.mark.parametrize(("good", "bad"), [(3000, 1), (3, 1), (30, 10)])
def test_a_few_bad_rows_are_named_counted_and_left_out(tmp_path: Path, good: int, bad: int) -> None:
    """Up to a quarter of them."""
    path, _ = bank(tmp_path, good, bad)
    people, told = check(path)
    assert [person.name for person in people] == [f"P{number}" for number in range(good)]
    assert told[0] == f"left out: {path}:2: age: Input should be less than or equal to 120"
    assert told[-1].startswith(f"{bad:,} of {good + bad:,} personas of {path} cannot be used")
    assert len(told) == min(bad, 5) + 1


@pytest.mark.parametrize(("good", "bad"), [(2, 1), (30, 11), (2, 9)])
def test_many_bad_rows_refuse_the_bank(tmp_path: Path, good: int, bad: int) -> None:
    """One more than a quarter: it is another kind of file, and left alone."""
    path, _ = bank(tmp_path, good, bad)
    with pytest.raises(UsageError, match=rf"bank.jsonl:2: age: .*\({bad} of {good + bad} personas cannot"):
        check(path)


def test_the_same_person_twice_is_left_out_once(tmp_path: Path) -> None:
    """With the lines of both, in a table as in an array over several lines."""
    path, lines = bank(tmp_path, 5, 0)
    path.write_text("\n".join([*lines, lines[2]]))
    people, told = check(path)
    assert len(people) == 5
    assert f"left out: {path}:6: same id as line 3: {people[2].id}." in told[0]
    array = tmp_path / "bank.json"
    array.write_text("[\n" + ",\n".join([*lines, lines[2]]) + "\n]\n")
    assert "bank.json:7: same id as line 4" in check(array)[1][0]


def test_a_bank_of_nothing_but_repeats_of_one_is_too_small(tmp_path: Path) -> None:
    """Two people who are there twice are enough, however many of the rows that is."""
    path, lines = bank(tmp_path, 2, 0)
    path.write_text("\n".join(lines * 3))
    people, told = check(path)
    assert (len(people), told[-1][:8]) == (2, "4 of 6 p")
    path.write_text("\n".join(lines[:1] * 3))
    with pytest.raises(UsageError, match=r"bank.jsonl:2: same id as line 1: .* \(2 of 3 personas"):
        check(path)


def experience(**over: Any) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(chat(*TALK).experience.to_json())
    return {key: value for key, value in (whole | over).items() if value is not ...}


@pytest.mark.parametrize("given", [..., None, ""])
def test_an_experience_without_an_id_has_one_of_its_content(tmp_path: Path, given: object) -> None:
    """The same on every reading, another for other content."""
    path = tmp_path / "e.jsonl"
    rows = [experience(id=given), experience(id=given, topic="another")]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    first, second = read(path, Experience)
    assert first.id == read(path, Experience)[0].id != second.id
    assert len(first.id) == 36


def test_an_id_that_is_there_stays(tmp_path: Path) -> None:
    """Journals and failures name it."""
    path = tmp_path / "e.jsonl"
    path.write_text(json.dumps(experience(id="mine")))
    assert read(path, Experience)[0].id == "mine"


def test_what_is_missing_besides_the_id_is_told_alone(tmp_path: Path) -> None:
    """The id that cannot be made of it is no second complaint."""
    path = tmp_path / "e.jsonl"
    path.write_text(json.dumps(experience(id=..., topic=...)))
    [bad] = read(path, Experience)
    assert bad.why == "topic: Field required"


def test_a_chat_without_a_username_has_a_null(tmp_path: Path) -> None:
    """Every key is in every row that is written."""
    row = json.loads(chat(*TALK).to_json())
    del row["experience"]["persona1"]["username"], row["experience"]["id"]
    path = tmp_path / "c.jsonl"
    path.write_text(json.dumps(row))
    [found] = read(path, Chat)
    written = json.loads(found.to_json())
    assert written["experience"]["persona1"]["username"] is None
    assert list(written["experience"]["persona1"]) == list(Persona.model_fields)
    assert len(written["experience"]["id"]) == 36
