"""Point 3: ``soc check`` never ends in a trace, asks as the run will, and carries the server's own words."""

from __future__ import annotations

from typing import Any

from tests.endpoints.answers import answers, before, changed, error, has, says, usage, whole
from tests.endpoints.cases import Case, Expected
from tests.support.scripted_server import LISTED, NOT_FOUND, Answer, Asked, Behaviour, Script

_OFF = "enable_thinking|reasoning_effort|/no_think"
_SHORT = {"endpoint": {"timeout_seconds": 0.3, "give_up_seconds": 0.5}}


def _check(
    name: str,
    chat: Script,
    *says_what: str,
    exit_code: int | None = 1,
    never: tuple[str, ...] = (),
    settings: dict[str, Any] | None = None,
    options: tuple[str, ...] = (),
    models: Answer = LISTED,
    **expected: Any,
) -> Case:
    """No trace, whatever comes; and each of ``says_what`` is told."""
    behaviour = Behaviour(name, chat, models=(models,))
    wanted = Expected(exit=exit_code, says=says_what, never=never, **expected)
    return Case(3, behaviour, wanted, "check", settings or {}, options)


def _with_system(asked: Asked) -> bool:
    return any(message["role"] == "system" for message in asked.body["messages"])


def _thinks(name: str, script: Script) -> Case:
    """It is said that it thinks and how to turn that off; another format is not advised."""
    never = ('rollout.format = "transcript"', 'experiences.format = "lines"')
    return _check(name, script, "think", _OFF, exit_code=None, never=never)


_SAMPLING = {"rollout": {"sampling": {"temperature": 0.37, "top_p": 0.91}}}
_KWARGS: dict[str, Any] = {"chat_template_kwargs": {"enable_thinking": False}}
_BODY = {"rollout": {"sampling": {"extra_body": _KWARGS}}}
_LINES = {"rollout": {"format": "transcript"}, "experiences": {"format": "lines"}}

CASES = (
    _check("all is well", says("ANSWER"), "loopback-model", exit_code=0),
    # What passes is repeated.
    _check(
        "429 twice", answers(429, error("busy"), when=before(2), headers={"Retry-After": "0"}), exit_code=0
    ),
    _check("503 while it loads", answers(503, error("Loading model", code=503), when=before(2)), exit_code=0),
    _check("502 with a page, once", answers(502, "<html>Bad Gateway</html>", when=before(1)), exit_code=0),
    _check("an empty body, once", answers(200, when=before(1)), exit_code=None),
    # What does not, in the server's words.
    _check(
        "400, roles must alternate",
        answers(400, error("Conversation roles must alternate")),
        "must alternate",
    ),
    _check(
        "400 with a flat body (SGLang)",
        answers(400, {"object": "error", "message": "no such adapter: x"}),
        "no such adapter",
    ),
    _check(
        "400 with text",
        answers(400, "prompt template is missing", content_type="text/plain"),
        "template is missing",
    ),
    _check("401", answers(401, error("Incorrect API key provided")), "Incorrect API key", "key"),
    _check(
        "403 for everybody", answers(403, error("Your country is not supported")), "country is not supported"
    ),
    _check(
        "404 of a model", answers(404, error("The model `x` does not exist")), "does not exist", "--model"
    ),
    _check("402", answers(402, error("Insufficient Balance")), "Insufficient Balance"),
    _check(
        "429 for the day", answers(429, error("Limit of 50 requests per day reached")), "requests per day"
    ),
    _check("500 always", answers(500, error("CUDA error: out of memory")), "out of memory", settings=_SHORT),
    _check("529 always", answers(529, error("Overloaded")), "Overloaded", settings=_SHORT),
    _check(
        "a prompt too long",
        answers(400, error("maximum context length is 8 tokens")),
        "maximum context length",
    ),
    _check(
        "no /v1 (LM Studio)",
        answers(200, {"error": "Unexpected endpoint or method. (POST /x)"}),
        "Unexpected endpoint",
        "--base-url",
    ),
    _check("a web page", answers(200, "<html>Welcome</html>", content_type="text/html"), "--base-url"),
    _check(
        "server-sent events",
        answers(200, 'data: {"id": 1}\n\n', content_type="text/event-stream"),
        "--base-url",
    ),
    _check("an empty body", answers(200), "--base-url"),
    _check("half a body", answers(200, '{"choices": [{"mess'), exit_code=1, settings=_SHORT),
    _check("connections reset", lambda _: Answer(cut_after=-1), settings=_SHORT),
    _check("bodies cut", lambda asked: Answer(asked.good, cut_after=40), settings=_SHORT),
    _check("no answer in time", lambda asked: Answer(asked.good, seconds=2.0), settings=_SHORT),
    _check("no choices", whole(lambda found: found.update(choices=[])), settings=_SHORT),
    _check("content null, nothing else", says(None)),
    _check("content_filter", says(None, finish="content_filter")),
    _check(
        "an error in the choice",
        changed(lambda choice: choice.update(error={"code": 502, "message": "Upstream died"})),
        "Upstream died",
        settings=_SHORT,
    ),
    _check("never JSON", says("I would rather tell you a story about Oslo."), "story about Oslo"),
    # What it can do after all.
    _check(
        "response_format refused",
        answers(400, error("This response_format type is unavailable now"), when=has("response_format")),
        exit_code=0,
    ),
    _check(
        "seed refused",
        answers(
            422,
            {
                "detail": [
                    {
                        "type": "extra_forbidden",
                        "loc": ["body", "seed"],
                        "msg": "Extra inputs are not permitted",
                    }
                ]
            },
            when=has("seed"),
        ),
        "seed",
        exit_code=0,
    ),
    _check(
        "max_tokens refused",
        answers(
            400,
            error(
                "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
                param="max_tokens",
            ),
            when=has("max_tokens"),
        ),
        "max_completion_tokens",
        exit_code=0,
    ),
    _check("content in parts", says([{"type": "text", "text": "ANSWER"}]), exit_code=0),
    _check(
        "a model that is not in the list",
        says("ANSWER"),
        "loopback-model",
        options=("--model", "loopback-modle"),
        exit_code=0,
    ),
    _check("no list", says("ANSWER"), models=NOT_FOUND, options=("--model", "m"), exit_code=0),
    _check("usage missing", usage(None), "max-minutes|max_minutes", exit_code=None),
    _check("usage of nonsense", usage({"prompt_tokens": "many", "completion_tokens": -3}), exit_code=None),
    # Thinking.
    _thinks("<think> in the content", says("<think>THOUGHT</think>ANSWER")),
    _thinks("<think> that fills the reply", says("<think>THOUGHT", finish="length")),
    _thinks("[THINK] that fills the reply", says("[THINK]THOUGHT", finish="length")),
    _thinks("reasoning_content, content null", says(None, finish="length", reasoning_content="THOUGHT")),
    _thinks("reasoning beside the answer", says("ANSWER", reasoning="THOUGHT")),
    _thinks("harmony, analysis only", says("<|channel|>analysis<|message|>THOUGHT", finish="length")),
    # As the run will ask.
    _check(
        "its sampling",
        says("ANSWER"),
        exit_code=0,
        settings=_SAMPLING,
        sends=_SAMPLING["rollout"]["sampling"],
    ),
    _check("its extra_body", says("ANSWER"), exit_code=0, settings=_BODY, sends=_KWARGS),
    _check(
        "a field of its extra_body refused",
        answers(400, error("chat_template is not supported"), when=has("chat_template_kwargs")),
        "chat_template",
        exit_code=None,
        settings=_BODY,
    ),
    _check(
        "a system message refused",
        answers(400, error("System role not supported"), when=_with_system),
        "System role not supported",
        "system_role",
    ),
    _check(
        "a message continued is refused",
        answers(400, error("continue_final_message is unknown"), when=has("continue_final_message")),
        "continue_final_message",
        settings=_LINES,
    ),
    _check(
        "the json format, a message continued is refused",
        answers(400, error("continue_final_message is unknown"), when=has("continue_final_message")),
        exit_code=0,
    ),
)
