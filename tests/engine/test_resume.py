"""Cut off anywhere and run again: the same prompts, the same dataset, nothing paid twice."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from soc_gen.engine import execute as asking
from soc_gen.engine.stop import Stop
from soc_gen.errors import EndpointError, JournalError
from soc_gen.models import Experience
from tests.support.loopback_endpoint import TRANSPORT_FAULTS, Behaviour, Exchange, LoopbackEndpoint
from tests.support.runs import Project, env, experiences, in_input_order, write_experiences


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[bytes]:
    """What an undisturbed run of six experiences gives."""
    (tmp_path / "whole").mkdir()
    project = Project(tmp_path / "whole")
    with LoopbackEndpoint(Behaviour(end_rate=0.2)) as endpoint:
        project.rollout(endpoint.url)
    yield project.out.read_bytes()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def bodies(endpoint: LoopbackEndpoint) -> Counter[str]:
    """Return how often each request was answered."""
    return Counter(exchange.key for exchange in endpoint.log if exchange.answered)


def stop_after(count: int) -> tuple[Stop, Behaviour]:
    """Return a wish to stop that comes with that request, and the endpoint that brings it."""
    stop = Stop()

    def plan(exchange: Exchange) -> None:
        if exchange.number == count:
            stop.set("interrupted")

    return stop, Behaviour(end_rate=0.2, plan=plan)


def kill_at(endpoint: LoopbackEndpoint, number: int, command: list[str]) -> None:
    """Run ``command`` and SIGKILL it when that request arrives."""
    running: list[subprocess.Popen[bytes]] = []

    def plan(exchange: Exchange) -> None:
        if exchange.number >= number and running:
            running[0].kill()

    endpoint.behave(plan=plan)
    running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env()))
    running[0].wait(60)


@pytest.mark.parametrize("count", [0, 1, 7, 20])
def test_the_second_run_goes_on_in_the_middle_of_conversations(
    project: Project, whole: bytes, count: int
) -> None:
    """Prompts byte for byte what they would have been: the endpoint sees each one once."""
    stop, behaviour = stop_after(count)
    with LoopbackEndpoint(behaviour) as endpoint:
        project.rollout(endpoint.url, stop=stop)
        assert project.out.read_bytes() != whole
        endpoint.behave(plan=None)
        report = project.rollout(endpoint.url)
        assert set(bodies(endpoint).values()) == {1}
        assert endpoint.repeated == 0
    assert report.metrics.replayed or report.metrics.resumed
    assert project.out.read_bytes() == whole


@pytest.mark.parametrize("slots", [1, 8, 512])
def test_slots_do_not_change_a_byte(project: Project, whole: bytes, slots: int) -> None:
    with LoopbackEndpoint(Behaviour(end_rate=0.2)) as endpoint:
        project.rollout(endpoint.url, concurrency=slots)
    assert project.out.read_bytes() == whole


def test_bad_replies_are_the_same_ones_on_every_run(tmp_path: Path) -> None:
    """What is asked again varies the seed by a fixed rule, so that 1, 8 and 512 slots end alike."""
    outputs, seeds = set(), set()
    for slots in (1, 8, 512):
        (tmp_path / str(slots)).mkdir()
        project = Project(tmp_path / str(slots))
        with LoopbackEndpoint(Behaviour(end_rate=0.2, bad_rate=0.2)) as endpoint:
            report = project.rollout(endpoint.url, concurrency=slots)
            seeds.add(tuple(sorted(exchange.body["seed"] for exchange in endpoint.log)))
        assert report.metrics.rerolls.total() > 3
        outputs.add(project.out.read_bytes())
    assert len(outputs) == len(seeds) == 1


def test_the_manifest_counts_all_runs(tmp_path: Path) -> None:
    """Checks by name, time and money: the same after a stop as without one, and after a run with no work."""
    found = []
    for number in (None, 15):
        stop = Stop()

        def plan(exchange: Exchange, number: int | None = number, stop: Stop = stop) -> str | None:
            if exchange.number == number:
                stop.set("interrupted")
            return "http_500" if exchange.number == 3 else None

        (tmp_path / str(number)).mkdir()
        project = Project(tmp_path / str(number))
        with LoopbackEndpoint(Behaviour(end_rate=0.2, bad_rate=0.2, plan=plan)) as endpoint:
            project.rollout(endpoint.url, stop=stop)
            endpoint.behave(plan=None)
            for _ in range(2):
                project.rollout(endpoint.url)
        manifest = project.manifest()
        assert manifest["retries"] == {"http_500": 1}
        assert manifest["seconds"] >= manifest["seconds_this_run"]
        found.append([manifest[name] for name in ("rerolls", "repairs", "reasons")])
    assert sum(found[0][0].values()) > 3
    assert found[0] == found[1]


def test_the_time_and_the_repeats_of_a_killed_run_are_known(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are in the journal while it runs; the journal of a killed run ends before its last account."""
    monkeypatch.setattr(asking, "ACCOUNT_SECONDS", 0.01)
    journal = project.folder / "chats.journal.jsonl"
    with LoopbackEndpoint(Behaviour(latency=0.02, end_rate=0.2)) as endpoint:
        endpoint.behave(plan=lambda exchange: "http_500" if exchange.number == 2 else None)
        project.rollout(endpoint.url)
        whole = project.manifest()["seconds"]
        *before, last = journal.read_bytes().splitlines(keepends=True)
        assert orjson.loads(last)["kind"] == "time"
        journal.write_bytes(b"".join(before))
        times = [entry for entry in map(orjson.loads, before) if entry["kind"] == "time"]
        assert len(times) > 3
        endpoint.behave(plan=None)
        project.rollout(endpoint.url)
    manifest = project.manifest()
    assert manifest["retries"] == {"http_500": 1}
    kept = sum(entry["seconds"] for entry in times)
    assert kept <= whole + 0.05
    assert manifest["seconds"] == pytest.approx(kept + manifest["seconds_this_run"], abs=0.11)


def test_what_is_asked_again_differs_in_the_seed_alone(project: Project) -> None:
    with LoopbackEndpoint(
        Behaviour(plan=lambda exchange: "length" if exchange.number == 0 else None)
    ) as endpoint:
        report = project.rollout(endpoint.url, limit=1)
        first, second = endpoint.log[0].body, endpoint.log[1].body
    assert report.metrics.rerolls == {"cut_off": 1}
    assert first.pop("seed") != second.pop("seed")
    assert first == second


@pytest.mark.parametrize("fault", [*TRANSPORT_FAULTS, "hang"])
def test_a_fault_on_the_way_repeats_the_very_same_request(project: Project, whole: bytes, fault: str) -> None:
    """Once at the server for each time we asked, with the same bytes, and the same dataset in the end."""

    def plan(exchange: Exchange) -> str | None:
        return fault if exchange.number in {30, 37} else None

    behaviour = Behaviour(end_rate=0.2, plan=plan, retry_after="ms", retry_after_seconds=0.01)
    with LoopbackEndpoint(behaviour) as endpoint:
        report = project.rollout(endpoint.url, timeout_seconds=1.0)
        failed = [exchange.key for exchange in endpoint.log if exchange.fault]
        answered = bodies(endpoint)
        assert endpoint.requests == endpoint.answers + 2
    assert len(failed) == 2
    assert all(answered[key] == 1 for key in failed)
    assert report.metrics.retries.total() == 2
    assert project.out.read_bytes() == whole


def test_other_settings_are_refused_and_named(project: Project) -> None:
    """Model, prompts, sampling or records that changed: which, and what to do; nothing is asked."""
    with LoopbackEndpoint() as endpoint:
        project.rollout(endpoint.url)
        before, asked = project.out.read_bytes(), endpoint.requests
        with pytest.raises(JournalError, match=r"rollout\.max_turns was 8, is 6"):
            project.rollout(endpoint.url, rollout_max_turns=6)
        endpoint.behave(models=("another",))
        with pytest.raises(JournalError, match="model was loopback-model, is another"):
            project.rollout(endpoint.url)
        endpoint.behave(models=("loopback-model",))
        write_experiences(project.source, experiences(6)[1:])
        with pytest.raises(JournalError, match="--restart"):
            project.rollout(endpoint.url)
        assert (project.out.read_bytes(), endpoint.requests) == (before, asked)
        project.rollout(endpoint.url, restart=True)
        assert len(project.chats()) == 5


@pytest.mark.parametrize("between", [False, True])
def test_an_input_that_grew_pays_for_what_is_new(project: Project, between: bool) -> None:
    """Three, then six: at the end, or the missing ones between those that were there."""
    every = experiences(6)
    write_experiences(project.source, every[::2] if between else every[:3])
    with LoopbackEndpoint() as endpoint:
        project.rollout(endpoint.url)
        write_experiences(project.source, every)
        report = project.rollout(endpoint.url)
        assert endpoint.repeated == 0
    assert report.metrics.resumed == 3
    assert [chat.experience.id for chat in project.chats()] == [one.id for one in every]


def test_a_limit_can_be_raised(project: Project, whole: bytes) -> None:
    with LoopbackEndpoint(Behaviour(end_rate=0.2)) as endpoint:
        assert project.rollout(endpoint.url, limit=2).records == 2
        assert project.rollout(endpoint.url).records == 6
        assert endpoint.repeated == 0
    assert project.out.read_bytes() == whole


def test_failures_are_retried_and_come_out_in_input_order(project: Project, whole: bytes) -> None:
    """Two conversations that the endpoint refuses; the next run asks for them, with what they had paid."""
    firsts: list[str] = []

    def plan(exchange: Exchange) -> str | None:
        if exchange.conversation not in firsts:
            firsts.append(exchange.conversation)
        return "http_451" if exchange.conversation in firsts[:2] and exchange.turn == 3 else None

    with LoopbackEndpoint(Behaviour(end_rate=0.2, plan=plan)) as endpoint:
        report = project.rollout(endpoint.url, concurrency=1)
        assert [failure.reason for failure in report.failures] == ["refused", "refused"]
        pending = (project.folder / "chats.failures.jsonl").read_text()
        assert pending.count('"refused"') == 2
        assert project.manifest()["counts"]["failed"] == 2
        endpoint.behave(plan=None)
        assert project.rollout(endpoint.url).failures == ()
        assert endpoint.repeated == 0
    assert project.out.read_bytes() == whole
    assert (project.folder / "chats.failures.jsonl").read_text() == ""


def test_failures_are_not_forgotten_when_the_run_ends_early(project: Project) -> None:
    """By an error, and by a stop of the next run before it came to them."""
    firsts: list[str] = []

    def plan(exchange: Exchange) -> str | None:
        if exchange.conversation not in firsts:
            firsts.append(exchange.conversation)
        if exchange.number >= 30:
            return "http_401"
        return "http_451" if exchange.conversation == firsts[0] and exchange.turn == 3 else None

    pending = project.folder / "chats.failures.jsonl"
    with LoopbackEndpoint(Behaviour(plan=plan)) as endpoint:
        with pytest.raises(EndpointError):
            project.rollout(endpoint.url, concurrency=1)
        assert pending.read_text().count('"refused"') == 1
        assert project.manifest()["reasons"] == {"refused": 1}
        project.rollout(endpoint.url, budget_max_tokens=100)
        assert pending.read_text().count('"refused"') == 1
        endpoint.behave(plan=None)
        project.rollout(endpoint.url)
    assert pending.read_text() == ""
    assert len(project.chats()) == 6


def test_a_turn_that_stays_bad_gets_new_tries_on_the_next_run(project: Project) -> None:
    """Four replies that cannot be used, then four more, without paying for the first four again."""
    with LoopbackEndpoint(Behaviour(plan=lambda _: "empty")) as endpoint:
        first = project.rollout(endpoint.url, limit=1)
        assert [failure.reason for failure in first.failures] == ["bad_turn"]
        assert endpoint.requests == 4
        project.rollout(endpoint.url, limit=1)
        assert endpoint.requests == 8
        assert len({exchange.body["seed"] for exchange in endpoint.log}) == 8


def test_two_experiences_with_one_id_do_not_share_a_chat(project: Project) -> None:
    """The second is a failure that says so; the others are done."""
    first, second, third = experiences(3)
    write_experiences(project.source, [first, second.model_copy(update={"id": first.id}), third])
    with LoopbackEndpoint() as endpoint:
        report = project.rollout(endpoint.url)
    assert [(failure.index, failure.reason) for failure in report.failures] == [(1, "bad_record")]
    assert first.id in report.failures[0].detail
    assert len(project.chats()) == 2


def test_a_line_that_is_no_experience_is_a_failure_with_its_place(project: Project) -> None:
    lines = project.source.read_bytes().splitlines(keepends=True)
    project.source.write_bytes(lines[0] + b'{"persona1": {}}\n' + lines[1])
    with LoopbackEndpoint() as endpoint:
        report = project.rollout(endpoint.url)
    assert len(project.chats()) == 2
    assert [failure.reason for failure in report.failures] == ["bad_record"]
    assert f"{project.source}:2" in report.failures[0].detail


def test_a_broken_line_that_was_mended_is_played_by_the_next_run(project: Project) -> None:
    """And only that one is paid for."""
    lines = project.source.read_bytes().splitlines(keepends=True)
    project.source.write_bytes(lines[0] + b'{"persona1": {}}\n' + lines[1])
    with LoopbackEndpoint() as endpoint:
        project.rollout(endpoint.url)
        asked = endpoint.requests
        project.source.write_bytes(lines[0] + lines[2] + lines[1])
        report = project.rollout(endpoint.url)
        assert endpoint.requests < 2 * asked
        assert endpoint.repeated == 0
    assert not report.failures
    assert [chat.experience for chat in project.chats()] == [experiences(3)[at] for at in (0, 2, 1)]


def test_ctrl_c_drains_and_the_second_run_completes(project: Project, whole: bytes) -> None:
    """Exit code 130, how to go on, no traceback; the replies in flight were kept."""
    with LoopbackEndpoint(Behaviour(end_rate=0.2)) as endpoint:
        process: subprocess.Popen[str] | None = None

        def plan(exchange: Exchange) -> None:
            if exchange.number == 8 and process is not None:
                process.send_signal(signal.SIGINT)

        endpoint.behave(plan=plan, latency=0.02)
        process = subprocess.Popen(
            project.command(endpoint.url, "--concurrency", "4"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env(),
        )
        _, said = process.communicate(timeout=60)
        assert process.returncode == 130, said
        assert "goes on where it ended" in said
        assert "Traceback" not in said
        assert "never retrieved" not in said
        answered = endpoint.answers
        assert answered <= 8 + 4 + 4
        assert project.manifest()["counts"]["replies"] == answered
        endpoint.behave(plan=None, latency=0.0)
        report = project.rollout(endpoint.url)
        assert endpoint.repeated == 0
    assert report.failures == ()
    assert project.out.read_bytes() == whole


def test_ctrl_c_before_anything_was_asked_leaves_at_once(project: Project) -> None:
    """An endpoint that takes the connection and says nothing: 130, not the error of waiting for it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = subprocess.Popen(
            project.command(f"http://127.0.0.1:{silent.getsockname()[1]}/v1"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env(),
        )
        connection, _ = silent.accept()
        with connection:
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "nobody answers" not in said
    assert "Traceback" not in said


def test_a_second_ctrl_c_leaves_at_once_and_leaves_nothing_half_done(project: Project, whole: bytes) -> None:
    """With an endpoint that hangs: 130, no traceback, no noise from tasks; what was paid is there."""
    with LoopbackEndpoint(Behaviour(end_rate=0.2)) as endpoint:
        process: subprocess.Popen[str] | None = None
        hanging: list[int] = []

        def plan(exchange: Exchange) -> str | None:
            if exchange.number < 6 or process is None:
                return None
            hanging.append(exchange.number)
            if len(hanging) == 4:  # all slots wait, so every answer so far is in the journal
                process.send_signal(signal.SIGINT)
            return "hang"

        endpoint.behave(plan=plan)
        process = subprocess.Popen(
            project.command(endpoint.url, "--concurrency", "4"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env(),
        )
        lines = iter(process.stderr.readline, "") if process.stderr else iter([])
        said = next(line for line in lines if "Stopping" in line)
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=60)
        said += rest
        assert process.returncode == 130, said
        assert "Traceback" not in said
        assert "never retrieved" not in said
        assert "destroyed" not in said
        endpoint.behave(plan=None)
        project.rollout(endpoint.url)
        assert endpoint.repeated == 0
    assert project.out.read_bytes() == whole


def test_killed_again_and_again_with_faults_the_dataset_is_the_same(project: Project, whole: bytes) -> None:
    """SIGKILL five times, 15 % of the exchanges going wrong: no more than the slots is paid again each."""
    slots, kills = 4, 5
    mix = dict.fromkeys(("http_500", "http_503", "reset", "cut_body", "broken_json"), 0.028) | {
        "http_429": 0.01
    }
    behaviour = Behaviour(
        end_rate=0.2, latency=0.005, jitter=0.5, mix=mix, retry_after="ms", retry_after_seconds=0.02
    )
    with LoopbackEndpoint(behaviour) as endpoint:
        options = ("--concurrency", str(slots))
        for kill in range(kills):
            kill_at(endpoint, endpoint.requests + 3 + kill % 3, project.command(endpoint.url, *options))
            assert in_input_order(project)
        endpoint.behave(plan=None)
        report = project.rollout(endpoint.url, concurrency=slots)
        assert endpoint.repeated <= slots * kills
    assert report.failures == ()
    assert project.out.read_bytes() == whole


def test_the_journal_of_a_killed_run_needs_no_cleaning_up(project: Project, whole: bytes) -> None:
    """Its lock is stale, its last line torn, its output behind: the next run sees to it all."""
    stop, behaviour = stop_after(15)
    with LoopbackEndpoint(behaviour) as endpoint:
        project.rollout(endpoint.url, stop=stop)
        journal = project.folder / "chats.journal.jsonl"
        journal.write_bytes(journal.read_bytes()[:-30])
        (project.folder / ".chats.journal.lock").write_text("1")
        project.out.unlink()
        endpoint.behave(plan=None)
        project.rollout(endpoint.url)
        assert endpoint.repeated <= 1
    assert project.out.read_bytes() == whole


def test_experiences_are_the_same_records_when_read_back(project: Project) -> None:
    """What the chats carry is what the input had."""
    with LoopbackEndpoint() as endpoint:
        project.rollout(endpoint.url)
    lines = project.source.read_bytes().splitlines()
    assert [chat.experience for chat in project.chats()] == [
        Experience.model_validate_json(line) for line in lines
    ]


def test_what_is_added_to_the_input_during_a_run_is_the_next_ones(project: Project, whole: bytes) -> None:
    """The journal knows nothing of those records yet; the second run does, and plays them."""
    lines = project.source.read_bytes().splitlines(keepends=True)
    project.source.write_bytes(b"".join(lines[:3]))

    def plan(exchange: Exchange) -> None:
        if exchange.number == 2:
            project.source.write_bytes(b"".join(lines))

    with LoopbackEndpoint(Behaviour(end_rate=0.2, plan=plan)) as endpoint:
        project.rollout(endpoint.url, concurrency=1)  # so that the file is read as it is played
        assert len(project.chats()) == 3
        project.rollout(endpoint.url)
        assert endpoint.repeated == 0
    assert project.out.read_bytes() == whole
