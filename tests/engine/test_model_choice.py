"""Which model is asked for: the named one whatever a list says, else the only one there is."""

from __future__ import annotations

import asyncio

import pytest

from soc_gen.engine.model_choice import choose_model, close_names
from soc_gen.errors import EndpointError, UsageError
from soc_gen.llm.client import EndpointClient
from soc_gen.llm.wire import Capabilities
from soc_gen.settings import Endpoint
from tests.support.loopback_endpoint import MODEL, Behaviour, LoopbackEndpoint
from tests.support.scripted_server import LISTED, NOT_FOUND, Answer, ScriptedServer
from tests.support.scripted_server import Behaviour as Scripted

Chosen = tuple[str, tuple[str, ...]]


def chosen(*urls: str, wanted: str | None = None, seconds: float = 5.0) -> Chosen:
    async def main() -> Chosen:
        config = Endpoint(model=wanted, timeout_seconds=seconds, give_up_seconds=3.0)
        endpoints = [EndpointClient(url, None, config, Capabilities()) for url in urls]
        try:
            return await choose_model(endpoints, config, asyncio.sleep)
        finally:
            for endpoint in endpoints:
                await endpoint.close()

    return asyncio.run(main())


def model_of(*urls: str, wanted: str | None = None) -> str:
    return chosen(*urls, wanted=wanted)[0]


def listing(*answers: Answer) -> ScriptedServer:
    return ScriptedServer(Scripted("a list", models=answers))


def test_the_only_model_is_taken() -> None:
    with LoopbackEndpoint() as server:
        assert model_of(server.url) == MODEL


def test_a_model_that_is_not_listed_is_asked_for_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """The warning is one line and has close names; a model that is listed needs none."""
    with LoopbackEndpoint() as server:
        assert chosen(server.url, wanted="loopback-modle") == ("loopback-modle", ())
        assert len(caplog.messages) == 1
        assert "loopback-modle" in caplog.messages[0]
        assert f"close to it: {MODEL}" in caplog.messages[0]
        chosen(server.url, wanted=MODEL)
    assert len(caplog.messages) == 1


def test_of_several_models_one_must_be_named() -> None:
    with LoopbackEndpoint(Behaviour(models=("a", "b"))) as server:
        with pytest.raises(EndpointError, match=r"has several models.*--model: a, b"):
            model_of(server.url)
        assert model_of(server.url, wanted="b") == "b"


def test_a_server_without_a_list_takes_any_name_but_needs_one() -> None:
    with LoopbackEndpoint(Behaviour(models=None)) as server:
        assert model_of(server.url, wanted="qwen") == "qwen"
        with pytest.raises(UsageError, match=r"404.*--model"):
            model_of(server.url)
    with listing(Answer({"data": []})) as empty, pytest.raises(UsageError, match=r"lists no models.*--model"):
        model_of(empty.url)


def test_replicas_that_list_others_have_one_in_common(caplog: pytest.LogCaptureFixture) -> None:
    with LoopbackEndpoint(Behaviour(models=("a", "b"))) as one, LoopbackEndpoint() as two:
        two.behave(models=("b", "c"))
        assert model_of(one.url, two.url) == "b"
        two.behave(models=("c",))
        with pytest.raises(EndpointError, match=r"no model in common.*a, b"):
            model_of(one.url, two.url)
        assert chosen(two.url, one.url) == ("c", ())
        assert f"{one.url} does not list the model c" in caplog.messages[0]
        two.behave(models=None)
        with pytest.raises(EndpointError, match="several models"):
            model_of(one.url, two.url)
        two.behave(models=("b",), key="right")  # its 401 says nothing of its models
        assert model_of(one.url, two.url, wanted="b") == "b"


@pytest.mark.parametrize("status", [401, 403, 404, 405, 429, 500, 503])
def test_a_list_that_is_refused_is_no_verdict_on_a_name(status: int) -> None:
    with listing(Answer({"error": {"message": "no"}}, status)) as server:
        assert chosen(server.url, wanted="m") == ("m", ())
        assert server.lists == 1


@pytest.mark.parametrize("status", [401, 403])
def test_without_a_name_a_refused_list_is_told_in_the_servers_words(status: int) -> None:
    refusal = Answer({"error": {"message": "Missing \x1bscopes"}}, status)
    with listing(refusal) as server, pytest.raises(EndpointError) as caught:
        model_of(server.url)
    assert f"answers {status}" in str(caught.value)
    assert r"Missing \x1bscopes. Check the key" in str(caught.value)


@pytest.mark.parametrize("status", [429, 502, 503, 504, 529])
def test_without_a_name_a_list_that_will_come_is_waited_for(status: int) -> None:
    with listing(Answer({"error": "loading"}, status), LISTED) as server:
        assert model_of(server.url) == MODEL
        assert server.lists == 2


def test_a_list_that_does_not_come_is_no_verdict_on_a_name() -> None:
    with listing(Answer(LISTED.body, seconds=30.0)) as server:
        assert chosen(server.url, wanted="m", seconds=0.3) == ("m", ())
        with pytest.raises(EndpointError, match="in time"):
            chosen(server.url, seconds=0.3)


def test_one_replica_that_is_there_is_enough_to_begin() -> None:
    with LoopbackEndpoint() as gone:
        dead = gone.url
    with LoopbackEndpoint() as server:
        assert chosen(dead, server.url) == (MODEL, (dead,))
        assert chosen(dead, server.url, wanted="m") == ("m", (dead,))
    for wanted in (None, "m"):
        with pytest.raises(EndpointError, match="nobody answers"):
            model_of(dead, wanted=wanted)


def test_what_is_no_api_is_told_where_the_model_depends_on_it() -> None:
    with listing(Answer("{")) as half, pytest.raises(EndpointError, match="no OpenAI-compatible server"):
        model_of(half.url)
    with listing(NOT_FOUND) as none, pytest.raises(UsageError, match="404"):
        model_of(none.url)


@pytest.mark.parametrize(
    ("wanted", "names", "close"),
    [
        ("acme/m:nitro", ["other", "acme/m"], ["acme/m"]),
        ("gem-3", ["models/gem-2", "models/gem-3"], ["models/gem-3", "models/gem-2"]),
        ("qwen/qwen3-8b", ["Qwen/Qwen3-8B", "b"], ["Qwen/Qwen3-8B"]),
        ("zz", ["aa", "ab"], []),
        ("m", [], []),
        ("qwen3-8", [f"qwen3-8{letter}" for letter in "abcdef"], 3),
    ],
)
def test_close_names(wanted: str, names: list[str], close: list[str] | int) -> None:
    """At most three."""
    found = close_names(wanted, names)
    assert (found if isinstance(close, list) else len(found)) == close
