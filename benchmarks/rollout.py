"""What the rollout engine claims, measured: ``python benchmarks/rollout.py``.

The endpoint is ``tests/loopback_endpoint.py`` in a process of its own; ``soc rollout`` runs as for users.
Compare ratios within one run: the absolute figures are the machine's. Parts: throughput, cpu, prefix, rate,
kill, start, memory.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

ROOT = Path(__file__).parents[1]
SOC = [sys.executable, "-c", "from soc_gen.cli import main; main()"]
TURNS = 16
FAULTS = ("http_429", "http_500", "http_503", "reset", "cut_body", "broken_json", "error_body", "no_choices")


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    part: str
    what: str
    figure: str
    bar: str = ""


@contextmanager
def endpoint(*options: str) -> Iterator[str]:
    """Run a loopback endpoint; yield its URL."""
    command = [sys.executable, str(ROOT / "tests/loopback_endpoint.py"), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def stats(url: str) -> dict[str, Any]:
    """Return what the endpoint has counted."""
    with urllib.request.urlopen(url.removesuffix("/v1") + "/stats", timeout=60) as answer:  # noqa: S310 - loopback
        found: dict[str, Any] = json.load(answer)
        return found


def experiences(path: Path, count: int) -> Path:
    """Write ``count`` experiences, the shipped ones with other ids."""
    shipped = [orjson.loads(line) for line in (ROOT / "seeds/experiences.jsonl").read_bytes().splitlines()]
    with path.open("wb") as handle:
        for number in range(count):
            record = shipped[number % len(shipped)] | {"id": f"benchmark-{number}"}
            handle.write(orjson.dumps(record) + b"\n")
    return path


def rollout(source: Path, out: Path, url: str, slots: int | str, *options: str) -> list[str]:
    """Return the command of one rollout, with chats of ``TURNS`` turns unless told otherwise."""
    command = [
        *SOC,
        "rollout",
        str(source),
        "--out",
        str(out),
        "--base-url",
        url,
        "--concurrency",
        str(slots),
    ]
    return [*command, "--min-turns", "0", *(options or ("--max-turns", str(TURNS)))]


def run(command: list[str]) -> resource.struct_rusage:
    """Run a command to its end; return what it used."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in {0, 130}:
        msg = f"failed: {' '.join(command)}"
        raise RuntimeError(msg)
    return usage


def steady_rate(command: list[str], url: str, total: int) -> float:
    """Run a command; return the answers per second between a fifth and two thirds of ``total``."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    marks: list[tuple[float, int]] = []
    while process.poll() is None:
        answers = int(stats(url)["answers"])
        if 0.2 * total <= answers <= 0.67 * total:
            marks.append((time.monotonic(), answers))
        time.sleep(0.25)
    (begin, first), (end, last) = marks[0], marks[-1]
    return (last - first) / (end - begin)


BARE = """
import asyncio, sys, aiohttp, orjson

JSON = {"Content-Type": "application/json"}

async def ask(session, url, messages, turn):
    body = orjson.dumps({"model": "loopback-model", "messages": messages, "seed": turn, "max_tokens": 512})
    async with session.post(url + "/chat/completions", data=body, headers=JSON) as answer:
        return orjson.loads(await answer.read())["choices"][0]["message"]["content"]

async def talk(session, url, name, turns):
    messages = [{"role": "system", "content": "x" * 6000}, {"role": "user", "content": name + "y" * 1500}]
    for turn in range(turns):
        said = await ask(session, url, messages, turn)
        messages += [{"role": "assistant", "content": said}, {"role": "user", "content": "Now the other."}]

async def row(session, url, number, turns, rounds):
    for again in range(rounds):
        await talk(session, url, f"{number} {again}", turns)

async def main(url, slots, turns, rounds):
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(row(session, url, number, turns, rounds) for number in range(slots)))

asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
"""
"""A client that does nothing but ask: the floor."""


def throughput(folder: Path, *, quick: bool) -> Iterator[Row]:
    """Turns per second against a server that takes a second for each, next to a bare client."""
    bars = {64: "0.95", 256: "0.95", 512: "0.95", 1024: "0.85"}
    rounds = 2 if quick else 4
    for slots in [64] if quick else [64, 256, 512, 1024]:
        source = experiences(folder / f"{slots}.jsonl", slots * rounds)
        total = slots * rounds * TURNS
        rates = []
        for command in (
            lambda url, s=source, n=slots: rollout(s, folder / f"{n}.out.jsonl", url, n),
            lambda url, n=slots: [sys.executable, "-c", BARE, url, str(n), str(TURNS), str(rounds)],
        ):
            with endpoint("--latency", "1", "--jitter", "0.5", "--no-prefixes") as url:
                rates.append(steady_rate(command(url), url, total))
        ours, bare = rates
        yield Row("throughput", f"{slots} in flight, of {slots}/s", f"{ours / slots:.2f}", f"≥ {bars[slots]}")
        yield Row(
            "throughput", f"{slots} in flight, of a bare client", f"{ours / bare:.2f}", f"≥ {bars[slots]}"
        )


def bare_cpu(rounds: int) -> float:
    """Return the CPU seconds of the bare client for so many conversations in each of 32 rows."""
    with endpoint("--no-prefixes") as url:
        usage = run([sys.executable, "-c", BARE, url, "32", str(TURNS), str(rounds)])
    return usage.ru_utime + usage.ru_stime


def cpu(folder: Path, *, quick: bool) -> Iterator[Row]:
    """CPU of one turn, short and long histories, next to a bare client."""
    turns = 800 if quick else 3200

    def used(length: int, count: int) -> float:
        source = experiences(folder / f"cpu{length}.jsonl", count)
        with endpoint("--no-prefixes") as url:
            usage = run(
                rollout(
                    source, folder / f"cpu{length}.{count}.out.jsonl", url, 32, "--max-turns", str(length)
                )
            )
        return usage.ru_utime + usage.ru_stime

    start = used(2, 1)
    short = (used(2, turns // 2) - start) / turns
    long = (used(40, turns // 40) - start) / turns
    # The mean over a chat of T turns is a + b·T/2 if a turn costs a + b·t.
    slope = (long - short) / (20 - 1)
    base = short - slope
    rounds = max(1, turns // TURNS // 32)
    raw = (bare_cpu(rounds) - bare_cpu(0)) / (rounds * TURNS * 32)
    yield Row("cpu", "a turn with 2 messages before it", f"{(base + slope * 2) * 1000:.2f} ms")
    yield Row(
        "cpu", "40 messages before it, of that", f"{(base + slope * 40) / (base + slope * 2):.2f}", "≤ 1.2"
    )
    yield Row("cpu", "a turn, of a bare client's", f"{short / raw:.1f}", "≤ 10")


def prefix(folder: Path, *, quick: bool) -> Iterator[Row]:
    """Share of the prompt characters that the server has seen before, in blocks of 64."""
    source = experiences(folder / "prefix.jsonl", 8 if quick else 64)
    with endpoint() as url:
        run(rollout(source, folder / "prefix.out.jsonl", url, 16))
        found = stats(url)
    yield Row(
        "prefix",
        f"seen before, {TURNS} turns",
        f"{found['seen_characters'] / found['prompt_characters']:.3f}",
        "≥ 0.95",
    )


def rate(folder: Path, *, quick: bool) -> Iterator[Row]:
    """Useful requests per second under a limit of 100."""
    for kind in ("bucket", "window"):
        source = experiences(folder / f"rate{kind}.jsonl", 60 if quick else 250)
        with endpoint("--rate", "100", "--rate-kind", kind, "--latency", "0.1", "--no-prefixes") as url:
            total = (60 if quick else 250) * TURNS
            useful = steady_rate(rollout(source, folder / f"rate{kind}.out.jsonl", url, 64), url, total)
            found = stats(url)
        yield Row("rate", f"useful requests/s of 100, {kind}", f"{useful:.0f}", "≥ 85")
        yield Row(
            "rate",
            f"refused requests, {kind}",
            f"{found['requests'] - found['answers']} of {found['requests']}",
        )


def kill(folder: Path, *, quick: bool) -> Iterator[Row]:
    """SIGKILL at random points, 15 % of the exchanges go wrong: the same dataset?"""
    kills, slots = (3, 16) if quick else (20, 32)
    source = experiences(folder / "kill.jsonl", 24 if quick else 160)
    calm, rough = folder / "calm.jsonl", folder / "rough.jsonl"
    with endpoint("--bad-rate", "0.05") as url:
        run(rollout(source, calm, url, slots))
    mix = [f"--fault={fault}={0.15 / len(FAULTS):.4f}" for fault in FAULTS]
    rng = random.Random(4)
    with endpoint("--bad-rate", "0.05", "--latency", "0.15", "--jitter", "0.5", *mix) as url:
        for _ in range(kills):
            process = subprocess.Popen(
                rollout(source, rough, url, slots), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            before = int(stats(url)["answers"])
            while process.poll() is None and stats(url)["answers"] < before + rng.randint(5, 120):
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
            process.wait()
        run(rollout(source, rough, url, slots))
        found = stats(url)
    same = hashlib.sha256(calm.read_bytes()).digest() == hashlib.sha256(rough.read_bytes()).digest()
    yield Row("kill", f"same dataset after {kills} kills, 15 % faults", "yes" if same else "NO", "yes")
    yield Row(
        "kill", "requests paid twice, for each kill", f"{found['repeated'] / kills:.1f}", f"≤ {slots} (slots)"
    )


def start(folder: Path, *, quick: bool) -> Iterator[Row]:
    """How long until something happens."""
    times = []
    for _ in range(3 if quick else 9):
        began = time.monotonic()
        subprocess.run([*SOC, "--help"], stdout=subprocess.DEVNULL, check=True)
        times.append(time.monotonic() - began)
    yield Row("start", "soc --help", f"{sorted(times)[len(times) // 2]:.2f} s", "< 0.25 s")
    source = experiences(folder / "start.jsonl", 4)
    firsts = []
    for number in range(3 if quick else 5):
        with endpoint() as url:
            wall = time.time()
            run(rollout(source, folder / f"start{number}.jsonl", url, 4, "--max-turns", "2"))
            firsts.append(stats(url)["first_at"] - wall)
    yield Row("start", "soc rollout to its first request", f"{sorted(firsts)[len(firsts) // 2]:.2f} s")


def memory(folder: Path, *, quick: bool) -> Iterator[Row]:
    """Peak memory for the same work out of a short and a long file."""
    peaks = []
    for count in (1_000, 5_000) if quick else (10_000, 100_000):
        source = experiences(folder / f"memory{count}.jsonl", count)
        with endpoint("--no-prefixes") as url:
            bound = ("--max-turns", "2", "--max-total-tokens", "1000000" if quick else "6000000")
            usage = run(rollout(source, folder / f"memory{count}.out.jsonl", url, 64, *bound))
        peaks.append(usage.ru_maxrss / 1024)
        yield Row("memory", f"peak with {count:,} experiences", f"{peaks[-1]:.0f} MB")
    yield Row("memory", "long file, of short file", f"{peaks[1] / peaks[0]:.2f}", "flat")


PARTS: dict[str, Callable[..., Iterator[Row]]] = {
    part.__name__: part for part in (throughput, cpu, prefix, rate, kill, start, memory)
}


def main() -> None:
    """Run the wanted parts, and print their rows as they come."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(PARTS), choices=[*PARTS, list(PARTS)])
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    print(f"{'part':12}{'what':44}{'figure':>16}  bar")
    with tempfile.TemporaryDirectory() as name:
        for part in given.parts:
            for row in PARTS[part](Path(name), quick=given.quick):
                print(f"{row.part:12}{row.what:44}{row.figure:>16}  {row.bar}", flush=True)


if __name__ == "__main__":
    main()
