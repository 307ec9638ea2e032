"""Notices of the library: to its logger from Python, to stderr from the command line."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.support.loopback_endpoint import Behaviour, LoopbackEndpoint
from tests.support.runs import Project

NOTICE = "The endpoint takes no response_format json_schema; json_object has to do for this run."


def test_a_notice_goes_to_the_logger_and_nowhere_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nobody who has not asked for it sees anything."""
    assert any(isinstance(one, logging.NullHandler) for one in logging.getLogger("soc_gen").handlers)
    with LoopbackEndpoint(Behaviour(structures=("json_object",))) as endpoint:
        Project(tmp_path, count=1).rollout(endpoint.url)
    assert [
        (one.name, one.levelname, one.getMessage()) for one in caplog.records if one.name == "soc_gen"
    ] == [("soc_gen", "WARNING", NOTICE)]
    assert capfd.readouterr() == ("", "")


def test_the_command_line_shows_it_once(tmp_path: Path) -> None:
    with LoopbackEndpoint(Behaviour(structures=("json_object",))) as endpoint:
        done = Project(tmp_path, count=1).soc(endpoint.url)
    assert done.stderr.splitlines().count(NOTICE) == 1
    assert done.returncode == 0
