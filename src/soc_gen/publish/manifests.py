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

from soc_gen.io.manifest import Manifest, read_object

_SECRET = re.compile(r"key|token|secret|password|authorization|credential", re.IGNORECASE)
_NOT_SECRET = re.compile(r"_env$|tokens$|^(tokens|prompt|cached|completion)$|tokens_per_minute$")
_URL = re.compile(r"^\w[\w+.-]*://")


def published_manifest(path: Path) -> bytes:
    """Return the manifest in ``path`` as it may be shown: see ``scrub``."""
    return orjson.dumps(scrub(read_object(path)), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


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
