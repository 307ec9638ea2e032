"""The changelog and the script beside the documents keep up with the code."""

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import soc_gen
from tests.support.command import soc
from tests.support.loopback_endpoint import Behaviour, LoopbackEndpoint

ROOT = Path(__file__).parents[1]


def test_the_picture_shows_a_chat_and_every_stage_of_a_run(tmp_path: Path) -> None:
    """The script draws a run of two chats as an SVG with the rows of the three stages."""
    with LoopbackEndpoint(Behaviour(end_rate=0.3)) as endpoint:
        done = soc("run", "--count", "2", "--base-url", endpoint.url, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    picture = tmp_path / "run.svg"
    script = [sys.executable, str(ROOT / "docs/picture.py"), str(tmp_path / "data"), str(picture)]
    drawn = subprocess.run(script, capture_output=True, text=True, check=False)
    assert drawn.returncode == 0, drawn.stderr
    root = ElementTree.parse(picture).getroot()  # noqa: S314  # drawn just now
    text = " ".join(" ".join(root.itertext()).split())
    for words in ("soc run", "What", "experiences", "rollout", "clean", "failed", "rejected"):
        assert words in text, words


def test_the_version_is_that_of_the_newest_dated_release() -> None:
    """Package, `soc_gen.__version__` and changelog agree; what comes next is under Unreleased."""
    headings = re.findall(r"^## (.*)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert re.fullmatch(rf"\[{re.escape(soc_gen.__version__)}\] - \d{{4}}-\d\d-\d\d", headings[1])
    assert importlib.metadata.version("soc-gen") == soc_gen.__version__
