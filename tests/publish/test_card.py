"""The card: what it says, what it admits not to know, and what of its owner's it keeps."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from soc_gen.errors import HubError
from soc_gen.io.manifest import Manifest
from soc_gen.metrics.statistics import Statistics, spread
from soc_gen.publish.card import card_text, sample_text, table
from soc_gen.publish.card_file import size_category, write_card
from soc_gen.publish.card_merge import KEEP, merge_metadata, merge_text, sections
from soc_gen.publish.staging import StagedDataset, stage
from tests.support.publishing import chat, facts, ignore, write_chats

GOLDEN = Path(__file__).parent / "golden"
SECTIONS = ["Load it", "A sample", "Fields", "How it was made", "Counts", "What is in it", "Tokens and cost",
            "Known limitations", "Licence", "Citation"]  # fmt: skip


def test_the_card_is_this(staged: StagedDataset) -> None:
    """The whole card, to be read by people; rewrite the golden file when a change is meant."""
    card = write_card(facts(staged, staged.files()), None, licence_given=False)
    assert card == (GOLDEN / "card.md").read_text("utf-8")


def test_without_manifests_the_card_says_what_is_unknown(clean_file: Path, tmp_path: Path) -> None:
    """It does not guess; what the data itself shows is there all the same."""
    alone = write_chats(tmp_path / "alone.jsonl", [chat(1), chat(2)])
    (tmp_path / "out").mkdir()
    staged = stage(alone, tmp_path / "out", parquet=False, on_progress=ignore)
    text = write_card(facts(staged), None, licence_given=False)
    assert text.count("Unknown: no manifest was found beside the data.") == 2
    assert "What was rejected on the way is unknown." in text
    assert "written by `qwen3-4b`." in text
    assert "generation.toml" not in text


def test_a_file_changed_after_its_run_is_said_to_be(clean_file: Path, tmp_path: Path) -> None:
    """The manifest counts 12 and the file has 11."""
    lines = clean_file.read_text().splitlines(keepends=True)
    clean_file.write_text("".join(lines[1:]))
    (tmp_path / "out").mkdir()
    staged = stage(clean_file, tmp_path / "out", parquet=False, on_progress=ignore)
    text = write_card(facts(staged), None, licence_given=False)
    assert "speaks of 12 records and the file holds 11" in text


def test_the_yaml_is_what_the_hub_wants(staged: StagedDataset) -> None:
    """Columns, size, task, licence, tags; the data file is named, lest manifests be taken for data."""
    card = write_card(facts(staged), None, licence_given=False)
    data = yaml.safe_load(card.split("---\n")[1])
    assert data["configs"] == [
        {"config_name": "default", "data_files": [{"split": "train", "path": "data.jsonl"}]}
    ]
    assert [column["name"] for column in data["dataset_info"]["features"]] == [
        "chat_id", "experience", "chat_parts", "model"
    ]  # fmt: skip
    assert (data["size_categories"], data["task_categories"]) == (["n<1K"], ["text-generation"])
    assert (data["license"], data["language"]) == ("cc-by-4.0", ["en"])
    wanted = {"synthetic", "conversational", "dialogue", "role-playing", "multi-turn", "soc-gen"}
    assert wanted <= set(data["tags"])


@pytest.mark.parametrize(("rows", "name"), [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (10**7, "n>10M")])
def test_size_categories(rows: int, name: str) -> None:
    """The Hub's names and bounds."""
    assert size_category(rows) == name


def test_a_sample_cannot_break_the_card() -> None:
    """Fences, headings and pipes in a chat stay text."""
    odd = chat(1, [(1, ["```\n## Not a heading", "<b>x</b>"]), (2, ["| a | b |"])])
    text = sample_text(odd)
    assert text.count("````") == 2
    assert len(sections(text)) == 1
    assert table(["a|b"], [["c\nd|e"]]) == "| a\\|b |\n| --- |\n| c d\\|e |"


def test_a_long_chat_is_cut_with_its_length_told() -> None:
    """16 messages are enough for a card."""
    text = sample_text(chat(1, [(1 + turn % 2, [f"m{turn}"]) for turn in range(30)]))
    assert "m15" in text
    assert "m16" not in text
    assert "… 14 more messages" in text


def card_with(staged: StagedDataset, old: str | None) -> str:
    return write_card(facts(staged), old, licence_given=False)


def test_a_users_sections_stay_where_they_are(staged: StagedDataset) -> None:
    """After the section of ours that they followed, with fences in them left whole."""
    first = card_with(staged, None)
    own = "## Ethics\n\nBe kind.\n\n```md\n## Fields\n```"
    edited = first.replace("## Licence", f"{own}\n\n## Licence").replace("12 synthetic", "7 synthetic")
    assert card_with(staged, edited) == first.replace("## Licence", f"{own}\n\n## Licence")


def test_a_section_marked_keep_is_the_users(staged: StagedDataset) -> None:
    """Even one of ours."""
    first = card_with(staged, None)
    edited = first.replace("## Licence\n", f"## Licence\n\n<!-- {KEEP} --> Ask me first.\n")
    assert card_with(staged, edited) == edited


def test_text_before_the_first_section_stays(staged: StagedDataset) -> None:
    """Title and banner, around our two marks; a card by another hand keeps all of its beginning."""
    edited = card_with(staged, None).replace("# night-chats", "![banner](b.png)\n\n# Chats at night")
    assert card_with(staged, edited) == edited
    foreign = card_with(staged, "# Mine\n\nHello.\n\n## Why\n\nBecause.")
    assert "# Mine\n\nHello.\n\n<!-- soc_gen:begin" in foreign
    assert "## Why\n\nBecause." in foreign
    assert card_with(staged, foreign) == foreign


def test_a_card_edited_on_windows_is_read(staged: StagedDataset) -> None:
    """Its line ends are not new sections."""
    first = card_with(staged, None)
    assert card_with(staged, first.replace("\n", "\r\n")) == first


def test_users_yaml_stays_and_facts_are_ours() -> None:
    """Their licence, language, tags and configs; our columns, data file and size."""
    new = {"license": "cc-by-4.0", "language": ["en"], "size_categories": ["n<1K"], "tags": ["b", "a"],
           "task_categories": ["text-generation"], "configs": [{"config_name": "default", "data_files": "x"}],
           "dataset_info": {"features": [1]}}  # fmt: skip
    old = {"pretty_name": "P", "license": "mit", "language": ["pt"], "size_categories": ["1K<n<10K"],
           "tags": ["mine", "a"], "configs": [{"config_name": "extra"}, {"config_name": "default"}],
           "dataset_info": {"features": [2]}}  # fmt: skip
    assert merge_metadata(new, old) == {
        "pretty_name": "P", "license": "mit", "language": ["pt"], "size_categories": ["n<1K"],
        "tags": ["mine", "a", "b"], "task_categories": ["text-generation"], "dataset_info": {"features": [1]},
        "configs": [{"config_name": "default", "data_files": "x"}, {"config_name": "extra"}],
    }  # fmt: skip


@pytest.mark.parametrize("block", ["a: [", "- a", "just words"])
def test_broken_yaml_on_the_hub_is_one_line(staged: StagedDataset, block: str) -> None:
    """Overwriting it would lose what its owner meant."""
    with pytest.raises(HubError, match="YAML of the card on the Hub cannot be read") as caught:
        card_with(staged, f"---\n{block}\n---\n\n# X\n")
    assert "\n" not in str(caught.value)


MARKS = ["<!-- soc_gen:begin x -->", "<!-- soc_gen:end -->", f"<!-- {KEEP} -->"]
HEADINGS = ["# Title", "## Fields", "## Mine", "## Yours", "### sub"]
LINES = st.lists(st.sampled_from([*MARKS, *HEADINGS, "", "text", "```", "~~~~"]), max_size=14)


@given(LINES)
def test_merging_twice_is_merging_once(lines: list[str]) -> None:
    """So a second push of the same data finds nothing to commit, whatever the owner did to the card."""
    new = "intro\n\n## Load it\n\nload\n\n## Fields\n\nfields"
    once = merge_text(new, "\n".join(lines), "t")
    assert merge_text(new, once, "t") == once


@given(LINES)
def test_no_line_of_a_users_section_is_lost(lines: list[str]) -> None:
    """Each section with a heading of its owner's is in the merged card, whole."""
    old = "\n".join(lines)
    merged = sections(merge_text("intro\n\n## Fields\n\nfields", old, "t"))
    theirs = [section for section in sections(old)[1:] if not section.startswith("## Fields")]
    assert sorted(section for section in merged[1:] if not section.startswith("## Fields")) == sorted(theirs)


@pytest.mark.parametrize(("age", "said"), [(16, True), (17, True), (18, False), (19, False)])
def test_a_persona_under_18_is_told(staged: StagedDataset, age: int, said: bool) -> None:
    """One of them is enough, and nobody is under 18 at 18."""
    told = facts(staged)
    told.statistics.ages[age] += 1
    assert ("- Some personas are under 18." in card_text(told).splitlines()) is said


@pytest.mark.parametrize(
    ("cost", "kind", "shown"),
    [
        (None, "remote", "unknown: no prices were set"),
        (0.0, "remote", "unknown: no prices were set"),
        (0.01, "remote", "0.01 USD"),
        (1234.5, "remote", "1,234.50 USD"),
        (None, "embedded", "unknown: no prices were set"),
        (0.0, "embedded", "0.00 USD"),
    ],
)
def test_a_cost_of_0_is_only_believed_of_the_embedded_model(
    staged: StagedDataset, cost: float | None, kind: str, shown: str
) -> None:
    """Elsewhere it means that nobody set prices."""
    manifest = Manifest(stage="rollout", tokens={"prompt": 1}, cost=cost, endpoint={"kind": kind})
    text = card_text(dataclasses.replace(facts(staged), manifests=(manifest,)))
    [line] = [line for line in text.splitlines() if line.startswith("| messages | 1 |")]
    assert line.split(" | ")[-2] == shown


def test_figures_are_counted_on_the_data() -> None:
    """Two chats of known size."""
    figures = Statistics()
    for number in range(2):
        figures.add(chat(number))
    assert (figures.chats, len(figures.personas), dict(figures.tags)) == (
        2, 4, {"image": 2, "delay": 2, "audio": 2, "end": 2}
    )  # fmt: skip
    assert dict(figures.turns) == {4: 2}
    assert dict(figures.messages) == {2: 6, 1: 2}
    assert dict(figures.ages) == {30: 1, 31: 1, 41: 2}
    turns = spread(figures.messages)
    assert turns is not None
    assert (turns.min, turns.median, turns.max, turns.mean) == (1, 2, 2, 1.75)
    assert spread(Statistics().turns) is None
    assert figures.distinct_1 == pytest.approx(len(figures.unigrams) / 32)


def test_sections_of_the_card_are_these(staged: StagedDataset) -> None:
    """Owners rely on the headings: a section with another one is theirs."""
    found = sections(card_with(staged, None))[1:]
    assert [section.partition("\n")[0] for section in found] == [f"## {name}" for name in SECTIONS]
