"""What soc_gen relies on, asked of a real vLLM. ``CONTRIBUTING.md`` says how to start a small one.

The words of a random model are nothing to judge: what counts is what the server takes and how it answers.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from soc_gen.engine.connect import connect
from soc_gen.llm.faults import ContextLengthError, RequestRejectedError
from soc_gen.llm.types import PromptMessage, Reply, Request
from soc_gen.llm.wire import Capabilities
from soc_gen.settings import Endpoint, Sampling

pytestmark = pytest.mark.vllm

SEEDS = Path(__file__).parents[2] / "seeds" / "experiences.jsonl"
NO_THINKING = {"chat_template_kwargs": {"enable_thinking": False}}
YES_OR_NO = {
    "type": "object",
    "properties": {"answer": {"enum": ["yes", "no"]}},
    "required": ["answer"],
    "additionalProperties": False,
}
CONFIG = """
[endpoint]
concurrency = 4
[experiences]
max_attempts = 2
[experiences.sampling]
max_tokens = 128
top_k = 200
min_p = 0.001
extra_body = { chat_template_kwargs = { enable_thinking = false } }
[rollout]
format = "FORMAT"
min_turns = 2
max_turns = 3
max_attempts = 4
[rollout.sampling]
max_tokens = 128
top_k = 200
min_p = 0.001
extra_body = { chat_template_kwargs = { enable_thinking = false } }
"""


@pytest.fixture(scope="module")
def url() -> str:
    """Where vLLM is."""
    found = os.environ.get("SOC_VLLM_URL")
    if not found:
        pytest.skip("SOC_VLLM_URL is not set")
    return found.rstrip("/")


def ask(url: str, *requests: Request) -> tuple[list[Reply], Capabilities]:
    """Return the replies, asked for one after the other, and what the server turned out to take."""

    async def all_of_them() -> tuple[list[Reply], Capabilities]:
        config = Endpoint(base_urls=(url,))
        async with connect(config, asyncio.sleep, lambda _: None) as connection:
            return [await connection.router.ask(request) for request in requests], connection.capabilities

    return asyncio.run(all_of_them())


def request(text: str, *, seed: int = 1, prefill: str = "", **more: Any) -> Request:
    """Return a small question; ``more`` is sampling, ``schema`` and ``continue_final``."""
    messages: list[PromptMessage] = [{"role": "user", "content": text}]
    if prefill:
        messages.append({"role": "assistant", "content": prefill})
    asked = {name: more.pop(name) for name in ("schema", "continue_final") if name in more}
    sampling = Sampling(**({"max_tokens": 24, "temperature": 1.0, "extra_body": NO_THINKING} | more))
    return Request("test", 0, 0, tuple(messages), sampling, seed, **asked)


def soc(*words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``soc`` and return what it did."""
    return subprocess.run(
        [sys.executable, "-c", "from soc_gen.cli import main; main()", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=os.environ | (env or {}),
    )


def test_a_json_schema_is_held_to(url: str) -> None:
    """``response_format`` json_schema is taken as it is sent, and nothing weaker has to be tried."""
    replies, capabilities = ask(url, *(request("Yes or no?", schema=YES_OR_NO, seed=s) for s in range(4)))
    assert {json.loads(reply.text)["answer"] for reply in replies} <= {"yes", "no"}
    assert capabilities.response_format == "json_schema"


@pytest.mark.parametrize("only_the_best", [{"top_k": 1}, {"min_p": 1.0}], ids=str)
def test_top_k_and_min_p_count_at_the_top_of_the_body(url: str, only_the_best: dict[str, Any]) -> None:
    """With one token to choose from, hot sampling with another seed says the same."""
    hot = [request("Tell me a story.", temperature=2.0, seed=seed, **only_the_best) for seed in (1, 2)]
    one, two = ask(url, *hot)[0]
    assert one.text == two.text


def test_a_seed_fixes_the_reply(url: str) -> None:
    """The same again with the same seed, something else with another."""
    asked = [request("Tell me a story.", seed=seed) for seed in (1, 1, 2)]
    one, again, other = ask(url, *asked)[0]
    assert one.text == again.text != other.text


def test_thinking_is_turned_off_by_the_template(url: str) -> None:
    """``chat_template_kwargs`` reaches the template: the empty thought makes the prompt longer."""
    off, on = ask(url, request("Hi."), request("Hi.", extra_body={}))[0]
    assert off.usage.prompt > on.usage.prompt


def test_there_is_text_whatever_a_reasoning_parser_makes_of_it(url: str) -> None:
    """With ``--reasoning-parser`` a reply with no thought in it has content null, and its text elsewhere."""
    (reply,) = ask(url, request("Hi.", extra_body={"ignore_eos": True}))[0]
    assert reply.text.strip()


def test_a_last_assistant_message_is_continued_and_not_repeated(url: str) -> None:
    """With ``continue_final_message`` no new turn is opened, so the prompt is shorter than with one."""
    script = "Ana: where are you\nBen: almost there\nAna:"
    keep_on = {"ignore_eos": True} | NO_THINKING
    cut = request("Go on.", prefill=script, continue_final=True, extra_body=keep_on)
    new_turn = request("Go on.", prefill=script, extra_body=keep_on)
    continued, answered = ask(url, cut, new_turn)[0]
    assert continued.usage.prompt < answered.usage.prompt
    assert continued.text
    assert not continued.text.startswith("Ana: where")


def test_cached_tokens_are_told(url: str) -> None:
    """The second time, most of the prompt is served from the prefix cache."""
    story = "Once upon a time there was a king who had three daughters. " * 20
    _, again = ask(url, request(story), request(story))[0]
    assert again.usage.cached > again.usage.prompt / 2


def test_a_prompt_too_long_is_told_from_other_refusals(url: str) -> None:
    """It is the conversation's trouble, and the server says how much it takes."""
    context = ask(url, request("Hi."))[1].context
    assert context
    with pytest.raises(ContextLengthError, match="maximum context length"):
        ask(url, request("hello friend " * context))
    with pytest.raises(RequestRejectedError, match="max_tokens"):
        ask(url, request("Hi.", max_tokens=context + 1))


def test_a_reply_for_which_there_is_no_room_is_told_too(url: str) -> None:
    """VLLM cuts it without a word; the size of the context gives it away."""
    (small, large), capabilities = ask(url, request("a b " * 50), request("a b " * 150))
    assert capabilities.context
    each = (large.usage.prompt - small.usage.prompt) / 100
    room = capabilities.context - small.usage.prompt - 40
    keep_on = {"ignore_eos": True} | NO_THINKING
    with pytest.raises(ContextLengthError, match="is full"):
        ask(url, request("a b " * (50 + int(room / each)), max_tokens=400, extra_body=keep_on))


@pytest.mark.parametrize("reply_format", ["json", "transcript"])
def test_a_rollout_is_played_to_its_end(url: str, tmp_path: Path, reply_format: str) -> None:
    """Nothing is repeated, the schema holds, most of each prompt is cached; only words may fail."""
    config, out = tmp_path / "config.toml", tmp_path / "chats.jsonl"
    config.write_text(CONFIG.replace("FORMAT", reply_format), "utf-8")
    done = soc(
        *("rollout", str(SEEDS), "--limit", "2", "--config", str(config)),
        *("--base-url", url, "--out", str(out)),
    )
    manifest = json.loads((tmp_path / "chats.manifest.json").read_text("utf-8"))
    assert "Traceback" not in done.stderr
    assert manifest["retries"] == {}
    assert manifest["endpoint"]["structure"] == "json_schema"
    assert manifest["tokens"]["cached"] > manifest["tokens"]["prompt"] / 3
    assert manifest["counts"]["replies"] >= 2
    assert set(manifest["reasons"]) <= {"bad_turn"}


def test_experiences_are_asked_for(url: str, tmp_path: Path) -> None:
    """The request is taken; whether a model can invent anything is not asked here."""
    config, out = tmp_path / "config.toml", tmp_path / "experiences.jsonl"
    config.write_text(CONFIG.replace("FORMAT", "json"), "utf-8")
    done = soc(
        *("generate", "experiences", "--count", "2", "--config", str(config)),
        *("--base-url", url, "--out", str(out)),
    )
    manifest = json.loads((tmp_path / "experiences.manifest.json").read_text("utf-8"))
    assert "Traceback" not in done.stderr
    assert manifest["retries"] == {}
    assert manifest["counts"]["replies"] >= 2
    assert set(manifest["reasons"]) <= {"bad_experience"}


def test_a_wrong_model_is_one_line_that_names_the_right_one(url: str, tmp_path: Path) -> None:
    """Exit code 1, before anything is asked."""
    out = str(tmp_path / "chats.jsonl")
    done = soc("rollout", str(SEEDS), "--base-url", url, "--model", "no/such-model", "--out", out)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert "no/such-model" in line
    assert listed_model(url) in line


def listed_model(url: str) -> str:
    """Return the first model that the server names."""
    key = os.environ.get("SOC_API_KEY", "")
    call = urllib.request.Request(f"{url}/models", headers={"Authorization": f"Bearer {key}"})  # noqa: S310 - http is meant
    with urllib.request.urlopen(call, timeout=20) as answer:  # noqa: S310 - the same
        return str(json.load(answer)["data"][0]["id"])


def test_a_wrong_key_is_one_line_without_the_key(url: str, tmp_path: Path) -> None:
    """Exit code 1, with the hint; on a server that was started with ``--api-key``."""
    try:
        urllib.request.urlopen(f"{url}/models", timeout=20).close()  # noqa: S310 - http is meant
    except urllib.error.HTTPError as error:
        assert error.code == 401
    else:
        pytest.skip("this server takes any key; start it with --api-key")
    out = str(tmp_path / "chats.jsonl")
    done = soc("rollout", str(SEEDS), "--base-url", url, "--out", out, env={"SOC_API_KEY": "wr0ng-key"})
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert "401" in line
    assert "wr0ng-key" not in line
