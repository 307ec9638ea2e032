"""Which weights the embedded model runs on: a name from the table, a ``.gguf`` file, or a Hub repo.

Weights are data: fetched once, pinned by sha256, kept in the user's cache folder, never imported.
"""

from __future__ import annotations

import re
from pathlib import Path

from soc_gen.errors import EmbeddedModelError, UsageError
from soc_gen.llm.embedded.catalog import HubSource, cache_folder, describe, table
from soc_gen.llm.embedded.download import (
    Progress,
    Say,
    SourceFailed,
    fetch_weights,
    hub_errors,
    hub_file,
)
from soc_gen.llm.embedded.machine import available_memory
from soc_gen.log import log

__all__ = ["DEFAULT", "FALLBACK", "Progress", "Say", "describe", "pick_model", "resolve_weights", "table"]

DEFAULT = "qwen2.5-1.5b"
FALLBACK = "smollm2-135m"

HUB_REPO = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(?::(?P<file>.+\.gguf))?")


def _ignore(*_: object) -> None:
    """Tell nobody."""


def resolve_weights(
    name: str | None = None, cache: Path | None = None, progress: Progress = _ignore, say: Say = log.info
) -> Path:
    """Return the GGUF file to run, fetched if need be.

    Args:
        name: A name from the table, a ``.gguf`` file, or ``USER/REPO`` or ``USER/REPO:FILE.gguf`` on the
            Hub. None: the best one that this machine has the memory for and that can be had.
        cache: Where files are kept; ``cache_folder()`` when not given.
        progress: Told how far a download is.
        say: Told, before it happens, what is downloaded and how big it is, and what is used instead;
            the logger, when not given.

    Raises:
        UsageError: No such name or file.
        EmbeddedModelError: It could not be fetched or verified.
    """
    folder = (cache or cache_folder()) / "models"
    if name is None:
        return _best(folder, progress, say)
    if name in table():
        return fetch_weights(table()[name], folder, progress, say)
    if (name.endswith(".gguf") and ":" not in name) or Path(name).is_file():
        return _checked(Path(name).expanduser())
    if match := HUB_REPO.fullmatch(name):
        return _from_any_repo(match["repo"], match["file"], say)
    return fetch_weights(describe(name), folder, progress, say)


def pick_model(available: int | None = None) -> tuple[str, str]:
    """Return the name of the model for this machine's memory, and why.

    Args:
        available: Bytes; asked of the machine when not given.
    """
    available = available_memory() if available is None else available
    wanted = describe(DEFAULT).memory
    facts = f"{available / 1e9:.1f} GB of memory available, {DEFAULT} wants {wanted / 1e9:.0f}"
    return (DEFAULT if available >= wanted else FALLBACK), facts


def _best(folder: Path, progress: Progress, say: Say) -> Path:
    name, why = pick_model()
    if name == DEFAULT:
        try:
            return fetch_weights(describe(DEFAULT), folder, progress, say)
        except EmbeddedModelError as error:
            why = str(error)
    say(f"Using {describe(FALLBACK)}, whose text is weak: {why}")
    return fetch_weights(describe(FALLBACK), folder, progress, say)


def _checked(path: Path) -> Path:
    try:
        with path.open("rb") as handle:
            magic = handle.read(4)
    except OSError as error:
        raise UsageError(f"cannot be read ({error.strerror})", where=str(path)) from None
    if magic != b"GGUF":
        raise UsageError("not a GGUF file", where=str(path))
    return path


def _from_any_repo(repo: str, file: str | None, say: Say) -> Path:
    import huggingface_hub  # noqa: PLC0415 - slow to import, and rarely needed

    if file and isinstance(cached := huggingface_hub.try_to_load_from_cache(repo, file), str):
        return Path(cached)
    try:
        if file is None:
            with hub_errors():
                files = huggingface_hub.list_repo_files(repo)
            file = _one_gguf(files, repo)
        say(f"Downloading {file} of {repo} once, into the Hub's cache")
        return hub_file(HubSource(repo=repo, file=file))
    except SourceFailed as failure:
        raise EmbeddedModelError(f"{repo} cannot be had: {failure}") from None


def _one_gguf(files: list[str], repo: str) -> str:
    ggufs = [file for file in files if file.endswith(".gguf")]
    chosen = ggufs if len(ggufs) == 1 else [file for file in ggufs if "q4_k_m" in file.lower()]
    if len(chosen) == 1:
        return chosen[0]
    listed = ", ".join(ggufs[:8]) or "none"
    raise UsageError(f"say which .gguf file of {repo}: {listed}", hint=f"Write {repo}:FILE.gguf")
