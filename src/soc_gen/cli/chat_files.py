"""Chats out of files, one by one, for commands that only look at them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from soc_gen.cli.console import tell
from soc_gen.errors import UsageError
from soc_gen.io.datasets import is_hub_id, read_source
from soc_gen.io.jsonl import BadLine, explain
from soc_gen.io.lines import LineReader, expand_globs
from soc_gen.models import Chat
from soc_gen.stages.clean.forms import FormCount

_LONGEST = 16 << 20  # bytes of a line
_BAD_LINES_SHOWN = 5


def read_chats(sources: Sequence[str]) -> Iterator[Chat]:
    """Yield the chats of files, globs and Hub datasets, and say on stderr what in them is none.

    Raises:
        UsageError: There is no chat, every row of a file is of another known form, or it cannot be read.
    """
    forms = FormCount()
    bad: list[BadLine] = []
    chats = left_out = 0
    for record in _records(sources, forms):
        if isinstance(record, Chat):
            chats += 1
            yield record
        else:
            left_out += 1
            bad = [*bad, record][:_BAD_LINES_SHOWN]
    forms.refuse_foreign_file()
    if not chats:
        why = f"{bad[0].where}: {bad[0].why}" if bad else "it is empty"
        raise UsageError(f"has no chats ({why})", where=", ".join(sources), hint="Give a file of chats")
    for one in bad:
        tell(f"left out: {one.where}: {one.why}")
    if left_out > len(bad):
        tell(f"left out: {left_out - len(bad):,} more")


def _records(sources: Sequence[str], forms: FormCount) -> Iterator[Chat | BadLine]:
    for source in filter(is_hub_id, sources):
        yield from read_source(source, Chat)
    files = expand_globs([source for source in sources if not is_hub_id(source)])
    for line in LineReader(files, _LONGEST):
        if line.problem == "line_too_long":
            yield BadLine(line.where, "longer than 16 MiB")
            continue
        record = _parsed(line.where, line.data)
        forms.add(line.where, line.data, is_chat=isinstance(record, Chat))
        yield record


def _parsed(where: str, data: bytes) -> Chat | BadLine:
    try:
        return Chat.model_validate_json(data)
    except ValidationError as error:
        return BadLine(where, explain(error))
