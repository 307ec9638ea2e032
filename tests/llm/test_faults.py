"""What an answer that is none means: repeat it, end the conversation, or stop the run."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc_gen.llm.faults import (
    AccessRefusedError,
    BadGenerationError,
    ContextLengthError,
    NotACompletionError,
    PromptFlaggedError,
    RequestRejectedError,
    TransientError,
    UnsupportedFieldError,
)
from soc_gen.llm.refusals import error_message, from_error_body, from_status
from soc_gen.llm.retry_after import parse_retry_after
from tests.support.loopback_endpoint import CONTEXT_FORMS

URL = "http://127.0.0.1:1/v1"


@pytest.mark.parametrize("status", [408, 409, 424, 425, 429, 498, 499, 500, 502, 503, 504, 520, 524, 529])
def test_what_may_pass_is_transient(status: int) -> None:
    fault = from_status(status, {"error": {"message": "busy"}}, {}, URL)
    assert isinstance(fault, TransientError)
    assert fault.kind == f"http_{status}"
    assert fault.overload is (status in {429, 498, 503, 529})
    assert fault.rate_limited is (status == 429)


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_what_only_the_user_can_change_refuses_access(status: int) -> None:
    """With the server's words and what to check; only an empty account never passes."""
    fault = from_status(status, {"error": {"message": "no such thing"}}, {}, URL)
    assert isinstance(fault, AccessRefusedError)
    assert "no such thing" in str(fault.error)
    assert fault.error.hint
    assert fault.lasting is (status == 402)


@pytest.mark.parametrize("form", CONTEXT_FORMS)
def test_context_too_long_is_known_in_every_form(form: str) -> None:
    """Nested, flat, a string, 400, 422, or in a 200."""
    status, body = CONTEXT_FORMS[form]
    fault = from_error_body(body["error"], URL) if status == 200 else from_status(status, body, {}, URL)
    assert isinstance(fault, ContextLengthError)


def test_a_proxy_that_wraps_context_too_long_into_a_500() -> None:
    fault = from_status(500, "litellm.BadRequestError: maximum context length is 4096", {}, URL)
    assert isinstance(fault, ContextLengthError)


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "response_format is not supported"}},
        {"detail": [{"loc": ["body", "response_format"], "msg": "extra fields not permitted"}]},
        "This backend was built without grammar support",
    ],
)
def test_a_refused_schema_is_told_from_other_refusals(status: int, body: object) -> None:
    fault = from_status(status, body, {}, URL)
    assert isinstance(fault, UnsupportedFieldError)
    assert fault.field == "response_format"
    other = from_status(status, {"error": {"message": "unsupported value: top_k"}}, {}, URL)
    assert isinstance(other, RequestRejectedError)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 502, "message": "Provider returned error"}, "error_body"),
        ({"code": "429", "message": "slow down"}, "http_429"),
        ("something went wrong", "error_body"),
    ],
)
def test_an_error_in_a_200_is_transient(error: object, kind: str) -> None:
    fault = from_error_body(error, URL)
    assert isinstance(fault, TransientError)
    assert fault.kind == kind
    # Without a status, it may as well be another server's way to say that there is nothing here.
    assert isinstance(fault, NotACompletionError) is isinstance(error, str)


def test_an_error_in_a_200_about_the_key_or_the_account_is_not() -> None:
    assert isinstance(from_error_body({"code": 402, "message": "no credit"}, URL), AccessRefusedError)


NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:07 GMT"}, 7.0),
        ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "999999999"}, 999999999.0),
        ({"retry-after": str(int(NOW.timestamp()) + 8)}, 8.0),
        ({"retry-after": str(int(NOW.timestamp()) - 8)}, 0.0),
        ({"retry-after": str(int(NOW.timestamp() * 1000) + 500)}, 0.5),
        ({"retry-after": "1m30.5s"}, 90.5),
        ({"retry-after": "250ms"}, 0.25),
        ({"retry-after": "2h"}, 7200.0),
        ({"retry-after": "2 apples"}, None),
        ({"Retry-After": "3"}, 3.0),
        ({"x-ratelimit-reset": "60", "x-ratelimit-remaining": "0"}, 60.0),
        ({"x-ratelimit-reset": "60", "x-ratelimit-remaining": "1"}, None),
        ({"x-ratelimit-reset": "60"}, None),
        ({"x-ratelimit-reset-tokens": "6m0s", "x-ratelimit-remaining-tokens": "0"}, 360.0),
        ({"x-ratelimit-reset": "60", "x-ratelimit-remaining": "0", "retry-after": "2"}, 2.0),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e999"}, None),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:00 +99999999999999999999"}, None),
        ({"retry-after": "Mon, 01 Jan 99999 00:00:00 GMT"}, None),
    ],
)
def test_retry_after_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert parse_retry_after(headers, NOW) == seconds


@given(st.text())
def test_no_retry_after_breaks_anything(value: str) -> None:
    found = parse_retry_after({"retry-after": value}, NOW)
    assert found is None or 0 <= found < float("inf")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON, st.sampled_from([400, 401, 404, 413, 422, 429, 500]))
def test_any_body_of_an_error_gives_a_fault(body: object, status: int) -> None:
    assert isinstance(from_status(status, body, {}, URL), Exception)
    assert isinstance(error_message(body), str)
    json.dumps(error_message(body))


def refused(status: int, message: str, **more: object) -> Exception:
    return from_status(status, {"error": {"message": message} | more}, {}, URL)


@pytest.mark.parametrize(
    ("message", "stops"),
    [
        ("You exceeded your current quota", True),
        ("Insufficient balance, please recharge", True),
        ("Rate limit reached on tokens per day (TPD): Limit 100000", True),
        ("free-models-per-day", True),
        ("You have used all requests of your monthly plan", True),
        ("Rate limit reached on tokens per minute (TPM). Upgrade at example.com/settings/billing", False),
        ("Rate limit reached on requests per min (RPM): Limit 3. Add a payment method", False),
        ("Too Many Requests", False),
        ("Service tier capacity exceeded for this model.", False),
    ],
)
def test_a_429_for_a_day_a_plan_or_a_balance_does_not_pass(message: str, stops: bool) -> None:
    fault = refused(429, message)
    assert isinstance(fault, AccessRefusedError if stops else TransientError)
    if isinstance(fault, AccessRefusedError):
        assert fault.lasting


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (403, "Your input was flagged for harassment", PromptFlaggedError),
        (403, "Country, region, or territory not supported", AccessRefusedError),
        (400, "Content Exists Risk", PromptFlaggedError),
        (451, "no", PromptFlaggedError),
        (500, "the content filter is down", TransientError),
        (400, "prompt is too long: 213462 tokens > 200000 maximum", ContextLengthError),
        (429, "the queue length exceeds the maximum", TransientError),
        (
            400,
            "max_tokens is too large: 9000. It supports 4096 completion tokens",
            RequestRejectedError,
        ),
        (400, "Failed to generate JSON. Please adjust your prompt.", BadGenerationError),
        (500, "The model produced invalid content", BadGenerationError),
        (400, "Provider returned error", TransientError),
        (400, "Model unloaded.", TransientError),
        (400, "temperature must be at most 2", RequestRejectedError),
        (405, "Method Not Allowed", RequestRejectedError),
        (501, "Not Implemented", UnsupportedFieldError),
    ],
)
def test_refusals_are_told_apart_by_their_words(status: int, message: str, expected: type[Exception]) -> None:
    assert type(refused(status, message)) is expected


SENT = ("model", "messages", "max_tokens", "seed", "temperature", "top_p", "top_k", "stop", "response_format")


@pytest.mark.parametrize(
    ("body", "field", "instead"),
    [
        ({"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}, "seed", ""),
        ({"error": {"message": "Unknown name \"seed\": Cannot find field."}}, "seed", ""),
        ({"error": {"message": "Unsupported parameter: seed"}}, "seed", ""),
        ({"message": "property 'top_k' is unsupported, did you mean 'top_p'?"}, "top_k", ""),
        ({"error": {"message": "Unsupported value", "param": "temperature"}}, "temperature", ""),
        ({"error": "Model x does not support parameter topK."}, "top_k", ""),
        ({"error": {"message": "'max_tokens' is not supported. Use 'max_completion_tokens'."}}, "max_tokens",
         "max_completion_tokens"),
        ({"error": {"message": "Unsupported parameter: 'stop'"}}, "stop", ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", [400, 422])
def test_the_field_that_a_server_does_not_know_is_found(
    body: object, field: str, instead: str, status: int
) -> None:
    fault = from_status(status, body, {}, URL, SENT)
    assert isinstance(fault, UnsupportedFieldError)
    assert (fault.field, fault.instead) == (field, instead)


@pytest.mark.parametrize(
    "message", ["please stop asking", "no such model", "bad messages", "seedless", "top_kk"]
)
def test_words_that_are_no_field_drop_none(message: str) -> None:
    fault = from_status(400, {"error": {"message": message}}, {}, URL, SENT)
    assert type(fault) is RequestRejectedError


def test_what_a_body_repeats_of_the_request_decides_nothing() -> None:
    """A chat may be about anything, and a 422 of FastAPI has all of it."""
    body = {
        "detail": [{"loc": ["body", "x"], "msg": "no", "input": "the prompt is too long, it was flagged"}]
    }
    assert type(from_status(422, body, {}, URL)) is RequestRejectedError


def test_a_date_to_come_back_at_is_by_the_clock_of_the_server() -> None:
    """Ours is an hour behind, and it still waits five seconds."""
    headers = {"retry-after": "Sun, 22 Nov 2026 12:00:05 GMT", "date": "Sun, 22 Nov 2026 12:00:00 GMT"}
    assert parse_retry_after(headers, datetime(2026, 11, 22, 11, tzinfo=UTC)) == 5.0
