"""How fast `soc clean` is, how much memory it takes, and which near-duplicates it finds.

    python benchmarks/clean.py                     20,000 and 200,000 chats, about five minutes
    python benchmarks/clean.py --chats 2000        a quick look
    pip install datasketch                         to compare with it

A corpus of made-up chats (about 2,800 characters of talk each) has one planted copy for every ten chats: the
same words, or some words changed so that the Jaccard similarity of its three-word runs, which is computed
exactly, spreads from 0.6 to 0.95. Every figure is taken in a process of its own, so that all of a run can be
compared; CPU seconds, not wall clock, since the machine may be shared. Speeds are the medians of several
rounds in which every figure is taken once, and ratios the medians of the ratios within a round: what the
machine does besides then falls on both sides of a ratio.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from xxhash import xxh3_64_intdigest

WORDS, VOCABULARY = 430, 20_000
PLANTED_SHARE = 10  # one in so many chats is a copy of an earlier one
ROWS = {
    "floor": "read + orjson + xxh3 (floor)",
    "library": "rensa alone, tokens given",
    "dedup": "dedup path",
    "datasketch": "datasketch 16x8, same path",
    "first": "soc clean, keep=first",
    "longest": "soc clean, keep=longest",
}
BANDS = ((0.95, 1.0), (0.9, 0.95), (0.85, 0.9), (0.8, 0.85), (0.7, 0.8), (0.6, 0.7))


@dataclass(frozen=True)
class Planted:
    """A copy of an earlier chat."""

    copy: str
    original: str
    jaccard: float


def make_corpus(path: Path, count: int) -> list[Planted]:
    """Write ``count`` chats; return the planted copies."""
    rng = random.Random(20_25_08)
    vocabulary, weights = _vocabulary(rng)
    planted: list[Planted] = []
    recent: list[tuple[str, list[str], str]] = []
    with path.open("wb") as handle:
        for index in range(count):
            name = f"chat-{index}"
            copied = (
                recent.pop(rng.randrange(len(recent))) if index % PLANTED_SHARE == PLANTED_SHARE - 1 else None
            )
            if copied is None:
                words = rng.choices(vocabulary, weights, k=rng.randint(WORDS - 60, WORDS + 60))
            else:
                words = copied[1] if index % 100 == 99 else _changed(copied[1], rng, vocabulary)
            chat = _chat(name, words, index)
            talk = "\n".join(message for part in chat["chat_parts"] for message in part["messages"])
            if copied is None:
                recent = [*recent[-200:], (name, words, talk)]
            else:
                planted.append(Planted(name, copied[0], jaccard(talk, copied[2])))
            handle.write(orjson.dumps(chat) + b"\n")
    return planted


def _vocabulary(rng: random.Random) -> tuple[list[str], list[float]]:
    """Return made-up words, some with what people type after a word, and how often each is drawn."""
    letters = "etaoinshrdlucmfwypvbgk"
    after = {
        "": 84,
        ",": 4,
        ".": 5,
        "?": 1.5,
        "!": 1,
        "...": 1,
        " 😂": 1.3,
        "'s": 1,
        ": 5": 0.7,
        " - ok": 0.5,
    }
    ends = rng.choices(list(after), list(after.values()), k=VOCABULARY)
    words = ["".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(VOCABULARY)]
    return [word + end for word, end in zip(words, ends, strict=True)], [
        1 / (rank + 20) for rank in range(VOCABULARY)
    ]


def _changed(words: list[str], rng: random.Random, vocabulary: list[str]) -> list[str]:
    target = rng.uniform(0.6, 0.97)
    changes = round(len(words) * (1 - target) / (1 + target) / 3)
    copy = list(words)
    for place in rng.sample(range(len(copy)), max(1, changes)):
        copy[place] = rng.choice(vocabulary)
    return copy


def jaccard(one: str, two: str) -> float:
    """Return the similarity of two texts, by the same runs of words that are compared."""
    from soc_gen.text.ngrams import ngrams  # noqa: PLC0415 - not in the memory of the floor
    from soc_gen.text.tokens import tokenize  # noqa: PLC0415 - not in the memory of the floor

    first, second = (set(ngrams(tokenize(text), 3)) for text in (one, two))
    return len(first & second) / len(first | second)


def _chat(name: str, words: list[str], index: int) -> dict[str, Any]:
    """Return a chat of these words; one in three has a picture, one in twenty something to repair."""
    people = [_persona(number, index) for number in (1, 2)]
    rest = iter(words)
    parts: list[dict[str, Any]] = []
    while part := list(islice(rest, 27)):
        cut = 9 + len(parts) * 7 % 12
        messages = [" ".join(piece) for piece in (part[:cut], part[cut:]) if piece]
        parts.append({"sender": people[len(parts) % 2]["id"], "messages": messages})
    if index % 3 == 0:
        parts[2]["messages"].insert(0, "<image>a cat on a window sill</image> see?")
    if index % 20 == 0:
        parts[1]["messages"][0] = f"**Max:** {parts[1]['messages'][0]} <GIF>shrugs"
    parts[-1]["messages"].append("<end/>")
    situation = {
        "relationship": "neighbours",
        "situation": "One of them found the other's cat.",
        "topic": "the cat",
    }
    experience = {"persona1": people[0], "persona2": people[1], **situation, "id": f"experience-{index}"}
    return {"chat_id": name, "experience": experience, "chat_parts": parts, "model": "none"}


def _persona(number: int, index: int) -> dict[str, Any]:
    return {
        "name": ("Luna Park", "Max Okoro")[number - 1],
        "username": f"user{number}",
        "age": 30,
        "traits": ["dry", "patient"],
        "background": "Repairs instruments in a basement shop and feeds every cat of the street. " * 2,
        "chatting_style": "short, no capitals",
        "model": "none",
        "id": f"persona-{index}-{number}",
    }


def floor(path: Path) -> int:
    """Read, parse and hash: less than this no cleaning can do."""
    with path.open("rb") as handle:
        return sum(1 for line in handle if orjson.loads(line) and xxh3_64_intdigest(line))


def _talks(path: Path) -> Iterator[tuple[str, str]]:
    with path.open("rb") as handle:
        for line in handle:
            chat = orjson.loads(line)
            yield chat["chat_id"], "\n".join([m for part in chat["chat_parts"] for m in part["messages"]])


def dedup_path(path: Path) -> int:
    """Read, parse, and look for near-duplicates, with nothing else of cleaning."""
    from soc_gen.stages.clean.dedup import DuplicateIndex, Fingerprint, minhash  # noqa: PLC0415 - not timed with the floor
    from soc_gen.text.ngrams import join_ngrams, ngrams  # noqa: PLC0415
    from soc_gen.text.tokens import tokenize  # noqa: PLC0415

    seen = DuplicateIndex(0.8, keep_longest=False, same_experience=True)
    kept = 0
    for index, (_, text) in enumerate(_talks(path)):
        words = tokenize(text)
        shingles = ngrams(words, 3)
        key = xxh3_64_intdigest(join_ngrams(words, shingles, 3))
        found = Fingerprint(index, key, index, len(words), minhash(shingles))
        kept += seen.add(found).number is not None
    return kept


def datasketch_path(path: Path) -> int:
    """The same with datasketch at 16 bands of 8 rows."""
    import datasketch  # noqa: PLC0415 - not a dependency

    from soc_gen.text.ngrams import ngrams  # noqa: PLC0415
    from soc_gen.text.tokens import tokenize  # noqa: PLC0415

    index = datasketch.MinHashLSH(params=(16, 8), num_perm=128)
    kept = 0
    for name, text in _talks(path):
        made = datasketch.MinHash(128)
        made.update_batch(ngrams(tokenize(text), 3))
        if not index.query(made):
            index.insert(name, made)
            kept += 1
    return kept


def bare_library(path: Path) -> tuple[int, float]:
    """The dedup library alone, given its tokens; returns the CPU seconds it took itself."""
    from rensa import RMinHash, RMinHashDeduplicator  # noqa: PLC0415

    from soc_gen.text.ngrams import ngrams  # noqa: PLC0415
    from soc_gen.text.tokens import tokenize  # noqa: PLC0415

    near = RMinHashDeduplicator(0.8, 128, use_lsh=True, num_bands=16)
    spent, kept = 0.0, 0
    for name, text in _talks(path):
        shingles = ngrams(tokenize(text), 3)
        began = time.process_time()
        made = RMinHash(128, 42)
        made.update(shingles)
        kept += near.add(name, made)
        spent += time.process_time() - began
    return kept, spent


def whole(path: Path, keep: str = "longest", workers: int = 1) -> dict[str, Any]:
    """All of `soc clean`."""
    from soc_gen.stages.clean.config import CleanConfig  # noqa: PLC0415
    from soc_gen.stages.clean.run import CleanJob, clean_files  # noqa: PLC0415

    out = path.with_suffix(f".{keep}.clean.jsonl")
    config = CleanConfig.model_validate({"keep": keep})
    began = time.process_time()
    report = clean_files(CleanJob([path], out, config, workers=workers))
    return {"cpu": time.process_time() - began, **report.as_dict()}


def measured(what: str, path: Path) -> dict[str, Any]:
    """Take one figure in this process."""
    import soc_gen.stages.clean.run  # noqa: F401, PLC0415 - its memory is there in every figure

    plain: dict[str, Callable[[Path], int]] = {
        "floor": floor,
        "dedup": dedup_path,
        "datasketch": datasketch_path,
    }
    began = time.process_time()
    if what in plain:
        facts: dict[str, Any] = {"kept": plain[what](path), "cpu": time.process_time() - began}
    elif what == "library":
        kept, spent = bare_library(path)
        facts = {"kept": kept, "cpu": spent}
    else:
        facts = whole(path, what)
    return {**facts, "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def run(what: str, path: Path) -> dict[str, Any]:
    """Take a figure in a process of its own."""
    command = [sys.executable, __file__, "--measure", what, str(path)]
    taken: dict[str, Any] = json.loads(
        subprocess.run(command, check=True, capture_output=True, text=True).stdout
    )
    return taken


def removed_by(out: Path) -> dict[str, str]:
    """Return the id of each rejected near-copy, and of the chat it is said to repeat."""
    removed = {}
    for line in out.read_bytes().splitlines():
        rejection = orjson.loads(line)
        if rejection["reason"] in {"near_duplicate", "duplicate_text"}:
            detail = rejection["detail"].removeprefix("of ").split(" to ")[-1]
            removed[rejection["record"]["chat_id"]] = detail.split(" (")[0]
    return removed


def show_quality(path: Path, planted: list[Planted], keep: str) -> None:
    """Print recall for each band of similarity, and how many removals were right."""
    removed = removed_by(path.with_suffix(f".{keep}.clean.rejected.jsonl"))
    pairs = {frozenset((one.copy, one.original)): one.jaccard for one in planted}
    found = {frozenset(pair) for pair in removed.items()}
    exact = [one for one in planted if one.jaccard == 1]
    print(f"\nnear-duplicates, keep={keep}: {len(removed):,} removed of {len(planted):,} planted")
    print(f"  exact copies     recall {_share(frozenset((e.copy, e.original)) in found for e in exact)}")
    for low, high in BANDS:
        inside = [pair for pair, value in pairs.items() if low <= value < high]
        print(f"  J {low:.2f} to {high:.2f}   recall {_share(pair in found for pair in inside)}")
    print(f"  removals at J >= 0.7: {_share(pairs.get(pair, 0) >= 0.7 for pair in found)}   (bar: .999)")
    if keep == "first":
        print(f"  first member kept:    {_share(one.original not in removed for one in planted)}")


def _share(flags: Iterable[bool]) -> str:
    values = list(flags)
    return f"{sum(values) / len(values):.4f} of {len(values):,}" if values else "none planted"


def take_rounds(path: Path, rounds: int) -> list[dict[str, dict[str, Any]]]:
    """Take every figure once in each round."""
    taken: list[dict[str, dict[str, Any]]] = [{} for _ in range(rounds)]
    for number, figures in enumerate(taken):
        for what in ROWS if number == 0 else taken[0]:
            try:
                figures[what] = run(what, path)
            except subprocess.CalledProcessError as error:
                print(f"{ROWS[what]:34}  not measured: {error.stderr.strip().splitlines()[-1]}")
    return taken


def show_speed(path: Path, count: int, taken: list[dict[str, dict[str, Any]]]) -> None:
    """Print speeds side by side."""
    megabytes = path.stat().st_size / 1e6
    print(f"{count:,} chats, {megabytes:.0f} MB, {1e6 * megabytes / count:.0f} bytes a chat")
    print(f"{'':34}{'chats/s':>10}{'MB/s':>9}{'µs/chat':>9}{'RSS MB':>9}   (a CPU second)")
    for what in taken[0]:
        cpu = statistics.median(figures[what]["cpu"] for figures in taken)
        speeds = f"{count / cpu:>10,.0f}{megabytes / cpu:>9.1f}{1e6 * cpu / count:>9.1f}"
        print(f"{ROWS[what]:34}{speeds}{taken[0][what]['rss_mb']:>9.0f}")


def show_bars(taken: list[dict[str, dict[str, Any]]]) -> None:
    """Print the ratios that are promised."""
    print(f"\nratios within a round, {len(taken)} rounds")
    for one, two, bar in (
        ("dedup", "floor", "at most 9"),
        ("datasketch", "dedup", "at least 2"),
        ("longest", "dedup", "at most 4"),
    ):
        if one in taken[0]:
            values = sorted(figures[one]["cpu"] / figures[two]["cpu"] for figures in taken)
            middle = f"{statistics.median(values):6.2f}, from {values[0]:.2f} to {values[-1]:.2f}"
            print(f"  {ROWS[one]} / {ROWS[two]}:\n    {middle}   (bar: {bar})")


def show_growth(small: Path, count: int) -> None:
    """Print what ten times as many chats cost each, against runs before and after on a busy machine."""
    large = small.with_name("large.jsonl")
    make_corpus(large, 10 * count)
    around = [float(run("longest", small)["cpu"]) for _ in range(2)]
    facts = run("longest", large)
    around += [float(run("longest", small)["cpu"]) for _ in range(2)]
    each, few = 1e6 * float(facts["cpu"]) / (10 * count), 1e6 * sum(around) / len(around) / count
    allowed = 150 + 2.5 * facts["kept"] / 1000
    print(f"\n{10 * count:,} chats: {each:.1f} µs each, {few:.1f} µs of {count:,}")
    print(f"  that is {each / few:.2f} times as much   (bar: at most 1.2)")
    print(f"  peak RSS {facts['rss_mb']:.0f} MB, {facts['kept']:,} kept   (bar: {allowed:.0f} MB)")


def show_long_line(folder: Path) -> None:
    """Print the memory that a line of 200 MB takes."""
    path = folder / "long.jsonl"
    with path.open("wb") as handle:
        for _ in range(200):
            handle.write(b'{"a":"' + b"x" * (1 << 20))
        handle.write(b"\n" + orjson.dumps(_chat("after", [f"word{n}" for n in range(200)], 1)) + b"\n")
    facts = run("first", path)
    print(f"\na line of 200 MB: {facts['rejected_by_reason']}, RSS {facts['rss_mb']:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--chats", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-growth", action="store_true", help="leave out ten times as many")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measured(asked.measure[0], Path(asked.measure[1]))))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "small.jsonl"
        planted = make_corpus(path, asked.chats)
        taken = take_rounds(path, asked.rounds)
        show_speed(path, asked.chats, taken)
        show_bars(taken)
        for keep in ("first", "longest"):
            show_quality(path, planted, keep)
        if not asked.no_growth:
            show_growth(path, asked.chats)
        show_long_line(folder)


if __name__ == "__main__":
    main()
