"""A Hub that answers what no Hub answers: every command says so in one line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.support.publishing import chat, write_chats
from tests.support.scripted_server import Answer, Behaviour, ScriptedServer
from tests.support.soc_process import SocProcesses

WRITER = Answer({"name": "mia", "auth": {"accessToken": {"role": "write"}}})
COMMANDS = {
    "push": ("push-to-hub", "good.jsonl", "mia/chats"),
    "against": ("clean", "good.jsonl", "--against", "mia/chats"),
    "export": ("export", "mia/chats"),
    "serve": ("serve", "--embedded-model", "mia/model"),
}
BODIES = ["[]", "null", "<html>maintenance</html>", "7", "[" * 3000]


class OddHub(ScriptedServer):
    """Answers all alike, but for who the user is, if that is to be right."""

    def __init__(self, answer: Answer, *, knows_user: bool) -> None:
        super().__init__(Behaviour("odd", other=answer))
        self.knows_user = knows_user

    async def _any(self, request: web.Request) -> web.StreamResponse:
        known = self.knows_user and "whoami" in request.path
        return await self._send(request, WRITER if known else self.script.other)


@pytest.fixture(scope="module")
def soc() -> Iterator[SocProcesses]:
    with SocProcesses() as processes:
        yield processes


@pytest.mark.parametrize("command", [*COMMANDS, "push, user known"])
@pytest.mark.parametrize("body", BODIES)
def test_odd_answers_are_one_line(soc: SocProcesses, tmp_path: Path, command: str, body: str) -> None:
    write_chats(tmp_path / "good.jsonl", [chat(0)])
    name, _, known = command.partition(",")
    kind = "text/html" if body.startswith("<") else "application/json"
    with OddHub(Answer(body, content_type=kind), knows_user=bool(known)) as server:
        environment = {
            "HF_ENDPOINT": server.url.removesuffix("/v1"),
            "HF_TOKEN": "hf_abcdefghijklmnop",
            "HF_HOME": str(tmp_path / "hf"),
        }
        done = soc.run(COMMANDS[name], tmp_path, environment=environment, seconds=60)
    assert done.exit in {1, 2}, done
    assert done.stderr.startswith("error: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert "hf_abcdefghijklmnop" not in done.stderr
