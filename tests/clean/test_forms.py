"""What ``soc clean`` is given besides JSON Lines of chats: read, or refused in one line that names it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from soc_gen.errors import UsageError
from soc_gen.io.schema import write_parquet
from soc_gen.models import Chat
from soc_gen.stages.clean.config import CleanConfig
from soc_gen.stages.clean.run import CleanJob, CleanReport, clean_files
from tests.support.people import LUNA, TALK, chat, different, lines

CHATS = [different(1), different(2), different(3)]
PLAIN = [json.loads(one.to_json()) for one in CHATS]


def clean(path: Path, config: CleanConfig | None = None, **job: Any) -> CleanReport:
    return clean_files(CleanJob([path], path.with_name("out.jsonl"), config or CleanConfig(), **job))


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("array.json", json.dumps(PLAIN)),
        ("pretty_array.json", json.dumps(PLAIN, indent=2)),
        ("pretty_array.jsonl.gz", gzip.compress(json.dumps(PLAIN, indent="\t").encode(), mtime=0)),
        ("windows.json", json.dumps(PLAIN, indent=2).replace("\n", "\r\n")),
        ("one_a_line.json", "[\n" + ",\n".join(map(json.dumps, PLAIN)) + "\n]\n"),
        ("pretty.json", "\n".join(json.dumps(one, indent=4) for one in PLAIN)),
        ("bom.json", "\ufeff" + json.dumps(PLAIN)),
    ],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_json_that_is_no_json_lines_is_read(
    tmp_path: Path, name: str, content: str | bytes, workers: int
) -> None:
    """Every chat once, and none of them repaired."""
    report = clean(written(tmp_path, name, content), workers=workers)
    assert (report.read, report.kept, report.repaired) == (3, 3, 0)
    assert report.out.read_bytes() == lines(CHATS)


@pytest.mark.parametrize("name", ["chats.parquet", "chats.jsonl"])
def test_parquet_is_read_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    """By how it begins."""
    write_parquet(tmp_path / name, CHATS)
    report = clean(tmp_path / name)
    assert (report.kept, report.repaired) == (3, 0)
    assert report.out.read_bytes() == lines(CHATS)


def test_a_rejected_chat_of_an_array_is_one_line_with_its_place(tmp_path: Path) -> None:
    """The line in the array on which it begins; a cut array ends in a torn line."""
    text = json.dumps([PLAIN[0], PLAIN[0] | {"chat_parts": []}, PLAIN[1]], indent=1)
    path = written(tmp_path, "a.json", text[:-40])
    report = clean(path)
    assert report.rejected == {"too_few_parts": 1, "torn_line": 1}
    first, second = map(orjson.loads, report.rejected_out.read_bytes().splitlines())
    place = text[: text.index('"chat_parts": []')].rindex("\n {\n")
    assert first["where"] == f"{path}:{text[: place + 1].count(chr(10)) + 1}"
    assert first["record"]["chat_parts"] == []
    assert second["reason"] == "torn_line"


TALKED = {"role": "user", "content": "hi"}
TELEGRAM = {"id": 1, "type": "message", "date": "2025-01-01T10:00:00", "from": "Ada", "text": "hi"}
EXPERIENCE = json.loads(CHATS[0].experience.to_json())
ROWS = [
    ("messages rows", {"messages": [TALKED, {"role": "assistant", "content": "yo"}]}, "trl sft"),
    ("messages rows", {"conversations": [TALKED], "source": "x"}, "trl sft"),
    ("ShareGPT rows", {"id": 1, "conversations": [{"from": "human", "value": "hi"}]}, "trl sft"),
    ("experiences", EXPERIENCE, "soc rollout"),
    ("personas", LUNA.model_dump(), "soc generate experiences --personas"),
    ("instruction rows", {"instruction": "a", "input": "", "output": "b"}, "trl sft"),
    ("preference rows", {"prompt": "a", "chosen": "b", "rejected": "c"}, "trl dpo"),
    ("rows of text", {"text": "<|im_start|>user"}, "trl sft"),
    (
        "rejected chats",
        {"reason": "echo", "detail": "", "where": "x:1", "record": PLAIN[0]},
        "cleaned out of",
    ),
    ("a journal", {"kind": "reply", "id": "x", "text": "hi"}, "beside it"),
    (
        "an exported messenger chat",
        {"name": "Ada", "type": "personal_chat", "messages": [TELEGRAM]},
        "personas",
    ),
    ("an exported messenger chat", {"chats": {"list": [{"messages": [TELEGRAM]}]}}, "personas"),
    ("an exported messenger chat", {"type": "message", "user": "U1", "text": "hi", "ts": "1.2"}, "personas"),
    (
        "an exported messenger chat",
        {"guild": {}, "messages": [{"timestamp": "2025", "content": "hi", "author": {"name": "a"}}]},
        "personas",
    ),
    (
        "an exported messenger chat",
        {
            "participants": [{"name": "a"}],
            "messages": [{"sender_name": "a", "timestamp_ms": 1, "content": "x"}],
        },
        "personas",
    ),
]


@pytest.mark.parametrize(("name", "row", "hint"), ROWS)
@pytest.mark.parametrize("form", ["lines", "array", "pretty"])
def test_rows_of_another_form_are_told_by_name(
    tmp_path: Path, name: str, row: dict[str, Any], hint: str, form: str
) -> None:
    """With what takes the file; nothing is written."""
    text = {
        "lines": f"{json.dumps(row)}\n" * 3,
        "array": json.dumps([row] * 3),
        "pretty": json.dumps([row], indent=2),
    }[form]
    path = written(tmp_path, "x.json", text)
    with pytest.raises(UsageError) as caught:
        clean(path)
    assert str(caught.value).startswith(f"{path}: has no chats: it holds {name}")
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [one.name for one in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize(
    "text",
    [
        "12/31/20, 10:15 PM - Ada: hi\nand more\n12/31/20, 10:16 PM - Ben: yo\n",
        "[31.12.20, 22:15:01] Ada: hi\n\u200e[31.12.20, 22:15:09] Ben: \u200eimage omitted",
        "2020-12-31 22:15 - Ada: hi\n",
    ],
)
def test_a_messenger_chat_as_text_is_told_by_name(tmp_path: Path, text: str) -> None:
    """Also when messages have several lines, or the last line is not ended."""
    with pytest.raises(UsageError, match="holds an exported messenger chat"):
        clean(written(tmp_path, "chat.txt", text))


def test_one_chat_among_other_rows_is_cleaned(tmp_path: Path) -> None:
    """Only a file in which every row is of another form is refused; a broken chat is no other form."""
    text = json.dumps(EXPERIENCE) + "\n" + json.dumps(PLAIN[0]) + "\n"
    report = clean(written(tmp_path, "mixed.jsonl", text))
    assert (report.kept, report.rejected) == (1, {"invalid_record": 1})
    broken = {key: value for key, value in PLAIN[0].items() if key != "model"}
    report = clean(written(tmp_path, "broken.jsonl", json.dumps(broken) + "\n" + json.dumps(PLAIN[0]) + "\n"))
    assert (report.kept, report.rejected) == (1, {"invalid_record": 1})


def test_the_file_is_named_among_several(tmp_path: Path) -> None:
    """The chats in the others do not hide it."""
    good = written(tmp_path, "a.jsonl", lines(CHATS))
    other = written(tmp_path, "b.jsonl", json.dumps(EXPERIENCE) + "\n")
    with pytest.raises(UsageError, match=r"b\.jsonl: has no chats: it holds experiences"):
        clean_files(CleanJob([good, other], tmp_path / "out.jsonl"))
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.jsonl", b"PK\x03\x04....", "is a zip file"),
        ("x.jsonl", gzip.compress(b"{}", mtime=0), "packed with gzip"),
        ("x.jsonl", '{"a": 1}'.encode("utf-16"), "text in UTF-16"),
        ("x.csv", b"chat_id,text\n1,hi\n", "only personas can be read from CSV"),
        ("x.parquet", b"PAR1 and no more", "not a readable Parquet file"),
    ],
)
def test_a_file_that_holds_no_json_is_one_line(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    """Not one rejected chat for every stretch of bytes between two newlines."""
    with pytest.raises(UsageError, match=said) as caught:
        clean(written(tmp_path, name, content))
    assert "\n" not in str(caught.value)


def test_repaired_counts_repairs(tmp_path: Path) -> None:
    """Spaces, unknown keys and escapes in the JSON are none; a label that is taken off is one."""
    spelled = json.dumps(PLAIN[0] | {"note": "é"}, indent=None, separators=(" , ", " : "))
    labelled = chat(["Luna Park: hey there you"], ["Max Okoro: ho"], chat_id="l", experience_id="l")
    path = written(tmp_path, "c.jsonl", spelled + "\n" + labelled.to_json().decode() + "\n")
    report = clean(path)
    assert (report.kept, report.repaired, report.repairs["speaker_labels"]) == (2, 1, 1)
    again = clean_files(CleanJob([report.out], tmp_path / "again.jsonl"))
    assert (again.kept, again.repaired) == (2, 0)


def test_a_repaired_chat_that_a_longer_one_replaces_is_not_counted(tmp_path: Path) -> None:
    """Only chats that are kept."""
    short = [["Luna Park: " + TALK[0][0]], *TALK[1:]]
    longer = [*TALK, ["and a biscuit"]]
    both = [chat(*short, chat_id="a", experience_id="a"), chat(*longer, chat_id="b", experience_id="b")]
    report = clean(written(tmp_path, "c.jsonl", lines(both)))
    assert (report.kept, report.repaired, report.rejected) == (1, 0, {"near_duplicate": 1})


ENDED = chat(*TALK, ["bye", "<end/>"])


@pytest.mark.parametrize(
    ("one", "wanted", "kept"), [(chat(*TALK), False, 1), (chat(*TALK), True, 0), (ENDED, True, 1)]
)
def test_a_chat_without_an_end_is_cut_off_where_an_end_is_required(
    tmp_path: Path, one: Chat, wanted: bool, kept: int
) -> None:
    """``[clean] require_end``: other programs save a chat as finished whose last turn failed."""
    path = written(tmp_path, "c.jsonl", one.to_json() + b"\n")
    report = clean(path, CleanConfig(require_end=wanted))
    assert (report.kept, report.rejected) == (kept, {} if kept else {"cut_off": 1})
    if not kept:
        assert orjson.loads(report.rejected_out.read_bytes())["detail"] == "it has no <end/>"


@pytest.mark.parametrize(
    ("start", "name"),
    [("<!DOCTYPE html>\n<p>", "a web page"), ("<?xml version='1.0'?>", "XML"), ("---\na: b", "YAML")],
)
def test_a_text_that_is_no_json_is_told_by_name(tmp_path: Path, start: str, name: str) -> None:
    with pytest.raises(UsageError, match=name):
        clean(written(tmp_path, "x.jsonl", start))
