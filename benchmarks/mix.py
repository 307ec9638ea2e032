"""How fast `soc mix` is, how much memory it takes, and which planted duplicates across sources it finds.

    python benchmarks/mix.py                       20,000 and 200,000 conversations
    python benchmarks/mix.py --conversations 4000  a quick look

A made-up corpus in the forms of three sources, about 3 KB a conversation. One in fifty of LMSYS has a copy in
the Arena by id, one by its words, one with some words changed so that the Jaccard similarity is at least 0.9.
Each figure is taken in a process of its own; CPU seconds, not wall clock, since the machine may be shared.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import orjson

WORDS, VOCABULARY = 460, 30_000
EVERY = 50
SHARES = {"lmsys-chat-1m": 0.6, "chatbot_arena_conversations": 0.2, "OpenHermes-2.5": 0.2}


def make_corpus(folder: Path, count: int) -> Path:
    """Write the rows of all sources and a config; return its path."""
    rng = random.Random(13)
    words = ["".join(rng.choices("etaoinshrdlucm", k=rng.randint(3, 9))) for _ in range(VOCABULARY)]
    parts = {name: round(count * share) for name, share in SHARES.items()}
    planted: list[tuple[str, str, list[dict[str, str]]]] = []
    with (folder / "lmsys-chat-1m.jsonl").open("wb") as out:
        for number in range(parts["lmsys-chat-1m"]):
            turns = _turns(rng, words)
            if number % EVERY < 3:
                planted.append((("id", "exact", "near")[number % EVERY], f"l{number}", turns))
            row = {"conversation_id": f"l{number}", "conversation": turns, "language": "English"}
            out.write(orjson.dumps(row) + b"\n")
    with (folder / "chatbot_arena_conversations.jsonl").open("wb") as out:
        for number in range(parts["chatbot_arena_conversations"]):
            kind, name, turns = planted[number] if number < len(planted) else ("", "", _turns(rng, words))
            row = _battle(kind, name, turns, number, rng, words)
            out.write(orjson.dumps(row) + b"\n")
    with (folder / "OpenHermes-2.5.json").open("wb") as out:
        for number in range(parts["OpenHermes-2.5"]):
            names = {"user": "human", "assistant": "gpt"}
            turns = [{"from": names[turn["role"]], "value": turn["content"]} for turn in _turns(rng, words)]
            row = {"conversations": turns, "source": "made", "id": f"o{number}"}
            out.write((b"[" if number == 0 else b",\n") + orjson.dumps(row))
        out.write(b"]\n")
    lines = ["[mix]", "test_size = 0.01"]
    for name, share in SHARES.items():
        (path,) = folder.glob(f"{name}.json*")
        lines += ["[[mix.sources]]", f'name = "{name}"', f'path = "{path}"', f"share = {share}"]
    (folder / "mix.toml").write_text("\n".join(lines) + "\n")
    (folder / "planted.json").write_bytes(orjson.dumps([(kind, name) for kind, name, _ in planted]))
    return folder / "mix.toml"


def _turns(rng: random.Random, words: list[str]) -> list[dict[str, str]]:
    return [
        {"role": ("user", "assistant")[place % 2], "content": " ".join(rng.choices(words, k=WORDS // 4))}
        for place in range(4)
    ]


def _battle(  # noqa: PLR0917
    kind: str, name: str, turns: list[dict[str, str]], number: int, rng: random.Random, words: list[str]
) -> dict[str, Any]:
    if kind == "id":
        turns = _turns(rng, words)
    elif kind == "near":  # 4 words changed of 460: 12 of about 458 runs of three words
        turns = [turn | {"content": _changed(turn["content"], rng, words)} for turn in turns]
    return {
        "question_id": name if kind == "id" else f"a{number}",
        "winner": "model_a",
        "conversation_a": turns,
        "conversation_b": turns[:1] + _turns(rng, words)[1:],
        "language": "English",
    }


def _changed(text: str, rng: random.Random, words: list[str]) -> str:
    pieces = text.split()
    pieces[rng.randrange(len(pieces))] = rng.choice(words)
    return " ".join(pieces)


def measure(config: Path, out: Path) -> dict[str, float]:
    """Run one mix in this process; return CPU seconds and peak memory above the start."""
    from soc_gen.mix.config import load_mix  # noqa: PLC0415 - in the process that is measured
    from soc_gen.mix.run import MixJob, make_mix  # noqa: PLC0415

    make_mix(MixJob(load_mix(str(config), {}), out))
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"cpu": used.ru_utime + used.ru_stime, "megabytes": used.ru_maxrss / 1024}


def found_share(folder: Path, out: Path) -> dict[str, float]:
    """Return for each kind of planted copy the share of which only one is left."""
    reasons = {(row["source"], row["id"]) for row in map(orjson.loads, (out / "rejected.jsonl").open("rb"))}
    counts: dict[str, list[int]] = {}
    planted = orjson.loads((folder / "planted.json").read_bytes())
    arena = round(sum(1 for _ in (folder / "chatbot_arena_conversations.jsonl").open("rb")))
    for number, (kind, name) in enumerate(planted[:arena]):
        other = name if kind == "id" else f"a{number}"
        gone = ("lmsys-chat-1m", name) in reasons or ("chatbot_arena_conversations", other) in reasons
        counts.setdefault(kind, []).append(int(gone))
    return {kind: sum(hits) / len(hits) for kind, hits in counts.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=20_000)
    parser.add_argument("--once", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        print(json.dumps(measure(*options.once)))
        return
    rates: list[float] = []
    for count in (options.conversations, options.conversations * 10):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            config, out = make_corpus(folder, count), folder / "out"
            command = [sys.executable, __file__, "--once", str(config), str(out)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            used = json.loads(done.stdout)
            manifest = orjson.loads((out / "mix.manifest.json").read_bytes())
            drift = max(
                abs(source["train"] + source["test"] - source["share"] * manifest["total"])
                for source in manifest["sources"].values()
            )
            rates.append(count / used["cpu"])
            limit = 300 + 2.5 * count / 1024
            print(f"{count:>9,} conversations  {rates[-1]:,.0f} per CPU second (at least 1,500)")
            print(f"{'':>9} memory {used['megabytes']:,.0f} MB (at most {limit:,.0f})")
            print(f"{'':>9} planted copies found {found_share(folder, out)}")
            print(f"{'':>9} furthest from its quota {drift:.2f} rows (less than 1)")
    print(f"ten times the rows: {rates[0] / rates[1]:.2f} times the time for each (at most 1.2)")


if __name__ == "__main__":
    main()
