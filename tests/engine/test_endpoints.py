"""Rollouts against endpoints as they are: limits, refusals, outages, budgets, full disks."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import orjson
import pytest

from soc_gen.engine.metrics import RunMetrics
from soc_gen.errors import EndpointError
from tests.support.loopback_endpoint import CONTEXT_FORMS, Behaviour, Exchange, LoopbackEndpoint
from tests.support.runs import Project, env


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_only_the_user_can_change_stops_at_once(project: Project, status: int) -> None:
    """No more than the slots are asked, nothing is paid, and it says what to check."""
    with LoopbackEndpoint(Behaviour(plan=lambda _: f"http_{status}")) as endpoint:
        with pytest.raises(EndpointError, match=str(status)) as caught:
            project.rollout(endpoint.url)
        assert endpoint.requests <= 4
        assert endpoint.answers == 0
    assert "--" in str(caught.value)
    assert project.manifest()["counts"]["replies"] == 0


def test_a_key_that_expires_on_the_way_loses_nothing(project: Project) -> None:
    """401 after twenty replies: one line, all twenty kept, and the next run goes on."""
    with LoopbackEndpoint(
        Behaviour(plan=lambda exchange: "http_401" if exchange.number >= 20 else None)
    ) as endpoint:
        with pytest.raises(EndpointError, match="401"):
            project.rollout(endpoint.url)
        endpoint.behave(plan=None)
        project.rollout(endpoint.url)
        assert endpoint.repeated == 0
    assert len(project.chats()) == 6


def test_settings_that_no_request_passes_with_stop_the_run(project: Project) -> None:
    """A parameter that the server refuses with 400: not thousands of failures, one line.

    Those in flight at first are asked once more without a response format, which may be the reason.
    """
    with LoopbackEndpoint(Behaviour(plan=lambda _: "http_400")) as endpoint:
        project.count = 30
        project.__post_init__()
        with pytest.raises(EndpointError, match="soc check"):
            project.rollout(endpoint.url)
        assert endpoint.requests <= 8 + 4 + 4


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(("taken", "structure"), [(("json_object",), "json_object"), ((), "text")])
def test_a_server_without_schemas_gives_the_same_chats(
    project: Project, tmp_path: Path, status: int, taken: tuple[str, ...], structure: str
) -> None:
    """Found out once, by those in flight at the time, told, and written into the manifest."""
    (tmp_path / "other").mkdir()
    other = Project(tmp_path / "other")
    with LoopbackEndpoint() as endpoint:
        other.rollout(endpoint.url)
    with LoopbackEndpoint(Behaviour(structures=taken, schema_status=status)) as endpoint:
        said = project.soc(endpoint.url, "--concurrency", "4").stderr.splitlines()
        refused = Counter(exchange.fault for exchange in endpoint.log)[f"http_{status}"]
    assert refused <= 4 * (2 - len(taken))
    assert len([line for line in said if "takes no response_format" in line]) == 2 - len(taken)
    assert f"{structure} has to do" in "".join(said)
    assert project.manifest()["endpoint"]["structure"] == structure
    assert project.out.read_bytes() == other.out.read_bytes()


@pytest.mark.parametrize("form", CONTEXT_FORMS)
def test_a_conversation_that_gets_too_long_is_a_failure(project: Project, form: str) -> None:
    """Not repeated, not a chat that looks finished; the same in every form servers say it in."""
    with LoopbackEndpoint(Behaviour(context_tokens=2050, context_form=form)) as endpoint:
        report = project.rollout(endpoint.url, rollout_max_turns=30)
        refused = [exchange.key for exchange in endpoint.log if not exchange.answered]
    assert {failure.reason for failure in report.failures} == {"context_length"}
    assert len(refused) == len(set(refused)) == len(report.failures) > 0
    assert len(project.chats()) == 6 - len(report.failures)


def test_or_it_ends_where_it_stands_if_the_user_wishes(project: Project) -> None:
    """Also for those that had failed before: only the request that is too long is asked once more."""
    with LoopbackEndpoint(Behaviour(context_tokens=2050)) as endpoint:
        first = project.rollout(endpoint.url, rollout_max_turns=30)
        paid = endpoint.answers
        report = project.rollout(endpoint.url, rollout_max_turns=30, rollout_on_context_length="wind_down")
        assert endpoint.answers == paid
    assert first.failures
    assert report.failures == ()
    assert report.metrics.repairs["wound_down"] == len(first.failures)
    assert all(2 <= len(chat.chat_parts) < 30 for chat in project.chats())


@pytest.mark.parametrize("form", ["seconds", "date", "ms"])
def test_after_a_429_the_whole_fleet_waits(project: Project, form: str) -> None:
    """Nobody asks anything before the server's time has come."""
    wait = {"seconds": 1.0, "date": 2.0, "ms": 0.4}[form]

    def plan(exchange: Exchange) -> str | None:
        return "http_429" if exchange.number == 20 else None

    behaviour = Behaviour(plan=plan, retry_after=form, retry_after_seconds=wait)
    with LoopbackEndpoint(behaviour) as endpoint:
        project.rollout(endpoint.url, concurrency=4)
        refused_at = endpoint.log[20].at
        in_flight = [exchange for exchange in endpoint.log[21:] if exchange.at < refused_at + 0.1]
        later = [exchange.at for exchange in endpoint.log[21:] if exchange.at >= refused_at + 0.1]
    assert len(in_flight) <= 4
    # A date has whole seconds; clocks of two threads differ a little.
    assert min(later) >= refused_at + wait - (1.05 if form == "date" else 0.05)


def test_conversations_stick_to_their_replica_and_move_when_it_dies(project: Project) -> None:
    """When a server goes, another is asked the very same in its place; the dataset is the same."""
    with LoopbackEndpoint() as one:
        project.rollout(one.url)
    whole = project.out.read_bytes()
    with LoopbackEndpoint() as one, LoopbackEndpoint() as two:
        one.behave(plan=lambda exchange: "reset" if exchange.number >= 10 else None)
        report = project.rollout(one.url, two.url, restart=True)
        left = {exchange.key: exchange.conversation for exchange in one.log if not exchange.answered}
        begun = {exchange.conversation for exchange in one.log if exchange.answered and exchange.turn}
        answered = {exchange.key for exchange in two.log}
        assert one.answers == 10
        assert 0 < len(one.log) - 10 <= 3 + 4
    assert left
    assert set(left) <= answered
    assert set(left.values()) & begun
    assert report.failures == ()
    assert project.out.read_bytes() == whole


def test_a_healthy_conversation_has_one_home(project: Project) -> None:
    with LoopbackEndpoint() as one, LoopbackEndpoint() as two:
        project.rollout(one.url, two.url, affinity_header="X-Session-ID")
        homes = [{exchange.conversation for exchange in server.log} for server in (one, two)]
        sessions = [exchange.headers["x-session-id"] for server in (one, two) for exchange in server.log]
    assert homes[0]
    assert homes[1]
    assert not homes[0] & homes[1]
    assert len(set(sessions)) == 6


def test_an_outage_is_waited_out(project: Project) -> None:
    """It says that it waits; when the server is back the run completes, and no conversation has failed."""
    meter = RunMetrics()
    said: list[str] = []

    def plan(exchange: Exchange) -> str | None:
        said.append(meter.notice)
        return "http_502" if 10 <= exchange.number < 20 else None

    with LoopbackEndpoint(Behaviour(plan=plan)) as endpoint:
        report = project.rollout(endpoint.url, meter=meter)
    assert report.failures == ()
    assert any("no endpoint answers" in notice for notice in said)
    assert meter.notice == ""
    assert len(project.chats()) == 6


def test_an_outage_without_end_gives_up_with_everything_kept(project: Project) -> None:
    with LoopbackEndpoint(
        Behaviour(plan=lambda exchange: "reset" if exchange.number >= 20 else None)
    ) as endpoint:
        with pytest.raises(EndpointError, match="kept"):
            project.rollout(endpoint.url, give_up_seconds=0.5)
        endpoint.behave(plan=None)
        report = project.rollout(endpoint.url)
        assert endpoint.repeated == 0
    assert report.failures == ()
    assert len(project.chats()) == 6


def test_giving_up_is_one_line_and_exit_code_1(project: Project) -> None:
    """It names the last fault, and says that all is kept."""
    config = project.folder / "short.toml"
    config.write_text("[endpoint]\ngive_up_seconds = 0.3\n")
    plan = {True: "html", False: None}
    with LoopbackEndpoint(Behaviour(plan=lambda exchange: plan[exchange.number >= 20])) as endpoint:
        done = project.soc(endpoint.url, "--config", str(config))
        answered = endpoint.answers
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "not_json" in done.stderr
    assert "kept" in done.stderr
    assert project.manifest()["counts"]["replies"] == answered == 20


@pytest.mark.parametrize(
    ("option", "word"), [("--max-cost=0.01", "$0.01"), ("--max-total-tokens=9000", "9,000 tokens")]
)
def test_a_budget_ends_the_run_and_a_raised_one_goes_on(project: Project, option: str, word: str) -> None:
    """Exit code 0, what is done, how to go on; what it has cost is in the manifest."""
    config = project.folder / "prices.toml"
    config.write_text("[endpoint.prices]\ninput = 1.0\noutput = 2.0\ncached_input = 0.5\n")
    with LoopbackEndpoint() as endpoint:
        done = project.soc(endpoint.url, "--config", str(config), "--concurrency", "2", option)
        assert done.returncode == 0, done.stderr
        assert word in done.stderr
        assert "goes on" in done.stderr
        manifest = project.manifest()
        assert word in manifest["stopped"]
        assert manifest["cost"] > 0
        assert manifest["counts"]["kept"] < 6
        project.rollout(endpoint.url)
        assert endpoint.repeated == 0
    assert len(project.chats()) == 6


def test_transcripts_with_and_without_echo_give_the_same_chats(tmp_path: Path) -> None:
    """llama.cpp repeats what it continues, vLLM does not; and only the last message grows."""
    outputs = set()
    for echo in (False, True):
        (tmp_path / str(echo)).mkdir()
        project = Project(tmp_path / str(echo))
        with LoopbackEndpoint(Behaviour(echo=echo, end_rate=0.1)) as endpoint:
            project.rollout(endpoint.url, rollout_format="transcript", concurrency=1)
            log = endpoint.log
        outputs.add(project.out.read_bytes())
        for before, after in itertools.pairwise(log):
            if before.conversation == after.conversation:
                assert after.body["messages"][:2] == before.body["messages"][:2]
                begun = before.body["messages"][2]["content"]
                assert after.body["messages"][2]["content"].startswith(begun)
    assert len(outputs) == 1


def test_prompts_on_the_wire_only_grow(project: Project) -> None:
    """Every message of a turn's prompt is in the next one's, unchanged and in its place."""
    with LoopbackEndpoint(Behaviour(end_rate=0.3)) as endpoint:
        project.rollout(endpoint.url, rollout_max_turns=16, rollout_min_turns=6)
        latest: dict[str, list[object]] = {}
        for exchange in endpoint.log:
            messages = exchange.body["messages"]
            before = latest.get(exchange.conversation, [])
            assert messages[: len(before)] == before
            latest[exchange.conversation] = messages
        assert endpoint.seen_characters / endpoint.prompt_characters > 0.9


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (30000, resource.RLIM_INFINITY))
from soc_gen.cli import main
main()
"""


@pytest.mark.skipif(os.name == "nt", reason="limits of file sizes are a thing of Unix")
def test_a_disk_that_fills_up_is_one_line_and_nothing_is_lost(project: Project) -> None:
    """No file may pass 30 kB: the run ends; with room again it goes on from what is in the journal."""
    with LoopbackEndpoint() as endpoint:
        command = [sys.executable, "-c", FULL, *project.command(endpoint.url)[3:]]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=env(), timeout=60)
        assert done.returncode == 1, done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert "cannot be written" in done.stderr or "full" in done.stderr
        kept = sum(entry["kind"] == "reply" for entry in project.journal())
        assert kept > 0
        project.rollout(endpoint.url)
        assert endpoint.repeated <= 4
    assert len(project.chats()) == 6


def test_a_second_process_on_the_same_output_is_refused_at_once(project: Project) -> None:
    """With the pid of the first, which goes on undisturbed."""
    arrived = threading.Event()
    release = threading.Event()

    def plan(exchange: Exchange) -> None:
        arrived.set()
        if exchange.number > 3:
            release.wait(20)

    with LoopbackEndpoint(Behaviour(plan=plan)) as endpoint, LoopbackEndpoint() as other:
        first = subprocess.Popen(
            project.command(endpoint.url), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env()
        )
        assert arrived.wait(30)
        second = project.soc(other.url)
        release.set()
        _, said = first.communicate(timeout=60)
    assert second.returncode == 1
    assert f"process {first.pid}" in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1
    assert other.requests == 0
    assert first.returncode == 0, said
    assert len(project.chats()) == 6


def test_the_manifest_says_what_was_done(project: Project) -> None:
    """Settings, prompts by hash, counts, tokens, times, and no key."""
    with LoopbackEndpoint() as endpoint:
        project.rollout(endpoint.url)
        manifest = project.manifest()
    assert manifest["counts"] | {"in": 6, "kept": 6, "failed": 0} == manifest["counts"]
    assert manifest["tokens"]["prompt"] > manifest["tokens"]["cached"] > 0
    assert manifest["endpoint"]["urls"] == [endpoint.url]
    assert all(len(digest) == 64 for digest in manifest["prompts"].values())
    assert manifest["inputs"][0]["records"] == 6
    assert orjson.dumps(manifest)


FEW_FILES = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (SOFT, HARD))
from soc_gen.cli import main
main()
"""


@pytest.mark.skipif(os.name == "nt", reason="limits of open files are a thing of Unix")
@pytest.mark.parametrize(("soft", "hard", "told"), [(80, 80, True), (48, 4096, False)])
def test_more_slots_than_files_may_be_open(tmp_path: Path, soft: int, hard: int, told: bool) -> None:
    """The bound is raised as far as the system allows; beyond it there are fewer slots, and it says so."""
    project = Project(tmp_path, count=60)
    code = FEW_FILES.replace("SOFT", str(soft)).replace("HARD", str(hard))
    with LoopbackEndpoint(Behaviour(latency=0.02)) as endpoint:
        words = project.command(endpoint.url, "--concurrency", "60", "--max-turns", "2")[3:]
        command = [sys.executable, "-c", code, *words]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=env(), timeout=60)
        assert done.returncode == 0, done.stderr
        assert endpoint.peak <= (16 if told else 60)
    assert ("Only 80 files may be open" in done.stderr) == told
    assert len(project.chats()) == 60
