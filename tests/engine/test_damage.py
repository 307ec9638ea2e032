"""A damaged journal or output: the run goes on, says so in one line, and ends with the same bytes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc_gen.engine.journal_lines import decode_line, encode_line
from soc_gen.engine.stop import Stop
from soc_gen.errors import JournalError
from tests.support.loopback_endpoint import Behaviour, Exchange, LoopbackEndpoint
from tests.support.runs import Project

GOLDEN = Path(__file__).parents[1] / "golden/v0.1.0"
REPLIES = Behaviour(end_rate=0.2)
REPLY = {
    "kind": "reply", "id": "c", "turn": 0, "attempt": 0, "request": "f", "text": "hi", "finish_reason": None,
    "tokens": [1, 0, 1], "seconds": 0.5, "endpoint": "http://127.0.0.1:1/v1",
}  # fmt: skip
DONE = {"kind": "done", "index": 0, "id": "c", "record": {"name": "Ana"}}


# --- lines --------------------------------------------------------------------------------------------


@given(st.text(), st.integers(0, 7), st.data())
def test_no_flipped_bit_of_a_line_gives_another_entry(text: str, bit: int, data: st.DataObject) -> None:
    """Either it is damaged, or what was hit is the name of the checksum, and the entry is as it was."""
    line = encode_line({**REPLY, "text": text})
    flipped = bytearray(line)
    flipped[data.draw(st.integers(0, len(line) - 2))] ^= 1 << bit
    found = decode_line(bytes(flipped))
    assert found is None or {name: found.get(name) for name in REPLY} == {**REPLY, "text": text}


def test_the_lines_of_0_1_0_have_no_checksum_and_are_read() -> None:
    """All kinds of them; with the checksum of now they are the same entries."""
    lines = [
        line
        for journal in GOLDEN.rglob("*.journal.jsonl")
        for line in journal.read_bytes().splitlines(keepends=True)
        if line.endswith(b"\n")
    ]
    entries = [decode_line(line) for line in lines]
    assert entries == [orjson.loads(line) for line in lines]
    assert {entry["kind"] for entry in entries if entry} == {"header", "reply", "done", "failed", "time"}
    for entry in filter(None, entries):
        assert (decode_line(encode_line(entry)) or {}).items() >= entry.items()


@pytest.mark.parametrize(
    "odd",
    [
        *({name: value for name, value in REPLY.items() if name != left_out} for left_out in REPLY),
        *({**DONE, "index": index} for index in (1e9, -1, "0", None)),
        {**DONE, "record": None},
        {**DONE, "notes": {"reroll": 3}},
        {**REPLY, "tokens": [1, 2]},
        {**REPLY, "tokens": [1, -2, 3]},
        {**REPLY, "voids": 5},
        {**REPLY, "voids": [[1]]},
        {**REPLY, "crc": "00000000"},
        {"kind": "rows", "rows": "xyz"},
        {"kind": "time", "seconds": 1, "retries": {"http_500": "x"}},
        {"kind": "failed", "index": 0, "id": "c", "reason": "x"},
        {"kind": "header", "version": 1},
        {"kind": ["reply"]},
        [],
        3,
    ],
    ids=str,
)
def test_json_that_is_no_entry_is_damage(odd: object) -> None:
    assert decode_line(orjson.dumps(odd) + b"\n") is None


# --- runs ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """Return the folder of a run that was stopped in the middle, and what a whole run gives."""
    place = tmp_path_factory.mktemp("damage")
    whole, stopped = Project(place), place / "stopped"
    stopped.mkdir()
    stop = Stop()

    def plan(exchange: Exchange) -> None:
        if exchange.number == 20:
            stop.set("interrupted")

    with LoopbackEndpoint(REPLIES) as endpoint:
        whole.rollout(endpoint.url)
    with LoopbackEndpoint(Behaviour(end_rate=0.2, plan=plan)) as endpoint:
        Project(stopped).rollout(endpoint.url, stop=stop, concurrency=3)
    return stopped, whole.out.read_bytes()


@pytest.fixture
def project(runs: tuple[Path, bytes], tmp_path: Path) -> Project:
    shutil.copytree(runs[0], tmp_path, dirs_exist_ok=True)
    return Project(tmp_path)


@pytest.fixture
def whole(runs: tuple[Path, bytes]) -> bytes:
    return runs[1]


@pytest.fixture
def endpoint() -> Iterator[LoopbackEndpoint]:
    with LoopbackEndpoint(REPLIES) as running:
        yield running


def first_of(kind: str, lines: list[bytes]) -> int:
    """Return the index of the first line of that kind."""
    return next(index for index, line in enumerate(lines) if b'"kind":"%b"' % kind.encode() in line)


def flip(line: bytes) -> bytes:
    middle = len(line) // 2
    return line[:middle] + bytes([line[middle] ^ 4]) + line[middle + 1 :]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "half a line": lambda line: line[: len(line) // 2] + b"\n",
    "NULs": lambda line: b"\0" * (len(line) - 1) + b"\n",
    "NULs over the line break": lambda line: b"\0" * len(line),
    "a flipped bit": flip,
    "no text": lambda line: line.replace(b'"text"', b'"test"').replace(b'"index"', b'"indes"'),
    "an index too far": lambda _: orjson.dumps({**DONE, "index": 10**9}) + b"\n",
}


@pytest.mark.parametrize("kind", ["header", "reply", "done"])
@pytest.mark.parametrize("damage", [pytest.param(harm, id=name) for name, harm in DAMAGE.items()])
def test_a_damaged_line_costs_its_conversation_and_no_other(
    project: Project, whole: bytes, endpoint: LoopbackEndpoint, damage: Callable[[bytes], bytes], kind: str
) -> None:
    """The same bytes in the end; no more is asked again than the replies of one conversation, or two."""
    journal = project.folder / "chats.journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    replies = sum(b'"kind":"reply"' in line for line in lines)
    hit = first_of(kind, lines)
    lines[hit] = damage(lines[hit]) if kind != "header" or damage(lines[0]) != lines[0] else b"\0\n"
    journal.write_bytes(b"".join(lines))
    project.rollout(endpoint.url)
    assert project.out.read_bytes() == whole
    needed = len(re.findall(rb'"sender"', whole))
    assert endpoint.requests <= needed - replies + 16
    before = endpoint.requests
    project.rollout(endpoint.url)
    assert (project.out.read_bytes(), endpoint.requests) == (whole, before)


def test_the_damage_is_told_in_one_line_with_a_count(project: Project, endpoint: LoopbackEndpoint) -> None:
    """With the file and the first line."""
    journal = project.folder / "chats.journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[3:5] = [b"{}\n", b"\0\0\0\n"]
    journal.write_bytes(b"".join(lines))
    done = project.soc(endpoint.url)
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stderr.splitlines() if "damaged" in line]
    assert len(told) == 1
    assert told[0].startswith(f"{journal}:4: 2 damaged lines left out")


def test_other_settings_are_still_refused_when_the_header_is_lost(
    project: Project, endpoint: LoopbackEndpoint
) -> None:
    """The replies tell; nothing is paid, and with the right settings the run goes on."""
    journal = project.folder / "chats.journal.jsonl"
    header, _, rest = journal.read_bytes().partition(b"\n")
    journal.write_bytes(flip(header) + b"\n" + rest)
    with pytest.raises(JournalError, match="asked differently"):
        project.rollout(endpoint.url, rollout_sampling={"temperature": 0.1}, concurrency=1)
    assert endpoint.requests == 0
    project.rollout(endpoint.url)


@pytest.mark.parametrize("finished", [True, False])
def test_a_page_of_nuls_in_the_output_is_written_again(
    project: Project, whole: bytes, endpoint: LoopbackEndpoint, finished: bool
) -> None:
    """As a power cut leaves it; nothing is asked for it."""
    if finished:
        project.rollout(endpoint.url)
    data = project.out.read_bytes()
    project.out.write_bytes(data[:50] + b"\0" * 100 + data[150:])
    before = endpoint.requests
    done = project.soc(endpoint.url)
    assert done.returncode == 0, done.stderr
    assert f"{project.out}: was damaged or changed; written again from its journal" in done.stderr
    assert project.out.read_bytes() == whole
    assert not finished or endpoint.requests == before
