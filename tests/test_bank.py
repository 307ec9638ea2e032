"""A bank is whole, or it stops the run with one line that names the place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from soc_gen.errors import UsageError
from soc_gen.io.datasets import read_source
from soc_gen.io.jsonl import read_jsonl
from soc_gen.models import Persona
from soc_gen.stages.experiences.personas import check_bank


def _row(**changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": "Ann Lee",
        "username": None,
        "age": 40,
        "traits": ["dry"],
        "background": "Repairs clocks.",
        "chatting_style": "Short.",
        "model": "m",
        "id": "a",
    }
    return row | changes


def _check(tmp_path: Path, *lines: object) -> list[Persona]:
    path = tmp_path / "bank.jsonl"
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return check_bank(read_jsonl(path, Persona), str(path))


def _error(tmp_path: Path, *lines: object) -> str:
    with pytest.raises(UsageError) as caught:
        _check(tmp_path, *lines)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(f"{tmp_path}/", "")


def test_a_whole_bank_comes_back_in_its_order(tmp_path: Path) -> None:
    """Children and the very old are welcome; ages 1 to 120."""
    bank = _check(tmp_path, _row(id="b", age=1), _row(id="a", age=120), _row(id="c"))
    assert [persona.id for persona in bank] == ["b", "a", "c"]


def _without_age() -> dict[str, Any]:
    return {key: value for key, value in _row().items() if key != "age"}


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (_without_age(), "age: Field required"),
        (_row(age=0), "age: Input should be greater than or equal to 1"),
        (_row(age=900), "age: Input should be less than or equal to 120"),
        (_row(name="  "), "name: String should have at least 1 character"),
        ('{"name": "Ann', "record: Invalid JSON"),
        ("[]", "record: Input should be an object"),
    ],
)
def test_a_bad_line_is_named_with_its_reason(tmp_path: Path, bad: object, why: str) -> None:
    """The first one, with how many more there are."""
    message = _error(tmp_path, _row(), bad, bad, _row(id="d"))
    assert message.startswith(f"bank.jsonl:2: {why}")
    assert "(2 of 4 personas cannot be used). Put them right or take them out" in message


def test_two_personas_with_one_id_name_both_lines(tmp_path: Path) -> None:
    """Blank lines count as lines."""
    message = _error(tmp_path, _row(id="a"), "", _row(id="b"), "  ", _row(id="b", name="Other"))
    assert message.startswith("bank.jsonl:5: same id as line 3: b.")


def test_two_rows_of_a_table_with_one_id_name_the_lines_they_end_on(tmp_path: Path) -> None:
    """As every other complaint about a CSV file does: the header is a line, a cell may have several."""
    path = tmp_path / "bank.csv"
    row = '{},40,dry,"Repairs\nclocks.",Short.,a\n'
    path.write_text("name,age,traits,background,chatting_style,id\n" + row.format("Ann") + row.format("Bo"))
    with pytest.raises(UsageError) as caught:
        check_bank(read_source(str(path), Persona), str(path))
    assert str(caught.value).startswith(f"{path}:5: same id as line 3: a.")


def test_records_that_are_in_no_text_file_are_counted() -> None:
    """A row of a dataset on the Hub has a number, no line."""
    twins = [Persona.model_validate(_row()), Persona.model_validate(_row())]
    with pytest.raises(UsageError, match=r"^user/bank:2: same id as line 1: a\."):
        check_bank(twins, "user/bank")


@pytest.mark.parametrize(("rows", "has"), [([], "no persona"), ([_row()], "one persona")])
def test_fewer_than_two_personas_are_too_few(tmp_path: Path, rows: list[object], has: str) -> None:
    """An empty file too."""
    assert _error(tmp_path, *rows) == f"bank.jsonl: has {has}; a conversation takes two"
