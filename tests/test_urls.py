"""URLs with secrets in them, and URLs that are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc_gen.config import load_config
from soc_gen.errors import UsageError
from soc_gen.settings import Endpoint
from soc_gen.urls import join_url, public_url, secrets_in, validate_url

KEY = "sk-a-very-secret-key"


@pytest.mark.parametrize(
    ("base", "address"),
    [
        ("http://host/v1", "http://host/v1/chat/completions"),
        ("http://host/v1/", "http://host/v1/chat/completions"),
        ("http://me:pass@host/v1?key=abc", "http://host/v1/chat/completions?key=abc"),
    ],
)
def test_a_query_stays_at_the_end_of_the_address(base: str, address: str) -> None:
    """As gateways want it that take their key or version there."""
    assert join_url(base, "chat/completions") == address


def test_what_is_shown_has_no_secrets() -> None:
    url = f"https://me:{KEY}@host:1/v1?key={KEY}2"
    assert public_url(url) == "https://host:1/v1"
    assert secrets_in(url) == [KEY, f"{KEY}2"]


def test_a_key_in_the_path_is_not_shown_either() -> None:
    """Some gateways want it there; names of models and versions are no keys."""
    key = "sk-or-0a1B2c3D4e5F6g7H8i9J0"
    url = f"https://host/{key}/deployments/qwen3-235b-a22b-instruct-2507-fp8/v1"
    assert public_url(url) == "https://host/…/deployments/qwen3-235b-a22b-instruct-2507-fp8/v1"
    assert key in secrets_in(url)
    assert key not in validate_url(f"host/{key}/v1")
    assert join_url(url, "models") == f"{url}/models"


def test_another_scheme_is_told_from_none() -> None:
    assert validate_url("ftp://host/v1") == "'ftp://host/v1' is not served over HTTP; write http://host/v1"
    assert validate_url("host/v1") == "'host/v1' has no scheme; write http://host/v1"


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:abc/v1",
        "http://[::1/v1",
        "http:///v1",
        "localhost/v1",
        f"me:{KEY}@host/v1?key={KEY}",
        "",
    ],
)
def test_what_is_no_url_is_told_before_anything_runs(url: str) -> None:
    """With exit code 2, the URL, and never what may be a key in it."""
    with pytest.raises(UsageError, match="http://") as caught:
        load_config(None, {"endpoint": {"base_urls": (url,)}})
    assert KEY not in str(caught.value)


def test_settings_are_written_down_without_what_is_secret_in_urls() -> None:
    config = Endpoint(base_urls=(f"http://me:{KEY}@host/v1?key={KEY}",))
    assert config.model_dump()["base_urls"] == ("http://host/v1",)
    assert KEY not in config.model_dump_json()
    assert KEY in config.base_urls[0]


@given(st.text() | st.text().map("http://{}".format))
def test_no_text_breaks_the_check(url: str) -> None:
    """And what passes it can be taken apart."""
    if not validate_url(url):
        public_url(url)
        join_url(url, "models")
        secrets_in(url)
