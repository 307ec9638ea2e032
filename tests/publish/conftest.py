from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from soc_gen.publish.hub import PushOptions, PushResult, connect, push
from soc_gen.publish.staging import StagedDataset, stage
from tests.support.loopback_hub import WRITE_TOKEN, LoopbackHub, running
from tests.support.publishing import REPO, Pusher, chat, ignore, write_chats, write_manifests


@pytest.fixture
def clean_file(tmp_path: Path) -> Path:
    """A clean file of 12 chats, with its manifests."""
    data = tmp_path / "data"
    data.mkdir()
    write_manifests(data, chats=12)
    return write_chats(data / "clean.jsonl", [chat(number) for number in range(12)])


@pytest.fixture(params=["lfs", "xet"])
def hub(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LoopbackHub]:
    """A loopback Hub, and the client set to its upload path."""
    yield from _hub(tmp_path, monkeypatch, xet=request.param == "xet")


@pytest.fixture
def lfs_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """A loopback Hub with classic uploads, for what does not depend on the upload path."""
    yield from _hub(tmp_path, monkeypatch, xet=False)


@pytest.fixture
def xet_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """A loopback Hub with Xet uploads."""
    yield from _hub(tmp_path, monkeypatch, xet=True)


def _hub(folder: Path, monkeypatch: pytest.MonkeyPatch, *, xet: bool) -> Iterator[LoopbackHub]:
    from huggingface_hub import constants
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", not xet)
    monkeypatch.setattr(
        "huggingface_hub.utils._http.time.sleep", ignore
    )  # the client's pauses between retries
    with running(LoopbackHub(folder / "hub", xet=xet)) as hub:
        hub.store.folder.mkdir()
        yield hub


@pytest.fixture
def staged(clean_file: Path, tmp_path: Path) -> StagedDataset:
    """The clean file, staged."""
    folder = tmp_path / "staged"
    folder.mkdir()
    return stage(clean_file, folder, parquet=False, on_progress=ignore)


@pytest.fixture
def pusher(staged: StagedDataset) -> Pusher:
    """Push the staged files: ``pusher(hub, repo=…, token=…, any option)``."""

    def push_it(hub: LoopbackHub, repo: str = REPO, token: str = WRITE_TOKEN, **options: Any) -> PushResult:
        wanted = PushOptions(repo, **options)
        return push(connect(wanted, token, hub.url), staged, wanted)

    return push_it
