"""``soc evaluate``: the contract of its JSON, the gate, and bad input told in one line."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from soc_gen.metrics.evaluation import BOUNDABLE
from soc_gen.metrics.figures import FIGURES
from soc_gen.metrics.gate import Bound, broken, read_gate
from soc_gen.models import Chat
from tests.metrics.talks import handmade
from tests.support.command import soc
from tests.support.people import TALK, chat

MONOTONE = (["Hey there my good friend, how are you doing?"], *[["That sounds like a great plan to me!"]] * 9)


def _write(path: Path, chats: Iterable[Chat]) -> str:
    path.write_bytes(b"".join(one.to_json() + b"\n" for one in chats))
    return str(path)


def _evaluate(*words: str, code: int = 0) -> dict[str, Any]:
    done = soc("evaluate", *words, "--json")
    assert done.returncode == code, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_json_has_the_keys_of_the_contract_and_agrees_with_itself(tmp_path: Path) -> None:
    """Every figure that applies, with people's range, the side it is out on, and at most ten chats."""
    found = _evaluate(_write(tmp_path / "chats.jsonl", handmade(200)))
    assert list(found) == ["chats", "figures", "inside", "of", "distance", "told_from_people", "gate"]
    assert found["chats"] == 200
    assert found["gate"] is None
    figures = found["figures"]
    assert figures.keys() == FIGURES.keys() - {"reply_gap_seconds"}
    assert found["of"] == len(figures) == 28
    assert found["inside"] == sum(figure["inside"] for figure in figures.values())
    for name, figure in figures.items():
        assert list(figure) == ["value", "low", "high", "inside", "side", "advice", "chats"], name
        low, value, high = figure["low"], figure["value"], figure["high"]
        assert figure["side"] == ("below" if value < low else "above" if value > high else None)
        assert figure["inside"] is (figure["side"] is None)
        assert figure["advice"]
        assert len(figure["chats"]) <= 10


def test_the_chats_furthest_out_are_those_that_are(tmp_path: Path) -> None:
    """Ten chats of exclamations among forty without."""
    loud = [chat(*MONOTONE, chat_id=f"loud-{n}") for n in range(30)]
    calm = [chat(*TALK, chat_id=f"calm-{n}") for n in range(10)]
    mixed = [*loud, *calm]
    random.Random(1).shuffle(mixed)
    figure = _evaluate(_write(tmp_path / "chats.jsonl", mixed))["figures"]["exclamations"]
    assert figure["side"] == "above"
    assert len(figure["chats"]) == 10
    assert all(name.startswith("loud") for name in figure["chats"])


def test_monotone_chats_break_the_gate_and_the_advice_says_why(tmp_path: Path) -> None:
    """One length, greetings, exclamation marks."""
    file = _write(tmp_path / "chats.jsonl", [chat(*MONOTONE, chat_id=f"m-{n}") for n in range(60)])
    found = _evaluate(file, "--gate", "quality", code=1)
    assert found["gate"]["passed"] is False
    assert {one["name"] for one in found["gate"]["broken"]} >= {"inside_share", "distance"}
    done = soc("evaluate", file, "--gate", "quality")
    assert done.returncode == 1
    for words in (
        "exclamations: Take exclamation marks out",
        "words_spread: Mix",
        "inside_share",
        "at least",
    ):
        assert words in done.stdout


def test_ones_own_chats_are_the_measure_and_are_like_themselves(tmp_path: Path) -> None:
    """Their ranges are those of their own blocks; a page tells the same."""
    file = _write(tmp_path / "own.jsonl", handmade(400))
    page = tmp_path / "page.html"
    found = _evaluate(file, "--people", file, "--html", str(page))
    assert found["inside"] == found["of"] == 28
    assert found["distance"] == 0
    assert "28 of 28 figures like people" in page.read_text("utf-8")


def test_a_page_shows_markup_as_text(tmp_path: Path) -> None:
    """A chat's id comes from outside."""
    page = tmp_path / "page.html"
    chats = [chat(*MONOTONE, chat_id="<script>alert(1)</script>\x1b[2J")]
    _evaluate(_write(tmp_path / "chats.jsonl", chats), "--html", str(page))
    text = page.read_text("utf-8")
    assert "<script>" not in text
    assert "\x1b" not in text
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        (TALK, "1 chats of 7 messages: figures of under 300 say little"),
        ([["hi there", "is anybody in", "nobody then", "bye"]], "chats in which two write: quieter_side"),
        ([["你好，今天过得怎么样？"], ["还行，就是有点累，你呢？"]] * 4, "words parted by spaces: words_p10"),
        ([[""], ['<delay minutes="5"/>']], "messages with words: words_p10"),
    ],
)
def test_what_does_not_apply_is_said(tmp_path: Path, parts: Iterable[list[str]], told: str) -> None:
    """One chat, one-sided chats, scripts without spaces, empty messages."""
    done = soc("evaluate", _write(tmp_path / "chats.jsonl", [chat(*parts)]))
    assert done.returncode == 0
    assert told in done.stderr


def test_figures_of_words_are_left_out_of_chinese(tmp_path: Path) -> None:
    """Those of messages and turns stay."""
    talk = [["你好", "今天过得怎么样？"], ["还行，就是有点累，你呢？"]] * 4
    found = _evaluate(_write(tmp_path / "chats.jsonl", [chat(*talk, chat_id=f"z-{n}") for n in range(40)]))
    assert set(found["figures"]) == {
        *("ellipses", "emoji", "em_dashes", "media"),
        *("messages_per_turn", "turns_of_several", "messages_per_chat"),
    }


@pytest.mark.parametrize(
    ("gate", "told"),
    [
        ("[at_most]\nexclamation = 0.5", "unknown figure 'exclamation'. The nearest is exclamations"),
        ("[at_most]\nemoji = 'few'", "at_most.emoji is 'few'. Give a number"),
        ("[at_most]\nemoji = nan", "Give a number"),
        ("[at_least]\nemoji = true", "Give a number"),
        ("at_most = 3", "at_most is no table"),
        ("[most]\nemoji = 1", "unknown table 'most'"),
        ("", "has no bounds"),
        ("[at_most", "is no TOML"),
    ],
)
def test_a_gate_that_is_none_is_told_in_one_line(tmp_path: Path, gate: str, told: str) -> None:
    """Before a chat is read."""
    path = tmp_path / "gate.toml"
    path.write_text(gate)
    done = soc("evaluate", str(tmp_path / "none.jsonl"), "--gate", str(path))
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [(), ("--people",)])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"name": "Ada", "background": "b"}\n', "it holds personas"),
        ("one line of text\n", "has no chats"),
        ("", "has no chats"),
    ],
)
def test_a_file_that_has_no_chats_is_told_in_one_line(
    tmp_path: Path, words: tuple[str, ...], text: str, told: str
) -> None:
    """Whether it is what is measured or the measure."""
    good = _write(tmp_path / "good.jsonl", [chat(*TALK)])
    bad = tmp_path / "bad.jsonl"
    bad.write_text(text)
    files = (good, *words, str(bad)) if words else (str(bad),)
    done = soc("evaluate", *files)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_lines_that_are_no_chats_are_named_and_left_out(tmp_path: Path) -> None:
    """A rollout file whose last line is torn is measured all the same."""
    path = tmp_path / "chats.jsonl"
    path.write_bytes(chat(*TALK).to_json() + b"\n" + chat(*TALK).to_json()[:-9])
    done = soc("evaluate", str(path), "--json")
    assert json.loads(done.stdout)["chats"] == 1
    assert f"left out: {path}:2:" in done.stderr


@pytest.mark.parametrize(
    ("kind", "value", "holds"),
    [
        ("at_least", 0.49, False),
        ("at_least", 0.5, True),
        ("at_most", 0.5, True),
        ("at_most", 0.51, False),
        ("at_most", None, False),
    ],
)
def test_a_bound_holds_at_its_value_and_never_for_what_was_not_measured(
    kind: Any, value: float | None, holds: bool
) -> None:
    """Below, at and above."""
    bound = Bound("emoji", kind, 0.5)
    assert bound.holds(value) is holds
    values = {} if value is None else {"emoji": value}
    assert (broken([bound], values) == []) is holds


def test_the_shipped_gate_is_read() -> None:
    """All of its figures are known."""
    assert {bound.name for bound in read_gate("quality", BOUNDABLE)} >= {"inside_share", "distance"}
