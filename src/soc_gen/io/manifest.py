"""What a stage writes beside its output: settings, inputs, counts, tokens, times. Never a secret."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import orjson

from soc_gen import __version__
from soc_gen.io.jsonl import PACKED, open_input, replacing


def beside(out: Path, kind: str) -> Path:
    """Return the path of a file that belongs to ``out``: ``chats.jsonl`` → ``chats.{kind}``.

    So it is for ``chats.jsonl.gz``, which was packed after the stage that wrote it.
    """
    name = out.stem if out.suffix in PACKED else out.name
    return out.with_name(f"{name.removesuffix('.jsonl')}.{kind}")


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, in hex.

    Raises:
        UsageError: It cannot be read.
    """
    digest = hashlib.sha256()
    with open_input(path) as handle:
        while chunk := handle.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def write_manifest(out: Path, stage: str, facts: dict[str, Any]) -> Path:
    """Write the manifest of ``out``; return its path."""
    path = beside(out, "manifest.json")
    document = {"soc_gen": __version__, "stage": stage, **facts}
    with replacing(path) as handle:
        handle.write(orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str) + b"\n")
    return path
