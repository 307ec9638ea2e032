"""Prepares the files of a dataset's repo in a folder before anything is sent.

Every record is validated and written again, so that the uploaded file has exactly the keys of the schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from os.path import lexists
from pathlib import Path

import tomli_w

from soc_gen.errors import UsageError
from soc_gen.io.files import wrap_write_errors
from soc_gen.io.jsonl import BadLine, read_jsonl
from soc_gen.io.manifest import Manifest, find_manifests
from soc_gen.io.schema import write_parquet
from soc_gen.metrics.statistics import Statistics
from soc_gen.models import Chat
from soc_gen.publish.manifests import generation_settings, published_manifest

DATA, PARQUET, CARD = "data.jsonl", "data.parquet", "README.md"
SETTINGS, MANIFESTS = "generation.toml", "manifests"
_SETTINGS_HEAD = "# The settings behind data.jsonl; addresses are left out.\n\n"


@dataclass(frozen=True, slots=True)
class StagedDataset:
    """A folder with all files but the card, and the data for the card."""

    folder: Path
    statistics: Statistics
    sample: Chat
    """The first conversation, as a sample."""
    manifests: tuple[Manifest, ...]

    def files(self) -> tuple[str, ...]:
        """Return the paths of the files, sorted, relative to the folder."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return tuple(sorted(path.relative_to(self.folder).as_posix() for path in files))


def stage(data: Path, folder: Path, *, parquet: bool, on_progress: Callable[[int], None]) -> StagedDataset:
    """Validate ``data`` and write the files of its repo to ``folder``.

    Args:
        data: Chats, one a line.
        folder: An empty folder.
        parquet: Also write the rows as Parquet.
        on_progress: Called with the number of bytes validated since the last call.

    Raises:
        UsageError: A line is not a chat, or ``data`` is empty, missing or unreadable.
        OutputError: The disk is too full for the copy.
    """
    statistics = Statistics()
    sample: Chat | None = None
    with wrap_write_errors(folder), (folder / DATA).open("wb") as out:
        for chat in _valid_chats(data):
            sample = sample or chat
            statistics.add(chat)
            on_progress(out.write(chat.to_json() + b"\n"))
    if sample is None:
        raise UsageError("holds no conversations", where=str(data))
    with wrap_write_errors(folder):
        if parquet:
            write_parquet(folder / PARQUET, _valid_chats(folder / DATA))
        manifests = _write_notes(data, folder)
    return StagedDataset(folder, statistics, sample, manifests)


def check_rehearsal(folder: Path) -> None:
    """Refuse to replace a folder that no dry run has made.

    Raises:
        UsageError: ``folder`` is a file, has no data, or has a file that does not belong to a dataset's repo.
    """
    if not lexists(folder):
        return
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    ours = {DATA, PARQUET, CARD, SETTINGS}
    foreign = [name for name in names if name not in ours and not name.startswith(f"{MANIFESTS}/")]
    if foreign:
        what = f"holds {foreign[0]}, and would be replaced"
    elif not folder.is_dir() or (names and DATA not in names):
        what = "is there, and no dry run made it"
    else:
        return
    raise UsageError(what, where=str(folder), hint="Move it elsewhere")


def _valid_chats(path: Path) -> Iterator[Chat]:
    """Yield the chats of ``path``; after the last line, raise an error if there was a bad one."""
    bad: list[BadLine] = []
    seen: set[str] = set()
    for item in read_jsonl(path, Chat):
        problem = item if isinstance(item, BadLine) else _problem(path, item, seen)
        if problem:
            bad.append(problem)
        elif isinstance(item, Chat) and not bad:
            yield item
    if bad:
        more = f" (and {len(bad) - 1:,} more bad lines)" if len(bad) > 1 else ""
        raise UsageError(f"{bad[0].why}{more}", where=bad[0].where, hint=f"Run: soc clean {path}")


def _problem(path: Path, chat: Chat, seen: set[str]) -> BadLine | None:
    """Return what is wrong with a chat of the right schema, or None; record its id."""
    people = {persona.id for persona in chat.experience.people}
    strangers = {part.sender for part in chat.chat_parts} - people
    repeated = chat.chat_id in seen
    seen.add(chat.chat_id)
    if repeated:
        why = "appears twice"
    elif not any(message.strip() for part in chat.chat_parts for message in part.messages):
        why = "says nothing"
    elif strangers:
        why = f"has a sender who is neither of its personas ({min(strangers)})"
    else:
        return None
    return BadLine(str(path), f"chat {chat.chat_id} {why}")


def _write_notes(data: Path, folder: Path) -> tuple[Manifest, ...]:
    manifest_files = find_manifests(data)
    for number, (path, _) in enumerate(manifest_files, 1):
        place = folder / MANIFESTS / f"{number}-{path.name}"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(published_manifest(path))
    manifests = tuple(manifest for _, manifest in manifest_files)
    settings = generation_settings(manifests)
    if settings:
        (folder / SETTINGS).write_text(_SETTINGS_HEAD + tomli_w.dumps(settings), "utf-8")
    return manifests
