"""The load lines of README and card, read out of them and executed as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from soc_gen.io.schema import write_parquet
from soc_gen.models import Chat
from tests.support.loopback_hub import WRITE_TOKEN, LoopbackHub
from tests.support.publishing import REPO, chat, persona, run_python, run_soc, write_chats

README = Path(__file__).parents[2] / "README.md"
BLOCK = 10 << 20  # bytes, of which ``datasets`` guesses the types


def block(text: str) -> str:
    """Return the Python of ``text`` that loads a dataset."""
    blocks = [match[1] for match in re.finditer(r"```python\n(.*?)```", text, re.DOTALL)]
    (found,) = (code for code in blocks if "load_dataset(" in code)
    return str(found)


def execute(code: str, folder: Path, home: Path) -> list[str]:
    """Run ``code`` in ``folder``; return chat ids, and usernames of the first and the last chat."""
    shown = (
        "\nprint(len(chats), *chats['chat_id'][:1], *chats['chat_id'][-1:])"
        "\nfor at in (0, -1): print([chats[at]['experience'][p][k] for p in ('persona1', 'persona2')"
        " for k in ('username', 'traits')])"
    )
    env = os.environ | {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code + shown], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()[-3:]


def bare(number: int, words: int) -> Chat:
    """Return a long chat of two people without usernames and traits."""
    one, two = (persona(f"{name}{number}", 30, username=None, traits=[]) for name in ("Ada", "Ben"))
    long = " ".join(f"word{number}{position}" for position in range(words))
    return chat(number, [(1, [long]), (2, ["yes"])], persona1=one, persona2=two)


@pytest.fixture(scope="module")
def null_first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean file whose first block has no usernames and no traits; what follows has."""
    folder = tmp_path_factory.mktemp("null-first")
    (folder / "data").mkdir()
    chats = [*(bare(number, 60_000) for number in range(16)), chat(99)]
    path = write_chats(folder / "data/clean.jsonl", chats)
    assert path.stat().st_size - len(chat(99).to_json()) > BLOCK + (1 << 18)
    write_parquet(folder / "data/clean.parquet", chats)
    return path


SEEN = ["17 c-0 c-99", "[None, [], None, []]", "['ines99_69', ['dry', 'loyal'], None, []]"]


@pytest.mark.parametrize("form", ["json", "parquet"])
def test_the_readmes_line_loads_nulls_that_come_first(null_first: Path, tmp_path: Path, form: str) -> None:
    """More of them than ``datasets`` guesses the types from; Parquet by the change that is described."""
    code = block(README.read_text("utf-8"))
    if form == "parquet":
        code = code.replace('"json"', '"parquet"').replace("clean.jsonl", "clean.parquet")
    assert execute(code, null_first.parents[1], tmp_path) == SEEN


def test_the_readmes_line_loads_a_file_with_no_username_at_all(tmp_path: Path) -> None:
    """And no traits: the types are told, not guessed."""
    (tmp_path / "data").mkdir()
    write_chats(tmp_path / "data/clean.jsonl", [bare(1, 5)])
    code = block(README.read_text("utf-8"))
    assert execute(code, tmp_path, tmp_path / "home") == ["1 c-1 c-1", *["[None, [], None, []]"] * 2]


def test_the_cards_lines_load_nulls_that_come_first(
    lfs_hub: LoopbackHub, null_first: Path, tmp_path: Path
) -> None:
    """JSONL by the code block, Parquet by the line that names it; no soc_gen is needed for either."""
    arguments = ("push-to-hub", null_first, REPO, "--parquet")
    pushed = run_soc(*arguments, hub=lfs_hub, home=tmp_path, HF_TOKEN=WRITE_TOKEN)
    assert pushed.returncode == 0, pushed.stderr
    card = lfs_hub.store.repos[REPO].tree("main")["README.md"].content.decode()
    parquet = next(line for line in card.splitlines() if "data.parquet" in line).split("`")[3]
    for code in (block(card), f"from datasets import load_dataset\nchats = {parquet}\n"):
        show = code + "\nprint(len(chats), chats[-1]['experience']['persona1']['username'])"
        loaded = run_python(show, lfs_hub, tmp_path)
        assert loaded.returncode == 0, loaded.stderr[-2000:]
        assert loaded.stdout.splitlines()[-1] == "17 ines99_69"
