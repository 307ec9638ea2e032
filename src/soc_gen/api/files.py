"""Functions that ask no model: cleaning, exporting, publishing."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soc_gen.api.records import CleanedChats, Source, read_chats
from soc_gen.config import Config, load_config, with_overrides
from soc_gen.export.rows import Format, Perspective, Start, System, Tags
from soc_gen.export.split import SplitBy
from soc_gen.export.writers import ExportPlan, ExportResult
from soc_gen.export.writers import export as write_export
from soc_gen.io.datasets import read_source
from soc_gen.io.jsonl import BadLine
from soc_gen.io.jsonl import write_jsonl as write_records
from soc_gen.models import Chat

if TYPE_CHECKING:
    from soc_gen.publish.hub import PushResult
    from soc_gen.stages.clean.run import CleanReport


def clean(chats: Iterable[Chat] | Source, *, config: Config | str | Path | None = None) -> CleanedChats:
    """Repair ``chats``, reject what cannot be repaired with a reason, and drop what repeats.

    Holds all chats in memory; ``clean_files`` does not.

    Args:
        chats: Chats, or where to read them from.
        config: A ``Config``, a preset's name or a TOML file; its ``clean`` part counts.

    Raises:
        UsageError: The config or the source cannot be read.

    Example:
        >>> kept = clean(chats)
        >>> kept.rejections[0].reason
    """
    from soc_gen.stages.clean.decide import clean_chats  # noqa: PLC0415 - heavy

    given = read_chats(chats) if isinstance(chats, str | Path) else chats
    return CleanedChats(clean_chats(given, config_from(config).clean))


def clean_files(
    inputs: Sequence[str | Path] | str | Path,
    out: str | Path,
    *,
    config: Config | str | Path | None = None,
    workers: int = 1,
) -> CleanReport:
    """Clean files into ``out``, as ``soc clean`` does: for more chats than fit into memory.

    Args:
        inputs: JSONL files of chats, also ``.gz`` and ``.zst``, or globs.
        out: JSONL of the kept chats; the rejected and a manifest are written beside it.
        config: As for ``clean``.
        workers: Processes; the result is the same for any number.

    Raises:
        UsageError: An input cannot be read, or ``out`` was not written by ``clean_files``.
        OutputError: ``out`` cannot be written.

    Example:
        >>> clean_files("runs/*/chats.jsonl", "data/clean.jsonl", workers=4).kept
    """
    from soc_gen.stages.clean.run import CleanJob  # noqa: PLC0415 - heavy
    from soc_gen.stages.clean.run import clean_files as run  # noqa: PLC0415

    paths = [inputs] if isinstance(inputs, str | Path) else inputs
    settings = config_from(config)
    return run(CleanJob(paths, Path(out), settings.clean, settings.random_seed, workers=workers))


def export(
    chats: Iterable[Chat] | Source,
    out: str | Path,
    *,
    form: Format = "messages",
    perspective: Perspective = "both",
    tags: Tags = "keep",
    start: Start = "user",
    test_size: float = 0.0,
    split_by: SplitBy = "conversation",
    random_seed: int = 0,
    system: System = "keep",
) -> ExportResult:
    """Write ``chats`` as rows for trainers into the folder ``out``.

    Args:
        chats: Chats, or where to read them from.
        out: Folder; made if it is not there, files of an earlier export in it are replaced.
        form: Columns of the rows: ``messages``, ``sharegpt``, ``chatml-text``, or ``parquet``.
        perspective: Who becomes the assistant; ``both`` gives one row for each side.
        tags: ``<image>`` and the others: ``keep`` them, ``strip`` them, or ``verbalize`` them.
        start: ``user``: rows start with the user; ``any``: with whoever wrote first.
        test_size: Share of the chats for the test file, 0 to 0.9.
        split_by: ``persona`` keeps everybody to one of the two files.
        random_seed: Seed of the split.
        system: Persona and situation: ``keep`` the system message, ``fold`` it into the first user turn for
            templates that refuse a system role, or ``drop`` it.

    Returns:
        The rows of each file, and what was left out.

    Raises:
        UsageError: No rows, an impossible split, or ``out`` has files of another origin.
        OutputError: The folder cannot be written.

    Example:
        >>> export(chats, "data/export", test_size=0.1).files
        {'train.jsonl': 18, 'test.jsonl': 2}
    """
    given = chats if isinstance(chats, str | Path) else list(chats)
    plan = ExportPlan(form, perspective, tags, start, test_size, split_by, random_seed, system)

    def read() -> Iterable[Chat | BadLine]:
        return read_source(str(given), Chat) if isinstance(given, str | Path) else given

    return write_export(read, Path(out), plan, lambda _: None)


def push_to_hub(
    chats: Iterable[Chat] | str | Path,
    repo: str,
    *,
    private: bool = False,
    create_pr: bool = False,
    tag: str | None = None,
    revision: str | None = None,
    licence: str | None = None,
    parquet: bool = False,
    token_env: str | None = None,
    languages: Sequence[str] = (),
) -> PushResult:
    """Upload ``chats`` as a dataset, with a card.

    Args:
        chats: A clean file, whose manifests the card is written from, or chats.
        repo: ``USER/NAME``.
        private: Only you, or your organisation, can see it.
        create_pr: Open a pull request instead of pushing to the main branch.
        tag: Name of the pushed version.
        revision: Branch to push to.
        licence: Licence id; the card's, else cc-by-4.0, when not given.
        parquet: Also upload the rows as ``data.parquet``.
        token_env: Variable that has the token; ``HF_TOKEN``, else the stored login, when not given.
        languages: ISO 639 codes for the card; what the data shows when not given.

    Raises:
        UsageError: A line is not a chat, a bad name, no token.
        HubError: The Hub refused it or cannot be reached.
    """
    from soc_gen.publish.hub import PushOptions, check_wanted, connect, push, read_token  # noqa: PLC0415 - heavy
    from soc_gen.publish.staging import stage  # noqa: PLC0415

    options = PushOptions(repo, private, create_pr, tag, revision, licence, languages=tuple(languages))
    check_wanted(options)
    hub = connect(options, read_token(token_env))
    with tempfile.TemporaryDirectory(prefix="soc-push-") as folder:
        if isinstance(chats, str | Path):
            file = Path(chats)
        else:
            file = Path(folder, "chats.jsonl")
            write_records(file, chats)
        staged = Path(folder, "staged")
        staged.mkdir()
        return push(hub, stage(file, staged, parquet=parquet, on_progress=lambda _: None), options)


def config_from(config: Config | str | Path | None, overrides: dict[str, Any] | None = None) -> Config:
    """Return ``config``, which may be a preset's name or a TOML file, with ``overrides`` laid over it."""
    if isinstance(config, Config):
        return with_overrides(config, overrides or {})
    return load_config(None if config is None else str(config), overrides)


# The package soc_gen.export has the name of the function: importing it has put the module in its place.
sys.modules["soc_gen"].__dict__["export"] = export
