"""Point 10: the server's words reach the user."""

from __future__ import annotations

import time
from typing import Any

from tests.endpoints.answers import answers, before, error
from tests.endpoints.cases import Case, Command, Expected
from tests.support.loopback_endpoint import MODEL
from tests.support.scripted_server import Answer, Behaviour, Script

_URL = "--base-url"
_SHORT = {"endpoint": {"give_up_seconds": 0.5, "timeout_seconds": 0.5}}
_NAMED = ("--model", MODEL)


def _no_completion(
    name: str, script: Script, *says_what: str, command: Command = "rollout", **server: Any
) -> Case:
    """Before anything was ever answered: it stops at once, and points at the URL."""
    expected = Expected(exit=1, rows=0, asked=(0, 4), once="error:", says=(_URL, *says_what), reasons=None)
    return Case(10, Behaviour(name, script, **server), expected, command, options=_NAMED, count=8)


def _at_once(name: str, body: object, *says_what: str, status: int = 429, **headers: str) -> Case:
    """Nothing will come of waiting: it stops at once, with the server's words."""
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    expected = Expected(
        exit=1, rows=0, asked=(1, 4), once="error:", says=says_what, reasons=None, seconds=2.5
    )
    return Case(10, Behaviour(name, answers(status, body, headers=named)), expected, count=8)


def _at_last(name: str, status: int, body: object, *says_what: str, never: tuple[str, ...] = ()) -> Case:
    """It is repeated for as long as is set, and then the last body is told."""
    expected = Expected(exit=1, rows=0, each=None, once="error:", says=says_what, never=never, reasons=None)
    return Case(10, Behaviour(name, answers(status, body)), expected, settings=_SHORT)


_LM_STUDIO = Answer({"error": "Unexpected endpoint or method. (GET /models)"})
_PAGE = "<!DOCTYPE html><html><head><title>Open WebUI</title></head><body></body></html>"
_SSE = 'data: {"id": "1", "choices": [{"delta": {"content": "hi"}}]}\n\ndata: [DONE]\n\n'
_NATIVE = {"model": "qwen3", "message": {"role": "assistant", "content": "hi"}, "done": True}
_PER_DAY = error(
    "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day",
    code=429,
    metadata={"headers": {"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0"}},
)
_TPD = error(
    "Rate limit reached for model `x` in organization `org_1` on tokens per day (TPD): Limit 100000, "
    "Requested 900. Please try again in 11m30.9s. Upgrade to Dev Tier today",
    code="rate_limit_exceeded",
)
_GEMINI = [
    {
        "error": {
            "code": 429,
            "status": "RESOURCE_EXHAUSTED",
            "message": "You exceeded your current quota, please check your plan and billing details.",
            "details": [
                {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "250"}
            ],
        }
    }
]
_CONTROLS = "The \x1b[31mGPU\x1b[0m fell off\x07 the bus\r\nagain \x1b]0;title\x07"
_LONG = "GPU 7 is on fire. " * 200

CASES = (
    _no_completion(
        "no /v1, a 200 with an error (LM Studio)",
        answers(200, {"error": "Unexpected endpoint or method. (POST /chat/completions)"}),
        "Unexpected endpoint",
        models=(_LM_STUDIO,),
        base="",
    ),
    _no_completion(
        "no /v1, a 200 with an error (LM Studio)",
        answers(200, {"error": "Unexpected endpoint or method. (POST /chat/completions)"}),
        "Unexpected endpoint",
        command="experiences",
        models=(_LM_STUDIO,),
        base="",
    ),
    _no_completion("a web page", answers(200, _PAGE, content_type="text/html"), base=""),
    _no_completion(
        "a web page for the list too",
        answers(200, _PAGE, content_type="text/html"),
        models=(Answer(_PAGE, content_type="text/html"),),
        base="",
    ),
    _no_completion(
        "server-sent events that nobody asked for", answers(200, _SSE, content_type="text/event-stream")
    ),
    _no_completion("a native API (Ollama without /v1)", answers(200, _NATIVE), base="/api"),
    _no_completion("a text completion", answers(200, {"choices": [{"text": "hi", "index": 0}]})),
    _no_completion("an empty body", answers(200)),
    _no_completion("It works!", answers(200, "It works!", content_type="text/plain"), "It works"),
    _no_completion("a 200 with detail", answers(200, {"detail": "Please call /api/v2/chat"}), "/api/v2/chat"),
    _no_completion(
        "202, a ticket",
        answers(202, {"requestId": "7", "status": "pending-evaluation"}),
        "pending-evaluation",
    ),
    _no_completion(
        "a redirect that makes a GET of it",
        answers(301, headers={"Location": "/v1/chat/completions/"}),
        other=Answer({"detail": "Method Not Allowed"}, 405),
    ),
    _no_completion(
        "a redirect to a page to log in",
        answers(302, headers={"Location": "/login"}),
        other=Answer("<html>Log in</html>", content_type="text/html"),
    ),
    _at_once("429 for the day (OpenRouter)", _PER_DAY, "free-models-per-day"),
    _at_once("429 for the day (Groq)", _TPD, "tokens per day"),
    _at_once("429 for the plan, in a list (Gemini)", _GEMINI, "plan and billing"),
    _at_once(
        "429 for want of money (OpenAI)",
        error("You exceeded your current quota", code="insufficient_quota"),
        "exceeded your current quota",
    ),
    _at_once(
        "429 for want of money (Zhipu)",
        error("Insufficient balance or no resource package. Please recharge.", code="1113"),
        "Insufficient balance",
    ),
    _at_once(
        "429 for want of money (Moonshot)",
        error(
            "Your account is suspended, please check your plan and billing details",
            type="exceeded_current_quota_error",
        ),
        "suspended",
    ),
    _at_once("402 (DeepSeek)", error("Insufficient Balance"), "Insufficient Balance", status=402),
    _at_once(
        "429, Retry-After of a day", error("Too Many Requests"), "Too Many Requests", Retry_After="86400"
    ),
    _at_once(
        "429, a reset tomorrow",
        error("Too Many Requests"),
        "Too Many Requests",
        X_RateLimit_Reset=str(int((time.time() + 86400) * 1000)),
        X_RateLimit_Remaining="0",
    ),
    _at_last("503 to the end", 503, error("Model is being moved to another rack"), "moved to another rack"),
    _at_last("500 with text to the end", 500, "worker 3 has no memory left", "no memory left"),
    _at_last(
        "500 with detail to the end",
        500,
        {"detail": "EngineDeadError: see the trace above"},
        "EngineDeadError",
    ),
    _at_last(
        "529 with a list to the end",
        529,
        [{"error": {"message": "All backends are asleep"}}],
        "backends are asleep",
    ),
    _at_last("502 with control characters to the end", 502, _CONTROLS, "fell off", never=("\x1b", "\x07")),
    _at_last(
        "500 with a long body to the end", 500, _LONG, "GPU 7 is on fire", never=("GPU 7 is on fire. " * 20,)
    ),
    _at_last("a 200 with an error to the end", 200, error("Upstream is on holiday", code=503), "on holiday"),
    Case(
        10,
        Behaviour("401 with control characters", answers(401, error("bad \x1b[31mkey\x1b[0m"))),
        Expected(exit=1, rows=0, asked=(1, 4), says=("bad", "key"), never=("\x1b",), reasons=None),
    ),
    Case(
        10,
        Behaviour(
            "an error of a minute's limit",
            answers(
                429, error("Rate limit: 30 requests per minute"), when=before(2), headers={"Retry-After": "0"}
            ),
        ),
        Expected(each=(1.0, 1.4), again="same"),
    ),
)
