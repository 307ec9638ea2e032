"""Play a row, and say what came otherwise than it should."""

from __future__ import annotations

import os
import re
import signal
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import tomli_w

from tests.endpoints.answers import MARK, THOUGHT
from tests.endpoints.cases import ALL, REQUESTS_OF_ONE, Case
from tests.support.loopback_endpoint import compose
from tests.support.scripted_server import SESSION, Answer, Asked, Behaviour, ScriptedServer
from tests.support.soc_process import ROOT, Ended, SocProcesses

KEY = "sk-a-very-secret-key-0123456789"
_SLOW_MACHINE = 3
"""Bounds of time are for what would else take minutes; a busy machine may take three times as long."""
_MOST_TOKENS = 1_000_000  # of any run here
_FORMATS = {"transcript": ("rollout", "transcript"), "lines": ("experiences", "lines")}


@dataclass(frozen=True)
class Outcome:
    """What came of a row."""

    ended: Ended
    output: str
    failures: list[dict[str, Any]]
    manifest: dict[str, Any]
    servers: list[ScriptedServer]
    elsewhere: int
    """Requests to the other server."""
    leaks: list[str]
    """Files with the key in them."""

    @property
    def asked(self) -> list[Asked]:
        """All requests."""
        return [asked for server in self.servers for asked in server.asked]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Records of the output."""
        return [orjson.loads(line) for line in self.output.splitlines()]

    @property
    def turns(self) -> int:
        """Turns written; of experiences, records."""
        return sum(len(row.get("chat_parts", "1")) for row in self.rows)

    @property
    def said(self) -> str:
        """What is on the screen."""
        return self.ended.stdout + self.ended.stderr


def play(case: Case, soc: SocProcesses, folder: Path) -> Outcome:
    """Run what ``case`` says, against real servers."""
    with ExitStack() as stack:
        other = stack.enter_context(ScriptedServer(Behaviour("another server")))
        behaviours = (case.behaviour, *case.replicas)
        servers = [stack.enter_context(ScriptedServer(one, other.url)) for one in behaviours]
        _write_inputs(case, folder)
        for _ in range(case.runs):
            ended = soc.run(
                _words(case, [server.url for server in servers]),
                folder,
                environment={"SOC_API_KEY": KEY},
                seconds=_SLOW_MACHINE * case.seconds,
                meanwhile=lambda pid: _put_to_sleep(pid, servers, case.pauses),
            )
        elsewhere = len(other.asked) + other.lists
    return Outcome(
        ended=ended,
        output=_text(folder / "out.jsonl"),
        failures=[orjson.loads(line) for line in _text(folder / "out.failures.jsonl").splitlines()],
        manifest=orjson.loads(_text(folder / "out.manifest.json") or "{}"),
        servers=servers,
        elsewhere=elsewhere,
        leaks=[
            path.name for path in folder.iterdir() if path.is_file() and KEY.encode() in path.read_bytes()
        ],
    )


def _words(case: Case, urls: list[str]) -> list[str]:
    command = {
        "check": ["check"],
        "clean": ["clean", "chats.jsonl", "--out", "out.jsonl"],
        "experiences": ["generate", "experiences", "--count", str(case.count), "--out", "out.jsonl"],
        "rollout": ["rollout", "experiences.jsonl", "--out", "out.jsonl"],
    }
    command |= {"transcript": command["rollout"], "lines": command["experiences"]}
    endpoints = [] if case.command == "clean" else [word for url in urls for word in ("--base-url", url)]
    return [*command[case.command], *endpoints, "--config", "run.toml", *case.options]


def _write_inputs(case: Case, folder: Path) -> None:
    settings: dict[str, dict[str, Any]] = {
        "endpoint": {
            "concurrency": 4,
            "timeout_seconds": 5.0,
            "give_up_seconds": 3.0,
            "affinity_header": SESSION,
        },
        "rollout": {"min_turns": 2, "max_turns": case.turns},
    }
    if case.command in _FORMATS:
        stage, form = _FORMATS[case.command]
        settings.setdefault(stage, {})["format"] = form
    for group, values in case.settings.items():
        settings.setdefault(group, {}).update(values)
    (folder / "run.toml").write_text(tomli_w.dumps(settings))
    records = [
        orjson.loads(line) for line in (ROOT / "seeds" / "experiences.jsonl").read_bytes().splitlines()
    ]
    records = records[:1] if case.alike else records
    chosen = [records[at % len(records)] | {"id": str(uuid.UUID(int=at))} for at in range(case.count)]
    _write(folder / "experiences.jsonl", chosen)
    _write(folder / "chats.jsonl", [_chat(record, case.chats) for record in chosen])


def _write(path: Path, records: list[dict[str, Any]]) -> None:
    path.write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))


def _chat(experience: dict[str, Any], template: object) -> dict[str, Any]:
    """Return a chat of six turns, one of whose messages is made from ``template``."""
    messages = [_message(f"{experience['id']} {turn}") for turn in range(6)]
    if template is not None:
        messages[3] = str(template).replace("THOUGHT", THOUGHT).replace("ANSWER", messages[3])
    people = [experience[name]["id"] for name in ("persona1", "persona2")]
    parts = [{"sender": people[turn % 2], "messages": [text]} for turn, text in enumerate(messages)]
    return {"chat_id": experience["id"], "experience": experience, "chat_parts": parts, "model": "a-model"}


def _message(seed: str) -> str:
    text, _ = compose({"messages": [{"role": "user", "content": seed}]}, 0, 0.0, 0.0)
    return re.sub(r"<[^>]*>", "", str(orjson.loads(text)["messages"][0])).strip()


def _put_to_sleep(pid: int, servers: list[ScriptedServer], pauses: tuple[float, ...]) -> None:
    """Stop the process while its requests are in flight, and let it go on later."""
    for seconds in pauses:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and not any(server.busy for server in servers):
            time.sleep(0.005)
        time.sleep(0.05)  # so that all of those that were sent together are there
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            time.sleep(seconds)
            os.kill(pid, signal.SIGCONT)
        time.sleep(0.2)


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


# --- what came of it ---------------------------------------------------------------------------------


def differences(case: Case, outcome: Outcome) -> list[str]:
    """Return what is not as ``case`` expects, one line each."""
    checks = (_ending, _records, _requests, _screen, _secrets_and_drafts, _repeats, _bodies, _counts)
    return [line for check in checks for line in check(case, outcome)]


def _ending(case: Case, outcome: Outcome) -> Iterator[str]:
    ended, expected = outcome.ended, case.expected
    if ended.exit is None:
        yield f"still running after {_SLOW_MACHINE * case.seconds:g} s"
        return
    if expected.exit is not None and ended.exit != expected.exit:
        yield f"exit code {ended.exit}, not {expected.exit}"
    if "Traceback (most recent call last)" in ended.stderr:
        yield f"a trace: {ended.stderr.strip().splitlines()[-1][:160]}"
    if expected.seconds is not None and ended.seconds > _SLOW_MACHINE * expected.seconds:
        yield f"{ended.seconds:.1f} s, not {expected.seconds:g}"
    if expected.megabytes is not None and ended.megabytes > expected.megabytes:
        yield f"{ended.megabytes:.0f} MB of memory, not {expected.megabytes:g}"


def _records(case: Case, outcome: Outcome) -> Iterator[str]:
    expected, rows = case.expected, len(outcome.rows)
    if case.command in {"check", "clean"}:
        return
    wanted = case.count if expected.rows == ALL else expected.rows
    if wanted is not None and not _within(rows, wanted):
        yield f"{rows} rows, not {_shown(wanted)}"
    for failure in outcome.failures:
        if not (failure.get("reason") and failure.get("detail")):
            yield f"a failure without a reason: {failure}"
    reasons = {failure["reason"] for failure in outcome.failures}
    if expected.reasons is not None and reasons != expected.reasons:
        yield f"failures {sorted(reasons)}, not {sorted(expected.reasons)}"


def _requests(case: Case, outcome: Outcome) -> Iterator[str]:
    expected, asked = case.expected, len(outcome.asked)
    if expected.asked is not None:
        if not _within(asked, expected.asked):
            yield f"{asked} requests, not {_shown(expected.asked)}"
    elif expected.each is not None and case.command in REQUESTS_OF_ONE and outcome.turns:
        each = asked / outcome.turns / REQUESTS_OF_ONE[case.command]
        if not _within(each, expected.each):
            yield f"{asked} requests for {outcome.turns}: {each:.2f} each, not {_shown(expected.each)}"
    if outcome.elsewhere != expected.elsewhere:
        yield f"{outcome.elsewhere} requests to another server, not {expected.elsewhere}"


def _screen(case: Case, outcome: Outcome) -> Iterator[str]:
    expected, said = case.expected, outcome.said.lower()
    for words in expected.says:
        if not any(word in said for word in words.lower().split("|")):
            yield f"does not say {words!r}"
    for words in expected.never:
        if words.lower() in said or words.lower() in outcome.output.lower():
            yield f"has {words!r}"
    if expected.once:
        lines = [line for line in outcome.said.splitlines() if expected.once.lower() in line.lower()]
        if len(lines) != 1:
            yield f"says {expected.once!r} in {len(lines)} lines, not in one"


def _secrets_and_drafts(case: Case, outcome: Outcome) -> Iterator[str]:
    if outcome.leaks or KEY in outcome.said:
        yield f"the key is in {outcome.leaks or 'what is said'}"
    if MARK in outcome.output:
        yield "a thought or a draft is in the output"
    if any(MARK in _prompt(asked) for asked in outcome.asked):
        yield "a thought or a draft is in a later prompt"


def _repeats(case: Case, outcome: Outcome) -> Iterator[str]:
    expected = case.expected
    tries: dict[str, list[tuple[Asked, Answer]]] = defaultdict(list)
    for asked, answer in (exchange for server in outcome.servers for exchange in server.exchanges):
        tries[_prompt(asked)].append((asked, answer))
    wrong = [
        (asked.number, after.number)
        for exchanges in tries.values()
        for (asked, answer), (after, _) in pairwise(exchanges)
        if not answer.is_good(asked)
        and (asked.body.get("seed") == after.body.get("seed")) != (expected.again == "same")
    ]
    if expected.again and wrong:
        yield f"request {wrong[0][0]} was asked again, not with the {expected.again}"
    twice = sum(server.repeated for server in outcome.servers)
    if twice and not expected.paid_twice:
        yield f"{twice} answers were asked for, and paid, twice"


def _bodies(case: Case, outcome: Outcome) -> Iterator[str]:
    expected, asked = case.expected, outcome.asked
    for name in expected.unsent:
        found = [one for one in asked if name in one.body or name in _prompt(one)]
        if found:
            yield f"{len(found)} requests have {name!r}"
    for name in expected.dropped:
        if not asked or name in asked[-1].body:
            yield f"{name!r} is still sent"
    for name, value in expected.sends.items():
        if not any(one.body.get(name) == value for one in asked):
            yield f"no request has {name} = {value!r}"
    for name, value in expected.headers.items():
        if not asked or any(one.headers.get(name.lower()) != value for one in asked):
            yield f"not every request has the header {name}: {value}"


def _counts(case: Case, outcome: Outcome) -> Iterator[str]:
    expected, manifest = case.expected, outcome.manifest
    text = orjson.dumps(manifest.get("endpoint")).decode()
    for words in expected.manifest:
        if words not in text:
            yield f"the manifest does not have {words!r} under endpoint"
    if expected.repairs and not manifest.get("repairs"):
        yield "the manifest counts no repair"
    replies = manifest.get("counts", {}).get("replies", 0)
    if not all(0 <= count <= _MOST_TOKENS for count in manifest.get("tokens", {}).values()):
        yield f"the manifest counts {manifest['tokens']}"
    for name, each in expected.tokens.items():
        counted = manifest.get("tokens", {}).get(name)
        if counted != each * replies:
            yield f"the manifest counts {counted} tokens of {name}, not {each * replies}"


def _prompt(asked: Asked) -> str:
    return orjson.dumps(asked.body["messages"]).decode()


def _within(number: float, bounds: float | tuple[float, float]) -> bool:
    lowest, highest = bounds if isinstance(bounds, tuple) else (bounds, bounds)
    return lowest <= number <= highest


def _shown(bounds: float | tuple[float, float]) -> str:
    lowest, highest = bounds if isinstance(bounds, tuple) else (bounds, bounds)
    return f"{lowest:g}" if lowest == highest else f"{lowest:g} to {highest:g}"


def summary(outcome: Outcome) -> str:
    """Return what came of it, in one line."""
    reasons = Counter(failure["reason"] for failure in outcome.failures)
    last = (outcome.ended.stderr.strip().splitlines() or [""])[-1][:200]
    code = "killed" if outcome.ended.exit is None else f"exit {outcome.ended.exit}"
    failed = "".join(f", {count} {reason}" for reason, count in reasons.items())
    counts = f"{len(outcome.rows)} rows{failed}, {len(outcome.asked)} asked"
    return f"{code}, {counts}, {outcome.ended.seconds:.1f} s; {last}"
