"""Files in, files out: nothing lost, nothing invented, the same for any number of workers."""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soc_gen.errors import SocError, UsageError
from soc_gen.io.json_values import FOREIGN
from soc_gen.models import Chat, Failure, Rejection
from soc_gen.prompts.loader import load_prompt
from soc_gen.stages.clean.config import CleanConfig
from soc_gen.stages.clean.decide import Decider, Decision, Replaced, clean_chats
from soc_gen.stages.clean.rejections import REASONS
from soc_gen.stages.clean.run import CleanJob, CleanReport, clean_files
from tests.support.messy_chats import CHATS
from tests.support.people import TALK, chat, different, lines

GOOD = chat(*TALK).to_json()


def clean(folder: Path, data: bytes, config: CleanConfig | None = None, **job: Any) -> CleanReport:
    source = folder / "chats.jsonl"
    source.write_bytes(data)
    return clean_files(CleanJob([source], folder / "clean.jsonl", config or CleanConfig(), **job))


def rejections(report: CleanReport) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in report.rejected_out.read_bytes().splitlines()]


def test_good_lines_are_copied_as_they_are(tmp_path: Path) -> None:
    data = lines([different(number) for number in range(20)])
    report = clean(tmp_path, data)
    assert report.out.read_bytes() == data
    assert (report.read, report.kept, report.repaired, report.rejected.total()) == (20, 20, 0, 0)
    assert report.rejected_out.read_bytes() == b""


def test_other_spellings_of_the_same_json_come_out_in_the_schema_s_form(tmp_path: Path) -> None:
    record = json.loads(GOOD)
    record["extra"] = float("nan")
    report = clean(tmp_path, b"\xef\xbb\xbf" + json.dumps(record, indent=None).encode() + b"\r\n")
    assert report.out.read_bytes() == GOOD + b"\n"


def test_a_rejected_record_is_kept_whole_with_its_reason_and_place(tmp_path: Path) -> None:
    bad = chat(["hey"], ["as an AI, no"])
    report = clean(tmp_path, lines([bad]))
    (rejection,) = rejections(report)
    assert rejection["reason"] == "breaks_character"
    assert rejection["where"] == f"{tmp_path / 'chats.jsonl'}:1"
    assert Chat.model_validate(rejection["record"]) == bad
    Rejection.model_validate(rejection)


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        (b"{broken", "invalid_record", "Invalid JSON"),
        (b'"text"', "invalid_record", "record: Input should be an object"),
        (b"{}", "invalid_record", "chat_id: Field required"),
        (GOOD.replace(b'"age":31', b'"age":NaN'), "invalid_record", "age"),
        (GOOD.replace(b'"age":31', b'"age":900'), "invalid_record", "age"),
        (GOOD.replace(b"kettle", b"ket\xfftle"), "invalid_record", "JSON"),
        (GOOD.replace(b"kettle", b"ket\\ud800tle"), "invalid_record", "JSON"),
        (GOOD.replace(b'"model":"test"}', b'"model":"a","model":"b"}'), "invalid_record", "comes twice"),
        (b"[" * 10_000 + b"]" * 10_000, "invalid_record", "JSON"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "invalid_record", "JSON"),
        (GOOD[:-1] + b',"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}", "invalid_record", "JSON"),
    ],
)
def test_a_line_that_is_no_chat_is_rejected_in_words(
    tmp_path: Path, line: bytes, reason: str, detail: str
) -> None:
    report = clean(tmp_path, line + b"\n" + GOOD + b"\n")
    (rejection,) = rejections(report)
    assert rejection["reason"] == reason
    assert detail in rejection["detail"]
    assert "\n" not in rejection["detail"]
    assert report.kept == 1


def test_characters_that_json_can_hold_but_nobody_types_are_repaired(tmp_path: Path) -> None:
    report = clean(
        tmp_path,
        GOOD.replace(b"kettle", b"ket\\u0000tle").replace(b"coffee", "cof\u200bfee".encode()) + b"\n",
    )
    assert report.out.read_bytes() == GOOD + b"\n"
    assert report.repairs == {"invisible": 1}


def test_a_number_too_long_for_python_is_no_trap(tmp_path: Path) -> None:
    assert clean(tmp_path, GOOD[:-1] + b',"x":' + b"9" * 6000 + b"}\n").read == 1


def test_a_line_that_is_too_long_is_rejected_without_being_held(tmp_path: Path) -> None:
    config = CleanConfig(max_line_mb=0.01)
    report = clean(
        tmp_path, GOOD + b"\n" + b'{"a":"' + b"x" * 50_000 + b'"}\n' + different(9).to_json() + b"\n", config
    )
    (rejection,) = rejections(report)
    assert rejection["reason"] == "line_too_long"
    assert "50,009 bytes" in rejection["detail"]
    assert len(rejection["record"]) == 2000
    assert report.kept == 2


def test_a_file_that_is_being_written_gives_its_whole_lines(tmp_path: Path) -> None:
    report = clean(tmp_path, GOOD + b"\n" + different(1).to_json()[:200])
    assert dict(report.rejected) == {"torn_line": 1}
    assert report.kept == 1
    assert clean(tmp_path, GOOD).kept == 1  # only the line break is missing


def test_a_chat_that_the_repairs_never_finish_is_kept_as_it_was_read(tmp_path: Path) -> None:
    report = clean(tmp_path, lines([chat(["Luna: " * 50], ["ok"])]))
    (rejection,) = rejections(report)
    assert rejection["reason"] == "unsettled"
    assert rejection["record"]["chat_parts"][0]["messages"] == ["Luna: " * 50]


def test_a_failed_rollout_without_an_end_is_cut_off(tmp_path: Path) -> None:
    failure = Failure(index=0, id="c-1", reason="bad_turn", detail="x")
    (tmp_path / "chats.failures.jsonl").write_bytes(failure.to_json() + b"\n")
    ended = different(2, chat_id="c-1")
    ended.chat_parts[-1].messages.append("<end/>")
    report = clean(tmp_path, lines([different(1, chat_id="c-1"), ended, different(3)]))
    assert dict(report.rejected) == {"cut_off": 1}


def test_duplicates_name_what_they_repeat(tmp_path: Path) -> None:
    near = different(1, chat_id="near", experience_id="near")
    near.chat_parts[0].messages[0] = "".join(near.chat_parts[0].messages[0])[:-3]
    data = lines(
        [
            different(1),
            different(2),
            different(1),
            different(2, chat_id="d", experience_id="d"),
            different(3, experience_id="e-2"),
            near,
        ]
    )
    report = clean(tmp_path, data)
    found = [(one["reason"], one["detail"]) for one in rejections(report)]
    assert found[:3] == [
        ("duplicate_id", f"of c-1 ({tmp_path}/chats.jsonl:1)"),
        ("duplicate_text", f"of c-2 ({tmp_path}/chats.jsonl:2)"),
        ("same_experience", f"of c-2 ({tmp_path}/chats.jsonl:2)"),
    ]
    assert found[3][0] == "near_duplicate"
    assert found[3][1].startswith("similarity 0.9")
    assert found[3][1].endswith(f"to c-1 ({tmp_path}/chats.jsonl:1)")


def test_near_duplicates_are_found_where_no_spaces_part_the_words(tmp_path: Path) -> None:
    """Two Chinese chats that differ in three characters; a third one is another talk."""
    first = ["昨天我在车站看见你的猫，它坐在窗台上晒太阳，看起来很高兴", "你什么时候回来接它"]
    second = ["真的吗？我找了它一整个晚上，连楼下的花园都去了两次，谢谢你告诉我", "我下班以后马上过去"]
    near = ["昨天我在公园看见你的猫，它坐在窗台上晒太阳，看起来很开心", "你什么时候回来接它"]
    other = ["周末的电影票还剩两张，你要不要带弟弟一起去看", "晚上七点开始"]
    chats = [
        chat(first, second, chat_id="a", experience_id="a"),
        chat(near, second, chat_id="b", experience_id="b"),
        chat(other, ["好啊，我问问他", "他最近作业有点多"], chat_id="c", experience_id="c"),
    ]
    report = clean(tmp_path, lines(chats), CleanConfig(near_duplicates=0.7))
    assert (report.kept, dict(report.rejected)) == (2, {"near_duplicate": 1})


def test_the_longest_of_near_duplicates_stays_or_the_first(tmp_path: Path) -> None:
    longer = different(1, chat_id="long", experience_id="long")
    longer.chat_parts[-1].messages.append("bye then")
    data = lines([different(1), different(2), longer])
    report = clean(tmp_path, data)
    assert report.out.read_bytes() == lines([different(2), longer])
    (rejection,) = rejections(report)
    assert rejection["where"].endswith("chats.jsonl:1")
    assert "which is longer" in rejection["detail"]
    assert clean(tmp_path, data, CleanConfig(keep="first")).out.read_bytes() == lines(
        [different(1), different(2)]
    )
    assert clean(tmp_path, data, CleanConfig(near_duplicates=None)).kept == 3


def test_the_rejected_stand_in_the_order_in_which_they_were_decided(tmp_path: Path) -> None:
    """A replaced chat stands where its longer copy was read, and says itself which line it was."""
    longer = different(1, chat_id="long", experience_id="long")
    longer.chat_parts[-1].messages.append("bye then")
    data = lines([different(1), chat(["hi"]), longer, chat(["ho"], chat_id="last")])
    report = clean(tmp_path, data)
    found = [(one["reason"], int(one["where"].rpartition(":")[2])) for one in rejections(report)]
    assert found == [("too_few_parts", 2), ("near_duplicate", 1), ("too_few_parts", 4)]
    written = report.rejected_out.read_bytes()
    assert clean(tmp_path, data, workers=2).rejected_out.read_bytes() == written


def test_a_second_batch_does_not_repeat_the_first(tmp_path: Path) -> None:
    first = tmp_path / "first.jsonl"
    first.write_bytes(lines([different(1), different(2)]) + b"{}\n")
    longer = different(1, chat_id="long", experience_id="long")
    longer.chat_parts[-1].messages.append("bye then")
    report = clean(tmp_path, lines([longer, different(3)]), CleanConfig(against=(str(first), str(first))))
    assert report.against_unread == 2
    assert (report.kept, report.against, dict(report.rejected)) == (1, 4, {"near_duplicate": 1})
    assert "first.jsonl:1" in rejections(report)[0]["detail"]


def test_files_globs_and_compressed_files_are_read_once_each_in_order(tmp_path: Path) -> None:
    one, two, three = (different(number).to_json() + b"\n" for number in range(3))
    (tmp_path / "b.jsonl").write_bytes(one)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(two))
    (tmp_path / "c.jsonl.zst").write_bytes(zstandard.compress(three))
    out = tmp_path / "out" / "clean.jsonl"
    report = clean_files(CleanJob([tmp_path / "b.jsonl", f"{tmp_path}/*.jsonl*"], out))
    assert report.out.read_bytes() == one + two + three
    manifest = orjson.loads((out.parent / "clean.manifest.json").read_bytes())
    assert [entry["records"] for entry in manifest["inputs"]] == [1, 1, 1]
    assert manifest["counts"]["in"] == manifest["counts"]["kept"] == 3
    assert all(len(entry["sha256"]) == 64 for entry in manifest["inputs"])


def test_inputs_that_cannot_be_read_are_told_in_one_line_and_nothing_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "clean.jsonl"
    out.write_bytes(b"good\n")
    (tmp_path / "clean.manifest.json").write_bytes(b"{}")  # of the run that wrote it
    torn, garbage, empty = (tmp_path / name for name in ("torn.gz", "garbage.zst", "empty.jsonl"))
    torn.write_bytes(gzip.compress(GOOD * 50)[:-20])
    garbage.write_bytes(b"no zstd at all")
    empty.write_bytes(b"\n \n")
    loop = tmp_path / "loop.jsonl"
    loop.symlink_to(loop)
    for source, words in (
        (torn, "still being written"),
        (garbage, "cannot be read"),
        (empty, "is empty"),
        (tmp_path, "is a folder"),
        (tmp_path / "none.jsonl", "no such file"),
        (f"{tmp_path}/none*.jsonl", "no file matches"),
        (tmp_path / f"{'x' * 300}.jsonl", "name too long"),
        (f"{tmp_path}/{'x' * 300}*.jsonl", "no file matches"),
        (loop, "cannot be read"),
        (out, "would be replaced"),
        (tmp_path / "clean.manifest.json", "would be replaced"),
    ):
        with pytest.raises(UsageError, match=words) as error:
            clean_files(CleanJob([source], out))
        assert "\n" not in str(error.value)
    assert out.read_bytes() == b"good\n"
    assert {path.name for path in tmp_path.iterdir()} == {
        "clean.jsonl",
        "clean.manifest.json",
        "torn.gz",
        "garbage.zst",
        "empty.jsonl",
        "loop.jsonl",
    }


def test_an_output_beside_which_a_folder_is_in_the_way_is_not_written(tmp_path: Path) -> None:
    """The chats would be there, and what was rejected would not."""
    (tmp_path / "clean.rejected.jsonl").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        clean(tmp_path, GOOD)
    assert not (tmp_path / "clean.jsonl").exists()
    with pytest.raises(UsageError, match="its name has more than 220 bytes"):
        clean_files(CleanJob([tmp_path / "chats.jsonl"], tmp_path / f"{'x' * 300}.jsonl"))


def test_a_name_that_is_no_utf_8_is_no_trap(tmp_path: Path) -> None:
    other = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jsonl"))
    other.write_bytes(GOOD + b"\n")
    report = clean(tmp_path, GOOD + b"\n", CleanConfig(against=(str(other),)))
    (rejection,) = rejections(report)
    assert rejection["detail"].endswith("caf\\udce9.jsonl:1)")


def test_shuffling_depends_on_the_seed_alone(tmp_path: Path) -> None:
    data = lines([different(number) for number in range(30)])
    config = CleanConfig(shuffle=True)
    once = clean(tmp_path, data, config, random_seed=1).out.read_bytes()
    assert clean(tmp_path, data, config, random_seed=1).out.read_bytes() == once
    assert clean(tmp_path, data, config, random_seed=2).out.read_bytes() != once
    assert sorted(once.splitlines()) == sorted(data.splitlines())


@pytest.mark.parametrize(("chats", "balanced"), [(2, True), (3, False)])
def test_a_result_in_which_a_record_is_counted_twice_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chats: int, balanced: bool
) -> None:
    """A faulty decider lets every later chat replace the first one: right once, wrong the second time."""
    clean(tmp_path, lines([different(9)]))
    before = (tmp_path / "clean.jsonl").read_bytes()
    seen: list[str] = []

    def decide(_: Decider, name: Any, __: object) -> Decision:
        seen.append(name())
        return Decision(None, replaced=(Replaced(0, "faulty"),) if len(seen) > 1 else ())

    monkeypatch.setattr(Decider, "decide", decide)
    data = lines([different(number) for number in range(chats)])
    if balanced:
        assert clean(tmp_path, data).kept == 1
        return
    with pytest.raises(SocError, match="lost count of the records"):
        clean(tmp_path, data)
    assert (tmp_path / "clean.jsonl").read_bytes() == before


def test_a_limit_reads_no_more(tmp_path: Path) -> None:
    report = clean(tmp_path, lines([different(number) for number in range(5)]), limit=2)
    assert (report.read, report.kept) == (2, 2)


def messy_corpus() -> bytes:
    said = [different(number) for number in range(300)]
    data = []
    for number, one in enumerate(said):
        line = one.to_json()
        if number % 7 == 0:
            line = line.replace(b'["', b'["Luna: <think>hm</think>', 1)
        if number % 11 == 0:
            line = said[number // 2].to_json()
        if number % 13 == 0:
            line = line[:-5]
        data.append(line)
    return b"\n".join(data) + b"\n"


def test_the_result_is_the_same_for_any_number_of_workers(tmp_path: Path) -> None:
    results = []
    for workers in (1, 2):
        report = clean(tmp_path, messy_corpus(), workers=workers, examples=2)
        manifest = (tmp_path / "clean.manifest.json").read_bytes()
        results.append((report.out.read_bytes(), report.rejected_out.read_bytes(), manifest, report))
    assert results[0] == results[1]
    assert results[0][3].read == 300


def test_cleaning_a_clean_file_changes_nothing(tmp_path: Path) -> None:
    once = clean(tmp_path, messy_corpus()).out.read_bytes()
    again = clean(tmp_path, once)
    assert again.out.read_bytes() == once
    assert not again.rejected
    assert not again.repairs


def test_files_and_lists_of_chats_are_cleaned_alike(tmp_path: Path) -> None:
    talks = [different(number) for number in (1, 2, 2, 3)]
    talks.append(chat(["Luna: hey "], ["ho"], chat_id="x", experience_id="x"))
    talks.append(different(1, chat_id="l", experience_id="l"))
    talks[-1].chat_parts[-1].messages.append("bye then")
    report = clean(tmp_path, lines(talks))
    outcomes = list(clean_chats(talks, CleanConfig()))
    assert lines([one for one in outcomes if isinstance(one, Chat)]) == report.out.read_bytes()
    assert [one.reason for one in outcomes if isinstance(one, Rejection)] == [
        "near_duplicate",
        "duplicate_id",
    ]
    assert sum(report.rejected.values()) == 2


any_line = st.one_of(
    st.binary(max_size=60),
    st.just(GOOD),
    CHATS.map(Chat.to_json),
    st.tuples(st.integers(0, len(GOOD) - 1), st.binary(max_size=3)).map(
        lambda at: GOOD[: at[0]] + at[1] + GOOD[at[0] :]
    ),
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)
    ).map(lambda value: json.dumps(value).encode()),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(any_line, min_size=1, max_size=8), st.booleans())
def test_any_bytes_in_every_record_out(tmp_path: Path, given_lines: list[bytes], ended: bool) -> None:
    data = b"\n".join(given_lines) + b"\n" * ended
    records = [line for line in data.split(b"\n") if line.strip()]
    if data.startswith((b"\xef\xbb\xbf", *(head for head, _ in FOREIGN))) or not records:
        return
    (tmp_path / "clean.jsonl").unlink(missing_ok=True)
    report = clean(tmp_path, data)
    rejected = rejections(report)
    assert report.read == len(records) == report.kept + len(rejected)
    assert {one["reason"] for one in rejected} <= set(REASONS)
    assert len({one["where"] for one in rejected}) == len(rejected)
    kept = report.out.read_bytes()
    assert len(kept.splitlines()) == report.kept
    if not kept:
        return
    again = clean(tmp_path, kept)
    assert again.out.read_bytes() == kept
    assert not again.rejected


def test_chats_in_memory_and_in_a_file_are_decided_alike(tmp_path: Path) -> None:
    """Repeats, longer copies and a recited prompt: the same kept chats, the same reasons."""
    recital = load_prompt("rollout_json_system").text.splitlines()[0]
    longer = [*TALK, ["and bring the screws", "all of them this time"]]
    chats = [
        chat(*TALK, chat_id="a", experience_id="1"),
        chat(*TALK, chat_id="a", experience_id="2"),
        chat(*TALK, chat_id="b", experience_id="3"),
        chat(*longer, chat_id="c", experience_id="4"),
        chat(*longer, chat_id="d", experience_id="4"),
        chat([recital], *TALK[1:], chat_id="e", experience_id="5"),
    ]
    config = CleanConfig(near_duplicates=0.6)
    in_memory = list(clean_chats(chats, config))
    source = tmp_path / "chats.jsonl"
    source.write_bytes(b"".join(one.to_json() + b"\n" for one in chats))
    report = clean_files(CleanJob([source], tmp_path / "clean.jsonl", config))
    kept = [one for one in in_memory if isinstance(one, Chat)]
    reasons = Counter(one.reason for one in in_memory if isinstance(one, Rejection))
    written = [Chat.model_validate_json(line) for line in report.out.read_bytes().splitlines()]
    assert written == kept
    assert report.rejected == reasons
    assert reasons["near_duplicate"] >= 1
    assert not any(recital in message for one in kept for part in one.chat_parts for message in part.messages)
