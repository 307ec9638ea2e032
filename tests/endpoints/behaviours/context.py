"""Point 7: a full context in a host's own words is a full context."""

from __future__ import annotations

from tests.endpoints.answers import answers, at, error, longer_than
from tests.endpoints.cases import ONE_MORE, Case, Command, Expected
from tests.support.scripted_server import Answer, Asked, Behaviour, good

_TOLD: dict[str, tuple[int, object]] = {
    "400 Range of input length (DashScope)": (
        400,
        error("<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 98304]"),
    ),
    "400 flat body (SGLang)": (
        400,
        {
            "object": "error",
            "message": "The input (9000 tokens) is longer than the model's context length (8192 tokens).",
            "code": 400,
        },
    ),
    "400 your request exceeded model token limit (Moonshot)": (
        400,
        error("Invalid request: Your request exceeded model token limit: 8192"),
    ),
    "400 too large for model (Mistral)": (
        400,
        {
            "object": "error",
            "message": "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
            "code": "3051",
        },
    ),
    "400 reduce the length of the messages (Groq)": (
        400,
        error("Please reduce the length of the messages or completion."),
    ),
    "413 request too large (Groq)": (
        413,
        error(
            "Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 9000",
            code="rate_limit_exceeded",
        ),
    ),
    "400 input token count (Gemini), a list": (
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": "The input token count (1196265) exceeds the maximum number of tokens allowed",
                    "status": "INVALID_ARGUMENT",
                }
            }
        ],
    ),
    "400 prompt is too long (Anthropic)": (
        400,
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "prompt is too long: 213462 tokens > 200000 maximum",
            },
        },
    ),
    "400 maximum prompt length (xAI)": (
        400,
        {
            "code": "invalid argument",
            "error": "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
        },
    ),
    "400 context window exceeds limit (MiniMax)": (
        400,
        {
            "type": "error",
            "error": {
                "type": "bad_request_error",
                "message": "invalid params, context window exceeds limit (2013)",
            },
        },
    ),
    "400 Prompt exceeds max length (Zhipu)": (400, error("Prompt exceeds max length", code="1261")),
    "400 input is too long (Bedrock)": (400, {"message": "Input is too long for requested model."}),
    "422 inputs tokens (TGI)": (
        422,
        {
            "error": "Input validation error: `inputs` must have less than 4096 tokens. Given: 5000",
            "error_type": "validation",
        },
    ),
    "400 input length exceeds (Ollama)": (
        400,
        error("the input length exceeds the context length", type="api_error"),
    ),
    "400 greater than the context length (LM Studio)": (
        400,
        {"error": "The number of tokens to keep from the prompt is greater than the context length"},
    ),
    "500 Context size has been exceeded (llama.cpp)": (
        500,
        error("Context size has been exceeded.", code=500, type="server_error"),
    ),
    "400 exceeds the available context size (llama.cpp)": (
        400,
        error(
            "request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it",
            code=400,
            type="exceed_context_size_error",
        ),
    ),
    "400 detail, cache too small (TabbyAPI)": (
        400,
        {"detail": "Prompt length 9000 is greater than max_seq_len 8192"},
    ),
    "400 input tokens exceed the configured limit (OpenAI)": (
        400,
        error("Input tokens exceed the configured limit of 272000 tokens."),
    ),
    "400 max_tokens exceed (DeepSeek)": (
        400,
        error("This model's maximum context length is 65536 tokens. However, you requested 69648"),
    ),
    "400 too many tokens (Cohere)": (
        400,
        {"message": "too many tokens: total number of tokens in the prompt cannot exceed 128000"},
    ),
    "400 list of texts": (400, ["prompt exceeds the context window of 8192 tokens"]),
    "400 text": (400, "Requested tokens (9000) exceed context window of 8192"),
    "a 200 with the refusal": (200, error("prompt is too long: 9000 tokens > 8192 maximum", code=400)),
    "500 wrapping it (LiteLLM)": (
        500,
        error("litellm.ContextWindowExceededError: BadRequestError: prompt is too long", code="500"),
    ),
}
"""What hosts say when a prompt is too long."""
_UNTOLD: dict[str, tuple[int, object]] = {
    "400 without a body (Cerebras)": (400, b""),
    "413 without a body": (413, b""),
    "413 with a page": (413, "<html>413 Request Entity Too Large</html>"),
    "400 Bad Request": (400, error("Bad Request")),
    "422 in another language": (422, {"detail": "输入过长"}),
    "400 backend failed": (400, {"error": "backend returned an error"}),
}
"""Refusals that do not say why, but come only above the longest prompt that was answered."""
_WIND_DOWN = {"rollout": {"on_context_length": "wind_down"}}


_FULL = {"rollout": longer_than(400), "transcript": longer_than(250)}
"""Three turns fit, or four."""


def _ends(name: str, status: int, body: object, command: Command = "rollout", count: int = 4) -> Case:
    """What is too long is refused, once, and the chat ends where it stands."""
    script = answers(status, body, when=_FULL[command])
    return Case(
        7,
        Behaviour(name, script),
        Expected(each=ONE_MORE),
        command,
        _WIND_DOWN,
        count=count,
        turns=12,
        alike=True,
    )


def _fails(name: str, status: int, body: object) -> Case:
    """The same, where the user wants no such chats."""
    behaviour = Behaviour(f"{name}, to fail", answers(status, body, when=_FULL["rollout"]))
    expected = Expected(exit=1, rows=0, asked=(12, 32), reasons=frozenset({"context_length"}))
    return Case(7, behaviour, expected, turns=12, alike=True)


def _short_prompt(asked: Asked) -> Answer:
    """Refuse a prompt that is no longer than others that were answered."""
    return Answer(error("Bad Request"), 400) if asked.conversation == 6 and asked.turn == 0 else good(asked)


CASES = (
    *(_ends(name, *answer) for name, answer in (_TOLD | _UNTOLD).items()),
    *(_fails(name, *answer) for name, answer in list((_TOLD | _UNTOLD).items())[::5]),
    *(_ends(name, *answer, "transcript") for name, answer in list((_TOLD | _UNTOLD).items())[::6]),
    _ends(
        "all of twenty conversations get too long, in known words",
        *_TOLD["400 Prompt exceeds max length (Zhipu)"],
        count=20,
    ),
    _ends("all of twenty conversations get too long, in no words", *_UNTOLD["400 Bad Request"], count=20),
    Case(
        7,
        Behaviour("400 Bad Request to a prompt no longer than the others", _short_prompt),
        Expected(rows=7, asked=(29, 36), reasons=frozenset({"refused"})),
        settings=_WIND_DOWN,
        count=8,
    ),
    Case(
        7,
        Behaviour(
            "429 that speaks of the length of a queue",
            answers(429, error("queue length exceeds the maximum"), when=at(3), headers={"Retry-After": "0"}),
        ),
        Expected(again="same"),
        settings=_WIND_DOWN,
    ),
)
