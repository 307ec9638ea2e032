"""Each source reads its own form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from soc_gen.errors import UsageError
from soc_gen.mix.locate import locate
from soc_gen.mix.prepare import Job, Prepared, preparer
from soc_gen.mix.records import Rejected
from soc_gen.mix.sources.base import units
from soc_gen.mix.sources.members import members
from soc_gen.mix.sources.table import find_source
from tests.mix.rows import arena, lmsys, prosocial, write_csv, write_rows


def read(name: str, path: Path, **settings: Any) -> list[dict[str, Any] | Rejected]:
    """Return what comes of a source."""
    source = find_source(name)
    assert source is not None
    own = source.settings.model_validate({"name": source.name, "path": str(path), "share": 1.0, **settings})
    prepare = preparer(Job(own, "words", "research", ()))
    made = prepare(list(units(source, locate(own), own)))
    return [
        json.loads(item.line) if isinstance(item, Prepared) else item for results in made for item in results
    ]


def talk(record: dict[str, Any] | Rejected) -> list[str]:
    assert isinstance(record, dict), record
    return [f"{message['role'][0]}:{message['content']}" for message in record["messages"]]


def test_lmsys_drops_what_any_of_its_structs_has_flagged(tmp_path: Path) -> None:
    rows = lmsys(2)
    rows[0]["openai_moderation"] = [{"flagged": False}, {"flagged": True, "categories": {"hate": True}}]
    flagged, kept = read("lmsys-chat-1m", write_rows(tmp_path / "a.jsonl", rows))
    assert isinstance(flagged, Rejected)
    assert (flagged.reason, flagged.detail) == ("flagged", "hate")
    assert isinstance(kept, dict)
    assert kept["lang"] == "en"


def test_the_arena_gives_the_side_that_won_and_no_side_where_both_are_bad(tmp_path: Path) -> None:
    rows = arena(3)
    rows.append(rows[0] | {"question_id": "bad", "winner": "tie (bothbad)"})
    one, two, tie, bad = read("chatbot_arena_conversations", write_rows(tmp_path / "a.jsonl", rows))
    assert talk(one)[-1] == "a:" + rows[0]["conversation_a"][-1]["content"]
    assert talk(two)[-1] == "a:" + rows[1]["conversation_b"][-1]["content"]
    assert isinstance(one, dict)
    assert isinstance(tie, dict)
    assert one["other"]
    assert not tie["other"]
    assert isinstance(bad, Rejected)
    assert bad.reason == "both_bad"


def test_the_toxic_chat_tag_counts_too(tmp_path: Path) -> None:
    rows = arena(1)
    rows[0]["toxic_chat_tag"]["t5-large"]["flagged"] = True
    (found,) = read("chatbot_arena_conversations", write_rows(tmp_path / "a.jsonl", rows))
    assert isinstance(found, Rejected)


def test_prosocial_rows_are_grouped_by_file_and_dialogue_and_sorted(tmp_path: Path) -> None:
    write_rows(tmp_path / "train.jsonl", prosocial(4))
    write_rows(tmp_path / "test.jsonl", prosocial(2, seed=9))
    made = read("prosocial-dialog", tmp_path)
    assert len(made) == 6
    assert all(len(talk(record)) == 6 for record in made)
    wanted = sorted((row for row in prosocial(4) if row["dialogue_id"] == 0), key=lambda r: r["response_id"])
    found = next(r for r in made if isinstance(r, dict) and r["source_id"] == "train:0")
    assert talk(found)[0::2] == [f"u:{row['context']}" for row in wanted]


def test_prosocial_looks_for_personal_data_at_the_assistant_alone(tmp_path: Path) -> None:
    rows = prosocial(2)
    for row in rows:
        key = "context" if row["dialogue_id"] == 0 else "response"
        row[key] += " Write to me@mail.org"
    made = read("prosocial-dialog", write_rows(tmp_path / "train.jsonl", rows))
    assert sorted(type(item).__name__ for item in made) == ["Rejected", "dict"]


DIALOGUE = "#Person1#: Is the shop open?\n#Person2#: Until six.\nHurry!\n#Person1#: Thanks.\n#Person2#: Bye."


def test_dialogsum_gives_a_conversation_for_each_task(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "train.csv", [{"id": "t", "dialogue": DIALOGUE, "summary": "They talk.", "topic": "x"}]
    )
    made = read("dialogsum", path, tasks=["chat", "summarize", "expand"], perspective="both")
    tasks = [record["task"] for record in made if isinstance(record, dict)]
    assert tasks == ["chat", "chat", "summarize", "expand"]
    assert talk(made[1]) == ["u:Is the shop open?", "a:Until six.\nHurry!", "u:Thanks.", "a:Bye."]
    assert talk(made[0])[0].startswith("s:You wrote first")
    assert talk(made[2])[1] == "a:They talk."
    assert talk(made[3])[1] == f"a:{DIALOGUE}"


def test_a_dialogue_of_three_people_is_no_chat(tmp_path: Path) -> None:
    row = {"id": "t", "dialogue": DIALOGUE + "\n#Person3#: Me too.", "summary": "s", "topic": "x"}
    (found,) = read("dialogsum", write_csv(tmp_path / "train.csv", [row]), tasks=["chat"])
    assert isinstance(found, Rejected)


def test_three_references_of_a_test_dialogue_have_one_id(tmp_path: Path) -> None:
    rows = [
        {"id": f"test_7_{number}", "dialogue": DIALOGUE, "summary": f"s{number}", "topic": "x"}
        for number in (1, 2, 3)
    ]
    made = read("dialogsum", write_csv(tmp_path / "test.csv", rows), tasks=["summarize"])
    assert {record["source_id"] for record in made if isinstance(record, dict)} == {"test_7:summarize"}


def test_multidialog_sorts_by_number_and_has_two_perspectives(tmp_path: Path) -> None:
    rows = [
        {"conv_id": "c", "utterance_id": place, "from": ("gpt", "human")[place % 2], "value": f"line {place}"}
        for place in (10, 2, 1, 0, 3, 9)
    ]
    made = read("MultiDialog", write_rows(tmp_path / "train" / "metadata.jsonl", rows))
    assert talk(made[1]) == ["u:line 0", "a:line 1", "u:line 2", "a:line 3\nline 9"]
    assert talk(made[0]) == [
        "s:You wrote first:\nline 0",
        "u:line 1",
        "a:line 2",
        "u:line 3\nline 9",
        "a:line 10",
    ]


def test_openhermes_reads_an_array_and_leaves_out_what_is_not_trained_on(tmp_path: Path) -> None:
    def turn(who: str, text: str, **more: Any) -> dict[str, Any]:
        return {"from": who, "value": text, **more}

    ask, answer = turn("human", "q"), turn("gpt", "a", weight=None)
    rows = [
        {"conversations": [ask, answer], "system_prompt": "Be kind."},
        {
            "conversations": [turn("system", "Own."), ask, answer],
            "system_prompt": "Be kind.",
            "category": "x",
        },
        {"conversations": [ask, answer, ask, turn("gpt", "no", weight=0)]},
        {"conversations": [ask, turn("gpt", "no", weight=0)]},
    ]
    path = tmp_path / "all.json"
    path.write_text(json.dumps(rows, indent=1))
    made = read("OpenHermes-2.5", path)
    assert [talk(item) for item in made[:3]] == [
        ["s:Be kind.", "u:q", "a:a"],
        ["s:Own.", "u:q", "a:a"],
        ["u:q", "a:a"],
    ]
    assert isinstance(made[3], Rejected)


def test_magpie_drops_repeats_and_what_is_not_safe(tmp_path: Path) -> None:
    talk_of = [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]
    rows: list[dict[str, Any]] = [
        {"uuid": "1", "conversations": talk_of, "min_similar_uuid": "1", "llama_guard_2": "safe"},
        {"uuid": "2", "conversations": talk_of, "min_similar_uuid": "1", "llama_guard_2": "safe"},
        {"uuid": "3", "conversations": talk_of, "min_similar_uuid": None, "llama_guard_2": "S10"},
        {"uuid": "4", "conversations": [talk_of[0], {"from": "gpt", "value": "long " * 1600}]},
    ]
    made = read("Magpie-Llama-3.1-Pro-300K-Filtered", write_rows(tmp_path / "a.jsonl", rows))
    reasons = [item.reason for item in made if isinstance(item, Rejected)]
    assert reasons == ["repeat_in_source", "flagged", "many_tokens"]


def dialogstudio(log: Any, **more: Any) -> dict[str, Any]:
    return {"original dialog id": "", "dialog index": 1, "log": log, **more}


def test_dialogstudio_takes_every_form_of_a_log(tmp_path: Path) -> None:
    turn = {
        "user utterance": "hi",
        "system response": "hello",
        "dialog history": "no",
        "external knowledge": "K" * 50,
    }
    folder = tmp_path / "open_domain" / "SODA" / "train"
    folder.mkdir(parents=True)
    dialogues = {
        "S--1": dialogstudio([turn], prompt=["Be nice."]),
        "S--2": dialogstudio(turn),
        "S--3": dialogstudio([]),
        "S--4": dialogstudio(""),
        "S--5": dialogstudio([turn | {"user utterance": ""}, turn]),
    }
    (folder / "dialogues_1.json").write_text(json.dumps(dialogues, indent=2))
    made = read("dialogstudio", tmp_path, max_knowledge=10)
    assert talk(made[0]) == ["s:Be nice.\n\nKnowledge:\n" + "K" * 10, "u:hi", "a:hello"]
    assert talk(made[1])[1:] == ["u:hi", "a:hello"]
    assert [item.reason for item in made[2:4] if isinstance(item, Rejected)] == ["empty_log"] * 2
    assert "You wrote first:\nhello" in talk(made[4])[0]
    assert isinstance(made[0], dict)
    assert made[0]["license"] == "cc-by-4.0"


def test_label_sets_of_dialogstudio_are_off_unless_named(tmp_path: Path) -> None:
    turn = {"user utterance": "my card", "system response": "card_arrival"}
    for category, name in (("natural_language_understanding", "BANKING77"), ("task_oriented", "STAR")):
        folder = tmp_path / category / name / "train"
        folder.mkdir(parents=True)
        (folder / "dialogues_1.json").write_text(json.dumps({f"{name}--1": dialogstudio([turn])}))
    ids = [
        [r["source_id"] for r in read("dialogstudio", tmp_path, subsets=chosen) if isinstance(r, dict)]
        for chosen in ((), ("banking77",))
    ]
    assert ids == [["STAR--1"], ["BANKING77--1"]]


def test_a_large_object_is_read_member_by_member(tmp_path: Path) -> None:
    path = tmp_path / "big.json"
    wanted = {f"d{number}": {"text": "é" * 3000, "n": number} for number in range(700)}
    path.write_text(json.dumps(wanted, ensure_ascii=False), "utf-8")
    assert {unit.data["key"]: unit.data["value"] for unit in members(path)} == wanted


@pytest.mark.parametrize("text", ["", "[]", '{"a": {}', '{"a" {}}', '{"a": {"b": 1'])
def test_an_object_that_is_broken_is_told_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"broken\.json"):
        list(members(path))


def cs_dialogue(folder: Path) -> Path:
    place = folder / "data" / "index" / "short_wav" / "train"
    place.mkdir(parents=True)
    (place / "text").write_text(
        "Z_U1_S0_0 你好 <FIL/> team\nZ_U1_S0_1 **再见\nZ_U2_S0_0 好的 <SPK/> ok\n", "utf-8"
    )
    return place


def test_cs_dialogue_without_timing_is_refused(tmp_path: Path) -> None:
    cs_dialogue(tmp_path)
    with pytest.raises(UsageError, match="no timing"):
        read("CS-Dialogue", tmp_path)


def test_cs_dialogue_with_timing_is_put_in_order(tmp_path: Path) -> None:
    timing = "Z_U1_S0_0 r 0.0 1.0\nZ_U1_S0_1 r 4 5\nZ_U2_S0_0 r 2 3\n"
    (cs_dialogue(tmp_path) / "segments").write_text(timing)
    (found,) = read("CS-Dialogue", tmp_path)
    assert talk(found) == ["u:你好 team", "a:好的 ok"]


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        ({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}, {}),
        ({"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}, {}),
        ({"instruction": "q", "input": "", "output": "a"}, {}),
        ({"prompt": "q", "response": "a"}, {}),
        ({"question": "q", "answer": "a"}, {}),
        ({"frage": "q", "antwort": "a"}, {"prompt": "frage", "response": "antwort"}),
        (
            {"gespraech": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]},
            {"messages": "gespraech"},
        ),
    ],
)
def test_other_sets_are_read_by_their_columns(
    tmp_path: Path, row: dict[str, Any], columns: dict[str, str]
) -> None:
    (found,) = read("generic", write_rows(tmp_path / "x.jsonl", [row]), columns=columns)
    assert talk(found) == ["u:q", "a:a"]


def test_a_form_that_is_not_recognised_is_told_with_its_columns(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there are: frage, antwort"):
        read("generic", write_rows(tmp_path / "x.jsonl", [{"frage": "q", "antwort": "a"}]))


def test_a_renamed_column_is_told_with_the_nearest(tmp_path: Path) -> None:
    row = {"conversation_id": "1", "conversations": []}
    with pytest.raises(UsageError, match=r"has no column 'conversation'\. The nearest is 'conversation"):
        read("lmsys-chat-1m", write_rows(tmp_path / "x.jsonl", [row]))


@pytest.mark.parametrize("value", [None, "x", [1], {}])
def test_a_row_of_another_form_costs_itself_alone(tmp_path: Path, value: object) -> None:
    row = {"conversation_id": "1", "conversation": value}
    made = read("lmsys-chat-1m", write_rows(tmp_path / "x.jsonl", [row, *lmsys(1)]))
    assert [type(item).__name__ for item in made] == ["Rejected", "dict"]
