"""What the rollout engine does, measured against a loopback endpoint in another process.

    python benchmarks/rollout.py [--quick] [--only throughput,cpu,prefix,limit,random,kill,start,memory]

Prints one table: what, figure, the bar it is held to. Ratios are taken within one run, since machines
differ and are shared; throughput is taken in the middle of a run (by the endpoint's own count), so that
neither the start nor the last conversations count. Needs Linux for CPU times, and ``.[test]``.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from soc_gen.config import load_config
from soc_gen.engine.context import RunContext
from soc_gen.engine.execute import run_stage
from soc_gen.io.resources import shipped
from soc_gen.llm.client import EndpointClient
from soc_gen.llm.types import Reply, Request
from soc_gen.models import Experience
from soc_gen.stages.rollout.formats import json_turns
from soc_gen.stages.rollout.run import RolloutStage

ROOT = Path(__file__).parent.parent
SOC = [sys.executable, "-c", "from soc_gen.cli import main; main()"]
TURNS = 16
FAULTS = {
    "http_500": 0.025,
    "http_503": 0.025,
    "http_429": 0.005,
    "reset": 0.025,
    "cut_body": 0.025,
    "broken_json": 0.025,
    "hang": 0.02,
}


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    what: str
    figure: str
    bar: str = ""
    good: bool = True


@dataclass
class Server:
    """The endpoint's process."""

    url: str

    def stats(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self._get("/stats"))
        return found

    def behave(self, **changes: object) -> None:
        self._get("/behave", orjson.dumps(changes))

    def _get(self, path: str, data: bytes | None = None) -> bytes:
        with urllib.request.urlopen(self.url.removesuffix("/v1") + path, data) as answer:  # noqa: S310 - our own
            read: bytes = answer.read()
            return read


@contextmanager
def serving(*options: str) -> Iterator[Server]:
    command = [sys.executable, str(ROOT / "tests" / "support" / "loopback_endpoint.py"), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Server(process.stdout.readline().strip())
        finally:
            process.kill()


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("SOC_", "OPENAI_"))}


def write_experiences(path: Path, count: int) -> Path:
    """Write the shipped experiences again and again, under ids of their own."""
    lines = (shipped("seeds") / "experiences.jsonl").read_bytes().splitlines()
    seeds = [orjson.loads(line) for line in lines]
    with path.open("wb") as file:
        for index in range(count):
            record = seeds[index % len(seeds)] | {"id": str(uuid.UUID(int=index))}
            file.write(orjson.dumps(record) + b"\n")
    return path


def rollout(url: str, source: Path, out: Path, *options: str) -> list[str]:
    return [*SOC, "rollout", str(source), "--out", str(out), "--base-url", url, *options]


def quietly(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(), cwd=ROOT
    )


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- throughput ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Speed:
    """What was done in the middle of a run."""

    per_second: float
    cpu_milliseconds: float
    """Of the client, for each turn."""


def speed(server: Server, command: list[str], warm: float, seconds: float) -> Speed:
    process = quietly(command)
    try:
        before = server.stats()["answers"]
        while server.stats()["answers"] <= before:
            time.sleep(0.1)
        time.sleep(warm)
        began, first, cpu = time.monotonic(), server.stats()["answers"], cpu_seconds(process.pid)
        time.sleep(seconds)
        took = time.monotonic() - began
        last, cpu = server.stats()["answers"], cpu_seconds(process.pid) - cpu
    finally:
        process.kill()
        process.wait()
    return Speed((last - first) / took, 1000 * cpu / max(1, last - first))


def throughput(folder: Path, *, quick: bool) -> Iterator[Row]:
    """``soc rollout`` and a bare aiohttp client, one after the other, at each number in flight."""
    source = write_experiences(folder / "many.jsonl", 20_000)
    warm, seconds, repeats = (2, 5, 1) if quick else (4, 20, 3)
    for slots in (64, 256) if quick else (64, 256, 512, 1024):
        ours, bares = [], []
        for repeat in range(repeats):
            with serving("--latency", "1", "--jitter", "0.5", "--no-prefixes") as server:
                out = folder / f"speed-{slots}-{repeat}.jsonl"
                options = ("--concurrency", str(slots), "--max-turns", str(TURNS))
                ours.append(speed(server, rollout(server.url, source, out, *options), warm, seconds))
                command = [sys.executable, __file__, "--bare", server.url, "--slots", str(slots)]
                bares.append(speed(server, command, warm, seconds))
        own = statistics.median(one.per_second for one in ours)
        ratio = statistics.median(a.per_second / b.per_second for a, b in zip(ours, bares, strict=True))
        cpu, bare_cpu = (statistics.median(one.cpu_milliseconds for one in runs) for runs in (ours, bares))
        bar = 0.85 if slots >= 1024 else 0.95
        yield Row(
            f"throughput, {slots} in flight: of slots/latency",
            f"{own / slots:.3f} ({own:.0f} turns/s)",
            f">= {bar}",
            own / slots >= bar,
        )
        yield Row("  of a bare aiohttp client in the same run", f"{ratio:.3f}", f">= {bar}", ratio >= bar)
        yield Row(
            "  CPU for each turn", f"{cpu:.2f} ms (bare: {bare_cpu:.2f})", "<= 10x", cpu <= 10 * bare_cpu
        )


async def bare(url: str, slots: int) -> None:
    """Do what a rollout asks, with nothing but aiohttp: the yardstick."""
    lines = (shipped("seeds") / "experiences.jsonl").read_bytes().splitlines()
    openings = [
        list(json_turns.render(Experience.model_validate_json(line), [], 0, "").messages) for line in lines
    ]
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(60)) as session:

        async def talk(number: int) -> None:
            while True:
                messages: list[Any] = list(openings[number % len(openings)])
                for turn in range(TURNS):
                    body = {
                        "model": "m",
                        "messages": messages,
                        "seed": number * 1000 + turn,
                        "max_tokens": 512,
                    }
                    async with session.post(f"{url}/chat/completions", data=orjson.dumps(body)) as answer:
                        reply = orjson.loads(await answer.read())
                    messages.append(reply["choices"][0]["message"])
                    messages.append({"role": "user", "content": "Now the other one's turn."})
                number += slots

        await asyncio.gather(*(talk(number) for number in range(slots)))


# --- CPU -------------------------------------------------------------------------------------------------


def cpu(folder: Path, *, quick: bool) -> Iterator[Row]:
    """CPU of a whole turn, one conversation at a time, at 2 and at 40 messages of history."""
    source = write_experiences(folder / "cpu.jsonl", 12 if quick else 60)
    stamps: list[tuple[int, float]] = []
    bodies: dict[int, bytes] = {}
    real = EndpointClient.ask

    async def stamped(self: EndpointClient, request: Request) -> Reply:
        stamps.append((request.turn, time.process_time()))
        bodies[request.turn] = orjson.dumps({"messages": request.messages, "seed": 1})
        return await real(self, request)

    with serving("--no-prefixes") as server:
        groups = {"endpoint": {"base_urls": (server.url,), "concurrency": 1}, "rollout": {"max_turns": 22}}
        config = load_config(None, groups)
        EndpointClient.ask = stamped  # type: ignore[method-assign]
        try:
            stage = RolloutStage(source, config.rollout)
            asyncio.run(run_stage(stage, folder / "cpu-chats.jsonl", RunContext(config.endpoint)))
        finally:
            EndpointClient.ask = real  # type: ignore[method-assign]
        spent: dict[int, list[float]] = {}
        for (turn, began), (following, ended) in itertools.pairwise(stamps):
            if following == turn + 1:
                spent.setdefault(turn, []).append(1000 * (ended - began))
        raw = {turn: asyncio.run(raw_cpu(server.url, bodies[turn], 50 if quick else 400)) for turn in (0, 19)}
    few, many = statistics.median(spent[0]), statistics.median(spent[19])
    yield Row(
        "CPU for a turn at 2 messages",
        f"{few:.2f} ms ({few / raw[0]:.1f}x raw aiohttp)",
        "<= 10x",
        few <= 10 * raw[0],
    )
    yield Row(
        "CPU for a turn at 40 messages",
        f"{many:.2f} ms ({many / raw[19]:.1f}x)",
        "<= 10x",
        many <= 10 * raw[19],
    )
    yield Row("  of that at 2 messages", f"{many / few:.2f}", "<= 1.2", many <= 1.2 * few)


async def raw_cpu(url: str, body: bytes, count: int) -> float:
    """Return the milliseconds of CPU that one exchange takes with aiohttp alone."""
    taken = []
    async with aiohttp.ClientSession() as session:
        for _ in range(count):
            began = time.process_time()
            async with session.post(f"{url}/chat/completions", data=body) as answer:
                orjson.loads(await answer.read())
            taken.append(1000 * (time.process_time() - began))
    return statistics.median(taken)


# --- the others ------------------------------------------------------------------------------------------


def prefix(folder: Path, *, quick: bool) -> Iterator[Row]:
    """Share of the prompts' characters that were sent before, as 64-character blocks from the start."""
    source = write_experiences(folder / "prefix.jsonl", 10 if quick else 45)
    with serving() as server:
        options = ("--concurrency", "8", "--max-turns", str(TURNS))
        quietly(rollout(server.url, source, folder / "prefix-chats.jsonl", *options)).wait()
        stats = server.stats()
    share = stats["seen_characters"] / stats["prompt_characters"]
    yield Row(f"prefix reuse at {TURNS} turns", f"{share:.3f}", ">= 0.95", share >= 0.95)


def first_seconds(source: Path, out: Path, slots: str, seconds: float, *options: str) -> dict[str, Any]:
    """Return what the endpoint has counted some seconds after the first request of a run."""
    with serving("--latency", "0.3", "--jitter", "0.5", *options) as server:
        process = quietly(rollout(server.url, source, out, "--concurrency", slots))
        while not server.stats()["requests"]:
            time.sleep(0.02)
        time.sleep(seconds)
        stats = server.stats()
        process.kill()
        process.wait()
    return stats


def limit(folder: Path, *, quick: bool) -> Iterator[Row]:
    """Useful requests per second where 100 are allowed, from the first request on."""
    source = write_experiences(folder / "limit.jsonl", 5_000)
    seconds = 10 if quick else 60
    for kind in ("bucket", "window"):
        for slots in ("64", "auto"):
            out = folder / f"limit-{kind}-{slots}.jsonl"
            stats = first_seconds(source, out, slots, seconds, "--rate", "100", "--rate-kind", kind)
            useful, refused = stats["answers"] / seconds, stats["faults"].get("http_429", 0)
            bar = ">= 85" if slots == "64" else ""
            yield Row(
                f"rate limit 100/s ({kind}), {slots} slots: useful in {seconds} s",
                f"{useful:.1f}/s ({refused} refused)",
                bar,
                not bar or useful >= 85,
            )


def random_refusals(folder: Path, *, quick: bool) -> Iterator[Row]:
    """Turns per second where a share of all requests gets a 429 at random, from the first request on."""
    source = write_experiences(folder / "random.jsonl", 5_000)
    bars = {0.05: 0.7, 0.1: 0.6, 0.2: 0.4}
    seconds, repeats = (5, 1) if quick else (20, 3)
    for slots in ("64", "auto"):
        ratios: dict[float, list[float]] = {share: [] for share in bars}
        for repeat in range(repeats):
            found = []
            for share in (0.0, *bars):
                out = folder / f"random-{slots}-{share}-{repeat}.jsonl"
                stats = first_seconds(source, out, slots, seconds, f"--fault=http_429={share}")
                found.append(stats["answers"])
            for share, answers in zip(bars, found[1:], strict=True):
                ratios[share].append(answers / found[0])
        for share, bar in bars.items():
            ratio = statistics.median(ratios[share])
            # How fast slots are found by themselves differs from run to run by more than that.
            told = f">= {bar}" if slots == "64" else ""
            what = f"429 to {share:.0%} at random, {slots} slots: turns in {seconds} s"
            yield Row(what, f"{ratio:.2f} of those without refusals", told, not told or ratio >= bar)


def kill(folder: Path, *, quick: bool) -> Iterator[Row]:
    """SIGKILL at random points, with faults in 15 % of the exchanges, against an undisturbed run."""
    count, kills, slots = (24, 3, 8) if quick else (200, 20, 32)
    source = write_experiences(folder / "kill.jsonl", count)
    config = folder / "kill.toml"
    config.write_text("[endpoint]\ntimeout_seconds = 2\n")
    options = ("--concurrency", str(slots), "--max-turns", "12", "--config", str(config))
    behaviour = ("--end-rate", "0.1", "--bad-rate", "0.03", "--latency", "0.02")
    with serving(*behaviour) as server:
        quietly(rollout(server.url, source, folder / "whole.jsonl", *options)).wait()
        asked = server.stats()["answers"]
    rng = random.Random(7)
    faults = [f"--fault={name}={share}" for name, share in FAULTS.items()]
    with serving(*behaviour, *faults) as server:
        command = rollout(server.url, source, folder / "killed.jsonl", *options)
        for number in range(kills):
            aim = asked * (number + rng.random()) / (kills + 1)
            process = quietly(command)
            while process.poll() is None and server.stats()["answers"] < aim:
                time.sleep(0.002)
            time.sleep(rng.random() * 0.05)
            process.kill()
            process.wait()
        began = time.monotonic()
        code = quietly(command).wait()
        took = time.monotonic() - began
        stats = server.stats()
    same = (folder / "killed.jsonl").read_bytes() == (folder / "whole.jsonl").read_bytes()
    yield Row(
        f"{kills} kills, faults 15 %: same dataset of {count} chats",
        f"{'yes' if same else 'NO'}",
        "yes",
        same and not code,
    )
    repaid, bound = stats["repeated"], slots * kills
    yield Row("  requests paid again", f"{repaid} of {stats['answers']}", f"<= {bound}", repaid <= bound)
    yield Row("  faults on the way", f"{sum(stats['faults'].values())}; the last run took {took:.0f} s")


def start(folder: Path, *, quick: bool) -> Iterator[Row]:
    """From the start of the process to the first request, and ``soc --help``."""
    source = write_experiences(folder / "start.jsonl", 100)
    helps, firsts = [], []
    for repeat in range(3 if quick else 7):
        began = time.monotonic()
        quietly([*SOC, "--help"]).wait()
        helps.append(time.monotonic() - began)
        with serving() as server:
            asked = time.time()
            process = quietly(rollout(server.url, source, folder / f"start-{repeat}.jsonl"))
            while not server.stats()["first_at"]:
                time.sleep(0.005)
            firsts.append(server.stats()["first_at"] - asked)
            process.kill()
            process.wait()
    shown = statistics.median(helps)
    yield Row("soc --help", f"{shown:.2f} s", "< 0.25 s", shown < 0.25)
    yield Row("from start to the first request", f"{statistics.median(firsts):.2f} s")


def memory(folder: Path, *, quick: bool) -> Iterator[Row]:
    """Most memory of a run, by the size of its input."""
    peaks = {}
    for count in (1_000, 10_000) if quick else (10_000, 100_000):
        source = write_experiences(folder / "memory.jsonl", count)
        with serving("--no-prefixes") as server:
            out = folder / f"memory-{count}.jsonl"
            process = quietly(rollout(server.url, source, out, "--concurrency", "64", "--max-turns", "4"))
            while server.stats()["answers"] < (800 if quick else 6000):
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            _, _, usage = os.wait4(process.pid, 0)
            process.returncode = 0
        peaks[count] = usage.ru_maxrss / 1024
        yield Row(f"memory with {count:,} experiences", f"{peaks[count]:.0f} MB")
    small, large = peaks.values()
    yield Row("  growth, ten times the input", f"{large / small:.2f}x", "<= 1.2x", large <= 1.2 * small)


PARTS: dict[str, Callable[..., Iterator[Row]]] = {
    "start": start,
    "prefix": prefix,
    "cpu": cpu,
    "throughput": throughput,
    "limit": limit,
    "random": random_refusals,
    "kill": kill,
    "memory": memory,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a smoke run: short, and not to be quoted")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas")
    parser.add_argument("--bare", help=argparse.SUPPRESS)
    parser.add_argument("--slots", type=int, default=64, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.bare:
        asyncio.run(bare(given.bare, given.slots))
        return
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}\n")
    print(f"{'what':58} {'figure':34} {'bar':10}")
    for name in given.only.split(","):
        with tempfile.TemporaryDirectory() as folder:
            for row in PARTS[name](Path(folder), quick=given.quick):
                mark = "" if row.good else "  MISSED"
                print(f"{row.what:58} {row.figure:34} {row.bar:10}{mark}", flush=True)


if __name__ == "__main__":
    main()
