"""The files of a mix, written aside and put in their places together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson

from soc_gen.errors import UsageError
from soc_gen.io.file_set import FileSet, of_unfinished_run
from soc_gen.io.files import make_folder, wrap_write_errors
from soc_gen.io.manifest import manifest_bytes
from soc_gen.io.tables import parquet_writer
from soc_gen.mix.card import card
from soc_gen.mix.config import Mix, label_of
from soc_gen.mix.licences import licence
from soc_gen.mix.report import MixReport
from soc_gen.mix.selection import Chosen
from soc_gen.mix.spool import Spool
from soc_gen.mix.trainers import trainer_files
from soc_gen.models import content_id

MANIFEST = "mix.manifest.json"
PREFERENCES = "preferences.jsonl"
_ALL = (
    "train.jsonl",
    "test.jsonl",
    "train.parquet",
    "test.parquet",
    PREFERENCES,
    "rejected.jsonl",
    "README.md",
    "dataset_info.json",
    "axolotl.yaml",
    "trl.yaml",
    MANIFEST,
)


class Outcome(NamedTuple):
    """All that is written."""

    mix: Mix
    report: MixReport
    spools: Sequence[Spool]
    chosen: Sequence[Chosen]
    rejected: Callable[[], Iterator[dict[str, str]]]
    """What was left out, but for what was not drawn."""
    preferences: bool = False


def check_folder(folder: Path) -> None:
    """Refuse a folder that has files of these names which no mix has written.

    Raises:
        UsageError: It names the first of them.
    """
    last = folder / MANIFEST
    if last.exists():
        return
    for name in _ALL:
        if (folder / name).exists() and not of_unfinished_run(folder / name, last):
            raise UsageError(
                "is there, and of no earlier mix", where=str(folder / name), hint="Choose another --out"
            )


def write_mix(folder: Path, outcome: Outcome) -> None:
    """Write all files of a mix; fills in what only the rows tell in ``outcome.report``.

    Raises:
        OutputError: ``folder`` cannot be written.
    """
    check_folder(folder)
    form = outcome.mix.mix.format
    names = {split: f"{split}.{form}" for split in ("train", "test")}
    with wrap_write_errors(folder), FileSet(last=folder / MANIFEST) as files:
        make_folder(folder)
        extra = files.open(folder / PREFERENCES) if outcome.preferences else None
        with ExitStack() as stack:
            writers = {
                split: stack.enter_context(_writer(files.open(folder / name), form))
                for split, name in names.items()
            }
            _write_rows(writers, extra, outcome)
        with_rejected = files.open(folder / "rejected.jsonl")
        count = 0
        for told in outcome.rejected():
            with_rejected.write(orjson.dumps(told) + b"\n")
            count += 1
        report = outcome.report
        report.files["rejected.jsonl"] = count
        _settle(report)
        texts = {"README.md": card(outcome.mix, report)} | trainer_files(names)
        for name, text in texts.items():
            files.open(folder / name).write(text.encode())
        for name in (*names.values(), "rejected.jsonl", *texts, *([PREFERENCES] if extra else [])):
            files.close(folder / name)
        files.open(folder / MANIFEST).write(manifest_bytes("mix", _facts(outcome)))
        written = {*names.values(), *texts, "rejected.jsonl", MANIFEST, *([PREFERENCES] if extra else [])}
        files.commit(obsolete=[folder / name for name in _ALL if name not in written])


def _settle(report: MixReport) -> None:
    """Say whether the mix may be passed on, and what its shares are."""
    for name, source in report.sources.items():
        for used in source.licenses:
            if why := licence(used).publish:
                report.not_publishable_because.append(f"{name} ({used}): {why}")
    report.publishable = not report.not_publishable_because
    report.count_shares()


def _facts(outcome: Outcome) -> dict[str, Any]:
    mix, report = outcome.mix, outcome.report
    config = {
        "random_seed": mix.random_seed,
        "mix": mix.mix.model_dump(mode="json")
        | {"sources": [source.model_dump(mode="json", exclude_defaults=True) for source in mix.sources]},
    }
    told = report.as_dict()
    files = told.pop("files")
    outputs = [{"path": name, "records": rows} for name, rows in files.items()]
    return {"random_seed": mix.random_seed, "config": config, "outputs": outputs, **told}


def _write_rows(
    writers: dict[str, Callable[[dict[str, Any]], None]], extra: IO[bytes] | None, outcome: Outcome
) -> None:
    report, labels = outcome.report, [label_of(source) for source in outcome.mix.sources]
    weights = loss_weights(outcome.mix, outcome.chosen)
    files: Counter[str] = Counter()
    for chosen, record in zip(outcome.chosen, _records(outcome), strict=True):
        label = labels[chosen.source]
        weight = weights[chosen.source] if chosen.split == "train" else 1.0
        other = record.pop("other")
        row = _row(record, label, chosen, weight)
        writers[chosen.split](row)
        files[chosen.split] += 1
        _count(report.sources[label].licenses, record["license"])
        if extra is not None and other and chosen.split == "train" and not chosen.copy:
            pair = {"chosen": row["messages"], "rejected": other, "id": row["id"], "source": label}
            extra.write(orjson.dumps(pair) + b"\n")
            files["preferences"] += 1
    form = outcome.mix.mix.format
    report.files |= {f"{split}.{form}": files[split] for split in ("train", "test")}
    if extra is not None:
        report.files[PREFERENCES] = files["preferences"]


def _count(counts: dict[str, int], key: str) -> None:
    counts[key] = counts.get(key, 0) + 1


def _records(outcome: Outcome) -> Iterator[dict[str, Any]]:
    with ExitStack() as stack:
        handles = [
            stack.enter_context((spool.folder / "conversations.jsonl").open("rb")) for spool in outcome.spools
        ]
        for chosen in outcome.chosen:
            fact = outcome.spools[chosen.source].facts[chosen.place]
            handle = handles[chosen.source]
            handle.seek(int(fact["offset"]))
            yield orjson.loads(handle.read(int(fact["size"])))


def loss_weights(mix: Mix, chosen: Sequence[Chosen]) -> list[float]:
    """Return what a row of each source weighs so that train has the shares: 1 where it was drawn so."""
    counts = Counter(row.source for row in chosen if row.split == "train")
    whole = sum(source.share for source in mix.sources)
    return [
        round(source.share / whole * counts.total() / counts[place], 6) if counts[place] else 1.0
        for place, source in enumerate(mix.sources)
    ]


def _row(record: dict[str, Any], label: str, chosen: Chosen, weight: float) -> dict[str, Any]:
    parts = (label, record["source_id"], *([chosen.copy] if chosen.copy else []))
    return {
        "messages": record["messages"],
        "id": content_id("mix", *parts),
        "source": label,
        "source_id": record["source_id"],
        "cluster_id": f"{chosen.cluster:016x}",
        "license": record["license"],
        "lang": record["lang"],
        "task": record["task"],
        "split": chosen.split,
        "loss_weight": weight,
        "meta": orjson.dumps(record["meta"]).decode(),
    }


@contextmanager
def _writer(handle: IO[bytes], form: str) -> Iterator[Callable[[dict[str, Any]], None]]:
    if form == "jsonl":
        yield lambda row: _write_line(handle, row)
        return
    import pyarrow as pa  # noqa: PLC0415 - heavy

    text = pa.string()
    names = ("id", "source", "source_id", "cluster_id", "license", "lang", "task", "split")
    message = pa.struct([("role", text), ("content", text)])
    columns = [("messages", pa.list_(message)), *((name, text) for name in names)]
    schema = pa.schema([*columns, ("loss_weight", pa.float64()), ("meta", text)])
    with parquet_writer(handle, schema) as write:
        yield write


def _write_line(handle: IO[bytes], row: dict[str, Any]) -> None:
    handle.write(orjson.dumps(row) + b"\n")
