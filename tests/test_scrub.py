"""What may be written down, and what may be shown: keys, addresses and folders are taken out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc_gen.io.manifest import write_manifest
from soc_gen.io.scrub import scrub, without_secrets

SECRET = "Zebra7Quilt"  # noqa: S105 - in no known form of a key: found by where it stands
KEYS = [
    "api_key", "apiKey", "API-KEY", "x-api-key", "key", "keys", "access_token", "authToken", "token",
    "secret", "client_secret", "Authorization", "auth", "password", "passwd", "bearer", "cookie",
    "credentials", "jwt", "session_id", "api_tokens",
]  # fmt: skip
KNOWN = [
    "sk-proj-abcdefgh1234", "hf_abcdefghijkl", "ghp_abcdefghijkl", "gsk_abcdefghijkl", "xai-abcdefghijkl",
    "AKIAABCDEFGHIJKL1234", "AIzaSyA1234567890abcdefghij", "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl",
    "Bearer abcdefgh12345", "Basic dXNlcjpwdw==", "nvapi-abcdefghijkl", "github_pat_abcdefghijkl",
]  # fmt: skip
ADDRESSES = [
    "http://10.0.0.7:8000/v1", "https://mia:pw@host/v1?key=x", "grpc://host", "mia:pw@host:8000/v1",
    "10.0.0.7", "10.0.0.7:8000", "localhost:8000/v1", "gpu1.corp.example:8000",
]  # fmt: skip
FOLDERS = [
    "/home/mia/x/q.gguf",
    "~/models/q.gguf",
    r"C:\Users\mia\q.gguf",
    r"\\server\share\q.gguf",
    "/q.gguf",
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("put", [str, lambda text: [text], lambda text: {"a": {"b": [text, 1]}}])
@pytest.mark.parametrize("clean", [scrub, without_secrets])
def test_what_stands_under_the_name_of_a_key_is_taken_out(key: str, put: Any, clean: Any) -> None:
    """However deep, as text, list or group; what stands beside it stays."""
    value = {"sampling": {"extra_body": {"a": [{key: put(SECRET), "top_k": 20}]}}}
    cleaned = clean(value)
    assert SECRET not in json.dumps(cleaned)
    assert cleaned["sampling"]["extra_body"]["a"][0]["top_k"] == 20


@pytest.mark.parametrize("secret", KNOWN)
@pytest.mark.parametrize("clean", [scrub, without_secrets])
def test_a_key_is_known_by_its_form_wherever_it_stands(secret: str, clean: Any) -> None:
    """Alone or within a text, in a value or in a name."""
    value = {"a": secret, "b": [secret], "c": f"with {secret} in it", f"of {secret}": 1}
    assert secret not in json.dumps(clean(value))
    assert clean(value)["c"].startswith("with ")


@pytest.mark.parametrize("group", ["extra_body", "extra_headers"])
def test_a_long_run_in_what_users_add_is_a_key(group: str) -> None:
    """Under any name; 19 characters are none, nor are words."""
    long = "a1" * 10
    words = {"x": long[:-1], "backend": "outlines", "mode": "reasoning-effort-high-or-very-high"}
    assert scrub({group: {"x": long}}) == {group: {"x": "…"}}
    assert scrub({group: words}) == {group: words}
    assert scrub({"sha256": "0f" * 32}) == {"sha256": "0f" * 32}


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_are_not_shown(address: str) -> None:
    """An entry that is nothing else is left out; of a text, the rest stays."""
    assert scrub({"a": address, "b": [address, "x"], "c": f"by {address} it went"}) == {
        "b": ["x"], "c": "by … it went"
    }  # fmt: skip


@pytest.mark.parametrize("key", ["host", "base_url", "baseUrl", "proxy", "server", "hostnames_uri"])
def test_what_is_named_an_address_is_one(key: str) -> None:
    """Also where it looks like any other word."""
    assert scrub({key: "gpu1", "model": "gpu1"}) == {"model": "gpu1"}


@pytest.mark.parametrize("path", FOLDERS)
def test_of_a_path_the_name_of_the_file_is_shown(path: str) -> None:
    """Also of one within a text."""
    assert scrub({"model": path, "b": f"--model {path}"})["model"] == "q.gguf"
    if path != "/q.gguf":
        assert scrub(f"--model {path} -c 4") == "--model q.gguf -c 4"


KEPT: dict[str, Any] = {
    "model": "Qwen/Qwen3-235B-A22B-Instruct-2507", "m": "qwen2.5:14b", "rel": "data/x",
    "api_key_env": "MY_KEY",
    "tokens": {"prompt": 1, "cached": 2}, "max_tokens": 400, "tokenizer": "Qwen/Qwen3",
    "stop": ["</s>", "\n\n"],
    "extra_body": {"top_k": 20, "chat_template": "{% if a %}</tool_call> /no_think{% endif %}",
                   "stop_token_ids": [1, 2], "skip_special_tokens": True, "guided_regex": r"\d+/\d+"},
    "prompts": {"rollout_x": "ab" * 32}, "version": "0.1.0", "date": "12/31/2025", "ratio": "1/2/3",
}  # fmt: skip


@pytest.mark.parametrize("clean", [scrub, without_secrets])
def test_what_is_none_of_it_stays(clean: Any) -> None:
    """Names of variables, counts, models, digests, templates."""
    assert clean(KEPT) == KEPT


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=12)
    | st.sampled_from(KNOWN + ADDRESSES + FOLDERS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*KEYS, "a", "extra_body"]), inner)
    ),
    max_leaves=10,
)


@given(JSON, st.sampled_from([scrub, without_secrets]))
def test_once_is_enough(value: Any, clean: Any) -> None:
    """What was taken out leaves nothing that a second look would take out."""
    assert clean(clean(value)) == clean(value)


def test_a_manifest_is_written_without_secrets_and_with_its_paths(tmp_path: Path) -> None:
    """The next stage finds its inputs by them."""
    config = {"rollout": {"sampling": {"extra_body": {"api_key": SECRET, "url": "http://u:pw@h/v1"}}}}
    path = write_manifest(
        tmp_path / "c.jsonl", "rollout", {"config": config, "inputs": [{"path": "/a/b.jsonl"}]}
    )
    fields = json.loads(path.read_text())
    assert fields["config"]["rollout"]["sampling"]["extra_body"] == {"url": "http://h/v1"}
    assert fields["inputs"] == [{"path": "/a/b.jsonl"}]
