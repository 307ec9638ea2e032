"""Reading personas, experiences and chats from files; the Hub side is in publish/test_round_trip.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from soc_gen.errors import UsageError
from soc_gen.io.datasets import is_hub_id, read_source
from soc_gen.io.jsonl import BadLine
from soc_gen.models import Chat, Experience, Persona

FULL: dict[str, Any] = {
    "name": "Ines",
    "username": "ines_m",
    "age": 34,
    "traits": ["dry", "loyal"],
    "background": "Repairs clarinets in Porto.",
    "chatting_style": "short, no capitals",
    "model": "m",
    "id": "p1",
}
MINIMAL = {key: FULL[key] for key in ("name", "age", "traits", "background", "chatting_style")}


def read(path: Path, text: str | bytes) -> list[Persona | BadLine]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(read_source(str(path), Persona))


def why(item: Persona | BadLine) -> str:
    assert isinstance(item, BadLine)
    return f"{item.where}: {item.why}"


def test_a_full_persona_comes_out_as_it_went_in(tmp_path: Path) -> None:
    """JSONL to Persona loses and changes nothing, and the type is Persona itself."""
    [persona] = read(tmp_path / "p.jsonl", json.dumps(FULL))
    assert type(persona) is Persona
    assert persona == Persona(**FULL)


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_missing_username_model_and_id_are_filled_alike_in_every_format(tmp_path: Path, suffix: str) -> None:
    """The id depends on the content, not on the file format."""
    path = tmp_path / f"p.{suffix}"
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist([MINIMAL]), path)
    elif suffix == "csv":
        path.write_text('name,age,traits,background,chatting_style\nInes,34,"dry; loyal",'
                        'Repairs clarinets in Porto.,"short, no capitals"\n')  # fmt: skip
    else:
        path.write_text(json.dumps(MINIMAL))
    [persona] = read_source(str(path), Persona)
    assert isinstance(persona, Persona)
    assert (persona.username, persona.model) == (None, "")
    assert persona.id == "309620fc-6b76-5a61-9700-c4babd077179"


def test_csv_traits_may_be_a_json_list(tmp_path: Path) -> None:
    """A list is told from a plain text by its bracket."""
    text = 'name,age,traits,background,chatting_style\nBo,40,"[""calm"", ""a; b""]",x,y\n'
    [persona] = read(tmp_path / "p.csv", text)
    assert isinstance(persona, Persona)
    assert persona.traits == ["calm", "a; b"]


def test_a_spreadsheets_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    """Excel writes one; it must not turn ``name`` into a column nobody knows."""
    text = "\ufeffname,age,traits,background,chatting_style\nBo,40,a,x,y\n".encode()
    assert isinstance(read(tmp_path / "p.csv", text)[0], Persona)


def test_a_bad_row_is_told_with_its_line_and_the_next_is_read(tmp_path: Path) -> None:
    """Age 0 and a row with an unquoted comma are bad lines, each with ``file:line``."""
    path = tmp_path / "p.csv"
    text = "name,age,traits,background,chatting_style\nBo,0,a,x,y\nBo,30,a,x,y,z\nBo,30,a,x,y\n"
    young, wide, good = read(path, text)
    assert why(young) == f"{path}:2: age: Input should be greater than or equal to 1"
    assert why(wide) == f"{path}:3: more cells than the header has names"
    assert isinstance(good, Persona)


def test_broken_json_traits_are_a_bad_line(tmp_path: Path) -> None:
    """A cell that starts like a list and is none is not taken for one odd trait."""
    text = 'name,age,traits,background,chatting_style\nBo,30,"[calm",x,y\n'
    assert why(read(tmp_path / "p.csv", text)[0]).endswith("traits: Input should be a valid list")


@pytest.mark.parametrize("row", ["7", "null", '"x"', "[1]", "{"])
def test_a_line_that_is_no_object_is_a_bad_line(tmp_path: Path, row: str) -> None:
    """No JSON value can crash the reader."""
    assert isinstance(read(tmp_path / "p.jsonl", row)[0], BadLine)


@pytest.mark.parametrize("name", ["gone.jsonl", "gone.csv", "gone.parquet", "a/b/c"])
def test_a_missing_file_is_one_line(tmp_path: Path, name: str) -> None:
    """Whatever the format would have been."""
    with pytest.raises(UsageError, match="no such file"):
        list(read_source(str(tmp_path / name), Persona))


def test_a_file_of_another_kind_is_one_line(tmp_path: Path) -> None:
    """A .parquet that is none, and chats in CSV."""
    (tmp_path / "p.parquet").write_text("hello")
    (tmp_path / "p.csv").write_bytes(b"name\n\xff\xfe")
    with pytest.raises(UsageError, match="not a readable Parquet file"):
        list(read_source(str(tmp_path / "p.parquet"), Persona))
    with pytest.raises(UsageError, match="not a readable CSV file"):
        list(read_source(str(tmp_path / "p.csv"), Persona))
    with pytest.raises(UsageError, match="only personas can be read from CSV"):
        list(read_source(str(tmp_path / "p.csv"), Chat))


def test_experiences_are_read_strictly(tmp_path: Path) -> None:
    """Filling is for personas that people write by hand, not for what a stage wrote."""
    whole = {"persona1": FULL, "persona2": MINIMAL, "relationship": "r", "situation": "s", "topic": "t"}
    path = tmp_path / "e.jsonl"
    path.write_text(json.dumps({**whole, "id": "e"}))
    [bad] = read_source(str(path), Experience)
    assert isinstance(bad, BadLine)
    assert "persona2.id: Field required" in bad.why


def test_a_name_with_one_slash_is_a_hub_dataset_unless_such_a_file_exists(tmp_path: Path) -> None:
    """``user/name`` yes; paths, files with a known ending and files that are there, no."""
    (tmp_path / "x").touch()
    assert is_hub_id("marcodsn/SPB-2508")
    names = ("data/p.jsonl", "./p", "/a/b", "p.csv", "a/b/c", str(tmp_path / "x"))
    assert not any(is_hub_id(name) for name in names)


def test_a_revision_of_a_local_file_is_refused(tmp_path: Path) -> None:
    """It would be ignored silently otherwise."""
    with pytest.raises(UsageError, match="only for a dataset on the Hub"):
        read_source(str(tmp_path / "p.jsonl"), Persona, revision="v1")


def test_offline_and_not_cached_is_one_line(tmp_path: Path) -> None:
    """The offline switch is read when the client is imported, hence a fresh process."""
    code = """
from soc_gen.errors import HubError
from soc_gen.models import Persona
from soc_gen.io.datasets import read_source
try:
    list(read_source("nobody/none", Persona))
except HubError as error:
    print(error)
"""
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("nobody/none: the Hub cannot be reached")
    assert "give a local file" in done.stdout
    assert done.stderr == ""
