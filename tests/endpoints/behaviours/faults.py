"""Points 5 and 6: one bad exchange loses nothing, one flagged prompt is that conversation's trouble alone."""

from __future__ import annotations

from typing import Any

from tests.endpoints.answers import (
    always,
    answers,
    at,
    changed,
    error,
    every,
    in_conversation,
    says,
    whole,
)
from tests.endpoints.cases import SOMETIMES_AGAIN, Case, Command, Expected
from tests.support.loopback_endpoint import MODEL
from tests.support.scripted_server import Answer, Asked, Behaviour, Script, good

_FOURTH = every(4)


def _passes(name: str, script: Script, command: Command = "rollout") -> Case:
    """It passes: the very same request is asked again, and nothing is lost."""
    expected = Expected(each=SOMETIMES_AGAIN, again="same", seconds=8.0)
    return Case(5, Behaviour(name, script), expected, command)


def _one_lost(name: str, script: Script) -> Case:
    """Repeated or not, it stops nothing."""
    return Case(5, Behaviour(name, script), Expected(rows=(3, 4), each=None, reasons=None))


def _bad_reply(name: str, status: int, body: object, command: Command = "rollout") -> Case:
    """What the model wrote was bad, says the server: the next seed, and nothing is lost."""
    script = answers(status, body, when=_FOURTH)
    return Case(5, Behaviour(name, script), Expected(each=SOMETIMES_AGAIN, again="other seed"), command)


def _now_and_then(status: int, body: object = b"", **sent: Any) -> Script:
    return answers(status, body, when=_FOURTH, **sent)


def _later(status: int, body: object) -> Script:
    """One refusal after the key and the model have worked."""
    return answers(status, body, when=at(6))


_RAW = {"raw": '{"error": "upstream connect error"}', "provider_name": "Crucible", "is_byok": False}
_GROQ = error(
    "Failed to generate JSON. Please adjust your prompt. See 'failed_generation' for more details.",
    code="json_validate_failed",
    failed_generation='{"messages": ["hm',
)
_TOOL = error("Failed to call a function.", code="tool_use_failed", failed_generation="<function=reply>")
_HTML = "<html><head><title>Web server is down</title></head><body>cloudflare</body></html>"

_PASSING = (
    _passes("424, a dependency failed", _now_and_then(424, error("Failed Dependency"))),
    _passes(
        "498, capacity of the flex tier (Groq)", _now_and_then(498, error("Flex tier capacity exceeded"))
    ),
    _passes("499, the client is said to have gone", _now_and_then(499, error("Client closed request"))),
    _passes(
        "400 Provider returned error (OpenRouter)",
        _now_and_then(400, error("Provider returned error", code=400, metadata=_RAW)),
    ),
    _passes(
        "a 200 with Provider returned error",
        _now_and_then(200, error("Provider returned error", code=502, metadata=_RAW)),
    ),
    _passes(
        "error in choices[0]",
        changed(
            lambda choice: choice.update(
                error={"code": 502, "message": "Upstream died"}, finish_reason="error"
            ),
            when=_FOURTH,
        ),
    ),
    _passes(
        "error in choices[0], message empty",
        changed(
            lambda choice: choice.update(
                error={"code": 524, "message": "timed out"}, message={"role": "assistant", "content": ""}
            ),
            when=_FOURTH,
        ),
    ),
    _passes("one 401 after others were answered", _later(401, error("Incorrect API key provided"))),
    Case(
        5,
        Behaviour("one 401 after others were answered", _later(401, error("User not found", code=401))),
        Expected(each=SOMETIMES_AGAIN, again="same"),
        "experiences",
        count=8,
    ),
    _passes("one 404 after others were answered", _later(404, error("The model `x` does not exist"))),
    _passes("one 404 of a route", _later(404, {"detail": "Not Found"})),
    _one_lost("one 403 of a firewall, a page", _later(403, _HTML)),
    _one_lost("one 405 of a proxy", _later(405, {"detail": "Method Not Allowed"})),
    _passes("400 model unloaded (LM Studio)", _now_and_then(400, {"error": "Model unloaded."})),
    _passes(
        "400 model crashed (LM Studio)",
        _now_and_then(400, {"error": "The model has crashed without additional information. (Exit code: 6)"}),
    ),
    _passes(
        "500 runner stopped (Ollama)",
        _now_and_then(
            500,
            error(
                "model runner has unexpectedly stopped, this may be due to resource limitations",
                type="api_error",
            ),
        ),
    ),
    _passes("502 with an empty body", _now_and_then(502)),
    _passes(
        "503 server is busy (KoboldCpp)",
        _now_and_then(
            503, {"detail": {"msg": "Server is busy; please try again later.", "type": "service_unavailable"}}
        ),
    ),
    _passes("520 of a proxy, a page", _now_and_then(520, _HTML)),
    _passes("524 of a proxy, a page", _now_and_then(524, _HTML)),
    _passes(
        "529 overloaded",
        _now_and_then(529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
    ),
    _passes(
        "429 capacity (Mistral)",
        _now_and_then(
            429,
            {"object": "error", "message": "Service tier capacity exceeded for this model.", "code": "3505"},
        ),
    ),
    _passes("a 200 with an error that is text", _now_and_then(200, {"error": "upstream request timeout"})),
    _passes("a 200 with an empty body", _now_and_then(200)),
    _passes("a 200 with null", _now_and_then(200, None)),
    _passes("a 200 of white space (keep-alive, then nothing)", _now_and_then(200, "\n\n\n   \n")),
    _passes(
        "a connection that is reset", lambda asked: Answer(cut_after=-1) if _FOURTH(asked) else good(asked)
    ),
    _passes(
        "a body that is cut",
        lambda asked: Answer(asked.good, cut_after=60) if _FOURTH(asked) else good(asked),
    ),
    _passes("choices null", whole(lambda found: found.update(choices=None), when=_FOURTH)),
)
_GENERATED = (
    _bad_reply("400 json_validate_failed (Groq)", 400, _GROQ),
    _bad_reply("400 json_validate_failed (Groq)", 400, _GROQ, "experiences"),
    _bad_reply("400 tool_use_failed (Groq)", 400, _TOOL),
    _bad_reply(
        "500 the model produced invalid content (OpenAI)",
        500,
        error(
            "The model produced invalid content. Consider modifying your prompt.",
            type="model_error",
        ),
    ),
    _bad_reply(
        "400 incomplete_json_output (Cerebras)",
        400,
        error(
            "Failed to generate JSON. Please adjust your prompt.",
            code="incomplete_json_output",
            type="invalid_request_error",
        ),
    ),
    _bad_reply(
        "422 the generation is not of the schema",
        422,
        {
            "message": "Model output did not match the schema",
            "type": "generation_error",
            "failed_generation": "{",
        },
    ),
    _bad_reply("a 200 with json_validate_failed", 200, _GROQ),
    Case(
        5,
        Behaviour("content_filter for one reply", says(None, finish="content_filter", when=_FOURTH)),
        Expected(each=SOMETIMES_AGAIN, again="other seed"),
    ),
)

_FLAGGED_403 = {
    "error": {
        "code": 403,
        "message": 'openai/gpt-5 requires moderation. Your input was flagged for "harassment".',
        "metadata": {
            "reasons": ["harassment"],
            "flagged_input": "You write both sides of",
            "provider_name": "OpenAI",
        },
    }
}
_AZURE = error(
    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
    code="content_filter",
    status=400,
    innererror={"code": "ResponsibleAIPolicyViolation"},
)
_FLAGS: dict[str, tuple[int, object]] = {
    "403 with reasons (OpenRouter)": (403, _FLAGGED_403),
    "403 with reasons inside a 200": (200, _FLAGGED_403),
    "403 usage guidelines (xAI)": (
        403,
        {
            "code": "The caller does not have permission",
            "error": "Content violates usage guidelines. Team: x, Failed check: SAFETY_CHECK_TYPE_BIO",
        },
    ),
    "403 guardrail": (403, error("Request blocked by guardrail: violence", code="guardrail_intervened")),
    "400 content_filter (Azure)": (400, _AZURE),
    "400 data_inspection_failed (DashScope)": (
        400,
        error("Input text data may contain inappropriate content.", code="data_inspection_failed"),
    ),
    "400 Content Exists Risk (DeepSeek)": (400, error("Content Exists Risk")),
    "400 high risk (Moonshot)": (
        400,
        error("The request was rejected because it was considered high risk", type="content_filter"),
    ),
    "400 code 1301 (Zhipu)": (
        400,
        {
            "contentFilter": [{"level": 1, "role": "user"}],
            "error": {"code": "1301", "message": "unsafe or sensitive content"},
        },
    ),
    "451 censored (StepFun)": (
        451,
        error("The content you provided or machine outputted is blocked.", type="censored_prompt"),
    ),
    "400 invalid_prompt (OpenAI)": (
        400,
        error(
            "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
            code="invalid_prompt",
        ),
    ),
}


def _flagged(name: str, status: int, body: object, command: Command = "rollout") -> Case:
    """That conversation is refused, with hardly a request for it, and the run goes on."""
    turns = 4 if command == "rollout" else 1
    script = answers(status, body, when=in_conversation(2))
    bounds = (5.0 * turns + 1, 5.0 * turns * 1.2 + 2)
    expected = Expected(rows=5, asked=bounds, reasons=frozenset({"refused"}))
    return Case(6, Behaviour(name, script), expected, command, count=6)


def _nobody(name: str, body: object) -> Case:
    """It stops at once: the slots' requests, and no more."""
    script = answers(403, body, when=always)
    expected = Expected(exit=1, rows=0, asked=(1, 4), once="error:", says=("403",), reasons=None)
    return Case(6, Behaviour(name, script), expected, count=12)


def _one_replica(name: str, script: Script, models: Answer | None = None) -> Case:
    """The other one does all the work."""
    bad = Behaviour("bad", script) if models is None else Behaviour("bad", script, models=(models,))
    options = ("--model", MODEL)  # of two lists without a model in common none could be chosen
    return Case(6, Behaviour(name), Expected(each=(1.0, 2.0)), options=options, count=8, replicas=(bad,))


def _many_flagged(asked: Asked) -> bool:
    return asked.conversation % 2 == 1


_ALONE = (
    *(_flagged(name, *answer) for name, answer in _FLAGS.items()),
    *(_flagged(name, *answer, "experiences") for name, answer in list(_FLAGS.items())[:3]),
    Case(
        6,
        Behaviour("every second prompt is flagged, 403", answers(403, _FLAGGED_403, when=_many_flagged)),
        Expected(rows=10, asked=(50, 65), reasons=frozenset({"refused"})),
        count=20,
    ),
    Case(
        6,
        Behaviour(
            "a prompt is flagged from its third turn on, 403",
            answers(403, _FLAGGED_403, when=lambda asked: asked.conversation == 1 and asked.turn >= 2),
        ),
        Expected(rows=3, asked=(14, 18), reasons=frozenset({"refused"})),
    ),
    _nobody(
        "403 for everybody, a country",
        error("Country, region, or territory not supported", code="unsupported_country_region_territory"),
    ),
    _nobody("403 for everybody, a key", error("This API key does not have permission to use this model")),
    _nobody("403 for everybody, a page", _HTML),
    _one_replica("one replica of two says 401", answers(401, error("Unauthorized"))),
    _one_replica("one replica of two says 404", answers(404, error("The model `x` does not exist"))),
    _one_replica("one replica of two says 403", answers(403, error("Forbidden"))),
    _one_replica(
        "one replica of two says 401, its list too",
        answers(401, error("Unauthorized")),
        Answer(error("Unauthorized"), 401),
    ),
    _one_replica(
        "one replica of two lacks the model, in its list too",
        answers(404, error("no such model")),
        Answer({"data": [{"id": "another"}]}),
    ),
)

CASES = (*_PASSING, *_GENERATED, *_ALONE)
