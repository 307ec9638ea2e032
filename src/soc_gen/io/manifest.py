"""The manifest of a stage, beside its output: settings, inputs, counts, tokens, times. Never a secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from soc_gen import __version__
from soc_gen.errors import UsageError
from soc_gen.io.file_set import is_torn
from soc_gen.io.files import PACKED, atomic_write
from soc_gen.io.scrub import without_secrets
from soc_gen.io.values import json_problem


def sidecar_path(out: Path, kind: str) -> Path:
    """Return the path of a file that belongs to ``out``: ``chats.jsonl`` → ``chats.{kind}``.

    The same for ``chats.jsonl.gz``, which was compressed after its stage.
    """
    name = out.stem if out.suffix in PACKED else out.name
    return out.with_name(f"{name.removesuffix('.jsonl')}.{kind}")


def write_manifest(out: Path, stage: str, facts: dict[str, Any]) -> Path:
    """Write the manifest of ``out``; return its path."""
    path = sidecar_path(out, "manifest.json")
    with atomic_write(path) as handle:
        handle.write(manifest_bytes(stage, facts))
    return path


def manifest_bytes(stage: str, facts: dict[str, Any]) -> bytes:
    """Return the bytes of a manifest."""
    document = {"soc_gen": __version__, "stage": stage, **facts}
    return orjson.dumps(without_secrets(document), option=orjson.OPT_INDENT_2, default=str) + b"\n"


class FileNote(BaseModel):
    """A file that a stage read or wrote."""

    model_config = ConfigDict(extra="ignore")

    path: str
    records: int | None = None


class Manifest(BaseModel):
    """A stage's record of its run; every field may be missing."""

    model_config = ConfigDict(extra="ignore")

    soc_gen: str | None = None
    """Version of soc_gen."""
    stage: str = "unknown"
    random_seed: int | None = None
    config: dict[str, Any] = {}
    inputs: list[FileNote] = []
    outputs: list[FileNote] = []
    prompts: dict[str, str] = {}
    """sha256 of each prompt file."""
    model: str | None = None
    endpoint: dict[str, Any] = {}
    counts: dict[str, int] = {}
    reasons: dict[str, int] = {}
    repairs: dict[str, int] = {}
    tokens: dict[str, int] = {}
    cost: float | None = None
    """US dollars."""
    seconds: float | None = None


def find_manifests(data: Path) -> list[tuple[Path, Manifest]]:
    """Return the existing manifests of the stages that led to ``data``, first stage first.

    Raises:
        UsageError: A manifest is not a JSON object, or is older than the file it describes.
    """
    manifests: dict[Path, Manifest] = {}
    waiting = [data]
    while waiting:
        path = sidecar_path(waiting.pop(0), "manifest.json")
        if path in manifests or not path.is_file():
            continue
        if is_torn(path):
            raise UsageError(
                "is older than what it tells of: the run that was to replace both has died",
                where=str(path),
                hint="Run that command again",
            )
        manifests[path] = read_manifest(path)
        waiting += [_nearby(path.parent, note.path) for note in manifests[path].inputs]
    return list(manifests.items())[::-1]


def _nearby(folder: Path, recorded: str) -> Path:
    """Return the recorded path of an input, or its path beside the manifest if the folder was moved."""
    there = Path(recorded)
    return there if sidecar_path(there, "manifest.json").is_file() else folder / there.name


def read_manifest(path: Path) -> Manifest:
    """Read a manifest without its invalid fields.

    Raises:
        UsageError: It is not a JSON object.
    """
    fields = _with_nested_counts(read_object(path))
    try:
        return Manifest.model_validate(fields)
    except ValidationError as error:
        bad = {item["loc"][0] for item in error.errors()}
        return Manifest.model_validate({key: value for key, value in fields.items() if key not in bad})


def _with_nested_counts(fields: dict[str, Any]) -> dict[str, Any]:
    """Move the tables that ``soc clean`` writes inside its counts to the place of the other stages."""
    counts = fields.get("counts")
    if not isinstance(counts, dict):
        return fields
    own = {"reasons": counts.get("rejected_by_reason"), "repairs": counts.get("repairs")}
    plain = {key: value for key, value in counts.items() if isinstance(value, int)}
    return {**fields, **{key: value for key, value in own.items() if value}, "counts": plain}


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in ``path``.

    Raises:
        UsageError: It cannot be read, or is not a JSON object.
    """
    try:
        fields = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise UsageError(f"not a readable manifest ({error})", where=str(path)) from None
    if not isinstance(fields, dict):
        raise UsageError("not a manifest: a JSON object is wanted", where=str(path))
    if problem := json_problem(fields):
        raise UsageError(f"not a readable manifest ({problem})", where=str(path))
    return fields
