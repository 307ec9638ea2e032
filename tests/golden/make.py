"""Make the golden files: what one version of ``soc`` leaves on disk, for later versions to take up.

Run with the ``soc`` of that version, from the top of this checkout; the README beside the files says more::

    .venv/bin/python -m tests.golden.make OLD_CHECKOUT/.venv/bin/soc tests/golden/v0.1.0

The loopback endpoint's replies are a function of what is asked. So two runs make the same files, but for
times and ids of processes.
"""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from tests.support.loopback_endpoint import Behaviour, Exchange, LoopbackEndpoint

Plan = Callable[[Exchange], str | None]

CLEAN = [
    *("clean", "finished/chats.jsonl", "finished/extra.jsonl"),
    *("--config", "soc.toml", "--out", "finished/clean.jsonl"),
]
"""The words that clean what was rolled out, and chats with faults; run in the folder ``json``."""
INPUTS = {"json": "finished/experiences.jsonl", "small": "finished/input.jsonl"}
"""What is rolled out, by kind: a folder with one reply format for experiences and one for the rollout."""
PORT = 18471  # the same each time, since it stands in journals and manifests


def content_fault(exchange: Exchange) -> str | None:
    """Return what is wrong with a reply: the same on every run, since seeds are."""
    return {0: "empty", 1: "think"}.get(exchange.body["seed"] % 6)


REPLIES = Behaviour(end_rate=0.2, bad_rate=0.12, plan=content_fault)
"""How the endpoint answers, then and now; some replies are asked for again."""


class Cut(NamedTuple):
    """Where an unfinished run goes wrong; conversations and their requests count from 0."""

    failing: int
    """The conversation that the endpoint refuses."""
    failing_request: int
    interrupted: int
    """The conversation that the run is killed in."""
    interrupted_request: int


# An experience that failed is no example for others; in the last round of three there are no others.
CUTS = {"experiences": Cut(4, 0, 5, 1), "chats": Cut(1, 2, 3, 3)}


def environment() -> dict[str, str]:
    """Return the environment without settings from outside."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("SOC_", "OPENAI_"))}


def commands(kind: str, where: str) -> dict[str, list[str]]:
    """Return the words that make each file of the folder ``where``, run in the folder ``kind``."""
    config = ["--config", "soc.toml"]
    return {
        "experiences": ["generate", "experiences", *config, "--out", f"{where}/experiences.jsonl"],
        "chats": ["rollout", INPUTS[kind], *config, "--out", f"{where}/chats.jsonl"],
    }


def make(soc: str, folder: Path) -> None:
    """Make all that is in ``folder`` anew, but for the configs, the personas and the README."""
    for kind in INPUTS:
        place = folder / kind
        for where in ("finished", "unfinished"):
            shutil.rmtree(place / where, ignore_errors=True)
            (place / where).mkdir(parents=True)
        finished = commands(kind, "finished")
        run(soc, place, finished["experiences"])
        if kind == "small":
            write_input_with_a_bad_line(place)
        run(soc, place, finished["chats"])
        if kind == "json":
            write_chats_with_faults(place / "finished")
            subprocess.run([soc, *CLEAN], cwd=place, env=environment(), check=True)
        for name, words in commands(kind, "unfinished").items():
            whole = place / f"finished/{name}.journal.jsonl"
            run_and_kill(soc, place, words, CUTS[name], whole)
            tear(place / f"unfinished/{name}.journal.jsonl", whole)
        for lock in place.rglob(".*"):
            lock.unlink()


def run(soc: str, folder: Path, words: list[str]) -> None:
    """Run ``soc`` to its end."""
    with LoopbackEndpoint(REPLIES, port=PORT) as endpoint:
        subprocess.run([soc, *words, "--base-url", endpoint.url], cwd=folder, env=environment(), check=True)


def run_and_kill(soc: str, folder: Path, words: list[str], cut: Cut, whole: Path) -> None:
    """Run ``soc`` and SIGKILL it at the place that ``cut`` says, of the run with the journal ``whole``."""
    requests = [
        entry["id"] for entry in map(orjson.loads, whole.read_bytes().splitlines()) if "text" in entry
    ]
    order = list(dict.fromkeys(requests))

    def number(conversation: int, request: int) -> int:
        places = [place for place, name in enumerate(requests) if name == order[conversation]]
        return places[request]

    refused = number(cut.failing, cut.failing_request)
    not_asked = requests[refused:].count(order[cut.failing]) - 1
    last = number(cut.interrupted, cut.interrupted_request) - not_asked
    running: list[subprocess.Popen[bytes]] = []

    def plan(exchange: Exchange) -> str | None:
        if exchange.number == last:
            running[0].kill()
            return "hang"
        return "http_400" if exchange.number == refused else content_fault(exchange)

    with LoopbackEndpoint(replace(REPLIES, plan=plan), port=PORT) as endpoint:
        command = [soc, *words, "--base-url", endpoint.url]
        running.append(subprocess.Popen(command, cwd=folder, env=environment()))
        if running[0].wait(60) >= 0:
            raise RuntimeError(f"was not killed: {words}")


def tear(journal: Path, whole: Path) -> None:
    """Add the first half of the reply that ``whole`` has next, as a killed writer may leave it."""
    has, *rest = journal.read_bytes(), *whole.read_bytes().splitlines()
    fingerprints = [orjson.loads(line).get("request", "") for line in rest]
    last = orjson.loads(has.splitlines()[-1])["request"]
    torn = rest[fingerprints.index(last) + 1]
    journal.write_bytes(has + torn[: len(torn) // 2])


def write_input_with_a_bad_line(place: Path) -> None:
    """Write the experiences with a line among them that is none: a failure of every run."""
    lines = (place / "finished/experiences.jsonl").read_bytes().splitlines(keepends=True)
    lines.insert(2, b'{"persona1": "nobody"}\n')
    (place / INPUTS["small"]).write_bytes(b"".join(lines))


FAULTS = {
    "label": "{name}: are you there already",
    "thinking": "<think>short and cross</think>did you take my keys",
    "template": "the bus is late again<|im_end|>",
    "json": '{{"messages": ["who left the gate open"]}}',
    "mojibake": "itâ€™s on the shelf &amp; nobody saw it",
    "quotes": "“then keep the umbrella, I have two”",
    "tags": "<IMAGE> a dented blue kettle </IMAGE>",
    "unknown_tag": "<smile>that was the last plum</smile>",
    "end": "<end/> one more thing before you go",
    "assistant": "As an AI language model, I cannot be late",
    "prompt": "How may I assist you today?",
    "empty": "   ",
}
"""What the first message of a chat says, by the name that its chat has."""
_TALK = (
    "the {0} fell off the {1} when nobody looked",
    "so you mean the {2} and not the {3}, right?",
    "i carried that {1} up four floors, ask the {4}",
    "fine, but the {3} stays where the {5} was",
    "you said the {4} was worth more than a {0}",
    "bring the {5} on friday and forget the {2}",
)
_WORDS = """
    lantern pickle ticket marble tunnel ribbon saddle candle pepper orchard button violin ladder bucket
    carpet engine feather basket cellar copper thunder pillow magnet hammer teapot cactus blanket rocket
    pencil walnut anchor barrel cherry dragon falcon ginger helmet island jacket kitten lemon mirror
    napkin oyster parrot quartz radish salmon temple
"""


def write_chats_with_faults(finished: Path) -> None:
    """Write chats that cleaning repairs or rejects, and two that repeat others."""
    chats = [orjson.loads(line) for line in (finished / "chats.jsonl").read_bytes().splitlines()]
    lines = [chats[0]]
    for number, (name, text) in enumerate(FAULTS.items()):
        lines.append(_chat_that_says(copy.deepcopy(chats[0]), f"extra-{name}", number, text))
    nearly = copy.deepcopy(lines[1]) | {"chat_id": "extra-nearly"}
    nearly["experience"]["id"] = "extra-nearly"
    nearly["chat_parts"][-1]["messages"].append("and that was that")
    written = map(orjson.dumps, [*lines, nearly])
    (finished / "extra.jsonl").write_bytes(b"\n".join([*written, b"[1]", b'{"chat_id": "torn']))


def _chat_that_says(chat: dict[str, Any], name: str, number: int, text: str) -> dict[str, Any]:
    """Turn ``chat`` into one that begins with ``text`` and goes on with words of its own."""
    people = [chat["experience"][side] for side in ("persona1", "persona2")]
    known = _WORDS.split()
    words = [known[(number * 4 + place) % len(known)] for place in range(6)]
    said = [text.format(name=people[0]["name"]), *(line.format(*words) for line in _TALK)]
    chat["chat_id"] = chat["experience"]["id"] = name
    chat["chat_parts"] = [
        {"sender": people[turn % 2]["id"], "messages": [message]} for turn, message in enumerate(said)
    ]
    return chat


if __name__ == "__main__":
    make(str(Path(sys.argv[1]).absolute()), Path(sys.argv[2]))
