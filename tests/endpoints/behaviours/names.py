"""Points 8 and 9: models that a list does not have, fields that a host does not take."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from tests.endpoints.answers import answers, error, has, says
from tests.endpoints.cases import Case, Command, Expected
from tests.support.loopback_endpoint import MODEL
from tests.support.scripted_server import LISTED, Answer, Asked, Behaviour, Script, good

_FOUND_OUT = (1.0, 2.0)
"""Requests for each turn, those included by which it was found out what is not taken."""
_TEMPLATE = {"id": "x", "object": "model"}


def _list(*names: str, **more: object) -> Answer:
    return Answer({"object": "list", "data": [_TEMPLATE | {"id": name} for name in names]} | more)


def _asked_all_the_same(
    name: str,
    models: Answer,
    model: str,
    *says_what: str,
    settings: dict[str, Any] | None = None,
    seconds: float = 8.0,
) -> Case:
    """The chat decides; a warning at most."""
    expected = Expected(says=says_what, sends={"model": model})
    behaviour = Behaviour(name, good, models=(models,))
    return Case(8, behaviour, expected, settings=settings or {}, options=("--model", model), seconds=seconds)


_SLOW = Answer(LISTED.body, seconds=60.0)

_MODELS = (
    _asked_all_the_same(
        "a suffix that picks a route (OpenRouter)", _list("acme/m"), "acme/m:nitro", "acme/m"
    ),
    _asked_all_the_same("a wildcard in the list (LiteLLM)", _list("openai/*", "*"), "openai/gpt-9"),
    _asked_all_the_same("the first page of a list", _list("aa", "ab", has_more=True, last_id="ab"), "zz"),
    _asked_all_the_same(
        "models/M in the list (Gemini)", _list("models/gem-2", "models/gem-3"), "gem-3", "models/gem-3"
    ),
    _asked_all_the_same("base models, not deployments (Azure)", _list("gpt-4o", "gpt-5"), "my-deployment"),
    _asked_all_the_same("other case of letters", _list("Qwen/Qwen3-8B"), "qwen/qwen3-8b", "Qwen/Qwen3-8B"),
    _asked_all_the_same("an empty list", _list(), "m"),
    _asked_all_the_same("a list that is a bare array (Together)", Answer([{"id": "a"}]), "m"),
    _asked_all_the_same("a list of another shape (Ollama)", Answer({"models": [{"name": "a"}]}), "m"),
    _asked_all_the_same("a list with data null", Answer({"object": "list", "data": None}), "m"),
    _asked_all_the_same("a list of null ids", Answer({"data": [{"id": None}, "x", 3]}), "m"),
    _asked_all_the_same("a page for a list", Answer("<html>Hi</html>", content_type="text/html"), "m"),
    _asked_all_the_same("401 for the list", Answer(error("Not allowed to list models"), 401), "m"),
    _asked_all_the_same("403 for the list", Answer(error("Missing scopes: api.model.read"), 403), "m"),
    _asked_all_the_same("404 for the list", Answer({"detail": "Not Found"}, 404), "m"),
    _asked_all_the_same("405 for the list", Answer({"detail": "Method Not Allowed"}, 405), "m"),
    _asked_all_the_same("500 for the list", Answer(error("boom"), 500), "m"),
    _asked_all_the_same("429 for the list", Answer(error("slow down"), 429, {"Retry-After": "30"}), "m"),
    _asked_all_the_same("half a list", Answer('{"data": [{"id": "m"'), "m"),
    _asked_all_the_same("a connection cut for the list", Answer(LISTED.body, cut_after=10), "m"),
    _asked_all_the_same(
        "a list that never comes", _SLOW, "m", settings={"endpoint": {"timeout_seconds": 1.0}}
    ),
    Case(
        8,
        Behaviour(
            "the chat's own 404, the list lacks it",
            answers(404, error("The model `loopback-modle` does not exist")),
        ),
        Expected(exit=1, rows=0, asked=(1, 4), once="error:", says=("does not exist", MODEL)),
        options=("--model", "loopback-modle"),
    ),
    Case(
        8,
        Behaviour(
            "the chat's own 404, in a list",
            answers(404, [{"error": {"code": 404, "message": "models/x is not found"}}]),
        ),
        Expected(exit=1, rows=0, asked=(1, 4), once="error:", says=("is not found",)),
    ),
    Case(
        8,
        Behaviour("several models and none is named", good, models=(_list("a", "b"),)),
        Expected(exit=1, rows=0, asked=(0, 0), once="error:", says=("--model",)),
    ),
)


def _names(field: str, status: int, body: object) -> Script:
    return answers(status, body, when=has(field))


def _does_without(
    name: str, script: Script, *fields: str, command: Command = "rollout", **expected: Any
) -> Case:
    """The field is dropped for the run, which is said once and stands in the manifest."""
    wanted = Expected(each=_FOUND_OUT, dropped=fields, once=fields[0], manifest=fields[:1], **expected)
    return Case(9, Behaviour(name, script), wanted, command, count=4 if command != "experiences" else 12)


def _extra(field: str) -> dict[str, Any]:
    return {
        "detail": [
            {
                "type": "extra_forbidden",
                "loc": ["body", field],
                "msg": "Extra inputs are not permitted",
                "input": 1,
            }
        ]
    }


_MAX = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."


def _reasoner(asked: Asked) -> Answer:
    """As the o-series: one field after the other."""
    if "max_tokens" in asked.body:
        return Answer(error(_MAX, param="max_tokens", code="unsupported_parameter"), 400)
    if "temperature" in asked.body:
        message = "Unsupported value: 'temperature' does not support 0.8. Only the default (1) is supported."
        return Answer(error(message, param="temperature", code="unsupported_value"), 400)
    return good(asked)


_PENALTY = {"rollout": {"sampling": {"presence_penalty": 0.5, "top_k": 20, "min_p": 0.05}}}


def _sampled(name: str, script: Script, field: str) -> Case:
    """As ``_does_without``, for a field that this run sends by its own settings."""
    wanted = Expected(each=_FOUND_OUT, dropped=(field,), once=field, manifest=(field,))
    return Case(9, Behaviour(name, script), wanted, settings=_PENALTY)


_FIELDS = (
    _does_without("422 extra_forbidden (Mistral)", _names("seed", 422, _extra("seed")), "seed"),
    _does_without(
        "422 extra_forbidden inside text (a proxy)",
        _names(
            "seed",
            422,
            {"object": "error", "message": '{"detail":[{"type":"extra_forbidden","loc":["body","seed"]}]}'},
        ),
        "seed",
    ),
    _does_without(
        "400 Unknown name, in a list (Gemini)",
        _names(
            "seed",
            400,
            [
                {
                    "error": {
                        "code": 400,
                        "message": 'Invalid JSON payload received. Unknown name "seed": Cannot find field.',
                    }
                }
            ],
        ),
        "seed",
    ),
    _does_without(
        "400 does not support parameters (LiteLLM)",
        _names(
            "seed",
            400,
            error(
                "litellm.UnsupportedParamsError: x does not support parameters: ['seed']",
                code="400",
            ),
        ),
        "seed",
    ),
    _does_without(
        "400 Unrecognized request argument (Azure)",
        _names("seed", 400, error("Unrecognized request argument supplied: seed")),
        "seed",
    ),
    _does_without(
        "400 seed in the experiences",
        _names("seed", 400, error("Unsupported parameter: seed")),
        "seed",
        command="experiences",
    ),
    _does_without(
        "400 max_tokens renamed (OpenAI)",
        _names("max_tokens", 400, error(_MAX, param="max_tokens")),
        "max_tokens",
        sends={"max_completion_tokens": 512},
    ),
    _does_without(
        "400 max_tokens, then temperature (o-series)",
        _reasoner,
        "max_tokens",
        "temperature",
        sends={"max_completion_tokens": 512},
    ),
    _does_without(
        "400 stop (o-series)",
        _names(
            "stop",
            400,
            error("Unsupported parameter: 'stop' is not supported with this model.", param="stop"),
        ),
        "stop",
        command="transcript",
    ),
    _does_without(
        "400 temperature",
        _names("temperature", 400, error("`temperature` is deprecated for this model")),
        "temperature",
    ),
    _sampled(
        "400 property is unsupported (Groq)",
        _names("top_k", 400, error("property 'top_k' is unsupported, did you mean 'top_p'?")),
        "top_k",
    ),
    _sampled(
        "400 not permitted, field (Fireworks)",
        _names("min_p", 400, error("Extra inputs are not permitted, field: 'min_p', value: 0.05")),
        "min_p",
    ),
    _sampled(
        "422 extra_forbidden", _names("presence_penalty", 422, _extra("presence_penalty")), "presence_penalty"
    ),
    _sampled(
        "400 presencePenalty in camel case (xAI)",
        _names(
            "presence_penalty",
            400,
            {"code": "invalid", "error": "Model x does not support parameter presencePenalty."},
        ),
        "presence_penalty",
    ),
)


def _set(name: str, settings: dict[str, Any], script: Script = good, **expected: Any) -> Case:
    return Case(9, Behaviour(name, script), Expected(**expected), settings={"endpoint": settings})


def _without_system(asked: Asked) -> Answer:
    roles = [message["role"] for message in asked.body["messages"]]
    if "system" in roles:
        return Answer(error("System role not supported"), 400)
    if any(one == two for one, two in pairwise(roles)):
        return Answer(error("Conversation roles must alternate user/assistant/user/assistant/..."), 400)
    return good(asked)


_SETTINGS = (
    _set(
        "omit = [seed, max_tokens]",
        {"omit": ["seed", "max_tokens"]},
        _names("seed", 422, _extra("seed")),
        unsent=("seed", "max_tokens"),
    ),
    _set(
        "max_tokens_field = max_completion_tokens",
        {"max_tokens_field": "max_completion_tokens"},
        _names("max_tokens", 400, error(_MAX)),
        sends={"max_completion_tokens": 512},
        unsent=("max_tokens",),
    ),
    _set("system_role = user", {"system_role": "user"}, _without_system),
    _set("[endpoint.headers]", {"headers": {"X-Title": "a title"}}, headers={"X-Title": "a title"}),
)


def _plain(name: str, status: int, body: object, command: Command = "rollout") -> Case:
    """A server that knows no response_format: found out by those in flight, told, and done without."""
    settings = {"endpoint": {"concurrency": 1}}
    expected = Expected(each=_FOUND_OUT, dropped=("response_format",), says=("response_format",))
    return Case(9, Behaviour(name, _names("response_format", status, body)), expected, command, settings)


_STRUCTURE = (
    _plain(
        "response_format unavailable (DeepSeek)", 400, error("This response_format type is unavailable now")
    ),
    _plain(
        "response_format, an unknown variant (TGI)",
        422,
        "Failed to deserialize the JSON body: unknown variant `json_schema`, expected `json`",
    ),
    _plain(
        "response_format, structured outputs not available",
        400,
        error("Structured outputs are not available for this model"),
    ),
    _plain(
        "response_format, invalid format (Ollama)",
        400,
        error('invalid format: expected "json" or a JSON schema'),
    ),
    _plain("response_format, no words for it", 400, error("Invalid request")),
    _plain("response_format, no words for it", 400, error("Invalid request"), "experiences"),
    _plain(
        "response_format, 404 no endpoints (OpenRouter)",
        404,
        error("No endpoints found that can handle the requested parameters.", code=404),
    ),
    _plain(
        "response_format, 500 not implemented",
        500,
        error("NotImplementedError: guided decoding backend is not available"),
    ),
    _plain("response_format, 501", 501, error("Not Implemented")),
    _plain("response_format, 415", 415, error("Unsupported")),
    Case(
        9,
        Behaviour(
            "json_schema refused, json_object not (LM Studio turned round)",
            lambda asked: (
                Answer({"error": "'response_format.type' must be 'json_object' or 'text'"}, 400)
                if asked.body.get("response_format", {}).get("type") == "json_schema"
                else good(asked)
            ),
        ),
        Expected(each=_FOUND_OUT, says=("json_object",), sends={"response_format": {"type": "json_object"}}),
    ),
    Case(
        9,
        Behaviour(
            "400 that names nothing, whatever is left out",
            answers(400, error("Invalid request, see our documentation")),
        ),
        Expected(exit=1, rows=0, asked=(1, 24), once="error:", says=("see our documentation",), reasons=None),
        count=30,
    ),
    Case(
        9, Behaviour("response_format ignored, prose before the object", says("Sure, here it is:\n\nANSWER"))
    ),
)

CASES = (*_MODELS, *_FIELDS, *_SETTINGS, *_STRUCTURE)
