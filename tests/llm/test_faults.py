"""What an answer that is none means: repeat it, end the conversation, or stop the run."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc_gen.errors import EndpointError
from soc_gen.llm.faults import (
    ContextLengthError,
    RequestRejectedError,
    TransientError,
    UnsupportedSchemaError,
    error_message,
    from_error_body,
    from_status,
    parse_retry_after,
)
from tests.support.loopback_endpoint import CONTEXT_FORMS

URL = "http://127.0.0.1:1/v1"


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 520, 524, 529])
def test_what_may_pass_is_transient(status: int) -> None:
    fault = from_status(status, {"error": {"message": "busy"}}, {}, URL)
    assert isinstance(fault, TransientError)
    assert fault.kind == f"http_{status}"
    assert fault.overload is (status in {429, 503, 529})
    assert fault.rate_limited is (status == 429)


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_what_only_the_user_can_change_stops_the_run(status: int) -> None:
    """With the server's words and what to check."""
    fault = from_status(status, {"error": {"message": "no such thing"}}, {}, URL)
    assert isinstance(fault, EndpointError)
    assert "no such thing" in str(fault)
    assert fault.hint


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
    assert isinstance(from_status(status, body, {}, URL), UnsupportedSchemaError)
    assert isinstance(
        from_status(status, {"error": {"message": "unsupported value: top_k"}}, {}, URL), RequestRejectedError
    )


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


def test_an_error_in_a_200_about_the_key_or_the_account_is_not() -> None:
    assert isinstance(from_error_body({"code": 402, "message": "no credit"}, URL), EndpointError)


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


def test_a_429_for_want_of_money_stops_the_run() -> None:
    """As OpenAI says it: waiting does not help."""
    error = {"message": "You exceeded your current quota", "code": "insufficient_quota"}
    fault = from_status(429, {"error": error}, {"retry-after": "1"}, URL)
    assert isinstance(fault, EndpointError)
    assert "no credit" in str(fault)


def test_a_date_to_come_back_at_is_by_the_clock_of_the_server() -> None:
    """Ours is an hour behind, and it still waits five seconds."""
    headers = {"retry-after": "Sun, 22 Nov 2026 12:00:05 GMT", "date": "Sun, 22 Nov 2026 12:00:00 GMT"}
    assert parse_retry_after(headers, datetime(2026, 11, 22, 11, tzinfo=UTC)) == 5.0
