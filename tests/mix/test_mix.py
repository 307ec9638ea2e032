"""A mix from config to files: what is kept, what is not and why, in every file and count."""

from __future__ import annotations

import json
import os
import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from soc_gen.errors import SocError, UsageError
from soc_gen.mix.config import load_mix, with_soc
from soc_gen.mix.prepare import same_but_for_names
from soc_gen.mix.publication import check_publishable, find_mix, stage_mix
from soc_gen.mix.recipe import read_recipe
from soc_gen.mix.run import MixJob, make_mix
from tests.mix.rows import (
    arena,
    lmsys,
    openhermes,
    prosocial,
    sentence,
    three_sources,
    turns,
    write_config,
    write_rows,
)
from tests.support.command import soc
from tests.support.people import chat

KEYS = [
    "messages",
    "id",
    "source",
    "source_id",
    "cluster_id",
    "license",
    "lang",
    "task",
    "split",
    "loss_weight",
    "meta",
]
COUNTS = ("rejected", "duplicates", "contaminated", "not_drawn", "train", "test")


def make(folder: Path, sources: list[dict[str, Any]], job: dict[str, Any] | None = None, **mix: Any) -> Path:
    """Make a mix of ``sources`` in ``folder / "out"`` and return where it is."""
    config = write_config(folder / "mix.toml", sources, **mix)
    out = folder / "out"
    make_mix(MixJob(load_mix(str(config), {}), out, **(job or {})))
    return out


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def told(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "mix.manifest.json").read_bytes()))


def test_every_file_of_the_contract_is_written_and_agrees(tmp_path: Path) -> None:
    out = make(tmp_path, three_sources(tmp_path), test_size=0.1)
    names = {path.name for path in out.iterdir()}
    assert names == {
        "train.jsonl", "test.jsonl", "rejected.jsonl", "README.md", "mix.manifest.json",
        "dataset_info.json", "axolotl.yaml", "trl.yaml",
    }  # fmt: skip
    rows = {split: lines(out / f"{split}.jsonl") for split in ("train", "test")}
    assert all(list(row) == KEYS for split in rows.values() for row in split)
    assert all(row["split"] == split for split, found in rows.items() for row in found)
    assert all(isinstance(json.loads(row["meta"]), dict) for row in rows["train"])
    for name, source in told(out)["sources"].items():
        assert source["conversations"] == sum(source[key] for key in COUNTS)
        for split, found in rows.items():
            assert source[split] == sum(row["source"] == name for row in found)
        assert source["license"]
        assert source["dropped_by_license"] is None
    for name in ("axolotl.yaml", "trl.yaml"):
        assert yaml.safe_load((out / name).read_text("utf-8"))


@pytest.mark.parametrize("total", [1, 7, 50, 99])
def test_the_shares_are_within_one_row_of_the_quotas(tmp_path: Path, total: int) -> None:
    out = make(tmp_path, three_sources(tmp_path), total=total)
    counts = Counter(row["source"] for name in ("train", "test") for row in lines(out / f"{name}.jsonl"))
    assert counts.total() == total
    for source in three_sources(tmp_path):
        assert abs(counts[source["name"]] - source["share"] * total) < 1


def test_what_is_short_shrinks_the_mix_or_fails_and_is_named(tmp_path: Path) -> None:
    sources = three_sources(tmp_path, (200, 200, 10))
    out = make(tmp_path, sources, total=100)
    manifest = told(out)
    assert (manifest["total"], manifest["limited_by"]) == (50, "OpenHermes-2.5")
    assert "shrank from 100 to 50" in (out / "README.md").read_text("utf-8")
    with pytest.raises(UsageError, match=r"OpenHermes-2\.5 cannot fill its share of 100"):
        make(tmp_path, sources, total=100, when_short="fail")
    make(tmp_path, sources, total=50, when_short="fail")


def test_repeats_come_only_above_one_epoch_and_are_counted_apart(tmp_path: Path) -> None:
    out = make(tmp_path, three_sources(tmp_path, (200, 200, 10)), total=100, max_epochs=2.0, test_size=0.0)
    source = told(out)["sources"]["OpenHermes-2.5"]
    assert (source["train"], source["repeats"]) == (10, 10)
    ids = [row["id"] for row in lines(out / "train.jsonl")]
    assert len(ids) == len(set(ids)) == 100


def test_any_number_of_workers_gives_the_same_bytes(tmp_path: Path) -> None:
    sources = three_sources(tmp_path)
    one = {path.name: path.read_bytes() for path in make(tmp_path, sources, test_size=0.2).iterdir()}
    two = make(tmp_path, sources, {"workers": 2, "restart": True}, test_size=0.2)
    assert one == {path.name: path.read_bytes() for path in two.iterdir()}


def test_copies_across_sources_are_found_and_that_of_the_scarcer_one_stays(tmp_path: Path) -> None:
    many, few = lmsys(60), arena(30)
    few[0]["question_id"] = many[0]["conversation_id"]
    for place in (4, 7):  # winner: model_b
        few[place]["winner"] = "model_a"
        few[place]["conversation_a"] = json.loads(json.dumps(many[place]["conversation"]))
    many[7]["conversation"][1]["content"] += " too"
    sources = [
        {"name": "lmsys-chat-1m", "path": str(write_rows(tmp_path / "l.jsonl", many)), "share": 0.5},
        {
            "name": "chatbot_arena_conversations",
            "path": str(write_rows(tmp_path / "a.jsonl", few)),
            "share": 0.5,
        },
    ]
    found = {
        (row["source"], row["id"]): row["reason"] for row in lines(make(tmp_path, sources) / "rejected.jsonl")
    }
    assert found == {
        ("lmsys-chat-1m", "l0"): "duplicate_id",
        ("lmsys-chat-1m", "l4"): "duplicate_text",
        ("lmsys-chat-1m", "l7"): "near_duplicate",
    }


def test_a_redacted_copy_is_found(tmp_path: Path) -> None:
    many, few = lmsys(30), arena(20)
    text = "please ask {} to write to {} about the garden"
    for rows, key, names in (
        (many, "conversation", ("NAME_1", "NAME_2")),
        (few, "conversation_a", ("Ada", "Bo Li")),
    ):
        rows[0][key] = [
            {"role": "user", "content": text.format(*names)},
            {"role": "assistant", "content": f"Dear {names[1]}, the garden is green."},
        ]
    sources = [
        {"name": "lmsys-chat-1m", "path": str(write_rows(tmp_path / "l.jsonl", many)), "share": 0.5},
        {
            "name": "chatbot_arena_conversations",
            "path": str(write_rows(tmp_path / "a.jsonl", few)),
            "share": 0.5,
        },
    ]
    found = lines(make(tmp_path, sources) / "rejected.jsonl")
    assert [(row["id"], row["reason"]) for row in found] == [("l0", "duplicate_text")]


def test_only_names_may_differ() -> None:
    assert same_but_for_names("Hi NAME_1, it is NAME_2", "hi Ada,  it is Bo Li")
    assert not same_but_for_names("Hi NAME_1, it is late", "Hi Ada, it is early")


def test_too_many_conversations_of_one_prompt_are_capped(tmp_path: Path) -> None:
    rng = random.Random(5)
    rows = [{"prompt": "Tell me a story.", "response": sentence(rng, 30)} for _ in range(9)]
    path = str(write_rows(tmp_path / "g.jsonl", rows))
    out = make(
        tmp_path, [{"name": "generic", "path": path, "share": 1.0, "max_per_prompt": 4}], test_size=0.0
    )
    assert len(lines(out / "train.jsonl")) == 4
    assert {row["reason"] for row in lines(out / "rejected.jsonl")} == {"prompt_cap"}


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 0.6))
def test_nothing_alike_is_in_both_splits(seed: int, test_size: float) -> None:
    """Prompts, dialogues, ids and near-copies stay on one side, whatever the seed."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        many, few = lmsys(40, seed), arena(30, seed + 1)
        for row in rng.sample(many, 15):
            other = rng.choice(few)
            row["conversation"][0] = other["conversation_a"][0]
        dialogues = [
            {"conv_id": f"c{number}", "utterance_id": place, "from": ("gpt", "human")[place % 2],
             "value": sentence(rng)}
            for number in range(20) for place in range(4)
        ]  # fmt: skip
        sources = [
            {"name": "lmsys-chat-1m", "path": str(write_rows(folder / "l.jsonl", many)), "share": 0.4},
            {
                "name": "chatbot_arena_conversations",
                "path": str(write_rows(folder / "a.jsonl", few)),
                "share": 0.3,
            },
            {
                "name": "MultiDialog",
                "path": str(write_rows(folder / "metadata.jsonl", dialogues)),
                "share": 0.3,
            },
        ]
        out = make(folder, sources, test_size=round(test_size, 3))
        train, test = (lines(out / f"{split}.jsonl") for split in ("train", "test"))
    for of in (_cluster, _prompt, _dialogue):
        assert not set(map(of, train)) & set(map(of, test))


def _cluster(row: dict[str, Any]) -> str:
    return str(row["cluster_id"])


def _prompt(row: dict[str, Any]) -> str:
    return next(str(message["content"]) for message in row["messages"] if message["role"] == "user")


def _dialogue(row: dict[str, Any]) -> tuple[str, str]:
    return row["source"], row["source_id"].partition(":")[0]


def test_what_a_benchmark_has_is_left_out(tmp_path: Path) -> None:
    rows = openhermes(10)
    run = " ".join(f"rare{number}" for number in range(13))
    rows[0]["conversations"][0]["value"] = f"Please answer: {run} now"
    rows[1]["conversations"][0]["value"] = f"Please answer: {run[:-1]} now"  # the 13th word is another one
    benchmark = write_rows(tmp_path / "bench.jsonl", [{"question": f"What is {run}?", "n": 1}])
    path = str(write_rows(tmp_path / "o.jsonl", rows))
    out = make(
        tmp_path, [{"name": "OpenHermes-2.5", "path": path, "share": 1.0}], decontaminate=[str(benchmark)]
    )
    assert told(out)["sources"]["OpenHermes-2.5"]["contaminated"] == 1
    assert [row["reason"] for row in lines(out / "rejected.jsonl")] == ["contaminated"]


@pytest.mark.parametrize(
    ("profile", "dropped"),
    [
        ("research", set()),
        ("commercial", {"chatbot_arena_conversations", "OpenHermes-2.5"}),
        ("publish", {"lmsys-chat-1m", "OpenHermes-2.5"}),
    ],
)
def test_a_profile_drops_what_it_does_not_allow_and_says_why(
    tmp_path: Path, profile: str, dropped: set[str]
) -> None:
    sources = three_sources(tmp_path)
    out = make(tmp_path, sources, license_profile=profile)
    found = told(out)["sources"]
    assert {name for name, source in found.items() if source["dropped_by_license"]} == dropped
    assert not {row["source"] for row in lines(out / "train.jsonl")} & dropped
    card = (out / "README.md").read_text("utf-8")
    assert all(f"{name} was dropped" in card for name in dropped)


def test_a_mix_that_must_not_be_published_gives_only_its_recipe_which_builds_it_again(tmp_path: Path) -> None:
    out = make(tmp_path, three_sources(tmp_path), test_size=0.2)
    assert "must not be published" in (out / "README.md").read_text("utf-8")
    assert find_mix(out / "train.jsonl") == out
    refused = soc("push-to-hub", str(out), "mia/mix", "--dry-run")
    assert refused.returncode == 2
    assert "lmsys-chat-1m" in refused.stderr
    check_publishable(out, recipe_only=True)
    recipe = tmp_path / "recipe"
    recipe.mkdir()
    stage_mix(out, recipe, recipe_only=True)
    text = b"".join(path.read_bytes() for path in recipe.iterdir()).decode()
    assert lines(out / "train.jsonl")[0]["messages"][0]["content"] not in text
    assert str(tmp_path) not in text
    again = tmp_path / "again"
    done = soc(
        "mix", "--from-recipe", str(recipe), "--config", str(tmp_path / "mix.toml"), "--out", str(again)
    )
    assert done.returncode == 0, done.stderr
    for split in ("train.jsonl", "test.jsonl"):
        assert (again / split).read_bytes() == (out / split).read_bytes()


def test_a_mix_that_may_be_published_is_staged_whole(tmp_path: Path) -> None:
    path = str(write_rows(tmp_path / "train.jsonl", prosocial(30)))
    out = make(tmp_path, [{"name": "prosocial-dialog", "path": path, "share": 1.0}])
    done = soc("push-to-hub", str(out), "mia/mix", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    files = json.loads(done.stdout)["files"]
    assert {"README.md", "train.jsonl", "test.jsonl", "mix.manifest.json"} <= set(files)
    assert "rejected.jsonl" not in files


def test_a_plan_writes_nothing_and_says_what_runs_out_first(tmp_path: Path) -> None:
    config = write_config(tmp_path / "mix.toml", three_sources(tmp_path, (200, 200, 10)))
    done = soc("mix", "--config", str(config), "--out", str(tmp_path / "out"), "--plan", "--json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert (plan["feasible"], plan["limited_by"]) == (50, "OpenHermes-2.5")
    assert not (tmp_path / "out").exists()


def test_a_plan_of_what_is_on_the_hub_says_so_and_fetches_nothing(tmp_path: Path) -> None:
    done = soc("mix", "--plan", "--json", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert all(source["note"] for source in json.loads(done.stdout)["sources"].values())


def test_a_source_that_fails_loses_nothing_of_the_others(tmp_path: Path) -> None:
    sources = three_sources(tmp_path)
    good = Path(sources[2]["path"])
    rows = good.read_text("utf-8")
    good.unlink()
    with pytest.raises(SocError, match="no such file or folder"):
        make(tmp_path, sources)
    kept = tmp_path / "out" / ".mix-spool"
    done = {path.parent.name: path.stat().st_mtime_ns for path in kept.glob("*/done.json")}
    assert len(done) == 2
    good.write_text(rows, "utf-8")
    out = make(tmp_path, sources)
    assert not kept.exists()
    assert told(out)["total"] > 0


def test_a_source_that_was_killed_in_the_middle_is_read_again(tmp_path: Path) -> None:
    """What has no note that it is finished does not count."""
    sources = three_sources(tmp_path)
    wanted = {path.name: path.read_bytes() for path in make(tmp_path, sources).iterdir()}
    torn = tmp_path / "out" / ".mix-spool" / "lmsys-chat-1m"
    torn.mkdir(parents=True)
    (torn / "conversations.jsonl").write_bytes(b'{"messages": [')
    (torn / "facts.bin").write_bytes(b"x")
    assert {path.name: path.read_bytes() for path in make(tmp_path, sources).iterdir()} == wanted


def test_the_folder_is_loaded_by_its_card(tmp_path: Path) -> None:
    import datasets

    out = make(tmp_path, three_sources(tmp_path), test_size=0.2)
    found = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert {name: len(split) for name, split in found.items()} == {
        name: len(lines(out / f"{name}.jsonl")) for name in ("train", "test")
    }
    assert found["train"].column_names == KEYS


def test_preferences_are_the_battles_of_train(tmp_path: Path) -> None:
    path = str(write_rows(tmp_path / "a.jsonl", arena(30)))
    sources = [{"name": "chatbot_arena_conversations", "path": path, "share": 1.0}]
    out = make(tmp_path, sources, {"preferences": True}, test_size=0.2)
    pairs, train = lines(out / "preferences.jsonl"), lines(out / "train.jsonl")
    won = {row["id"]: row for row in train if json.loads(row["meta"])["winner"] != "tie"}
    assert {pair["id"] for pair in pairs} == set(won)
    assert all(pair["chosen"] == won[pair["id"]]["messages"] != pair["rejected"] for pair in pairs)


def test_parquet_has_the_same_rows(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    sources = three_sources(tmp_path)
    rows = lines(make(tmp_path, sources) / "train.jsonl")
    out = make(tmp_path, sources, format="parquet")
    assert pq.read_table(out / "train.parquet").to_pylist() == rows
    assert not (out / "train.jsonl").exists()


def test_shares_may_be_of_tokens(tmp_path: Path) -> None:
    out = make(tmp_path, three_sources(tmp_path, (300, 300, 300)), unit="tokens", total=4000)
    sources = told(out)["sources"]
    for source in three_sources(tmp_path):
        assert sources[source["name"]]["achieved_share_tokens"] == pytest.approx(source["share"], abs=0.02)


def test_a_tokenizer_counts_tokens(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))  # noqa: S106 - no password
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    path = str(write_rows(tmp_path / "o.jsonl", openhermes(10)))
    sources = [{"name": "OpenHermes-2.5", "path": path, "share": 1.0}]
    out = make(tmp_path, sources, tokenizer=str(tmp_path / "tokenizer.json"))
    assert told(out)["sources"]["OpenHermes-2.5"]["tokens"] == 10 * 2 * 12
    assert "are counted with" in (out / "README.md").read_text("utf-8")


@pytest.mark.parametrize("text", [None, "no JSON", "{}"])
def test_what_is_no_tokenizer_is_told(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "tokenizer.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match="tokenizer"):
        make(tmp_path, three_sources(tmp_path), tokenizer=str(path))


def test_a_share_of_soc_scales_the_others(tmp_path: Path) -> None:
    config = write_config(tmp_path / "mix.toml", three_sources(tmp_path))
    mix = with_soc(load_mix(str(config), {}), 0.2, "x.jsonl")
    assert [source.share for source in mix.sources] == pytest.approx([0.4, 0.24, 0.16, 0.2])
    assert mix.sources[-1].path == "x.jsonl"


def test_a_source_may_be_named_by_its_hub_id_and_is_called_so(tmp_path: Path) -> None:
    sources = three_sources(tmp_path)
    sources[0]["name"] = "lmsys/lmsys-chat-1m"
    sources[2]["name"] = "openhermes_2.5"
    assert list(told(make(tmp_path, sources))["sources"]) == [source["name"] for source in sources]


def test_the_form_of_any_other_set_is_shown(tmp_path: Path) -> None:
    rows = [{"question": sentence(random.Random(n)), "answer": sentence(random.Random(-n))} for n in range(5)]
    path = str(write_rows(tmp_path / "x.jsonl", rows))
    heard: list[str] = []
    make(tmp_path, [{"name": "generic", "label": "mine", "path": path, "share": 1.0}], {"tell": heard.append})
    assert heard == ["Reading mine", "mine is read as prompt/response (prompt = question, response = answer)"]


def test_a_gated_source_that_cannot_be_fetched_says_how_to_get_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "nothing"))
    done = soc("mix", "--out", str(tmp_path / "out"))
    assert done.returncode == 1
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "lmsys/lmsys-chat-1m" in error
    assert "ask for access at https://huggingface.co/datasets/lmsys/lmsys-chat-1m" in error


def test_chats_of_soc_give_both_sides_in_one_split(tmp_path: Path) -> None:
    rng = random.Random(8)
    chats = [
        json.loads(chat(*([sentence(rng)] for _ in range(4)), chat_id=f"c-{number}").to_json())
        for number in range(12)
    ]
    path = str(write_rows(tmp_path / "clean.jsonl", chats))
    out = make(tmp_path, [{"name": "soc", "path": path, "share": 1.0}], test_size=0.4)
    sides = {
        split: {_dialogue(row)[1] for row in lines(out / f"{split}.jsonl")} for split in ("train", "test")
    }
    assert sides["train"]
    assert sides["test"]
    assert not sides["train"] & sides["test"]


def test_the_preset_has_the_shares_of_the_note() -> None:
    mix = load_mix("mix-linguist", {})
    assert sum(source.share for source in mix.sources) == pytest.approx(1)
    assert len(mix.sources) == 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"share": 0.4}, "the shares sum to 0.9, not 1"),
        ({"name": "lmsys-chat-2m"}, "unknown source 'lmsys-chat-2m'. Did you mean 'lmsys-chat-1m'?"),
        ({"max_token": 5}, "unknown key 'mix.sources[1].max_token'; did you mean 'max_tokens'?"),
        ({"share": "much"}, "mix.sources[1].share"),
        ({"name": "OpenHermes-2.5"}, "two sources are called 'OpenHermes-2.5'"),
        ({"languages": ["fr"]}, "lmsys-chat-1m: nothing is left of 120 rows (language 120"),
        ({"path": "/nowhere/at/all"}, "no such file or folder"),
    ],
)
def test_bad_input_is_one_line_that_says_what_to_do(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    sources = three_sources(tmp_path)
    sources[0] |= change
    config = write_config(tmp_path / "mix.toml", sources)
    done = soc("mix", "--config", str(config), "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]


def test_a_folder_with_files_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "train.jsonl").write_text("mine")
    with pytest.raises(UsageError, match="of no earlier mix"):
        make(tmp_path, three_sources(tmp_path))
    assert (tmp_path / "out" / "train.jsonl").read_text() == "mine"


def test_a_recipe_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such recipe"):
        read_recipe(tmp_path)


SAMPLES = os.environ.get("SOC_SAMPLE_ROWS", "")


@pytest.mark.skipif(not SAMPLES, reason="SOC_SAMPLE_ROWS names no folder of sample rows")
@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("lmsys-chat-1m", "lmsys-chat-1m"),
        ("dialogstudio", "dialogstudio"),
        ("prosocial-dialog", "prosocial-dialog/hub"),
        ("dialogsum", "dialogsum/hub"),
        ("dialogsum", "dialogsum/github"),
        ("everyday-conversations-llama3.1-2k", "everyday-conversations-llama3.1-2k"),
        ("chatbot_arena_conversations", "chatbot-arena-conversations"),
        ("MultiDialog", "multidialog"),
        ("OpenHermes-2.5", "openhermes-2.5/synthetic.json"),
        ("Magpie-Llama-3.1-Pro-300K-Filtered", "magpie-llama-3.1-pro-300k-filtered/synthetic.jsonl"),
    ],
)
def test_sample_rows_in_the_exact_form_are_read(tmp_path: Path, name: str, path: str) -> None:
    """Most of what is in the samples comes out; nothing in them is malformed."""
    out = make(tmp_path, [{"name": name, "path": str(Path(SAMPLES) / path), "share": 1.0}])
    source = told(out)["sources"][name]
    assert source["rejected"] * 2 < source["conversations"]
    assert "malformed" not in source["reasons"]


def test_greetings_are_left_out_of_the_comparison(tmp_path: Path) -> None:
    rng = random.Random(6)
    hello = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello! How can I help you today?"},
    ]
    rows = [{"messages": hello + turns(rng, 1), "full_topic": "A/B"} for _ in range(30)]
    path = str(write_rows(tmp_path / "e.jsonl", rows))
    out = make(
        tmp_path, [{"name": "everyday-conversations-llama3.1-2k", "path": path, "share": 1.0}], test_size=0.3
    )
    assert not lines(out / "rejected.jsonl")
    assert lines(out / "test.jsonl")
