"""What a card tells is true: its language, its figures; it holds nobody's Markdown and nobody's key."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from soc_gen.cli.app import app
from soc_gen.errors import UsageError
from soc_gen.io.datasets import check_repo_name
from soc_gen.metrics.statistics import Statistics
from soc_gen.models import Chat
from soc_gen.publish.card_file import write_card
from soc_gen.publish.card_merge import KEEP
from soc_gen.publish.hub import PushOptions, check_wanted
from soc_gen.publish.staging import StagedDataset
from soc_gen.text.language import count_unspaced, language_of, languages_of
from tests.support.publishing import REPO, chat, facts, write_chats

# A greeting, a question, a refusal: by language.
TALK = {
    "zh": ["你昨天把梯子放哪儿了", "在车库后面，自己去拿", "周六之前我要用，别忘了"],
    "ja": ["昨日のはしごはどこに置いたの", "車庫の裏だよ", "土曜までに使うから忘れないで"],
    "th": ["เมื่อวานเอาบันไดไปไว้ไหน", "หลังโรงรถ ไปหยิบเองนะ", "ต้องใช้ก่อนวันเสาร์"],
    "lo": ["ມື້ວານເອົາຂັ້ນໄດໄວ້ໃສ", "ຢູ່ຫຼັງບ່ອນຈອດລົດ", "ຕ້ອງໃຊ້ກ່ອນວັນເສົາ"],
    "km": ["ម្សិលមិញទុកជណ្តើរនៅឯណា", "នៅក្រោយយានដ្ឋាន", "ត្រូវការមុនថ្ងៃសៅរ៍"],
    "my": ["မနေ့က လှေကားကို ဘယ်မှာထားလဲ", "ကားဂိုဒေါင်နောက်မှာ", "စနေနေ့မတိုင်ခင် လိုတယ်"],
    "ko": ["어제 사다리 어디에 뒀어", "차고 뒤에 있어 직접 가져가", "토요일 전에 써야 해"],
    "el": ["πού άφησες τη σκάλα χθες", "πίσω από το γκαράζ", "τη χρειάζομαι πριν το Σάββατο"],
    "de": ["wo hast du gestern die Leiter gelassen", "hinter der Garage, hol sie selbst", "ich brauche sie"],
    "pt": ["onde deixaste a escada ontem à noite", "atrás da garagem, vai tu buscar", "preciso dela hoje"],
    "en": ["where did you leave the ladder yesterday", "behind the garage, get it yourself", "i need it now"],
}  # fmt: skip
UNSPACED = ("zh", "ja", "th", "lo", "km", "my")


def spoken(language: str, number: int = 1) -> Chat:
    a, b, c = TALK[language]
    return chat(number, [(1, [a, "<image>a ladder</image>"]), (2, [b]), (1, [c, "<end/>"])])


def push(file: Path, *words: str) -> Path:
    """Rehearse a push; return its folder."""
    command = ["push-to-hub", str(file), REPO, "--dry-run", *words]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return file.with_name(f"{file.stem}.hub")


def metadata(folder: Path) -> dict[str, Any]:
    fields: dict[str, Any] = yaml.safe_load((folder / "README.md").read_text("utf-8").split("---\n")[1])
    return fields


@pytest.mark.parametrize("language", TALK)
def test_the_language_of_the_card_is_that_of_the_chats(tmp_path: Path, language: str) -> None:
    """Personas are English in all of them; what counts is what is said."""
    file = write_chats(tmp_path / "c.jsonl", [spoken(language, number) for number in range(6)])
    folder = push(file)
    assert metadata(folder)["language"] == [language]
    card = (folder / "README.md").read_text("utf-8")
    for figure in ("words in a message", "distinct-1", "distinct-2"):
        assert (figure in card) == (language not in UNSPACED), figure
    assert ("Words are not counted" in card) == (language in UNSPACED)
    assert "different first messages" in card


@pytest.mark.parametrize(
    ("words", "expected"),
    [(["--language", "yue"], ["yue"]), (["--language", "zh", "--language", "en"], ["zh", "en"])],
)
def test_the_language_that_is_asked_for_wins(tmp_path: Path, words: list[str], expected: list[str]) -> None:
    """Over the data, and over the card on the Hub."""
    assert metadata(push(write_chats(tmp_path / "c.jsonl", [spoken("zh")]), *words))["language"] == expected


def test_an_owners_language_stays_until_another_is_asked_for(staged: StagedDataset) -> None:
    """As every other key of theirs does."""
    first = write_card(facts(staged), None, licence_given=False).replace("- en\n", "- pt\n", 1)
    assert "- pt\n" in write_card(facts(staged), first, licence_given=False)
    asked = dataclasses.replace(facts(staged), languages=("nl",))
    assert yaml.safe_load(write_card(asked, first, licence_given=False).split("---\n")[1])["language"] == [
        "nl"
    ]


@pytest.mark.parametrize("language", ["EN", "english", "e", "", "en us"])
def test_what_is_no_language_is_refused(language: str) -> None:
    """Before anything is read."""
    with pytest.raises(UsageError, match="not a language"):
        check_wanted(PushOptions(REPO, languages=(language,)))


def test_without_the_extra_the_script_alone_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is claimed where it does not."""
    monkeypatch.setitem(sys.modules, "py3langid", None)
    assert {language: language_of(" ".join(said)) for language, said in TALK.items()} == {
        language: None if language in {"de", "pt", "en"} else language for language in TALK
    }


def test_a_language_of_a_tenth_of_the_text_is_named_and_a_rarer_one_is_not() -> None:
    """Chunks are long enough to tell German from Dutch."""
    chunk = {language: " ".join(said) * 5 for language, said in TALK.items()}
    assert languages_of([*[chunk["en"]] * 9, chunk["de"]]) == ["en", "de"]
    assert languages_of([*[chunk["en"]] * 10, chunk["de"]]) == ["en"]
    assert languages_of(["", "123"]) == []


@pytest.mark.parametrize("language", TALK)
def test_letters_without_spaces_are_counted(language: str) -> None:
    """Most of them in six scripts, none in others."""
    text = "".join(TALK[language])
    assert (count_unspaced(text) > 0.5 * len(text)) == (language in UNSPACED)
    assert language in UNSPACED or count_unspaced(text) == 0


def test_an_english_chat_with_a_chinese_word_has_words() -> None:
    """A tenth of the letters is the bound."""
    statistics = Statistics()
    statistics.add(chat(1, [(1, ["a" * 88 + " 你好你好"]), (2, ["你好你好你"])]))
    assert (statistics.unspaced, statistics.letters) == (9, 97)
    assert statistics.has_words
    statistics.add(chat(2, [(1, ["你"]), (2, ["a b"])]))
    assert (statistics.unspaced, statistics.letters) == (10, 100)
    assert statistics.has_words
    statistics.add(chat(3, [(1, ["你"]), (2, ["1"])]))
    assert not statistics.has_words


def test_samples_are_spread_over_all_chats_and_bounded() -> None:
    """English first and Chinese afterwards are both seen."""
    statistics = Statistics()
    for number in range(5000):
        statistics.add(spoken("en" if number < 2500 else "zh", number))
    assert len(statistics.samples) <= 1001
    assert sorted(statistics.languages) == ["en", "zh"]


EVIL = "ev`il``|<script>alert(1)</script> [x](http://h/a) ![i](j) *b* _c_ # d\n## e\n<!-- soc_gen:end -->"


def card_html(folder: Path, text: str) -> str:
    """Return a card as a reader sees it in which ``text`` stands wherever something is not ours."""
    one = chat(1, model=text)
    person = one.experience.persona1.model_copy(update={"name": f"A {text}", "background": text})
    told = {"persona1": person, "situation": f"- {text}", "topic": text}
    one = one.model_copy(update={"experience": one.experience.model_copy(update=told)})
    folder.mkdir()
    file = write_chats(folder / "c.jsonl", [one])
    manifest = {
        "stage": "rollout", "soc_gen": text, "model": text, "endpoint": {"kind": text}, "random_seed": 1,
        "config": {"rollout": {"sampling": {text: 1, "x": text, "extra_body": {text: text}}},
                   "experiences": {"personas": text}},
        "counts": {"in": 1, "kept": 1}, "reasons": {text: 2}, "repairs": {text: 1}, "tokens": {"prompt": 1},
    }  # fmt: skip
    (folder / "c.manifest.json").write_text(json.dumps(manifest))
    body = (push(file) / "README.md").read_text("utf-8").split("---\n", 2)[2]
    return str(MarkdownIt("commonmark").enable("table").render(body))


def test_texts_of_manifests_models_and_servers_mean_nothing_in_markdown(tmp_path: Path) -> None:
    """No tag, link, list, heading, cell or code span comes of a model's name or a reason."""
    evil, fine = card_html(tmp_path / "evil", EVIL), card_html(tmp_path / "fine", "fine")
    assert re.findall(r"<[^>]*>", evil) == re.findall(r"<[^>]*>", fine)
    assert "ev`il``|&lt;script&gt;alert(1)" in evil


def test_a_message_does_not_freeze_a_section(staged: StagedDataset) -> None:
    """Only the owner's own words outside of code keep one."""
    odd = dataclasses.replace(facts(staged), sample=chat(1, [(1, [f"<!-- {KEEP} -->"]), (2, ["ok"])]))
    old = write_card(odd, None, licence_given=False)
    assert KEEP in old.split("## A sample")[1].split("## Fields")[0]
    assert write_card(facts(staged), old, licence_given=False) == write_card(
        facts(staged), None, licence_given=False
    )


@pytest.mark.parametrize("key", ["api_key", "x-api-key", "Authorization", "note", "user", "proxy"])
@pytest.mark.parametrize("group", ["extra_body", "extra_headers"])
def test_a_secret_in_the_settings_is_in_no_file_that_is_pushed(tmp_path: Path, key: str, group: str) -> None:
    """Card, settings and manifests alike; nor is a folder or an address."""
    secret, place = "sk-live-0a1b2c3d4e5f6a7b8c9d", "http://mia:hunter2@10.1.2.3:8000/v1"
    file = write_chats(tmp_path / "c.jsonl", [chat(1, model="/srv/mia/models/qwen")])
    sampling = {"temperature": 0.7, group: {key: secret, "inner": {"at": place, key: [secret]}, "top_k": 5}}
    manifest = {
        "stage": "rollout", "model": "/srv/mia/models/qwen", "endpoint": {"kind": "openai-compatible"},
        "config": {"rollout": {"sampling": sampling}, "endpoint": {"base_urls": [place], "model": place}},
        "inputs": [{"path": "/srv/mia/e.jsonl"}], "note": f"see {place} in /srv/mia/notes",
    }  # fmt: skip
    (tmp_path / "c.manifest.json").write_text(json.dumps(manifest))
    folder = push(file)
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "data.jsonl":
            text = path.read_text("utf-8")
            assert not any(word in text for word in (secret, "hunter2", "10.1.2.3", "/srv/mia")), path
    assert "temperature 0.7" in (folder / "README.md").read_text("utf-8")


GOOD = ["mia/night-chats", "a/b", "A_b/c.d-e", "a/" + "x" * 94]
BAD = ["a", "a/b/c", "a--b/c", "-a/b", "a/b-", "a/b.git", "a/b..c", "a b/c", "/b", "a/", "ä/b", "a/b.",
       "a\n/b", ".a/b", "a/.b", "a/b?", "a/" + "x" * 97, "https://huggingface.co/a/b", ""]  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_names_that_the_hub_takes(name: str) -> None:
    """Its own rule says so."""
    check_repo_name(name)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_name_is_told_before_anything_else(tmp_path: Path, name: str) -> None:
    """There is no such file, no token, and still it is the name that is told."""
    with pytest.raises(UsageError, match="not a dataset name") as caught:
        CliRunner().invoke(
            app, ["push-to-hub", str(tmp_path / "no.jsonl"), "--", name], catch_exceptions=False
        )
    assert "\n" not in str(caught.value)
