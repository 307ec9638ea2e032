"""What the stages wrote down about themselves: found, read tolerantly, and made fit to be shown.

A stage writes its manifest beside its output. The manifests of a clean file are found by
going back from it: its own, then those of the files that went into it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from soc_gen.errors import UsageError
from soc_gen.io.manifest import beside

_SECRET = re.compile(r"key|token|secret|password|authorization|credential", re.IGNORECASE)
_NOT_SECRET = re.compile(r"_env$|tokens$|^(tokens|prompt|cached|completion)$|tokens_per_minute$")
_URL = re.compile(r"^\w[\w+.-]*://")


class FileNote(BaseModel):
    """A file that a stage read or wrote."""

    model_config = ConfigDict(extra="ignore")

    path: str
    records: int | None = None


class Manifest(BaseModel):
    """What one stage says of its run; everything may be missing."""

    model_config = ConfigDict(extra="ignore")

    soc_gen: str | None = None
    """Version of the code."""
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
    """Return the manifests behind ``data``, the first stage first; those that are not there are left out.

    Raises:
        UsageError: A manifest is there and is not a JSON object.
    """
    found: dict[Path, Manifest] = {}
    waiting = [data]
    while waiting:
        path = beside(waiting.pop(0), "manifest.json")
        if path in found or not path.is_file():
            continue
        found[path] = read_manifest(path)
        waiting += [_nearby(path.parent, note.path) for note in found[path].inputs]
    return list(found.items())[::-1]


def _nearby(folder: Path, recorded: str) -> Path:
    """Return an input where it lay then, or beside the manifest if the folder has moved since."""
    there = Path(recorded)
    return there if beside(there, "manifest.json").is_file() else folder / there.name


def read_manifest(path: Path) -> Manifest:
    """Read a manifest, leaving out what is not as it should be.

    Raises:
        UsageError: It is not a JSON object.
    """
    fields = _with_nested_counts(_read_object(path))
    try:
        return Manifest.model_validate(fields)
    except ValidationError as error:
        bad = {item["loc"][0] for item in error.errors()}
        return Manifest.model_validate({key: value for key, value in fields.items() if key not in bad})


def _with_nested_counts(fields: dict[str, Any]) -> dict[str, Any]:
    """Move the tables that ``soc clean`` keeps inside its counts to where the other stages have theirs."""
    counts = fields.get("counts")
    if not isinstance(counts, dict):
        return fields
    own = {"reasons": counts.get("rejected_by_reason"), "repairs": counts.get("repairs")}
    plain = {key: value for key, value in counts.items() if isinstance(value, int)}
    return {**fields, **{key: value for key, value in own.items() if value}, "counts": plain}


def published_manifest(path: Path) -> bytes:
    """Return the manifest in ``path`` as it may be shown: see ``scrub``."""
    return orjson.dumps(scrub(_read_object(path)), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


def _read_object(path: Path) -> dict[str, Any]:
    try:
        fields = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise UsageError(f"not a readable manifest ({error})", where=str(path)) from None
    if not isinstance(fields, dict):
        raise UsageError("not a manifest: a JSON object is wanted", where=str(path))
    return fields


def scrub(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a JSON value without secrets, addresses of servers, or the folders of the writer's machine."""
    if isinstance(value, dict):
        return {key: scrub(item) for key, item in value.items() if not _hidden(str(key), item)}
    if isinstance(value, list):
        return [scrub(item) for item in value if not _is_url(item)]
    if isinstance(value, str) and (
        PurePosixPath(value).is_absolute() or PureWindowsPath(value).is_absolute()
    ):
        return PureWindowsPath(value).name
    return value


def _hidden(key: str, value: object) -> bool:
    secret = bool(_SECRET.search(key)) and not _NOT_SECRET.search(key) and isinstance(value, str)
    return secret or _is_url(value)


def _is_url(value: object) -> bool:
    return isinstance(value, str) and bool(_URL.match(value))


def generation_settings(manifests: Iterable[Manifest]) -> dict[str, Any]:
    """Return the settings behind the data as one config that ``soc run --config`` takes.

    Each stage's own section comes from its manifest; the endpoint is the one that wrote the messages.
    Addresses are left out, and so is what is not set.
    """
    settings: dict[str, Any] = {}
    for manifest in manifests:
        config = scrub(manifest.config)
        own = {"random_seed", manifest.stage, *(["endpoint"] if manifest.stage == "rollout" else [])}
        if manifest.random_seed is not None:
            config.setdefault("random_seed", manifest.random_seed)
        settings |= {key: value for key, value in config.items() if key in own or key not in settings}
    endpoint = settings.get("endpoint")
    if isinstance(endpoint, dict):
        settings["endpoint"] = {key: value for key, value in endpoint.items() if key != "base_urls"}
    return _without_none(settings)


def _without_none(group: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_none(value) if isinstance(value, dict) else value
        for key, value in group.items()
        if value is not None
    }
