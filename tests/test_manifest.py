"""The files beside an output: whoever looks for them finds what the stage wrote."""

from pathlib import Path

import pytest

from soc_gen.errors import UsageError
from soc_gen.io.files import check_output
from soc_gen.io.manifest import find_manifests, sidecar_path, write_manifest
from soc_gen.models import Failure
from soc_gen.stages.clean.run import failed_ids


@pytest.mark.parametrize("name", ["clean.jsonl", "clean.json", "clean.ndjson", "clean", "v1.2.jsonl"])
def test_a_push_finds_the_manifest_of_an_output_whatever_its_name(tmp_path: Path, name: str) -> None:
    """Not of .jsonl files alone: --out takes any name."""
    out = tmp_path / name
    written = write_manifest(out, "clean", {})
    assert [path for path, _ in find_manifests(out)] == [written]


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".zstd"])
def test_no_output_is_named_as_if_it_were_packed(tmp_path: Path, suffix: str) -> None:
    """It would be plain text that no reader of packed files takes, soc clean among them."""
    with pytest.raises(UsageError, match="plain text"):
        check_output(tmp_path / f"clean.jsonl{suffix}")
    check_output(tmp_path / "clean.jsonl")


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".zstd"])
def test_a_file_that_was_packed_later_keeps_what_lies_beside_it(tmp_path: Path, suffix: str) -> None:
    """`gzip chats.jsonl` leaves chats.failures.jsonl and chats.manifest.json as they are."""
    plain, packed = tmp_path / "chats.jsonl", tmp_path / f"chats.jsonl{suffix}"
    failure = Failure(index=0, id="chat-1", reason="bad_turn", detail="-")
    sidecar_path(plain, "failures.jsonl").write_bytes(failure.to_json() + b"\n")
    written = write_manifest(plain, "rollout", {})
    assert failed_ids([packed]) == {"chat-1"}
    assert [path for path, _ in find_manifests(packed)] == [written]
