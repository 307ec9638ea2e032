"""What comes from outside is shown, never obeyed: hostile names, replies and paths in every command."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from soc_gen.cli.console import SafeConsole
from soc_gen.display import visible
from tests.support.publishing import chat, write_chats
from tests.support.runs import experiences, write_experiences
from tests.support.scripted_server import Answer, Asked, Behaviour, ScriptedServer
from tests.support.soc_process import Ended, SocProcesses

OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What a terminal takes as an order."""
HOSTILE = (
    "\x1b]0;owned\x07\x1b]8;;http://evil\x1b\\x\x1b[31m\x1b[2J\x9b1mq\x90p\x9d0;t\x9c"
    "\u202eevil\u2066i\u061c\x08\r[bold red]b[/] [link=x]l[/link] :smile:"
)
PATH = HOSTILE.replace("/", "")
"""As the name of a file."""
SAMPLE = r"\x1b]0;owned"
"""How the beginning of it is shown."""


@pytest.fixture(scope="module")
def soc() -> Iterator[SocProcesses]:
    with SocProcesses() as processes:
        yield processes


def run(soc: SocProcesses, folder: Path, *words: str | Path, **environment: str) -> Ended:
    """Run ``soc`` where nothing is a terminal; nothing that a terminal obeys may come out."""
    done = soc.run(map(str, words), folder, environment=environment, seconds=60)
    said = done.stdout + done.stderr
    assert not OBEYED.search(said), ascii(said)
    assert "Traceback" not in said, said
    assert "😄" not in said
    return done


def hostile_reply(asked: Asked) -> Answer:
    """Answer as is right, with a hostile message."""
    body: dict[str, Any] = orjson.loads(orjson.dumps(asked.good))
    message = body["choices"][0]["message"]
    if message["content"].startswith('{"messages"'):
        message["content"] = json.dumps({"messages": [f"{HOSTILE} {message['content'][14:60]}"]})
    elif "situation" in message["content"]:
        message["content"] = json.dumps(
            {name: HOSTILE + text for name, text in json.loads(message["content"]).items()}
        )
    else:
        message["content"] = HOSTILE
    return Answer(body)


def refusal(status: int) -> Answer:
    return Answer({"error": {"message": HOSTILE, "code": HOSTILE}}, status=status)


def personas(folder: Path) -> Path:
    """Write a bank in which everything is hostile."""
    people = [
        person.model_copy(
            update={"name": f"{HOSTILE} {person.name}", "background": HOSTILE, "model": HOSTILE}
        )
        for made in experiences(4)
        for person in (made.persona1, made.persona2)
    ]
    unique = {person.id: person for person in people}
    path = folder / "bank.jsonl"
    path.write_bytes(b"".join(person.to_json() + b"\n" for person in unique.values()))
    return path


def hostile_chats(folder: Path) -> Path:
    chats = []
    for number in range(4):
        good = chat(number)
        people = {
            side: getattr(good.experience, side).model_copy(update={"name": HOSTILE, "traits": [HOSTILE]})
            for side in ("persona1", "persona2")
        }
        experience = good.experience.model_copy(update={**people, "situation": HOSTILE, "topic": HOSTILE})
        parts = [
            part.model_copy(update={"messages": [f"{HOSTILE}: {text}" for text in part.messages]})
            for part in good.chat_parts
        ]
        chats.append(
            good.model_copy(update={"experience": experience, "chat_parts": parts, "model": HOSTILE})
        )
    path = write_chats(folder / f"{PATH}.jsonl", chats)
    with path.open("ab") as file:
        file.write(b'{"chat_id": "\\u001b[2J\\u202e"}\n' + HOSTILE.encode().replace(b"\r", b"") + b"\n")
    return path


MODELS = Answer({"object": "list", "data": [{"id": HOSTILE, "object": "model"}]})
SEVERAL = Answer({"object": "list", "data": [{"id": HOSTILE}, {"id": f"{HOSTILE}2"}]})


@pytest.mark.parametrize("models", [MODELS, SEVERAL, refusal(401)])
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_check(soc: SocProcesses, tmp_path: Path, models: Answer, options: tuple[str, ...]) -> None:
    """The model's name and its replies, the list of models, and a refusal."""
    with ScriptedServer(Behaviour("hostile", hostile_reply, (models,))) as server:
        done = run(soc, tmp_path, "check", "--base-url", server.url, *options)
    assert SAMPLE in done.stdout + done.stderr or HOSTILE in json.loads(done.stdout)[0]["answer"]


@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_the_stages_that_ask(soc: SocProcesses, tmp_path: Path, status: int) -> None:
    """Personas, replies, refusals, paths, and a whole run that shows its best chat."""
    bank = personas(tmp_path)
    script = hostile_reply if status == 200 else lambda _: refusal(status)
    config = tmp_path / f"{PATH}.toml"
    config.write_text(f'[experiences]\npersonas = "{bank}"\ncount = 3\n[rollout]\nmax_turns = 4\n')
    with ScriptedServer(Behaviour("hostile", script, (MODELS,))) as server:
        asked = ("--base-url", server.url, "--config", config, "--max-minutes", "0.05")
        out = tmp_path / PATH / f"{PATH}.jsonl"
        made = run(soc, tmp_path, "generate", "experiences", "--out", out, *asked)
        source = write_experiences(tmp_path / "some.jsonl", experiences(2))
        run(soc, tmp_path, "rollout", source, "--out", tmp_path / f"{PATH}2.jsonl", *asked)
        dry = run(soc, tmp_path, "rollout", source, "--dry-run", "--json", *asked)
        run(soc, tmp_path, "run", "--out-dir", tmp_path / f"{PATH}3", *asked)
    assert SAMPLE in made.stdout + made.stderr
    assert json.loads(dry.stdout)["conversations"] == 2


def test_clean_export_and_push_rehearsed(soc: SocProcesses, tmp_path: Path) -> None:
    """Hostile chats under hostile names; what is printed as JSON is exact."""
    chats = hostile_chats(tmp_path)
    out = tmp_path / f"{PATH}.clean.jsonl"
    shown = run(soc, tmp_path, "clean", chats, "--out", out, "--show-examples")
    assert SAMPLE in shown.stdout
    done = run(soc, tmp_path, "clean", chats, "--out", out, "--json")
    assert json.loads(done.stdout)["out"] == str(out)
    good = write_chats(tmp_path / f"{PATH}.good.jsonl", [chat(number) for number in range(3)])
    run(soc, tmp_path, "export", chats, "--out", tmp_path / PATH)
    done = run(soc, tmp_path, "export", good, "--out", tmp_path / PATH, "--json")
    assert json.loads(done.stdout)["chats"] == 3
    run(soc, tmp_path, "push-to-hub", chats, "mia/chats", "--dry-run")
    done = run(soc, tmp_path, "push-to-hub", good, "mia/chats", "--dry-run", "--json")
    assert json.loads(done.stdout)["folder"] == str(good.with_name(f"{good.stem}.hub"))
    run(soc, tmp_path, "push-to-hub", good, "mia/chats", "--dry-run")


@pytest.mark.parametrize("status", [200, 401, 404, 409, 500])
def test_the_hub(soc: SocProcesses, tmp_path: Path, status: int) -> None:
    good = write_chats(tmp_path / "good.jsonl", [chat(0)])
    answer = Answer(
        json.dumps({"error": HOSTILE}), status=status, headers={"X-Error-Message": "\x9b1m:smile:"}
    )
    with ScriptedServer(Behaviour("hub", other=answer)) as server:
        hub = {"HF_ENDPOINT": server.url.removesuffix("/v1"), "HF_TOKEN": "hf_write_token_1234"}
        done = run(soc, tmp_path, "push-to-hub", good, "mia/chats", **hub)
        run(soc, tmp_path, "clean", good, "--against", "mia/chats", **hub)
    assert done.exit == 1
    assert done.stderr.count("\n") == 1


WORDS = [
    (HOSTILE,),
    ("--help", HOSTILE),
    (f"--{HOSTILE}",),
    ("generate", HOSTILE),
    ("run", f"--{HOSTILE}=3"),
    ("run", "--count", HOSTILE),
    ("run", "--config", HOSTILE),
    ("run", "--config", f"{HOSTILE}.toml"),
    ("rollout", PATH),
    ("clean", f"{PATH}*"),
    ("clean", PATH, HOSTILE),
    ("export", PATH, "--format", HOSTILE),
    ("export", HOSTILE),
    ("push-to-hub", PATH, HOSTILE, "--dry-run"),
    ("push-to-hub", PATH, "a/b", "--license", HOSTILE),
    ("check", "--base-url", HOSTILE),
    ("check", "--base-url", f"http://127.0.0.1:9/{HOSTILE}"),
    ("check", "--base-url", "http://127.0.0.1:9/v1", "--api-key-env", HOSTILE),
    ("serve", "--embedded-model", HOSTILE),
    ("init", "--preset", HOSTILE),
    ("init", PATH),
    ("init", f"{PATH}/x", HOSTILE),
]


@pytest.mark.parametrize("words", WORDS)
def test_wrong_use(soc: SocProcesses, tmp_path: Path, words: tuple[str, ...]) -> None:
    """What was typed is quoted in messages."""
    run(soc, tmp_path, *words, SOC_CACHE=str(tmp_path / "cache"))


def test_a_config_with_hostile_keys(soc: SocProcesses, tmp_path: Path) -> None:
    config = tmp_path / "soc.toml"
    config.write_text(f"[rollout]\n{json.dumps(HOSTILE)} = 3\n")
    done = run(soc, tmp_path, "run", "--config", config)
    assert done.exit == 2
    assert SAMPLE in done.stderr


# --- the door itself ---------------------------------------------------------------------------------


@given(st.text())
def test_what_is_visible_has_no_control_and_stays_as_it_is(text: str) -> None:
    shown = visible(text)
    assert not OBEYED.search(shown)
    assert visible(shown) == shown
    shown.encode()


@pytest.mark.parametrize(
    "text", ["plain", "日本語 é שלום 👩‍👩‍👧 ภาษา", "a\tb\nc", "[bold]x[/] :smile: \\n", "نیم‌فاصله"]
)
def test_text_stays_as_it_is(text: str) -> None:
    """Joiners too: emoji and Persian are written with them."""
    assert visible(text) == text


@given(st.text(alphabet=st.characters() | st.sampled_from("\x1b\x9b\x07\u202e[]:"), max_size=20))
def test_a_terminal_gets_no_control_but_the_consoles_own(text: str) -> None:
    """Whether it comes as a string or as rich's own text, styled or not."""
    console = SafeConsole()
    console.file = io.StringIO()
    console._force_terminal, console._color_system = True, None
    console.print(text)
    console.print(Text(text))
    assert isinstance(console.file, io.StringIO)
    assert not OBEYED.search(console.file.getvalue())
