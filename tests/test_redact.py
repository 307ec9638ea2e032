"""Keys that servers repeat, in the forms in which they do."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from soc_gen.redact import Redactor
from soc_gen.urls import public_url, secrets_in, validate_url
from tests.support.runs import Project
from tests.support.scripted_server import LISTED, Answer, Behaviour, ScriptedServer, good
from tests.support.soc_process import SocProcesses

KEY = 'sk-9f/8"e\\7+d&6=c'
FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "json": lambda key: json.dumps(key)[1:-1],
    "json in json": lambda key: json.dumps(json.dumps(key)[1:-1])[1:-1],
    "json, all escaped": lambda key: "".join(f"\\u{ord(one):04X}" for one in key),
    "slashes escaped": lambda key: json.dumps(key)[1:-1].replace("/", "\\/"),
    "percent": lambda key: quote(key, safe=""),
    "percent, in lower case": lambda key: quote(key, safe="").lower(),
    "percent, twice": lambda key: quote(quote(key, safe=""), safe=""),
    "percent, all": lambda key: "".join(f"%{octet:02X}" for octet in key.encode()),
    "form": quote_plus,
    "html": html.escape,
    "html, numbers": lambda key: "".join(f"&#{ord(one)};" for one in key),
    "html, hex": lambda key: "".join(f"&#x{ord(one):X};" for one in key),
    "python": lambda key: repr(key)[1:-1],
    "bytes": lambda key: "".join(f"\\x{octet:02x}" for octet in key.encode()),
    "upper case": str.upper,
}
keys = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=60)


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None)
@given(key=keys)
@example(key=KEY)
def test_a_key_is_hidden_in_every_form(form: str, key: str) -> None:
    """And nothing else is: what stands around it is as it was."""
    text = f"<p>no such key: {FORMS[form](key)} [end]"
    assert Redactor([key]).error(text) == "<p>no such key: *** [end]"


@settings(deadline=None)
@given(key=keys, before=st.text("abc:", max_size=5), after=st.text("xyz:", max_size=5))
def test_a_key_is_hidden_within_base64(key: str, before: str, after: str) -> None:
    """Such as that of a user and a password: none of its own characters can be read any more."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        shown = Redactor([key]).error(encode(f"{before}{key}{after}".encode()).decode())
        rest = shown.replace("***", "").rstrip("=")
        assert "***" in shown
        assert len(rest) <= 4 * (len(before) + len(after)) // 3 + 4


@pytest.mark.parametrize(
    ("key", "text", "shown"),
    [
        ("x", "maximum context length: x", "maximum context length: ***"),
        ("EMPTY", "the key EMPTY is not EMPTYING", "the key *** is not EMPTYING"),
        ("hunter2", "hunter2 hunter22", "*** hunter22"),
        ("hunter22", "xhunter22x", "x***x"),
        ("", "nothing", "nothing"),
    ],
)
def test_a_short_key_is_hidden_only_where_it_stands_alone(key: str, text: str, shown: str) -> None:
    assert Redactor([key]).error(text) == shown


@pytest.mark.parametrize(("key", "hidden"), [("somethings!", False), ("something!!!", True)])
def test_a_reply_keeps_what_may_be_a_word(key: str, hidden: bool) -> None:
    """People give servers that want no key any word; of 12 characters it is taken for a key."""
    said = {"choices": [{"message": {"content": f"did you say {key}"}}]}
    assert (said != Redactor([key]).data(said)) is hidden


def test_json_is_searched_in_names_and_values_and_to_a_bounded_depth() -> None:
    deep: Any = KEY
    for _ in range(5000):
        deep = [deep]
    found = Redactor([KEY]).error({KEY: [KEY, 3, None, {"a": f"({KEY})"}], "deep": deep})
    assert found["***"] == ["***", 3, None, {"a": "(***)"}]
    assert "***" not in str(found["deep"])


@pytest.mark.parametrize(
    ("url", "shown", "secret"),
    [
        ("http://sk-abcdef@host/v1", "http://host/v1", "sk-abcdef"),
        ("http://me:p%40ss@host/v1", "http://host/v1", "p@ss"),
        ("http://host/k3y42/v1", "http://host/…/v1", "k3y42"),
        ("http://host/sk-abc/v1", "http://host/…/v1", "sk-abc"),
        ("http://host/key/hush/v1", "http://host/key/…/v1", "hush"),
        ("http://host/a%2Fb9/v1", "http://host/…/v1", "a/b9"),
        ("http://host/v1?hush", "http://host/v1", "hush"),
        ("http://host/v1?key=a+b%2F", "http://host/v1", "a b/"),
        ("http://host/v1#hush", "http://host/v1", "hush"),
    ],
)
def test_what_may_be_a_key_in_a_url(url: str, shown: str, secret: str) -> None:
    assert public_url(url) == shown
    assert secret in secrets_in(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://host/v1",
        "http://host/api/v1beta2/openai",
        "http://host/v1.0/models/qwen3-235b",
        "https://host/deployments/gpt-4o/v1",
        "http://127.0.0.1:8000/us-east/serve",
    ],
)
def test_what_is_no_key_in_a_url_is_shown(url: str) -> None:
    assert public_url(url) == url
    assert secrets_in(url) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://me:hush/hush@host/v1",
        "http://me:12/hush@host/v1",
        "http://me:hush?hush@host/v1",
        "http://me:hush#hush@host/v1",
        "http://me:a://hush@host/v1",
        "me:hush@host/v1?a=hush@",
        "host/v1#hush",
        "http://me:hush@ho st/v1",
    ],
)
def test_a_url_that_is_none_is_told_without_its_password(url: str) -> None:
    assert validate_url(url)
    assert "hush" not in validate_url(url)


@pytest.fixture(scope="module")
def soc() -> Iterator[SocProcesses]:
    with SocProcesses() as processes:
        yield processes


@pytest.mark.parametrize("status", [200, 400, 401, 422, 500])
@pytest.mark.parametrize("where", ["key", "password", "user", "path", "query"])
def test_no_key_comes_back_from_a_server(soc: SocProcesses, tmp_path: Path, status: int, where: str) -> None:
    """Whatever it answers, in words or in JSON: not on the terminal, and not in any file."""
    secret = "k9-hush/hush+1"  # noqa: S105 - no secret
    coded = quote(secret, safe="")
    token = base64.b64encode(f"me:{secret}".encode()).decode()
    told = [secret, coded, token, json.dumps({"key": secret}), secret.replace("-", "\\u002d")]
    body = {"error": {"message": " ".join(told), "param": told}, "choices": None}
    raw = json.dumps(body).replace("hush", "h\\u0075sh")
    script = Behaviour("echo", lambda _: Answer(raw, status=status), (LISTED,))
    project = Project(tmp_path, count=1)
    with ScriptedServer(script) as server:
        base = server.url
        url = {
            "key": base,
            "password": base.replace("://", f"://me:{coded}@"),
            "user": base.replace("://", f"://{coded}@"),
            "path": base.replace("/v1", f"/{coded}/v1"),
            "query": f"{base}?key={coded}",
        }[where]
        words = project.command(url, "--max-minutes", "0.005")[3:]
        environment = {"SOC_API_KEY": secret} if where == "key" else {}
        soc.run(words, tmp_path, environment=environment, seconds=60)
    files = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 2  # what was printed too
    for text in files:
        assert "hush" not in text
        assert base64.b64encode(secret.encode()).decode()[:12] not in text
        assert token not in text


def test_a_key_in_a_reply_is_not_kept(tmp_path: Path) -> None:
    """A proxy that answers 200 with a key in it, escaped: neither journal nor chats have it."""
    secret = "sk-0123456789-abcdef"  # noqa: S105 - no secret

    def script(asked: Any) -> Answer:
        text = json.dumps(good(asked).body).replace('messages\\":[\\"', f'messages\\":[\\"{secret} ')
        return Answer(text.replace("sk-", "\\u0073k-"))

    project = Project(tmp_path, count=1)
    with ScriptedServer(Behaviour("echo", script, (LISTED,))) as server:
        project.soc(server.url, SOC_API_KEY=secret)
    kept = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "*** " in kept
    assert secret not in kept
