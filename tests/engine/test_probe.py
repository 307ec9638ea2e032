"""``soc check``: what is asked, what is found, what is advised; against a real server."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from soc_gen.engine.probe import Finding, Trial, probe
from soc_gen.errors import EndpointError
from soc_gen.io.jsonl import read_jsonl
from soc_gen.io.resources import shipped
from soc_gen.models import Experience
from soc_gen.settings import Endpoint, Sampling
from soc_gen.stages.experiences.config import ExperiencesConfig
from soc_gen.stages.experiences.trial import experience_trial
from soc_gen.stages.rollout.config import RolloutConfig
from soc_gen.stages.rollout.trial import rollout_trial
from tests.endpoints.answers import answers, before, error, has, says
from tests.support.command import soc
from tests.support.loopback_endpoint import MODEL
from tests.support.scripted_server import Asked, Behaviour, Script, ScriptedServer, good

SEEDS = [
    one
    for one in read_jsonl(shipped("seeds") / "experiences.jsonl", Experience)
    if isinstance(one, Experience)
]


def trials(experiences: dict[str, Any] | None = None, rollout: dict[str, Any] | None = None) -> list[Trial]:
    return [
        experience_trial(ExperiencesConfig(**experiences or {}), SEEDS),
        rollout_trial(RolloutConfig(**rollout or {}), SEEDS[0]),
    ]


def check(script: Script, *wanted: Trial, seconds: float = 5.0) -> tuple[list[Finding], list[Asked]]:
    with ScriptedServer(Behaviour("a server", script)) as server:
        config = Endpoint(base_urls=(server.url,), give_up_seconds=seconds, timeout_seconds=seconds)
        findings = asyncio.run(probe(config, wanted or trials()))
        return findings, server.asked


def of(findings: list[Finding], word: str) -> Finding:
    (found,) = (finding for finding in findings if word in finding.question)
    return found


def test_a_good_endpoint_is_told_what_it_does_and_how_fast() -> None:
    findings, asked = check(good)
    assert all(finding.good and not finding.hint for finding in findings)
    assert findings[0].answer == MODEL
    assert "json_schema" in of(findings, "experience").answer
    assert of(findings, "counts tokens").answer.split()[0].isdigit()
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("form", "roles"),
    [
        (("json", "json"), ["system", "user", "assistant", "user"]),
        (("lines", "transcript"), ["system", "user", "assistant"]),
    ],
)
def test_it_asks_with_the_sampling_the_format_and_the_roles_of_a_run(
    form: tuple[str, str], roles: list[str]
) -> None:
    sampling = Sampling(temperature=0.37, top_p=0.91, max_tokens=99, extra_body={"repeat_penalty": 1.1})
    findings, asked = check(
        good, *trials({"format": form[0]}, {"format": form[1], "sampling": sampling, "min_turns": 2})
    )
    assert all(finding.good for finding in findings)
    last = asked[-1].body
    assert [message["role"] for message in last["messages"]] == roles
    assert (last["temperature"], last["top_p"], last["max_tokens"]) == (0.37, 0.91, 99)
    assert last["repeat_penalty"] == 1.1
    assert ("continue_final_message" in last) == (form[1] == "transcript")
    assert ("response_format" in last) == (form[1] == "json")


@pytest.mark.parametrize(("status", "count"), [(429, 3), (503, 3), (500, 1), (529, 2)])
def test_faults_that_pass_are_repeated(status: int, count: int, caplog: pytest.LogCaptureFixture) -> None:
    findings, asked = check(answers(status, error("Loading model"), when=before(count)))
    assert all(finding.good for finding in findings)
    assert len(asked) == 3 + count
    assert len(caplog.messages) == 1


def test_faults_that_do_not_pass_are_repeated_for_a_bounded_time() -> None:
    begun = time.monotonic()
    findings, _ = check(answers(503, error("Loading model")), seconds=1.0)
    assert time.monotonic() - begun < 4.0
    assert [finding.good for finding in findings] == [True, False, False]
    assert "http_503" in findings[1].answer


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_what_only_the_user_can_change_is_an_error(status: int) -> None:
    with pytest.raises(EndpointError, match="Some words of its own"):
        check(answers(status, error("Some words of its own")))


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_refusal_carries_the_first_words_of_the_server(status: int) -> None:
    """Two hundred characters, control characters as text; more than these few refusals are no error."""
    findings, asked = check(answers(status, error("\x1b[31mNo! " + "x" * 500)))
    for finding in (of(findings, "experience"), of(findings, "chat")):
        assert not finding.good
        assert r"\x1b[31mNo!" in finding.answer
        assert "x" * 150 in finding.answer
        assert len(finding.answer) < 310
        assert finding.hint
    assert len(asked) < 8


def has_system(asked: Asked) -> bool:
    return any(message["role"] == "system" for message in asked.body["messages"])


def test_what_would_be_taken_is_found_by_asking() -> None:
    """In whatever words the refusal is."""
    findings, asked = check(answers(400, error("Bad template"), when=has_system))
    assert 'system_role = "user"' in of(findings, "experience").hint
    assert ["user"] in [[message["role"] for message in one.body["messages"]] for one in asked]
    sampling = Sampling(top_k=3, extra_body={"guided": 1})
    findings, _ = check(
        answers(400, error("Bad field"), when=has("guided")), *trials(rollout={"sampling": sampling})
    )
    assert of(findings, "experience").good
    assert "without top_k, guided: leave out" in of(findings, "chat").hint
    assert "[rollout.sampling]" in of(findings, "chat").hint


def test_a_server_that_continues_no_message_needs_the_other_format() -> None:
    lines = trials({"format": "lines"}, {"format": "transcript"})
    findings, _ = check(answers(400, error("unknown field"), when=has("continue_final_message")), *lines)
    assert 'experiences.format = "json"' in of(findings, "experience").hint
    assert 'rollout.format = "json"' in of(findings, "chat").hint


@pytest.mark.parametrize(
    ("script", "works"),
    [
        (says("<think>THOUGHT</think>ANSWER"), True),
        (says("ANSWER", reasoning_details=[{"type": "reasoning.text", "text": "THOUGHT"}]), True),
        (says("<think>THOUGHT", finish="length"), False),
        (says("Okay, the user wants a chat. Let me think about how.", finish="length"), False),
        (says(None, finish="length", reasoning_content="THOUGHT"), False),
    ],
)
def test_a_model_that_thinks_is_told_with_what_turns_it_off(script: Script, works: bool) -> None:
    findings, _ = check(script)
    for finding in (of(findings, "experience"), of(findings, "chat")):
        assert finding.good == works
        assert "enable_thinking = false" in finding.hint
        assert "format" not in finding.hint


@pytest.mark.parametrize(
    ("script", "hint"),
    [
        (says("I would rather not."), "rollout.format"),
        (says("A long story", finish="length"), "max_tokens"),
        (says(None, finish="content_filter"), "rollout.format"),
    ],
)
def test_replies_that_cannot_be_used_are_shown(script: Script, hint: str) -> None:
    chat = of(check(script)[0], "chat")
    assert not chat.good
    assert "the last reply" in chat.answer
    assert hint in chat.hint


def test_each_stage_is_asked_at_its_own_endpoint(tmp_path: Path) -> None:
    """With its own model; an option wins over the file for both."""
    with ScriptedServer(Behaviour("one")) as one, ScriptedServer(Behaviour("two")) as two:
        config = tmp_path / "run.toml"
        config.write_text(
            f'[endpoint]\nbase_urls = ["{one.url}"]\n'
            f'[rollout.endpoint]\nbase_urls = ["{two.url}"]\nmodel = "m"\n'
        )
        done = soc("check", "--config", str(config), "--json", cwd=tmp_path)
        assert (done.returncode, len(one.asked), len(two.asked)) == (0, 1, 2)
        assert {asked.body["model"] for asked in two.asked} == {"m"}
        soc("check", "--config", str(config), "--base-url", one.url, "--model", MODEL, cwd=tmp_path)
        assert (len(one.asked), len(two.asked)) == (4, 2)
    found = orjson.loads(done.stdout)
    assert all(set(finding) == {"question", "good", "answer", "hint"} for finding in found)
    assert [finding["answer"] for finding in found if "model" in finding["question"]] == [MODEL, "m"]
