"""Finds the manifests of a dataset and prepares them for publication.

A stage writes its manifest beside its output. The manifests of a clean file are found by
going back from it: its own, then those of its input files.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from soc_gen.io.manifest import Manifest, read_object
from soc_gen.io.scrub import scrub


def published_manifest(path: Path) -> bytes:
    """Return the manifest in ``path`` without private data: see ``scrub``."""
    return orjson.dumps(scrub(read_object(path)), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


def public_manifest(manifest: Manifest) -> Manifest:
    """Return a manifest without private data: see ``scrub``."""
    return Manifest.model_validate(scrub(manifest.model_dump()))


def generation_settings(manifests: Iterable[Manifest]) -> dict[str, Any]:
    """Return the settings that made the data as one config for ``soc run --config``.

    Each stage's own section comes from its manifest; the endpoint is the one that wrote the messages.
    Addresses and unset options are left out.
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
